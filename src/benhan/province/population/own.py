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
from benhan.core.store.counting import ByToken, reference_key, tally
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
    """Bookings with a doctor whose day is over: who came, and who did not."""

    doctor: str
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
    over = [f"ge{today - timedelta(days=DAYS)}", f"lt{today}"]
    came, missed = [
        await tally(tx, who, r4.Appointment, {"date": over, "status": status}, ByToken("practitioner"))
        for status in (CAME, MISSED)
    ]
    schedules = (await store.search(tx, who, r4.Schedule, {"_count": "500"})).resources
    names = {reference_key(one.reference or ""): one.display or "" for each in schedules for one in each.actor}
    lines = [
        Kept(names[key], came.get((key,), 0), missed.get((key,), 0)) for (key,) in {**came, **missed} if key in names
    ]
    return sorted(lines, key=lambda line: (-line.came - line.missed, line.doctor))


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page of the planning office."""
    today = clock.today()
    seen, lines = await months(tx, who, today), await kept(tx, who, today)
    whole = Kept("", sum(line.came for line in lines), sum(line.missed for line in lines))
    return pages.render(
        request, "population/own.html", months=seen, lines=lines, whole=whole, days=DAYS,
        shares=[one.channels.online_percent for one in seen], labels=[f"{one.first:%m/%y}" for one in seen],
    )  # fmt: skip


def _firsts(today: date) -> Iterator[date]:
    """The first days of the last months."""
    for ago in range(MONTHS - 1, -1, -1):
        year, month = divmod(today.year * 12 + today.month - 1 - ago, 12)
        yield date(year, month + 1, 1)


DOORS: list[Door | LiveDoor] = [Door(PATH, page, Permission.SCHEDULE)]
