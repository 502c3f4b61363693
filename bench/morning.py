"""A morning at the clinics, played on the real program at several shares of people who booked.

    uv run python -m bench.morning --report

Reception, booking and queues are the program's own verbs, each called at the moment of a simulated clock; who waits
for what is read from what they gave. Assumed is only what people do: when they come (news reports: the queue forms at
four for an opening at seven), and that a desk takes ten minutes for somebody new and twenty seconds for a booking (the
figures that hospitals published). `--report` writes docs/why/morning.svg.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import itertools
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, quantiles
from uuid import UUID

import msgspec

from bench.report import text
from benhan.core.access import Role, service
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4
from benhan.core.kit.clock import ZONE
from benhan.core.vault import master_of, use
from benhan.core.vault.master import make_master
from benhan.hospital import queue
from benhan.hospital.reception import booking, desk
from benhan.hospital.reception.booking_rules import Guest
from benhan.hospital.reception.rooms import Room, open_rooms
from benhan.hospital.visit import CLINIC, id_of
from benhan.simulator import House, build_house, plan
from benhan.simulator.house import load_all, slot, slot_times
from benhan.simulator.people import Person, person, records

#: Share of people who booked, and whether they check in by themselves at the door instead of at a desk.
MORNINGS = ((0.0, False), (0.06, False), (0.17, False), (0.5, False), (0.17, True), (0.5, True))
DAY = date(2026, 11, 23)
PEOPLE, DESKS = 360, 12
OPENS = time(7)
MINUTE = timedelta(minutes=1)
#: Who did not book: (from, until, share of them).
COME = ((time(4), time(5), 0.06), (time(5), time(6), 0.12), (time(6), time(7), 0.20), (time(7), time(8), 0.24),
        (time(8), time(9), 0.18), (time(9), time(10), 0.12), (time(10), time(11), 0.08))  # fmt: skip
#: Who booked comes so many minutes before her time.
AHEAD = (5, 20)
DESK_NEW, DESK_BOOKED = 10 * MINUTE, timedelta(seconds=20)
#: Minutes with the doctor (mean, spread, least), and from the call to the door.
EXAMINED, WALK = (7.5, 2.5, 3.0), 45 * MINUTE / 60
WIDE, TALL, LEFT = 760, 270, 60
COLOURS = {"reception": "#0b6e6e", "doctor": "#e0a030"}


class Visitor(msgspec.Struct, kw_only=True):
    """Somebody of this morning: when she comes, and what became of it."""

    person: Person
    room: str
    comes: datetime
    booked: str | None = None
    ticket: datetime | None = None
    called: datetime | None = None

    @property
    def reception(self) -> float:
        """Minutes from coming to the ticket."""
        return (self.ticket - self.comes) / MINUTE if self.ticket else 0.0

    @property
    def doctor(self) -> float:
        """Minutes from the ticket to the doctor's call."""
        return (self.called - self.ticket) / MINUTE if self.ticket and self.called else 0.0


class Told(msgspec.Struct, frozen=True):
    """What a morning gave: minutes, median and nine of ten, of all, of who booked, of who did not."""

    share: float
    door: bool
    people: int
    figures: dict[str, dict[str, tuple[float, float]]]


