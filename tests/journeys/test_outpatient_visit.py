"""One whole outpatient visit: booked, received, examined, tested, signed, seen by the patient, counted.

Source: QĐ 1313/QĐ-BYT, the steps of an outpatient visit. Once with the keyboard alone, once with JavaScript off.
"""

from __future__ import annotations

import re
import time
from datetime import datetime

import httpx
import pytest
from playwright.async_api import Page

from benhan.core.kit.clock import vn_time
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.browser import PHONE
from tests.journeys.conftest import Cast
from tests.journeys.people import Person

pytestmark = pytest.mark.timeout(280)

TICKET = r"[NUC]-\d{3}"
CODE = r"DK-[0-9A-Z]{4}-[0-9A-Z]{4}"


async def test_a_whole_visit_with_the_keyboard_alone(cast: Cast, free_time: datetime) -> None:
    name = "Lò Thị Pháo Phím"
    counted = await visits_counted(await cast("soyte"))

    patient = await cast(None, size=PHONE)
    code = await books(patient, name, free_time)

    desk = await cast("tiepdon")
    ticket = await receives(desk, code, name)
    link = await personal_link(desk)

    doctor = await cast("bacsi")
    visit = await begins(doctor, ticket, name)
    await writes_and_orders(doctor)

    laboratory = await cast("xetnghiem")
    await releases_glucose(laboratory, name)
    await doctor.sees("7,2", place="#ket-qua")
    imaging = await cast("cdha")
    await reads_the_chest(imaging, name)
    await doctor.sees("X", place="#ket-qua")

    await prescribes_and_signs(doctor)
    await the_papers_are_pdfs(doctor, visit)

    await desk.opens("/tiep-don/nguoi-benh?q=phim+phao+lo")
    await desk.sees(name)
    await reads_her_own_record(patient, link)

    leader = await cast("soyte")
    assert await visits_counted(leader, at_least=counted + 1) > counted


async def books(patient: Person, name: str, at: datetime) -> str:
    """The public page, on a phone: specialty, time, who; gives the code."""
    await patient.opens("/dat-kham")
    await patient.chooses(patient.page.get_by_role("link", name=re.compile("Nội tổng quát")))
    await patient.chooses(patient.page.get_by_role("link", name=re.compile(rf"^{vn_time(at)}")).first)
    await patient.fills("#f-name", name)
    await patient.fills("#f-birth", "17/05/1983")
    await patient.tabs_to(patient.page.locator("input[name=gender]").first)
    await patient.presses("Space")
    await patient.fills("#f-phone", "0976 512 883")
    await patient.fills("#f-reason", "Ho, sốt nhẹ 3 ngày")
    await patient.chooses(patient.page.get_by_role("button", name="Đặt lịch"))
    await patient.sees("Đã đặt lịch", name)
    return await patient.finds(CODE)


async def receives(desk: Person, code: str, name: str) -> str:
    """A scanner types the code; the new record is prefilled; Enter, Enter; gives the ticket."""
    await desk.opens("/tiep-don")
    await desk.has_focus_in("#desk")
    began = time.monotonic()
    await desk.types(code)
    await desk.presses("Enter")
    await desk.sees("Hồ sơ mới", place="h1")
    assert await desk.page.input_value("#f-name") == name
    await desk.presses("Enter")
    await desk.sees(name.upper(), "Tiếp đón")
    await desk.presses("Enter")
    ticket = await desk.finds(TICKET)
    assert time.monotonic() - began < 20
    await desk.sees("Hoàn tác", place="#toasts")
    return ticket


async def begins(doctor: Person, ticket: str, name: str) -> str:
    """The doctor chooses her room and starts the visit; gives its address."""
    await doctor.opens("/kham")
    if await doctor.page.get_by_text("Hôm nay làm việc ở phòng nào?").count():
        await doctor.chooses(doctor.page.get_by_role("button", name=re.compile("Phòng khám 3")))
    await doctor.chooses(doctor.page.get_by_role("button", name=re.compile(rf"Khám {ticket} {name}")))
    await doctor.is_at(r"/kham/[^/]+$")
    await doctor.sees(name.upper(), place="body")
    return doctor.page.url


