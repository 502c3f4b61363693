"""The Department's view: how many of how many, by owner, kind, area, stage; who is late and why; over time. Sums only.

Every sum is one question over one row a site. "Paperless" means a verified decision that holds on that day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.kit import codes
from benhan.core.language import _
from benhan.province.rollout import words
from benhan.province.rollout.forecast import Forecast, forecast
from benhan.province.rollout.rules import Span

#: Groups of kinds that are counted together, by how an address calls them.
GROUPS: Final = ("benh-vien", "khac", "tat-ca")
#: Months of the line over time.
MONTHS: Final = 13
FROM: Final = """
from rollout_site where facility = $1 and (closed is null or closed > $2::date)
  and ($3::text[] is null or kind = any($3)) and ($4::text[] is null or kind <> all($4))
  and ($5 = '' or $5 in (ward, province)) and ($6 = '' or owner = $6) and ($7 = '' or wave = $7)
"""
_COUNTS: Final = """count(*)::int as n, count(*) filter (where done)::int as done,
  count(*) filter (where begun)::int as begun, count(*) filter (where waits)::int as waits,
  count(*) filter (where not done and late)::int as late, count(*) filter (where not done and behind)::int as behind"""
_ONE: Final = """paperless @> $2::date as done, begun <= $2::date as begun, waits, due < $2::date as late,
  planned < $2::date as behind"""
#: What is asked of each facility is computed once, not once for every way of grouping.
_SUMS: Final = f"""
with one as materialized (select owner, kind, province, stage, delay, scope, way, vendor, wave, {_ONE} {FROM})
select grouping(owner, kind, province, stage, delay, scope, way, vendor, wave) as set, owner, kind, province, stage,
  delay, scope, way, vendor, wave, {_COUNTS}
from one group by grouping sets ((), (owner), (kind), (province), (stage), (delay), (owner, scope), (way), (vendor),
  (wave))
"""
_WARDS: Final = f"with one as materialized (select ward, {_ONE} {FROM}) select ward, {_COUNTS} from one group by ward"
#: Facilities that were paperless on the same days are counted once.
_DAYS: Final = f"""
with one as materialized (select paperless, begun {FROM})
select paperless::text as spans, begun, count(*)::int as n from one group by grouping sets ((paperless), (begun))
"""
#: Which columns are grouped, as PostgreSQL numbers them: the bit of a column that is summed over is 1.
_COLUMNS: Final = ("owner", "kind", "province", "stage", "delay", "scope", "way", "vendor", "wave")


class Count(msgspec.Struct, frozen=True):
    """Facilities of one sort: all, paperless, begun, waiting to be verified, late by law, behind their own plan."""

    code: str
    name: str
    n: int
    done: int
    begun: int = 0
    waits: int = 0
    late: int = 0
    behind: int = 0

    @property
    def percent(self) -> int | None:
        """The share that is paperless, in whole percent."""
        return percent(self.done, self.n)


class Part(msgspec.Struct, frozen=True):
    """Which facilities are counted; empty: of any."""

    group: str = GROUPS[0]
    area: str = ""
    owner: str = ""
    wave: str = ""


class Point(msgspec.Struct, frozen=True):
    """A day, and how many had begun, and were paperless, on it."""

    day: date
    done: int
    begun: int


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All of the page."""

    day: date
    part: Part
    total: Count
    owners: list[Count]
    kinds: list[Count]
    areas: list[Count]
    stages: list[Count]
    delays: list[Count]
    ways: list[Count]
    vendors: list[Count]
    #: None where no facility is in a wave.
    waves: list[Count]
    #: (public or private, paperless facilities, those of them with the whole facility as scope).
    whole: list[Count]
    line: list[Point]
    before: Point
    forecast: Forecast | None


def percent(part: int, of: int) -> int | None:
    """Whole percent, a half rounded up; None of nothing."""
    return (200 * part + of) // (2 * of) if of else None


