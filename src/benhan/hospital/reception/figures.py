"""The figures at the right of the desk: received, median seconds, share booked, waiting, the day by quarters."""

from __future__ import annotations

import time
from datetime import date, datetime
from functools import cache
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.fhir.search import PARAMETERS
from benhan.core.kit.clock import day_bounds, local
from benhan.core.language import _
from benhan.core.store.rows import hash64
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
    """How many wait today, by `hash64` of the room's reference."""
    may_count(who, "Task")
    rows = await tx.fetch(
        queries()["waiting"], who.facility, *day_bounds(day),
        _param("Task", "status"), hash64(WAITING), _param("Task", "authored-on"), _param("Task", "location"),
    )  # fmt: skip
    return {row["room"]: row["people"] for row in rows}


async def latest_tasks(tx: Transaction, who: Subject, day: date, count: int) -> list[str]:
    """The ids of the tasks made last on this day, newest first; their content is read through the store."""
    may_count(who, "Task")
    rows = await tx.fetch(queries()["latest"], who.facility, *day_bounds(day), _param("Task", "authored-on"), count)
    return [row["id"] for row in rows]


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
    may_count(who, "Encounter")
    may_count(who, "Appointment")
    visits = await tx.fetchval(queries()["last_number"], who.facility, f"visit:{now:%Y}")
    of = (local(now).toordinal(), _quarter(now), visits or 0, waiting)
    kept = _kept.get(who.facility)
    if kept is None or kept.of != of or kept.until < time.monotonic():
        kept = _Kept(of, time.monotonic() + SECONDS, await _counted(tx, who, now, waiting))
        _kept[who.facility] = kept
    return kept.figures


async def _counted(tx: Transaction, who: Subject, now: datetime, waiting: int) -> Figures:
    day = day_bounds(local(now).date())
    visits = await tx.fetch(
        queries()["received"], who.facility, *day, _param("Encounter", "date"), _param("Encounter", "status"),
        hash64("cancelled"), _param("Encounter", "appointment"), _param("Encounter", "location-period"),
    )  # fmt: skip
    expected = await tx.fetch(
        queries()["expected"],
        who.facility,
        *day,
        _param("Appointment", "date"),
        _param("Appointment", "status"),
        hash64("booked"),
    )
    times = [seconds for row in visits for seconds in row["seconds"] or ()]
    quarter = _quarter(now)
    first = min(max(0, quarter - QUARTERS_BEFORE), 96 - QUARTERS_BEFORE - QUARTERS_AFTER)
    came = {row["quarter"]: row["people"] for row in visits}
    booked = {row["quarter"]: row["people"] for row in expected}
    shown = range(first, first + QUARTERS_BEFORE + QUARTERS_AFTER)
    return Figures(
        received=sum(came.values()),
        booked=sum(row["booked"] for row in visits),
        waiting=waiting,
        seconds=median(times) if times else None,
        bars=tuple((came if at <= quarter else booked).get(at, 0) for at in shown),
        future_from=quarter + 1 - first,
        first_bar=f"{first // 4:02d}:{first % 4 * 15:02d}",
    )


@cache
def queries() -> dict[str, str]:
    """The named statements of `queries.sql`."""
    parts = (Path(__file__).parent / "queries.sql").read_text().split("-- name: ")[1:]
    return {name.strip(): body for name, _, body in (part.partition("\n") for part in parts)}


def _quarter(now: datetime) -> int:
    """Which quarter of an hour of the day it is, from 0."""
    return local(now).hour * 4 + local(now).minute // 15


def _param(type_name: str, code: str) -> int:
    return PARAMETERS[type_name][code].id


def may_count(who: Subject, type_name: str) -> None:
    """Ask the policy before index rows are read past the store.

    Raises:
        Forbidden: it says no, or only for one patient.
    """
    decision = decide(who, Interaction.SEARCH, type_name)
    if not decision.allowed or decision.only_patient is not None:
        raise Forbidden(_("Không có quyền đếm %(type_name)s.", type_name=type_name), where=type_name)
