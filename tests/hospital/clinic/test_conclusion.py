"""A doctor ends a visit with her password; what she signed stays what it was, and everybody can see that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import asyncpg
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit.clock import now, today
from benhan.core.store.records import version_of
from benhan.hospital import stay
from benhan.hospital import visit as words
from benhan.hospital.clinic import conclusion, prescribing
from benhan.hospital.clinic import prescribing_rules as limits
from benhan.hospital.clinic.conclusion import ChangedMeanwhile, Incomplete, WrongPassword
from benhan.hospital.clinic.conclusion_rules import Decision
from benhan.simulator import House

from .rooms import HOME, Room, room, stocked, twice

Subjects = Callable[..., Subject]


@pytest.fixture
async def visit(database: Database, loader: Subject, subject: Subjects) -> Room:
    return await room(database, loader, subject("doctor"))


async def sign(here: Room, password: str, decision: Decision = HOME, seen: str | None = None) -> r4.Encounter:
    shown = await here.seal() if seen is None else seen
    async with here.database.transaction(here.doctor.facility) as tx:
        return await conclusion.sign(tx, here.doctor, here.visit, decision, shown, password)


async def prescribe(here: Room, loader: Subject, *names: str) -> None:
    medicines = await stocked(here.database, loader)
    for name in names:
        async with here.database.transaction(here.doctor.facility) as tx:
            await prescribing.add(tx, here.doctor, here.visit, medicines[name], twice())


async def verdicts(here: Room) -> list[conclusion.Verdict]:
    visit = await here.encounter()
    async with here.database.transaction(here.doctor.facility) as tx:
        return await conclusion.verify(tx, here.doctor, visit)


async def test_signing_ends_the_visit_the_note_the_prescription_and_the_ticket(
    visit: Room, loader: Subject, hospital: House
) -> None:
    await prescribe(visit, loader, "Paracetamol")
    signed = await sign(visit, hospital.password)
    assert signed.status == "finished"
    assert signed.hospitalization and words.code_of(signed.hospitalization.dischargeDisposition) == "home"
    assert signed.statusHistory and signed.statusHistory[-1].status == "in-progress"
    (line,) = await visit.all(r4.MedicationRequest)
    assert line.status == "active"
    assert line.groupIdentifier and limits.CODE.fullmatch(line.groupIdentifier.value or "")
    (note,) = await visit.all(r4.Composition)
    assert note.status == "final"
    (ticket,) = await visit.all(r4.Task)
    assert ticket.status == "completed"


async def test_the_signature_names_signer_time_and_a_hash_that_holds(visit: Room, hospital: House) -> None:
    await sign(visit, hospital.password)
    (verdict,) = await verdicts(visit)
    assert verdict.intact and not verdict.newer
    assert verdict.signed.name == visit.doctor.name
    assert verdict.signed.account == visit.doctor.account
    (provenance,) = await visit.all(r4.Provenance, target=f"Encounter/{visit.visit}")
    async with visit.database.transaction(hospital.key) as tx:
        trace = await tx.fetchrow("select * from audit where action = 'sign' and id = $1", provenance.id)
    assert trace and trace["account"] == visit.doctor.account and trace["patient"]
    assert f"Encounter/{visit.visit}" in trace["detail"]


async def test_a_later_version_of_a_signed_record_is_told(
    visit: Room, loader: Subject, subject: Subjects, hospital: House
) -> None:
    result = r4.Observation(
        status="final", code=words.concept(systems.LOINC, "6690-2", "Bạch cầu"), valueString="12",
        subject=r4.Reference(reference=f"Patient/{visit.patient}"),
        encounter=r4.Reference(reference=f"Encounter/{visit.visit}"),
    )  # fmt: skip
    async with visit.database.transaction(loader.facility) as tx:
        result = await store.create(tx, loader, result)
    await sign(visit, hospital.password)
    async with visit.database.transaction(loader.facility) as tx:
        corrected = msgspec.structs.replace(result, status="corrected", valueString="21")
        await store.update(tx, subject("laboratory"), corrected, if_match=None)
    (verdict,) = await verdicts(visit)
    assert verdict.intact
    assert verdict.newer == ["Bạch cầu"]


@pytest.mark.parametrize("role", ["doctor", "loader"])
async def test_nobody_changes_what_belongs_to_a_signed_visit(
    visit: Room, loader: Subject, hospital: House, role: str
) -> None:
    await prescribe(visit, loader, "Paracetamol")
    await sign(visit, hospital.password)
    who = visit.doctor if role == "doctor" else loader
    (diagnosis,), (line,) = await visit.all(r4.Condition), await visit.all(r4.MedicationRequest)
    other = msgspec.structs.replace(diagnosis, code=words.concept(systems.ICD10, "J20.9", "Viêm phế quản cấp"))
    encounter = msgspec.structs.replace(await visit.encounter(), status="in-progress")
    for changed in (other, msgspec.structs.replace(line, status="cancelled"), encounter):
        async with visit.database.transaction(loader.facility) as tx:
            with pytest.raises(Conflict) as refused:
                await store.update(tx, who, changed, if_match=None)
        assert refused.value.rule == "signed-not-changed" and "signed-not-changed" in (refused.value.advice or "")
    async with visit.database.transaction(loader.facility) as tx:
        assert not await store.may_now(tx, who, "Condition", diagnosis.id or "", Interaction.UPDATE)
    (verdict,) = await verdicts(visit)
    assert verdict.intact and not verdict.newer


async def test_the_readings_that_a_doctor_signed_she_changes_no_more(
    visit: Room, loader: Subject, hospital: House, subject: Subjects
) -> None:
    reading = r4.Observation(
        status="final", code=words.concept(systems.LOINC, words.PULSE, "Mạch"), valueString="80",
        subject=r4.Reference(reference=f"Patient/{visit.patient}"),
        encounter=r4.Reference(reference=f"Encounter/{visit.visit}"),
    )  # fmt: skip
    async with visit.database.transaction(loader.facility) as tx:
        reading = await store.create(tx, subject("nurse"), reading)
    await sign(visit, hospital.password)
    async with visit.database.transaction(loader.facility) as tx:
        with pytest.raises(Conflict) as refused:
            changed = msgspec.structs.replace(reading, valueString="90")
            await store.update(tx, subject("nurse"), changed, if_match=None)
    assert refused.value.rule == "signed-readings-not-changed"


async def test_content_changed_behind_the_store_breaks_the_signature(
    visit: Room, hospital: House, dsn: Callable[..., str]
) -> None:
    await sign(visit, hospital.password)
    (diagnosis,) = await visit.all(r4.Condition)
    owner = await asyncpg.connect(dsn())  # somebody with the keys of the database itself
    for table in ("history", "resource"):
        await owner.execute(
            f"update {table} set body = convert_to(replace(convert_from(body, 'UTF8'), 'J18.9', 'J20.9'), 'UTF8')"
            " where id = $1",
            diagnosis.id,
        )
    await owner.close()
    (verdict,) = await verdicts(visit)
    assert not verdict.intact


async def test_a_wrong_password_changes_nothing(visit: Room, loader: Subject) -> None:
    await prescribe(visit, loader, "Paracetamol")
    before = await visit.seal()
    with pytest.raises(WrongPassword):
        await sign(visit, "không phải mật khẩu")
    assert await visit.seal() == before
    assert await verdicts(visit) == []


async def test_what_is_missing_is_said_and_nothing_is_signed(
    database: Database, loader: Subject, subject: Subjects, hospital: House
) -> None:
    bare = await room(database, loader, subject("doctor"), ready=False)
    with pytest.raises(Incomplete) as said:
        await sign(bare, hospital.password)
    assert said.value.message == "Còn thiếu: chẩn đoán chính, phần khám"
    assert (await bare.encounter()).status == "in-progress"


async def test_a_child_below_72_months_needs_a_weight_for_its_prescription(
    database: Database, loader: Subject, subject: Subjects, hospital: House
) -> None:
    born = (today() - timedelta(days=3 * 365)).isoformat()
    child = await room(database, loader, subject("doctor"), born=born)
    await prescribe(child, loader, "Paracetamol")
    with pytest.raises(Incomplete, match="cân nặng"):
        await sign(child, hospital.password)
    weight = words.observation(
        child.patient, child.visit, words.concept(systems.LOINC, words.WEIGHT, "Cân nặng"), "vital-signs", now()
    )
    weight = msgspec.structs.replace(weight, valueQuantity=r4.Quantity(value=Decimal("13.5"), unit="kg"))
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, weight)
    assert (await sign(child, hospital.password)).status == "finished"


async def test_a_change_since_the_page_was_shown_is_refused_by_name(
    visit: Room, loader: Subject, hospital: House
) -> None:
    shown = await visit.seal()
    await prescribe(visit, loader, "Paracetamol")
    with pytest.raises(ChangedMeanwhile) as said:
        await sign(visit, hospital.password, seen=shown)
    assert said.value.changes == ["mới: Paracetamol 500 mg"]
    assert (await visit.encounter()).status == "in-progress"


async def test_a_double_click_signs_once(visit: Room, loader: Subject, hospital: House) -> None:
    await prescribe(visit, loader, "Paracetamol")
    shown = await visit.seal()
    await asyncio.gather(*(sign(visit, hospital.password, seen=shown) for _ in range(4)))
    assert len(await verdicts(visit)) == 1
    assert len(await visit.all(r4.Provenance, target=f"Encounter/{visit.visit}")) == 1


async def test_a_line_is_never_slipped_under_a_signature(visit: Room, loader: Subject, hospital: House) -> None:
    shown = await visit.seal()
    done = await asyncio.gather(
        sign(visit, hospital.password, seen=shown), prescribe(visit, loader, "Paracetamol"), return_exceptions=True
    )
    assert any(isinstance(one, Conflict | ChangedMeanwhile) for one in done)
    standing = [one for one in await visit.all(r4.MedicationRequest) if one.status == "draft"]
    assert not ((await visit.encounter()).status == "finished" and standing)


async def test_narcotics_get_a_prescription_of_their_own(visit: Room, loader: Subject, hospital: House) -> None:
    await prescribe(visit, loader, "Paracetamol", "Morphin")
    await sign(visit, hospital.password)
    codes = {one.groupIdentifier.value or "" for one in await visit.all(r4.MedicationRequest) if one.groupIdentifier}
    assert sorted(code[-2:] for code in codes) == ["-C", "-N"]


async def test_a_signed_visit_takes_no_line_and_no_second_outcome(
    visit: Room, loader: Subject, hospital: House
) -> None:
    await sign(visit, hospital.password)
    with pytest.raises(Conflict):
        await prescribe(visit, loader, "Paracetamol")
    again = await sign(visit, hospital.password, Decision(outcome="refer", place="BV Bạch Mai", reason="quá khả năng"))
    assert words.code_of(again.hospitalization and again.hospitalization.dischargeDisposition) == "home"


async def test_an_addendum_is_signed_beside_the_note_and_leaves_it_alone(visit: Room, hospital: House) -> None:
    await sign(visit, hospital.password)
    for _ in range(2):  # a double click
        async with visit.database.transaction(visit.doctor.facility) as tx:
            await conclusion.add(tx, visit.doctor, visit.visit, "Người nhà báo thêm: dị ứng tôm.", hospital.password)
    first, second = await verdicts(visit)
    assert not first.addendum and first.intact and not first.newer
    assert second.addendum and second.intact
    assert second.text == "Người nhà báo thêm: dị ứng tôm."
    (added,) = [one for one in await visit.all(r4.Composition) if one.relatesTo]
    assert added.relatesTo and added.relatesTo[0].code == "appends"


async def test_an_open_visit_takes_no_addendum(visit: Room, hospital: House) -> None:
    async with visit.database.transaction(visit.doctor.facility) as tx:
        with pytest.raises(Conflict):
            await conclusion.add(tx, visit.doctor, visit.visit, "x", hospital.password)


async def test_a_revisit_without_a_slot_is_proposed_for_its_day(visit: Room, hospital: House) -> None:
    day = today() + timedelta(days=7)
    await sign(visit, hospital.password, Decision(outcome="revisit", revisit=day))
    (booking,) = await visit.all(r4.Appointment, patient=f"Patient/{visit.patient}")
    assert booking.status == "proposed"
    assert booking.requestedPeriod and (booking.requestedPeriod[0].start or "").startswith(day.isoformat())


async def test_a_revisit_takes_a_free_slot_once(
    database: Database, loader: Subject, subject: Subjects, hospital: House, visit: Room
) -> None:
    start = (now() + timedelta(days=9)).replace(hour=9, minute=0, second=0, microsecond=0)
    schedule = r4.Schedule(actor=[r4.Reference(reference=f"Practitioner/{visit.doctor.practitioner}")])
    async with database.transaction(loader.facility) as tx:
        schedule = await store.create(tx, loader, schedule)
        slot = r4.Slot(
            schedule=store.reference(schedule), status="free", start=words.stamp(start),
            end=words.stamp(start + timedelta(minutes=15)),
        )  # fmt: skip
        slot = await store.create(tx, loader, slot)
    decision = Decision(outcome="revisit", revisit=start.date(), slot=slot.id)
    await sign(visit, hospital.password, decision)
    (booking,) = await visit.all(r4.Appointment, patient=f"Patient/{visit.patient}")
    assert booking.status == "booked" and booking.start == slot.start
    other = await room(database, loader, subject("doctor"))
    with pytest.raises(Conflict):
        await sign(other, hospital.password, decision)
    assert (await other.encounter()).status == "in-progress"


@pytest.mark.parametrize(
    ("decision", "field"),
    [
        (Decision(outcome="revisit"), "revisit"),
        (Decision(outcome="revisit", revisit=today()), "revisit"),
        (Decision(outcome="refer", place="BV Bạch Mai"), "reason"),
        (Decision(outcome="admit"), "department"),
        (Decision(outcome="vanish"), "outcome"),
    ],
)
async def test_an_outcome_without_what_it_needs_is_refused_at_its_field(
    visit: Room, hospital: House, decision: Decision, field: str
) -> None:
    with pytest.raises(Invalid) as said:
        await sign(visit, hospital.password, decision)
    assert said.value.where == field


async def test_a_booking_is_fulfilled_when_its_visit_ends(visit: Room, loader: Subject, hospital: House) -> None:
    encounter = await visit.encounter()
    async with visit.database.transaction(loader.facility) as tx:
        person = r4.AppointmentParticipant(actor=encounter.subject, status="accepted")
        booking = await store.create(
            tx, loader,
            r4.Appointment(
                status="arrived", start=words.stamp(now()), end=words.stamp(now() + timedelta(minutes=15)),
                participant=[person],
            ),
        )  # fmt: skip
        linked = msgspec.structs.replace(encounter, appointment=[store.reference(booking)])
        await store.update(tx, loader, linked, if_match=version_of(encounter))
    await sign(visit, hospital.password)
    (found,) = await visit.all(r4.Appointment, patient=f"Patient/{visit.patient}")
    assert found.status == "fulfilled"


async def test_who_is_to_be_admitted_waits_for_a_bed_of_that_department(visit: Room, hospital: House) -> None:
    await sign(visit, hospital.password, Decision(outcome="admit", department="khoa-k04", department_name="Tim mạch"))
    waiting = [one for one in await visit.all(r4.Encounter, patient=f"Patient/{visit.patient}") if stay.is_stay(one)]
    assert [(one.status, stay.department(one)) for one in waiting] == [("planned", "khoa-k04")]
    assert waiting[0].reasonReference and waiting[0].reasonCode
