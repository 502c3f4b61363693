"""Those who are awaited at times that were closed are given other times, all at once.

Nobody is cancelled: who finds no other time stays on the list to be called. Each one who was moved is told by message,
where the hospital sends any (`patient/causes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital.reception import booking
from benhan.hospital.reception.booking_rules import FREE, actor, start_of
from benhan.hospital.visit import stamp

#: How far ahead another day is looked for.
AHEAD: Final = timedelta(days=14)
MOST_SLOTS: Final = "1000"


class Keep(StrEnum):
    """What stays as it was booked: the doctor (another day), or the day (another doctor of the specialty)."""

    DOCTOR = "bac-si"
    DAY = "ngay"


class Rehoused(msgspec.Struct, frozen=True):
    """Who has another time now (the former one, the booking as it is), and for whom there was none."""

    moved: list[tuple[datetime, r4.Appointment]]
    left: list[r4.Appointment]


async def rehouse(
    tx: Transaction, who: Subject, schedule: r4.Schedule, stranded: Sequence[r4.Appointment], keep: Keep
) -> Rehoused:
    """Move bookings of a schedule, first come first, each to the nearest day and then the nearest time of day.

    Raises:
        SlotTaken, VersionConflict: somebody was faster; nothing is moved.
    """
    moved: list[tuple[datetime, r4.Appointment]] = []
    left: list[r4.Appointment] = []
    free = await _free(tx, who, schedule, stranded, keep)
    for one in stranded:
        best = min(free, key=lambda slot: _distance(start_of(one), start_of(slot)), default=None)
        if best is None:
            left.append(one)
            continue
        free.remove(best)
        moved.append((start_of(one), await booking.move(tx, who, one, best.id or "")))
    return Rehoused(moved, left)


async def _free(
    tx: Transaction, who: Subject, schedule: r4.Schedule, stranded: Sequence[r4.Appointment], keep: Keep
) -> list[r4.Slot]:
    if not stranded:
        return []
    first, after = clock.day_bounds(start_of(stranded[0]).date())
    schedules, span = [schedule], (after, after + AHEAD)
    if keep is Keep.DAY:
        schedules, span = await _others(tx, who, schedule), (max(first, clock.now()), after)
    if not schedules:
        return []
    params = {
        "schedule": ",".join(f"Schedule/{one.id}" for one in schedules),
        "status": FREE,
        "start": [f"gt{stamp(span[0])}", f"lt{stamp(span[1])}"],
        "_sort": "start",
        "_count": MOST_SLOTS,
    }
    found = (await store.search(tx, who, r4.Slot, params)).resources
    return [one for one in found if not one.overbooked]


async def _others(tx: Transaction, who: Subject, schedule: r4.Schedule) -> list[r4.Schedule]:
    """The schedules of other doctors of the same specialty."""
    service = actor(schedule, "HealthcareService").reference or ""
    found = await store.search(tx, who, r4.Schedule, {"actor": service, "active": "true", "_count": "200"})
    return [one for one in found.resources if one.id != schedule.id]


def _distance(booked: datetime, offered: datetime) -> tuple[int, timedelta]:
    same_day = datetime.combine(booked.date(), offered.timetz())
    return abs((offered.date() - booked.date()).days), abs(same_day - booked)
