"""Bulk import: NDJSON from a body or from addresses, into the store, with a note of every line that was refused.

The position of each batch (bytes and lines read) is written in its own transaction, so an import that was killed goes
on where it stood; an upload that broke off is simply sent again (what is here already is left alone). What a record
meets on its way in is `core.store.bringing`. Follows the community's proposal (smart-on-fhir/bulk-import).
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final

import asyncpg
import httpx
import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, Problem
from benhan.core.language import _
from benhan.core.store import job_files, jobs
from benhan.core.store.bringing import BATCH, BATCH_BYTES, Kitchen, Reject, Tally, bring
from benhan.core.store.bulk import helpers
from benhan.core.store.records import now
from benhan.core.store.sources import Raw

#: Seconds without a byte from a source.
SILENCE: Final = 30.0
#: Bytes unpacked at once.
PIECE: Final = 1 << 20
_UPLOAD: Final = "upload"
_OPEN = """
select p.job, p.part, p.facility, p.source, p.after, j.subject from bulk_part p join bulk_job j on j.id = p.job
where p.done is null and p.failures < $1 and j.kind = 'import' and j.state = 'working' and p.source <> 'upload'
order by j.started, p.part limit 20
"""


class Asked(msgspec.Struct, frozen=True):
    """What an import is of."""

    inputs: tuple[str, ...]


class Position(msgspec.Struct):
    """Bytes and lines of a source that have been dealt with."""

    offset: int = 0
    line: int = 0

    @classmethod
    def read(cls, text: str) -> Position:
        """As it stands in the part's row."""
        offset, _blank, line = text.partition(" ")
        return cls(int(offset or 0), int(line or 0))

    def __str__(self) -> str:
        return f"{self.offset} {self.line}"


async def kick_off(tx: Transaction, who: Subject, request: str, inputs: Sequence[str]) -> str:
    """Put an import from addresses down for the workers; gives the id of its job.

    Raises:
        Problem: 429, too many jobs of this account are open.
    """
    id_ = await jobs.begin(tx, who, "import", request, Asked(tuple(inputs)), now())
    await tx.execute(
        "insert into bulk_part (job, part, facility, source)"
        " select $1, n, $2, source from unnest($3::text[]) with ordinality u(source, n)",
        id_, who.facility, list(inputs),
    )  # fmt: skip
    await tx.execute("update bulk_job set state = 'working' where id = $1", id_)
    record(tx, who, Event("import", None, id_, rule=f"import, {jobs.rule(who)}", detail=" ".join(inputs)))
    return id_


async def upload(database: Database, who: Subject, request: str, body: AsyncIterator[bytes]) -> tuple[str, Tally]:
    """Bring in what comes line by line; gives the id of the job that keeps the refused lines, and the tally.

    Raises:
        Problem: 429; Malformed: a line has no end within bounds. What was brought in before stays.
    """
    async with database.transaction(who.facility) as tx:
        id_ = await kick_off(tx, who, request, [_UPLOAD])
        await tx.execute("update bulk_job set expires = now() + $2 where id = $1", id_, jobs.KEPT)
    try:
        tally = await _bring_part(database, who, id_, 1, "", body)
    except BaseException as error:
        async with database.transaction(who.facility) as tx:
            await jobs.end(tx, id_, "failed", f"{type(error).__name__}: {error}"[:500])
        raise
    await jobs.close_finished(database, "import")
    return id_, tally


async def work(database: Database) -> bool:
    """Take up an import from an address that no other process has in hand; whether there was anything to do.

    The lock is held by a transaction that writes nothing, so it holds nobody up; it ends with the process.
    """
    if await jobs.close_finished(database, "import"):
        return True
    async with database.transaction(PLATFORM) as claim:
        for row in await claim.fetch(_OPEN, jobs.TRIES):
            place = f"import {row['job']} {row['part']}"
            if await claim.fetchval("select pg_try_advisory_xact_lock(hashtextextended($1, 0))", place):
                await _take(database, claim, row)
                return True
    return False


async def _take(database: Database, claim: Transaction, row: asyncpg.Record) -> None:
    who = msgspec.json.decode(row["subject"], type=Subject)
    start = Position.read(row["after"])
    try:
        body = _fetched(row["source"], start.offset)
        await _bring_part(database, who, row["job"], row["part"], row["after"], body, claim, row["source"])
    except (Problem, httpx.HTTPError, asyncpg.PostgresError, ValueError) as error:
        async with database.transaction(PLATFORM) as tx:
            await jobs.failed_once_more(tx, row["job"], row["part"], f"{type(error).__name__}: {error}"[:500])


