"""The laboratory by keyboard alone, and a result that arrives in the doctor's page while she watches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

from benhan.core.access import Role
from benhan.core.fhir import r4
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.hospital.orders_day import Day

SHOTS = os.environ.get("BENHAN_SHOTS")


async def test_results_are_entered_and_released_with_the_keyboard_alone(
    day: Day, open_page: OpenPage, address: str
) -> None:
    sent = await day.sends("23.75", "23.166", name="Hà Thị Phím")
    page = await open_page(f"{address}/xet-nghiem?q=ha+phim", cookies=await day.cookies(Role.LABORATORY))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/xet-nghiem/*-*")
    first, second = (page.locator(f'[name="{one.id}.{loinc}"]') for one, loinc in zip(
        sent.orders, ("14749-6", "22664-7"), strict=True))  # fmt: skip
    await first.focus()
    await page.keyboard.type("7,2")
    await expect(page.locator(".flag-cell").first).to_contain_text("Cao")
    await page.keyboard.press("Enter")
    await expect(second).to_be_focused()
    await page.keyboard.type("5.1")
    await page.keyboard.press("ArrowUp")
    await expect(first).to_be_focused()
    await page.keyboard.press("Shift+Enter")
    await expect(page.get_by_text("Đã trả kết quả cho bác sĩ")).to_be_visible()
    assert [(await day.now_is(one)).status for one in sent.orders] == ["completed", "completed"]


async def test_a_result_arrives_in_the_doctors_page_without_reloading(
    day: Day, open_page: OpenPage, address: str
) -> None:
    sent = await day.sends("23.75", name="Trực Thị Tiếp")
    doctor = await open_page(f"{address}/kham/{sent.visit.id}", cookies=await day.cookies(Role.DOCTOR))
    await expect(doctor.locator("#ket-qua")).not_to_contain_text("Glucose")
    lab = await open_page(f"{address}/xet-nghiem/{sent.visit.id}", cookies=await day.cookies(Role.LABORATORY))
    await lab.fill(f'[name="{sent.orders[0].id}.14749-6"]', "7,2")
    await lab.keyboard.press("Shift+Enter")
    await expect(lab.get_by_text("Đã trả kết quả cho bác sĩ")).to_be_visible()
    await expect(doctor.locator("#ket-qua")).to_contain_text("7,2")


async def test_the_work_list_grows_while_one_looks_at_it(day: Day, open_page: OpenPage, address: str) -> None:
    page = await open_page(f"{address}/xet-nghiem?q=vua+den", cookies=await day.cookies(Role.LABORATORY))
    await expect(page.locator("#worklist")).to_contain_text("Không thấy ai khớp")
    await day.sends("23.75", name="Lục Thị Vừa Đến")
    await expect(page.locator("#worklist")).to_contain_text("Lục Thị Vừa Đến")


async def test_a_list_that_is_drawn_again_keeps_what_one_looks_for_and_where_one_stands(
    day: Day, open_page: OpenPage, address: str
) -> None:
    await day.sends("23.75", name="Người Khác Hẳn")
    sent = await day.sends("23.75", name="Phùng Thị Dòng Một")
    page = await open_page(f"{address}/xet-nghiem", cookies=await day.cookies(Role.LABORATORY))
    await page.keyboard.press("/")
    await page.keyboard.type("phung dong")
    await expect(page.locator("#worklist")).not_to_contain_text("Người Khác Hẳn")
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowDown")
    await day.sends("23.75", name="Phùng Văn Dòng Hai")
    await expect(page.locator("#worklist")).to_contain_text("Phùng Văn Dòng Hai")
    await expect(page.locator("#worklist")).not_to_contain_text("Người Khác Hẳn")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/xet-nghiem/{sent.visit.id}")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
async def test_the_pages_are_accessible(
    day: Day, open_page: OpenPage, axe: Axe, address: str, size: tuple[int, int]
) -> None:
    cookies = await day.cookies(Role.LABORATORY)
    sent = await day.sends("22.121", "23.75", "23.206", "24.1", name="Nông Thị Ảnh", urgent=True)
    for path in ("", f"/{sent.visit.id}"):
        page = await open_page(f"{address}/xet-nghiem{path}", size=size, cookies=cookies)
        if path:
            await page.fill(f'[name="{sent.orders[0].id}.718-7"]', "98")
            await page.fill(f'[name="{sent.orders[1].id}.14749-6"]', "1,5")
            await expect(page.get_by_text("Thấp nguy kịch")).to_be_visible()
        name = f"lab{'-entry' if path else ''}"
        async for look in looks(page, (size, False), (size, True)):
            assert await axe(page) == [], look
            if SHOTS:
                await page.screenshot(path=Path(SHOTS) / f"{name}-{look}.png", full_page=size is PHONE)
        if path:
            await page.keyboard.press("Shift+Enter")
            await expect(page.get_by_text("Giá trị nguy kịch")).to_be_visible()
            async for look in looks(page, (size, True), (size, False)):
                assert await axe(page) == [], look
                if SHOTS:
                    await page.screenshot(path=Path(SHOTS) / f"{name}-asked-{look}.png", full_page=size is PHONE)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


async def test_without_javascript_enter_keeps_a_draft_and_loses_nothing(
    day: Day, open_page: OpenPage, address: str
) -> None:
    sent = await day.sends("23.75", name="Không Thị Mã")
    page = await open_page(
        f"{address}/xet-nghiem/{sent.visit.id}", javascript=False, cookies=await day.cookies(Role.LABORATORY)
    )
    await page.fill(f'[name="{sent.orders[0].id}.14749-6"]', "5,6")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**?da-luu=1")
    [value] = await day.of_order(sent.orders[0], r4.Observation)
    assert value.status == "preliminary"
