"""Fill what has been built: patients, a year of visits, bookings to come, and a morning that is under way.

Some days of the past are one transaction that leaves their marks, so a fill that was killed goes on where it stopped
(a few numbers of visits are then left out), and a second one adds nothing. Memory stays flat whatever the scale.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random

import msgspec

from benhan.core import store
from benhan.core.access.roles import ROLE_NAMES
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.store import series
from benhan.hospital.visit import SERIES
from benhan.simulator import people
from benhan.simulator.bookings import booked_ahead, busy_slots
from benhan.simulator.house import BATCH, House, analyze, build_house, build_province
from benhan.simulator.offers import offer
from benhan.simulator.population import Population
from benhan.simulator.records import Writer
from benhan.simulator.rollout import bring_hospitals, city
from benhan.simulator.stays import stays
from benhan.simulator.timeline import WEEKDAYS, Stop, Visit, past_day, this_morning
from benhan.simulator.wards import fill_wards

SEED = 2026
MARK = "simulator:"
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
PAST_DAYS = 365
VISITS_A_TRANSACTION = 150
AT_ONCE = 2
#: Visits a person makes in a year, on average.
VISITS_A_PERSON = 2.3

#: What is being done, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]


class Filled(msgspec.Struct):
    """How many people and visits the fill has brought, and how many new records that made."""

    people: int = 0
    visits: int = 0
    records: int = 0


async def fill_province(
    database: Database, owner_dsn: str, *, visits: int, progress: Progress
) -> list[tuple[str, str, str]]:
    """The demo province: a hospital with its year, and the department of health.

    Gives role, login and password of one account for each role. Everything that is there already is left as it is.
    """
    house = await build_house(database, owner_dsn)
    await offer(database, house)
    province = await build_province(database, owner_dsn)
    await bring_hospitals(database, province, city(clock.today()))
    filled = await fill(database, house, visits=visits, progress=progress)
    await fill_wards(database, house)
    await _fill_stays(database, house)
    if filled.records:
        await analyze(owner_dsn)
    return [
        (ROLE_NAMES[role], login, one.password)
        for one in (house, province)
        for role, login in reversed(one.logins.items())
    ]


async def fill(
    database: Database,
    house: House,
    *,
    visits: int,
    seed: int = SEED,
    now: datetime | None = None,
    progress: Progress = lambda _text, _done, _total: None,
) -> Filled:
    """About `visits` visits over the past year and this morning.

    The same seed and first day give the same records. Running again adds only the days that have passed since.
    """
    now = now or clock.now()
    filled = Filled()
    done = await _marks(database, house)
    if not visits or f"{seed} {now.date()}" in done:
        return filled
    begun = await _first_day(database, house, now.date())
    crowd = min(max(visits / 1200, 0.15), 1.6)
    population = Population(seed, max(600, int(visits / VISITS_A_PERSON)), begun)
    await _fill_people(database, house, population, filled, progress)
    await _fill_past(database, house, population, max(0, visits - int(260 * crowd)), now, done, filled, progress)
    await _fill_bookings(database, house, population, now, done, filled, progress)
    await _fill_morning(database, house, population, now, crowd, filled, progress)  # last: its mark says all is there
    return filled


async def _fill_stays(database: Database, house: House) -> None:
    async with database.transaction(house.key) as tx:
        if await _is_new(tx, house, "stays"):
            await _load(tx, house, stays(house, clock.now()))


async def _fill_people(database: Database, house: House, crowd: Population, filled: Filled, progress: Progress) -> None:
    text, size = "Người bệnh", 400
    for start in range(0, crowd.size, size):
        progress(text, start, crowd.size)
        numbers = range(start, min(start + size, crowd.size))
        mark = f"{crowd.seed} people {numbers.stop}"
        async with database.transaction(house.key) as tx:
            if await _is_new(tx, house, mark):
                records = (one for n in numbers for one in people.records(crowd[n], house.organization))
                filled.records += await _load(tx, house, records)
                filled.people += len(numbers)
    progress(text, crowd.size, crowd.size)


async def _fill_past(
    database: Database, house: House, crowd: Population, visits: int, now: datetime, done: set[str],
    filled: Filled, progress: Progress,
) -> None:  # fmt: skip
    """Days are planned one after another and written two batches at a time: while PostgreSQL works, Python does."""
    text, so_far = "Lượt khám năm qua", 0
    writing: set[asyncio.Task[None]] = set()
    try:
        for days in _batches(crowd, visits, now.date(), done):
            planned = {f"{crowd.seed} {day}": _planned(crowd, day, count) for day, count in days}
            planned_visits = [visit for day in planned.values() for visit in day]
            async with database.transaction(house.key) as tx:
                await _take_tickets(tx, house, planned_visits, FOREVER)
                await _give_numbers(tx, house, planned_visits, FOREVER)
            writing.add(asyncio.create_task(_write_days(database, house, planned, filled)))
            writing = await _all_but(writing, AT_ONCE - 1)
            so_far += sum(count for _, count in days)
            progress(text, min(so_far, visits), visits)
        await _all_but(writing, 0)
    finally:
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
    progress(text, visits, visits)


async def _all_but(tasks: set[asyncio.Task[None]], most: int) -> set[asyncio.Task[None]]:
    """Wait until at most so many are still at work; raises what one of them raised."""
    while len(tasks) > most:
        finished, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            task.result()
    return tasks


def _batches(crowd: Population, visits: int, today: date, done: set[str]) -> Iterator[list[tuple[date, int]]]:
    """The days that are not written yet, in batches of about so many visits."""
    waiting: list[tuple[date, int]] = []
    for day, count in _days(crowd, visits, today):
        if f"{crowd.seed} {day}" not in done:
            waiting.append((day, count))
        if sum(count for _, count in waiting) >= VISITS_A_TRANSACTION:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _days(crowd: Population, visits: int, today: date) -> Iterator[tuple[date, int]]:
    """The days from a year before the first fill until yesterday, and how many visits each has."""
    first = crowd.today - timedelta(days=PAST_DAYS)
    shares = [_share(first + timedelta(days=n)) for n in range((today - first).days)]
    each = visits / sum(shares[:PAST_DAYS])
    for number, share in enumerate(shares):
        day = first + timedelta(days=number)
        chance = Random(f"{crowd.seed} count {day}")  # noqa: S311 - a seed, no secret
        yield day, int(each * share + chance.random())


def _planned(crowd: Population, day: date, count: int) -> list[Visit]:
    visits = past_day(crowd.seed, day, count, crowd)
    if day >= crowd.today:  # its slots were for others to book
        for visit in visits:
            visit.channel, visit.slot = "", None
    return visits


async def _write_days(database: Database, house: House, days: dict[str, list[Visit]], filled: Filled) -> None:
    writer = Writer(house, FOREVER)
    async with database.transaction(house.key) as tx:
        new = [visit for mark, visits in days.items() if await _is_new(tx, house, mark) for visit in visits]
        records = await _load(tx, house, (one for visit in new for one in writer.records(visit)))
    filled.records += records  # after the await: two batches are written at once
    filled.visits += len(new)


async def _fill_morning(
    database: Database, house: House, population: Population, now: datetime, crowd: float, filled: Filled,
    progress: Progress,
) -> None:  # fmt: skip
    progress("Sáng nay", 0, 1)
    writer = Writer(house, now)
    async with database.transaction(house.key) as tx:
        if await _is_new(tx, house, f"{population.seed} {now.date()}"):
            given = await busy_slots(tx, house, now.date())
            planned = this_morning(population.seed, now, population, crowd, given)
            await _take_tickets(tx, house, planned, now)
            await _give_numbers(tx, house, planned, now)
            records = [one for visit in planned for one in writer.records(visit)]
            filled.records += await _load(tx, house, (one for one in records if not isinstance(one, r4.Slot)))
            for one in records:
                if isinstance(one, r4.Slot):
                    await store.update(tx, house.loader, one, if_match=None)
            filled.visits += len(planned)
    progress("Sáng nay", 1, 1)


async def _fill_bookings(
    database: Database, house: House, crowd: Population, now: datetime, done: set[str], filled: Filled,
    progress: Progress,
) -> None:  # fmt: skip
    text, ahead = "Lịch hẹn sắp tới", 13
    for number in range(ahead):
        progress(text, number, ahead)
        day = now.date() + timedelta(days=number)
        mark = f"{crowd.seed} bookings {day}"
        if mark in done:
            continue
        async with database.transaction(house.key) as tx:
            if await _is_new(tx, house, mark):
                given = await busy_slots(tx, house, day)
                slots, bookings = booked_ahead(crowd, day, now, given)
                filled.records += await _load(tx, house, bookings)
                for slot in slots:
                    await store.update(tx, house.loader, slot, if_match=None)
    progress(text, ahead, ahead)


async def _load(tx: Transaction, house: House, records: Iterable[r4.Resource]) -> int:
    new, waiting = 0, iter(records)
    while batch := list(islice(waiting, BATCH)):
        new += await store.load(tx, house.loader, batch)
    return new


async def _give_numbers(tx: Transaction, house: House, visits: list[Visit], now: datetime) -> None:
    """Numbers of visits and orders from the hospital's own series, in the order things happen."""
    for year in sorted({visit.arrived.year for visit in visits}):
        mine = [visit for visit in visits if visit.arrived.year == year]
        first = await series.reserve(tx, house.loader, f"visit:{year}", len(mine))
        for number, visit in enumerate(mine, first):
            visit.number = f"LK-{year % 100:02d}-{number:06d}"
        stops = [stop for visit in mine for stop in visit.stops if stop.queued <= now]
        orders = await series.reserve(tx, house.loader, f"order:{year}", sum(len(stop.services) for stop in stops))
        for stop in sorted(stops, key=lambda stop: stop.queued):
            stop.numbers = [f"{year % 100:02d}-{orders + n:06d}" for n in range(len(stop.services))]
            orders += len(stop.services)


