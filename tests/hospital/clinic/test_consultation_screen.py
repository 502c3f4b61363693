"""The consultation as doctors work with it: by keyboard, live, two at a time, scripts off, on phones, in the dark."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import Page, Route, expect

from benhan.core import store
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.hospital import ordering
from benhan.hospital.clinic import diagnoses, orders, vitals
from benhan.hospital.clinic.consultation import begin
from benhan.hospital.visit import (
    BREATHING,
    DIASTOLIC,
    EXAMINATION,
    HEIGHT,
    ILLNESS,
    PULSE,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
    WEIGHT,
    concept,
    section_text,
)  # fmt: skip
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.hospital.clinic.conftest import Clinic, measured, session

SHOTS = os.environ.get("BENHAN_SHOTS")


async def shot(page: Page, name: str) -> None:
    """Keep a picture where somebody asked for pictures."""
    if SHOTS:
        await page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), caret="initial")


class Case:
    """One patient with a past, measured by the nurse, with orders and a first result."""

    def __init__(self, clinic: Clinic, patient: r4.Patient, visit: r4.Encounter) -> None:
        self.clinic = clinic
        self.patient = patient
        self.visit = visit
        self.orders: list[r4.ServiceRequest] = []

    @property
    def path(self) -> str:
        return f"/kham/{self.visit.id}"


async def measure(clinic: Clinic, visit: r4.Encounter, patient: r4.Patient, high: int, low: int, days: int = 0) -> None:
    values = {SYSTOLIC: high, DIASTOLIC: low, PULSE: 96, BREATHING: 20, SPO2: 97, WEIGHT: 56, HEIGHT: 158}
    from decimal import Decimal

    figures = {code: Decimal(value) for code, value in values.items()} | {TEMPERATURE: Decimal("38.1")}
    async with clinic.tx() as tx:
        await vitals.record(tx, clinic.doctor(), visit, patient, figures, at=now() - timedelta(days=days, minutes=8))


@pytest_asyncio.fixture
async def case(clinic: Clinic) -> AsyncIterator[Case]:
    """Đặng Thị Tâm, 46, allergic to penicillin, with hypertension since years."""
    who = clinic.doctor()
    patient, first, _ = await clinic.arrives(minutes_ago=60 * 24 * 160, room="phong-pk11", reason="Tái khám")
    await measure(clinic, first, patient, 152, 94, days=160)
    async with clinic.tx() as tx:
        first = await diagnoses.add(tx, who, await begin(tx, who, first), patient, "I10")
    await clinic.keep(
        r4.AllergyIntolerance(
            patient=store.reference(patient),
            clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
            code=r4.CodeableConcept(text="Penicillin"),
            reaction=[r4.AllergyIntoleranceReaction(manifestation=[r4.CodeableConcept(text="phản vệ")], onset="2019")],
        )
    )
    _, visit, _ = await clinic.arrives(patient=patient, room="phong-pk03")
    for name in ("Bùi Thị Ngọc Ửng", "Phạm Thị Ổn"):
        await clinic.arrives(name, room="phong-pk03", minutes_ago=9)
    await measure(clinic, visit, patient, 138, 86)
    made = Case(clinic, patient, visit)
    async with clinic.tx() as tx:
        visit = await begin(tx, who, visit)
        for service in ("Tổng phân tích tế bào máu", "CRP", "X quang ngực thẳng"):
            found = (await ordering.find(tx, who, service, 1))[0]
            made.orders.append(await orders.place(tx, who, visit, patient, found.code))
    made.visit = visit
    yield made


async def opened(open_page: OpenPage, address: str, database: Database, case: Case, **how: Any) -> Page:
    login = how.pop("login", "bacsi")
    cookie = {COOKIE: await session(database, case.clinic.doctor(login))}
    path = how.pop("path", case.path)
    page = await open_page(address + "/", cookies=cookie, **how)  # the cookie is the whole site's, not of a folder
    await page.goto(address + path)
    page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    return page


#: Fast fingers: the next code is typed in the turn after the one in which the panel was swapped.
TYPED_WHEN_SWAPPED = """() => document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "chan-doan") setTimeout(() => {
    const field = document.getElementById("s-icd");
    field.value = "I10";
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
})"""


async def test_who_leaves_a_field_before_the_answer_comes_has_her_keys(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case)
    may_answer = asyncio.Event()

    async def held(route: Route) -> None:
        if route.request.method == "POST":
            await may_answer.wait()
        await route.continue_()

    await page.route("**/chan-doan", held)
    await page.keyboard.press("d")
    await page.keyboard.type("viem phoi")
    await expect(page.locator("#chan-doan [role=option]").first).to_be_visible()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Escape")
    may_answer.set()
    await expect(page.locator("#chan-doan .pill.info")).to_contain_text("chính:")
    await page.keyboard.press("o")
    await expect(page.locator("#chi-dinh :focus")).to_be_visible()
    assert await page.input_value("#s-icd") == ""


async def test_a_doctor_examines_by_keyboard_alone(
    open_page: OpenPage, address: str, database: Database, case: Case, axe: Axe
) -> None:
    page = await opened(open_page, address, database, case)
    await page.keyboard.press("2")
    await page.keyboard.type("Ho khan rồi có đờm trắng, sốt 38–38,5 °C về chiều.")
    await page.keyboard.press("Escape")
    await page.keyboard.press("4")
    await page.keyboard.type("Tỉnh, họng đỏ. Phổi: ran ẩm đáy phải.")
    await expect(page.locator("[data-saved-state]")).to_contain_text("đã lưu")
    await page.keyboard.press("Escape")
    await page.keyboard.press("d")
    await page.keyboard.type("viem phoi")
    await expect(page.locator("#chan-doan [role=option]").first).to_be_visible()
    await shot(page, "clinic-search")
    await page.keyboard.press("Enter")
    await expect(page.locator("#chan-doan .pill.info")).to_contain_text("chính:")
    await expect(page.locator("#s-icd")).to_be_focused()  # ready for the next one
    await page.keyboard.type("I10")
    await expect(page.locator("#chan-doan [role=option]").first).to_contain_text("I10")
    await page.keyboard.press("Enter")
    await expect(page.locator("#chan-doan")).to_contain_text("I10 Bệnh tăng huyết áp")
    await expect(page.locator("#s-icd")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("o")
    await page.keyboard.type("siêu âm ổ bụng")
    await expect(page.locator("#chi-dinh [role=option]").first).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#chi-dinh")).to_contain_text("Phòng siêu âm")
    note = (await case.clinic.find(r4.Composition, encounter=f"Encounter/{case.visit.id}"))[0]
    assert section_text(note, EXAMINATION) == "Tỉnh, họng đỏ. Phổi: ran ẩm đáy phải."
    assert section_text(note, ILLNESS).startswith("Ho khan")
    assert len((await case.clinic.read(r4.Encounter, case.visit.id)).diagnosis or []) == 2
    assert await axe(page) == []


async def test_a_field_that_came_with_an_answer_hears_what_is_typed_at_once(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case)
    await page.evaluate(TYPED_WHEN_SWAPPED)
    await page.keyboard.press("d")
    await page.keyboard.type("viem phoi")
    await expect(page.locator("#chan-doan [role=option]").first).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#chan-doan .pill.info")).to_contain_text("chính:")
    await expect(page.locator("#chan-doan [role=option]").first).to_contain_text("I10")


async def test_what_is_typed_before_the_answer_comes_belongs_to_the_next_diagnosis(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case)
    sent, typed = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        if route.request.method == "POST":
            sent.set()
            await typed.wait()
        await route.continue_()

    await page.route("**/chan-doan", slow)
    await page.keyboard.press("d")
    await page.keyboard.type("viem phoi")
    await expect(page.locator("#chan-doan [role=option]").first).to_be_visible()
    await page.keyboard.press("Enter")
    await sent.wait()
    await page.keyboard.type("I10")
    typed.set()
    await expect(page.locator("#chan-doan .pill.info")).to_contain_text("chính:")
    await expect(page.locator("#s-icd")).to_have_value("I10")
    await expect(page.locator("#chan-doan [role=option]").first).to_contain_text("I10")


async def test_the_list_is_worked_by_keyboard(
    open_page: OpenPage, address: str, database: Database, clinic: Clinic
) -> None:
    who = clinic.doctor("bacsi2")
    _, visit, ticket = await clinic.arrives("Hồ Văn Chữ", room="phong-pk04", birth="1944-05-06")
    page = await open_page(address + "/", cookies={COOKIE: await session(database, who)})
    await page.goto(address + "/kham")
    await expect(page.locator("h1")).to_have_text("Phòng khám 4")
    await page.keyboard.press("n")
    await expect(page.get_by_role("region", name="Đã gọi")).to_contain_text("Hồ Văn Chữ")
    await page.wait_for_load_state()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/kham/{visit.id}")
    await expect(page.locator("h1")).to_have_text("HỒ VĂN CHỮ")
    assert (await clinic.read(r4.Task, ticket.id)).status == "in-progress"


async def test_a_doctor_measures_in_her_own_page(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case)
    await page.keyboard.press("v")
    await page.fill("#f-temperature", "42")
    await page.keyboard.press("Enter")
    await expect(page.locator("#vitals-form")).to_contain_text("rất hiếm gặp")
    await expect(page.locator("#f-confirmed")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator("#f-confirmed")).to_be_checked()
    await page.get_by_role("button", name="Lưu sinh hiệu").press("Enter")
    await expect(page.locator("#vitals")).to_contain_text("42 °C ↑")


async def test_a_result_appears_while_the_page_stands_open(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case)
    await expect(page.locator("#order-rows")).not_to_contain_text("có kết quả")
    values = [
        measured("WBC", "13.2", "4.0", "10.0", "G/L", "H"),
        measured("NEU %", "82", "45", "75", "%", "H"),
        measured("HGB", "128", "120", "150", "g/L"),
        measured("PLT", "246", "150", "400", "G/L"),
    ]
    await case.clinic.result(case.patient, case.visit, case.orders[0], values)
    await expect(page.locator("#results")).to_contain_text("13,2 ↑")
    await expect(page.locator("#results")).to_contain_text("4–10 G/L")
    await expect(page.locator("#order-rows")).to_contain_text("có kết quả")
    await shot(page, "clinic")


async def test_two_doctors_on_one_section_choose_and_nothing_is_lost(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    first = await opened(open_page, address, database, case)
    second = await opened(open_page, address, database, case, login="bacsi2")
    asked: list[str] = []
    second.on("dialog", lambda dialog: asked.append(dialog.type))
    await first.fill("#n-examination", "Phổi: ran ẩm đáy phải.")
    await expect(first.locator("[data-saved-state]")).to_contain_text("đã lưu")
    await second.fill("#n-past", "Mổ ruột thừa 2010.")  # another section: taken over without a word
    await expect(second.locator("[data-saved-state]")).to_contain_text("đã lưu")
    await second.fill("#n-examination", "Phổi trong.")
    panel = second.locator("#clash")
    await expect(panel).to_contain_text("Phổi: ran ẩm đáy phải.")
    await shot(second, "clinic-clash")
    await second.locator("#n-examination").press_sequentially(" Tim đều.")  # she had not looked up yet
    await panel.get_by_role("button", name="Lưu lựa chọn").click()
    await expect(second.locator("#n-examination")).to_have_value("Phổi: ran ẩm đáy phải.\nPhổi trong. Tim đều.")
    await expect(first.locator("#note-news")).to_contain_text("vừa sửa mục Khám")
    note = (await case.clinic.find(r4.Composition, encounter=f"Encounter/{case.visit.id}"))[0]
    assert section_text(note, EXAMINATION) == "Phổi: ran ẩm đáy phải.\nPhổi trong. Tim đều."
    await second.goto(address + "/kham")  # the settled page may be left without a question
    await expect(second.locator("h1")).to_contain_text("Phòng khám")
    assert asked == []


async def test_everything_works_with_scripts_off(
    open_page: OpenPage, address: str, database: Database, case: Case
) -> None:
    page = await opened(open_page, address, database, case, javascript=False)
    await page.fill("#n-illness", "Ho 3 ngày.")
    await page.locator("#note").get_by_role("button", name="Lưu").click()
    assert await page.input_value("#n-illness") == "Ho 3 ngày."
    await page.fill("#ns-icd", "viem phoi")
    await page.get_by_role("button", name="Tìm mã bệnh").click()
    await page.get_by_role("button", name="Chọn J18.9").click()
    assert "J18.9" in await page.locator("#chan-doan .pill.info").inner_text()
    await page.locator("summary", has_text="Ghi sinh hiệu").click()
    await page.fill("#f-temperature", "37,2")
    await page.get_by_role("button", name="Lưu sinh hiệu").click()
    assert "37,2" in await page.locator("#vitals").inner_text()


async def test_every_screen_is_clean_in_light_and_dark_on_desk_and_phone(
    open_page: OpenPage, address: str, database: Database, case: Case, axe: Axe
) -> None:
    values = [measured("WBC", "13.2", "4.0", "10.0", "G/L", "H"), measured("HGB", "128", "120", "150", "g/L")]
    await case.clinic.result(case.patient, case.visit, case.orders[0], values)
    for name, path in (("list", "/kham"), ("visit", case.path), ("vitals", case.path + "/sinh-hieu")):
        page = await opened(open_page, address, database, case, path=path)
        async for look in looks(page, (DESK, False), (DESK, True), (PHONE, False)):
            await shot(page, f"clinic-{name}-{look}")
            assert await axe(page) == [], (name, look)
            wide = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, (name, look, wide)
