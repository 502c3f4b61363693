"""Working days of Vietnam: weekends and holidays left out, with what is not known said. Pure.

Source: BLLĐ 45/2019/QH14 art. 111–112 (weekly rest, holidays, days in lieu); the yearly notices in `holidays.toml`;
BLDS 91/2015/QH13 art. 147–148 (the first day is not counted; a term that would end on a day off ends on the next day).
"""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

#: (month, day) of the holidays that are the same every year.
FIXED: Final = ((1, 1), (4, 30), (5, 1), (9, 2))
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class Year(msgspec.Struct, frozen=True):
    """What was published for a year."""

    source: str
    closed: frozenset[date]
    open: frozenset[date]


class End(msgspec.Struct, frozen=True):
    """The last day of a term; `sure`: the holidays of every year it touches are known."""

    day: date
    sure: bool


@cache
def years() -> dict[int, Year]:
    """The years whose holidays are known."""
    text = (files("benhan.core.kit") / "holidays.toml").read_text("utf-8")
    return {int(year): msgspec.convert(found, Year) for year, found in tomllib.loads(text).items()}


def is_working(day: date) -> bool:
    """Whether offices are open; of a year that is not known by the rule alone."""
    known = years().get(day.year)
    if known and day in known.open:
        return True
    return day.weekday() < _SATURDAY and not is_holiday(day)


def is_holiday(day: date) -> bool:
    """Whether it is a day off for everybody; of a year that is not known only the fixed ones are."""
    known = years().get(day.year)
    return (day.month, day.day) in FIXED or bool(known and day in known.closed)


def after(day: date, count: int) -> End:
    """The `count`-th working day after a day, which itself is not counted."""
    last = day
    while count > 0:
        last += _DAY
        count -= is_working(last)
    return _end(day, last)


def after_days(day: date, count: int) -> End:
    """The `count`-th day after a day; where that is a day off, the next working day."""
    last = day + count * _DAY
    while not is_working(last):
        last += _DAY
    return _end(day, last)


def _end(first: date, last: date) -> End:
    return End(last, all(year in years() for year in range(first.year, last.year + 1)))
