"""A long list, brought in beside the requests: put down by the leader, taken up by any process, watched on a page.

All of it is one transaction, in which the row of the job is held. How far it is stands in a row of its own, written
beside it; a process killed at any moment has written nothing, and the next one begins anew.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Final

import asyncpg
import msgspec

from benhan.core.access import Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir.outcome import Forbidden, NotFound, Problem
from benhan.core.kit import clock, tables
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.province.rollout import bringing, evidence, lists
from benhan.province.rollout.bringing import Plan, Progress
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.sites import new_id

#: Lists of more rows are brought in beside the requests; shorter ones while the leader waits.
AT_ONCE: Final = 500
#: How often is told how far it is.
TELL_SECONDS: Final = 0.3
IDLE_SECONDS: Final = 0.5
_BODY: Final = Column("rollout_import", "body")
_ADD: Final = """
insert into rollout_import (facility, id, account, subject, name, body, verified) values ($1, $2, $3, $4, $5, $6, $7)
"""
_NEXT: Final = """
select facility, id, subject, name, body, verified from rollout_import where state = 'waiting' order by at limit 1
for update skip locked
"""
_STEP: Final = """
insert into rollout_import_step (facility, id, step, done, whole) values ($1, $2, $3, $4, $5)
on conflict (facility, id) do update set step = $3, done = $4, whole = $5
"""
_LOOK: Final = """
select name, state, result, at, ended, coalesce(step, 0) as step, coalesce(done, 0) as done,
  coalesce(whole, 0) as whole
from rollout_import left join rollout_import_step using (facility, id) where facility = $1 and id = $2
"""


class Result(msgspec.Struct, frozen=True):
    """What became of it: sites that are new, changed, rows left out; or what was wrong."""

    new: int = 0
    changed: int = 0
    left: int = 0
    wrong: str = ""


class Job(msgspec.Struct, frozen=True):
    """A list that is being brought in: `percent` of all its steps."""

    name: str
    state: str
    step: int
    done: int
    whole: int
    seconds: float
    result: Result

    @property
    def percent(self) -> int:
        """How far it is."""
        if self.state == "done":
            return 100
        part = self.done / self.whole if self.whole else 0
        return round(100 * (max(self.step - 1, 0) + part) / Progress.STEPS)


async def begin(tx: Transaction, who: Subject, file: Evidence, *, verified: bool) -> str:
    """Put a list down that was looked at; gives the id of the job.

    Raises:
        Forbidden: not the leader.
    """
    if not who.may(Permission.ROLLOUT_LEAD):
        raise Forbidden(_("Chỉ lãnh đạo Sở nhập danh sách."))
    id_ = new_id()
    body = await _BODY.hide_bytes(tx, who.facility, id_, file.body)
    subject = msgspec.json.encode(who).decode()
    await tx.execute(_ADD, who.facility, id_, who.account, subject, file.name, body, verified)
    tx.wrote = True
    record(tx, who, Event("rollout-import", "Site", rule="permission rollout-lead", detail=f"{file.name}: {id_}"))
    return id_


async def look(tx: Transaction, who: Subject, id_: str) -> Job:
    """How far a list of this Department is.

    Raises:
        NotFound: there is none.
    """
    row = await tx.fetchrow(_LOOK, who.facility, id_)
    if row is None:
        raise NotFound(_("Không có lần nhập này."))
    result = msgspec.json.decode(row["result"], type=Result) if row["result"] else Result()
    seconds = ((row["ended"] or clock.now()) - row["at"]).total_seconds()
    return Job(row["name"], row["state"], row["step"], row["done"], row["whole"], seconds, result)


async def step(database: Database) -> bool:
    """Bring in the list that waits longest, if there is one that no other process has in hand."""
    row = None
    try:
        async with database.transaction(PLATFORM) as tx:
            row = await tx.fetchrow(_NEXT)
            if row:
                await tx.reach(row["facility"])
                await _take(database, tx, row)
        return row is not None
    except Exception as problem:
        if row is None:
            raise
        wrong = problem.message if isinstance(problem, Problem) else _("Lỗi máy chủ, chưa ghi gì; nhập lại.")
        if not isinstance(problem, Problem):
            logging.getLogger(__name__).exception("rollout: a list could not be brought in")
    async with database.transaction(row["facility"]) as tx:
        await _end(tx, row["facility"], row["id"], "failed", Result(wrong=wrong))
    return True


async def _take(database: Database, tx: Transaction, row: asyncpg.Record) -> None:
    facility, id_ = row["facility"], row["id"]
    who = msgspec.json.decode(row["subject"], type=Subject)
    file = Evidence(None, row["name"], "", _BODY.show_bytes(tx, facility, id_, row["body"]))
    progress = Progress()
    telling = asyncio.create_task(_telling(database, facility, id_, progress))
    try:
        plan = await _bring(tx, who, file, progress, verified=row["verified"])
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
    await _end(tx, facility, id_, "done", Result(len(plan.new), len(plan.changed), len(plan.unplaced)))


async def _bring(tx: Transaction, who: Subject, file: Evidence, progress: Progress, *, verified: bool) -> Plan:
    def read() -> lists.Checked:
        return lists.check(lists.read(file.body, file.name), clock.today(), progress.tell)

    checked = await asyncio.to_thread(read)
    kept = msgspec.structs.replace(file, media=media_of(file.body))
    return await bringing.bring(tx, who, checked, kept, verified=verified, progress=progress)


def media_of(body: bytes) -> str:
    """What a list is kept as."""
    return evidence.EXCEL if tables.is_excel(body) else "text/csv"


async def _end(tx: Transaction, facility: int, id_: str, state: str, result: Result) -> None:
    await tx.execute(
        "update rollout_import set state = $3, result = $4, ended = now(), body = '' where facility = $1 and id = $2",
        facility, id_, state, msgspec.json.encode(result).decode(),
    )  # fmt: skip


async def _telling(database: Database, facility: int, id_: str, progress: Progress) -> None:
    """Write now and then how far it is, until cancelled."""
    while True:
        async with database.transaction(facility) as tx:
            await tx.execute(_STEP, facility, id_, progress.step, progress.done, progress.whole)
        await asyncio.sleep(TELL_SECONDS)


class Bringing(Background):
    """Brings in what waits, for as long as the process runs."""

    failure = "rollout: a list could not be taken up"

    async def turn(self) -> float:
        """One list."""
        return 0 if await step(self._database) else IDLE_SECONDS
