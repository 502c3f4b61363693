"""A month of a hospital: every record that was closed in it, each a package of its own. Goes on where it was stopped.

A package lies in the folder whole or not at all, under a name that its record gives it, so what is there is not made
again. Its trace in the audit is committed before it takes its name: stopped between the two, the record is copied (and
traced) again. At the end `danh-muc.json` names all of them with their hashes, signed.
"""

from __future__ import annotations

import asyncio
import os
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock
from benhan.hospital.chart.exchange import make
from benhan.hospital.chart.exchange.make import Way
from benhan.hospital.chart.packs import keys
from benhan.hospital.chart.records.clocks import is_record
from benhan.hospital.visit import id_of

#: Records that are made at once, and asked for at once.
TOGETHER, _PAGE = 4, "200"
LIST: Final = "danh-muc.json"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")
Progress = Callable[[int, int], None]


class Done(msgspec.Struct):
    """What came of an export: new packages, those that were there, records that could not be exported and why."""

    made: int = 0
    there: int = 0
    refused: list[str] = []


async def export(
    database: Database, who: Subject, month: date, folder: Path, way: Way,
    progress: Progress = lambda _done, _all: None, *, together: int = TOGETHER,
) -> Done:  # fmt: skip
    """Every record closed in the month of `month`, so many together.

    Raises:
        Forbidden: she may not export; OSError: the folder cannot be written.
    """
    await asyncio.to_thread(_begun, folder)
    done, wanted = Done(), [one async for one in _closed(database, who, month)]
    waiting = asyncio.Semaphore(together)

    async def one(visit: str, name: str) -> None:
        async with waiting:
            await _one(database, who, visit, folder / name, way, f"{month:%Y-%m}", done)
            progress(done.made + done.there + len(done.refused), len(wanted))

    async with asyncio.TaskGroup() as tasks:
        for visit, name in wanted:
            tasks.create_task(one(visit, name))
    await _listed(database, who, folder, month, done)
    return done


async def _closed(database: Database, who: Subject, month: date) -> AsyncIterator[tuple[str, str]]:
    """The records closed in a month: visit, and the name of its package."""
    first = clock.day_bounds(month.replace(day=1))[0]
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    last = clock.day_bounds(following)[0]
    asked: dict[str, str | list[str]] = {
        "status": "completed", "authored": [f"ge{first.isoformat()}", f"lt{last.isoformat()}"],
        "encounter:missing": "false", "_sort": "authored", "_count": _PAGE,
    }  # fmt: skip
    while True:
        async with database.transaction(who.facility) as tx:
            page = await store.search(tx, who, r4.QuestionnaireResponse, asked)
        for one in page.resources:
            if is_record(one):
                yield id_of(one.encounter) or "", f"{_UNSAFE.sub('_', one.id or '')}.zip"
        if page.next is None:
            return
        asked["_after"] = page.next


async def _one(
    database: Database, who: Subject, visit: str, path: Path, way: Way, month: str, done: Done
) -> None:  # fmt: skip
    if await asyncio.to_thread(path.exists):
        done.there += 1
        return
    half = path.with_suffix(".part")
    try:
        async with database.transaction(who.facility) as tx:
            made = await make.of_visits(tx, who, [visit], f"month {month}", way)
            await asyncio.to_thread(_written, half, made)
    except Problem as refused:  # opened again since, or closed to her
        done.refused.append(f"{visit}: {refused.message}")
        return
    half.replace(path)
    done.made += 1


def _begun(folder: Path) -> None:
    """The folder, without what was left half by who was stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    for half in folder.glob("*.part"):
        half.unlink()


def _written(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


async def _listed(database: Database, who: Subject, folder: Path, month: date, done: Done) -> None:
    """The list of what lies there, signed; and the trace of the whole."""
    hashes = await asyncio.to_thread(_hashes, folder)
    said = msgspec.json.format(msgspec.json.encode({
        "month": f"{month:%Y-%m}", "facility": who.facility_code, "packages": hashes, "refused": done.refused,
    }), indent=1)  # fmt: skip
    async with database.transaction(who.facility) as tx:
        signer = (await keys.of_facility(tx, who.facility)).signer
        told = f"{month:%Y-%m}: {done.made} new, {done.there} there, {len(done.refused)} refused"
        record(tx, who, Event("export", "QuestionnaireResponse", rule="month of records", detail=told))
    beside = folder / f"{LIST}.part"
    await asyncio.to_thread(_written, beside, said)
    beside.replace(folder / LIST)
    (folder / f"{LIST}.sig").write_bytes(b64encode(signer.sign(said)))


def _hashes(folder: Path) -> dict[str, str]:
    return {one.name: sha256(one.read_bytes()).hexdigest() for one in sorted(folder.glob("*.zip"))}
