"""The desk through its doors: who may enter, and what somebody with a scanner and a keyboard meets."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital.reception import pages
from benhan.hospital.visit import identifier, ticket_number
from benhan.simulator import House
from tests.hospital.reception import desk_people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Enter = Callable[..., Awaitable[httpx.AsyncClient]]
Make = Callable[..., Subject]

DESK_DOORS = [
    (method, door.path.replace("{patient}", "khong-co").replace("{ticket}", "khong-co"))
    for door in pages.DOORS
    if door.path.startswith("/tiep-don")
    for method in getattr(door, "methods", ("GET",))
]


@pytest.mark.parametrize(("method", "path"), DESK_DOORS)
async def test_nobody_signed_in_is_sent_to_sign_in(client: Enter, method: str, path: str) -> None:
    answer = await (await client(None)).request(method, path)
    assert (answer.status_code, answer.headers["location"][:10]) == (303, "/dang-nhap")


@pytest.mark.parametrize(("method", "path"), DESK_DOORS)
async def test_a_laboratory_technician_does_not_enter(client: Enter, method: str, path: str) -> None:
    assert (await (await client("laboratory")).request(method, path)).status_code == 403


async def test_another_hospital_sees_nothing_of_ours(
    client: Enter, database: Database, hospital: House, other_hospital: House, subject: Make
) -> None:
    who = subject("reception")
    number = desk_people.citizen_number()
    async with database.transaction(who.facility) as tx:
        patient = await desk_people.patient(tx, hospital, number=number)
    ours, theirs = await client("reception"), await client("reception", other_hospital)
    ticket = await receive(ours, str(patient.id))
    for path in (
        f"/tiep-don/nguoi/{patient.id}", f"/tiep-don/nguoi-benh/{patient.id}/sua", f"/tiep-don/bao-hiem/{patient.id}",
        f"/tiep-don/phieu/{ticket}", f"/tiep-don/phieu/{ticket}/pdf",
    ):  # fmt: skip
        assert (await ours.get(path)).status_code == 200, path
        assert (await theirs.get(path)).status_code == 404, path
    assert (await theirs.post(f"/tiep-don/hoan-tac/{ticket}")).status_code == 404
    assert "/tiep-don/nguoi/" not in (await theirs.get(f"/tiep-don/nguoi-benh?q={number}")).text
    assert (await theirs.post("/tiep-don", data={"q": number})).status_code == 200
    assert (
        await theirs.post(f"/tiep-don/nguoi-benh/{patient.id}/sua", data={"name": "Ai Đó", "gender": "male"})
    ).status_code == 404


async def fields(desk: httpx.AsyncClient, address: str) -> dict[str, str]:
    """The form of the person at the desk as a browser would send it."""
    page = (await desk.get(address)).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    room = re.search(r'name="room" value="([^"]+)"[^>]* checked', page)
    reason = re.search(r'name="reason" value="([^"]*)"', page)
    assert room and reason, page
    group = re.search(r'<option value="([^"]+)" selected', page)
    return hidden | {"room": room[1], "reason": reason[1], "group": group[1] if group else "", "q": ""}


async def receive(desk: httpx.AsyncClient, patient: str) -> str:
    """Press Enter on a patient; gives the ticket's id."""
    form = await fields(desk, f"/tiep-don/nguoi/{patient}")
    return (await desk.post("/tiep-don/nhan", data=form)).headers["location"].rpartition("=")[2]


async def scanned(desk: httpx.AsyncClient, text: str) -> httpx.Response:
    return await desk.post("/tiep-don", data={"q": text})


async def test_scanning_a_cccd_opens_the_person_and_enter_gives_a_ticket(
    client: Enter, database: Database, hospital: House, subject: Make
) -> None:
    desk, number = await client("reception"), desk_people.citizen_number()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, number=number)
    answer = await scanned(desk, desk_people.card(number))
    assert answer.status_code == 303
    assert number not in answer.headers["location"]
    form = await fields(desk, answer.headers["location"])
    assert form["patient"] == patient.id
    first = await desk.post("/tiep-don/nhan", data=form)
    again = await desk.post("/tiep-don/nhan", data=form)
    assert first.headers["location"] == again.headers["location"]
    shown = (await desk.get(first.headers["location"])).text
    assert "giây từ lúc quét" in shown
    assert "Hoàn tác" in shown


