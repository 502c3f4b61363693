"""Bulk export: every record of a facility, of its patients or of a group, as NDJSON, as of one moment.

The records are walked by id, a batch a transaction; what was changed after the moment of the kick-off is taken from the
history, so the files show one state however long the work takes. A record written before that moment by a transaction
that had not ended yet is waited for. Standard: HL7 Bulk Data Access 2.0; migration 0006.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.fhir import codec, compartments, r4
from benhan.core.fhir.outcome import Forbidden, Problem
from benhan.core.kit.text import numbers_hidden
from benhan.core.language import _
from benhan.core.store import guarding, job_files, jobs
from benhan.core.store.bodies import body_of, opened
from benhan.core.store.jobs import Job
from benhan.core.store.read import read
from benhan.core.store.records import NAMES, NUMBERS, now, permit
from benhan.core.store.search import search

#: Records of one batch, and members of a group looked at together.
BATCH, MEMBERS = 1000, 100
#: With filters each batch is also asked of the search, which takes so many ids.
FILTERED_BATCH: Final = 200
#: A record may be stamped so long before its transaction shows; after it, none stamped earlier can begin.
SETTLING = timedelta(seconds=1)
#: After every id.
LAST: Final = "\U0010ffff"

_AS_OF = """
select w.id, w.patient, w.updated, case when w.updated <= $4 then w.body else h.body end as body,
       case when w.updated <= $4 then w.updated else h.updated end as at
from ({walk}) w left join lateral (
    select {then}, updated from history h
    where w.updated > $4 and h.facility = $1 and h.type = $2 and h.id = w.id and h.updated <= $4
    order by h.version desc limit 1) h on true
order by {order}
"""
_ALL = f"""
select r.id, r.patient, r.updated, {body_of("r")} from resource r
where r.facility = $1 and r.type = $2 and r.id > $3 and ($5 or r.patient is not null) order by r.id limit $6
"""
_GROUP = f"""
select r.id, r.patient, r.updated, {body_of("r")} from resource r
where r.facility = $1 and r.type = $2 and r.patient = any($5) and (r.patient, r.id) > ($6, $3)
order by r.patient, r.id limit $7
"""


#: Who takes records out may read, find and export them.
_COPYING: Final = (Interaction.READ, Interaction.SEARCH, Interaction.EXPORT)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an export is of: all types that may be read, or these; records changed since; of these patients only."""

    level: str
    types: tuple[str, ...]
    since: datetime | None = None
    #: Members of the group, or patients named; None: whoever there is.
    patients: tuple[str, ...] | None = None
    #: Type → filters, any of which a record of that type must meet.
    filters: dict[str, list[dict[str, list[str]]]] = {}


async def kick_off(
    tx: Transaction, who: Subject, request: str, asked: Asked, group: str | None = None, until: datetime | None = None
) -> str:
    """Put an export down for the workers; gives the id of its job.

    Raises:
        Forbidden: a type named may not be read and searched, or no type may be; NotFound: there is no such group;
        Problem: 429.
    """
    allowed = _allowed(who, asked)
    patients = await _members(tx, who, group) if group else None
    if asked.patients is not None:
        patients = asked.patients if patients is None else tuple(sorted({*patients} & {*asked.patients}))
    moment = min(now(), until) if until else now()
    settled = msgspec.structs.replace(asked, types=allowed, patients=patients)
    id_ = await jobs.begin(tx, who, "export", request, settled, moment)
    record(tx, who, Event("export", None, id_, rule=f"export, {jobs.rule(who)}", detail=numbers_hidden(request)))
    return id_


def _allowed(who: Subject, asked: Asked) -> tuple[str, ...]:
    """The types that this export brings.

    Raises:
        Forbidden: one of those named may not be read and searched in the whole facility, or none of all may.
    """
    possible = compartments.types("Patient") if asked.level != "system" else tuple(sorted(NUMBERS))
    found = []
    for name in asked.types or possible:
        codec.resource_type(name)
        try:
            decisions = [permit(who, one, name) for one in _COPYING]
        except Forbidden:
            if asked.types:
                raise
            continue
        if all(one.only_patient is None for one in decisions) and name in possible:
            found.append(name)
    if not found:
        raise Forbidden(_("Không có loại bản ghi nào bạn được xuất."), where="_type")
    return tuple(found)


async def _members(tx: Transaction, who: Subject, id_: str) -> tuple[str, ...]:
    """The patients that belong to a group now.

    Raises:
        Forbidden, NotFound, Gone.
    """
    group = await read(tx, who, r4.Group, id_)
    members = {
        one.entity.reference.removeprefix("Patient/")
        for one in group.member or []
        if one.entity and one.entity.reference and one.entity.reference.startswith("Patient/") and not one.inactive
    }
    return tuple(sorted(members))


async def work(database: Database) -> bool:
    """Do one batch of whatever export is open; whether there was anything to do."""
    async with database.transaction(PLATFORM) as tx:
        if waiting := await jobs.locked(tx, "export", "waiting"):
            return await _begin(tx, waiting)
    if await jobs.close_finished(database, "export"):
        return True
    taken: tuple[str, int] | None = None
    try:
        async with database.transaction(PLATFORM) as tx:
            row = await tx.fetchrow(
                "select p.* from bulk_part p join bulk_job j on j.id = p.job"
                " where p.done is null and p.failures < $1 and j.kind = 'export' and j.state = 'working'"
                " order by j.started, p.part limit 1 for update of p skip locked",
                jobs.TRIES,
            )
            if row is None:
                return False
            taken = row["job"], row["part"]
            await _batch(tx, row)
    except (Problem, asyncpg.PostgresError, LookupError, ValueError) as error:
        if taken is None:
            raise
        async with database.transaction(PLATFORM) as tx:
            await jobs.failed_once_more(tx, *taken, f"{type(error).__name__}: {error}"[:500])
    return True


