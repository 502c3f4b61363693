"""The doctor prescribes and signs with the keyboard alone, in a real browser; the same without JavaScript."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from benhan.core.access import Subject
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.simulator import House
from tests.browser import looks

from .conftest import session
from .rooms import Room, room, stocked

OpenPage = Callable[..., Awaitable[Page]]
Axe = Callable[[Page], Awaitable[list[str]]]


@pytest.fixture
async def visit(database: Database, loader: Subject, subject: Callable[..., Subject]) -> Room:
    await stocked(database, loader)
    return await room(database, loader, subject("doctor"))


@pytest.fixture
def go(address: str, database: Database, open_page: OpenPage, visit: Room) -> OpenPage:
    """`await go("/ket-thuc")`: a page of the visit, the doctor signed in."""

    async def open_(path: str = "", *, at: str | None = None, who: Subject | None = None, **options: object) -> Page:
        cookie = await session(database, who or visit.doctor)
        return await open_page(f"{address}{at or f'/kham/{visit.visit}{path}'}", cookies={COOKIE: cookie}, **options)

    return open_


async def shoot(page: Page, name: str) -> None:
    """A picture for whoever looks at the screens (BENHAN_SHOTS=folder)."""
    if folder := os.environ.get("BENHAN_SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=False)


async def test_prescribing_and_signing_by_keyboard(go: OpenPage, visit: Room, hospital: House, axe: Axe) -> None:
    page = await go()
    keyboard = page.keyboard
    await keyboard.press("m")
    await keyboard.type("amoxicillin 500")
    await page.wait_for_selector("#s-thuoc-list [role=option]")
    await shoot(page, "search")
    await keyboard.press("Enter")
    await page.wait_for_selector("#rx-entry")
    await expect(page.locator("#f-sang")).to_be_focused()
    await keyboard.type("1")
    for _ in range(3):
        await keyboard.press("Tab")
    await keyboard.type("1")
    await expect(page.locator("#rx-entry output")).to_contain_text("10 viên")
    await shoot(page, "entry")
    assert await axe(page) == []
    await keyboard.press("Enter")
    await expect(page.locator("#prescription tbody tr")).to_have_count(1)
    await expect(page.locator("#s-thuoc")).to_be_focused()
    await expect(page.locator("#prescription")).to_contain_text("Uống: ngày 2 lần, mỗi lần 1 viên (sáng, tối)")
    await shoot(page, "panel")
    await keyboard.press("Escape")
    await keyboard.press("Shift+Enter")
    await page.wait_for_url("**/ket-thuc?**")
    await expect(page.locator("#f-password")).to_be_focused()
    assert await axe(page) == []
    await shoot(page, "sign")
    await keyboard.type("sai mật khẩu")
    await keyboard.press("Enter")
    await expect(page.locator("main")).to_contain_text("Mật khẩu không đúng. Chưa ký.")
    await shoot(page, "sign-wrong")
    await expect(page.locator("#f-password")).to_be_focused()
    await keyboard.type(hospital.password)
    await keyboard.press("Enter")
    await page.wait_for_url("**/chu-ky")
    await expect(page.locator("main")).to_contain_text("Chữ ký hợp lệ")
    assert await axe(page) == []
    await shoot(page, "signatures")
    await keyboard.press("b")
    await page.wait_for_url("**/bo-sung")
    await keyboard.type("Người nhà báo thêm: dị ứng tôm.")
    assert await axe(page) == []
    await shoot(page, "addendum")
    await keyboard.press("Tab")
    await keyboard.type(hospital.password)
    await keyboard.press("Enter")
    await page.wait_for_url("**/chu-ky")
    await expect(page.locator("main")).to_contain_text("dị ứng tôm")
    (line,) = await visit.all(r4.MedicationRequest)
    assert line.status == "active"


async def test_a_line_is_taken_off_and_put_back_by_keyboard(go: OpenPage, visit: Room) -> None:
    page = await go("/don-thuoc")
    await _add(page, "paracetamol 500")
    await page.locator("#prescription tbody button").press("Enter")
    await expect(page.locator("#prescription")).to_contain_text("Đã bỏ Paracetamol 500 mg khỏi đơn.")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+z")
    await expect(page.locator("#prescription tbody tr")).to_have_count(1)


async def test_an_allergy_asks_for_a_reason_in_the_panel(go: OpenPage, visit: Room, axe: Axe) -> None:
    page = await go("/di-ung")
    await page.locator("#f-family").select_option("penicillin")
    await page.locator("#f-reaction").fill("phản vệ 2019")
    assert await axe(page) == []
    await shoot(page, "allergy")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/kham/\w+$"))
    await page.keyboard.press("m")
    await page.keyboard.type("amoxicilin 500")
    await page.wait_for_selector("#s-thuoc-list [role=option]")
    await page.keyboard.press("Enter")
    await expect(page.locator("#rx-entry")).to_contain_text("không kê được")
    await page.locator("#f-sang").fill("1")
    await page.locator("#f-sang").press("Enter")
    await expect(page.locator("#rx-entry")).to_contain_text("Dị ứng Nhóm penicilin")
    await shoot(page, "blocked")
    assert await axe(page) == []
    await page.locator("#f-override").fill("đã test da âm tính")
    await page.locator("#f-override").press("Enter")
    await expect(page.locator("#prescription tbody tr")).to_have_count(1)
    await shoot(page, "overridden")


async def test_all_of_it_without_javascript(go: OpenPage, visit: Room, hospital: House) -> None:
    page = await go("/don-thuoc", javascript=False)
    await page.fill("#s-thuoc", "paracetamol 500")
    await page.press("#s-thuoc", "Enter")
    if await page.locator("#rx-entry").count() == 0:  # several medicines: choose
        await page.get_by_role("link", name="Paracetamol 500 mg", exact=True).first.click()
    await page.fill("#f-sang", "1")
    await page.press("#f-sang", "Enter")
    await expect(page.locator("#prescription tbody tr")).to_have_count(1)
    await page.goto(page.url.replace("/don-thuoc", "/ket-thuc?ket-qua=revisit"))
    await page.fill("#f-revisit", "31/12/2099")
    await page.fill("#f-password", hospital.password)
    await page.press("#f-password", "Enter")
    await expect(page.locator("main")).to_contain_text("Chữ ký hợp lệ")
    assert (await visit.encounter()).status == "finished"


async def test_every_page_is_accessible_on_desk_and_phone_light_and_dark(
    go: OpenPage, visit: Room, axe: Axe, address: str, subject: Callable[..., Subject]
) -> None:
    paths = [
        "/don-thuoc",
        "/don-thuoc/them?thuoc=a",
        "/di-ung",
        *(f"/ket-thuc?ket-qua={o}" for o in ("revisit", "refer", "admit")),
    ]
    page = await go()
    for path in (*paths, "/chu-ky"):
        await page.goto(f"{address}/kham/{visit.visit}{path}")
        async for look in looks(page):
            assert await axe(page) == [], (path, look)
            await shoot(page, f"{path.strip('/').replace('/', '-').replace('?', '-')}-{look}")
    page = await go(at="/thuoc", who=subject("pharmacy"))
    for path in ("/thuoc", "/thuoc/nhap"):
        await page.goto(f"{address}{path}")
        async for look in looks(page):
            assert await axe(page) == [], (path, look)
            await shoot(page, f"{path.strip('/').replace('/', '-')}-{look}")


async def _add(page: Page, name: str) -> None:
    await page.keyboard.press("m")
    await page.keyboard.type(name)
    await page.wait_for_selector("#s-thuoc-list [role=option]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#rx-entry")
    await page.keyboard.type("1")
    await page.keyboard.press("Enter")
    await expect(page.locator("#prescription tbody tr")).to_have_count(1)
