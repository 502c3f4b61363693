"""A record is opened, written by several people, closed, added to and opened again; nothing signed is ever changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from io import BytesIO

import httpx
import msgspec
import pytest
from pypdf import PdfReader

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid
from benhan.core.kit.clock import now
from benhan.hospital.chart.forms import form
from benhan.hospital.chart.records import clocks, closing, kept, reopening
from benhan.hospital.chart.records.clocks import Clock, due_since
from benhan.hospital.chart.records.entries import units
from benhan.hospital.chart.records.life import State
from benhan.hospital.chart.records.merging import seal
from benhan.hospital.chart.records.sections import section_of
from benhan.hospital.visit import stamp
from benhan.simulator import House
from tests.hospital.chart.stays import Answer, Stay, stay

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


def text(said: str) -> list[Answer]:
    return [Answer(valueString=said)]


@pytest.fixture
async def bed(database: Database, hospital: House) -> Stay:
    """Somebody who lies in the doctor's department."""
    return await stay(database, hospital)


async def test_nobody_another_hospital_and_the_wrong_role_come_through_no_door(
    client: Client, bed: Stay, other_hospital: House
) -> None:
    await bed.opens()
    looks = ["/benh-an", "/benh-an/tre-han", bed.address, f"{bed.address}/muc-luc", f"{bed.address}/kiem-tra"]
    acts = [
        bed.address,
        *(f"{bed.address}/{one}" for one in ("ghi", "lap", "dong", "bo-sung", "de-nghi", "duyet", "mo-lai")),
    ]
    unknown = await client(None)
    assert {(await unknown.get(one)).status_code for one in looks} == {303}
    assert {(await unknown.post(one)).status_code for one in acts} == {303}
    for role in ("reception", "cashier", "laboratory", "reviewer"):
        inside = await client(role)
        assert {(await inside.get(one)).status_code for one in looks} == {403}, role
        assert {(await inside.post(one)).status_code for one in acts} == {403}, role
    nurse = await client("nurse")
    assert {(await nurse.get(one)).status_code for one in looks} == {200}
    assert {(await nurse.post(one)).status_code for one in acts} == {403}
    stranger = await client("doctor", other_hospital)
    assert {(await stranger.get(one)).status_code for one in looks[2:]} == {404}
    assert {(await stranger.post(one, data={"mau": "01/BV1", "text": "x", "reason": "x", "password": "x"})).status_code
            for one in acts if not one.endswith("duyet")} == {404}  # fmt: skip
    assert bed.visit not in (await stranger.get("/benh-an")).text


async def test_a_doctor_of_another_department_reads_and_does_not_write(
    database: Database, hospital: House, bed: Stay, client: Client
) -> None:
    await bed.opens()
    elsewhere = hospital.subject(Role.DOCTOR)
    other = next(one for one in hospital.accounts if one.login.endswith("bacsi.nhi"))
    elsewhere = msgspec.structs.replace(elsewhere, account=other.id, practitioner=other.practitioner)
    with pytest.raises(Forbidden):
        await bed.writes("reason", text("x"), who=elsewhere)
    assert await bed.said("reason") == []


