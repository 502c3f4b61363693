"""Receiving somebody, once, however often Enter is pressed; and taking it back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Forbidden
from benhan.core.kit import clock
from benhan.core.store.records import new_id, version_of
from benhan.hospital.reception import desk, rooms
from benhan.hospital.reception.booking_rules import guest_of
from benhan.hospital.visit import EMERGENCY, id_of, identifier, ticket_number
from benhan.simulator import House
from tests.hospital.reception import desk_people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Make = Callable[..., Subject]


async def room(database: Database, who: Subject, kind: str = "clinic", place: int = 0) -> rooms.Room:
    async with database.transaction(who.facility) as tx:
        return [one for one in await rooms.open_rooms(tx, who) if one.kind == kind][place]


async def arrival(database: Database, house: House, who: Subject, **told: object) -> desk.Arrival:
    """Somebody new who stands at the desk."""
    async with database.transaction(who.facility) as tx:
        patient = await desk_people.patient(tx, house)
    known = {"key": new_id(), "patient": patient.id, "room": await room(database, who)}
    return desk.Arrival(**(known | told))  # type: ignore[arg-type]


async def received(database: Database, who: Subject, arrival: desk.Arrival) -> r4.Task:
    async with database.transaction(who.facility) as tx:
        return await desk.check_in(tx, who, arrival)


async def visit_of(database: Database, who: Subject, ticket: r4.Task) -> r4.Encounter:
    async with database.transaction(who.facility) as tx:
        return await store.read(tx, who, r4.Encounter, id_of(ticket.encounter) or "")


async def test_a_walk_in_gets_a_visit_a_number_and_a_ticket(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    one = await arrival(database, hospital, who, scanned=clock.now() - timedelta(seconds=6.2), reason="Đau bụng")
    ticket = await received(database, who, one)
    visit = await visit_of(database, who, ticket)
    assert ticket_number(ticket).startswith("N-")
    assert (ticket.status, ticket.priority) == ("requested", "routine")
    assert (visit.status, visit.class_.code) == ("arrived", "AMB")
    assert (identifier(visit, systems.VISIT_NUMBER) or "").startswith("LK-")
    assert visit.reasonCode and visit.reasonCode[0].text == "Đau bụng"
    assert id_of(visit.location[0].location) == one.room.id if visit.location else False


async def test_twenty_presses_at_once_make_one_ticket(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    one = await arrival(database, hospital, who)
    tickets = await asyncio.gather(*(received(database, who, one) for _ in range(20)))
    assert len({ticket.id for ticket in tickets}) == 1


async def test_twenty_desks_at_once_make_one_ticket_for_a_booking(
    database: Database, hospital: House, subject: Make
) -> None:
    who = subject("reception")
    async with database.transaction(who.facility) as tx:
        patient = await desk_people.patient(tx, hospital)
        booking = await desk_people.booking(tx, hospital)
    place = await room(database, who)
    forms = [desk.Arrival(key=new_id(), patient=str(patient.id), room=place, booking=booking.id) for _ in range(20)]
    tickets = await asyncio.gather(*(received(database, who, form) for form in forms))
    assert len({ticket.id for ticket in tickets}) == 1


async def test_the_same_patient_in_the_same_room_keeps_the_ticket_and_in_another_gets_one(
    database: Database, hospital: House, subject: Make
) -> None:
    who = subject("reception")
    one = await arrival(database, hospital, who)
    first = await received(database, who, one)
    again = await received(database, who, desk.Arrival(key=new_id(), patient=one.patient, room=one.room))
    elsewhere = await room(database, who, place=3)
    other = await received(database, who, desk.Arrival(key=new_id(), patient=one.patient, room=elsewhere))
    assert again.id == first.id
    assert other.id != first.id


async def test_ticket_numbers_have_no_gap_however_many_press(
    database: Database, hospital: House, subject: Make
) -> None:
    who = subject("reception")
    arrivals = [await arrival(database, hospital, who) for _ in range(8)]
    tickets = await asyncio.gather(*(received(database, who, one) for one in arrivals))
    numbers = sorted(int(ticket_number(ticket)[2:]) for ticket in tickets)
    assert numbers == list(range(numbers[0], numbers[0] + 8))


async def test_a_booking_is_honoured_and_its_guest_becomes_the_patient(
    database: Database, hospital: House, subject: Make
) -> None:
    who = subject("reception")
    async with database.transaction(who.facility) as tx:
        booking = await desk_people.booking(tx, hospital)
    one = await arrival(database, hospital, who, booking=booking.id)
    ticket = await received(database, who, one)
    async with database.transaction(who.facility) as tx:
        kept = await store.read(tx, who, r4.Appointment, str(booking.id))
    visit = await visit_of(database, who, ticket)
    assert kept.status == "arrived"
    assert guest_of(kept) is None
    assert kept.participant[0].actor and id_of(kept.participant[0].actor) == one.patient
    assert visit.appointment and id_of(visit.appointment[0]) == booking.id


async def test_a_booking_of_another_day_is_refused(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    async with database.transaction(who.facility) as tx:
        booking = await desk_people.booking(tx, hospital, at=clock.now() + timedelta(days=2))
    one = await arrival(database, hospital, who, booking=booking.id)
    with pytest.raises(desk.BookingNotToday, match="không phải hôm nay"):
        await received(database, who, one)


@pytest.mark.parametrize(
    ("group", "letter", "priority"),
    [("tu-75-tuoi", "U", "urgent"), ("cap-cuu", "C", "stat"), (None, "N", "routine")],
)
async def test_the_group_decides_series_and_priority(
    database: Database, hospital: House, subject: Make, group: str | None, letter: str, priority: str
) -> None:
    who = subject("reception")
    ticket = await received(database, who, await arrival(database, hospital, who, group=group))
    assert (ticket_number(ticket)[0], ticket.priority) == (letter, priority)


async def test_the_emergency_room_makes_an_emergency(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    one = await arrival(database, hospital, who, room=await room(database, who, EMERGENCY))
    ticket = await received(database, who, one)
    assert (ticket.priority, (await visit_of(database, who, ticket)).class_.code) == ("stat", "EMER")


async def test_children_and_the_old_come_first_by_age() -> None:
    today = clock.now()
    assert desk.priority_by_age(f"{today.year - 80}-01-01", today) == "tu-75-tuoi"
    assert desk.priority_by_age(f"{today.year - 3}-01-01", today) == "tre-duoi-6"
    assert desk.priority_by_age(f"{today.year - 40}", today) is None
    assert desk.priority_by_age(None, today) is None


async def test_undo_takes_everything_back_and_the_booking_is_as_it_was(
    database: Database, hospital: House, subject: Make
) -> None:
    who = subject("reception")
    async with database.transaction(who.facility) as tx:
        booking = await desk_people.booking(tx, hospital, name="Vũ Văn Ẩn")
    ticket = await received(database, who, await arrival(database, hospital, who, booking=booking.id))
    for _ in range(2):
        async with database.transaction(who.facility) as tx:
            assert (await desk.undo(tx, who, str(ticket.id))).status == "cancelled"
    async with database.transaction(who.facility) as tx:
        kept = await store.read(tx, who, r4.Appointment, str(booking.id))
    guest = guest_of(kept)
    assert (await visit_of(database, who, ticket)).status == "cancelled"
    assert kept.status == "booked"
    assert guest and guest.name and guest.name[0].text == "Vũ Văn Ẩn"


async def test_after_undo_the_booking_can_be_honoured_again(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    async with database.transaction(who.facility) as tx:
        booking = await desk_people.booking(tx, hospital)
    one = await arrival(database, hospital, who, booking=booking.id)
    first = await received(database, who, one)
    async with database.transaction(who.facility) as tx:
        await desk.undo(tx, who, str(first.id))
    second = await received(
        database, who, desk.Arrival(key=new_id(), patient=one.patient, room=one.room, booking=booking.id)
    )
    assert second.id != first.id
    assert second.status == "requested"


async def test_who_was_called_cannot_be_taken_back(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    ticket = await received(database, who, await arrival(database, hospital, who))
    async with database.transaction(who.facility) as tx:
        ticket.status = "ready"
        await store.update(tx, subject("doctor"), ticket, if_match=version_of(ticket))
    with pytest.raises(Conflict, match="đã được gọi"):
        async with database.transaction(who.facility) as tx:
            await desk.undo(tx, who, str(ticket.id))


async def test_after_ten_seconds_it_is_too_late(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    ticket = await received(database, who, await arrival(database, hospital, who))
    with pytest.raises(Conflict, match="quá 10 giây"):
        async with database.transaction(who.facility) as tx:
            await desk.undo(tx, who, str(ticket.id), clock.now() + timedelta(seconds=30))
    assert (await visit_of(database, who, ticket)).status == "arrived"


async def test_a_form_of_somebody_elses_visit_is_refused(database: Database, hospital: House, subject: Make) -> None:
    who = subject("reception")
    one = await arrival(database, hospital, who)
    await received(database, who, one)
    with pytest.raises(Conflict, match="người khác"):
        await received(database, who, await arrival(database, hospital, who, key=one.key))


async def test_a_laboratory_technician_receives_nobody(database: Database, hospital: House, subject: Make) -> None:
    one = await arrival(database, hospital, subject("reception"))
    with pytest.raises(Forbidden):
        await received(database, subject("laboratory"), one)