async def test_a_booking_code_opens_the_booking_with_its_guest_matched(
    client: Enter, database: Database, hospital: House
) -> None:
    desk, phone = await client("reception"), desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, phone=phone, name="Lê Hoàng Nam", birth="1991-12-01")
        booking = await desk_people.booking(tx, hospital, name="Lê Hoàng Nam", birth="1991-12-01", phone=phone)
    answer = await scanned(desk, identifier(booking, systems.BOOKING_CODE) or "")
    form = await fields(desk, answer.headers["location"])
    assert (form["patient"], form["booking"]) == (patient.id, booking.id)
    assert (form["room"], form["reason"]) == ("phong-pk04", "Ho, sốt nhẹ 3 ngày")


async def test_a_guest_without_a_record_gets_a_form_that_is_filled(
    client: Enter, database: Database, hospital: House
) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        booking = await desk_people.booking(tx, hospital, name="Quách Mộc Lan", birth="1999-04-05")
    page = (await scanned(desk, identifier(booking, systems.BOOKING_CODE) or "")).text
    assert 'value="Quách Mộc Lan"' in page
    assert 'value="05/04/1999"' in page
    assert f'name="booking" value="{booking.id}"' in page


async def test_several_of_a_name_are_a_list_that_a_digit_chooses_from(
    client: Enter, database: Database, hospital: House
) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        for year in (1961, 1972, 1983):
            await desk_people.patient(tx, hospital, "Thạch Sơn Ngữ", birth=f"{year}-05-06")
    page = (await scanned(desk, "ngu  thach")).text
    assert page.count("THẠCH") + page.count("Thạch Sơn Ngữ") >= 3
    assert all(f'data-key="{digit}"' in page for digit in "123")
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    chosen = await desk.post("/tiep-don", data=hidden | {"q": "2"})
    assert chosen.headers["location"].split("?")[0] == f"/tiep-don/nguoi/{hidden['hits'].split()[1].rstrip(',')}"
    one = await scanned(desk, "thach son ngu 1972")
    assert one.status_code == 303


async def test_nobody_found_gives_a_form_filled_from_the_card(client: Enter) -> None:
    number = desk_people.citizen_number()
    page = (await scanned(await client("reception"), desk_people.card(number, "NÔNG THỊ ỬNG"))).text
    assert 'value="Nông Thị Ửng"' in page
    assert f'value="{number}"' in page


async def test_typing_another_name_over_an_open_person_looks_for_that_one(
    client: Enter, database: Database, hospital: House
) -> None:
    desk, phone = await client("reception"), desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
        other = await desk_people.patient(tx, hospital, "Phạm Thị Ổn", phone=phone)
    form = await fields(desk, f"/tiep-don/nguoi/{patient.id}")
    answer = await desk.post("/tiep-don/nhan", data=form | {"q": f"+84{phone[1:]}"})
    assert f"/tiep-don/nguoi/{other.id}" in answer.headers["location"]


async def test_a_digit_in_the_field_chooses_the_room(
    client: Enter, database: Database, hospital: House, subject: Make
) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    page = (await desk.get(f"/tiep-don/nguoi/{patient.id}")).text
    shown = re.findall(r'name="room" value="([^"]+)"', page)
    form = await fields(desk, f"/tiep-don/nguoi/{patient.id}")
    answer = await desk.post("/tiep-don/nhan", data=form | {"q": "4"})
    async with database.transaction(hospital.key) as tx:
        ticket = await store.read(tx, subject("reception"), r4.Task, answer.headers["location"].rpartition("=")[2])
    assert ticket.location and ticket.location.reference == f"Location/{shown[3]}"


@pytest.mark.parametrize(
    "wrong", ["", "   ", "²", "٣", "|||", "001180|x|y", "!!", "x" * 1900, "0011\x0080", "’; drop table", "%00"]
)
async def test_what_nobody_can_read_gets_a_message_and_changes_nothing(client: Enter, wrong: str) -> None:
    answer = await scanned(await client("reception"), wrong)
    assert answer.status_code in (200, 422)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("missing", ["patient", "key", "room"])
async def test_an_incomplete_form_is_refused_kindly(
    client: Enter, database: Database, hospital: House, missing: str
) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    form = await fields(desk, f"/tiep-don/nguoi/{patient.id}")
    assert (await desk.post("/tiep-don/nhan", data=form | {missing: ""})).status_code == 422
    assert (await desk.post("/tiep-don/nhan", data=form | {missing: "../../x"})).status_code in (404, 422)


async def test_undo_through_its_door(client: Enter, database: Database, hospital: House, subject: Make) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    ticket = await receive(desk, str(patient.id))
    shown = (await desk.get((await desk.post(f"/tiep-don/hoan-tac/{ticket}")).headers["location"])).text
    assert "Đã hoàn tác" in shown
    async with database.transaction(hospital.key) as tx:
        assert (await store.read(tx, subject("reception"), r4.Task, ticket)).status == "cancelled"