class Morning:
    """One morning in one hospital: the desks, the rooms, and a clock that jumps from event to event."""

    def __init__(self, database: Database, house: House, share: float, *, door: bool) -> None:
        self._database, self._house = database, house
        self._chance = Random(f"morning {share}")
        self._share, self._door = share, door
        self._events: list[tuple[datetime, int, Callable[[datetime], Awaitable[None]]]] = []
        self._count = itertools.count()
        self._rooms: dict[str, Room] = {}
        self._busy: set[str] = set()
        self._free_desks = DESKS
        self._lines: tuple[list[Visitor], list[Visitor]] = [], []
        self.visitors: dict[str, Visitor] = {}

    async def play(self) -> Told:
        """Let everybody come, and tell how they fared."""
        await self._set_up()
        for one in self.visitors.values():
            self._at(max(one.comes, _at(OPENS)) if one.booked is None else one.comes, self._comes(one))
        for room in self._rooms:
            self._at(_at(OPENS), partial(self._calls, room))
        while self._events:
            at, _number, event = heapq.heappop(self._events)
            await event(at)
        return self._told()

    async def _set_up(self) -> None:
        people = [person(7, number, DAY) for number in range(PEOPLE)]
        await load_all(
            self._database, self._house.loader,
            [one for each in people for one in records(each, self._house.organization)],
        )  # fmt: skip
        async with self._database.transaction(self._house.key) as tx:
            rooms = await open_rooms(tx, self._house.subject(Role.RECEPTION))
        self._rooms = {room.id: room for room in rooms if room.kind == CLINIC}
        booked = round(PEOPLE * self._share)
        times = [
            (doctor, at)
            for room in plan.ROOMS
            if room.id in self._rooms
            for doctor in plan.doctors_of(room.specialty)
            if doctor.room == room.code
            for at in slot_times(DAY)
            if at < _at(time(12))
        ]
        for one, (doctor, at) in zip(people[:booked], self._chance.sample(times, booked), strict=True):
            code = await self._books(one, slot(doctor, at).id or "")
            comes = at - MINUTE * self._chance.uniform(*AHEAD)
            self.visitors[one.id] = Visitor(person=one, room=f"phong-{doctor.room.lower()}", comes=comes, booked=code)
        for one in people[booked:]:
            room = self._chance.choice(list(self._rooms))
            self.visitors[one.id] = Visitor(person=one, room=room, comes=self._unbooked())

    async def _books(self, one: Person, slot_id: str) -> str:
        guest = Guest(name=one.name, birth=one.born.isoformat(), phone=one.phone, gender=one.gender)
        before = _at(time(20)) - timedelta(days=2)
        async with self._database.transaction(self._house.key) as tx:
            who = service(Role.BOOKING_SERVICE, self._house.key)
            made = await booking.book(tx, who, slot_id, guest, channel="zalo", now=before)
        return made.id or ""

    def _unbooked(self) -> datetime:
        first, last, _share = self._chance.choices(COME, weights=[share for *_, share in COME])[0]
        return _at(first) + (_at(last) - _at(first)) * self._chance.random()

    def _at(self, at: datetime, event: Callable[[datetime], Awaitable[None]]) -> None:
        heapq.heappush(self._events, (at, next(self._count), event))

    def _comes(self, one: Visitor) -> Callable[[datetime], Awaitable[None]]:
        async def happens(now: datetime) -> None:
            if one.booked and self._door:
                self._at(now + DESK_BOOKED, self._received(one))
                return
            line = self._lines[0 if one.booked else 1]
            line.append(one)
            line.sort(key=lambda visitor: visitor.comes)
            self._desk(now)

        return happens

    def _desk(self, now: datetime) -> None:
        """A free desk takes who booked first: it takes seconds."""
        line = next((line for line in self._lines if line), None)
        if line is None or not self._free_desks or now < _at(OPENS):
            return
        one = line.pop(0)
        self._free_desks -= 1
        self._at(now + (DESK_BOOKED if one.booked else DESK_NEW), self._received(one))

    def _received(self, one: Visitor) -> Callable[[datetime], Awaitable[None]]:
        async def happens(now: datetime) -> None:
            room, key = self._rooms[one.room], str(UUID(int=self._chance.getrandbits(128), version=4))
            arrival = desk.Arrival(key=key, patient=one.person.id, room=room, booking=one.booked)
            async with self._database.transaction(self._house.key) as tx:
                await desk.check_in(tx, self._house.subject(Role.RECEPTION), arrival, now)
            one.ticket = now
            if not (one.booked and self._door):
                self._free_desks += 1
                self._desk(now)
            if now >= _at(OPENS):
                await self._calls(one.room, now)

        return happens

    async def _calls(self, room: str, now: datetime) -> None:
        """A free room calls who is next by the program's own order."""
        if room in self._busy:
            return
        async with self._database.transaction(self._house.key) as tx:
            ticket = await queue.call_next(tx, self._house.subject(Role.DOCTOR), room, now)
        if ticket is None:
            return
        self._busy.add(room)
        self.visitors[id_of(ticket.for_) or ""].called = now
        mean, spread, least = EXAMINED
        with_doctor = MINUTE * max(least, self._chance.gauss(mean, spread))
        self._at(now + WALK + with_doctor, self._examined(ticket, room, now + WALK))

    def _examined(self, ticket: r4.Task, room: str, began: datetime) -> Callable[[datetime], Awaitable[None]]:
        async def happens(now: datetime) -> None:
            async with self._database.transaction(self._house.key) as tx:
                doctor = self._house.subject(Role.DOCTOR)
                await queue.finish(tx, doctor, await queue.start(tx, doctor, ticket, began), now)
            self._busy.discard(room)
            await self._calls(room, now)

        return happens

    def _told(self) -> Told:
        everybody = list(self.visitors.values())
        groups = {
            "all": everybody,
            "booked": [one for one in everybody if one.booked],
            "not booked": [one for one in everybody if not one.booked],
        }
        figures = {
            name: {
                "reception": _figure([one.reception for one in group]),
                "doctor": _figure([one.doctor for one in group]),
                "both": _figure([one.reception + one.doctor for one in group]),
            }
            for name, group in groups.items()
            if group
        }
        return Told(self._share, self._door, len(everybody), figures)


