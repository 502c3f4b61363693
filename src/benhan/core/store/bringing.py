"""Records from outside, brought in batch by batch: the engine under `benhan load` and `$import`.

Lines become columns in other processes (`Kitchen`), one statement writes them (`load.put_batch`). A record whose
content was here before, in any version, is left alone; other content under a known id becomes a new version; what was
deleted here stays deleted. A batch that is refused is tried again record by record: only the bad ones are left out.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from datetime import datetime

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden, Invalid, Problem
from benhan.core.language import _, current, speaking
from benhan.core.store.bodies import body_of, opened
from benhan.core.store.load import Batch, batch_of, loaded, put_batch
from benhan.core.store.records import NAMES, NUMBERS, now, permit, stamped
from benhan.core.store.sources import Raw, name_of, understood
from benhan.core.store.write import create, update
from benhan.core.vault import Keys, keys_of

#: Records in one transaction, and their bytes.
BATCH, BATCH_BYTES = 500, 4 * 1024 * 1024


class Tally(msgspec.Struct):
    """What became of the records."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    def add(self, other: Tally) -> None:
        """Count these too."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.rejected += other.rejected


class Reject(msgspec.Struct, frozen=True):
    """A record that was not taken: where it stood, its `Type/id` where it says one, and why (an OperationOutcome)."""

    file: str
    line: int
    id: str | None
    outcome: bytes


class Ready(msgspec.Struct):
    """A batch as the kitchen gives it: columns to write, records that come again in it, and those refused already."""

    batch: Batch
    again: list[int]
    rejects: list[Reject]


#: Called in the transaction of each batch, before its commit: rejects of the batch, and how many were read with it.
Done = Callable[[Transaction, Tally, list[Reject]], Awaitable[None]]


def prepare(
    raws: Sequence[Raw],
    who: Subject,
    moment: datetime,
    language: str,
    facility: int | None,
    keys: tuple[bytes, tuple[bytes, ...]],
) -> Ready:
    """Decode, validate, index and encode a batch. Pure, and everything in it can travel between processes.

    `facility` is given in the server's own process, which knows the facility's own search parameters; `keys` are its
    index key and the others by which there are records.
    """
    with speaking(language):
        rejects: list[Reject] = []
        first: dict[tuple[str, str | None], int] = {}
        records: list[r4.Resource] = []
        again: list[int] = []
        for place, raw in enumerate(raws):
            try:
                record = understood(raw)
                _permitted(who, codec.type_name(record))
            except Problem as problem:
                rejects.append(refused(raw, problem))
                continue
            if (codec.type_name(record), record.id) in first:
                again.append(place)
                continue
            first[codec.type_name(record), record.id] = place
            records.append(record)
        batch = batch_of(records, moment, facility, *keys)
        places = list(first.values())
        rejects += [refused(raws[places[at]], problem) for at, problem in batch.faults]
        batch.places = [places[at] for at in batch.places]
        batch.faults = []
        return Ready(batch, again, rejects)


def _permitted(who: Subject, name: str) -> None:
    decision = decide(who, Interaction.CREATE, name)
    if not decision.allowed:
        raise Forbidden(
            _("Không có quyền tạo %(type)s.", type=name), where=name, advice=_("Quy tắc: %(rule)s.", rule=decision.rule)
        )


def refused(raw: Raw, problem: Problem) -> Reject:
    """Why a record was not taken."""
    return Reject(raw.file, raw.line, name_of(raw), codec.encode(problem.outcome()))


class Kitchen:
    """Prepares batches: in this process, or in others of its own when there is much to do (`processes`)."""

    def __init__(self, processes: int = 0) -> None:
        self._processes = processes
        self._pool: Executor | None = None
        #: Batches that are prepared ahead of the one being written.
        self.ahead = processes + 1

    def __enter__(self) -> Kitchen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def prepare(self, raws: Sequence[Raw], who: Subject, keys: Keys) -> Ready:
        """A batch, ready to be written."""
        if self._processes and self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, context, _opened, (os.getpid(),))
        loop = asyncio.get_running_loop()
        facility = None if self._pool else who.facility
        return await loop.run_in_executor(
            self._pool, prepare, raws, who, now(), current(), facility, (keys.index, keys.others)
        )


def _opened(parent: int) -> None:
    """What a kitchen of its own does first: it closes when its server was killed, and seldom looks for garbage.

    Records hold no circles, so what a batch leaves behind goes by itself.
    """
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


async def bring(
    database: Database, who: Subject, batches: AsyncIterator[Sequence[Raw]], kitchen: Kitchen, done: Done
) -> Tally:
    """Bring in all batches, in their order, each in a transaction of its own; gives what became of the records.

    While one batch is written the next ones are prepared. `done` notes the position, in the batch's transaction.
    """
    total, keys = Tally(), await keys_of(database, who.facility)
    waiting: deque[tuple[Sequence[Raw], asyncio.Task[Ready]]] = deque()
    try:
        async for raws in batches:
            waiting.append((raws, asyncio.create_task(kitchen.prepare(raws, who, keys))))
            if len(waiting) > kitchen.ahead:
                total.add(await _write(database, who, *waiting.popleft(), done))
        while waiting:
            total.add(await _write(database, who, *waiting.popleft(), done))
    finally:
        for _raws, task in waiting:
            task.cancel()
    return total


async def _write(
    database: Database, who: Subject, raws: Sequence[Raw], coming: asyncio.Task[Ready], done: Done
) -> Tally:
    ready = await coming
    rejects, tally = list(ready.rejects), Tally()
    async with database.transaction(who.facility) as tx:
        try:
            async with tx.savepoint():
                keys = await put_batch(tx, who, ready.batch)
        except (Problem, asyncpg.DataError):
            keys = [None] * len(ready.batch.ids)
        tally.created = len(keys) - keys.count(None)
        known = [place for place, key in zip(ready.batch.places, keys, strict=True) if key is None]
        if known:
            known = await _not_here(tx, who, ready, known, tally, raws, rejects)
        for place in known:
            await _one(tx, who, raws[place], tally, rejects)
        for place in ready.again:
            await _again(tx, who, raws[place], tally, rejects)
        tally.rejected = len(rejects)
        loaded(tx, who, f"{tally.created} records, {tally.updated} updated")
        await done(tx, tally, sorted(rejects, key=lambda one: one.line))
    return tally


async def _not_here(
    tx: Transaction,
    who: Subject,
    ready: Ready,
    known: list[int],
    tally: Tally,
    raws: Sequence[Raw],
    rejects: list[Reject],
) -> list[int]:
    """Which of those that were not created have content that was never here; the others are counted."""
    at = {place: n for n, place in enumerate(ready.batch.places)}
    names = {place: (ready.batch.types[at[place]], ready.batch.ids[at[place]]) for place in known}
    former = await _former(tx, who, list(names.values()))
    wanted = []
    for place in known:
        state = former.get(names[place])
        body = ready.batch.bodies[at[place]]
        if state and _was_here(codec.kept(body, codec.resource_type(NAMES[names[place][0]])), state):
            tally.unchanged += 1
        elif state and state.deleted:
            rejects.append(refused(raws[place], _deleted(raws[place])))
        else:
            wanted.append(place)
    return wanted


class _Former(msgspec.Struct):
    """What the store holds under an id: every version ever, and whether the last one is a deletion."""

    versions: list[tuple[int, datetime, bytes]]
    deleted: bool


def _was_here(record: r4.Resource, known: _Former) -> bool:
    """Whether some version has this content; number and time of the version are the server's, not content."""
    assert record.id
    return any(
        codec.encode(stamped(record, record.id, version, updated)) == body for version, updated, body in known.versions
    )


