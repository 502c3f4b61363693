"""Tickets in the store: given once, called once, however many call at the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, VersionConflict
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.hospital.visit import CLINIC, concept, human_name, ticket_number
from benhan.simulator import House

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def arrive(database: Database, hospital: House, room_id: str, count: int, **how: object) -> list[r4.Task]:
    """So many people with tickets for a room, one after the other."""
    who, tickets = hospital.loader, []
    for n in range(count):
        async with database.transaction(hospital.key) as tx:
            patient = await store.create(tx, who, r4.Patient(name=[human_name("Đặng Thị Tâm")], gender="female"))
            room = await store.read(tx, who, r4.Location, room_id)
            at = clock.now() - timedelta(seconds=count - n)
            reference = store.reference(patient, "Đặng Thị Tâm")
            tickets.append(await queue.issue(tx, who, reference, None, room, at=at, **how))  # type: ignore[arg-type]
    return tickets


async def fresh_room(database: Database, hospital: House) -> str:
    """A room in which nobody of another test waits."""
    async with database.transaction(hospital.key) as tx:
        made = r4.Location(status="active", name="Phòng thử", type=[concept(systems.ROOM_TYPE, CLINIC)])
        return (await store.create(tx, hospital.loader, made)).id or ""


async def test_twenty_nurses_who_call_at_once_get_twenty_different_people(database: Database, hospital: House) -> None:
    who = hospital.subject(Role.NURSE)
    tickets = await arrive(database, hospital, "phong-pk07", 15)

    async def call() -> r4.Task | None:
        async with database.transaction(hospital.key) as tx:
            return await queue.call_next(tx, who, "phong-pk07")

    called = [one for one in await asyncio.gather(*(call() for _ in range(20))) if one]
    assert sorted(one.id or "" for one in called) == sorted(one.id or "" for one in tickets)


async def test_numbers_of_a_day_have_no_gap_and_no_twin(database: Database, hospital: House) -> None:
    async def one() -> str:
        [ticket] = await arrive(database, hospital, "phong-ha04", 1, kind="imaging")
        return ticket_number(ticket)

    numbers = sorted(int(number.removeprefix("H-")) for number in await asyncio.gather(*(one() for _ in range(12))))
    assert numbers == list(range(numbers[0], numbers[0] + 12))


async def test_a_visit_keeps_its_ticket_when_it_is_sent_to_the_same_room_again(
    database: Database, hospital: House
) -> None:
    who = hospital.loader
    async with database.transaction(hospital.key) as tx:
        patient = await store.create(tx, who, r4.Patient(name=[human_name("Lê Nam")], gender="male"))
        visit = await store.create(
            tx, who, r4.Encounter(status="arrived", class_=r4.Coding(code="AMB"), subject=store.reference(patient))
        )
        room = await store.read(tx, who, r4.Location, "phong-pk08")
        first = await queue.issue(tx, who, store.reference(patient, "Lê Nam"), store.reference(visit), room)
        again = await queue.issue(tx, who, store.reference(patient, "Lê Nam"), store.reference(visit), room)
        assert again.id == first.id
        assert [one.id for one in await queue.of_visit(tx, who, visit.id or "")] == [first.id]


async def test_the_life_of_a_ticket(database: Database, hospital: House) -> None:
    who: Subject = hospital.subject(Role.DOCTOR)
    room = await fresh_room(database, hospital)
    [ticket] = await arrive(database, hospital, room, 1)
    async with database.transaction(hospital.key) as tx:
        called = await queue.call_next(tx, who, room)
        assert called and called.id == ticket.id
        assert called.owner and called.owner.reference == f"Practitioner/{who.practitioner}"
        skipped = await queue.skip(tx, who, called)
        assert await queue.call_next(tx, who, room) is None, "who is skipped is not called by turn"
        back = await queue.restore(tx, who, skipped)
        assert [one.id for one in await queue.waiting(tx, who, [room])] == [ticket.id]
        recalled = await queue.recall(tx, who, await queue.call(tx, who, back))
        assert len(recalled.output or []) == 3
        serving = await queue.start(tx, who, recalled)
        assert await queue.start(tx, who, serving) == serving
        done = await queue.finish(tx, who, serving)
        assert done.status == "completed" and done.executionPeriod and done.executionPeriod.end
        with pytest.raises(Conflict):
            await queue.skip(tx, who, done)


async def test_two_who_act_on_the_same_ticket_do_not_overwrite_each_other(database: Database, hospital: House) -> None:
    who = hospital.subject(Role.NURSE)
    [ticket] = await arrive(database, hospital, "phong-pk10", 1)
    async with database.transaction(hospital.key) as tx:
        await queue.call(tx, who, ticket)
    async with database.transaction(hospital.key) as tx:
        with pytest.raises(VersionConflict):
            await queue.skip(tx, who, ticket)


async def test_another_hospital_does_not_see_the_queue(
    database: Database, hospital: House, other_hospital: House
) -> None:
    await arrive(database, hospital, "phong-pk11", 1)
    async with database.transaction(other_hospital.key) as tx:
        assert await queue.waiting(tx, other_hospital.subject(Role.NURSE), ["phong-pk11"]) == []