async def _begin(tx: Transaction, waiting: Job) -> bool:
    """Wait until nothing older can be written any more, then cut the job into parts."""
    if now() < waiting.moment + SETTLING:
        return False
    ready = await tx.fetchval(
        "update bulk_job set settled = coalesce(settled, pg_snapshot_xmax(pg_current_snapshot())) where id = $1"
        " returning settled <= pg_snapshot_xmin(pg_current_snapshot())",
        waiting.id,
    )
    if not ready:
        return False
    asked = msgspec.json.decode(waiting.asked, type=Asked)
    await tx.reach(waiting.facility)
    theirs = "" if asked.patients is None else " and r.patient = any($4::text[])"
    patients = [] if asked.patients is None else [list(asked.patients)]
    await tx.execute(
        "insert into bulk_part (job, part, facility, type, total)"
        " select $1, row_number() over (order by n), $2, t,"
        f" (select count(*) from resource r where r.facility = $2 and r.type = t{theirs})"
        " from unnest($3::smallint[]) with ordinality u(t, n)"
        " where exists (select from resource r where r.facility = $2 and r.type = t)",
        waiting.id, waiting.facility, [NUMBERS[name] for name in asked.types], *patients,
    )  # fmt: skip
    await tx.execute("update bulk_job set state = 'working' where id = $1", waiting.id)
    return True


async def _batch(tx: Transaction, part: asyncpg.Record) -> None:
    """Write the next records of a part, and where the one after begins."""
    row = await tx.fetchrow("select id, facility, subject, asked, moment from bulk_job where id = $1", part["job"])
    assert row
    await tx.reach(row["facility"])
    asked = msgspec.json.decode(jobs.asked_in(tx, row), type=Asked)
    who, name = msgspec.json.decode(row["subject"], type=Subject), NAMES[part["type"]]
    walked, after = await _walk(tx, part, asked, row["moment"])
    walked = opened(tx, walked)
    since = asked.since
    kept = [one for one in walked if one["body"] is not None and (since is None or one["at"] >= since)]
    kept = await open_to(tx, who, name, kept)
    if filters := asked.filters.get(name):
        met = await _met(tx, who, name, [one["id"] for one in kept], filters)
        kept = [one for one in kept if one["id"] in met]
    if kept:
        await job_files.append(tx, part["job"], part["part"], row["facility"], [one["body"] for one in kept])
    await tx.execute(
        "update bulk_part set after = coalesce($3, after), seen = seen + $4, count = count + $5, failures = 0,"
        " done = case when $3::text is null then now() end where job = $1 and part = $2",
        part["job"], part["part"], after, len(walked), len(kept),
    )  # fmt: skip


async def open_to(tx: Transaction, who: Subject, name: str, kept: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """Those that she may read, by what they carry now and what they carried at the moment of the export."""
    for decision in (permit(who, one, name) for one in _COPYING):
        still = await guarding.open_among(tx, decision, who.facility, [(name, one["id"]) for one in kept])
        kept = [one for one in kept if (name, one["id"]) in still]
        closed = await guarding.closed_versions(tx, decision, who.facility, kept)
        kept = [one for n, one in enumerate(kept) if n not in closed]
    return list(kept)


async def _walk(
    tx: Transaction, part: asyncpg.Record, asked: Asked, moment: datetime
) -> tuple[Sequence[asyncpg.Record], str | None]:
    """The next records as of the moment, and the position behind them; None when there are no more."""
    size = FILTERED_BATCH if NAMES[part["type"]] in asked.filters else BATCH
    key: tuple[Any, ...] = (part["facility"], part["type"])
    if asked.patients is None:
        sql = _AS_OF.format(then=body_of("h"), walk=_ALL, order="w.id")
        rows = await tx.fetch(sql, *key, part["after"], moment, asked.level == "system", size)
        return rows, rows[-1]["id"] if len(rows) == size else None
    patient, _slash, id_ = part["after"].partition("/")
    members = [one for one in asked.patients if one >= patient][:MEMBERS]
    if not members:
        return [], None
    sql = _AS_OF.format(then=body_of("h"), walk=_GROUP, order="w.patient, w.id")
    rows = await tx.fetch(sql, *key, id_, moment, members, patient, size)
    if len(rows) == size:
        return rows, f"{rows[-1]['patient']}/{rows[-1]['id']}"
    return rows, f"{members[-1]}/{LAST}" if members[-1] != asked.patients[-1] else None


async def _met(
    tx: Transaction, who: Subject, name: str, ids: list[str], filters: list[dict[str, list[str]]]
) -> set[str]:
    """Which of these records meet any of the filters."""
    found: set[str] = set()
    for one in filters:
        left = [id_ for id_ in ids if id_ not in found]
        if left:
            params = {**one, "_id": [*one.get("_id", ()), ",".join(left)], "_count": str(len(left))}
            page = await search(tx, who, codec.resource_type(name), params)
            found |= {resource.id for resource in page.resources if resource.id}
    return found
