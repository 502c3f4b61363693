"""The sites of a Department and their entries as they are kept: read, found, written. Who may is asked in `actions`.

A site's row is what its entries come to (`rules.state_of`), written in the transaction of the entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import uuid4

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import codes
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.province.rollout.rules import Entry, Span, State, What, state_of

#: Rows of one statement when many are written.
PORTION: Final = 1000
#: Hears how far something long is: done, of how many.
Tell = Callable[[int, int], None]
_COLUMNS: Final = (
    "id, code, gln, name, kind, owner, level, province, ward, closed, facts, stage, stage_on, begun,"
    " upper(paperless) is null and not isempty(paperless) as is_paperless, waits, due, planned, delay, scope, way,"
    " vendor, assessment, gate, blocked, wave, price, months, tasks, task_due, unread, reminded, visited"
)
_ENTRY: Final = "id, what, said, holds, at, account, name, corrects, why, evidence"
_ADD: Final = """
insert into rollout_entry (facility, id, site, what, said, holds, account, name, corrects, why, evidence)
select $1, id, site, what, said::jsonb, holds, $2, $3, corrects, why, evidence
from unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::date[], $9::bigint[], $10::text[], $11::text[])
    e(id, site, what, said, holds, corrects, why, evidence)
"""
_KEEP: Final = """
insert into rollout_site (facility, id, code, gln, name, words, kind, owner, level, province, ward, closed, facts,
    stage, stage_on, begun, paperless, waits, due, planned, delay, scope, way, vendor, wave, price,
    months, tasks, task_due, unread, reminded, visited)
select $1, id, code, gln, name, words, kind, owner, level, province, ward, closed, facts::jsonb, stage, stage_on, begun,
    paperless::datemultirange, waits, due, planned, delay, scope, way, vendor, wave, price, months, tasks::jsonb,
    task_due, unread, reminded, visited
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::text[], $12::date[], $13::text[], $14::text[], $15::date[], $16::date[], $17::text[], $18::bool[], $19::date[],
    $20::date[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::bigint[], $27::int[],
    $28::text[], $29::date[], $30::int[], $31::date[], $32::date[])
    s(id, code, gln, name, words, kind, owner, level, province, ward, closed, facts, stage, stage_on, begun, paperless,
      waits, due, planned, delay, scope, way, vendor, wave, price, months, tasks, task_due, unread, reminded, visited)
on conflict (facility, id) do update set code = excluded.code, gln = excluded.gln, name = excluded.name,
    words = excluded.words, kind = excluded.kind, owner = excluded.owner, level = excluded.level,
    province = excluded.province, ward = excluded.ward, closed = excluded.closed, facts = excluded.facts,
    stage = excluded.stage, stage_on = excluded.stage_on, begun = excluded.begun, paperless = excluded.paperless,
    waits = excluded.waits, due = excluded.due, planned = excluded.planned, delay = excluded.delay,
    scope = excluded.scope, way = excluded.way, vendor = excluded.vendor, wave = excluded.wave, price = excluded.price,
    months = excluded.months, tasks = excluded.tasks, task_due = excluded.task_due, unread = excluded.unread,
    reminded = excluded.reminded, visited = excluded.visited
"""


class Task(msgspec.Struct, frozen=True):
    """Something to be done at a facility, open: its entry, what, by whom, until when."""

    id: int
    task: str
    whom: str
    until: date


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A facility that the Department answers for, as its row stands."""

    id: str
    code: str | None
    gln: str | None
    name: str
    kind: str
    owner: str
    level: str
    province: str
    ward: str
    closed: date | None
    facts: dict[str, Any]
    stage: str
    stage_on: date | None
    begun: date | None
    is_paperless: bool
    waits: bool
    due: date
    planned: date | None
    delay: str
    scope: str
    way: str
    vendor: str
    #: How far its self-assessment is, how its go-live gate stands, how much of its plan is blocked (`progress`).
    assessment: str = ""
    gate: str = ""
    blocked: int = 0
    wave: str = ""
    price: int | None = None
    months: int | None = None
    tasks: tuple[Task, ...] = ()
    task_due: date | None = None
    unread: int = 0
    reminded: date | None = None
    visited: date | None = None

    def late(self, today: date) -> bool:
        """Whether its day by law is over and it is not paperless."""
        return not self.is_paperless and self.due < today

    def behind(self, today: date) -> bool:
        """Whether the day it planned is over and it is not paperless."""
        return not self.is_paperless and self.planned is not None and self.planned < today

    @property
    def place(self) -> str:
        """Ward and province of today."""
        return place_name(self.ward, self.province)