async def test_the_ticket_is_a_page_and_a_pdf(client: Enter, database: Database, hospital: House) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, "Nguyễn Ngọc Ẵng")
    ticket = await receive(desk, str(patient.id))
    page = (await desk.get(f"/tiep-don/phieu/{ticket}?in=1")).text
    assert "Nguyễn Ngọc Ẵng" in page
    assert "data-autoprint" in page
    assert (await desk.get(f"/tiep-don/phieu/{ticket}/pdf")).content.startswith(b"%PDF-")
    async with database.transaction(hospital.key) as tx:
        traces = await tx.fetch("select detail, patient from audit where action = 'print' and id = $1", ticket)
    assert sorted((row["detail"], row["patient"]) for row in traces) == [
        ("phieu", patient.id),
        ("phieu.pdf", patient.id),
    ]


async def test_the_figures_of_the_day(client: Enter, database: Database, hospital: House) -> None:
    desk = await client("reception")

    async def count() -> int:
        page = (await desk.get("/tiep-don/hom-nay")).text
        found = re.search(r'Đã tiếp đón</span><span class="stat-value">(\d+)', page)
        assert found, page
        return int(found[1])

    before = await count()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
    ticket = await receive(desk, str(patient.id))
    assert await count() == before + 1
    await desk.post(f"/tiep-don/hoan-tac/{ticket}")
    assert await count() == before


async def test_a_possible_duplicate_is_shown_before_a_record_is_made(
    client: Enter, database: Database, hospital: House, subject: Make
) -> None:
    desk = await client("reception")
    async with database.transaction(hospital.key) as tx:
        known = await desk_people.patient(tx, hospital, "Kiều Thị Nguyệt", birth="1977-03-04")
    form = {"name": "KIỀU THỊ NGUYỆT", "birth": "04/03/1977", "gender": "female", "key": "form-key-0001"}
    refused = await desk.post("/tiep-don/moi", data=form)
    assert refused.status_code == 409
    assert f"/tiep-don/nguoi/{known.id}" in refused.text
    assert "cùng họ tên" in refused.text
    made = await desk.post("/tiep-don/moi", data=form | {"despite": "trùng tên, đã xem giấy tờ của cả hai"})
    again = await desk.post("/tiep-don/moi", data=form)
    assert made.headers["location"] == again.headers["location"]
    async with database.transaction(hospital.key) as tx:
        patient = await store.read(tx, subject("reception"), r4.Patient, "form-key-0001")
        reason = await tx.fetchval(
            "select detail from audit where action = 'register-despite-likeness' and id = $1", "form-key-0001"
        )
    assert (identifier(patient, systems.PATIENT_NUMBER) or "").startswith(f"SH-{clock.now():%y}-")
    assert "đã xem giấy tờ" in reason


async def test_no_reason_makes_a_second_record_with_the_same_cccd(
    client: Enter, database: Database, hospital: House
) -> None:
    desk, number = await client("reception"), desk_people.citizen_number()
    async with database.transaction(hospital.key) as tx:
        await desk_people.patient(tx, hospital, number=number)
    form = {"name": "Ai Khác", "gender": "male", "number": number, "key": "form-key-0002", "despite": "cứ tạo"}
    assert (await desk.post("/tiep-don/moi", data=form)).status_code == 409


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Nhập họ và tên"),
        ("birth", "31/02/1980", "không đúng"),
        ("birth", "01/01/2199", "tương lai"),
        ("gender", "cat", "Chọn một trong danh sách"),
        ("phone", "12", "không đúng"),
        ("number", "123", "12 chữ số"),
        ("insurance", "AB", "15 ký tự"),
        ("ward_text", "xã không có thật", "Không có xã"),
        ("ethnic_group", "999", "Chọn một trong danh sách"),
        ("name", "x" * 90, "Dài quá"),
    ],
)
async def test_each_wrong_field_has_its_message(client: Enter, field: str, value: str, message: str) -> None:
    good = {"name": "Người Mới Tinh", "birth": "1955", "gender": "male", "key": f"form-{field}-{len(value)}"}
    answer = await (await client("reception")).post("/tiep-don/moi", data=good | {field: value})
    assert answer.status_code == 422
    assert message in answer.text


async def test_an_old_ward_is_found_by_its_name_of_before(client: Enter) -> None:
    page = (
        await (await client("reception")).get("/tiep-don/xa-phuong?ward_text=phu xuyen", headers={"HX-Request": "true"})
    ).text
    assert "Phú Xuyên" in page
    assert 'role="option"' in page


