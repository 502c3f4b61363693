"""What somebody can choose from: specialties, their doctors, days with free places, times of a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.counting import ByTime, ByToken, reference_key, tally
from benhan.hospital import overbooking
from benhan.hospital.reception.booking_rules import FREE, FURTHEST, actor, offered, start_of
from benhan.hospital.visit import code_of, id_of, stamp

#: Days shown at once.
WEEK = 7


class Doctor(msgspec.Struct, frozen=True):
    """A schedule somebody can be booked into: whose it is and where."""

    schedule: str
    name: str
    room: str


class Service(msgspec.Struct, frozen=True):
    """A specialty that can be booked, with its doctors."""

    id: str
    name: str
    doctors: list[Doctor]
    comment: str = ""
    #: The code of its specialty.
    specialty: str = ""


class Day(msgspec.Struct, frozen=True):
    """A day and how many places are free on it."""

    day: date
    free: int


class Time(msgspec.Struct, frozen=True):
    """A time that can be had, and the slot that gives it."""

    start: datetime
    slot: str
    doctor: str


async def services(tx: Transaction, who: Subject) -> list[Service]:
    """All specialties with at least one active schedule, by name."""
    schedules = (await store.search(tx, who, r4.Schedule, {"active": "true", "_count": "500"})).resources
    by_service: dict[str | None, list[Doctor]] = {}
    for schedule in schedules:
        doctor = Doctor(schedule.id or "", _name(schedule, "Practitioner"), _name(schedule, "Location"))
        by_service.setdefault(id_of(actor(schedule, "HealthcareService")), []).append(doctor)
    found = (await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})).resources
    return sorted(
        (
            Service(
                one.id or "",
                one.name or "",
                sorted(by_service[one.id], key=lambda d: d.name),
                one.comment or "",
                code_of(next(iter(one.specialty or []), None), systems.SPECIALTY) or "",
            )
            for one in found
            if one.id in by_service
        ),
        key=lambda service: service.name,
    )


def service_of(all_services: Iterable[Service], id_: str) -> Service:
    """The specialty of an id.

    Raises:
        NotFound: it cannot be booked (any more).
    """
    for service in all_services:
        if service.id == id_:
            return service
    raise NotFound(_("Chuyên khoa này không nhận đặt lịch."), advice=_("Chọn một chuyên khoa khác."))


async def counts(
    tx: Transaction, who: Subject, schedules: Collection[str], span: tuple[datetime, datetime], *, status: str = FREE
) -> dict[tuple[date, str], int]:
    """How many slots of each schedule are in a state on each day, from a moment on and before another.

    Raises:
        Forbidden: slots may not be searched.
    """
    if not schedules or span[0] >= span[1]:
        return {}
    names = {reference_key(f"Schedule/{id_}"): id_ for id_ in schedules}
    asked = {
        "schedule": ",".join(f"Schedule/{id_}" for id_ in schedules),
        "status": status,
        "start": [f"ge{stamp(span[0])}", f"lt{stamp(span[1])}"],
        **offered(who),
    }
    first = clock.local(span[0]).date()
    days = ByTime("start", clock.day_bounds(first)[0], timedelta(days=1))
    slots = await tally(tx, who, r4.Slot, asked, days, ByToken("schedule"))
    return {(first + timedelta(days=day), names[key]): number for (day, key), number in slots.items() if key in names}


async def week(tx: Transaction, who: Subject, schedules: Collection[str], first: date, now: datetime) -> list[Day]:
    """Seven days from `first` with their free places that may still be booked."""
    start, _ = clock.day_bounds(first)
    end = min(start + timedelta(days=WEEK), now + FURTHEST)
    free = await counts(tx, who, schedules, (max(start, now), end))
    by_day: Counter[date] = Counter()
    for (day, _schedule), number in free.items():
        by_day[day] += number
    return [Day(day, by_day[day]) for day in (first + timedelta(days=n) for n in range(WEEK))]


async def first_days(
    tx: Transaction, who: Subject, all_services: Sequence[Service], now: datetime
) -> Mapping[str, date | None]:
    """The first day with a free place of each specialty within a fortnight, by id."""
    schedules = {doctor.schedule: service.id for service in all_services for doctor in service.doctors}
    free = await counts(tx, who, schedules, (now, now + timedelta(days=14)))
    first: dict[str, date | None] = {service.id: None for service in all_services}
    for day, schedule in sorted(free):
        service = schedules[schedule]
        first[service] = first[service] or day
    return first


async def times(tx: Transaction, who: Subject, doctors: Sequence[Doctor], day: date, now: datetime) -> list[Time]:
    """The times of a day that are free, each once: of the doctor who has most places left."""
    start, end = clock.day_bounds(day)
    if end <= now or not doctors:
        return []
    names = {doctor.schedule: doctor.name for doctor in doctors}
    params = {
        "schedule": ",".join(f"Schedule/{id_}" for id_ in names),
        "status": FREE,
        "start": [f"ge{stamp(max(start, now))}", f"lt{stamp(min(end, now + FURTHEST))}"],
        "_sort": "start",
        "_count": "500",
        **offered(who),
    }
    slots = overbooking.offered((await store.search(tx, who, r4.Slot, params)).resources, who)
    left = Counter(id_of(slot.schedule) for slot in slots)
    best: dict[datetime, r4.Slot] = {}
    for slot in sorted(slots, key=lambda slot: -left[id_of(slot.schedule)]):
        if (when := start_of(slot)) > now:
            best.setdefault(when, slot)
    return [Time(when, slot.id or "", names[id_of(slot.schedule) or ""]) for when, slot in sorted(best.items())]


async def described(tx: Transaction, who: Subject, slot_id: str) -> tuple[r4.Slot, r4.Schedule]:
    """A slot and the schedule it is of.

    Raises:
        NotFound: there is no such slot.
    """
    slot = await store.read(tx, who, r4.Slot, slot_id)
    return slot, await store.read(tx, who, r4.Schedule, id_of(slot.schedule) or "")


def _name(schedule: r4.Schedule, type_: str) -> str:
    return actor(schedule, type_).display or ""