async def writes_and_orders(doctor: Person) -> None:
    """Illness, examination, diagnosis, a blood test and a picture."""
    await doctor.presses("2")
    await doctor.types("Ho khan rồi có đờm trắng, sốt về chiều.")
    await doctor.presses("Escape", "4")
    await doctor.types("Tỉnh, họng đỏ. Phổi: ran ẩm đáy phải.")
    await doctor.presses("Escape", "d")
    await doctor.types("viem phoi")
    await doctor.sees("J18.9", place="#chan-doan")
    await doctor.presses("Enter")
    await doctor.sees("chính: J18.9", place="#chan-doan")
    await doctor.presses("Escape", "o")
    await doctor.has_focus_in("#chi-dinh")
    for words, found in (("glucose", "Glucose"), ("x quang nguc thang", "ngực thẳng")):
        await doctor.types(words)
        await doctor.sees(found, place="#chi-dinh [role=listbox]")
        await doctor.presses("Enter")
        await doctor.sees(found, place="#order-rows")
    await doctor.presses("Escape")
    await doctor.sees("đã lưu", place="body")


async def releases_glucose(laboratory: Person, name: str) -> None:
    """The work list, the value, Shift+Enter."""
    await laboratory.opens("/xet-nghiem?q=" + name.replace(" ", "+"))
    await laboratory.presses("ArrowDown", "Enter")
    await laboratory.is_at(r"/xet-nghiem/[^?]+-")
    await laboratory.tabs_to(laboratory.page.locator("input.result").first)
    await laboratory.types("7,2")
    await laboratory.sees("Cao")
    await laboratory.presses("Shift+Enter")
    await laboratory.sees("Đã trả kết quả cho bác sĩ", place="#toasts")


async def reads_the_chest(imaging: Person, name: str) -> None:
    """A normal text to begin with, changed, released."""
    await imaging.opens("/chan-doan-hinh-anh?q=" + name.replace(" ", "+"))
    await imaging.presses("ArrowDown", "Enter")
    await imaging.is_at(r"/chan-doan-hinh-anh/[^?]+-")
    await imaging.fills("#f-findings", "Đám mờ đáy phổi phải.")
    await imaging.fills("#f-conclusion", "Theo dõi viêm phổi thuỳ dưới phải.")
    await imaging.presses("Shift+Enter")
    await imaging.sees("Đã trả kết quả cho bác sĩ", place="#toasts")


async def prescribes_and_signs(doctor: Person) -> None:
    """A medicine, then the signature with the password."""
    await doctor.presses("m")
    await doctor.types("paracetamol 500")
    await doctor.sees("Paracetamol", place="#s-thuoc-list")
    await doctor.presses("Enter")
    await doctor.tabs_to(doctor.page.locator("#f-sang"))
    await doctor.types("1")
    await doctor.presses("Tab", "Tab", "Tab")
    await doctor.types("1")
    await doctor.presses("Enter")
    await doctor.sees("Paracetamol 500 mg", place="#prescription tbody")
    await doctor.presses("Escape", "Shift+Enter")
    await doctor.is_at("/ket-thuc")
    await doctor.tabs_to(doctor.page.locator("#f-password"))
    await doctor.types(DEMO_PASSWORD)
    await doctor.presses("Enter")
    await doctor.is_at("/chu-ky")
    await doctor.sees("Chữ ký hợp lệ")


async def the_papers_are_pdfs(doctor: Person, visit: str) -> None:
    """Visit sheet and prescription."""
    cookies = {c["name"]: c["value"] for c in await doctor.page.context.cookies()}
    async with httpx.AsyncClient(cookies=cookies) as browser:
        for paper in ("phieu-kham.pdf", "don-thuoc.pdf"):
            answer = await browser.get(f"{visit}/{paper}", timeout=20)
            assert answer.content.startswith(b"%PDF"), f"{paper}: {answer.status_code}"


async def personal_link(desk: Person) -> str:
    """The button beside the ticket gives the patient's link."""
    await desk.chooses(desk.page.get_by_role("button", name="Liên kết cho người bệnh"))
    address = await desk.page.locator(".me-address a").get_attribute("href")
    assert address
    return re.sub(r"^https?://[^/]+", desk.address, address)


async def reads_her_own_record(patient: Person, link: str) -> None:
    """Her birth date opens visit, results and prescription."""
    await patient.opens(link)
    await patient.fills("#f-birth", "17/05/1983")
    await patient.presses("Enter")
    await patient.is_at(r"/nguoi-benh$")
    await patient.sees("J18.9", place="body")
    await patient.sees("Paracetamol", place="body")
    await patient.opens("/nguoi-benh/ket-qua")
    await patient.sees("7,2", place="body")


async def visits_counted(leader: Person, at_least: int = 0) -> int:
    """The province's number of visits today, once it has reached a number."""
    for _ in range(40):
        await leader.opens("/so-y-te")
        shown = await leader.page.locator(".pv-stat .big").first.inner_text()
        number = int(re.sub(r"\D", "", shown) or "0")
        if number >= at_least:
            return number
        await leader.page.wait_for_timeout(250)
    raise AssertionError(f"the province counts {number} visits, expected {at_least}")


