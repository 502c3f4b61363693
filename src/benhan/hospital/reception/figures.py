"""The figures at the right of the desk: received, median seconds, share booked, waiting, the day by quarters."""

from __future__ import annotations

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
from benhan.core.store.rows import hash64
from benhan.hospital.visit import WAITING

QUARTERS_BEFORE: Final = 7
QUARTERS_AFTER: Final = 5


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
    _may_count(who, "Task")
    rows = await tx.fetch(
        queries()["waiting"], who.facility, *day_bounds(day),
        _param("Task", "status"), hash64(WAITING), _param("Task", "authored-on"), _param("Task", "location"),
    )  # fmt: skip
    return {row["room"]: row["people"] for row in rows}


async def figures(tx: Transaction, who: Subject, now: datetime, waiting: int) -> Figures:
    """What the day looks like at this moment; two statements over index rows, whatever the size of the hospital."""
    _may_count(who, "Encounter")
    _may_count(who, "Appointment")
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
    quarter = int((local(now) - day[0]).total_seconds()) // 900
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


def _param(type_name: str, code: str) -> int:
    return PARAMETERS[type_name][code].id


def _may_count(who: Subject, type_name: str) -> None:
    decision = decide(who, Interaction.SEARCH, type_name)
    if not decision.allowed or decision.only_patient is not None:
        raise Forbidden(f"Không có quyền đếm {type_name}.", where=type_name)
