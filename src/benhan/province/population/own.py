"""`/so-lieu-dat-lich`: to a hospital, its own share of booked visits by month, and who booked and did not come.

The months are those that the province counts; the bookings are asked of the hospital's own records.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock, pages
from benhan.core.store.counting import By, ByTime, ByToken, reference_key, tally, token_key
from benhan.province.population import rules
from benhan.province.population.figures import Channels, channels_of

PATH: Final = "/so-lieu-dat-lich"
MONTHS: Final = 13
#: So far back it is looked who did not come.
DAYS: Final = 90
CAME, MISSED = "arrived,checked-in,fulfilled", "noshow,booked"
_MONTHS: Final = """
select start, key, sum(n)::bigint as n from figure
where province = (select province::int from facility where key = $1) and facility = $1 and grain = 'm'
  and measure = 'channel' and start between $2 and $3
group by start, key
"""


class Month(msgspec.Struct, frozen=True):
    """The visits of a month by how people came."""

    first: date
    channels: Channels


class Kept(msgspec.Struct, frozen=True):
    """Bookings whose day is over, with a doctor, in a specialty or in a month: who came, and who did not."""

    name: str
    came: int
    missed: int

    @property
    def missed_percent(self) -> float | None:
        """Share that did not come."""
        return rules.share_of(self.missed, self.came + self.missed)


async def months(tx: Transaction, who: Subject, today: date) -> list[Month]:
    """The last thirteen months of the asker's facility, oldest first; the first is this month a year ago."""
    firsts = list(_firsts(today))
    counts: dict[date, dict[str, int]] = {first: {} for first in firsts}
    for row in await tx.fetch(_MONTHS, who.facility, firsts[0], firsts[-1]):
        counts[row["start"]][row["key"]] = row["n"]
    return [Month(first, channels_of(counts[first])) for first in firsts]


async def kept(tx: Transaction, who: Subject, today: date) -> list[Kept]:
    """By doctor, the most bookings first. A booking whose day is over and of which nobody said anything was not kept.

    Raises:
        Forbidden: as `search`.
    """
    schedules = (await store.search(tx, who, r4.Schedule, {"_count": "500"})).resources
    names = {reference_key(one.reference or ""): one.display or "" for each in schedules for one in each.actor}
    counted = await _kept(tx, who, today - timedelta(days=DAYS), today, ByToken("practitioner"))
    return _lines({names[key]: numbers for key, numbers in counted.items() if key in names})


async def kept_by_specialty(tx: Transaction, who: Subject, today: date) -> list[Kept]:
    """By specialty, the most bookings first.

    Raises:
        Forbidden: as `search`.
    """
    services = (await store.search(tx, who, r4.HealthcareService, {"_count": "500"})).resources
    codings = [coding for one in services for kind in one.specialty or [] for coding in kind.coding or []]
    names = {token_key(one.system, one.code or ""): one.display or one.code or "" for one in codings}
    counted = await _kept(tx, who, today - timedelta(days=DAYS), today, ByToken("specialty"))
    return _lines({names[key]: numbers for key, numbers in counted.items() if key in names})


async def kept_by_month(tx: Transaction, who: Subject, today: date) -> list[Kept]:
    """By month, the last first; those of the last thirteen months that had a booking.

    Raises:
        Forbidden: as `search`.
    """
    first = next(_firsts(today))
    days = ByTime("date", clock.day_bounds(first)[0], timedelta(days=1))
    found: dict[date, tuple[int, int]] = {}
    for ago, (came, missed) in (await _kept(tx, who, first, today, days)).items():
        month = (first + timedelta(days=ago)).replace(day=1)
        before = found.get(month, (0, 0))
        found[month] = before[0] + came, before[1] + missed
    return [Kept(f"{month:%m/%Y}", *found[month]) for month in sorted(found, reverse=True)]


async def _kept(tx: Transaction, who: Subject, first: date, today: date, by: By) -> dict[int, tuple[int, int]]:
    """How many came, and how many did not, of the bookings from a day on and before another."""
    over = [f"ge{first}", f"lt{today}"]
    came, missed = [
        await tally(tx, who, r4.Appointment, {"date": over, "status": status}, by) for status in (CAME, MISSED)
    ]
    return {key: (came.get((key,), 0), missed.get((key,), 0)) for (key,) in {**came, **missed}}


def _lines(counted: dict[str, tuple[int, int]]) -> list[Kept]:
    lines = [Kept(name, *numbers) for name, numbers in counted.items()]
    return sorted(lines, key=lambda line: (-line.came - line.missed, line.name))


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page of the planning office."""
    today = clock.today()
    seen, lines = await months(tx, who, today), await kept(tx, who, today)
    whole = Kept("", sum(line.came for line in lines), sum(line.missed for line in lines))
    return pages.render(
        request, "population/own.html", months=seen, lines=lines,
        specialties=await kept_by_specialty(tx, who, today), by_month=await kept_by_month(tx, who, today),
        whole=whole, days=DAYS,
        shares=[one.channels.online_percent for one in seen], labels=[f"{one.first:%m/%y}" for one in seen],
    )  # fmt: skip


def _firsts(today: date) -> Iterator[date]:
    """The first days of the last months."""
    for ago in range(MONTHS - 1, -1, -1):
        year, month = divmod(today.year * 12 + today.month - 1 - ago, 12)
        yield date(year, month + 1, 1)


DOORS: list[Door | LiveDoor] = [Door(PATH, page, Permission.SCHEDULE)]
