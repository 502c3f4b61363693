"""Time as a Vietnamese hospital tells it: one zone, dd/mm/yyyy on paper, ages as the ward says them.

Instants are aware datetimes; a calendar day is the day at the hospital (Asia/Ho_Chi_Minh, no summer time).
FHIR dates may be partial (only the year is known of many elderly people): they stay partial.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from benhan.core.fhir.moments import moment_of
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _

Instant = datetime
"""An aware moment."""

ZONE: Final = ZoneInfo("Asia/Ho_Chi_Minh")

#: Years in which somebody who is treated today can have been born or seen.
FIRST_YEAR: Final = 1880
LAST_YEAR: Final = 2199


def now() -> Instant:
    """This moment, in the hospital's zone."""
    return datetime.now(ZONE)


def today() -> date:
    """The calendar day at the hospital."""
    return now().date()


def local(moment: Instant | str) -> Instant:
    """A moment (or a FHIR instant or dateTime with an offset) in the hospital's zone."""
    aware = moment_of(moment) if isinstance(moment, str) else moment
    return (aware if aware.tzinfo else aware.replace(tzinfo=ZONE)).astimezone(ZONE)


def day_of(text: str | None) -> date | None:
    """The calendar day at the hospital of a FHIR date or dateTime; None where it is not known to the day."""
    return local(text).date() if text and len(text) >= len("2026-11-21") else None


def fhir_instant(moment: Instant) -> str:
    """A moment as FHIR writes it, to the millisecond: "2026-11-21T07:30:00.000+07:00"."""
    return local(moment).isoformat(timespec="milliseconds")


def day_bounds(day: date) -> tuple[Instant, Instant]:
    """First moment of a hospital day and of the next one."""
    first = datetime(day.year, day.month, day.day, tzinfo=ZONE)
    return first, first + timedelta(days=1)


# Shown

_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


def vn_date(value: date | Instant | str | None) -> str:
    """A day as dd/mm/yyyy. A partial FHIR date keeps what is known: "1951", "1951-04" → "04/1951"."""
    if value is None:
        return ""
    if isinstance(value, str):
        if _PARTIAL.fullmatch(value):
            return "/".join(reversed(value.split("-")))
        value = local(value)
    day = local(value).date() if isinstance(value, datetime) else value
    return f"{day:%d/%m}/{day.year:04d}"


def vn_time(moment: Instant | str | None) -> str:
    """The time of day as 07:30; "" where only a day, a month or a year is known."""
    known = moment is not None and not (isinstance(moment, str) and _PARTIAL.fullmatch(moment))
    return f"{local(moment):%H:%M}" if known and moment else ""


def vn_datetime(moment: Instant | str | None) -> str:
    """Time and day as 07:30 21/11/2026, as far as they are known."""
    return f"{vn_time(moment)} {vn_date(moment)}".strip()


_WEEKDAYS: Final = ("Thứ hai", "Thứ ba", "Thứ tư", "Thứ năm", "Thứ sáu", "Thứ bảy", "Chủ nhật")


def vn_weekday(day: date) -> str:
    """The name of the weekday: "Thứ bảy"."""
    return _WEEKDAYS[day.weekday()]


def vn_date_in_words(day: date) -> str:
    """A day as forms end: "ngày 21 tháng 11 năm 2026"; days below 10, months 1 and 2 as two digits.

    Source: NĐ 30/2020/NĐ-CP, appendix I.
    """
    month = f"{day.month:02d}" if day.month < 3 else str(day.month)
    return f"ngày {day.day:02d} tháng {month} năm {day.year}"


def waiting(minutes: int) -> str:
    """How long somebody waits: "vừa tới", "12 phút", "1 giờ 05"."""
    if minutes < 1:
        return "vừa tới"
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{minutes} phút"
    return f"{hours} giờ {rest:02d}" if rest else f"{hours} giờ"


