"""The answers of the province's page: a few sums over `figure`, whatever the number of visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.kit import codes
from benhan.core.language import _
from benhan.province.population import rules
from benhan.province.population.rules import BOOKED, ONLINE, WALK_IN, Period

MOST_DIAGNOSES: Final = 10
_FACILITIES: Final = """
select f.key, f.code, f.name from facility f
where f.province = $1 and exists (select from figure g where g.province = $2 and g.facility = f.key)
order by f.name
"""
_SUMS: Final = """
select measure, key, sum(n)::bigint as n from figure
where province = $1 and facility = $2 and grain = $3 and measure = any($4) and start between $5 and $6
group by measure, key having sum(n) > 0
"""
_SERIES: Final = """
select start, sum(n)::bigint as n from figure
where province = $1 and facility = $2 and grain = $3 and measure = 'channel' and start between $4 and $5
group by start
"""
_PLACES: Final = """
select facility, measure, key, sum(n)::bigint as n from figure
where province = $1 and facility = any($2) and grain = $3 and measure = any(array['channel', 'wait'])
  and start between $4 and $5
group by facility, measure, key having sum(n) > 0
"""


class Facility(msgspec.Struct, frozen=True):
    """A facility of the province that has visits."""

    key: int
    code: str
    name: str


class Channels(msgspec.Struct, frozen=True):
    """Visits by how they came."""

    online: int = 0
    booked: int = 0
    walk_in: int = 0

    @property
    def visits(self) -> int:
        """All of them."""
        return self.online + self.booked + self.walk_in

    @property
    def online_percent(self) -> float | None:
        """Share booked online, as the news reports of the Ministry count it: 1,431 of 23,981 = 6 %."""
        return rules.share_of(self.online, self.visits)


class Diagnosis(msgspec.Struct, frozen=True):
    """A main diagnosis and how many visits ended with it."""

    code: str
    n: int
    #: The last day of the period: it says which list of ICD-10 is asked first.
    day: date

    @property
    def name(self) -> str:
        """The Vietnamese name in the list of that day; a code of the other list (a year has both) by that one."""
        other = date(2026, 1, 1) if self.day >= codes.ICD10_CHANGE else codes.ICD10_CHANGE
        found = codes.icd10(self.day).get(self.code) or codes.icd10(other).get(self.code)
        return found.name if found else self.code


class Waiting(msgspec.Struct, frozen=True):
    """Minutes from arrival to the doctor: median and the 90th percentile; None for too few visits."""

    median: int | None
    p90: int | None


class Place(msgspec.Struct, frozen=True):
    """The line of a facility."""

    facility: Facility
    channels: Channels
    waiting: Waiting


class Figures(msgspec.Struct, frozen=True):
    """A period, of the province or of one facility."""

    period: Period
    channels: Channels
    waiting: Waiting
    #: Visits by hour of arrival (of one day), by day (week, month) or by month (year).
    series: dict[date | int, int]
    by_hour: dict[int, Waiting]
    diagnoses: list[Diagnosis]
    #: Visits that have ended with a diagnosis.
    diagnosed: int
    outcomes: dict[str, int]
    places: list[Place]


async def facilities(tx: Transaction, who: Subject) -> list[Facility]:
    """The facilities of the asker's province that have visits.

    Raises:
        Forbidden: the asker does not see figures.
    """
    province = await _province(tx, who)
    rows = await tx.fetch(_FACILITIES, province, int(province or 0))
    return [Facility(row["key"], row["code"], row["name"]) for row in rows]


async def figures(
    tx: Transaction, who: Subject, period: Period, places: Sequence[Facility], only: Facility | None = None
) -> Figures:
    """The figures of a period: of the whole province, or of one facility.

    Raises:
        Forbidden: the asker does not see figures.
    """
    province = int(await _province(tx, who) or 0)
    span = (period.grain, period.first, period.last)
    measures = ["channel", "hour", "wait", "wait-hour", "diagnosis", "outcome"]
    rows = await tx.fetch(
        _SUMS, province, only.key if only else 0, period.grain, measures, period.first, period.last
    )  # fmt: skip
    sums = _by_measure(rows)
    return Figures(
        period=period,
        channels=channels_of(sums["channel"]),
        waiting=_waiting(sums["wait"]),
        series=await _series(tx, province, only, period, sums),
        by_hour=_by_hour(sums["wait-hour"]),
        diagnoses=_diagnoses(sums["diagnosis"], period.last),
        diagnosed=sum(sums["diagnosis"].values()),
        outcomes=sums["outcome"],
        places=await _places(tx, province, [only] if only else places, span),
    )


async def changed(tx: Transaction, who: Subject) -> datetime:
    """When the figures last changed.

    Raises:
        Forbidden: the asker does not see figures.
    """
    _may(who)
    at: datetime = await tx.fetchval("select at from figure_news")
    return at


def chosen(places: Sequence[Facility], code: str | None) -> Facility | None:
    """The facility of a code; None where no code is asked.

    Raises:
        NotFound: no such facility in this province.
    """
    if not code:
        return None
    for one in places:
        if one.code == code:
            return one
    raise NotFound(
        _("Không có cơ sở mang mã %(code)s trong địa bàn.", code=code[:20]),
        where="co-so",
        advice=_("Chọn trong danh sách."),
    )


def _may(who: Subject) -> None:
    if not who.may(Permission.PROVINCE_FIGURES):
        raise Forbidden(_("Không có quyền xem số liệu của địa bàn."))


async def _province(tx: Transaction, who: Subject) -> str:
    _may(who)
    found: str = await tx.fetchval("select province from facility where key = $1", who.facility)
    return found


def _by_measure(rows: Sequence[Any]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {
        measure: {} for measure in ("channel", "hour", "wait", "wait-hour", "diagnosis", "outcome")
    }
    for row in rows:
        found[row["measure"]][row["key"]] = row["n"]
    return found


async def _series(
    tx: Transaction, province: int, only: Facility | None, period: Period, sums: Mapping[str, Mapping[str, int]]
) -> dict[date | int, int]:
    if period.kind == "ngay":
        hours = {int(key): n for key, n in sums["hour"].items()}
        return {hour: hours.get(hour, 0) for hour in range(min([5, *hours]), max([18, *hours]) + 1)}
    rows = await tx.fetch(_SERIES, province, only.key if only else 0, period.bars, period.first, period.last)
    known = {row["start"]: row["n"] for row in rows}
    return {start: known.get(start, 0) for start in period.starts()}


async def _places(
    tx: Transaction, province: int, places: Sequence[Facility], span: tuple[bytes, date, date]
) -> list[Place]:
    rows = await tx.fetch(_PLACES, province, [one.key for one in places], *span)
    sums: dict[int, dict[str, dict[str, int]]] = {one.key: {"channel": {}, "wait": {}} for one in places}
    for row in rows:
        sums[row["facility"]][row["measure"]][row["key"]] = row["n"]
    lines = [Place(one, channels_of(sums[one.key]["channel"]), _waiting(sums[one.key]["wait"])) for one in places]
    return sorted(lines, key=lambda line: -line.channels.visits)


def channels_of(counts: Mapping[str, int]) -> Channels:
    """The sums of the measure `channel`, by name."""
    return Channels(counts.get(ONLINE, 0), counts.get(BOOKED, 0), counts.get(WALK_IN, 0))


def _waiting(counts: Mapping[str, int]) -> Waiting:
    steps = rules.steps_of(counts.items())
    return Waiting(rules.quantile(steps, 0.5), rules.quantile(steps, 0.9))


def _by_hour(counts: Mapping[str, int]) -> dict[int, Waiting]:
    hours: dict[int, dict[str, int]] = {}
    for key, n in counts.items():
        hour, _, step = key.partition(":")
        hours.setdefault(int(hour), {})[step] = n
    return {hour: _waiting(hours[hour]) for hour in sorted(hours)}


def _diagnoses(counts: Mapping[str, int], day: date) -> list[Diagnosis]:
    first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Diagnosis(code, n, day) for code, n in first]