async def test_somebody_unknown_is_an_emergency_with_a_code_nobody_takes_for_a_cccd(
    client: Enter, database: Database, hospital: House, subject: Make
) -> None:
    desk, who = await client("reception"), subject("reception")
    form = {"gender": "male", "seen": "áo xanh, khoảng 40 tuổi", "key": "form-unknown-1"}
    opened = (await desk.post("/tiep-don/chua-ro", data=form)).headers["location"]
    assert (await desk.post("/tiep-don/chua-ro", data=form)).headers["location"] == opened
    code = re.search(r"TMP-\d{4}-\d{4}-\d", (await desk.get(opened)).text)
    assert code
    ticket = (await desk.post("/tiep-don/nhan", data=await fields(desk, opened))).headers["location"].rpartition("=")[2]
    async with database.transaction(hospital.key) as tx:
        task = await store.read(tx, who, r4.Task, ticket)
    assert (ticket_number(task)[0], task.priority) == ("C", "stat")
    assert (await scanned(desk, code[0])).headers["location"].startswith("/tiep-don/nguoi/form-unknown-1")


async def test_an_unknown_person_gets_a_patient_number_when_she_is_known(
    client: Enter, database: Database, hospital: House, subject: Make
) -> None:
    desk = await client("reception")
    await desk.post("/tiep-don/chua-ro", data={"gender": "female", "key": "form-unknown-2"})
    form = {
        "name": "Hà Thị Lụa",
        "birth": "02/02/1990",
        "gender": "female",
        "number": desk_people.citizen_number(),
        "version": "1",
    }
    assert (await desk.post("/tiep-don/nguoi-benh/form-unknown-2/sua", data=form)).status_code == 303
    async with database.transaction(hospital.key) as tx:
        patient = await store.read(tx, subject("reception"), r4.Patient, "form-unknown-2")
    assert (identifier(patient, systems.PATIENT_NUMBER) or "").startswith("SH-")
    assert [one.use for one in patient.identifier or [] if (one.value or "").startswith("TMP-")] == ["old"]
    late = await desk.post("/tiep-don/nguoi-benh/form-unknown-2/sua", data=form | {"name": "Hà Thị Là"})
    assert late.status_code == 412
    assert 'value="Hà Thị Là"' in late.text


@pytest.mark.parametrize("typed", ["Dang Thi Tuyen", "tuyen dang", "Đặng  Thị  Tuyển", "Đặng Thị Tuyển"])
async def test_a_patient_is_found_however_her_name_is_typed(
    client: Enter, database: Database, hospital: House, typed: str
) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, "Đặng Thị Tuyển", birth="1944-01-02")
    page = (await (await client("reception")).get("/tiep-don/nguoi-benh", params={"q": typed})).text
    assert f"/tiep-don/nguoi/{patient.id}" in page


async def test_a_telephone_is_found_in_any_form(client: Enter, database: Database, hospital: House) -> None:
    phone = desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, phone=phone)
    desk = await client("reception")
    for typed in (phone, f"+84{phone[1:]}", f"{phone[:4]} {phone[4:7]}.{phone[7:]}"):
        assert f"/tiep-don/nguoi/{patient.id}" in (await desk.get("/tiep-don/nguoi-benh", params={"q": typed})).text


async def test_a_booking_of_another_day_says_so(client: Enter, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital)
        booking = await desk_people.booking(tx, hospital, at=clock.now() + timedelta(days=1))
    page = (await (await client("reception")).get(f"/tiep-don/nguoi/{patient.id}?hen={booking.id}")).text
    assert "không phải hôm nay" in page


@pytest.mark.parametrize(("days", "told"), [(2, True), (30, False)])
async def test_a_revisit_that_the_doctor_asked_for_is_told_around_its_day(
    client: Enter, database: Database, hospital: House, days: int, told: bool
) -> None:
    day = clock.today() + timedelta(days=days)
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, "Trần Thị Tái Khám")
        person = r4.AppointmentParticipant(actor=store.reference(patient), status="accepted")
        first, last = (moment.isoformat() for moment in clock.day_bounds(day))
        wished = [r4.Period(start=first, end=last)]
        proposal = r4.Appointment(status="proposed", participant=[person], requestedPeriod=wished)
        await store.create(tx, hospital.loader, proposal)
    page = (await (await client("reception")).get(f"/tiep-don/nguoi/{patient.id}")).text
    assert (f"Hẹn tái khám {clock.vn_date(day)}" in page) is told


async def test_every_desk_door_is_published(app: Starlette) -> None:
    published = {door.path for door in app.state.doors}
    assert {"/tiep-don", "/tiep-don/nhan", "/tiep-don/nguoi-benh"} <= published
