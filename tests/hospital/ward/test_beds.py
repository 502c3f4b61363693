"""Beds: made many at once, given once, changed, taken back; and who may do it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Problem
from benhan.core.kit import clock
from benhan.hospital import stay as words
from benhan.hospital.visit import id_of, identifier
from benhan.hospital.ward import board, leaving, moves
from benhan.hospital.ward.leaving import Leaving
from benhan.simulator import House
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_a_bed_holds_one_person_whoever_tries_at_the_same_moment(inside: Inside) -> None:
    department = await inside.department("Khoa Đông")
    beds = await inside.beds(department, 3)
    stays = [await inside.asks(await inside.person(f"Trần Thị {n}"), department) for n in range(20)]
    nurse = inside.who(Role.NURSE)

    async def tries(n: int) -> bool:
        try:
            async with inside.tx() as tx:
                await moves.place(tx, nurse, stays[n % 20].id or "", beds[n % 3].id)
        except Problem:
            return False
        return True

    assert any(await asyncio.gather(*(tries(n) for n in range(200))))
    now = [await inside.stay(one.id or "") for one in stays]
    held = Counter(words.bed(one) for one in now if words.bed(one))
    assert set(held.values()) == {1}
    taken = {one.id for one in await inside.beds_of(department) if one.state == words.TAKEN}
    assert taken == set(held)
    assert all((words.bed(one) is None) is (one.status == words.WAITING) for one in now)

    # Whoever writes the stay as a record, past the board, meets the same wall.
    lying = next(one for one in now if words.bed(one))
    waits = next(one for one in now if not words.bed(one))
    pushed = msgspec.structs.replace(waits, status=words.PRESENT, location=lying.location)
    with pytest.raises(Conflict):
        async with inside.tx() as tx:
            await store.update(tx, inside.house.loader, pushed, if_match=None)


async def test_a_ward_is_run_from_the_board(client: Client, inside: Inside, other_hospital: House) -> None:
    department = await inside.department("Khoa Bảng")
    admin, nurse = await client(Role.ADMINISTRATOR), await client(Role.NURSE)
    asked = {"khoa": department.id, "buong": "p301", "ten": "Buồng 301", "so-giuong": "3", "tu-so": "1"}
    assert (await admin.post("/noi-tru/buong-giuong", data=asked | {"buong": "Đ 1"})).status_code == 422
    assert (await admin.post("/noi-tru/buong-giuong", data=asked)).headers["location"].endswith("them=3")
    assert (await admin.post("/noi-tru/buong-giuong", data=asked)).headers["location"].endswith("them=0")
    one, two, three = await inside.beds_of(department)
    assert [one.name, three.name] == ["P301-1", "P301-3"]

    first = await inside.asks(await inside.person("Lê Văn Một"), department)
    second = await inside.asks(await inside.person("Ngô Thị Hai"), department)
    home = f"/noi-tru/khoa/{department.id}"
    put = await nurse.post("/noi-tru/xep", data={"luot": first.id, "giuong": one.id})
    assert put.status_code == 303 and put.headers["location"].startswith(f"{home}?xong=xep")
    shown = (await nurse.get(put.headers["location"])).text
    assert "Lê Văn Một" in shown and "/noi-tru/hoan-tac" in shown
    assert "Ngô Thị Hai" in (await nurse.get(f"/noi-tru/giuong/{two.id}")).text

    said = {name: values[0] for name, values in parse_qs(urlsplit(put.headers["location"]).query).items()}
    assert (await nurse.post("/noi-tru/hoan-tac", data=said)).status_code == 303
    assert (await inside.stay(first.id or "")).status == words.WAITING
    assert {bed.state for bed in await inside.beds_of(department)} == {words.FREE}
    assert (await nurse.post("/noi-tru/hoan-tac", data=said)).status_code == 409

    for stay, bed in ((first, one), (second, two)):
        await nurse.post("/noi-tru/xep", data={"luot": stay.id, "giuong": bed.id})
    changed = await nurse.post("/noi-tru/xep", data={"luot": first.id, "giuong": two.id})
    assert "xong=doi" in changed.headers["location"]
    assert await _beds(inside, first, second) == [two.id, one.id]
    await nurse.post("/noi-tru/xep", data={"luot": first.id, "giuong": three.id})
    states = [bed.state for bed in await inside.beds_of(department)]
    assert states == [words.TAKEN, words.TO_CLEAN, words.TAKEN]
    assert (await nurse.post("/noi-tru/xep", data={"luot": second.id, "giuong": two.id})).status_code == 409
    assert (await nurse.post(f"/noi-tru/giuong/{three.id}", data={"trang-thai": "C"})).status_code == 409
    assert (await nurse.post(f"/noi-tru/giuong/{two.id}", data={"trang-thai": "O"})).status_code == 422
    assert (await nurse.post(f"/noi-tru/giuong/{two.id}", data={"trang-thai": "U"})).status_code == 303

    doctor = inside.who(Role.DOCTOR)
    async with inside.tx() as tx:
        share = next(one for one in await board.house(tx, doctor) if one.id == department.id)
    assert (share.beds, share.taken, share.free, share.percent) == (3, 2, 1, 67)
    assert department.name and department.name in (await nurse.get("/noi-tru")).text

    elsewhere, desk, nobody = await client(Role.NURSE, other_hospital), await client(Role.RECEPTION), await client(None)
    move = {"luot": second.id, "giuong": two.id}
    assert (await elsewhere.get(home)).status_code == 404
    assert (await elsewhere.post("/noi-tru/xep", data=move)).status_code == 404
    assert (await desk.post("/noi-tru/xep", data=move)).status_code == 403
    assert (await nobody.post("/noi-tru/xep", data=move)).status_code in (303, 401)
    assert (await nurse.get(f"/noi-tru/luot/{first.id}/ra-vien")).status_code == 403
    assert (await nurse.post("/noi-tru/buong-giuong", data=asked)).status_code == 403
    assert await _beds(inside, first, second) == [three.id, one.id]


async def test_leave_keeps_the_bed_and_a_transfer_goes_on_in_the_other_department(
    client: Client, inside: Inside
) -> None:
    here, there = await inside.department("Khoa Đi"), await inside.department("Khoa Đến")
    (bed,), (other,) = await inside.beds(here, 1), await inside.beds(there, 1)
    stay = await inside.lies(here, bed)
    nurse, at = await client(Role.NURSE), f"/noi-tru/luot/{stay.id}"
    out = {"ve-ngay": clock.vn_date(clock.today() + timedelta(days=1)), "ve-luc": "17:00", "ly-do-ra": "Giỗ"}
    wrong = await nurse.post(f"{at}/ra-ngoai", data=out | {"ve-ngay": "01/01/2020"})
    assert wrong.status_code == 422 and (await inside.stay(stay.id or "")).status == words.PRESENT
    assert (await nurse.post(f"{at}/ra-ngoai", data=out)).status_code == 303
    away = await inside.stay(stay.id or "")
    assert (away.status, words.bed(away)) == (words.AWAY, bed.id) and moves.awaited(away)
    late = await inside.asks(await inside.person(), here)
    assert (await nurse.post("/noi-tru/xep", data={"luot": late.id, "giuong": bed.id})).status_code == 409
    assert (await nurse.post(f"{at}/ve")).status_code == 303

    asked = {"khoa": there.id, "ly-do-chuyen": "Cần thở máy", "tinh-trang": "Khó thở, SpO₂ 88 %"}
    assert (await nurse.post(f"{at}/chuyen-khoa", data=asked | {"khoa": "x"})).status_code == 422
    for _twice in range(2):
        assert (await nurse.post(f"{at}/chuyen-khoa", data=asked)).status_code == 303
    (task,) = await inside.found(r4.Task, focus=f"Encounter/{stay.id}")
    receiving = (await nurse.get(f"/noi-tru/khoa/{there.id}")).text
    assert "Cần thở máy" in receiving and "Khó thở" in (await nurse.get(at)).text
    path = f"/noi-tru/chuyen-khoa/{task.id}"
    assert (await nurse.post(path, data={"viec": "tu-choi"})).status_code == 422
    assert (await nurse.post(path, data={"viec": "nhan"})).status_code == 303
    assert (await nurse.post(path, data={"viec": "nhan"})).status_code == 409
    moved = await inside.stay(stay.id or "")
    assert (words.department(moved), words.bed(moved)) == (there.id, None)
    await nurse.post("/noi-tru/xep", data={"luot": stay.id, "giuong": other.id})
    moved = await inside.stay(stay.id or "")
    assert [one.name for one in words.stretches(moved, words.WARD)] == [here.name, there.name]
    assert [one.place for one in words.stretches(moved, words.BED)] == [bed.id, other.id]
    assert [one.state for one in await inside.beds_of(here)] == [words.TO_CLEAN]


async def test_a_stay_ends_once_with_what_it_needs(client: Client, inside: Inside) -> None:
    department = await inside.department("Khoa Ra")
    beds = await inside.beds(department, 2)
    stay, dying = [await inside.lies(department, bed) for bed in beds]
    doctor, at = await client(Role.DOCTOR), f"/noi-tru/luot/{stay.id}/ra-vien"
    now = clock.now()
    said = {
        "ngay": clock.vn_date(now), "luc": f"{now:%H:%M}", "cach": "home", "ket-qua": "improved", "ma": "J18.9",
    }  # fmt: skip
    early = now - timedelta(days=3)
    for wrong in ({"ma": "ZZZ"}, {"ket-qua": "dead"}, {"ngay": clock.vn_date(early)}, {"ket-qua": ""}):
        assert (await doctor.post(at, data=said | wrong)).status_code == 422, wrong
    assert "J18.9" in (await doctor.get(f"{at}?icd=viêm phổi")).text
    order = r4.ServiceRequest(
        status="active", intent="order", code=r4.CodeableConcept(text="Cấy máu"),
        subject=stay.subject or r4.Reference(), encounter=r4.Reference(reference=f"Encounter/{stay.id}"),
    )  # fmt: skip
    await inside.keep(order)
    leaving_ = Leaving(at=clock.now(), disposition="home", result="improved", code="J18.9", diagnosis="Viêm phổi")
    async with inside.tx() as tx:
        with pytest.raises(leaving.ResultsMissing):
            await leaving.discharge(tx, inside.who(Role.DOCTOR), stay.id or "", leaving_)
    assert "Cấy máu" in (await doctor.get(at)).text
    for _twice in range(2):
        assert (await doctor.post(at, data=said | {"van-ra": "1"})).status_code == 303
    left = await inside.stay(stay.id or "")
    assert (left.status, words.result(left), words.bed(left)) == (words.ENDED, "improved", None)
    assert len(left.diagnosis or []) == 1
    death = Leaving(at=clock.now(), disposition="exp", result="dead", code="I21.9", diagnosis="Nhồi máu cơ tim")
    async with inside.tx() as tx:
        await leaving.discharge(tx, inside.who(Role.DOCTOR), dying.id or "", death)
    (patient,) = await inside.found(r4.Patient, _id=id_of(dying.subject) or "")
    assert patient.deceasedDateTime
    assert {bed.state for bed in await inside.beds_of(department)} == {words.TO_CLEAN}
    async with inside.tx() as tx:
        with pytest.raises(Conflict):
            await moves.place(tx, inside.who(Role.NURSE), stay.id or "", beds[0].id)


async def test_somebody_unknown_is_admitted_by_the_temporary_code(client: Client, inside: Inside) -> None:
    department = await inside.department("Khoa Cấp cứu")
    code = f"TAM-9901-{department.id[-6:].upper() if department.id else ''}"
    person = await inside.keep(
        r4.Patient(
            active=True, identifier=[r4.Identifier(use="temp", system=systems.PATIENT_NUMBER, value=code)],
            name=[r4.HumanName(use="temp", text=f"Chưa rõ danh tính {code}")],
        )
    )  # fmt: skip
    nurse = await client(Role.NURSE)
    assert f"ai={person.id}" in (await nurse.get("/noi-tru/nhap-vien", params={"q": code})).text
    asked = {"ai": person.id, "khoa": department.id, "tu": "emd", "muc": "EM", "ly-do": "Hôn mê"}
    assert (await nurse.post("/noi-tru/nhap-vien", data=asked | {"muc": "X"})).status_code == 422
    assert (await nurse.post("/noi-tru/nhap-vien", data=asked)).status_code == 303
    assert (await nurse.post("/noi-tru/nhap-vien", data=asked)).status_code == 409
    (stay,) = await inside.found(r4.Encounter, patient=f"Patient/{person.id}")
    assert stay.status == words.WAITING and identifier(stay, systems.VISIT_NUMBER)
    assert code in (await nurse.get(f"/noi-tru/khoa/{department.id}")).text
    assert (await nurse.post(f"/noi-tru/luot/{stay.id}/bo-cho", data={"ly-do-bo": "Chuyển viện"})).status_code == 303
    assert (await inside.stay(stay.id or "")).status == words.CANCELLED


async def _beds(inside: Inside, *stays: r4.Encounter) -> list[str | None]:
    return [words.bed(await inside.stay(one.id or "")) for one in stays]