async def test_the_same_visit_with_javascript_off(cast: Cast, free_time: datetime) -> None:
    name = "Ksor Y Không Mã"
    patient = (await cast(None, size=PHONE, javascript=False)).page
    code = await books_by_forms(patient, name, free_time)

    desk = (await cast("tiepdon", javascript=False)).page
    ticket, link = await receives_by_forms(desk, code)

    doctor = (await cast("bacsi", javascript=False)).page
    await examines_by_forms(doctor, ticket)
    visit = doctor.url.partition("#")[0]

    laboratory = (await cast("xetnghiem", javascript=False)).page
    await laboratory.goto(re.sub("/kham/.*", "/xet-nghiem", visit) + "?q=ksor+y+khong+ma")
    await laboratory.get_by_role("link", name=name).first.click()
    await laboratory.locator("input.result").first.fill("5,1")
    await laboratory.get_by_role("button", name="Trả kết quả").click()
    assert "Đã trả kết quả" in await laboratory.inner_text("body")

    await doctor.goto(visit)
    assert "5,1" in await doctor.inner_text("#ket-qua")
    await prescribes_and_signs_by_forms(doctor, visit)

    await patient.goto(re.sub(r"^https?://[^/]+", re.sub("/kham/.*", "", visit), link))
    await patient.fill("#f-birth", "22/09/1944")
    await patient.get_by_role("button", name="Mở hồ sơ").click()
    assert "Paracetamol" in await patient.inner_text("body")


async def books_by_forms(patient: Page, name: str, at: datetime) -> str:
    """The public page by links and one form; gives the code."""
    await patient.goto(patient.url.replace("/dang-nhap", "/dat-kham"))
    await patient.get_by_role("link", name=re.compile("Nội tổng quát")).click()
    await patient.get_by_role("link", name=re.compile(rf"^{vn_time(at)}")).first.click()
    for field, text in (("name", name), ("birth", "22/09/1944"), ("phone", "0976512884"), ("reason", "Ho")):
        await patient.fill(f"#f-{field}", text)
    await patient.locator("input[name=gender]").nth(1).check()
    await patient.get_by_role("button", name="Đặt lịch").click()
    code = re.search(CODE, await patient.inner_text("main"))
    assert code
    return code.group()


async def receives_by_forms(desk: Page, code: str) -> tuple[str, str]:
    """Code, new record, reception; gives the ticket and the patient's link."""
    await desk.fill("#q", code)
    await desk.press("#q", "Enter")
    await desk.get_by_role("button", name="Tạo hồ sơ").click()
    await desk.get_by_role("button", name="Tiếp đón").click()
    ticket = re.search(TICKET, await desk.inner_text("main"))
    assert ticket
    await desk.get_by_role("button", name="Liên kết cho người bệnh").click()
    link = await desk.locator(".me-address a").get_attribute("href")
    assert link
    return ticket.group(), link


async def examines_by_forms(doctor: Page, ticket: str) -> None:
    """Note, diagnosis and a blood test, each a form of its own."""
    await doctor.get_by_role("button", name=re.compile(rf"Khám {ticket}")).click()
    await doctor.fill("#n-illness", "Ho 3 ngày.")
    await doctor.fill("#n-examination", "Phổi trong.")
    await doctor.locator("#note").get_by_role("button", name="Lưu").click()
    await doctor.fill("#ns-icd", "viem phoi")
    await doctor.get_by_role("button", name="Tìm mã bệnh").click()
    await doctor.get_by_role("button", name="Chọn J18.9").click()
    await doctor.fill("#ns-service", "glucose")
    await doctor.get_by_role("button", name="Tìm dịch vụ").click()
    await doctor.get_by_role("button", name=re.compile("Glucose")).first.click()


async def prescribes_and_signs_by_forms(doctor: Page, visit: str) -> None:
    """A medicine, then the signature."""
    await doctor.fill("#s-thuoc", "paracetamol 500")
    await doctor.locator("#prescription form[role=search] button").click()
    found = re.compile("Paracetamol 500 mg")
    await doctor.get_by_role("link", name=found).or_(doctor.get_by_role("button", name=found)).first.click()
    await doctor.fill("#f-sang", "1")
    await doctor.get_by_role("button", name="Ghi vào đơn").click()
    await doctor.goto(visit)
    await doctor.get_by_role("link", name=re.compile("Ký và kết thúc")).click()
    await doctor.fill("#f-password", DEMO_PASSWORD)
    await doctor.get_by_role("button", name=re.compile("Ký và kết thúc")).click()
    assert "Chữ ký hợp lệ" in await doctor.inner_text("main")
