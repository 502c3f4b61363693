"""Dates and times of FHIRPath: as precise as they are written, and compared so.

Two moments are compared part by part; where one is less precise and all before is equal, nothing is known (None).
A time without a zone is Vietnam's. Standard: FHIRPath 2.0, sections 4.1.5–4.1.7, 6.1, 6.2, 6.6.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from benhan.core.fhir.moments import VIETNAM
from benhan.core.language import _

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(T(?:(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?(Z|[+-]\d\d:\d\d)?)?)?", re.ASCII
)
_TIME = re.compile(r"T?(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?", re.ASCII)
#: Seconds in the units that are a fixed number of them.
SECONDS = {
    "week": Decimal(604800), "day": Decimal(86400), "hour": Decimal(3600),
    "minute": Decimal(60), "second": Decimal(1), "millisecond": Decimal("0.001"),
}  # fmt: skip
_DAY = 3
_UNITS = ("year", "month", "day", "hour", "minute", "second")


class Moment(NamedTuple):
    """A Date, DateTime or Time: its parts from the year (or hour) to the last one written."""

    kind: str
    parts: tuple[Decimal, ...]
    zone: str | None
    text: str


@lru_cache(maxsize=8192)
def moment(text: str) -> Moment:
    """The moment that a literal (without `@`) or a FHIR date, dateTime, instant or time says.

    Raises:
        ValueError: it is none, or does not exist.
    """
    if found := _MOMENT.fullmatch(text):
        year, month, day, time, hour, minute, second, zone = found.groups()
        parts = tuple(Decimal(part) for part in (year, month, day, hour, minute, second) if part is not None)
        made = Moment("DateTime" if time else "Date", parts, zone, text)
        _calendar(made)
        return made
    if found := _TIME.fullmatch(text):
        parts = tuple(Decimal(part) for part in found.groups() if part is not None)
        made = Moment("Time", parts, None, text.removeprefix("T"))
        _calendar(made._replace(parts=(Decimal(2000), Decimal(1), Decimal(1), *parts)))
        return made
    raise ValueError(_("“%(said)s” không phải ngày giờ.", said=text[:40]))


def compare(a: Moment, b: Moment) -> int | None:
    """-1, 0 or 1; None when the precision or a missing zone does not tell, or a time is compared with a date."""
    if (a.kind == "Time") != (b.kind == "Time"):
        return None
    if min(len(a.parts), len(b.parts)) > _DAY and a.kind != "Time" and (a.zone is None) != (b.zone is None):
        return None
    dated = min(len(a.parts), len(b.parts)) <= _DAY
    left, right = (a.parts, b.parts) if dated else (_comparable(a), _comparable(b))
    for one, other in zip(left, right, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(left) == len(right) else None


def shift(start: Moment, value: Decimal, unit: str) -> Moment:
    """`start` plus `value` units of time, to the precision of `start`.

    Raises:
        ValueError: a unit that is not of time, or outside the calendar.
    """
    if start.kind == "Time":
        return _shift_time(start, value, unit)
    precision = len(start.parts)
    if unit in ("year", "month"):
        months = int(value) * (12 if unit == "year" else 1)
        if precision == 1:
            months = int(months / 12) * 12
        return _shift_months(start, months)
    if unit not in SECONDS:
        raise ValueError(_("“%(unit)s” không phải đơn vị thời gian cộng được vào ngày.", unit=unit))
    seconds = (value if unit in ("second", "millisecond") else int(value)) * SECONDS[unit]
    if precision < _DAY:
        days = int(seconds / 86400)
        return _shift_months(start, int(days / 365) * 12 if precision == 1 else int(days / 30))
    if precision < 6:
        step = SECONDS[_UNITS[precision - 1]]
        seconds = int(seconds / step) * step
    return _shift_seconds(start, seconds)


def written(kind: str, parts: tuple[Decimal, ...], zone: str | None) -> Moment:
    """A moment from its parts, with the text that says so."""
    digits = [f"{int(part):02d}" for part in parts]
    if (kind != "Time" and len(parts) > 5) or (kind == "Time" and len(parts) > 2):
        whole, _dot, fraction = str(parts[-1]).partition(".")
        digits[-1] = f"{int(whole):02d}" + (f".{fraction}" if fraction else "")
    if kind == "Time":
        return Moment(kind, parts, None, ":".join(digits))
    digits[0] = f"{int(parts[0]):04d}"
    text = "-".join(digits[:3])
    if kind == "DateTime":
        text += "T" + ":".join(digits[3:]) + (zone or "")
    return Moment(kind, parts, zone, text)


def _calendar(made: Moment) -> datetime:
    """The first instant that the moment means, without its zone.

    Raises:
        ValueError: it does not exist.
    """
    whole = [int(part) for part in made.parts] + [1, 1, 1, 0, 0, 0][len(made.parts) :]
    fraction = made.parts[5] % 1 if len(made.parts) > 5 else Decimal(0)
    start = datetime(whole[0], whole[1], whole[2], whole[3], whole[4], min(whole[5], 59))
    return start + timedelta(microseconds=int(fraction * 1_000_000))


def _offset(zone: str | None) -> timedelta:
    if zone is None:
        return VIETNAM.utcoffset(None)
    if zone == "Z":
        return timedelta(0)
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


@lru_cache(maxsize=8192)
def _comparable(a: Moment) -> tuple[Decimal, ...]:
    """The parts in UTC; a date has no zone."""
    if a.kind != "DateTime" or len(a.parts) < 4:
        return a.parts
    try:
        utc = _calendar(a) - _offset(a.zone)
    except OverflowError:
        return a.parts
    parts = (utc.year, utc.month, utc.day, utc.hour, utc.minute)
    moved = tuple(Decimal(part) for part in parts)
    return (*moved, a.parts[5]) if len(a.parts) > 5 else moved if len(a.parts) == 5 else moved[:4]


def _shift_months(start: Moment, months: int) -> Moment:
    year, month = int(start.parts[0]), int(start.parts[1]) if len(start.parts) > 1 else 1
    count = year * 12 + month - 1 + months
    year, month = count // 12, count % 12 + 1
    if not 1 <= year <= 9999:
        raise ValueError(_("Ngày ra ngoài lịch."))
    parts = [Decimal(year), Decimal(month), *start.parts[2:]]
    if len(parts) > 2:
        parts[2] = min(parts[2], Decimal(monthrange(year, month)[1]))
    return written(start.kind, tuple(parts[: len(start.parts)]), start.zone)


def _shift_seconds(start: Moment, seconds: Decimal) -> Moment:
    try:
        moved = _calendar(start) + timedelta(microseconds=int(seconds * 1_000_000))
    except OverflowError:
        raise ValueError(_("Ngày ra ngoài lịch.")) from None
    parts = [Decimal(n) for n in (moved.year, moved.month, moved.day, moved.hour, moved.minute)][: len(start.parts)]
    if len(start.parts) > 5:
        parts.append(_second(moved.second, moved.microsecond, start.parts[5]))
    return written(start.kind, tuple(parts), start.zone)


def _second(second: int, microsecond: int, before: Decimal) -> Decimal:
    """Seconds with the digits they had, milliseconds when they are new."""
    if not microsecond and before == before.to_integral_value() and before.as_tuple().exponent == 0:
        return Decimal(second)
    exponent = int(before.as_tuple().exponent)
    return (Decimal(second) + Decimal(microsecond) / 1_000_000).quantize(Decimal(1).scaleb(min(exponent, -3)))


def _shift_time(start: Moment, value: Decimal, unit: str) -> Moment:
    if unit not in SECONDS:
        raise ValueError(_("“%(unit)s” không phải đơn vị thời gian cộng được vào giờ.", unit=unit))
    day = Moment("DateTime", (Decimal(2000), Decimal(1), Decimal(1), *start.parts), None, "")
    return written("Time", _shift_seconds(day, value * SECONDS[unit]).parts[3:], None)


def now() -> datetime:
    """The moment of an evaluation."""
    return datetime.now(UTC).astimezone(VIETNAM)
