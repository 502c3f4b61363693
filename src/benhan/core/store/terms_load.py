"""The platform's own terminology, loaded once into facility 0 while the server already serves.

`benhan demo` and `benhan migrate` say that it is wanted (`want`); the follower of the next server process loads it
part by part, each in a transaction of its own that also notes how far it came. Killed at any moment it goes on where
it stopped; of several processes one works. A new edition (other data in a newer program) is loaded in the same way:
what is unchanged stays as it is. Sources: `terms_carried` (our lists) and `data/terminology` (HL7's).
"""

from __future__ import annotations

import asyncio
import lzma
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Final

import asyncpg
import msgspec

from benhan.core.access import Role, Subject, service
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import codec, r4
from benhan.core.store import published_parameters, terms_index
from benhan.core.store.load import load
from benhan.core.store.records import NAMES, NUMBERS
from benhan.core.store.terms_carried import Carried, carried, edition
from benhan.core.store.terms_concepts import concepts_of
from benhan.core.store.write import update

#: The platform itself.
PLATFORM_FACILITY: Final = 0
#: Records of HL7 in one transaction.
BATCH: Final = 25
#: After each part: people's requests go first.
PAUSE_SECONDS: Final = 0.02
REST_SECONDS: Final = 5.0
#: How often CodeSystems without their concepts are looked for.
WATCH_SECONDS: Final = 60.0

_WANT = "insert into terms_loaded (package) values ($1) on conflict do nothing"
_CLAIM = "select edition, loading, done from terms_loaded where package = $1 for update skip locked"
_NOTE = "update terms_loaded set loading = $2, done = $3, at = now() where package = $1"
_ALL = "update terms_loaded set edition = $2, loading = '', done = 0, at = now() where package = $1"

#: One part of a package: what is done in one transaction.
Part = Callable[[Transaction, Subject], Awaitable[None]]


class Package(msgspec.Struct, frozen=True):
    """Something to load: its edition, and its parts in order (made only when there is something to do)."""

    name: str
    edition: Callable[[], str]
    parts: Callable[[], list[Part]]


def packages() -> list[Package]:
    """What the platform's terminology consists of, what the clinics need first."""
    return [
        Package("carried", edition, _carried_parts),
        Package("search-parameters", published_parameters.edition, _search_parts),
        Package("hl7", _hl7_edition, _hl7_parts),
    ]


async def want(owner_dsn: str) -> None:
    """Note that this database shall have the platform's terminology; the DSN may be of either role."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        for package in packages():
            await connection.execute(_WANT, package.name)
    finally:
        await connection.close()


async def load_all(database: Database, only: Sequence[str] = ()) -> int:
    """Load everything that is wanted and not here; gives how many parts that took."""
    took = 0
    for package in packages():
        if not only or package.name in only:
            took += await _load(database, package)
    return took


async def _load(database: Database, package: Package) -> int:
    async with database.transaction(PLATFORM_FACILITY) as tx:
        here = await tx.fetchrow("select edition from terms_loaded where package = $1", package.name)
    current = await asyncio.to_thread(package.edition) if here else ""
    if here is None or here["edition"] == current:
        return 0
    parts = await asyncio.to_thread(package.parts)
    took = 0
    while (done := await _next(database, package.name, current, parts)) is not False:
        took += done is True
        await asyncio.sleep(PAUSE_SECONDS if done else REST_SECONDS)
    return took


async def _next(database: Database, name: str, current: str, parts: list[Part]) -> bool | None:
    """Do the next part; False when all is done, None while another process is at it."""
    who = service(Role.LOADER, PLATFORM_FACILITY, "Nền tảng")
    async with database.transaction(PLATFORM_FACILITY) as tx:
        row = await tx.fetchrow(_CLAIM, name)
        if row is None:
            return None
        if row["edition"] == current:
            return False
        done = row["done"] if row["loading"] == current else 0
        if done >= len(parts):
            await tx.execute(_ALL, name, current)
            return False
        await parts[done](tx, who)
        await tx.execute(_NOTE, name, current, done + 1)
        return True


# ── Our own lists ──────────────────────────────────────────────────────────────────────────────────────────────────


def _carried_parts() -> list[Part]:
    mark = edition()
    return [_list_part(one, mark) for one in carried()]


def _list_part(one: Carried, mark: str) -> Part:
    async def bring(tx: Transaction, who: Subject) -> None:
        concepts = await asyncio.to_thread(one.concepts)
        record = await update(tx, who, one.record(concepts), if_match=None)
        if record.concept is None:
            whole = r4.CodeSystem(status="active", content="complete", concept=concepts)
            rows = await asyncio.to_thread(concepts_of, whole)
            place = (who.facility, NUMBERS["CodeSystem"], record.id)
            kept = await tx.fetchrow(
                "select key, version from resource where facility = $1 and type = $2 and id = $3", *place
            )
            assert kept
            await terms_index.fill(tx, who, record, kept["key"], kept["version"], rows, f"{one.id} {mark}")

    return bring


# ── HL7's ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _hl7() -> bytes:
    return (files("benhan") / "data" / "terminology" / "hl7.ndjson.xz").read_bytes()


def _hl7_edition() -> str:
    return sha256(_hl7()).hexdigest()[:16]


def _hl7_lines() -> list[bytes]:
    return lzma.decompress(_hl7()).splitlines()


def _hl7_parts() -> list[Part]:
    lines = _hl7_lines()
    return [_records_part(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]


def _search_parts() -> list[Part]:
    lines = [codec.encode(one) for one in published_parameters.resources()]
    return [_records_part(lines[start : start + BATCH]) for start in range(0, len(lines), BATCH)]


def _records_part(lines: list[bytes]) -> Part:
    async def bring(tx: Transaction, who: Subject) -> None:
        records = [codec.decode(line) for line in lines]
        places = [(NUMBERS[codec.type_name(one)], one.id) for one in records]
        rows = await tx.fetch(
            "select type, id from resource where facility = $1 and (type, id) in"
            " (select * from unnest($2::smallint[], $3::text[]))",
            who.facility, [number for number, _id in places], [id_ for _number, id_ in places],
        )  # fmt: skip
        here = {(NAMES[row["type"]], row["id"]) for row in rows}
        await load(tx, who, [one for one in records if (codec.type_name(one), one.id) not in here])
        for one in records:
            if (codec.type_name(one), one.id) in here:
                await update(tx, who, one, if_match=None)

    return bring


class Follower(Background):
    """Loads what is wanted after a start, and indexes code systems whose concepts are behind."""

    failure = "terminology: a part could not be loaded"
    rest_seconds = REST_SECONDS

    async def turn(self) -> float:
        """What is wanted, then what is behind."""
        await load_all(self._database)
        await self._catch_up()
        return WATCH_SECONDS

    async def _catch_up(self) -> None:
        """CodeSystems that came in by a way that knows no concepts (a program of before, rows put in by hand)."""
        async with self._database.transaction(PLATFORM) as tx:
            behind = await terms_index.behind(tx)
        for facility in behind:
            who = service(Role.LOADER, facility)
            async with self._database.transaction(facility) as tx:
                await terms_index.catch_up(tx, who)
