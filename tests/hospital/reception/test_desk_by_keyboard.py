"""The desk in a real browser: a scanner is a fast keyboard, a receptionist a slow one, and no mouse is needed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import systems
from benhan.hospital.visit import identifier
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.hospital.reception import desk_people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Desk = Callable[..., Awaitable[Page]]


@pytest.fixture
def desk(open_page: OpenPage, address: str, database: Database, hospital: House) -> Desk:
    """`await desk(path="/tiep-don", **how)`: the desk, signed in; tickets do not print themselves."""

    async def open_(path: str = "/tiep-don", **how: object) -> Page:
        who = hospital.subject(Role.RECEPTION)
        async with database.transaction(who.facility) as tx:
            token = await open_session(tx, who.facility, account=who.account, hours=1)
        page = await open_page(f"{address}/", cookies={COOKIE: token, "in-phieu": "0"}, **how)
        await page.goto(f"{address}{path}")
        return page

    return open_


async def scan(page: Page, text: str) -> None:
    """Type as a scanner does: fast, then Enter, wherever the focus is."""
    await page.keyboard.type(text, delay=5)
    await page.keyboard.press("Enter")


async def shows(page: Page, place: str, text: str | re.Pattern[str]) -> None:
    """The next page is there, and its keys with it."""
    await expect(page.locator(place)).to_have_text(text)
    await page.wait_for_load_state()


async def test_scan_enter_scan_enter(desk: Desk, database: Database, hospital: House) -> None:
    page = await desk()
    for name in ("Lưu Quang Vũ", "Xuân Quỳnh Như"):
        number = desk_people.citizen_number()
        async with database.transaction(hospital.key) as tx:
            await desk_people.patient(tx, hospital, name, number=number)
        await expect(page.locator("#q")).to_be_focused()
        await scan(page, desk_people.card(number, name.upper()))
        await shows(page, "h1", name.upper())
        await expect(page.locator("[data-elapsed]")).to_have_text(re.compile(r"^\d+,\d$"))
        await page.keyboard.press("Enter")
        await shows(page, ".big", re.compile(r"^N-\d{3}$"))
        await expect(page.locator("main")).to_contain_text("giây từ lúc quét")


async def test_a_digit_chooses_the_room_and_the_field_keeps_the_focus(
    desk: Desk, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    page = await desk(f"/tiep-don/nguoi/{patient.id}")
    await page.keyboard.press("4")
    await expect(page.locator("input[name=room]").nth(3)).to_be_checked()
    await expect(page.locator("#q")).to_be_focused()
    assert await page.input_value("#q") == ""


async def test_a_digit_chooses_the_room_that_was_drawn_again_meanwhile(
    desk: Desk, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    page = await desk(f"/tiep-don/nguoi/{patient.id}")
    again = "const rooms = document.querySelector('fieldset.choices'); rooms.innerHTML = rooms.innerHTML"
    await page.evaluate(f"window.addEventListener('keydown', () => setTimeout(() => {{ {again} }}), true)")
    await page.keyboard.press("4")
    await expect(page.locator("input[name=room]").nth(3)).to_be_checked()


async def test_the_next_scan_over_an_open_person_opens_the_next_person_only(
    desk: Desk, database: Database, hospital: House
) -> None:
    phone = desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
        await desk_people.patient(tx, hospital, "Tô Ngọc Vân", phone=phone, number="079180000123")
    page = await desk(f"/tiep-don/nguoi/{patient.id}")
    before = await page.inner_text(".stats")
    await scan(page, desk_people.card("079180000123", "TÔ NGỌC VÂN"))
    await expect(page.locator("h1")).to_have_text("TÔ NGỌC VÂN")
    assert await page.inner_text(".stats") == before


async def test_u_goes_to_priority_and_e_to_the_details(desk: Desk, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    page = await desk(f"/tiep-don/nguoi/{patient.id}")
    await page.keyboard.press("u")
    await expect(page.locator("#group")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await page.locator("#q").focus()
    await page.keyboard.press("e")
    await expect(page.locator("h1")).to_have_text("Sửa hành chính")


async def test_a_digit_chooses_from_the_list_and_escape_leaves_it(
    desk: Desk, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        for year in (1951, 1962):
            await desk_people.patient(tx, hospital, "Hàn Mặc Tử", birth=f"{year}-09-22")
    page = await desk()
    await page.keyboard.type("han mac tu", delay=60)
    await page.keyboard.press("Enter")
    await expect(page.locator("table.t tbody tr")).to_have_count(2)
    await page.wait_for_load_state()
    await page.fill("#q", "")
    await page.keyboard.press("2")
    await shows(page, "h1", "HÀN MẶC TỬ")
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile("/tiep-don$"))


async def test_undo_by_keyboard(desk: Desk, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    page = await desk(f"/tiep-don/nguoi/{patient.id}")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".toast form")
    await page.wait_for_load_state()
    await page.keyboard.press("Control+z")
    await expect(page.locator("main")).to_contain_text("đã hoàn tác")
    await expect(page.locator("#q")).to_be_focused()


async def test_the_whole_desk_without_javascript(desk: Desk, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        booking = await desk_people.booking(tx, hospital, name="Chế Lan Viên", birth="1990-10-23")
    page = await desk(javascript=False)
    await page.fill("#q", identifier(booking, systems.BOOKING_CODE) or "")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-name")).to_have_value("Chế Lan Viên")
    await page.locator("#f-name").press("Enter")
    await expect(page.locator("h1")).to_have_text("CHẾ LAN VIÊN")
    await page.locator("#q").press("Enter")
    await expect(page.locator(".big")).to_have_text(re.compile(r"^N-\d{3}$"))
    await page.locator("section form button, .timeline form button").filter(has_text="Hoàn tác").first.click()
    await expect(page.locator("main")).to_contain_text("đã hoàn tác")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_every_screen_is_accessible(
    desk: Desk, axe: Axe, database: Database, hospital: House, size: tuple[int, int]
) -> None:
    async def violations() -> list[str]:
        return [one async for _look in looks(page, (size, False), (size, True)) for one in await axe(page)]

    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, "Đoàn Thị Điểm")
        await desk_people.patient(tx, hospital, "Đoàn Thị Điểm", birth="1933-01-01")
    page = await desk(f"/tiep-don/nguoi/{patient.id}", size=size)
    found = await violations()
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".big")
    found += await violations()
    await page.fill("#q", "doan thi diem")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("table")
    found += await violations()
    origin = page.url.partition("/tiep-don")[0]
    for path in ("moi", "chua-ro", "nguoi-benh?q=diem", f"nguoi-benh/{patient.id}/sua", "xa-phuong?q=phu xuyen"):
        await page.goto(f"{origin}/tiep-don/{path}")
        found += await violations()
    assert found == []