async def _fetched(address: str, offset: int) -> AsyncIterator[bytes]:
    """The bytes of a source behind those dealt with."""
    headers = {"Accept": "application/fhir+ndjson, */*;q=0.5", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    async with (
        httpx.AsyncClient(timeout=SILENCE, follow_redirects=False) as client,
        client.stream("GET", address, headers=headers) as answer,
    ):
        if answer.status_code not in (200, 206):
            raise ValueError(f"{address}: HTTP {answer.status_code}")
        left = offset if answer.status_code == httpx.codes.OK else 0
        async for part in answer.aiter_raw():
            yield part[left:]
            left = max(0, left - len(part))


async def _bring_part(
    database: Database, who: Subject, job: str, part: int, after: str, body: AsyncIterator[bytes],
    claim: Transaction | None = None, source: str = _UPLOAD,
) -> Tally:  # fmt: skip
    """Bring in one source from a position on; every batch notes how far it came and what was refused."""
    ends: deque[Position] = deque()

    async def batches() -> AsyncIterator[Sequence[Raw]]:
        async for raws, end in _batches(body, Position.read(after), source):
            ends.append(end)
            yield raws

    async def done(tx: Transaction, tally: Tally, rejects: list[Reject]) -> None:
        if rejects:
            await job_files.append(tx, job, part, who.facility, [_noted(one) for one in rejects])
        taken = tally.created + tally.updated
        noted = await tx.execute(
            "update bulk_part set after = $3, seen = seen + $4, count = count + $5, failures = 0"
            " where job = $1 and part = $2",
            job, part, str(ends.popleft()), taken + tally.unchanged + tally.rejected, taken,
        )  # fmt: skip
        if not noted.endswith(" 1"):
            raise Malformed(_("Việc nạp này đã bị huỷ."))
        if claim:
            await claim.fetchval("select 1")  # it must not seem idle

    with Kitchen(helpers()) as kitchen:
        tally = await bring(database, who, batches(), kitchen, done)
    async with database.transaction(who.facility) as tx:
        await tx.execute("update bulk_part set done = now() where job = $1 and part = $2", job, part)
    return tally


async def _batches(
    body: AsyncIterator[bytes], at: Position, source: str
) -> AsyncIterator[tuple[Sequence[Raw], Position]]:
    """Lines in batches, each with the position behind it. Blank lines count as lines and are no records.

    Raises:
        Malformed: a line longer than a record may be.
    """
    raws: list[Raw] = []
    size, rest = 0, b""
    async for piece in _ended(body):
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > codec.MAX_BYTES:
            raise Malformed(_("Một dòng dài quá %(n)s byte.", n=codec.MAX_BYTES), where=f"{source}:{at.line + 1}")
        for line in lines:
            at.offset += len(line) + 1
            at.line += 1
            if line.strip():
                raws.append(Raw(source, at.line, line))
                size += len(line)
            if len(raws) >= BATCH or size > BATCH_BYTES:
                yield raws, Position(at.offset, at.line)
                raws, size = [], 0
    if raws:
        yield raws, Position(at.offset, at.line)


async def _ended(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The last line may lack its end."""
    last = b"\n"
    async for piece in body:
        if piece:
            last = piece[-1:]
            yield piece
    if last != b"\n":
        yield b"\n"


async def unpacked(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The content of a gzip stream, never more than a megabyte at once.

    Raises:
        Malformed: it is not gzip, or cut short.
    """
    unzip = zlib.decompressobj(wbits=31)
    try:
        async for packed in body:
            left = packed
            while left:
                piece = unzip.decompress(left, PIECE)
                left = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
                if unzip.eof and left:
                    unzip = zlib.decompressobj(wbits=31)  # gzip files may be put behind one another
                yield piece
        yield unzip.flush()
    except zlib.error:
        raise Malformed(_("Nội dung không phải gzip."), where="Content-Encoding") from None
    if not unzip.eof:
        raise Malformed(_("Nội dung gzip bị cắt cụt."), where="Content-Encoding")


def _noted(one: Reject) -> bytes:
    """A refused line as an OperationOutcome that says which line it was."""
    outcome = codec.kept(one.outcome, r4.OperationOutcome)
    place = [f"{one.file}:{one.line}", *([one.id] if one.id else [])]
    issues = [msgspec.structs.replace(found, location=place) for found in outcome.issue or []]
    return codec.encode(msgspec.structs.replace(outcome, issue=issues))
