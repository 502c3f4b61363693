"""No slot is ever given twice, and who comes second is told what else is free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import asyncpg
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.hospital.reception import booking, booking_rules
from benhan.hospital.reception.booking_rules import Guest, SlotTaken, start_of
from benhan.hospital.visit import stamp
from benhan.simulator import House

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def statistics(dsn: Callable[..., str], hospital: House) -> None:
    """PostgreSQL has looked at the tables once, as it does by itself within a minute of a load."""
    owner = await asyncpg.connect(dsn())
    await owner.execute("analyze")
    await owner.close()


def guest(number: int, **other: str) -> Guest:
    """Somebody with a telephone number of her own."""
    return Guest(
        **{"name": "Đặng Thị Tâm", "birth": "1980-02-03", "phone": f"09{number:08d}", "gender": "female", **other}
    )


async def free_slots(database: Database, hospital: House, count: int, doctor: str) -> list[r4.Slot]:
    """The first free slots of a doctor from tomorrow on."""
    who = service(Role.BOOKING_SERVICE, hospital.key)
    async with database.transaction(hospital.key) as tx:
        params = {
            "schedule": f"Schedule/lich-{doctor}",
            "status": "free",
            "start": f"ge{stamp(clock.now() + timedelta(days=1))}",
            "_sort": "start",
            "_count": str(count),
        }
        return (await store.search(tx, who, r4.Slot, params)).resources


async def test_of_two_hundred_who_want_ten_slots_ten_get_one_each(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    slots = await free_slots(database, hospital, 10, "bs01")

    async def attempt(number: int) -> r4.Appointment | SlotTaken:
        try:
            async with database.transaction(hospital.key) as tx:
                slot = slots[number % 10]
                assert slot.id
                return await booking.book(tx, who, slot.id, guest(number), channel="web")
        except SlotTaken as taken:
            return taken

    answers = await asyncio.gather(*(attempt(number) for number in range(200)))

    booked = [one for one in answers if isinstance(one, r4.Appointment)]
    given = sorted(one.slot[0].reference or "" for one in booked if one.slot)
    assert given == sorted(f"Slot/{one.id}" for one in slots)
    refused = [one for one in answers if isinstance(one, SlotTaken)]
    assert len(refused) == 190
    assert all("vừa có người khác đặt" in one.message and "Còn trống gần nhất" in (one.advice or "") for one in refused)
    async with database.transaction(hospital.key) as tx:
        now = [await store.read(tx, who, r4.Slot, one.id or "") for one in slots]
        assert {one.status for one in now} == {"busy"}
        for taken in refused:
            assert len(taken.others) == 3
        last = await store.read_many(tx, who, r4.Slot, [one.id for one in refused[-1].others])
        assert {one.status for one in last.values()} == {"free"}


async def test_booking_again_by_the_same_person_gives_the_same_booking(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs02")
    async with database.transaction(hospital.key) as tx:
        first = await booking.book(tx, who, slot.id or "", guest(900), channel="web")
    async with database.transaction(hospital.key) as tx:
        again = await booking.book(tx, who, slot.id or "", guest(900), channel="web")
    assert again.id == first.id


async def test_moving_frees_the_old_slot_and_holds_the_new_one(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    old, new = await free_slots(database, hospital, 2, "bs03")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, who, old.id or "", guest(901), channel="phone")
    async with database.transaction(hospital.key) as tx:
        moved = await booking.move(tx, who, made, new.id or "")
        assert (moved.start, booking_rules.code_of_booking(moved)) == (new.start, booking_rules.code_of_booking(made))
        assert (await store.read(tx, who, r4.Slot, old.id or "")).status == "free"
        assert (await store.read(tx, who, r4.Slot, new.id or "")).status == "busy"


async def test_moving_to_a_taken_slot_keeps_the_old_one(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    mine, theirs = await free_slots(database, hospital, 2, "bs04")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, who, mine.id or "", guest(902), channel="web")
        await booking.book(tx, who, theirs.id or "", guest(903), channel="web")
    async with database.transaction(hospital.key) as tx:
        with pytest.raises(SlotTaken):
            await booking.move(tx, who, made, theirs.id or "")
        kept = await store.read(tx, who, r4.Appointment, made.id or "")
        assert kept.start == mine.start
        assert (await store.read(tx, who, r4.Slot, mine.id or "")).status == "busy"


async def test_two_who_swap_slots_at_the_same_moment_both_keep_theirs(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    slots = await free_slots(database, hospital, 2, "bs05")
    async with database.transaction(hospital.key) as tx:
        made = [
            await booking.book(tx, who, slot.id or "", guest(910 + n), channel="web") for n, slot in enumerate(slots)
        ]

    async def swap(one: r4.Appointment, slot: r4.Slot) -> None:
        async with database.transaction(hospital.key) as tx:
            await booking.move(tx, who, one, slot.id or "")

    answers = await asyncio.gather(swap(made[0], slots[1]), swap(made[1], slots[0]), return_exceptions=True)
    assert all(isinstance(answer, SlotTaken) for answer in answers)
    async with database.transaction(hospital.key) as tx:
        for one, slot in zip(made, slots, strict=True):
            assert (await store.read(tx, who, r4.Appointment, one.id or "")).start == slot.start


async def test_cancelling_gives_the_slot_to_the_next(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs06")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, who, slot.id or "", guest(920), channel="web")
        cancelled = await booking.cancel(tx, who, made, "Bận việc")
        assert await booking.cancel(tx, who, cancelled) == cancelled
        other = await booking.book(tx, who, slot.id or "", guest(921), channel="web")
        assert other.start == made.start
        with pytest.raises(SlotTaken):
            await booking.restore(tx, who, cancelled)


async def test_undoing_a_cancellation_gives_the_slot_back(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs07")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, who, slot.id or "", guest(930), channel="web")
        back = await booking.restore(tx, who, await booking.cancel(tx, who, made))
        assert back.status == "booked"
        assert (await store.read(tx, who, r4.Slot, slot.id or "")).status == "busy"


async def test_a_telephone_number_holds_at_most_three_open_bookings(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    slots = await free_slots(database, hospital, 8, "bs08")

    async def attempt(slot: r4.Slot) -> bool:
        try:
            async with database.transaction(hospital.key) as tx:
                await booking.book(tx, who, slot.id or "", guest(940), channel="web")
            return True
        except Conflict:
            return False

    assert sum(await asyncio.gather(*(attempt(slot) for slot in slots))) == 3


async def test_slots_of_the_past_and_of_next_year_are_refused(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs09")
    for now in (start_of(slot), start_of(slot) - timedelta(days=61)):
        async with database.transaction(hospital.key) as tx:
            with pytest.raises(Invalid):
                await booking.book(tx, who, slot.id or "", guest(950), channel="web", now=now)


async def test_who_did_not_come_is_told_only_after_the_time(database: Database, hospital: House) -> None:
    who = service(Role.BOOKING_SERVICE, hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs11")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, who, slot.id or "", guest(970), channel="web")
        with pytest.raises(Conflict, match="Chưa tới giờ"):
            await booking.did_not_come(tx, who, made)
        later = start_of(slot) + timedelta(hours=1)
        assert (await booking.did_not_come(tx, who, made, later)).status == "noshow"


async def test_another_hospital_sees_neither_slot_nor_booking(
    database: Database, hospital: House, other_hospital: House
) -> None:
    ours = service(Role.BOOKING_SERVICE, hospital.key)
    theirs = service(Role.BOOKING_SERVICE, other_hospital.key)
    [slot] = await free_slots(database, hospital, 1, "bs10")
    async with database.transaction(hospital.key) as tx:
        made = await booking.book(tx, ours, slot.id or "", guest(960), channel="web")
    async with database.transaction(other_hospital.key) as tx:
        assert await booking.open_bookings(tx, theirs, Guest(name="", birth="", phone="0900000960")) == []
        with pytest.raises(NotFound):
            await booking.by_code(tx, theirs, booking_rules.code_of_booking(made))
