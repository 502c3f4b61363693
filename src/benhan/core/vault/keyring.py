"""The keys of the facilities, unwrapped, in the memory of one process.

A facility has data keys, of which the newest encrypts and every one decrypts, and an index key, by which identifiers
and telephone numbers are hashed so that they can be found (`keyed`). Both are made when a facility first writes, in a
transaction of their own: nothing is ever encrypted with a key that was not committed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Final

import asyncpg
import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.vault.envelope import KEY_ID, MARK, Damaged, Place, decrypted, encrypted, key_of
from benhan.core.vault.master import BYTES, Master, MasterError

_KEYS: Final = "select id, facility, purpose, wrapped, master, complete, writes from data_key"
#: The first keys of a facility; whoever comes second leaves those of the first. An index key that is there before any
#: record is complete: no record was ever found by anything else.
_MAKE: Final = """
insert into data_key (id, facility, purpose, number, wrapped, master, complete)
select id, $2, purpose, 1, wrapped, $5, not exists(select from resource where facility = $2)
from unnest($1::bytea[], $3::text[], $4::bytea[]) k(id, purpose, wrapped)
on conflict do nothing
"""
DATA, INDEX = "data", "index"
#: Begins a text that is encrypted.
TEXT_MARK: Final = "encrypted:"

_KEPT: Final = "core.vault"
_master: Master | None = None


def use(master: Master | None) -> None:
    """The master key of this process. None: nothing is encrypted, and what is encrypted cannot be read."""
    global _master  # noqa: PLW0603 - a setting of the process
    _master = master


class Keys(msgspec.Struct, frozen=True):
    """What a facility encrypts and hashes with now."""

    facility: int
    id: bytes = b""
    data: AESGCM | None = None
    #: The secret of keyed hashes; empty: they are not keyed.
    index: bytes = b""
    #: By what else there may be records: another index key while it is exchanged, a plain hash (empty) from before
    #: there were keys. Until every record is found by `index`, all of them are asked.
    others: tuple[bytes, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every record is found by `index` alone."""
        return not self.others

    def encrypted(self, place: Place, plain: bytes) -> bytes:
        """The envelope of a value; the value itself where there is no master key."""
        return encrypted(self.id, self.data, place, plain) if self.data else plain

    def digest(self, text: str) -> bytes:
        """A keyed hash of a value, to find it again by: 32 bytes."""
        return hmac.digest(self.index, text.encode(), hashlib.sha256)

    def digests(self, text: str) -> list[bytes]:
        """All by which it may have been kept."""
        return [hmac.digest(key, text.encode(), hashlib.sha256) for key in (self.index, *self.others)]

    def text(self, place: Place, plain: str) -> str:
        """As `encrypted`, for a column of text."""
        if not self.data:
            return plain
        return TEXT_MARK + base64.b64encode(self.encrypted(place, plain.encode())).decode()


@lru_cache(65536)
def keyed(index: bytes, text: str) -> int:
    """64 signed bits of a value that must not be guessed from its hash: HMAC-SHA-256 (RFC 2104), cut."""
    return int.from_bytes(hmac.digest(index, text.encode(), hashlib.sha256)[:8], "big", signed=True)


