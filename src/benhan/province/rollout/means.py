"""By whom and by which way: facilities, states, pace and prices of each vendor and of each way of investing. Sums only.

Prices are as facilities reported them, each of a whole term; the median stands for the usual one, because a few large
tenders weigh more than all others. Nothing is divided where a facility told no price or no beds.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.province.rollout import figures, words
from benhan.province.rollout.figures import FROM, Part

#: The pace: decisions of the last so many days.
PACE_DAYS: Final = 180
#: Vendors that a page shows.
MOST: Final = 60
_SUMS: Final = f"""
with one as materialized (select vendor, way, paperless @> $2::date as done, begun <= $2::date as begun,
    not paperless @> $2::date and due < $2::date as late, lower(paperless) as decided, price, months,
    lower(paperless) - begun as days, price::numeric / nullif((facts->>'beds')::int, 0) as per_bed
    {FROM} and (vendor <> '' or way <> ''))
select vendor, way, count(*)::int as n, count(*) filter (where done)::int as done,
  count(*) filter (where begun)::int as begun, count(*) filter (where late)::int as late,
  count(*) filter (where decided > $2::date - {PACE_DAYS} and decided <= $2::date)::int as recent,
  percentile_cont(0.5) within group (order by days) filter (where days >= 0) as days,
  count(price)::int as priced, sum(price)::bigint as spent,
  percentile_cont(0.5) within group (order by price) as price,
  percentile_cont(0.5) within group (order by per_bed) as per_bed,
  percentile_cont(0.5) within group (order by months) as months
from one group by grouping sets ((vendor), (way)) order by n desc, vendor, way
"""
_STAGES: Final = f"""
select vendor, way, stage, count(*)::int as n {FROM} group by grouping sets ((vendor, stage), (way, stage))
"""


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor or a way: facilities, paperless, begun, late by law; decisions of the last 180 days, days from the
    beginning to the decision (median); prices in đồng: how many were told, their sum, the median, the median a bed;
    months of the term (median).
    """

    code: str
    name: str
    n: int
    done: int
    begun: int
    late: int
    recent: int
    days: int | None
    priced: int
    spent: int
    price: int | None
    per_bed: int | None
    months: int | None
    #: How many stand at which stage, in the order of the way.
    stages: list[tuple[str, int]]

    @property
    def percent(self) -> int | None:
        """The share that is paperless, in whole percent."""
        return figures.percent(self.done, self.n)


async def all_of(tx: Transaction, who: Subject, day: date, part: Part) -> tuple[list[Means], list[Means]]:
    """The vendors, and the ways of investing; the one with most facilities first.

    Raises:
        Forbidden: the asker does not see the Department's view.
    """
    figures.must_oversee(who)
    asked = figures.asked(who.facility, day, part)
    stages: dict[tuple[str | None, str | None], dict[str, int]] = {}
    for row in await tx.fetch(_STAGES, *asked):
        stages.setdefault((row["vendor"], row["way"]), {})[row["stage"]] = row["n"]
    rows = await tx.fetch(_SUMS, *asked)
    made = [(row["vendor"], row["way"], _means(row, stages.get((row["vendor"], row["way"]), {}))) for row in rows]
    return [one for vendor, _way, one in made if vendor][:MOST], [one for _vendor, way, one in made if way]


def _means(row: asyncpg.Record, stages: dict[str, int]) -> Means:
    code = row["vendor"] or row["way"] or ""
    days, price, per_bed, months = (
        None if row[name] is None else round(row[name]) for name in ("days", "price", "per_bed", "months")
    )
    return Means(
        code=code, name=words.said("way", code) if row["way"] else code, spent=row["spent"] or 0,
        days=days, price=price, per_bed=per_bed, months=months,
        stages=[(str(one), stages[one.code]) for one in words.stages().values() if one.code in stages],
        **{name: row[name] for name in ("n", "done", "begun", "late", "recent", "priced")},
    )  # fmt: skip
