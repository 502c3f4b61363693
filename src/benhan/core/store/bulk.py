"""`benhan load`: bring in records from files, as often as one likes.

What a record meets on its way in is `core.store.bringing`. Rejects go into a file, each with its reason. Every batch is
committed by itself: a run that was killed is simply run again.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Database, Transaction
from benhan.core.store.bringing import BATCH, BATCH_BYTES, Kitchen, Reject, Tally, bring
from benhan.core.store.sources import Raw, files, records

#: The file at hand, bytes done, bytes there are.
Progress = Callable[[str, int, int], None]
#: From so many bytes on, other processes help.
MUCH = 8 * 1024 * 1024

__all__ = ["BATCH", "Tally", "load_paths"]


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
    sources = files(paths)
    total = sum(path.stat().st_size for path in sources)

    async def batches() -> AsyncIterator[Sequence[Raw]]:
        before = 0
        for path in sources:
            for done, batch in _batches(path):
                yield batch
                progress(path.name, before + done, total)
            before += path.stat().st_size
            progress(path.name, before, total)

    with _Rejects(rejects) as kept, Kitchen(helpers() if total > MUCH else 0) as kitchen:
        return await bring(database, who, batches(), kitchen, kept.note)


def helpers() -> int:
    """How many processes prepare batches: one core is left to PostgreSQL and the rest."""
    return max(1, len(os.sched_getaffinity(0)) - 1)


class _Rejects:
    """The file of rejects; made when there is a first one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        path.unlink(missing_ok=True)

    def __enter__(self) -> _Rejects:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    async def note(self, _tx: Transaction, _tally: Tally, rejects: list[Reject]) -> None:
        """Note why records were not taken."""
        for one in rejects:
            self._file = self._file or self._path.open("wb")
            row = {"file": one.file, "line": one.line, "id": one.id, "outcome": msgspec.Raw(one.outcome)}
            self._file.write(msgspec.json.encode(row) + b"\n")
        if self._file:
            self._file.flush()


def _batches(path: Path) -> Iterator[tuple[int, list[Raw]]]:
    """The records of a file in batches."""
    batch: list[Raw] = []
    done = size = 0
    for done, raw in records(path):
        if len(batch) >= BATCH or size > BATCH_BYTES:
            yield done, batch
            batch, size = [], 0
        batch.append(raw)
        size += len(raw.body)
    if batch:
        yield done, batch
