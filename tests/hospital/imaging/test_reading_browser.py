"""Imaging by keyboard alone, and a report that arrives in the doctor's page while she watches."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from benhan.core.access import Role
from benhan.core.fhir import r4
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.hospital.orders_day import Day

SHOTS = os.environ.get("BENHAN_SHOTS")
PATH = "/chan-doan-hinh-anh"


async def test_a_report_is_written_and_released_with_the_keyboard_alone(
    day: Day, open_page: OpenPage, address: str
) -> None:
    sent = await day.sends("18.119", name="Hứa Thị Phim")
    page = await open_page(f"{address}{PATH}?q=hua+phim", cookies=await day.cookies(Role.IMAGING))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**{PATH}/*-*")
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await expect(page.locator("#f-findings")).to_have_value(re.compile("Hai phế trường sáng đều"))
    await page.wait_for_load_state()
    await page.keyboard.press("Escape")
    await page.keyboard.press("k")
    await page.keyboard.type("Bình thường.")
    await page.keyboard.press("Shift+Enter")
    await expect(page.get_by_text("Đã trả kết quả cho bác sĩ")).to_be_visible()
    [report] = await day.of_order(sent.orders[0], r4.DiagnosticReport)
    assert report.status == "final" and "Bình thường." in (report.conclusion or "")


async def test_a_report_arrives_in_the_doctors_page_without_reloading(
    day: Day, open_page: OpenPage, address: str
) -> None:
    sent = await day.sends("18.15", name="Trịnh Thị Chờ")
    doctor = await open_page(f"{address}/kham/{sent.visit.id}", cookies=await day.cookies(Role.DOCTOR))
    reader = await open_page(f"{address}{PATH}/{sent.orders[0].id}", cookies=await day.cookies(Role.IMAGING))
    await reader.fill("#f-findings", "Túi mật có sỏi 12 mm")
    await reader.fill("#f-conclusion", "Sỏi túi mật")
    await reader.keyboard.press("Shift+Enter")
    await expect(doctor.locator("#ket-qua")).to_contain_text("Sỏi túi mật")
    await expect(doctor.locator("#ket-qua")).to_contain_text("Túi mật có sỏi 12 mm")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_pages_are_accessible(
    day: Day, open_page: OpenPage, axe: Axe, address: str, size: tuple[int, int]
) -> None:
    cookies = await day.cookies(Role.IMAGING)
    former = await day.sends("18.15", name="Nùng Thị Ảnh")
    data = {"findings": "Túi mật có sỏi 12 mm", "conclusion": "Sỏi túi mật", "version": "0", "action": "release"}
    sent = await day.sends("18.119", "21.14", patient=former.patient, urgent=True)
    page = await open_page(f"{address}{PATH}/{former.orders[0].id}", size=size, cookies=cookies)
    await page.fill("#f-findings", data["findings"])
    await page.fill("#f-conclusion", data["conclusion"])
    await page.keyboard.press("Shift+Enter")
    await expect(page.get_by_text("Đã trả kết quả cho bác sĩ")).to_be_visible()
    views = {"list": "", "reading": f"/{sent.orders[0].id}", "done": f"/{former.orders[0].id}"}
    for view, path in views.items():
        await page.goto(f"{address}{PATH}{path}")
        if view == "reading":
            await page.get_by_role("button", name="X-quang ngực thẳng").click()
            await expect(page.locator("#f-conclusion")).to_have_value(re.compile("tim phổi"))
        async for look in looks(page, (size, False), (size, True)):
            assert await axe(page) == [], (view, look)
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (view, look)
            if SHOTS:
                await page.screenshot(path=Path(SHOTS) / f"imaging-{view}-{look}.png", full_page=size is PHONE)


async def test_without_javascript_a_report_is_released(day: Day, open_page: OpenPage, address: str) -> None:
    sent = await day.sends("21.14", name="Không Thị Mã")
    page = await open_page(
        f"{address}{PATH}/{sent.orders[0].id}", javascript=False, cookies=await day.cookies(Role.IMAGING)
    )
    await page.fill("#f-findings", "Nhịp xoang đều 78")
    await page.fill("#f-conclusion", "Bình thường")
    await page.get_by_role("button", name="Trả kết quả").click()
    await page.wait_for_url("**?da-tra=1")
    assert (await day.now_is(sent.orders[0])).status == "completed"