def _at(moment: time) -> datetime:
    return datetime.combine(DAY, moment, ZONE)


def _figure(minutes: Sequence[float]) -> tuple[float, float]:
    """Median, and nine of ten wait no longer."""
    return round(median(minutes), 1), round(quantiles(minutes, n=10)[-1], 1)


def _played() -> list[Told]:
    with tempfile.TemporaryDirectory(prefix="bench-morning-") as folder:
        place = Path(folder)
        place.chmod(0o711)  # PostgreSQL runs as a user of its own
        make_master(place / "master.key")
        use(master_of(f"file:{place / 'master.key'}"))
        postgres = EmbeddedPostgres(place, durable=False)
        postgres.start()
        try:
            return asyncio.run(_mornings(postgres))
        finally:
            postgres.stop()


async def _mornings(postgres: EmbeddedPostgres) -> list[Told]:
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    database = await Database.connect(postgres.dsn("benhan_app"))
    told = []
    for number, (share, door) in enumerate(MORNINGS):
        house = await build_house(database, postgres.dsn(), code=f"0198{number}", name="Bench", first_day=DAY, days=1)
        told.append(await Morning(database, house, share, door=door).play())
        print(_line(told[-1]), flush=True)
    await database.close()
    return told


def _line(told: Told) -> str:
    said = [
        f"{name}: reception {one['reception'][0]} ({one['reception'][1]}), doctor {one['doctor'][0]}"
        f" ({one['doctor'][1]}), both {one['both'][0]} ({one['both'][1]})"
        for name, one in told.figures.items()
    ]
    where = "at the door" if told.door else "at a desk"
    return f"{told.share:.0%} of {told.people} booked, received {where}; minutes, median (nine of ten)  " + ";  ".join(
        said
    )


def plot(told: Sequence[Told]) -> str:
    """A bar a share: the median wait for the ticket, on it that for the doctor; the line: nine of ten, both."""
    top = max(one.figures["all"]["both"][1] for one in told) * 1.1
    step, base = (WIDE - LEFT) / len(told), TALL - 36
    parts = [
        text(LEFT, 14, "minutes until the ticket", COLOURS["reception"]),
        text(LEFT + 180, 14, "minutes until the doctor", COLOURS["doctor"]),
        text(LEFT + 360, 14, "line: nine of ten wait no longer", "#667382"),
    ]
    for minutes in range(0, int(top) + 1, 60):
        y = base - (base - 30) * minutes / top
        parts.append(f'<line x1="{LEFT}" x2="{WIDE}" y1="{y:.0f}" y2="{y:.0f}" stroke="#e6e7e9"/>')
        parts.append(text(8, y + 4, f"{minutes} min", "#667382", 10))
    for n, one in enumerate(told):
        x, y = LEFT + step * n + step * 0.25, float(base)
        for name, colour in COLOURS.items():
            tall = (base - 30) * one.figures["all"][name][0] / top
            y -= tall
            parts.append(f'<rect x="{x:.0f}" y="{y:.1f}" width="{step / 2:.0f}" height="{tall:.1f}" fill="{colour}"/>')
        at = base - (base - 30) * one.figures["all"]["both"][1] / top
        parts.append(
            f'<line x1="{x - 8:.0f}" x2="{x + step / 2 + 8:.0f}" y1="{at:.1f}" y2="{at:.1f}" stroke="#182433"/>'
        )
        parts.append(text(x - 8, TALL - 16, f"{one.share:.0%} booked", "#182433"))
        parts.append(text(x - 8, TALL - 3, "received at the door" if one.door else "received at a desk", "#667382", 9))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" font-family="sans-serif">'
        f"<title>Waiting in a morning of {PEOPLE} people, by how many booked online</title>{''.join(parts)}</svg>\n"
    )


def main() -> None:
    """Play the mornings, print the figures, write JSON and, if asked, the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("bench/results/morning.json"))
    parser.add_argument("--report", action="store_true", help="write docs/why/morning.svg")
    asked = parser.parse_args()
    told = _played()
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
    if asked.report:
        Path("docs/why/morning.svg").write_text(plot(told), "utf-8")


if __name__ == "__main__":
    main()