async def _former(tx: Transaction, who: Subject, wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], _Former]:
    """What the store holds under these ids."""
    for number in {number for number, _id in wanted}:
        permit(who, Interaction.READ, NAMES[number])
    rows = await tx.fetch(
        f"select h.type, h.id, h.version, h.updated, {body_of('h')} from history h"
        " join unnest($2::smallint[], $3::text[]) w(type, id) on w.type = h.type and w.id = h.id"
        " where h.facility = $1 order by h.version",
        who.facility, [number for number, _id in wanted], [id_ for _number, id_ in wanted],
    )  # fmt: skip
    found: dict[tuple[int, str], _Former] = {}
    for row in opened(tx, rows):
        known = found.setdefault((row["type"], row["id"]), _Former([], False))
        known.deleted = row["body"] is None
        if row["body"] is not None:
            known.versions.append((row["version"], row["updated"], row["body"]))
    return found


async def _again(tx: Transaction, who: Subject, raw: Raw, tally: Tally, rejects: list[Reject]) -> None:
    """A record whose id stood in the same batch before: now that one is here."""
    record = understood(raw)
    assert record.id
    number = NUMBERS[codec.type_name(record)]
    state = (await _former(tx, who, [(number, record.id)])).get((number, record.id))
    if state and _was_here(record, state):
        tally.unchanged += 1
    else:
        await _one(tx, who, raw, tally, rejects)


async def _one(tx: Transaction, who: Subject, raw: Raw, tally: Tally, rejects: list[Reject]) -> None:
    """A record by itself: new, or a new version of what is there."""
    try:
        record = understood(raw)
        async with tx.savepoint():
            there = await tx.fetchval(
                "select true from resource where facility = $1 and type = $2 and id = $3",
                who.facility, NUMBERS[codec.type_name(record)], record.id,
            )  # fmt: skip
            if there:
                await update(tx, who, record, if_match=None)
            else:
                await create(tx, who, record)
        if there:
            tally.updated += 1
        else:
            tally.created += 1
    except Problem as problem:
        rejects.append(refused(raw, problem))
    except asyncpg.DataError as error:
        said = Invalid(_("Cơ sở dữ liệu không nhận giá trị này: %(error)s", error=error), where=name_of(raw))
        rejects.append(refused(raw, said))


def _deleted(raw: Raw) -> Problem:
    id_ = name_of(raw) or ""
    return Problem(
        410, "deleted", _("%(id)s đã bị xoá ở đây.", id=id_), where=id_,
        advice=_("Khôi phục bản ghi trước rồi nạp lại."),
    )  # fmt: skip
