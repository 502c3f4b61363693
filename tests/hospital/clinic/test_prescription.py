"""The prescription on the doctor's page, door by door, and the papers that come of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import VersionConflict
from benhan.hospital.clinic import prescribing
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.medicine_warnings import NeedsReason
from benhan.hospital.visit import concept
from benhan.simulator import House

from .rooms import Room, room, stocked, twice

Client = Callable[..., Awaitable[httpx.AsyncClient]]
READING = [
    "/kham/{visit}/don-thuoc", "/kham/{visit}/don-thuoc/tim?thuoc=amox", "/kham/{visit}/don-thuoc/them?thuoc=amox",
    "/kham/{visit}/di-ung", "/kham/{visit}/ket-thuc", "/kham/{visit}/ket-thuc/thanh", "/kham/{visit}/bo-sung",
    "/kham/{visit}/chu-ky", "/kham/{visit}/phieu-kham.pdf", "/kham/{visit}/don-thuoc.pdf",
]  # fmt: skip
WRITING = [
    "/kham/{visit}/don-thuoc/them?medicine=x", "/kham/{visit}/don-thuoc/x", "/kham/{visit}/don-thuoc/x/bo",
    "/kham/{visit}/don-thuoc/x/lay-lai", "/kham/{visit}/di-ung", "/kham/{visit}/ket-thuc", "/kham/{visit}/bo-sung",
]  # fmt: skip
DOORS = [("get", path) for path in READING] + [("post", path) for path in WRITING]
HTMX = {"HX-Request": "true"}


@pytest.fixture
async def visit(database: Database, loader: Subject, subject: Callable[..., Subject]) -> Room:
    await stocked(database, loader)
    return await room(database, loader, subject("doctor"))


async def ask(who: httpx.AsyncClient, method: str, path: str, here: Room) -> httpx.Response:
    address = path.format(visit=here.visit)
    return await (who.get(address) if method == "get" else who.post(address, data={"version": "1", "family": "nsaid"}))


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_nobody_signed_in_is_sent_to_sign_in(method: str, path: str, client: Client, visit: Room) -> None:
    answer = await ask(await client(None), method, path, visit)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/dang-nhap")


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_a_doctor_of_another_hospital_finds_no_such_visit(
    method: str, path: str, client: Client, visit: Room, other_hospital: House
) -> None:
    answer = await ask(await client("doctor", other_hospital), method, path, visit)
    if "/tim?" in path:  # the search looks into her own list and names no visit
        assert "Amoxicilin 500 mg" not in answer.text
    else:
        assert answer.status_code == 404
    assert (await visit.encounter()).status == "in-progress"


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize("role", ["reception", "laboratory", "cashier"])
async def test_who_does_not_treat_does_not_enter(
    method: str, path: str, role: str, client: Client, visit: Room
) -> None:
    assert (await ask(await client(role), method, path, visit)).status_code == 403


# Writing a line


async def medicine_of(doctor: httpx.AsyncClient, here: Room, name: str) -> str:
    found = await doctor.get(f"/kham/{here.visit}/don-thuoc/tim?thuoc={name}", headers=HTMX)
    match = re.search(r'data-value="([^"]+)"[^>]*data-label="[^"]*500 mg"', found.text)
    assert match, found.text
    return match[1]


async def write(doctor: httpx.AsyncClient, here: Room, name: str, **fields: str) -> httpx.Response:
    address = f"/kham/{here.visit}/don-thuoc/them?medicine={await medicine_of(doctor, here, name)}"
    return await doctor.post(address, data={"sang": "1", "toi": "1", "days": "5", "route": "Uống", **fields})


@pytest.mark.parametrize("typed", ["paracetamol 500", "PARA 500", "500 parace", "páracetamol 500 mg"])
async def test_a_medicine_is_found_as_doctors_type_it(client: Client, visit: Room, typed: str) -> None:
    found = await (await client("doctor")).get(f"/kham/{visit.visit}/don-thuoc/tim?thuoc={typed}", headers=HTMX)
    assert "Paracetamol 500 mg" in found.text


async def test_the_international_spelling_finds_the_vietnamese_one(client: Client, visit: Room) -> None:
    found = await (await client("doctor")).get(f"/kham/{visit.visit}/don-thuoc/tim?thuoc=amoxicillin", headers=HTMX)
    assert "Amoxicilin 500 mg" in found.text


async def test_one_morning_and_night_for_five_days_is_ten_on_the_prescription(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    answer = await write(doctor, visit, "paracetamol 500", usage="sau ăn")
    assert answer.status_code == 303
    page = (await doctor.get(answer.headers["location"])).text
    assert "Uống: ngày 2 lần, mỗi lần 1 viên (sáng, tối), sau ăn" in page
    (request,) = await visit.all(r4.MedicationRequest)
    line = lines.line(request)
    assert (line.quantity, line.days, line.status, line.course.doses) == (10, 5, "draft", twice().doses)


async def test_the_sum_is_told_while_somebody_types(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    medicine = await medicine_of(doctor, visit, "paracetamol 500")
    answer = await doctor.get(f"/kham/{visit.visit}/don-thuoc/tinh?medicine={medicine}&sang=1/2&toi=½&days=5")
    assert "05 viên" in answer.text


async def test_a_double_click_writes_one_line(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    await asyncio.gather(*(write(doctor, visit, "paracetamol 500") for _ in range(3)))
    assert len(await visit.all(r4.MedicationRequest)) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sang": "", "toi": ""}, "Ghi liều cho ít nhất một buổi"),
        ({"sang": "hai"}, "Nhập liều như 1, 0,5 hoặc 1/2"),
        ({"days": "31"}, "Phụ lục VII TT 26/2025"),
        ({"days": ""}, "Nhập số ngày"),
        ({"days": "400"}, "Không được quá 90"),
        ({"sang": "0,5"}, "không bẻ được"),
    ],
)
async def test_a_wrong_line_says_what_is_wrong_and_is_not_written(
    client: Client, visit: Room, fields: dict[str, str], said: str
) -> None:
    answer = await write(await client("doctor"), visit, "amoxicilin 500", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert await visit.all(r4.MedicationRequest) == []


async def test_a_recorded_allergy_stops_its_family_until_a_reason_is_written(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    recorded = {"family": "penicillin", "reaction": "phản vệ 2019", "severity": "severe"}
    assert (await doctor.post(f"/kham/{visit.visit}/di-ung", data=recorded)).status_code == 303
    refused = await write(doctor, visit, "amoxicilin 500")
    assert refused.status_code == 422
    assert "Dị ứng Nhóm penicilin (phản vệ 2019): không kê được" in refused.text
    assert await visit.all(r4.MedicationRequest) == []
    reason = "đã test da âm tính, không có thuốc thay"
    assert (await write(doctor, visit, "amoxicilin 500", override=reason)).status_code == 303
    (request,) = await visit.all(r4.MedicationRequest)
    assert lines.line(request).reason == reason
    (issue,) = [one for one in request.contained or [] if isinstance(one, r4.DetectedIssue)]
    assert issue.detail == "Dị ứng Nhóm penicilin (phản vệ 2019): không kê được"


async def test_the_same_ingredient_twice_is_warned_of_on_both_lines(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    await write(doctor, visit, "paracetamol 500", trua="1")
    page = (await doctor.get(f"/kham/{visit.visit}/don-thuoc")).text
    assert page.count("Trùng hoạt chất Paracetamol với Paracetamol 500 mg") == 2


async def test_no_known_allergy_is_no_allergy(client: Client, visit: Room, database: Database, loader: Subject) -> None:
    asked = r4.AllergyIntolerance(
        patient=r4.Reference(reference=f"Patient/{visit.patient}"),
        clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        code=concept(systems.SNOMED, "716186003", "Không có dị ứng đã biết"),
    )
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, asked)
    page = await (await client("doctor")).get(f"/kham/{visit.visit}/di-ung")
    assert "Dị ứng: Không" not in page.text


async def test_an_allergy_is_recorded_once(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    for written in ("Tôm", "tôm", "TÔM"):
        await doctor.post(f"/kham/{visit.visit}/di-ung", data={"substance": written})
    assert len(await visit.all(r4.AllergyIntolerance, patient=f"Patient/{visit.patient}")) == 1
    assert (await doctor.post(f"/kham/{visit.visit}/di-ung", data={})).status_code == 422


async def test_a_line_is_changed_taken_off_and_put_back(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    (request,) = await visit.all(r4.MedicationRequest)
    base = f"/kham/{visit.visit}/don-thuoc/{request.id}"
    form = (await doctor.get(base)).text
    assert 'name="days" value="5"' in form
    await doctor.post(base, data={"sang": "1", "days": "3", "version": "1"})
    (changed,) = await visit.all(r4.MedicationRequest)
    assert lines.line(changed).quantity == 3
    off = await doctor.post(f"{base}/bo", data={"version": "2"})
    page = await doctor.get(off.headers["location"])
    assert "Đã bỏ Paracetamol 500 mg khỏi đơn." in page.text
    await doctor.post(f"{base}/lay-lai")
    (back,) = await visit.all(r4.MedicationRequest)
    assert back.status == "draft"


async def test_two_doctors_never_overwrite_a_line_silently(client: Client, visit: Room) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    (request,) = await visit.all(r4.MedicationRequest)
    base = f"/kham/{visit.visit}/don-thuoc/{request.id}"
    first, second = [await doctor.post(base, data={"sang": dose, "days": "3", "version": "1"}) for dose in ("1", "2")]
    assert (first.status_code, second.status_code) == (303, 412)


async def test_an_old_line_cannot_be_moved_to_another_visit(
    database: Database, loader: Subject, visit: Room, client: Client
) -> None:
    other = await room(database, loader, visit.doctor)
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    (request,) = await visit.all(r4.MedicationRequest)
    answer = await doctor.post(f"/kham/{other.visit}/don-thuoc/{request.id}/bo", data={"version": "1"})
    assert answer.status_code == 404


# Signing on the page, and paper


async def sign(doctor: httpx.AsyncClient, here: Room, password: str, outcome: str = "home") -> httpx.Response:
    address = f"/kham/{here.visit}/ket-thuc?ket-qua={outcome}"
    page = (await doctor.get(address)).text
    seal = re.search(r'name="seal" value="([^"]+)"', page)
    assert seal, page
    return await doctor.post(address, data={"seal": seal[1], "password": password, "revisit": "31/12/2099"})


async def test_the_password_field_waits_for_the_password(client: Client, visit: Room) -> None:
    page = (await (await client("doctor")).get(f"/kham/{visit.visit}/ket-thuc")).text
    assert re.search(r'<input[^>]*name="password"[^>]*type="password"[^>]*data-autofocus', page)
    assert "J18.9" in page


async def test_signing_leads_to_the_signature_which_is_valid(client: Client, visit: Room, hospital: House) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    answer = await sign(doctor, visit, hospital.password)
    assert answer.headers["location"] == f"/kham/{visit.visit}/chu-ky"
    page = (await doctor.get(answer.headers["location"])).text
    assert "Chữ ký hợp lệ, nội dung không đổi từ lúc ký." in page
    assert re.search(r"[0-9a-z]{7}-C", page)


async def test_a_wrong_password_is_told_at_its_field_and_leaves_the_visit_open(client: Client, visit: Room) -> None:
    answer = await sign(await client("doctor"), visit, "sai rồi")
    assert answer.status_code == 422
    assert "Mật khẩu không đúng. Chưa ký." in answer.text
    assert (await visit.encounter()).status == "in-progress"


async def test_the_papers_come_as_pdf_and_leave_a_trace(
    client: Client, visit: Room, hospital: House, database: Database
) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    early = await doctor.get(f"/kham/{visit.visit}/don-thuoc.pdf")
    assert early.status_code == 409 and "chưa ký" in early.text
    await sign(doctor, visit, hospital.password)
    for paper in ("phieu-kham", "don-thuoc"):
        answer = await doctor.get(f"/kham/{visit.visit}/{paper}.pdf")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
    async with database.transaction(hospital.key) as tx:
        found = await tx.fetch("select detail from audit where action = 'print' and id = $1", visit.visit)
    assert sorted(row["detail"] for row in found) == ["don-thuoc.pdf", "phieu-kham.pdf"]


async def test_a_signed_prescription_is_only_read(client: Client, visit: Room, hospital: House) -> None:
    doctor = await client("doctor")
    await write(doctor, visit, "paracetamol 500")
    await sign(doctor, visit, hospital.password, "revisit")
    panel = (await doctor.get(f"/kham/{visit.visit}/don-thuoc", headers=HTMX)).text
    assert "<form" not in panel
    assert (await write(doctor, visit, "amoxicilin 500")).status_code == 409


async def test_the_verbs_themselves_refuse_what_the_page_would(
    database: Database, loader: Subject, visit: Room
) -> None:
    medicines = await stocked(database, loader)
    async with database.transaction(visit.doctor.facility) as tx:
        await prescribing.record_allergy(tx, visit.doctor, visit.patient, "Amoxicillin", "", None)
    async with database.transaction(visit.doctor.facility) as tx:
        with pytest.raises(NeedsReason):
            await prescribing.add(tx, visit.doctor, visit.visit, medicines["Amoxicilin"], twice())
        line = await prescribing.add(tx, visit.doctor, visit.visit, medicines["Paracetamol"], twice())
        with pytest.raises(VersionConflict):
            await prescribing.change(tx, visit.doctor, visit.visit, line.id or "", "9", twice(3))