def left(time: timedelta) -> str:
    """How much of some hours is left, as hours and minutes: "3:59"; "0:00" when they are over."""
    minutes = max(0, int(time.total_seconds()) // 60)
    return f"{minutes // 60}:{minutes % 60:02d}"


def minutes_between(start: Instant | str, end: Instant | str) -> int:
    """Whole minutes from start to end, never less than 0."""
    return max(0, int((local(end) - local(start)).total_seconds()) // 60)


# Read

_SPLIT: Final = re.compile(r"(\d{1,2})[/.\- ](\d{1,2})[/.\- ](\d{4})", re.ASCII)
_MONTH_YEAR: Final = re.compile(r"(\d{1,2})[/.\-](\d{4})", re.ASCII)


def fhir_date(text: str, *, where: str | None = None) -> str:
    """What somebody typed, as a FHIR date which may be partial.

    Takes dd/mm/yyyy (or . - space), ddmmyyyy, mm/yyyy, yyyy and yyyy-mm-dd.

    Raises:
        Invalid: there is no such day.
    """
    written = text[:32].strip()
    try:
        year, month, day = _parts(written)
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise ValueError(year)
        whole = date(year, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        raise Invalid(
            _("Ngày “%(written)s” không đúng.", written=written),
            where=where,
            advice=_("Nhập ngày/tháng/năm, ví dụ 21/11/1978, hoặc chỉ năm."),
        ) from None
    return whole.isoformat()[: 4 if month is None else 7 if day is None else 10]


def parse_date(text: str, *, where: str | None = None) -> date:
    """What somebody typed, as a whole day.

    Raises:
        Invalid: there is no such day, or only a month or a year was given.
    """
    written = fhir_date(text, where=where)
    if len(written) != 10:
        raise Invalid(
            _("Ngày “%(typed)s” thiếu ngày hoặc tháng.", typed=text.strip()),
            where=where,
            advice=_("Nhập đủ ngày/tháng/năm."),
        )
    return date.fromisoformat(written)


def _parts(written: str) -> tuple[int, int | None, int | None]:
    """Year, month and day; None for what was not given."""
    if found := _SPLIT.fullmatch(written):
        return int(found[3]), int(found[2]), int(found[1])
    if found := _MONTH_YEAR.fullmatch(written):
        return int(found[2]), int(found[1]), None
    if found := _PARTIAL.fullmatch(written):
        month, day = (None if part is None else int(part) for part in found.groups()[1:])
        return int(found[1]), month, day
    if len(written) == 8 and written.isascii() and written.isdigit():
        return int(written[4:]), int(written[2:4]), int(written[:2])
    raise ValueError(written)


def fhir_date_bounds(value: str) -> tuple[date, date]:
    """First day that a partial FHIR date covers, and the first day after it: "1951" → 01/01/1951, 01/01/1952.

    Raises:
        ValueError: not a FHIR date.
    """
    found = _PARTIAL.fullmatch(value[:10])
    if not found:
        raise ValueError(value)
    year, month, day = int(found[1]), int(found[2] or 0), int(found[3] or 0)
    first = date(year, month or 1, day or 1)
    if day:
        return first, first + timedelta(days=1)
    if month and month < 12:
        return first, date(year, month + 1, 1)
    return first, date(year + 1, 1, 1)


# Ages


def age_months(birth: date | str, on: date) -> int:
    """Whole months lived. Of a partial birth date the first day it covers is taken. Never less than 0."""
    born = birth if isinstance(birth, date) else fhir_date_bounds(birth)[0]
    months = (on.year - born.year) * 12 + on.month - born.month
    return max(0, months - (on.day < born.day))


def age_years(birth: date | str, on: date) -> int:
    """Whole years lived; for a birth date of which only the year is known, the difference of the years."""
    return age_months(birth, on) // 12


def age(birth: date | str | None, on: date) -> str:
    """An age as clinics say it: "12 ngày tuổi", "40 tháng tuổi", "47 tuổi"; "" where the birth is unknown.

    Days below one month and months below 72 months: TT 26/2025/TT-BYT asks for months up to there.
    """
    if birth is None or birth == "":
        return ""
    if isinstance(birth, str) and len(birth) < 10 and on.year - int(birth[:4]) > 6:
        return f"{on.year - int(birth[:4])} tuổi"
    born = birth if isinstance(birth, date) else fhir_date_bounds(birth)[0]
    months = age_months(born, on)
    if months < 1:
        return f"{max(0, (on - born).days)} ngày tuổi"
    return f"{months} tháng tuổi" if months < 72 else f"{months // 12} tuổi"


def utc(moment: Instant) -> Instant:
    """A moment in UTC, as the record store compares them."""
    return local(moment).astimezone(UTC)
