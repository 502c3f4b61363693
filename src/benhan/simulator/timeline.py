"""When things happen: a visit as a row of moments, on a day of the past or in the queue of this morning. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from math import log
from random import Random
from typing import Final

import msgspec

from benhan.core.kit import codes
from benhan.core.kit.clock import ZONE
from benhan.hospital.visit import EMERGENCY, IMAGING, LABORATORY
from benhan.simulator import plan, services
from benhan.simulator.diseases import Disease, diseases, likely
from benhan.simulator.house import slot_times
from benhan.simulator.people import Person
from benhan.simulator.population import Population

#: People who arrive in each half hour from 05:00.
ARRIVALS: Final = (2, 5, 10, 14, 16, 15, 13, 11, 9, 7, 5, 3, 2, 1, 1, 2, 5, 6, 5, 4, 3, 2)
#: Visits of a weekday, Monday first, against the average day.
WEEKDAYS: Final = (1.32, 1.16, 1.08, 1.02, 1.0, 0.62, 0.12)
#: Share of visits booked, by channel; the province reports about 6 % online.
CHANNELS: Final = {"web": 0.034, "zalo": 0.026, "phone": 0.02}
OPENS: Final = time(6, 45)
#: How full the rooms of a specialty are in the morning; the others are at half.
LOADS: Final = {"noi": 1.0, "nhi": 0.9, "timmach": 0.8, "noitiet": 0.7, "san": 0.6, "rhm": 0.3, "capcuu": 0.3}
MINUTE: Final = timedelta(minutes=1)


class Stop(msgspec.Struct, kw_only=True):
    """A way to the laboratory or to imaging within a visit."""

    kind: str
    room: plan.Room
    services: list[codes.Code]
    queued: datetime
    called: datetime
    done: datetime
    result: datetime
    ticket: str = ""
    #: One order number for each service.
    numbers: list[str] = []


class Visit(msgspec.Struct, kw_only=True):
    """Everything that happens in a visit, decided before anything is written."""

    id: str
    chance: Random
    person: Person
    disease: Disease
    room: plan.Room
    doctor: plan.Staff
    arrived: datetime
    called: datetime
    started: datetime
    ended: datetime
    stops: list[Stop]
    channel: str = ""
    slot: datetime | None = None
    group: str = ""
    priority: str = "routine"
    number: str = ""
    ticket: str = ""


def past_day(seed: int, day: date, count: int, people: Population) -> list[Visit]:
    """The visits of a day that is over, in the order of arrival."""
    chance = Random(f"{seed} {day}")  # noqa: S311 - a seed, no secret
    cases = list(_cases(chance, day, count, people))
    arrivals = sorted(_arrival(chance, day) for _ in cases)
    visits = []
    for number, ((disease, one), arrived) in enumerate(zip(cases, arrivals, strict=True)):
        channel = _channel(chance, disease)
        group = _group(chance, disease, one, day)
        waited = _wait(chance, arrived, bool(channel), group)
        called = max(arrived + 3 * MINUTE, datetime.combine(day, OPENS, ZONE)) + waited
        visits.append(_visit(seed, day, number, chance, one, disease, arrived, called, channel, group))
    _give_slots(visits, set())
    return visits


def this_morning(
    seed: int, now: datetime, people: Population, crowd: float, given: set[tuple[str, datetime]]
) -> list[Visit]:
    """The visits since the doors opened, with real queues: some waiting, some with the doctor, some at the tests.

    At night the doors are taken to have opened four hours ago, so that there is always somebody to see.
    `crowd` scales how many come; `given` holds the slots (doctor, time) that somebody has already.
    """
    day = now.date()
    opened = datetime.combine(day, time(5, 30), ZONE)
    if not timedelta(hours=2.5) <= now - opened <= timedelta(hours=10):
        opened = now - timedelta(hours=4)
    chance = Random(f"{seed} morning {day}")  # noqa: S311 - a seed, no secret
    begin = opened + timedelta(minutes=75)
    visits: list[Visit] = []
    taken: set[int] = set()
    for room in plan.ROOMS:
        if room.specialty:
            visits += _queue_of(seed, room, opened, begin, now, chance, people, taken, crowd, len(visits))
    visits.sort(key=lambda visit: visit.arrived)
    _give_slots(visits, given)
    return visits


def _queue_of(
    seed: int, room: plan.Room, opened: datetime, begin: datetime, now: datetime, chance: Random,
    people: Population, taken: set[int], crowd: float, first: int,
) -> list[Visit]:  # fmt: skip
    """One room's morning: people come, are called one after another, and the last of them still wait."""
    cases = [one for one in diseases() if one.specialty == room.specialty]
    weights = list(accumulate(one.weight for one in cases))
    load = LOADS.get(room.specialty, 0.5)
    minutes = 7.5 / load / min(crowd, 1.2)
    calls = [begin + MINUTE * minutes * number for number in range(int((now - begin) / MINUTE / minutes) + 1)]
    waiting = max(0, round(chance.gauss(6 * load, 1.4) * max(crowd, 0.5)))
    arrivals = [max(opened, at - MINUTE * min(chance.lognormvariate(log(22), 0.5), 60)) for at in calls]
    arrivals += [now - MINUTE * chance.uniform(1, 6 + min(waiting * minutes, 38)) for _ in range(waiting)]
    arrivals.sort()
    free, visits = begin, []
    for number, arrived in enumerate(arrivals):
        disease = chance.choices(cases, cum_weights=weights)[0]
        one = people.somebody(chance, disease, taken)
        if one is None:
            continue
        called = max(free, arrived + 2 * MINUTE)
        channel, group = _channel(chance, disease), _group(chance, disease, one, now.date())
        made = _visit(seed, now.date(), first + number, chance, one, disease, arrived, called, channel, group, room)
        free = called + MINUTE * max(2.5, chance.gauss(minutes, 1.5))
        visits.append(made)
    return visits


