"""`benhan load`: bring in records from files, as often as one likes.

A record whose content was here before (in any version) is left alone: a second run adds nothing, and does not undo
what somebody has corrected since. Other content under a known id becomes a new version. What was deleted here stays
deleted. A batch that is refused is tried again record by record, so only the bad ones are left out, each with its
reason in the file of rejects. Every batch is committed by itself: a run that was killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Problem
from benhan.core.store.load import load
from benhan.core.store.records import NUMBERS, permit, stamped
from benhan.core.store.sources import Found, files, records
from benhan.core.store.write import create, update

#: Records in one transaction.
BATCH = 500

#: The file at hand, bytes done, bytes there are.
Progress = Callable[[str, int, int], None]


class Tally(msgspec.Struct):
    """What became of the records."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0


class _Former(msgspec.Struct):
    """What the store holds under an id: every version ever, and whether the last one is a deletion."""

    versions: list[tuple[int, datetime, bytes]]
    deleted: bool


async def load_paths(
    database: Database,
    who: Subject,
    paths: Sequence[Path],
    *,
    rejects: Path,
    progress: Progress = lambda _file, _done, _total: None,
) -> Tally:
    """Load NDJSON (`.ndjson`, `.jsonl`, also `.gz`), Bundles, single resources and folders of them.

    Rejects are written as NDJSON: file, line, id, and the reason as an OperationOutcome. The file is begun anew, and
    is not there when nothing was rejected.

    Raises:
        OSError: a file cannot be read; what was committed before stays.
    """
    tally, sources = Tally(), files(paths)
    total, before = sum(path.stat().st_size for path in sources), 0
    with _Rejects(rejects, tally) as refused:
        for path in sources:
            for done, batch in _batches(path):
                await _load_batch(database, who, batch, tally, refused)
                progress(path.name, before + done, total)
            before += path.stat().st_size
            progress(path.name, before, total)
    return tally


class _Rejects:
    """The file of rejects; made when there is a first one."""

    def __init__(self, path: Path, tally: Tally) -> None:
        self._path = path
        self._tally = tally
        self._file: IO[bytes] | None = None
        path.unlink(missing_ok=True)

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, found: Found, problem: Problem) -> None:
        """Note why a record was not taken."""
        self._tally.rejected += 1
        self._file = self._file or self._path.open("wb")
        outcome = msgspec.Raw(codec.encode(problem.outcome()))
        row = {"file": found.file, "line": found.line, "id": found.id, "outcome": outcome}
        self._file.write(msgspec.json.encode(row) + b"\n")
        self._file.flush()


def _batches(path: Path) -> Iterator[tuple[int, list[Found]]]:
    """The records of a file in batches, no id twice in one of them."""
    batch: list[Found] = []
    ids: set[str | None] = set()
    done = 0
    for done, found in records(path):
        if len(batch) >= BATCH or (found.record and found.id in ids):
            yield done, batch
            batch, ids = [], set()
        batch.append(found)
        ids.add(found.id)
    if batch:
        yield done, batch


async def _load_batch(database: Database, who: Subject, batch: list[Found], tally: Tally, refused: _Rejects) -> None:
    good = []
    for found in batch:
        if found.problem:
            refused.add(found, found.problem)
        else:
            good.append(found)
    async with database.transaction(who.facility) as tx:
        former = await _former(tx, who, [one.record for one in good if one.record])
        fresh, changed = _sorted_out(good, former, tally, refused)
        await _create(tx, who, fresh, tally, refused)
        for found in changed:
            await _one(tx, who, found, tally, refused, new=False)


def _sorted_out(
    good: Iterable[Found], former: dict[str | None, _Former], tally: Tally, refused: _Rejects
) -> tuple[list[Found], list[Found]]:
    """Which records are new, and which have content that was never here."""
    fresh, changed = [], []
    for found in good:
        known = former.get(found.id)
        assert found.record
        if known is None:
            fresh.append(found)
        elif _was_here(found.record, known):
            tally.unchanged += 1
        elif known.deleted:
            refused.add(found, _deleted(found))
        else:
            changed.append(found)
    return fresh, changed


def _was_here(record: r4.Resource, known: _Former) -> bool:
    """Whether some version has this content; number and time of the version are the server's, not content."""
    assert record.id
    return any(
        codec.encode(stamped(record, record.id, version, updated)) == body for version, updated, body in known.versions
    )


async def _former(tx: Transaction, who: Subject, wanted: Sequence[r4.Resource]) -> dict[str | None, _Former]:
    """What the store holds under these ids."""
    for name in {codec.type_name(one) for one in wanted}:
        permit(who, Interaction.READ, name)
    rows = await tx.fetch(
        "select h.type, h.id, h.version, h.updated, h.body from history h"
        " join unnest($2::smallint[], $3::text[]) w(type, id) on w.type = h.type and w.id = h.id"
        " where h.facility = $1 order by h.version",
        who.facility, [NUMBERS[codec.type_name(one)] for one in wanted], [one.id for one in wanted],
    )  # fmt: skip
    names = {NUMBERS[codec.type_name(one)]: codec.type_name(one) for one in wanted}
    found: dict[str | None, _Former] = {}
    for row in rows:
        known = found.setdefault(f"{names[row['type']]}/{row['id']}", _Former([], False))
        known.deleted = row["body"] is None
        if row["body"] is not None:
            known.versions.append((row["version"], row["updated"], row["body"]))
    return found


async def _create(tx: Transaction, who: Subject, fresh: list[Found], tally: Tally, refused: _Rejects) -> None:
    """All at once; where that is refused, one by one."""
    if not fresh:
        return
    try:
        async with tx.savepoint():
            tally.created += await load(tx, who, [found.record for found in fresh if found.record])
    except (Problem, asyncpg.DataError):
        for found in fresh:
            await _one(tx, who, found, tally, refused, new=True)


async def _one(tx: Transaction, who: Subject, found: Found, tally: Tally, refused: _Rejects, *, new: bool) -> None:
    assert found.record
    try:
        async with tx.savepoint():
            if new:
                await create(tx, who, found.record)
                tally.created += 1
            else:
                await update(tx, who, found.record, if_match=None)
                tally.updated += 1
    except Problem as problem:
        refused.add(found, problem)
    except asyncpg.DataError as error:
        refused.add(found, Invalid(f"Cơ sở dữ liệu không nhận giá trị này: {error}", where=found.id))


def _deleted(found: Found) -> Problem:
    return Problem(
        410, "deleted", f"{found.id} đã bị xoá ở đây.", where=found.id, advice="Khôi phục bản ghi trước rồi nạp lại."
    )