async def view(tx: Transaction, who: Subject, day: date, before: date, part: Part, *, today: date) -> View:
    """The figures of a day, compared with another.

    Raises:
        Forbidden: the asker does not see the Department's view.
    """
    must_oversee(who)
    return await counted(tx, who.facility, day, before, part, today=today)


def must_oversee(who: Subject) -> None:
    """Refuse whoever does not see the Department's view.

    Raises:
        Forbidden: she reports for a facility.
    """
    if not who.may(Permission.ROLLOUT_OVERVIEW):
        raise Forbidden(_("Không có quyền xem tiến độ của cả địa bàn."))


async def totals(tx: Transaction, department: int, today: date) -> tuple[Count, list[Count]]:
    """For everybody: hospitals of a Department, and by owner; no facility is named."""
    rows = await sums(tx, department, today, Part())
    return total_of(rows), counts(rows, ("owner",), "owner")


async def sums(tx: Transaction, department: int, day: date, part: Part) -> Sets:
    """Every sum of a day, by what is grouped; by ward where there is one province."""
    said = asked(department, day, part)
    rows = _by_set(await tx.fetch(_SUMS, *said))
    if len(rows.get(("province",), ())) == 1:
        rows[("ward",)] = await tx.fetch(_WARDS, *said)
    return rows


class Days(msgspec.Struct, frozen=True):
    """When facilities were paperless, and when they began: each with how many of them."""

    spans: list[tuple[list[Span], int]]
    begun: list[tuple[date, int]]

    def at(self, day: date) -> Point:
        """How many had begun, and were paperless, on a day."""
        done = sum(n for spans, n in self.spans if any(b <= day and (e is None or e > day) for b, e in spans))
        return Point(day, done, sum(n for begun, n in self.begun if begun <= day))

    def months(self, day: date) -> list[Point]:
        """The ends of the months before a day, oldest first, and the day itself."""
        return [self.at(one) for one in _month_ends(day)]


async def days_of(tx: Transaction, department: int, day: date, part: Part) -> Days:
    """The days of the facilities that are there on a day."""
    rows = await tx.fetch(_DAYS, *asked(department, day, part))
    return Days(
        [(_spans(row["spans"]), row["n"]) for row in rows if row["spans"] is not None],
        [(row["begun"], row["n"]) for row in rows if row["begun"] is not None],
    )


async def counted(tx: Transaction, department: int, day: date, before: date, part: Part, *, today: date) -> View:
    """The figures, of whoever may see them."""
    rows = await sums(tx, department, day, part)
    days = await days_of(tx, department, day, part)
    target = words.deadline(hospital=part.group == GROUPS[0]).target
    expected = None
    if day == today and target > today:
        expected = forecast([spans for spans, n in days.spans for _one in range(n)], today, target)
    return View(
        day=day, part=part, total=total_of(rows), owners=counts(rows, ("owner",), "owner"),
        kinds=counts(rows, ("kind",), "kind"), areas=areas_of(rows), stages=counts(rows, ("stage",), "stage"),
        delays=[one for one in counts(rows, ("delay",), "delay") if one.code and one.n > one.done],
        ways=[one for one in counts(rows, ("way",), "way") if one.code],
        vendors=_vendors(rows), waves=waves_of(rows), whole=_whole(rows),
        line=days.months(day),
        before=days.at(before), forecast=expected,
    )  # fmt: skip


def asked(department: int, day: date, part: Part) -> list[Any]:
    """The parameters $1 to $7 of every question here."""
    hospitals = words.hospital_kinds()
    only = hospitals if part.group == GROUPS[0] else None
    without = hospitals if part.group == GROUPS[1] else None
    return [department, day, only, without, part.area, part.owner, part.wave]


def kinds_of(group: str) -> list[str]:
    """The kinds of a group; empty for all."""
    hospitals = words.hospital_kinds()
    if group == GROUPS[0]:
        return hospitals
    return [one for one in words.listed("kind") if one not in hospitals] if group == GROUPS[1] else []


