"""Indexing again: while the store is in use, in small parts, by as many processes as there are.

Three things make records be indexed again: rules of a newer program (INDEX_VERSION), a search parameter brought in at
run time, and rows that somebody wrote who did not know the newest rules (`resource.indexed = 0`). Each becomes a job,
cut into parts of a few hundred records. A process takes a part by locking its row and does it in that transaction: when
it is killed, nothing is half done and another takes the part. Records that somebody is just changing are left for the
next round. Uniqueness (`once`), history and change feed are not touched: nothing about the record has changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import codec
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.language import _
from benhan.core.store import parameters
from benhan.core.store.bodies import body_of, opened_one
from benhan.core.store.records import NAMES, NUMBERS
from benhan.core.store.rows import INDEX_VERSION, Rows
from benhan.core.vault import Keys, keys_of

#: Records in a part: about a tenth of a second, so that nobody waits long for one of them.
PART = 200
#: One process at a time plans jobs.
LOCK = 0x7265696E64
#: Records that could not be indexed are named in the part, up to this many.
MOST_NAMED = 20
IDLE_SECONDS = 0.5
#: Between two parts, so that requests come first.
BREATH_SECONDS = 0.01
REST_SECONDS = 5.0
#: Jobs that ended are kept so long, for those who ask.
KEPT_DAYS = 30

_log = logging.getLogger(__name__)

_JOB = (
    "insert into reindex (facility, reason, parameter, version, total, by) values ($1, $2, $3, $4, 0, $5) returning job"
)
#: Cut the records that meet a condition into parts, in the order they were written.
_PARTS = """
insert into reindex_part (job, part, facility, keys)
select $1, (n / {size})::int, $2, array_agg(key order by key)
from (select key, row_number() over (order by key) - 1 as n from resource where {which}) r group by n / {size}
"""
_TOTAL = """
update reindex set total = (select coalesce(sum(cardinality(keys)), 0) from reindex_part p where p.job = reindex.job)
where job = $1 returning total
"""
_OPEN = "select exists(select from reindex where ended is null and reason = 'asked' and facility = $1)"
_BEHIND = """
select exists(select from resource where indexed = 0)
    and not exists(select from reindex where ended is null and reason in ('version', 'behind'))
"""
_TAKE = """
select p.job, p.part, p.facility, p.keys, (select parameter from reindex j where j.job = p.job) as parameter
from reindex_part p where p.job = $1 and p.done is null order by p.part limit 1 for update skip locked
"""
_DONE = "update reindex_part set done = now(), redone = $3, failed = $4 where job = $1 and part = $2"
_LATER = """
insert into reindex_part (job, part, facility, keys)
select $1, max(part) + 1, $2, $3 from reindex_part where job = $1
"""
_RECORDS = f"""
select key, facility, type, id, patient, {body_of("r")} from resource r where key = any($1) order by key
for update skip locked
"""
_STAMP = """
update resource r set patient = u.patient,
    indexed = (select case when $3 >= version and $4 >= generation then $3 else 0 end from search_rules)
from unnest($1::bigint[], $2::text[]) u(key, patient) where r.key = u.key
"""
_UNSETTLED = """
select number, facility, type from search_parameter
where active and not complete and xid < pg_snapshot_xmin(pg_current_snapshot())
    and not exists (select from reindex j where j.parameter = number and j.ended is null)
order by number limit 1
"""
_STATUS = """
select j.job, j.reason, j.parameter, j.started, j.ended, j.total,
    coalesce(sum(p.redone), 0) as redone, coalesce(sum(cardinality(p.failed)), 0) as failed,
    coalesce((array_agg(p.failed[1]) filter (where cardinality(p.failed) > 0))[1:20], '{}') as named
