"""Work that outlives a request: bulk exports and imports as rows that any process may take up.

The state of a job and what it has made change in one transaction with its position, so a process killed at any moment
has repeated nothing and lost nothing. Migration 0006.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import asyncpg
import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.language import _
from benhan.core.vault import Column

#: Jobs of one account at a time; more are refused with 429.
AT_ONCE: Final = 5
#: Results are kept so long.
KEPT: Final = timedelta(hours=24)
#: A batch that fails so often ends its job.
TRIES: Final = 3
IDLE_SECONDS: Final = 0.5
_REQUEST, _ASKED = Column("bulk_job", "request"), Column("bulk_job", "asked")
_JOB = (
    "select id, facility, kind, account, subject, request, asked, state, moment, started, ended, expires, error"
    " from bulk_job"
)


class Job(msgspec.Struct, frozen=True):
    """A job as it stands."""

    id: str
    facility: int
    kind: str
    account: str
    who: Subject
    request: str
    asked: bytes
    state: str
    moment: datetime
    started: datetime
    ended: datetime | None
    expires: datetime | None
    error: str | None


class Progress(msgspec.Struct, frozen=True):
    """How far a job is: records looked at, records there were when it began, records taken."""

    seen: int
    total: int
    count: int


async def begin(tx: Transaction, who: Subject, kind: str, request: str, asked: msgspec.Struct, moment: datetime) -> str:
    """Put a job down for the workers; gives its id.

    Raises:
        Problem: 429, too many jobs of this account are open.
    """
    await tx.execute("select pg_advisory_xact_lock(hashtext($1))", f"bulk {who.facility} {who.account}")
    running = await tx.fetchval(
        "select count(*) from bulk_job where facility = $1 and account = $2 and state in ('waiting', 'working')",
        who.facility, who.account,
    )  # fmt: skip
    if running >= AT_ONCE:
        raise Problem(
            429, "throttled", _("Đang có %(n)s việc hàng loạt chưa xong.", n=running),
            advice=_("Chờ một việc xong hoặc huỷ bớt rồi gọi lại."),
        )  # fmt: skip
    id_ = uuid4().hex
    await tx.execute(
        "insert into bulk_job (id, facility, kind, account, subject, request, asked, moment)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id_, who.facility, kind, who.account, msgspec.json.encode(who).decode(),
        await _REQUEST.hide(tx, who.facility, id_, request),
        await _ASKED.hide(tx, who.facility, id_, msgspec.json.encode(asked).decode()), moment,
    )  # fmt: skip
    tx.wrote = True
    return id_


async def job(tx: Transaction, who: Subject, id_: str) -> Job:
    """A job of the caller's own.

    Raises:
        NotFound: there is none, it was cancelled or has expired, or somebody else asked for it.
    """
    row = await tx.fetchrow(
        f"{_JOB} where id = $1 and facility = $2 and account = $3 and (expires is null or expires > now())",
        id_, who.facility, who.account,
    )  # fmt: skip
    if row is None:
        raise NotFound(_("Không có việc hàng loạt này."), advice=_("Việc đã huỷ hoặc đã hết hạn; gọi lại từ đầu."))
    return _job(tx, row)


async def progress(tx: Transaction, id_: str) -> Progress:
    """How far a job is."""
    row = await tx.fetchrow(
        "select coalesce(sum(seen), 0)::bigint as seen, coalesce(sum(total), 0)::bigint as total,"
        " coalesce(sum(count), 0)::bigint as count from bulk_part where job = $1",
        id_,
    )
    assert row
    return Progress(row["seen"], row["total"], row["count"])


async def cancel(tx: Transaction, who: Subject, id_: str) -> Job:
    """Stop a job and throw away what it has made (an import's records stay).

    Raises:
        NotFound: as `job`.
    """
    found = await job(tx, who, id_)
    await tx.execute("delete from bulk_job where id = $1", id_)
    tx.wrote = True
    return found


async def locked(tx: Transaction, kind: str, state: str) -> Job | None:
    """An open job that no other process has in hand, locked until the transaction ends; the longest waiting first."""
    row = await tx.fetchrow(
        f"{_JOB} where kind = $1 and state = $2 order by started limit 1 for update skip locked", kind, state
    )
    return _job(tx, row) if row else None


async def end(tx: Transaction, id_: str, state: str, error: str | None = None) -> None:
    """Note how a job has ended; what it made is kept for a day from now."""
    await tx.execute(
        "update bulk_job set state = $2, error = $3, ended = now(), expires = now() + $4 where id = $1",
        id_, state, error, KEPT,
    )  # fmt: skip


async def close_finished(database: Database, kind: str) -> bool:
    """Close a job that has no open part left; its trace says how many records it was. Whether there was one."""
    async with database.transaction(PLATFORM) as tx:
        row = await tx.fetchrow(
            "select id, facility, subject from bulk_job j where kind = $1 and state = 'working'"
            " and not exists (select from bulk_part p where p.job = j.id and p.done is null)"
            " limit 1 for update skip locked",
            kind,
        )
        if row is None:
            return False
        await end(tx, row["id"], "done")
        await tx.reach(row["facility"])
        done, who = await progress(tx, row["id"]), msgspec.json.decode(row["subject"], type=Subject)
        record(tx, who, Event(kind, None, row["id"], rule=f"{kind}, {rule(who)}", detail=f"{done.count} records"))
    return True


def rule(who: Subject) -> str:
    """By which right somebody does bulk work, for its trace."""
    return f"role {'+'.join(sorted(who.roles))}"


async def failed_once_more(tx: Transaction, id_: str, part: int, reason: str) -> None:
    """Count a failure of a part; the job ends when there were too many."""
    failures = await tx.fetchval(
        "update bulk_part set failures = failures + 1 where job = $1 and part = $2 returning failures", id_, part
    )
    if failures is not None and failures >= TRIES:
        await end(tx, id_, "failed", reason)


async def forget_expired(tx: Transaction) -> int:
    """Remove what has expired; gives how many jobs."""
    tag = await tx.execute("delete from bulk_job where expires < now()")
    return int(tag.rpartition(" ")[2])


def asked_in(tx: Transaction, row: asyncpg.Record) -> bytes:
    """What a row of a job asks for."""
    return _ASKED.show(tx, row["facility"], row["id"], row["asked"]).encode()


def _job(tx: Transaction, row: asyncpg.Record) -> Job:
    return Job(
        id=row["id"], facility=row["facility"], kind=row["kind"], account=row["account"],
        who=msgspec.json.decode(row["subject"], type=Subject), asked=asked_in(tx, row),
        request=_REQUEST.show(tx, row["facility"], row["id"], row["request"]),
        state=row["state"], moment=row["moment"], started=row["started"], ended=row["ended"], expires=row["expires"],
        error=row["error"],
    )  # fmt: skip


class Worker(Background):
    """Takes up jobs for as long as the process runs. `step` does one batch and says whether there was one."""

    failure = "bulk: a batch could not be done"
    FORGET_SECONDS: Final = 60.0

    def __init__(self, database: Database, step: Callable[[Database], Awaitable[bool]]) -> None:
        super().__init__(database)
        self._step = step
        self._swept = 0.0

    async def turn(self) -> float:
        """One batch, and now and then what nobody needs any more."""
        if (at := asyncio.get_running_loop().time()) > self._swept + self.FORGET_SECONDS:
            self._swept = at
            async with self._database.transaction(PLATFORM) as tx:
                await forget_expired(tx)
        return 0 if await self._step(self._database) else IDLE_SECONDS
