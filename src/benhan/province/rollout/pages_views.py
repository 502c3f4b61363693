"""`…/ban-do`, `…/so-sanh`, `…/dau-tu`: areas as tiles, two days side by side, vendors and what they cost."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.kit import pages
from benhan.province.rollout import comparing, figures, means, tiles
from benhan.province.rollout.pages import PATH, asked_part, chosen

MAP: Final = "/ban-do"
COMPARE: Final = "/so-sanh"
MEANS: Final = "/dau-tu"


async def land(request: Request, tx: Transaction, who: Subject) -> Response:
    """Provinces, or the wards of one, as tiles; the same figures as a table beside them."""
    part, day, before = asked_part(request)
    figures.must_oversee(who)
    rows = await figures.sums(tx, who.facility, day, part)
    made = tiles.tiles(figures.areas_of(rows))
    return pages.render(
        request, "rollout/map.html", tiles=made, placed=bool(made) and made[0].row > 0, shades=tiles.SHADES,
        total=figures.total_of(rows), **await chosen(tx, who, MAP, part, day, before),
    )  # fmt: skip


async def compare(request: Request, tx: Transaction, who: Subject) -> Response:
    """Two days, and the months between."""
    part, day, before = asked_part(request)
    found = await comparing.compare(tx, who, before, day, part)
    days = await figures.days_of(tx, who.facility, day, part)
    line = days.months(day)
    return pages.render(
        request, "rollout/compare.html", found=found, months=[f"{one.day:%m/%y}" for one in line],
        done=[one.done for one in line], begun=[one.begun for one in line], line=line,
        **await chosen(tx, who, COMPARE, part, day, before),
    )  # fmt: skip


async def invested(request: Request, tx: Transaction, who: Subject) -> Response:
    """Vendors at a glance, and what each way of investing costs."""
    part, day, before = asked_part(request)
    vendors, ways = await means.all_of(tx, who, day, part)
    return pages.render(
        request, "rollout/means.html", vendors=vendors, pace=means.PACE_DAYS,
        millions=_millions, ways=ways,
        **await chosen(tx, who, MEANS, part, day, before),
    )  # fmt: skip


def _millions(amount: int, digits: int) -> str:
    """An amount of đồng in millions."""
    return f"{amount / 1_000_000:,.{digits}f}".translate(str.maketrans(",.", ".,"))


_SEE: Final = Permission.ROLLOUT_OVERVIEW
DOORS: list[Door] = [
    Door(PATH + MAP, land, _SEE),
    Door(PATH + COMPARE, compare, _SEE),
    Door(PATH + MEANS, invested, _SEE),
]
