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
_SUMS: Final = """
with one as (select {column} as code, stage, paperless, begun, price, months, planned, due,
    nullif((facts->>'beds')::int, 0) as beds {source})
select code, count(*)::int as n, count(*) filter (where paperless @> $2::date)::int as done,
  count(*) filter (where begun <= $2::date)::int as begun,
  count(*) filter (where not paperless @> $2::date and due < $2::date)::int as late,
  count(*) filter (where lower(paperless) > $2::date - {pace} and lower(paperless) <= $2::date)::int as recent,
  percentile_cont(0.5) within group (order by lower(paperless) - begun)
    filter (where lower(paperless) >= begun) as days,
  count(price)::int as priced, sum(price)::bigint as spent,
  percentile_cont(0.5) within group (order by price) as price,
  percentile_cont(0.5) within group (order by price::numeric / beds) filter (where beds is not null) as per_bed,
  percentile_cont(0.5) within group (order by months) as months
from one where code <> '' group by code order by n desc, code limit {most}
"""
_STAGES: Final = """
select {column} as code, stage, count(*)::int as n {source} and {column} <> '' group by {column}, stage
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


async def vendors(tx: Transaction, who: Subject, day: date, part: Part) -> list[Means]:
    """The vendors of the records, the one with most facilities first.

    Raises:
        Forbidden: the asker does not see the Department's view.
    """
    return await _by(tx, who, "vendor", day, part)


async def ways(tx: Transaction, who: Subject, day: date, part: Part) -> list[Means]:
    """The ways of investing.

    Raises:
        Forbidden: the asker does not see the Department's view.
    """
    return await _by(tx, who, "way", day, part)


async def _by(tx: Transaction, who: Subject, column: str, day: date, part: Part) -> list[Means]:
    figures.must_oversee(who)
    asked = figures.asked(who.facility, day, part)
    rows = await tx.fetch(_SUMS.format(column=column, source=FROM, pace=PACE_DAYS, most=MOST), *asked)
    stages: dict[str, dict[str, int]] = {}
    for row in await tx.fetch(_STAGES.format(column=column, source=FROM), *asked):
        stages.setdefault(row["code"], {})[row["stage"]] = row["n"]
    return [_means(row, column, stages.get(row["code"], {})) for row in rows]


def _means(row: asyncpg.Record, column: str, stages: dict[str, int]) -> Means:
    code = row["code"]
    days, price, per_bed, months = (
        None if row[name] is None else round(row[name]) for name in ("days", "price", "per_bed", "months")
    )
    return Means(
        code=code, name=words.said("way", code) if column == "way" else code, spent=row["spent"] or 0,
        days=days, price=price, per_bed=per_bed, months=months,
        stages=[(str(one), stages[one.code]) for one in words.stages().values() if one.code in stages],
        **{name: row[name] for name in ("n", "done", "begun", "late", "recent", "priced")},
    )  # fmt: skip
