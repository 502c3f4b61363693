"""The doctor's room and her patient's page, door by door."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import concept, state_began
from benhan.simulator import House
from tests.hospital.clinic.conftest import Clinic

Client = Callable[..., Awaitable[httpx.AsyncClient]]
READING = [
    "/kham",
    "/kham/{visit}",
    "/kham/{visit}/ket-qua",
    "/kham/{visit}/chan-doan?icd=ho",
    "/kham/{visit}/sinh-hieu",
]
WRITING = [
    "/kham/goi", "/kham/{visit}/bat-dau", "/kham/{visit}/ghi-chep", "/kham/{visit}/chan-doan", "/kham/{visit}/chi-dinh",
    "/kham/{visit}/sinh-hieu",
]  # fmt: skip


async def ask(who: httpx.AsyncClient, path: str, visit: str | None) -> httpx.Response:
    address = path.format(visit=visit)
    return await (who.post(address) if path in WRITING else who.get(address))


@pytest.mark.parametrize("path", READING + WRITING)
async def test_nobody_signed_in_is_sent_to_sign_in(path: str, client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await ask(await client(None), path, visit.id)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/dang-nhap")


@pytest.mark.parametrize("path", [p for p in READING + WRITING if "{visit}" in p])
async def test_a_doctor_of_another_hospital_finds_no_such_visit(
    path: str, client: Client, clinic: Clinic, other_hospital: House
) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await ask(await client("doctor", other_hospital), path, visit.id)
    assert answer.status_code == 404
    assert (await clinic.read(r4.Encounter, visit.id)).status == "arrived"


@pytest.mark.parametrize("path", READING + WRITING)
@pytest.mark.parametrize("role", ["cashier", "pharmacy", "administrator"])
async def test_who_does_not_treat_does_not_enter(path: str, role: str, client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    assert (await ask(await client(role), path, visit.id)).status_code == 403


@pytest.mark.parametrize("path", ["/kham", "/kham/{visit}"])
async def test_what_a_page_draws_again_by_itself_is_there(path: str, enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    await clinic.arrives("Người kế tiếp")
    doctor = await enter()
    await doctor.post(f"/kham/{visit.id}/bat-dau")
    page = (await doctor.get(path.format(visit=visit.id))).text
    parts = re.findall(r'hx-get="([^"]+)"[^>]*hx-trigger="(?:sse|every|load|visit)', page)
    assert parts
    for part in parts:
        answer = await doctor.get(part, headers={"HX-Request": "true"})
        assert answer.status_code in (200, 204), part
        again = re.findall(r'hx-get="([^"]+)"[^>]*hx-trigger="every', answer.text)
        assert all(one in parts for one in again), f"{part} leads to {again} when it is drawn again"


async def test_the_list_of_my_room_shows_who_waits(enter: Client, clinic: Clinic) -> None:
    await clinic.arrives("Bùi Thị Ngọc Ửng", reason="Đau đầu", room="phong-pk03")
    page = (await (await enter()).get("/kham")).text
    assert "Phòng khám 3" in page  # the doctor's usual room, not chosen by hand
    assert "Bùi Thị Ngọc Ửng" in page
    assert "Đau đầu" in page


async def test_another_room_is_chosen_once_and_remembered(enter: Client, clinic: Clinic) -> None:
    await clinic.arrives("Hồ Văn Chữ", room="phong-pk06")
    doctor = await enter()
    answer = await doctor.post("/kham/phong", data={"room": "phong-pk06"})
    assert answer.status_code == 303
    page = (await doctor.get("/kham")).text
    assert "Phòng khám 6" in page
    assert "Hồ Văn Chữ" in page


async def test_calling_next_and_beginning_opens_the_page(enter: Client, clinic: Clinic) -> None:
    doctor = await enter()
    _, visit, ticket = await clinic.arrives("Phạm Thị Ổn", room="phong-pk14")
    await doctor.post("/kham/phong", data={"room": "phong-pk14"})
    assert (await doctor.post("/kham/goi")).status_code == 303
    assert (await clinic.read(r4.Task, ticket.id)).status == "ready"
    answer = await doctor.post("/kham/bat-dau", data={"ticket": ticket.id})
    assert answer.headers["location"] == f"/kham/{visit.id}"
    begun = await clinic.read(r4.Encounter, visit.id)
    assert begun.status == "in-progress"
    assert state_began(begun, "arrived") is not None
    assert [one.individual.display for one in begun.participant or [] if one.individual] == [clinic.doctor().name]
    assert (await clinic.read(r4.Task, ticket.id)).status == "in-progress"
    assert (await doctor.post("/kham/goi")).status_code == 409  # nobody waits any more
    leads = re.search(r'href="(/ung-dung[^"]+)"', (await doctor.get(f"/kham/{visit.id}")).text)
    assert leads and "Phạm Thị Ổn" in (await doctor.get(html.unescape(leads[1]))).text


async def test_beginning_twice_changes_nothing_and_a_second_doctor_joins(enter: Client, clinic: Clinic) -> None:
    _, visit, ticket = await clinic.arrives()
    first, second = await enter(), await enter("bacsi2")
    for _ in range(2):
        assert (await first.post(f"/kham/{visit.id}/bat-dau")).status_code == 303
    once = await clinic.read(r4.Encounter, visit.id)
    assert once.meta is not None
    assert once.meta.versionId == "2"
    await second.post("/kham/bat-dau", data={"ticket": ticket.id})
    assert len((await clinic.read(r4.Encounter, visit.id)).participant or []) == 2


async def test_the_page_shows_what_a_doctor_must_know_first(enter: Client, clinic: Clinic) -> None:
    patient, visit, _ = await clinic.arrives()
    from benhan.core import store

    await clinic.keep(
        r4.AllergyIntolerance(
            patient=store.reference(patient),
            clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
            code=r4.CodeableConcept(text="Penicillin"),
            reaction=[r4.AllergyIntoleranceReaction(manifestation=[r4.CodeableConcept(text="phản vệ")], onset="2019")],
        )
    )
    page = (await (await enter()).get(f"/kham/{visit.id}")).text
    assert "Dị ứng: Penicillin (phản vệ 2019)" in page
    assert "46 tuổi" in page
    assert "Ho, sốt nhẹ ngày thứ 3" in page  # what reception was told stands in the reason
    assert "Lần đầu khám tại đây" in page


async def test_the_page_asks_the_store_a_bounded_number_of_times(clinic: Clinic, monkeypatch: Any) -> None:
    from benhan.core.db import Transaction
    from benhan.hospital.clinic import overview

    _, visit, _ = await clinic.arrives()
    asked: list[tuple[Transaction, str]] = []  # background jobs of the process ask too, in transactions of their own
    original = Transaction.fetch

    async def counted(self: Transaction, sql: str, *values: Any) -> Any:
        asked.append((self, sql))
        return await original(self, sql, *values)

    monkeypatch.setattr(Transaction, "fetch", counted)
    async with clinic.tx() as tx:
        await overview.gather(tx, clinic.doctor(), visit.id or "")
    mine = [sql for one, sql in asked if one is tx]
    assert 0 < len(mine) <= 18


async def test_an_earlier_visit_stands_beside_the_new_one(enter: Client, clinic: Clinic) -> None:
    doctor = await enter()
    patient, first, _ = await clinic.arrives(minutes_ago=60 * 24 * 40)
    await doctor.post(f"/kham/{first.id}/chan-doan", data={"code": "I10"})
    _, second, _ = await clinic.arrives(patient=patient)
    page = (await doctor.get(f"/kham/{second.id}")).text
    assert f'href="/kham/{first.id}"' in page
    assert "I10 " in page
    assert 'class="pill warn wrap"' in page  # hypertension is chronic: it stands in the banner


async def test_a_finished_visit_is_read_only(enter: Client, clinic: Clinic) -> None:
    import msgspec

    from benhan.core import store

    _, visit, _ = await clinic.arrives()
    doctor = await enter()
    async with clinic.tx() as tx:
        await store.update(tx, clinic.house.loader, msgspec.structs.replace(visit, status="finished"), if_match=None)
    page = (await doctor.get(f"/kham/{visit.id}")).text
    assert 'id="note"' not in page
    for path, data in (("ghi-chep", {"reason": "x"}), ("chan-doan", {"code": "I10"}), ("chi-dinh", {"service": "x"})):
        assert (await doctor.post(f"/kham/{visit.id}/{path}", data=data)).status_code == 409


async def test_an_unknown_room_or_visit_is_not_there(enter: Client) -> None:
    doctor = await enter()
    assert (await doctor.post("/kham/phong", data={"room": "x"})).status_code == 404
    assert (await doctor.get("/kham/khong-co")).status_code == 404


@pytest.mark.parametrize("role", ["nurse", "planning"])
async def test_who_may_read_the_chart_reads_it_and_finds_nothing_to_change(
    role: str, client: Client, enter: Client, clinic: Clinic
) -> None:
    _, visit, _ = await clinic.arrives()
    await (await enter()).post(f"/kham/{visit.id}/chan-doan", data={"code": "J18.9"})
    reader = await client(role)
    answer = await reader.get(f"/kham/{visit.id}")
    assert answer.status_code == 200
    assert "J18.9" in answer.text
    for form in ('id="note"', 'id="diagnosis-form"', 'id="order-form"', 'id="conclusion"'):
        assert form not in answer.text
    assert (await reader.post(f"/kham/{visit.id}/ghi-chep", data={"reason": "x"})).status_code == 403