class Keyring:
    """The keys of one database."""

    def __init__(self, database: Database, master: Master | None) -> None:
        self._database = database
        self._master = master
        self._now: dict[int, Keys] = {}
        self._all: dict[bytes, AESGCM] = {}
        self._secrets: dict[bytes, bytes] = {}
        self._refused: dict[bytes, str] = {}
        self._asking = asyncio.Lock()

    def known(self, facility: int) -> Keys | None:
        """The keys of a facility, if this process has met it."""
        return self._now.get(facility)

    async def of(self, facility: int) -> Keys:
        """The keys of a facility; made where there are none.

        Raises:
            MasterError: there are keys, and the master key that unwraps them is not here.
        """
        async with self._asking:
            if facility not in self._now:
                await self._meet(facility)
        return self._now[facility]

    async def refresh(self) -> None:
        """Learn of keys that others made."""
        async with self._database.transaction(PLATFORM) as tx:
            self._learn(await tx.fetch(f"{_KEYS} order by number"))

    def decrypted(self, place: Place, envelope: bytes) -> bytes:
        """The value in an envelope.

        Raises:
            Damaged: it does not open at this place; MasterError: the master key is not here.
        """
        key = self._all.get(key_of(envelope)) or self._met(key_of(envelope))
        if key is None:
            raise Damaged(place, self._refused.get(key_of(envelope), "its key is not in data_key"))
        return decrypted(key, place, envelope)

    def plain_text(self, place: Place, kept: str) -> str:
        """A text that `Keys.text` made; one from before there were keys as it is.

        Raises:
            Damaged: it does not open at this place.
        """
        if not kept.startswith(TEXT_MARK):
            return kept
        return self.decrypted(place, base64.b64decode(kept.removeprefix(TEXT_MARK))).decode()

    def plain(self, place: Place, kept: bytes) -> bytes:
        """As `plain_text`, for a column of bytes."""
        return self.decrypted(place, kept) if kept.startswith(MARK) else kept

    def _met(self, id_: bytes) -> AESGCM | None:
        """A key that another process made since: asked for once, by a connection of its own, while nothing else runs.

        Whoever reads has no time for a question; it happens once for each key and process.
        """
        if id_ not in self._refused:
            with ThreadPoolExecutor(1) as beside:
                beside.submit(asyncio.run, self._ask()).result()
        if id_ not in self._all:
            self._refused.setdefault(id_, "its key is not in data_key")
        return self._all.get(id_)

    async def _meet(self, facility: int) -> None:
        await self._ask()
        if facility not in self._now and self._master is not None:
            await self._make(self._master, facility)
            await self._ask()
        self._now.setdefault(facility, Keys(facility))

    async def _ask(self) -> None:
        async with self._beside(PLATFORM) as connection:
            self._learn(await connection.fetch(f"{_KEYS} order by number"))

    async def _make(self, master: Master, facility: int) -> None:
        ids = [secrets.token_bytes(KEY_ID) for _purpose in (DATA, INDEX)]
        wrapped = [master.wrap(secrets.token_bytes(BYTES), place_of_key(id_, facility)) for id_ in ids]
        async with self._beside(facility) as connection:
            await connection.execute(_MAKE, ids, facility, [DATA, INDEX], wrapped, master.id)

    @asynccontextmanager
    async def _beside(self, facility: int) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """A transaction on a connection beside the pool: who asks for keys may hold one of it, and so may all others.

        It happens once for each facility and process.
        """
        connection = await asyncpg.connect(self._database.lanes.dsn)
        try:
            async with connection.transaction():
                await connection.execute("select set_config('app.facility', $1, true)", str(facility))
                yield connection
        finally:
            await connection.close()

    def _learn(self, rows: list[asyncpg.Record]) -> None:
        """Unwrap what is new; the rows come oldest first."""
        data: dict[int, bytes] = {}
        index: dict[int, list[asyncpg.Record]] = {}
        for row in rows:
            if (secret := self._secrets.get(row["id"]) or self._secret(row)) is not None:
                self._secrets[row["id"]] = secret
                self._all.setdefault(row["id"], AESGCM(secret))
                if row["purpose"] == DATA:
                    data[row["facility"]] = row["id"]
                else:
                    index.setdefault(row["facility"], []).append(row)
        for facility in data.keys() & index.keys():
            newest = data[facility]
            self._now[facility] = Keys(facility, newest, self._all[newest], *self._index(index[facility]))

    def _index(self, rows: list[asyncpg.Record]) -> tuple[bytes, tuple[bytes, ...]]:
        """The index key that is written with, and those by which there may be records besides; empty: a plain hash."""
        last = max((n for n, row in enumerate(rows) if row["complete"]), default=None)
        live = [self._secrets[row["id"]] for row in rows[last or 0 :]]
        writes = next((self._secrets[row["id"]] for row in reversed(rows) if row["writes"]), live[0])
        return writes, (*(key for key in live if key != writes), *(() if last is not None else (b"",)))

    def _secret(self, row: asyncpg.Record) -> bytes | None:
        """A key unwrapped.

        Raises:
            MasterError: another master key wrapped it, or none is here.
        """
        if self._master is None:
            raise MasterError("the database holds encrypted records: set BENHAN_MASTER_KEY")
        if row["master"] != self._master.id:
            raise MasterError(f"keys were wrapped by master key {row['master']}; this one is {self._master.id}")
        try:
            return self._master.unwrap(row["wrapped"], place_of_key(row["id"], row["facility"]))
        except Damaged as damaged:
            self._refused[row["id"]] = str(damaged)
            return None


def place_of_key(id_: bytes, facility: int) -> Place:
    """Where a wrapped key stands."""
    return f"data_key/{facility}/{id_.hex()}/wrapped"


def ring_of(tx: Transaction | Database) -> Keyring:
    """The keys of the database a transaction is of."""
    database = tx.database if isinstance(tx, Transaction) else tx
    found: Keyring | None = database.kept.get(_KEPT)
    if found is None:
        found = database.kept[_KEPT] = Keyring(database, _master)
    return found


async def keys_of(tx: Transaction | Database, facility: int) -> Keys:
    """What a facility encrypts and hashes with now.

    Raises:
        MasterError: the master key is not here.
    """
    ring = ring_of(tx)
    return ring.known(facility) or await ring.of(facility)


class Column:
    """One encrypted column of a small table."""

    def __init__(self, table: str, column: str) -> None:
        self._place: Callable[[int, str], Place] = lambda facility, row: f"{table}/{facility}/{row}/{column}"

    async def hide(self, tx: Transaction, facility: int, row: str, plain: str) -> str:
        """A text as it is kept in a row of a facility."""
        return (await keys_of(tx, facility)).text(self._place(facility, row), plain)

    def show(self, tx: Transaction, facility: int, row: str, kept: str) -> str:
        """A text that `hide` made.

        Raises:
            Damaged: it does not open there.
        """
        return ring_of(tx).plain_text(self._place(facility, row), kept)

    async def hide_bytes(self, tx: Transaction, facility: int, row: str, plain: bytes) -> bytes:
        """Bytes as they are kept in a row of a facility."""
        return (await keys_of(tx, facility)).encrypted(self._place(facility, row), plain)

    def show_bytes(self, tx: Transaction, facility: int, row: str, kept: bytes) -> bytes:
        """Bytes that `hide_bytes` made.

        Raises:
            Damaged: they do not open there.
        """
        return ring_of(tx).plain(self._place(facility, row), kept)