def _visit(
    seed: int, day: date, number: int, chance: Random, one: Person, disease: Disease, arrived: datetime,
    called: datetime, channel: str, group: str, room: plan.Room | None = None,
) -> Visit:  # fmt: skip
    room = room or chance.choice(plan.rooms_of(disease.specialty))
    doctors = [who for who in plan.doctors_of(disease.specialty) if who.room == room.code]
    started = called + MINUTE * chance.uniform(0.5, 2.5)
    first = MINUTE * max(3.0, chance.gauss(7, 2.2))
    stops = _stops(chance, disease, started + first)
    ended = started + first
    if stops:
        back = max(stop.result for stop in stops)
        ended = back + MINUTE * chance.uniform(8, 32)
    emergency = room.kind == EMERGENCY
    return Visit(
        id=f"lk{seed}-{day:%Y%m%d}-{number:04d}",
        chance=Random(chance.getrandbits(64)),  # noqa: S311 - a seed, no secret
        person=one,
        disease=disease,
        room=room,
        doctor=chance.choice(doctors),
        arrived=arrived.replace(microsecond=0),
        called=called.replace(microsecond=0),
        started=started.replace(microsecond=0),
        ended=ended.replace(microsecond=0),
        stops=stops,
        channel="" if emergency else channel,
        group="cap-cuu" if emergency else group,
        priority="stat" if emergency else "urgent" if group else "routine",
    )


def _stops(chance: Random, disease: Disease, ordered: datetime) -> list[Stop]:
    wanted = services.ordered(disease.tests, chance)
    found = []
    at = ordered
    for kind in (LABORATORY, IMAGING):
        mine = [one for one in wanted if one["kind"] == kind]
        if mine:
            stop = _stop(chance, kind, mine, at)
            found.append(stop)
            at = stop.done
    return found


def _stop(chance: Random, kind: str, wanted: list[codes.Code], at: datetime) -> Stop:
    rooms = [room for room in plan.ROOMS if room.kind == kind]
    fitting = [room for room in rooms if room.modality == wanted[0]["modality"]] if kind == IMAGING else rooms
    called = at + MINUTE * chance.uniform(4, 24)
    done = called + MINUTE * (chance.uniform(2, 4) if kind == LABORATORY else chance.uniform(5, 12))
    result = done + MINUTE * (chance.uniform(22, 55) if kind == LABORATORY else chance.uniform(2, 15))
    return Stop(
        kind=kind, room=chance.choice(fitting), services=wanted, queued=at.replace(microsecond=0),
        called=called.replace(microsecond=0), done=done.replace(microsecond=0), result=result.replace(microsecond=0),
    )  # fmt: skip


def _cases(chance: Random, day: date, count: int, people: Population) -> Iterator[tuple[Disease, Person]]:
    table, weights = diseases(), list(accumulate(likely(day)))
    taken: set[int] = set()
    for _ in range(count):
        for _try in range(20):
            disease = chance.choices(table, cum_weights=weights)[0]
            one = people.somebody(chance, disease, taken)
            if one and one.born < day:
                yield disease, one
                break


def _arrival(chance: Random, day: date) -> datetime:
    half = chance.choices(range(len(ARRIVALS)), weights=ARRIVALS)[0]
    return datetime.combine(day, time(5), ZONE) + timedelta(seconds=half * 1800 + chance.randrange(1800))


def _wait(chance: Random, arrived: datetime, booked: bool, group: str) -> timedelta:
    busy = 1.35 if 7 <= arrived.hour < 9 else 1.0 if arrived.hour < 11 else 0.6
    minutes = chance.lognormvariate(log(24), 0.55) * busy * (0.4 if booked else 0.6 if group else 1.0)
    return MINUTE * min(minutes, 150)


def _channel(chance: Random, disease: Disease) -> str:
    drawn = chance.random()
    for channel, share in CHANNELS.items():
        drawn -= share
        if drawn < 0:
            return "" if disease.specialty == "capcuu" else channel
    return ""


def _group(chance: Random, disease: Disease, one: Person, day: date) -> str:
    age = one.age(day)
    if age < 6:
        return "tre-duoi-6"
    if age >= 75:
        return "tu-75-tuoi"
    if disease.code in ("Z34.9", "O21.0"):
        return "co-thai"
    drawn = chance.random()
    return "nguoi-co-cong" if drawn < 0.012 else "khuyet-tat" if drawn < 0.02 else ""


def _give_slots(visits: list[Visit], given: set[tuple[str, datetime]]) -> None:
    """Each booked visit gets a slot of its doctor, nobody the slot of another; who finds none walks in."""
    for visit in visits:
        if visit.channel:
            visit.slot = _slot_near(visit, given)
            visit.channel = visit.channel if visit.slot else ""


def _slot_near(visit: Visit, given: set[tuple[str, datetime]]) -> datetime | None:
    """The free time of the doctor's day that is nearest; where nobody can book (at night, on Sunday) any round time."""
    day = list(slot_times(visit.arrived.date()))
    if not any(abs(at - visit.started) < timedelta(hours=2) for at in day):
        round_time = visit.started.replace(minute=visit.started.minute // 20 * 20, second=0)
        ahead = (round_time + timedelta(minutes=20 * step) for step in range(60))
        day = [at for at in ahead if at.date() == round_time.date()]
    free = [at for at in day if (visit.doctor.key, at) not in given]
    chosen = min(free, key=lambda at: abs(at - visit.started), default=None)
    if chosen:
        given.add((visit.doctor.key, chosen))
    return chosen
