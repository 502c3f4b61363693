"""The figures at the right of the desk: received, median seconds, share booked, waiting, the day by quarters."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date, datetime, timedelta
from statistics import median
from typing import Final

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit.clock import day_bounds, local
from benhan.core.store import series
from benhan.core.store.counting import ByPresence, ByTime, ByToken, durations, tally
from benhan.hospital.reception.booking_rules import AWAITED
from benhan.hospital.visit import WAITING

QUARTERS_BEFORE: Final = 7
QUARTERS_AFTER: Final = 5
#: How long counted figures stand while nobody is received, called or taken back.
SECONDS: Final = 5.0


class Figures(msgspec.Struct, frozen=True):
    """A day at the desk so far. `seconds` is the median a person, None before anybody was timed."""

    received: int
    booked: int
    waiting: int
    seconds: float | None
    bars: tuple[int, ...]
    #: From this bar on: booked, not come yet.
    future_from: int
    first_bar: str

    @property
    def booked_percent(self) -> int | None:
        """Share of the received who had booked."""
        return round(100 * self.booked / self.received) if self.received else None


async def waiting_by_room(tx: Transaction, who: Subject, day: date) -> dict[int, int]:
    """How many wait on a day, by `reference_key` of the room."""
    asked = {"status": WAITING, "authored-on": _within(day)}
    rooms = await tally(tx, who, r4.Task, asked, ByToken("location"))
    return {room: people for (room,), people in rooms.items()}


class _Kept(msgspec.Struct):
    """The figures as they were counted, and of what they are: they are counted again when that has moved on."""

    of: tuple[int, ...]
    until: float
    figures: Figures


_kept: dict[int, _Kept] = {}


async def figures(tx: Transaction, who: Subject, now: datetime, waiting: int) -> Figures:
    """What the day looks like at this moment.

    Every desk shows the same, so they are counted once for each person received, called or taken back, and every few
    seconds; never once for each page.
    """
    visits = await series.last(tx, who, f"visit:{now:%Y}")
    of = (local(now).toordinal(), _quarter(now), visits, waiting)
    kept = _kept.get(who.facility)
    if kept is None or kept.of != of or kept.until < time.monotonic():
        kept = _Kept(of, time.monotonic() + SECONDS, await _counted(tx, who, now, waiting))
        _kept[who.facility] = kept
    return kept.figures


async def _counted(tx: Transaction, who: Subject, now: datetime, waiting: int) -> Figures:
    day = local(now).date()
    quarters = ByTime("date", day_bounds(day)[0], timedelta(minutes=15))
    received: dict[str, str | list[str]] = {"date": _within(day), "status:not": "cancelled", "class:not": "IMP"}
    visits = await tally(tx, who, r4.Encounter, received, quarters, ByPresence("appointment"))
    came = Counter[int]()
    for (at, _booked), people in visits.items():
        came[at] += people
    times = await durations(tx, who, r4.Encounter, received, "location-period", before="date")
    expected: dict[str, str | list[str]] = {"date": _within(day), "status": AWAITED}
    booked = {at: people for (at,), people in (await tally(tx, who, r4.Appointment, expected, quarters)).items()}
    quarter = _quarter(now)
    first = min(max(0, quarter - QUARTERS_BEFORE), 96 - QUARTERS_BEFORE - QUARTERS_AFTER)
    shown = range(first, first + QUARTERS_BEFORE + QUARTERS_AFTER)
    return Figures(
        received=sum(came.values()),
        booked=sum(people for (_at, had_booked), people in visits.items() if had_booked),
        waiting=waiting,
        seconds=median(times) if times else None,
        bars=tuple((came if at <= quarter else booked).get(at, 0) for at in shown),
        future_from=quarter + 1 - first,
        first_bar=f"{first // 4:02d}:{first % 4 * 15:02d}",
    )


def _within(day: date) -> list[str]:
    """Began on this day: after the one before, before the next one."""
    return [f"sa{day - timedelta(days=1)}", f"lt{day + timedelta(days=1)}"]


def _quarter(now: datetime) -> int:
    """Which quarter of an hour of the day it is, from 0."""
    return local(now).hour * 4 + local(now).minute // 15