async def test_what_is_known_stands_there_and_the_form_keeps_its_version(
    database: Database, hospital: House, bed: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = await bed.opens()
    assert opened.state is State.DRAFT
    assert await bed.said("patient-name") == ["Trần Thị Hoa"]
    assert await bed.said("pulse") == ["88"] and await bed.said("dx-ward") == ["I10"]
    assert await bed.said("patient-age") == ["68" if bed.admitted.strftime("%m-%d") >= "11-23" else "67"]
    assert opened.record.questionnaire == f"{systems.BENHAN}/Questionnaire/01-BV1|TT32-2023.1"
    newer = msgspec.structs.replace(form("01/BV1"), version="TT99.1", title="MẪU MỚI")
    monkeypatch.setattr(kept, "form_now", lambda _code: newer)
    later = await stay(database, hospital)
    assert (await later.opens()).form.title == "MẪU MỚI"
    there = await bed.record()
    assert (there.form.version, there.form) == ("TT32-2023.1", form("01/BV1"))
    async with database.transaction(hospital.key) as tx:
        versions = await store.search(tx, bed.doctor, r4.Questionnaire, {"identifier": f"{systems.FORM}|01/BV1"})
    assert {one.version for one in versions.resources} >= {"TT32-2023.1", "TT99.1"}


async def test_two_who_write_do_not_overwrite_each_other(bed: Stay) -> None:
    there = await bed.opens()
    here = section_of(there.form, "reason")
    assert here
    seen = seal(units(here.items), there.said)
    await bed.writes("reason", text("Đau đầu"), seen=seen)
    await bed.writes("illness", text("Ba ngày nay"), seen=seen)
    assert (await bed.said("reason"), await bed.said("illness")) == (["Đau đầu"], ["Ba ngày nay"])
    with pytest.raises(kept.Clash) as clash:
        await bed.writes("reason", text("Chóng mặt"), seen=seen)
    assert [one.key for one in clash.value.units] == ["reason"]
    assert await bed.said("reason") == ["Đau đầu"]


async def test_it_is_closed_when_nothing_is_missing_and_then_only_added_to(
    client: Client, bed: Stay, hospital: House, database: Database
) -> None:
    await bed.opens()
    with pytest.raises(Conflict):
        await bed.closes()
    await bed.admits()
    assert {"reason", "dx-main", "outcome"} <= await bed.lacks()
    with pytest.raises(Invalid):
        await bed.closes()
    await bed.leaves()
    await bed.fills()
    assert await bed.lacks() == set()
    with pytest.raises(Invalid):
        await bed.closes("sai-mat-khau")
    closed = await bed.closes()
    assert closed.state is State.CLOSED
    with pytest.raises(Conflict):
        await bed.writes("reason", text("Sửa"))
    async with database.transaction(hospital.key) as tx:  # not by another way either
        with pytest.raises(Conflict):
            await store.update(tx, bed.doctor, msgspec.structs.replace(closed.record, status="amended"), if_match=None)
    doctor = await client("doctor")
    page = (await doctor.get(f"{bed.address}/kiem-tra")).text
    assert "nguyên vẹn" in page
    added = await doctor.post(
        f"{bed.address}/bo-sung", data={"text": "Cấy máu ngày 5: âm tính", "password": hospital.password}
    )
    assert added.status_code == 303
    assert "Cấy máu ngày 5" in (await doctor.get(f"{bed.address}/kiem-tra")).text
    pdf = await doctor.get(f"{bed.address}/benh-an.pdf")
    said = "".join(one.extract_text() for one in PdfReader(BytesIO(pdf.content)).pages)
    assert "Trần Thị Hoa" in said and "Bản giấy chuyển đổi" in said


async def test_opened_again_only_with_a_reason_by_two_people_and_the_signed_one_stays(
    client: Client, bed: Stay, hospital: House, database: Database
) -> None:
    await bed.opens()
    await bed.admits()
    await bed.leaves()
    await bed.fills()
    before = (await bed.closes()).record
    doctor, planning = await client("doctor"), await client("planning")
    assert (await doctor.post(f"{bed.address}/mo-lai")).status_code == 409
    assert (await doctor.post(f"{bed.address}/de-nghi", data={"reason": " "})).status_code == 422
    assert (await doctor.post(f"{bed.address}/de-nghi", data={"reason": "Ghi nhầm bên mổ"})).status_code == 303
    assert (await doctor.post(f"{bed.address}/mo-lai")).status_code == 409
    both = msgspec.structs.replace(bed.doctor, roles=frozenset({Role.DOCTOR, Role.PLANNING}))
    async with database.transaction(hospital.key) as tx:
        with pytest.raises(Forbidden):
            await reopening.decide(tx, both, bed.visit, granted=True)
    assert bed.visit in (await planning.get("/benh-an?xem=mo-lai")).text
    assert (await planning.post(f"{bed.address}/duyet", data={"tra-loi": "dong-y"})).status_code == 303
    assert (await doctor.post(f"{bed.address}/mo-lai")).status_code == 303
    await bed.writes("reason", text("Mổ bên trái"))
    async with database.transaction(hospital.key) as tx:
        old = await store.read(tx, bed.doctor, r4.QuestionnaireResponse, before.id or "")
        signatures = await closing.signed(tx, bed.doctor, old)
    assert old == before and [one.intact for one in signatures] == [True]
    assert (await bed.record()).record.id == f"{bed.visit}-2"


async def test_each_clock_runs_from_what_it_waits_for_and_the_board_shows_who_is_late(
    client: Client, database: Database, hospital: House
) -> None:
    late = await stay(database, hospital, hours=30)
    fresh = await stay(database, hospital, hours=1)
    doctor = await client("doctor")
    board = (await doctor.get("/benh-an/tre-han?viec=open")).text
    assert late.visit in board and fresh.visit not in board
    await late.opens()
    assert late.visit not in (await doctor.get("/benh-an/tre-han")).text
    visit = (await late.facts()).visit
    record = (await late.admits()).record
    order = r4.ServiceRequest(
        status="active", intent="order", subject=r4.Reference(), authoredOn=stamp(now() + timedelta(hours=1))
    )
    assert due_since(visit, record, []) is None
    written = msgspec.structs.replace(order, supportingInfo=[r4.Reference(reference="Composition/x")])
    assert due_since(visit, record, [written]) is None  # its entry of the daily sheet tells of it
    found = due_since(visit, record, [order])
    assert found and found[0] is Clock.WRITE
    await late.leaves()
    found = due_since((await late.facts()).visit, record, [])
    assert found and found[0] is Clock.CLOSE
    async with database.transaction(hospital.key) as tx:
        shown = await clocks.board(tx, late.doctor, clocks.Limits(12, 24), at=now() + timedelta(hours=13))
    assert [(one.clock, one.late) for one in shown if one.visit == late.visit] == [(Clock.CLOSE, False)]
