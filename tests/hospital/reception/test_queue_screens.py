"""The queue in a real browser: the wall follows the nurse without reloading, and she needs no mouse."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from playwright.async_api import expect
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.hospital.reception import arrival
from benhan.hospital.visit import ticket_number
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.core.kit.test_printing import codes_in
from tests.hospital.reception.queue_people import waits

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
WALL = (1920, 1080)


async def cookies(client: Client, role: str) -> dict[str, str]:
    """What the browser of somebody signed in carries."""
    return {COOKIE: (await client(role)).cookies[COOKIE]}


async def test_the_wall_follows_the_nurse_without_reloading(
    client: Client, database: Database, hospital: House, address: str, open_page: OpenPage, axe: Axe
) -> None:
    first = ticket_number(await waits(database, hospital, "phong-ha03", "Đặng Thị Tâm", kind="imaging"))
    wall = await open_page(f"{address}/man-hinh/phong-ha03", size=WALL, cookies=await cookies(client, "display"))
    await expect(wall.locator(".wall-line")).to_contain_text(first)
    room = await open_page(f"{address}/hang-doi/phong-ha03", cookies=await cookies(client, "imaging"))

    await room.keyboard.press("Enter")
    await expect(room.locator(".q-number")).to_have_text(first)
    await expect(wall.locator(".wall-call .wall-number")).to_have_text(first)
    await expect(wall.locator(".wall-call")).to_contain_text("Đặng T. T.")
    await room.keyboard.press("s")
    await expect(wall.locator(".wall-call")).to_contain_text("Đang khám")
    await room.keyboard.press("x")
    await expect(wall.locator(".wall-quiet").first).to_be_visible(timeout=5000)
    assert await axe(wall) == []


async def test_any_camera_reads_the_way_into_the_app_at_the_entrance(
    client: Client, app: Starlette, database: Database, hospital: House, address: str, open_page: OpenPage
) -> None:
    display = hospital.subject(Role.DISPLAY)
    wall = await open_page(f"{address}/man-hinh/loi-vao", size=WALL, cookies=await cookies(client, "display"))
    [code] = codes_in(await wall.locator(".wall-qr").screenshot())
    async with database.transaction(hospital.key) as tx:
        known = [
            await arrival.code_now(tx, display, clock.now() - timedelta(seconds=ago))
            for ago in (0, arrival.WINDOW_SECONDS)  # it may have changed while the page was read
        ]
    assert code in {arrival.address(app.state.settings.public_url, one) for one in known}


@pytest.mark.parametrize(
    "path", ["/hang-doi", "/hang-doi/phong-pk01", "/lich-hen", "/lich-hen/dat", "/lich-kham", "/lich-kham/lich-bs01"]
)
async def test_staff_screens_are_open_to_everybody(
    client: Client, address: str, open_page: OpenPage, axe: Axe, path: str
) -> None:
    page = await open_page(f"{address}{path}", cookies=await cookies(client, "reception"))
    async for look in looks(page, (DESK, False), (PHONE, True)):
        assert await axe(page) == [], look


async def test_a_visit_is_booked_on_a_phone_without_javascript(
    address: str, hospital: House, open_page: OpenPage, axe: Axe
) -> None:
    page = await open_page(f"{address}/dat-kham", size=PHONE, javascript=False)
    await page.click("text=Da liễu")
    await page.click("a.pub-day >> nth=-1")  # a day ahead: half an hour before its start a booking stands
    await page.click(".pub-time >> nth=-1")
    await page.fill("#f-name", "Nguyễn Ngọc Ẵng")
    await page.fill("#f-birth", "3/2/1980")
    await page.fill("#f-phone", "+84 944 000 001")
    await page.click("text=Đặt lịch >> nth=-1")
    await expect(page.locator(".pub-code")).to_contain_text("DK-")
    await page.click("text=Đổi giờ")
    await page.click("a.pub-day >> nth=-1")
    await page.click(".pub-time >> nth=0")
    await expect(page.locator("[role=status]")).to_contain_text("Đã đổi sang giờ mới")
    await page.click("summary")
    await page.click("text=Đúng, huỷ lịch này")
    await expect(page.locator("[role=status]")).to_contain_text("Lịch này đã huỷ")


@pytest.mark.parametrize("path", ["/dat-kham", "/dat-kham?ck=ck-noi", "/dat-kham/tra-cuu", "/dat-kham/DK-3222-2224"])
async def test_public_screens_are_open_to_everybody(
    address: str, hospital: House, open_page: OpenPage, axe: Axe, path: str
) -> None:
    page = await open_page(f"{address}{path}", size=PHONE)
    async for look in looks(page, (PHONE, False), (DESK, True)):
        assert await axe(page) == [], look
