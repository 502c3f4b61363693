"""The archive: a finished, signed visit is handed in and taken out; to whom it opens in between, and that it stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, decide, service
from benhan.core.access.scopes import parse, parse_scopes
from benhan.core.access.vocabulary import State
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.store import archive
from benhan.core.store.search import count
from benhan.simulator.house import found_facility
from tests.core.access.reference_policy import Consent
from tests.core.store import guarded as kit
from tests.core.store.guarded import NOW, label, to

LETTERS = (Interaction.PRINT, Interaction.EXPORT, Interaction.SHARE)


class Place(msgspec.Struct):
    """The facility, another one, and a patient with an archived visit and one that is not."""

    key: int
    other: int
    database: Database
    patient: str = ""
    visit: str = ""

    def who(self, *roles: Role, **more: Any) -> Subject:
        """Somebody who works there."""
        return Subject(
            account="nv-lưu-trữ", name="Người Thử", facility=self.key, facility_name="", roles=frozenset(roles), **more
        )

    async def archived(self) -> None:
        """Hand the visit in."""
        async with self.database.transaction(self.key) as tx:
            await archive.archive(tx, self.who(Role.PLANNING), self.visit)

    async def shown(self, who: Subject, type_name: str = "Condition") -> bool:
        """Whether the record of the visit is read; the list, the count and the history say the same."""
        id_ = self.visit if type_name == "Encounter" else f"{self.visit}-{type_name}"
        type_ = codec.resource_type(type_name)
        async with self.database.transaction(self.key) as tx:
            page = await store.search(tx, who, type_, {"patient": f"Patient/{self.patient}"})
            listed = id_ in {one.id for one in page.resources}
            assert len(page.resources) == await count(tx, who, type_, {"patient": f"Patient/{self.patient}"})
            for ask in (store.read, store.history):
                try:
                    await ask(tx, who, type_, id_)  # type: ignore[operator]
                except Forbidden as refused:
                    assert not listed and refused.rule == "archived-opens-to-care"
                else:
                    assert listed
        return listed


@pytest_asyncio.fixture(scope="session")
async def houses(dsn: Callable[..., str]) -> tuple[int, int]:
    return (
        await found_facility(dsn(), "79791", "Bệnh viện Lưu Trữ", "79"),
        await found_facility(dsn(), "79792", "Bệnh viện Bên Cạnh", "79"),
    )


@pytest.fixture
async def place(database: Database, houses: tuple[int, int]) -> Place:
    """A patient seen long ago by b1 of k1, signed; and a visit that nobody signed."""
    key, other = houses
    found = Place(key, other, database, f"p{uuid4().hex}", f"v{uuid4().hex}")
    async with database.transaction(key) as tx:
        loader = service(Role.LOADER, key)
        await store.load(tx, loader, [r4.Patient(id=found.patient), *_visit(found.patient, found.visit)])
        await store.load(tx, loader, [_signature(found.patient, found.visit)])
        await store.load(tx, loader, _visit(found.patient, f"{found.visit}-2"))
    return found


def _visit(patient: str, id_: str, day: str = "2025-03-04") -> list[r4.Resource]:
    subject, here, text = to(f"Patient/{patient}"), to(f"Encounter/{id_}"), r4.CodeableConcept(text="x")
    return [
        r4.Encounter(
            id=id_, status="finished", class_=r4.Coding(code="AMB"), subject=subject,
            period=r4.Period(start=day, end=day), serviceProvider=to("Organization/k1"),
            participant=[r4.EncounterParticipant(individual=to("Practitioner/b1"))],
        ),
        r4.Condition(id=f"{id_}-Condition", subject=subject, encounter=here, code=text),
        r4.Observation(id=f"{id_}-Observation", status="final", code=text, subject=subject, encounter=here),
    ]  # fmt: skip


def _signature(patient: str, visit: str) -> r4.Provenance:
    kind, by = r4.Coding(system="urn:iso-astm:E1762-95:2013", code="1.2.840.10065.1.12.1.1"), to("Practitioner/b1")
    at = "2025-03-04T08:00:00+07:00"
    return r4.Provenance(
        target=[to(f"Encounter/{visit}/_history/1"), to(f"Encounter/{visit}"), to(f"Patient/{patient}")], recorded=at,
        agent=[r4.ProvenanceAgent(who=by)],
        signature=[r4.Signature(type=[kind], when=at, who=by, data="aGFzaA==")],
    )  # fmt: skip


async def test_a_visit_is_treated_then_closed_then_archived_then_closed_again(place: Place) -> None:
    planning, unsigned = place.who(Role.PLANNING), f"{place.visit}-2"
    async with place.database.transaction(place.key) as tx:
        both = [place.visit, unsigned]
        assert await archive.states(tx, planning, both) == {place.visit: State.CLOSED, unsigned: State.TREATED}
        with pytest.raises(Conflict):
            await archive.archive(tx, planning, unsigned)
        await archive.archive(tx, planning, place.visit)
        await archive.archive(tx, planning, place.visit)
        assert (await archive.states(tx, planning, both))[place.visit] is State.ARCHIVED
        for reason in ("", "  ", "x" * (archive.MOST_WORDS + 1)):
            with pytest.raises(Invalid):
                await archive.take_out(tx, planning, place.visit, reason)
        await archive.take_out(tx, planning, place.visit, "Toà án yêu cầu")
        assert (await archive.states(tx, planning, both))[place.visit] is State.CLOSED
        with pytest.raises(NotFound):
            await archive.take_out(tx, planning, place.visit, "Toà án yêu cầu")
        await archive.archive(tx, planning, place.visit)
    async with place.database.transaction(place.key) as tx:
        rows = await tx.fetch(
            "select action, detail, account, patient from audit where id = $1 and action like 'archive%' order by seq",
            place.visit,
        )
        encounter = await store.read(tx, planning, r4.Encounter, place.visit)
    assert [(row["action"], row["detail"]) for row in rows] == [
        ("archive", ""), ("archive-ended", "Toà án yêu cầu"), ("archive", ""),
    ]  # fmt: skip
    assert {(row["account"], row["patient"]) for row in rows} == {("nv-lưu-trữ", place.patient)}
    assert encounter.meta and encounter.meta.versionId == "1", "the record itself is not touched"


@pytest.mark.parametrize("state", ["finished", "in-progress"])
async def test_a_visit_is_closed_when_it_is_finished_and_signed(place: Place, state: str) -> None:
    """Its diagnoses are changed by nobody then, and before by who may; what belongs to no visit stays open."""
    visit, loader = f"{place.visit}-4", service(Role.LOADER, place.key)
    program = place.who(Role.CLIENT, scopes=parse_scopes("system/*.cruds"))
    encounter, condition, _reading = _visit(place.patient, visit)
    assert isinstance(encounter, r4.Encounter) and isinstance(condition, r4.Condition)
    free = msgspec.structs.replace(condition, id=f"{visit}-free", encounter=None)
    async with place.database.transaction(place.key) as tx:
        await store.load(tx, loader, [msgspec.structs.replace(encounter, status=state), condition, free])
        await store.load(tx, loader, [_signature(place.patient, visit)])
        open_ = await store.may_now(tx, program, "Condition", condition.id or "", Interaction.UPDATE)
        assert bool(open_) is (state != "finished")
        await store.update(tx, program, msgspec.structs.replace(free, recordedDate="2026"), if_match=None)
        changed = msgspec.structs.replace(condition, recordedDate="2026")
        if state != "finished":
            await store.update(tx, program, changed, if_match=None)
            return
        with pytest.raises(Conflict) as refused:
            await store.update(tx, program, changed, if_match=None)
        assert refused.value.rule == "signed-not-changed"
        with pytest.raises(Conflict) as refused:
            await store.delete(tx, program, r4.Condition, condition.id or "")
        assert refused.value.rule == "signed-not-deleted"


async def test_nobody_but_planning_keeps_the_archive(place: Place) -> None:
    for role in set(Role) - {Role.PLANNING}:
        async with place.database.transaction(place.key) as tx:
            with pytest.raises(Forbidden):
                await archive.archive(tx, place.who(role, patient=place.patient), place.visit)
            with pytest.raises(Forbidden):
                await archive.states(tx, place.who(role), [place.visit])
    await place.archived()
    async with place.database.transaction(place.key) as tx:
        with pytest.raises(Forbidden):
            await archive.take_out(tx, place.who(Role.DOCTOR), place.visit, "x")
    stranger = msgspec.structs.replace(place.who(Role.PLANNING), facility=place.other)
    async with place.database.transaction(place.other) as tx:
        with pytest.raises(NotFound):
            await archive.archive(tx, stranger, place.visit)
        with pytest.raises(NotFound):
            await archive.take_out(tx, stranger, place.visit, "x")


@pytest.mark.parametrize("scopes", ["system/*.cruds labelled/read", "system/DocumentManifest.cud bulk/import"])
async def test_no_program_and_no_role_writes_a_record_file(place: Place, scopes: str) -> None:
    program = place.who(Role.CLIENT, scopes=parse_scopes(scopes))
    for letter in (Interaction.CREATE, Interaction.UPDATE, Interaction.DELETE):
        assert decide(program, letter, "DocumentManifest").rule == "archive-not-by-programs"
        for role in set(Role) - {Role.ARCHIVE_SERVICE, Role.LOADER, Role.CLIENT}:
            assert not decide(place.who(role), letter, "DocumentManifest").allowed, role
    async with place.database.transaction(place.key) as tx:
        with pytest.raises(Forbidden):
            await store.create(tx, program, kit.record_file(place.visit, place.patient))


@pytest.mark.parametrize("type_name", ["Encounter", "Condition", "Observation"])
async def test_what_is_archived_opens_to_care_planning_and_herself(place: Place, type_name: str) -> None:
    doctor = place.who(Role.DOCTOR, practitioner="b9", departments=frozenset(["k9"]))
    assert await place.shown(doctor, type_name)
    await place.archived()
    former = place.who(Role.DOCTOR, practitioner="b1", departments=frozenset(["k1"]))
    program = place.who(Role.CLIENT, scopes=parse_scopes("system/*.rs labelled/read bulk/export"))
    for who in (doctor, former, program):
        assert not await place.shown(who, type_name), who
    glass = msgspec.structs.replace(doctor, broken_glass=frozenset([place.patient]))
    herself = place.who(Role.PATIENT, patient=place.patient)
    hers = msgspec.structs.replace(herself, program="máy", launched=place.patient, scopes=parse("patient/*.rs"))
    for who in (place.who(Role.PLANNING), glass, herself, hers):
        assert await place.shown(who, type_name), who
    async with place.database.transaction(place.key) as tx:
        again = kit.record_file(place.visit, place.patient)
        assert again.id == place.visit
        (visit, *_rest) = _visit(place.patient, f"{place.visit}-3", NOW.date().isoformat())
        participants = [r4.EncounterParticipant(individual=to("Practitioner/b9"))]
        now = msgspec.structs.replace(visit, participant=participants, serviceProvider=None)
        await store.create(tx, service(Role.LOADER, place.key), now)
    assert await place.shown(doctor, type_name), "she is in her care again"
    assert not await place.shown(former, type_name)
    async with place.database.transaction(place.key) as tx:
        await archive.take_out(tx, place.who(Role.PLANNING), place.visit, "Toà án yêu cầu")
    assert await place.shown(former, type_name)


async def test_a_consent_to_archived_records_opens_them_and_one_to_labels_does_not(place: Place) -> None:
    await place.archived()
    doctor = place.who(Role.DOCTOR, practitioner="b9")
    for codes in (("HIV",), ("HIV", State.ARCHIVED)):
        labels, days = frozenset(codes), kit.timedelta(days=1)
        one = Consent(place.patient, frozenset(["Practitioner/b9"]), labels, NOW - days, NOW + days)
        async with place.database.transaction(place.key) as tx:
            await store.create(tx, service(Role.LOADER, place.key), kit.consent(one))
        assert await place.shown(doctor) is (State.ARCHIVED in codes)


async def test_what_is_archived_is_changed_by_nobody_and_added_to(place: Place) -> None:
    await place.archived()
    care = {"practitioner": "b1", "broken_glass": frozenset([place.patient])}
    result = f"{place.visit}-Observation"
    async with place.database.transaction(place.key) as tx:
        kept = await store.read(tx, place.who(Role.PLANNING), r4.Observation, result)
    changed = msgspec.structs.replace(kept, status="corrected")
    for who in (
        place.who(Role.LABORATORY, **care), place.who(Role.NURSE, **care), service(Role.LOADER, place.key),
        place.who(Role.CLIENT, scopes=parse_scopes("system/*.cruds labelled/read")),
    ):  # fmt: skip
        async with place.database.transaction(place.key) as tx:
            with pytest.raises(Forbidden) as refused:
                await store.update(tx, who, changed, if_match=None)
            assert not await store.may_now(tx, who, "Observation", result, Interaction.UPDATE, Interaction.DELETE)
        assert refused.value.rule == "archived-not-changed"
    program = place.who(Role.CLIENT, scopes=parse_scopes("system/*.cruds"))
    async with place.database.transaction(place.key) as tx:
        with pytest.raises(Forbidden):
            await store.delete(tx, program, r4.Observation, result)
    late = msgspec.structs.replace(kept, id=f"{place.visit}-late")
    async with place.database.transaction(place.key) as tx:
        await store.create(tx, place.who(Role.LABORATORY), late)
        with pytest.raises(Forbidden):
            await store.read(tx, place.who(Role.LABORATORY), r4.Observation, late.id or "")


async def test_of_what_is_archived_planning_alone_makes_copies(place: Place) -> None:
    doctor = place.who(Role.DOCTOR, practitioner="b1", broken_glass=frozenset([place.patient]))
    planning, both = place.who(Role.PLANNING), ("Encounter", place.visit)
    async with place.database.transaction(place.key) as tx:
        assert await store.may_now(tx, doctor, *both, *LETTERS) == {Interaction.PRINT}
    await place.archived()
    async with place.database.transaction(place.key) as tx:
        assert await store.may_now(tx, doctor, *both, *LETTERS) == frozenset()
        assert await store.may_now(tx, planning, *both, *LETTERS) == {Interaction.PRINT, Interaction.EXPORT}
        await store.copied(tx, planning, Interaction.PRINT, *both, place.patient)
        with pytest.raises(Forbidden) as refused:
            await store.copied(tx, doctor, Interaction.PRINT, *both, place.patient)
    assert refused.value.rule == "archived-copied-by-planning"


async def test_only_a_record_file_archives(place: Place) -> None:
    """Neither a label that somebody writes into a record, nor a manifest of another kind, nor another visit's file."""
    loader, doctor = service(Role.LOADER, place.key), place.who(Role.DOCTOR)
    async with place.database.transaction(place.key) as tx:
        condition = await store.read(tx, loader, r4.Condition, f"{place.visit}-2-Condition")
        marked = msgspec.structs.replace(condition, meta=label(State.ARCHIVED))
        await store.update(tx, loader, marked, if_match=None)
        await store.create(tx, loader, kit.record_file(place.visit, place.patient, kind="x"))
        assert await store.read(tx, doctor, r4.Condition, marked.id or "")
    assert await place.shown(doctor)
    async with place.database.transaction(place.key) as tx:
        await store.load(tx, loader, [kit.record_file(f"{place.visit}-2", place.patient)])
    assert await place.shown(doctor)
