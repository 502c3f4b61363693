"""Her pages in a real browser: on a phone, light and dark, with and without scripts; and live."""

from __future__ import annotations

import pytest

from benhan.core.access import Role
from benhan.core.db import Database
from benhan.hospital import queue
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
LOOKS = ((PHONE, False), (PHONE, True), (DESK, False))
PATHS = ("/nguoi-benh", "/nguoi-benh/ket-qua", "/nguoi-benh/luot-kham", "/nguoi-benh/ai-da-mo", "/nguoi-benh/mo-lai")


async def test_every_page_is_open_to_everybody(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        about = await people.visit(tx, hospital, person)
        await people.ticket(tx, hospital, person, about)
        await people.note(tx, hospital, about, "Uống nhiều nước", "final")
        await people.prescription(tx, hospital, about, "Metformin 500 mg", "active")
        for days, value in ((90, "6.8"), (0, "7.1")):
            await people.glucose(tx, hospital, about, value, days_ago=days)
    page = await open_page(f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=PHONE)
    async for look in looks(page, *LOOKS):
        assert await axe(page) == [], look
    await page.keyboard.type("03021956")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{address}/nguoi-benh")
    for path in (*PATHS, f"/nguoi-benh/luot-kham/{about.id}"):
        await page.goto(address + path)
        async for look in looks(page, *LOOKS):
            assert await axe(page) == [], (path, look)
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, look)


async def test_without_scripts_it_works_the_same(
    open_page: OpenPage, address: str, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        await people.ticket(tx, hospital, person, await people.visit(tx, hospital, person))
    token = await people.link(database, hospital, person)
    page = await open_page(f"{address}/nguoi-benh/{token}", size=PHONE, javascript=False)
    await page.fill("#f-birth", "1/1/1950")
    await page.click("main .btn-primary")
    assert "không khớp" in (await page.text_content("main") or "")
    await page.fill("#f-birth", "03/02/1956")
    await page.click("main .btn-primary")
    assert "Số của bạn" in (await page.text_content("main") or "")
    assert await page.is_visible("text=Xem lại")
    await page.click(".me-leave")
    assert page.url == f"{address}/nguoi-benh/mo-lai"


async def test_the_call_appears_by_itself(
    open_page: OpenPage, address: str, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        mine = await people.ticket(tx, hospital, person, await people.visit(tx, hospital, person))
    page = await open_page(f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=PHONE)
    await page.fill("#f-birth", "03/02/1956")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".me-ticket")
    async with database.transaction(hospital.key) as tx:
        await queue.call(tx, hospital.subject(Role.DOCTOR), mine)
    await page.wait_for_selector(".me-ticket.called")
