"""What a visit counts for, how quantiles are read from counts, and which counts are too small to show. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import ZONE
from benhan.hospital.visit import code_of, id_of, moment, state_began

#: A diagnosis of fewer visits than this in a cell could point at a person who is known to have been there, so the
#: cell says "<3" on screens and in exports. Quantiles of fewer visits are not told either.
SMALLEST_SHOWN: Final = 3
#: Waiting minutes are counted in steps; a quantile is interpolated within its step. The last: 4 hours or more.
STEP: Final = 5
LONGEST: Final = 240

ONLINE, BOOKED, WALK_IN = "online", "booked", "walk-in"
#: How a booking came (tag CHANNEL of the Appointment) → how the province counts it. Anything else was booked by hand.
_ONLINE: Final = frozenset({"web", "zalo"})
#: Visits that did not take place are not counted.
_VOID: Final = frozenset({"cancelled", "entered-in-error", "planned"})

DAY, MONTH, YEAR = b"d", b"m", b"y"
Cell = tuple[bytes, str, date, str]
"""Grain, measure, first day, key."""


class Facts(msgspec.Struct, frozen=True):
    """What is kept of a visit: one row of `visit_fact`."""

    day: date
    hour: int
    channel: str
    wait: int | None = None
    diagnosis: str | None = None
    outcome: str | None = None


def facts(visit: r4.Encounter, booking: r4.Appointment | None, diagnoses: Mapping[str, r4.Condition]) -> Facts | None:
    """The facts of a visit as it stands; None where it is not to be counted.

    The diagnosis counts once the visit has ended: before, the doctor may still change her mind.
    """
    arrived = moment(visit.period.start) if visit.period else None
    if arrived is None or visit.status in _VOID:
        return None
    seen = state_began(visit, "in-progress")
    finished = visit.status == "finished"
    leaving = visit.hospitalization.dischargeDisposition if visit.hospitalization else None
    return Facts(
        day=arrived.astimezone(ZONE).date(),
        hour=arrived.astimezone(ZONE).hour,
        channel=channel(visit, booking),
        wait=_waited(arrived, seen),
        diagnosis=_main(visit, diagnoses) if finished else None,
        outcome=code_of(leaving, systems.OUTCOME) if finished else None,
    )


def _waited(arrived: datetime, seen: datetime | None) -> int | None:
    """Minutes from arrival to the doctor; a visit taken up on another day says nothing about waiting."""
    if seen is None or seen - arrived >= timedelta(days=1):
        return None
    return max(0, int((seen - arrived).total_seconds()) // 60)


def channel(visit: r4.Encounter, booking: r4.Appointment | None) -> str:
    """Whether a visit was booked online, booked otherwise, or not booked."""
    if not visit.appointment:
        return WALK_IN
    tags = booking.meta.tag if booking and booking.meta else None
    came = {tag.code for tag in tags or [] if tag.system == systems.CHANNEL}
    return ONLINE if came & _ONLINE else BOOKED


def main_condition(visit: r4.Encounter) -> str | None:
    """The id of the Condition that is the main diagnosis."""
    ranked = sorted(visit.diagnosis or [], key=lambda one: one.rank or 99)
    return id_of(ranked[0].condition) if ranked else None


def _main(visit: r4.Encounter, diagnoses: Mapping[str, r4.Condition]) -> str | None:
    condition = diagnoses.get(main_condition(visit) or "")
    return code_of(condition.code, systems.ICD10) if condition else None


def cells(known: Facts | None) -> Iterator[Cell]:
    """Every cell that a visit counts in, at all three grains."""
    if known is None:
        return
    first = known.day.replace(day=1)
    for grain, start in ((DAY, known.day), (MONTH, first), (YEAR, first.replace(month=1))):
        yield grain, "hour", start, f"{known.hour:02d}"
        yield grain, "channel", start, known.channel
        if known.wait is not None:
            step = f"{min(known.wait, LONGEST) // STEP * STEP:03d}"
            yield grain, "wait", start, step
            yield grain, "wait-hour", start, f"{known.hour:02d}:{step}"
        if known.diagnosis:
            yield grain, "diagnosis", start, known.diagnosis
        if known.outcome:
            yield grain, "outcome", start, known.outcome


def change(before: Facts | None, after: Facts | None) -> Counter[Cell]:
    """What has to be added to each cell (less than 0: taken away)."""
    moved = Counter(cells(after))
    moved.subtract(Counter(cells(before)))
    return Counter({cell: n for cell, n in moved.items() if n})


def quantile(steps: Mapping[int, int], share: float) -> int | None:
    """The waiting minutes under which a share of the visits lies; None for too few visits.

    `steps` counts visits by the first minute of their step; within a step they are taken as evenly spread, so the
    answer is right to about two minutes.
    """
    whole = sum(steps.values())
    if whole < SMALLEST_SHOWN:
        return None
    rank, passed = share * whole, 0
    for first in sorted(steps):
        if passed + steps[first] >= rank:
            return round(first + STEP * (rank - passed) / steps[first])
        passed += steps[first]
    return max(steps)


def shown(n: int) -> str:
    """A count as it may be shown: "<3" where it is small but not 0."""
    return f"<{SMALLEST_SHOWN}" if 0 < n < SMALLEST_SHOWN else str(n)


def share_of(n: int, whole: int) -> float | None:
    """Percent of a whole; None where there is no whole."""
    return 100 * n / whole if whole else None


class Period(msgspec.Struct, frozen=True):
    """A stretch of time that a page is about: its days, how it is counted, and its neighbours."""

    kind: str
    first: date
    last: date

    @property
    def grain(self) -> bytes:
        """What its sums are read from: one year, one month, or days."""
        return {"nam": YEAR, "thang": MONTH}.get(self.kind, DAY)

    @property
    def bars(self) -> bytes:
        """What its course is drawn in: the months of a year, the days of anything shorter."""
        return MONTH if self.kind == "nam" else DAY

    @property
    def previous(self) -> date:
        """A day in the period before."""
        return self.first - timedelta(days=1)

    @property
    def next(self) -> date:
        """The first day after."""
        return self.last + timedelta(days=1)

    def starts(self) -> Sequence[date]:
        """The first days of its days or months."""
        if self.bars == MONTH:
            return [self.first.replace(month=month) for month in range(1, 13)]
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def period(kind: str, day: date) -> Period:
    """The day (ngay), week from Monday (tuan), month (thang) or year (nam) in which a day lies."""
    if kind == "tuan":
        monday = day - timedelta(days=day.weekday())
        return Period(kind, monday, monday + timedelta(days=6))
    if kind == "thang":
        following = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
        return Period(kind, day.replace(day=1), following - timedelta(days=1))
    if kind == "nam":
        return Period(kind, date(day.year, 1, 1), date(day.year, 12, 31))
    return Period("ngay", day, day)


def steps_of(rows: Iterable[tuple[str, int]]) -> dict[int, int]:
    """Counts by step from rows of the measure wait."""
    return {int(key): n for key, n in rows if n > 0}
