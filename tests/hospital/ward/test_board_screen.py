"""The board in a browser: a move by keyboard and its undo, live for who looks on, without a violation, on paper."""

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
from benhan.core.kit import clock
from benhan.hospital import stay as words
from benhan.hospital.visit import BREATHING, DIASTOLIC, PULSE, SPO2, SYSTOLIC, TEMPERATURE
from benhan.hospital.ward import rounds
from benhan.hospital.ward.rounds import Measured
from tests.browser import PHONE, Axe, OpenPage
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
#: A folder that gets a picture of each page.
PICTURES = os.environ.get("BENHAN_PICTURES")


async def test_somebody_is_moved_by_keyboard_and_put_back(
    address: str, open_page: OpenPage, axe: Axe, inside: Inside
) -> None:
    department = await inside.department("Khoa Phím")
    beds = await inside.beds(department, 5)
    stay, other, _third = [await inside.lies(department, bed, hours=72) for bed in beds[:3]]
    await inside.asks(await inside.person("Phạm Văn Chờ"), department)
    now = clock.now()
    for hours in range(1, 60, 6):
        values = {PULSE: 78 + hours % 40, TEMPERATURE: 37 + hours % 3, BREATHING: 18, SPO2: 93, SYSTOLIC: 98}
        figures = {code: Decimal(value) for code, value in values.items()} | {DIASTOLIC: Decimal(60)}
        async with inside.tx() as tx:
            one = Measured(stay=stay, months=900, values=figures, oxygen=True)
            await rounds.keep(tx, inside.who(Role.NURSE), [one], at=now - timedelta(hours=60 - hours))
    async with inside.tx() as tx:
        nurse = inside.who(Role.NURSE)
        cookies = {COOKIE: await open_session(tx, nurse.facility, account=nurse.account, hours=1)}
    home = f"{address}/noi-tru/khoa/{department.id}"

    beside = await open_page(home, cookies=cookies)
    page = await open_page(home, cookies=cookies)
    assert await axe(page) == []
    await _picture(page, "board")
    await page.locator(f'[data-stay="{stay.id}"]').focus()
    await page.keyboard.press("x")
    await expect(page.locator(".held")).to_have_count(1)
    await page.locator(f'[data-bed="{beds[4].id}"]').focus()
    await page.keyboard.press("v")
    await expect(page.locator("#toasts")).to_contain_text("Đã xếp giường")
    await expect(beside.locator(f'[data-bed="{beds[4].id}"]')).to_contain_text("Đặng Thị Tâm")
    assert words.bed(await inside.stay(stay.id or "")) == beds[4].id
    await page.keyboard.press("Control+z")
    await expect(page.locator("#toasts")).to_contain_text("Đã hoàn tác")
    assert words.bed(await inside.stay(stay.id or "")) == beds[0].id

    await page.drag_and_drop(f'[data-stay="{stay.id}"]', f'[data-bed="{beds[1].id}"]')
    await expect(page.locator("#toasts")).to_contain_text("Đã đổi giường")
    assert words.bed(await inside.stay(other.id or "")) == beds[0].id

    pages = {
        "house": "/noi-tru", "stay": f"/noi-tru/luot/{stay.id}", "bed": f"/noi-tru/giuong/{beds[4].id}",
        "round": f"/noi-tru/khoa/{department.id}/sinh-hieu", "admit": "/noi-tru/nhap-vien?q=Ph",
        "chart": f"/noi-tru/luot/{stay.id}/chuc-nang-song",
    }  # fmt: skip
    for name, path in pages.items():
        await page.goto(f"{address}{path}")
        assert await axe(page) == [], name
        await _picture(page, name)
    dark = await open_page(home, cookies=cookies, dark=True, size=PHONE)
    assert await axe(dark) == []
    await _picture(dark, "board-phone-dark")
    plain = await open_page(f"{address}/noi-tru/giuong/{beds[4].id}", cookies=cookies, javascript=False)
    await plain.get_by_role("button", name="Phạm Văn Chờ").click()
    await expect(plain.locator(f'[data-bed="{beds[4].id}"]')).to_contain_text("Phạm Văn Chờ")


async def _picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
