"""A round in a browser: course, a medicine, signed and on to the next person without leaving the keyboard."""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital.visit import BREATHING, DIASTOLIC, PULSE, SPO2, SYSTOLIC, TEMPERATURE
from benhan.hospital.ward import rounds
from benhan.hospital.ward.rounds import Measured
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.browser import PHONE, Axe, OpenPage
from tests.hospital.ward.house import Inside
from tests.hospital.ward.test_daily import stocked
from tests.hospital.ward.test_giving import MORPHINE, PILL, near, order

pytestmark = pytest.mark.asyncio(loop_scope="session")
#: A folder that gets a picture of each page.
PICTURES = os.environ.get("BENHAN_PICTURES")


async def test_a_round_is_walked_written_and_signed_by_keyboard(
    address: str, open_page: OpenPage, axe: Axe, inside: Inside
) -> None:
    await stocked(inside)
    department = await inside.department("Khoa Đi Buồng")
    first, second = [await inside.lies(department, bed, hours=30) for bed in await inside.beds(department, 2)]
    figures = {PULSE: 112, TEMPERATURE: 39, BREATHING: 22, SPO2: 93, SYSTOLIC: 98, DIASTOLIC: 60}
    values = {code: Decimal(value) for code, value in figures.items()}
    async with inside.tx() as tx:
        doctor = inside.who(Role.DOCTOR)
        ill = Measured(stay=first, months=900, values=values, oxygen=True)
        await rounds.keep(tx, inside.who(Role.NURSE), [ill], at=clock.now() - timedelta(minutes=5))
        cookies = {COOKIE: await open_session(tx, doctor.facility, account=doctor.account, hours=1)}

    page = await open_page(f"{address}/noi-tru/khoa/{department.id}/di-buong", cookies=cookies)
    assert await axe(page) == []
    await _picture(page, "walk")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-s")).to_be_focused()
    assert await axe(page) == []
    await page.keyboard.type("Đỡ sốt, còn ho")
    await expect(page.locator("[data-saved-state]")).to_have_attribute("data-state", "saved")
    await page.keyboard.press("Escape")
    await page.keyboard.press("m")
    await page.keyboard.type("ceftri")
    await expect(page.locator("#s-thuoc-list [role=option]").first).to_contain_text("Ceftriaxon")
    await page.keyboard.press("Enter")
    await expect(page.locator("#f-lieu")).to_be_focused()
    await page.keyboard.type("1")
    await page.keyboard.press("Tab")
    await page.keyboard.type("8 20")
    assert await axe(page) == []
    await _picture(page, "medicine")
    await page.keyboard.press("Enter")
    await expect(page.locator("#y-lenh")).to_contain_text("ngày 2 lần (8h, 20h)")
    await page.keyboard.press("Escape")
    await page.keyboard.press("2")
    await expect(page.locator("#y-lenh table").first).to_contain_text("Chăm sóc cấp 2")
    assert await page.locator("#f-s").input_value() == "Đỡ sốt, còn ho"
    assert await axe(page) == []
    await _picture(page, "sheet")
    await page.keyboard.press("Shift+Enter")
    await expect(page.locator("#f-password")).to_be_focused()
    assert await axe(page) == []
    await _picture(page, "sign")
    await page.keyboard.type(DEMO_PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{address}/noi-tru/luot/{second.id}/to-dieu-tri")
    (kept,) = await inside.found(r4.MedicationRequest, encounter=f"Encounter/{first.id}")
    assert kept.status == "active"

    since = clock.now() - timedelta(hours=5)
    for medicine in (PILL, MORPHINE):
        await inside.keep(order(second, medicine, near(0), since=since))
    await page.goto(f"{address}/noi-tru/khoa/{department.id}/phat-thuoc")
    assert await axe(page) == []
    await _picture(page, "giving")
    await page.get_by_role("button", name="Đã cho dùng: Paracetamol").click()
    await expect(page.locator("main")).to_contain_text("đã dùng")

    phone = await open_page(f"{address}/noi-tru/luot/{first.id}/to-dieu-tri", cookies=cookies, dark=True, size=PHONE)
    assert await axe(phone) == []
    await _picture(phone, "sheet-phone-dark")
    plain = await open_page(f"{address}/noi-tru/luot/{second.id}/to-dieu-tri", cookies=cookies, javascript=False)
    await plain.fill("#f-a", "Ổn định")
    await plain.get_by_role("button", name="Ký", exact=False).first.click()
    await expect(plain.locator("#sign")).to_have_count(1)
    await expect(plain.locator("main")).to_contain_text("Ổn định")


async def _picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"daily-{name}.png", full_page=True)
