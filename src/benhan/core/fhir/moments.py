"""FHIR dates and times as half-open ranges of UTC instants: what a partial date means when searched.

A date or time without a zone is Vietnam's (UTC+7). Standard: FHIR R4, section 3.1.1.4.5 (date search).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, tzinfo=UTC)

Range = tuple[datetime, datetime]

_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)


_LEAP = re.compile(r"(T\d\d:\d\d):60", re.ASCII)


@lru_cache(maxsize=8192)
def moment_range(text: str) -> Range:
    """`2026-11` → from the first instant of November (Vietnam) to the first of December, in UTC.

    Raises:
        Malformed: not a date, or one that does not exist.
    """
    found = _MOMENT.fullmatch(text)
    if not found:
        raise _not_a_date(text)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        start = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0),
            min(int(second or 0), 59), tzinfo=_zone(zone),
        )  # fmt: skip
        if fraction:
            start += timedelta(microseconds=int(fraction[:6].ljust(6, "0")))
        return _utc(start), _utc_after(start, found)
    except (ValueError, OverflowError):
        raise _not_a_date(text) from None


def moment_of(text: str) -> datetime:
    """The moment of a FHIR instant or dateTime, in the zone it was written in, if any.

    A leap second (`23:59:60`, which FHIR allows and no `datetime` can hold) is the second before it, as in searches.

    Raises:
        ValueError: no such moment.
    """
    return datetime.fromisoformat(_LEAP.sub(r"\1:59", text))


def period_range(period: r4.Period) -> Range | None:
    """From the start to the end, both included to their precision; an end left open is far away."""
    if period.start is None and period.end is None:
        return None
    start = moment_range(period.start)[0] if period.start else EARLIEST
    end = moment_range(period.end)[1] if period.end else LATEST
    return start, end


def timing_range(timing: r4.Timing) -> Range | None:
    """The whole span of a timing: its events and the bounds of its repetition."""
    spans = [moment_range(event) for event in timing.event or () if event]
    if timing.repeat and timing.repeat.boundsPeriod:
        bounds = period_range(timing.repeat.boundsPeriod)
        spans += [bounds] if bounds else []
    if not spans:
        return None
    return min(lo for lo, _ in spans), max(hi for _, hi in spans)


def _zone(text: str | None) -> timezone:
    if text is None:
        return VIETNAM
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return EARLIEST if moment.year == 1 else LATEST


def _utc_after(start: datetime, found: re.Match[str]) -> datetime:
    """The first instant that is no longer meant, by the precision written."""
    year, month, day, hour, _minute, second, fraction, _zone = found.groups()
    if int(year) == 9999:
        return LATEST
    if fraction:
        return _utc(start + timedelta(microseconds=10 ** max(0, 6 - len(fraction))))
    if hour:
        return _utc(start + timedelta(seconds=1 if second else 60))
    if day:
        return _utc(start + timedelta(days=1))
    if month:
        return _utc(start.replace(year=int(year) + int(month) // 12, month=int(month) % 12 + 1))
    return _utc(start.replace(year=int(year) + 1))


def _not_a_date(text: str) -> Malformed:
    return Malformed(
        _("“%(one)s” không phải ngày giờ hợp lệ", one=text[:40]),
        code="value",
        advice=_("Viết dạng 2026, 2026-11, 2026-11-21 hoặc 2026-11-21T07:30:00+07:00."),
    )