Sets = dict[tuple[str, ...], list[asyncpg.Record]]


def _by_set(rows: Sequence[asyncpg.Record]) -> Sets:
    found: dict[tuple[str, ...], list[asyncpg.Record]] = {}
    for row in rows:
        bits = row["set"]
        grouped = tuple(name for at, name in enumerate(reversed(_COLUMNS)) if not bits >> at & 1)
        found.setdefault(tuple(grouped[::-1]), []).append(row)
    return found


def _count(row: asyncpg.Record, code: str, name: str) -> Count:
    return Count(code, name, row["n"], row["done"], row["begun"], row["waits"], row["late"], row["behind"])


def total_of(rows: Sets) -> Count:
    """All of them."""
    return _count(rows[()][0], "", "") if rows.get(()) else Count("", "", 0, 0)


def counts(rows: Sets, key: tuple[str, ...], column: str) -> list[Count]:
    """In the order of the word list; what stands on none comes last."""
    order = list(words.stages()) if column == "stage" else list(words.listed(column))
    found = [_count(row, row[column], words.said(column, row[column])) for row in rows.get(key, ())]
    return sorted(found, key=lambda one: order.index(one.code) if one.code in order else len(order))


def areas_of(rows: Sets) -> list[Count]:
    """By province where there are several, else by ward; the most that are not paperless first."""
    provinces = rows.get(("province",), ())
    if len(provinces) > 1:
        known = codes.provinces()
        found = [_count(row, row["province"], _place_name(known, row["province"])) for row in provinces]
    else:
        wards = codes.wards()
        found = [_count(row, row["ward"], _place_name(wards, row["ward"])) for row in rows.get(("ward",), ())]
    return sorted(found, key=lambda one: (one.done - one.n, one.name))


def _place_name(known: codes.CodeList, code: str) -> str:
    found = known.get(code)
    return found.name if found else _("chưa rõ")


def _vendors(rows: Sets) -> list[Count]:
    found = [_count(row, row["vendor"], row["vendor"]) for row in rows.get(("vendor",), ()) if row["vendor"]]
    return sorted(found, key=lambda one: (-one.n, one.name))


def waves_of(rows: Sets) -> list[Count]:
    """By name; facilities of no wave last, nothing where there is no wave at all."""
    found = [_count(row, row["wave"], row["wave"] or _("chưa xếp đợt")) for row in rows.get(("wave",), ())]
    return sorted(found, key=lambda one: (not one.code, one.name)) if any(one.code for one in found) else []


def _whole(rows: Sets) -> list[Count]:
    """Of the paperless ones, the state's (ministries' too) and the others: how many in the whole facility."""
    public = words.public_owners()
    sums = {"public": [0, 0], "private": [0, 0]}
    for row in rows.get(("owner", "scope"), ()):
        side = sums["public" if row["owner"] in public else "private"]
        side[0] += row["done"]
        side[1] += row["done"] if row["scope"] == "whole" else 0
    names = {"public": _("Công lập (cả bộ, ngành)"), "private": _("Tư nhân")}
    return [Count(code, names[code], n, done) for code, (n, done) in sums.items() if n]


def _month_ends(day: date) -> list[date]:
    """The last days of the months before a day, oldest first, and the day itself."""
    found = [day]
    while len(found) < MONTHS:
        found.append(found[-1].replace(day=1) - timedelta(days=1))
    return found[::-1]


def _spans(text: str) -> list[Span]:
    """A datemultirange as PostgreSQL writes it: {[2025-01-01,2025-06-01),[2026-01-01,)}."""
    parts = text.strip("{}").replace("[", "").replace(")", "").split(",") if text != "{}" else []
    return [
        (date.fromisoformat(parts[at]), date.fromisoformat(parts[at + 1]) if parts[at + 1] else None)
        for at in range(0, len(parts), 2)
    ]