class Kept(msgspec.Struct, frozen=True):
    """A site with everything that was said of it, oldest first."""

    site: Site
    entries: list[Entry]

    @property
    def state(self) -> State:
        """What the entries come to."""
        return state_of(self.entries)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which sites: all conditions together; empty stands for any."""

    text: str = ""
    kinds: Sequence[str] = ()
    owner: str = ""
    area: str = ""
    stage: str = ""
    standing: str = ""
    wave: str = ""
    only: Sequence[str] | None = None
    #: Within these wards and provinces, or of these ids; None: anywhere.
    within: tuple[Sequence[str], Sequence[str]] | None = None
    #: Reminded after this day (True), or not (False).
    reminded: tuple[date, bool] | None = None


def _silent(done: int, whole: int) -> None:
    """Nobody waits."""


def new_id() -> str:
    """An id for a site or a file."""
    return uuid4().hex[:20]


def place_name(ward: str, province: str) -> str:
    """How a place is called."""
    found = codes.wards().get(ward)
    of = codes.provinces().get(province)
    return ", ".join(one.name for one in (found, of) if one)


async def one(tx: Transaction, who: Subject, site: str) -> Kept:
    """A site and its entries.

    Raises:
        NotFound: this Department has none of this id.
    """
    row = await tx.fetchrow(f"select {_COLUMNS} from rollout_site where facility = $1 and id = $2", who.facility, site)
    if row is None:
        raise NotFound(_("Sở không theo dõi cơ sở này."))
    return Kept(site_of(row), (await entries(tx, who, [site])).get(site, []))


async def locked(tx: Transaction, who: Subject, site: str) -> Kept:
    """As `one`; nobody else writes about it until the transaction ends."""
    await tx.execute("select 1 from rollout_site where facility = $1 and id = $2 for update", who.facility, site)
    return await one(tx, who, site)


async def every(tx: Transaction, who: Subject) -> list[Site]:
    """All sites of the Department, locked: a list is compared with them."""
    rows = await tx.fetch(f"select {_COLUMNS} from rollout_site where facility = $1 for update", who.facility)
    return [site_of(row) for row in rows]


async def some(tx: Transaction, who: Subject, ids: Sequence[str]) -> list[Site]:
    """The sites of these ids."""
    rows = await tx.fetch(
        f"select {_COLUMNS} from rollout_site where facility = $1 and id = any($2)", who.facility, list(ids)
    )
    return [site_of(row) for row in rows]


async def waves(tx: Transaction, who: Subject) -> list[str]:
    """The waves that the Department has put facilities in, by name."""
    rows = await tx.fetch(
        "select distinct wave from rollout_site where facility = $1 and wave <> '' order by wave limit 50", who.facility
    )
    return [row["wave"] for row in rows]


async def pressing(
    tx: Transaction, who: Subject, areas: Sequence[str] | None, ids: Sequence[str], most: int
) -> list[Site]:
    """The sites with open tasks, the earliest task first: of these wards, provinces and ids; None: of all."""
    rows = await tx.fetch(
        f"select {_COLUMNS} from rollout_site where facility = $1 and task_due is not null and ($2::text[] is null"
        f" or ward = any($2) or province = any($2) or id = any($3)) order by task_due, id limit {most}",
        who.facility, areas if areas is None else list(areas), list(ids),
    )  # fmt: skip
    return [site_of(row) for row in rows]


async def entries(tx: Transaction, who: Subject, sites: Sequence[str]) -> dict[str, list[Entry]]:
    """What was said of some sites, oldest first."""
    rows = await tx.fetch(
        f"select site, {_ENTRY} from rollout_entry where facility = $1 and site = any($2) order by site, id",
        who.facility, list(sites),
    )  # fmt: skip
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row["site"], []).append(_entry(row))
    return found


async def find(
    tx: Transaction, who: Subject, wanted: Wanted, today: date, most: int, after: tuple[str, str] | None = None
) -> tuple[list[Site], tuple[str, str] | None]:
    """Sites by name, and where to go on from; None at the end."""
    where, values = _asked(who, wanted, today)
    if after:
        where += f" and (words, id) > (${len(values) + 1}, ${len(values) + 2})"
        values += after
    rows = await tx.fetch(
        f"select {_COLUMNS}, words from rollout_site where {where} order by words, id limit {most + 1}", *values
    )
    more = (rows[most - 1]["words"], rows[most - 1]["id"]) if len(rows) > most else None
    return [site_of(row) for row in rows[:most]], more


async def count(tx: Transaction, who: Subject, wanted: Wanted, today: date) -> int:
    """How many there are."""
    where, values = _asked(who, wanted, today)
    found: int = await tx.fetchval(f"select count(*) from rollout_site where {where}", *values)
    return found


def _asked(who: Subject, wanted: Wanted, today: date) -> tuple[str, list[Any]]:
    """The conditions as SQL; every value is a parameter."""
    values: list[Any] = [who.facility, today]
    parts = ["facility = $1", "(closed is null or closed > $2::date)"]

    def also(condition: str, value: Any) -> None:
        values.append(value)
        parts.append(condition.format(n=len(values)))

    if words := fold(wanted.text).split():
        also("words like all(${n}::text[])", [f"% {word}%" for word in words])
    if wanted.kinds:
        also("kind = any(${n}::text[])", list(wanted.kinds))
    for column in ("owner", "stage", "wave"):
        if value := getattr(wanted, column):
            also(f"{column} = ${{n}}", value)
    if wanted.area:
        also("${n} in (ward, province)", wanted.area)
    if wanted.only is not None:
        also("id = any(${n}::text[])", list(wanted.only))
    if wanted.within is not None:
        areas, ids = map(list, wanted.within)
        values.extend((areas, ids))
        at = len(values)
        parts.append(f"(ward = any(${at - 1}::text[]) or province = any(${at - 1}) or id = any(${at}::text[]))")
    if wanted.reminded is not None:
        after, yes = wanted.reminded
        also("coalesce(reminded > ${n}::date, false) = " + ("true" if yes else "false"), after)
    if condition := _STANDINGS.get(wanted.standing):
        parts.append(condition)
    return " and ".join(parts), values


_STANDINGS: Final = {
    "paperless": "paperless @> $2::date",
    "open": "not paperless @> $2::date",
    "waits": "waits",
    "tasks": "task_due is not null",
    "unread": "unread > 0",
    "late": "not paperless @> $2::date and due < $2::date",
    "behind": "not paperless @> $2::date and planned < $2::date",
    "assessment-sent": "assessment = 'sent'",
    "assessment-returned": "assessment = 'returned'",
    "gate-shut": "gate = 'shut'",
    "blocked": "blocked > 0",
}


async def add(
    tx: Transaction, who: Subject, said: Mapping[str, Sequence[Entry]], tell: Tell = _silent
) -> None:  # fmt: skip
    """Write new entries, by site; `tell` hears how many entries of how many are written."""
    rows = [(site, one) for site, several in said.items() for one in several]
    for start in range(0, len(rows), PORTION):
        part = rows[start : start + PORTION]
        await tx.execute(
            _ADD, who.facility, who.account, who.name,
            [one.id for _site, one in part], [site for site, _one in part], [str(one.what) for _site, one in part],
            [msgspec.json.encode(one.said).decode() for _site, one in part], [one.holds for _site, one in part],
            [one.corrects for _site, one in part], [one.why for _site, one in part],
            [one.evidence for _site, one in part],
        )  # fmt: skip
        tell(start + len(part), len(rows))
    tx.wrote = True


async def keep(tx: Transaction, who: Subject, sites: Mapping[str, State], tell: Tell = _silent) -> None:
    """Write what the entries of some sites come to; `tell` hears how many of how many are written."""
    pairs = list(sites.items())
    for start in range(0, len(pairs), PORTION):
        rows = [_row(site, state) for site, state in pairs[start : start + PORTION]]
        await tx.execute(_KEEP, who.facility, *(list(column) for column in zip(*rows, strict=True)))
        tell(start + len(rows), len(pairs))
    tx.wrote = True


async def numbers(tx: Transaction, n: int) -> list[int]:
    """The ids of so many new entries, rising."""
    rows = await tx.fetch("select nextval('rollout_entry_id') as id from generate_series(1, $1)", n)
    return sorted(row["id"] for row in rows)


def _row(site: str, state: State) -> tuple[Any, ...]:
    facts = state.facts
    name, ward, province = facts["name"], facts.get("ward", ""), facts.get("province", "")
    found = codes.wards().get(ward)
    told = [name, facts.get("code", ""), facts.get("gln", ""), found.name if found else "", facts.get("old_ward", "")]
    closed = facts.get("closed")
    tasks = [msgspec.convert(one.said | {"id": one.id}, Task) for one in state.tasks]
    return (
        site, facts.get("code"), facts.get("gln"), name, f" {fold(' '.join(told))}", facts["kind"], facts["owner"],
        facts.get("level", ""), province, ward, date.fromisoformat(closed) if closed else None,
        msgspec.json.encode(facts).decode(), state.stage, state.stage_on, state.begun, _multirange(state.paperless),
        state.waiting is not None, state.due, state.plan.get("decided"), state.delay.get("reason", ""),
        state.scope.get("scope", ""), state.means.get("way", ""), state.means.get("emr", ""), facts.get("wave", ""),
        state.means.get("price"), state.means.get("months"), msgspec.json.encode(tasks).decode(),
        tasks[0].until if tasks else None, len(state.unread), state.reminded, state.visited,
    )  # fmt: skip


def _multirange(spans: Iterable[Span]) -> str:
    return "{" + ",".join(f"[{first},{last or ''})" for first, last in spans) + "}"


def site_of(row: asyncpg.Record) -> Site:
    """A row as a site."""
    named = {name: row[name] for name in Site.__struct_fields__ if name not in ("facts", "tasks")}
    tasks = msgspec.json.decode(row["tasks"], type=tuple[Task, ...])
    return Site(facts=msgspec.json.decode(row["facts"]), tasks=tasks, **named)


def _entry(row: asyncpg.Record) -> Entry:
    named = {name: row[name] for name in Entry.__struct_fields__ if name not in ("said", "what")}
    return Entry(said=msgspec.json.decode(row["said"]), what=What(row["what"]), **named)