from reindex j left join reindex_part p using (job)
where (j.facility = $1 or j.facility = 0 or $1 = -1) and (j.job = $2 or $2 is null)
group by j.job order by j.job desc limit 50
"""


class Status(msgspec.Struct, frozen=True):
    """How far a job is: records there are, records indexed again, records that could not be and some of their names."""

    job: int
    reason: str
    parameter: int | None
    started: datetime
    ended: datetime | None
    total: int
    redone: int
    failed: int
    named: list[str]


async def ask(tx: Transaction, who: Subject, types: Sequence[str] = ()) -> int:
    """Have a facility's records (of some types) indexed again; gives the number of the job.

    Raises:
        Problem: 429, that is being done already.
    """
    if await tx.fetchval(_OPEN, who.facility):
        raise Problem(429, "throttled", _("Đang lập lại chỉ mục rồi."), advice=_("Xem tiến độ ở GET /fhir/$reindex."))
    which = "facility = $3 and (type = any($4::smallint[]) or $4 is null)"
    numbers = [NUMBERS[name] for name in types] or None
    job = await _plan(tx, who.facility, "asked", which, who.facility, numbers, by=who.account)
    record(tx, who, Event("reindex", rule=f"role {'+'.join(sorted(who.roles))}", detail=" ".join(types)))
    tx.wrote = True
    return job


async def again(tx: Transaction, facility: int) -> int:
    """Have all records of a facility indexed again because its key was exchanged; gives the number of the job."""
    return await _plan(tx, facility, "key", "facility = $3", facility)


async def status(tx: Transaction, facility: int, job: int | None = None) -> list[Status]:
    """The jobs of a facility and of the whole platform, the newest first.

    Raises:
        NotFound: there is no job of this number.
    """
    found = [Status(**dict(row)) for row in await tx.fetch(_STATUS, facility, job)]
    if job is not None and not found:
        raise NotFound(_("Không có việc lập lại chỉ mục số %(n)s.", n=job))
    return found


async def step(database: Database) -> bool:
    """Learn of changes, plan what is due, do one part; gives whether there may be more to do."""
    async with database.transaction(PLATFORM) as tx:
        await parameters.refresh(tx)
        planned = await plan(tx)
    return await one_part(database) or planned


async def plan(tx: Transaction) -> bool:
    """Make the jobs that are due, one process at a time; the transaction must reach the platform."""
    if not await _due(tx) or not await tx.fetchval("select pg_try_advisory_xact_lock($1)", LOCK):
        return False
    await tx.execute("set local statement_timeout = 0")
    raised = await tx.fetchval(
        "update search_rules set version = $1, generation = generation + 1 where version < $1 returning version",
        INDEX_VERSION,
    )
    if raised:
        await _plan(tx, 0, "version", "indexed < $3", INDEX_VERSION)
    elif await tx.fetchval(_BEHIND):
        await _plan(tx, 0, "behind", "indexed = 0")
    for row in await tx.fetch(_UNSETTLED):
        which, of = "type = $3 and (facility = $4 or $4 = 0) and body is not null", NUMBERS[row["type"]]
        await _plan(tx, row["facility"], "parameter", which, of, row["facility"], parameter=row["number"])
    await tx.execute("delete from reindex where ended < now() - make_interval(days => $1)", KEPT_DAYS)
    return True


async def _due(tx: Transaction) -> bool:
    """Whether there may be something to plan; asked all the time, so it costs next to nothing."""
    row = await tx.fetchrow(
        "select (select version from search_rules) < $1 as raised,"
        " exists(select from search_parameter where active and not complete) as asked,"
        f" ({_BEHIND}) as behind",
        INDEX_VERSION,
    )
    assert row
    return bool(row["raised"] or row["asked"] or row["behind"])


async def _plan(
    tx: Transaction, facility: int, reason: str, which: str, *values: Any, parameter: int | None = None, by: str = ""
) -> int:
    """Put a job down, cut into parts."""
    job: int = await tx.fetchval(_JOB, facility, reason, parameter, INDEX_VERSION, by)
    await tx.execute(_PARTS.format(size=PART, which=which), job, facility, *values)
    if not await tx.fetchval(_TOTAL, job):
        await _ended(tx, job)
    return job


async def one_part(database: Database) -> bool:
    """Do one part of a job, if there is any that nobody else has in hand; gives whether something was done."""
    async with database.transaction(PLATFORM) as tx:
        part = await _taken(tx)
        if part is None:
            return False
        left, redone, failed = await _again(tx, part["keys"], part["parameter"])
        if left:  # somebody is changing these: they come last
            await tx.execute(_LATER, part["job"], part["facility"], left)
        await tx.execute(_DONE, part["job"], part["part"], redone, failed[:MOST_NAMED])
        await _ended(tx, part["job"])
    return redone > 0


async def _taken(tx: Transaction) -> Any:
    """The next part, locked. Parameters come first: somebody waits for them."""
    for row in await tx.fetch("select job from reindex where ended is null order by reason <> 'parameter', job"):
        if part := await tx.fetchrow(_TAKE, row["job"]):
            return part
    return None


async def _ended(tx: Transaction, job: int) -> None:
    """Note the end of a job that has no part left; its parameter is complete, unless it has changed since."""
    done = await tx.fetchrow(
        "update reindex set ended = now() where job = $1 and ended is null"
        " and not exists (select from reindex_part where job = $1 and done is null) returning parameter, settled",
        job,
    )
    if done and done["parameter"] is not None:
        await tx.execute("update search_parameter set complete = true where number = $1 and xid < $2", *done.values())


async def _again(tx: Transaction, keys: list[int], parameter: int | None) -> tuple[list[int], int, list[str]]:
    """Index these again (only one parameter, where one is named): what is left, how many, which could not be."""
    found = await tx.fetch(_RECORDS, keys)
    there = await tx.fetch("select key from resource where key = any($1)", keys)
    left = sorted({row["key"] for row in there} - {row["key"] for row in found})
    good: list[tuple[int, int, Rows]] = []
    failed, generation = [], parameters.generation()
    for row in found:
        try:
            if row["body"] is not None:
                own = await keys_of(tx, row["facility"])
                good.append((row["key"], row["facility"], _rows(opened_one(tx, row), own)))
        except Exception as problem:  # whatever it is, it must not stop the others; the job names it
            failed.append(f"{NAMES[row['type']]}/{row['id']}: {problem}"[:300])
            _log.warning("cannot be indexed again: %s", failed[-1])
    await _replace(tx, good, parameter)
    if parameter is None:
        patients = {row["key"]: row["patient"] for row in found} | {key: rows.patient for key, _f, rows in good}
        await tx.execute(_STAMP, list(patients), list(patients.values()), INDEX_VERSION, generation)
    return left, len(found) - len(failed), failed


def _rows(row: asyncpg.Record, keys: Keys) -> Rows:
    return parameters.rows(keys, codec.kept(row["body"], codec.resource_type(NAMES[row["type"]])))


async def _replace(tx: Transaction, good: list[tuple[int, int, Rows]], parameter: int | None) -> None:
    """The index rows of these records, new for old, table by table."""
    for table, columns, rows_in in _TABLES:
        rows = [
            (facility, key, *row)
            for key, facility, rows in good
            for row in rows_in(rows)
            if parameter in (None, row[0])
        ]
        names = ", ".join(name for name, _kind in columns)
        arrays = ", ".join(f"${n}::{kind}[]" for n, (_name, kind) in enumerate(columns, 1))
        await tx.execute(
            f"delete from {table} where rid = any($1) and (param = $2::smallint or $2 is null)",
            [key for key, _facility, _rows in good], parameter,
        )  # fmt: skip
        if rows:
            values = [list(column) for column in zip(*rows, strict=True)]
            await tx.execute(f"insert into {table} ({names}) select * from unnest({arrays})", *values)


_HEAD = (("facility", "int"), ("rid", "bigint"), ("param", "smallint"))
_TABLES: tuple[tuple[str, tuple[tuple[str, str], ...], Callable[[Rows], Any]], ...] = (
    ("token", (*_HEAD, ("hash", "bigint")), lambda rows: rows.tokens),
    ("word", (*_HEAD, ("word", "text"), ("whole", "text")), lambda rows: rows.words),
    ("span", (*_HEAD, ("lo", "timestamptz"), ("hi", "timestamptz")), lambda rows: rows.spans),
    ("quantity", (*_HEAD, ("unit", "bigint"), ("lo", "float8"), ("hi", "float8")), lambda rows: rows.quantities),
)


class Reindexer(Background):
    """Keeps the index up to the newest rules for as long as the process runs."""

    failure = "a part could not be indexed again"
    rest_seconds = REST_SECONDS

    async def start(self) -> None:
        """Learn the parameters there are before the first request; then go on where the last process stopped."""
        async with self._database.transaction(PLATFORM) as tx:
            await parameters.refresh(tx)
        await super().start()

    async def turn(self) -> float:
        """One part."""
        return BREATH_SECONDS if await step(self._database) else IDLE_SECONDS
