"""What looking leaves: nobody on a list is missing, a request names each patient once, a list opens no record."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.acts import Asked, acts
from benhan.core.access.audit import openings
from benhan.core.access.audit_event import audit_event
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.store import feed
from benhan.simulator import House
from tests.patient import people
from tests.settled import settled


async def _visited(database: Database, house: House, count: int) -> dict[str, str]:
    """Some patients, each with a visit: the ids of the visits by those of the patients."""
    async with database.transaction(house.key) as tx:
        persons = [await people.patient(tx, house, f"Tạ Thị Vết {n}") for n in range(count)]
        visits = [await people.visit(tx, house, person) for person in persons]
    return {person.id or "": visit.id or "" for person, visit in zip(persons, visits, strict=True)}


def _doctor(house: House) -> Subject:
    """A doctor with a session of this test's own, by which her traces are found."""
    return msgspec.structs.replace(house.subject(Role.DOCTOR), session=uuid4().hex)


async def _left(database: Database, who: Subject, action: str = "read") -> list[Any]:
    async with database.transaction(who.facility) as tx:
        return await tx.fetch(
            "select type, id, patient, rule, detail from audit where session = $1 and action = $2", who.session, action
        )


async def test_a_request_names_each_patient_of_a_list_once_with_all_that_it_showed_of_her(
    database: Database, hospital: House
) -> None:
    visits, doctor = await _visited(database, hospital, 3), _doctor(hospital)
    async with database.transaction(hospital.key) as tx:
        await store.search(tx, doctor, r4.Encounter, {"_id": ",".join(visits.values())})
        await store.search(tx, doctor, r4.Task, {"encounter": ",".join(f"Encounter/{one}" for one in visits.values())})
        await store.read_many(tx, doctor, r4.Patient, visits)
    rows = {row["patient"]: row for row in await _left(database, doctor)}
    assert len(await _left(database, doctor)) == len(rows) == 3 and set(rows) == set(visits)
    for patient, visit in visits.items():
        row = rows[patient]
        assert (row["id"], row["type"].split(",")[0], row["type"].split(",")[-1]) == (None, "Encounter", "Patient")
        assert {f"Encounter/{visit}", f"Patient/{patient}"} <= set(row["detail"].removeprefix("search ").split())
        assert row["rule"] == "doctor-reads-chart"
    assert {row["type"] for row in await _left(database, doctor, "search")} == {"Encounter", "Task"}


async def test_a_program_that_reviews_access_finds_the_list_at_each_of_its_patients(
    database: Database, hospital: House
) -> None:
    visits, doctor = await _visited(database, hospital, 2), _doctor(hospital)
    async with database.transaction(hospital.key) as tx:
        await store.search(tx, doctor, r4.Encounter, {"_id": ",".join(visits.values())})
        await store.read_many(tx, doctor, r4.Patient, visits)
    for patient in visits:
        async with database.transaction(hospital.key) as tx:
            page = await acts(tx, hospital.subject(Role.REVIEWER), Asked(patient=patient, actions=("read",)))
        [act] = [one for one in page.acts if one.session == doctor.session]
        types = [entity.what.type for entity in audit_event(act, "", "").entity or () if entity.what]
        assert types[:2] == ["Encounter", "Patient"]


async def test_what_a_request_reads_one_by_one_leaves_its_trace_before_it_ends(
    database: Database, hospital: House
) -> None:
    visits, doctor = await _visited(database, hospital, 2), _doctor(hospital)
    async with database.transaction(hospital.key) as tx:
        for patient, visit in visits.items():
            await store.read(tx, doctor, r4.Patient, patient)
            await store.read(tx, doctor, r4.Encounter, visit)
    assert {(row["type"], row["id"]) for row in await _left(database, doctor)} == {
        (type_, id_) for pair in visits.items() for type_, id_ in zip(("Patient", "Encounter"), pair, strict=True)
    }


async def test_a_name_that_went_by_in_a_list_is_no_record_that_was_opened(database: Database, hospital: House) -> None:
    visits, doctor = await _visited(database, hospital, 2), _doctor(hospital)
    opened, passed = visits
    async with database.transaction(hospital.key) as tx:
        await store.read_many(tx, doctor, r4.Patient, visits)
    async with database.transaction(hospital.key) as tx:
        await store.read_many(tx, doctor, r4.Patient, [opened])
        await store.read(tx, doctor, r4.Encounter, visits[opened])
    reviewer = hospital.subject(Role.REVIEWER)
    async with database.transaction(hospital.key) as tx:
        mine = [one for one in await openings(tx, reviewer, opened) if one.account == doctor.account]
        others = [one for one in await openings(tx, reviewer, passed) if one.account == doctor.account]
    assert [set(one.types) for one in mine] == [{"Patient", "Encounter"}] and others == []


async def test_a_reader_of_the_feed_learns_of_news_without_writing_anything(
    database: Database, loader: Subject
) -> None:
    name = f"đọc {uuid4().hex}"
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, r4.Patient(name=[r4.HumanName(text="Tạ Thị Mới")]))
    await settled(database)
    async with database.transaction(PLATFORM) as tx:
        assert await feed.has_news(tx, name)
        assert await tx.fetchval("select pg_current_xact_id_if_assigned()") is None
    async with database.transaction(PLATFORM) as tx:
        await feed.position(tx, name)
        await feed.advance(tx, name, feed.Position(feed.LAST, feed.LAST))
    async with database.transaction(PLATFORM) as tx:
        assert not await feed.has_news(tx, name)
        await tx.execute("delete from feed_reader where name = $1", name)
