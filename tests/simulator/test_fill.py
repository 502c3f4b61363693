"""A filled hospital: a year behind it, a morning under way, bookings ahead; the same every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.sessions import Terms, Visitor
from benhan.core.access.signing_in import sign_in
from benhan.core.db import Database
from benhan.core.fhir import codec, r4, systems
from benhan.core.kit.clock import ZONE
from benhan.hospital import queue, visit
from benhan.hospital.booking_code import read_code
from benhan.hospital.clinic import conclusion
from benhan.hospital.medicine_warnings import against_allergies
from benhan.simulator import House, build_house, fill
from benhan.simulator.appointments import booking_code
from benhan.simulator.charts import allergies, prescription
from benhan.simulator.drafts import draft_of
from benhan.simulator.medicines import formulary
from benhan.simulator.population import Population
from benhan.simulator.records import Writer
from benhan.simulator.timeline import past_day

NOW = datetime(2026, 11, 20, 9, 10, tzinfo=ZONE)
DAY = date(2026, 11, 16)
VISITS = 90


@pytest_asyncio.fixture(scope="module")
async def filled(database: Database, dsn: Callable[..., str]) -> House:
    """A hospital of its own with a small year."""
    house = await build_house(database, dsn(), code="79771", name="BVĐK Mô Phỏng", first_day=NOW.date(), days=7)
    await fill(database, house, visits=VISITS, now=NOW)
    return house


async def count(database: Database, house: House) -> Counter[str]:
    """How many records of each type the hospital holds."""
    from benhan.core.store.records import NAMES

    async with database.transaction(house.key) as tx:
        rows = await tx.fetch("select type, count(*) from resource where facility = $1 group by type", house.key)
    return Counter({NAMES[row["type"]]: row["count"] for row in rows})


async def all_of(database: Database, house: House, type_: type[r4.R], **params: str) -> list[r4.R]:
    """Everything of a type that matches."""
    found: list[r4.R] = []
    asked = {**params, "_count": "200"}
    async with database.transaction(house.key) as tx:
        while True:
            page = await store.search(tx, house.loader, type_, asked)
            found += page.resources
            if page.next is None:
                return found
            asked["_after"] = page.next


async def test_building_twice_adds_nothing(database: Database, dsn: Callable[..., str], filled: House) -> None:
    before = await count(database, filled)
    again = await build_house(database, dsn(), code="79771", name="BVĐK Mô Phỏng", first_day=NOW.date(), days=7)
    assert again == filled
    assert await count(database, filled) == before


async def test_everybody_can_sign_in(database: Database, filled: House) -> None:
    assert set(filled.logins) == set(Role) - {
        Role.PROVINCE, Role.PATIENT, Role.RELATIVE, Role.PERSON, Role.CLIENT, Role.PUBLIC, Role.BOOKING_SERVICE,
        Role.FIGURES_SERVICE, Role.LOADER, Role.SUBSCRIPTION_SERVICE, Role.PHONE_SERVICE, Role.FINDER_SERVICE,
        Role.RIGHTS_SERVICE, Role.TELLING_SERVICE, Role.RELATION_SERVICE, Role.ARCHIVE_SERVICE,
        Role.ARRIVAL_SERVICE, Role.FEEDBACK_SERVICE, Role.PAYMENT_SERVICE, Role.ELIGIBILITY_SERVICE,
        Role.REMOTE_SERVICE, Role.QUESTION_SERVICE, Role.NOTICE_SERVICE, Role.WARD_SERVICE, Role.SHARED,
        Role.SIGNING_SERVICE, Role.PACK_SERVICE, Role.ROLLOUT_OFFICER, Role.ROLLOUT_VERIFIER, Role.ROLLOUT_REPORTER,
    }  # fmt: skip
    for role in (Role.DOCTOR, Role.RECEPTION):
        async with database.transaction() as tx:
            assert await sign_in(tx, filled.logins[role], filled.password, Terms(1), Visitor(), NOW)


async def test_filling_twice_adds_nothing(database: Database, filled: House) -> None:
    before = await count(database, filled)
    again = await fill(database, filled, visits=VISITS, now=NOW)
    assert again.records == 0
    assert await count(database, filled) == before


async def test_there_are_about_as_many_visits_as_asked_for(database: Database, filled: House) -> None:
    assert VISITS * 0.7 < (await count(database, filled))["Encounter"] < VISITS * 1.5


async def test_a_fill_that_was_killed_goes_on_and_ends_the_same(
    database: Database, dsn: Callable[..., str], filled: House
) -> None:
    house = await build_house(database, dsn(), code="79772", name="BV Hai", first_day=NOW.date(), days=7)

    class StoppedError(Exception):
        pass

    def stop(text: str, done: int, _total: int) -> None:
        if (text.startswith("Người") and done > 300) or text == "Sáng nay":
            raise StoppedError

    for _ in range(2):
        with pytest.raises(StoppedError):
            await fill(database, house, visits=VISITS, now=NOW, progress=stop)
    await fill(database, house, visits=VISITS, now=NOW)
    assert await count(database, house) == await count(database, filled)


async def test_the_same_seed_gives_the_same_records(filled: House) -> None:
    def written() -> list[bytes]:
        visits = past_day(11, DAY, 20, Population(11, 300, NOW.date()))
        for number, one in enumerate(visits):
            one.number, one.ticket = f"LK-{number}", f"N-{number}"
            for stop in one.stops:
                stop.numbers = [f"{number}-{n}" for n in range(len(stop.services))]
        writer = Writer(filled, NOW)
        return [codec.encode(record) for one in visits for record in writer.records(one)]

    assert written() == written()


async def test_the_morning_is_alive(database: Database, filled: House) -> None:
    today = f"ge{NOW.date().isoformat()}"
    visits = Counter(one.status for one in await all_of(database, filled, r4.Encounter, date=today))
    assert visits["arrived"]
    assert visits["in-progress"]
    assert visits["finished"]
    async with database.transaction(filled.key) as tx:
        rooms = await store.search(tx, filled.loader, r4.Location, {"_count": "100"})
        lines = await queue.lines(tx, filled.loader, [room.id or "" for room in rooms.resources], NOW)
    assert sum(len(line.waiting) for line in lines.values()) >= 5
    assert sum(len(line.serving) for line in lines.values()) >= 1
    assert await all_of(database, filled, r4.ServiceRequest, status="active")


async def test_nobody_has_two_places_or_a_number_of_another(database: Database, filled: House) -> None:
    tickets = await all_of(database, filled, r4.Task, **{"authored-on": f"ge{NOW.date().isoformat()}"})
    numbers = [visit.identifier(one, systems.TICKET) for one in tickets]
    assert len(set(numbers)) == len(numbers)
    async with database.transaction(filled.key) as tx:
        rooms = await store.search(tx, filled.loader, r4.Location, {"name": "Phòng khám 3"})
        person = (await store.search(tx, filled.loader, r4.Patient, {"_count": "1"})).resources[0]
        to = store.reference(person, visit.full_name(person))
        fresh = await queue.issue(tx, filled.loader, to, None, rooms.resources[0], at=NOW)
    assert visit.identifier(fresh, systems.TICKET) not in numbers


async def test_begun_after_midnight_the_evening_goes_on_with_the_numbers_of_its_day(
    database: Database, dsn: Callable[..., str]
) -> None:
    house = await build_house(database, dsn(), code="79773", name="BV Đêm", first_day=NOW.date(), days=7)
    await fill(database, house, visits=400, now=NOW.replace(hour=1))
    tickets = await all_of(database, house, r4.Task, **{"authored-on": "ge2026-11-19"})
    assert {(one.authoredOn or "")[:10] for one in tickets} == {"2026-11-19", "2026-11-20"}
    numbers = [visit.identifier(one, systems.TICKET) for one in tickets]
    assert len(set(numbers)) == len(numbers)


async def test_bookings_lie_ahead_and_hold_their_slots(database: Database, filled: House) -> None:
    bookings = await all_of(database, filled, r4.Appointment, status="booked")
    assert bookings
    busy = {one.id for one in await all_of(database, filled, r4.Slot, status="busy")}
    for one in bookings:
        assert visit.id_of((one.slot or [r4.Reference()])[0]) in busy
        assert one.contained
        assert one.contained[0].id == "guest"


async def test_signatures_hold(database: Database, filled: House) -> None:
    finished = await all_of(database, filled, r4.Encounter, status="finished")
    assert finished
    async with database.transaction(filled.key) as tx:
        for one in finished[:5]:
            verdicts = await conclusion.verify(tx, filled.subject(Role.DOCTOR), one)
            assert [verdict.intact for verdict in verdicts] == [True]
            assert not verdicts[0].newer


async def test_what_is_open_in_the_morning_can_be_concluded(database: Database, filled: House) -> None:
    open_visits = await all_of(database, filled, r4.Encounter, status="in-progress")
    notes = [one for one in await all_of(database, filled, r4.Composition) if one.status == "preliminary"]
    assert {one.id for one in open_visits} >= {one.id for one in notes}
    assert all(visit.section_text(one, visit.REASON) for one in notes)


def test_nobody_is_given_what_she_does_not_bear() -> None:
    people = Population(5, 4000, NOW.date())
    allergic = [one for one in past_day(5, DAY, 1500, people) if one.person.allergies]
    assert len(allergic) > 20
    for one in allergic:
        known = allergies(one)
        for line in prescription(draft_of(one, NOW), "01999"):
            code = visit.code_of(line.medicationCodeableConcept, systems.MEDICINE_CODE) or ""
            assert not against_allergies(formulary()[code], known)


def test_about_six_in_a_hundred_book_online() -> None:
    visits = past_day(3, DAY, 2500, Population(3, 6000, NOW.date()))
    online = sum(one.channel in ("web", "zalo") for one in visits) / len(visits)
    assert 0.04 < online < 0.08


def test_who_comes_in_the_rush_waits_longest_and_who_booked_waits_less() -> None:
    visits = past_day(3, DAY, 2500, Population(3, 6000, NOW.date()))

    def waited(some: list[float]) -> float:
        return sum(some) / len(some)

    rush = [(v.called - v.arrived).total_seconds() for v in visits if 7 <= v.arrived.hour < 9 and not v.channel]
    late = [(v.called - v.arrived).total_seconds() for v in visits if v.arrived.hour >= 13 and not v.channel]
    booked = [(v.called - v.arrived).total_seconds() for v in visits if v.channel and 7 <= v.arrived.hour < 9]
    assert waited(rush) > waited(late)
    assert waited(rush) > waited(booked)
    assert all(v.arrived < v.called < v.started < v.ended for v in visits)


def test_a_crowded_week_gives_no_slot_and_no_code_twice() -> None:
    crowd = Population(7, 6000, NOW.date())
    booked = [
        (one.doctor, one.slot)
        for ago in range(1, 8)
        for one in past_day(7, NOW.date() - timedelta(days=ago), 2400, crowd)
        if one.slot
    ]
    assert len(booked) > 500
    assert len(set(booked)) == len(booked)
    assert len({booking_code(doctor, start) for doctor, start in booked}) == len(booked)
    assert all(read_code(booking_code(doctor, start)) for doctor, start in booked)