async def _take_tickets(tx: Transaction, house: House, visits: list[Visit], now: datetime) -> None:
    """Tickets given until now, from the series that reception and the rooms go on with: one a letter and day."""
    holders: list[tuple[datetime, str, Visit | Stop]] = [(v.arrived, SERIES[v.priority], v) for v in visits]
    holders += [
        (stop.queued, SERIES[stop.kind], stop) for visit in visits for stop in visit.stops if stop.queued <= now
    ]
    queues: dict[tuple[str, date], list[Visit | Stop]] = {}
    for at, letter, holder in sorted(holders, key=lambda one: one[0]):
        queues.setdefault((letter, at.date()), []).append(holder)
    for (letter, day), queue in queues.items():
        first = await series.reserve(tx, house.loader, f"ticket:{letter}:{day}", len(queue))
        for number, holder in enumerate(queue, first):
            holder.ticket = f"{letter}-{number:03d}"


def _share(day: date) -> float:
    """How busy a day is against the average; the cold months bring more people."""
    return WEEKDAYS[day.weekday()] * (1.12 if day.month in (11, 12, 1, 3) else 1.0)


async def _marks(database: Database, house: House) -> set[str]:
    """What was filled already."""
    async with database.transaction(house.key) as tx:
        return await series.begun(tx, house.loader, MARK)


async def _is_new(tx: Transaction, house: House, what: str) -> bool:
    """Leave the mark of a part that this transaction fills; False where another one filled it."""
    return await store.number(tx, house.loader, MARK + what) == 1


async def _first_day(database: Database, house: House, today: date) -> date:
    """The day of the first fill, on which the ages of the people are right; kept as a number of days."""
    name = f"{MARK}first day"
    async with database.transaction(house.key) as tx:
        known = await series.last(tx, house.loader, name)
        if not known:
            await series.reserve(tx, house.loader, name, today.toordinal())
    return date.fromordinal(known) if known else today
