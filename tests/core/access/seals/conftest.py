"""A facility with an audit of its own, a key, a keeper, and a superuser who may do anything to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from benhan.core.access import Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.seals.findings import Verdict
from benhan.core.access.seals.gather import Edges, gather
from benhan.core.access.seals.keeper import Directory
from benhan.core.access.seals.statement import Key, make_key
from benhan.core.access.seals.verify import verify
from benhan.core.db import Database

_codes = count(1)


class Ledger:
    """The audit of one facility: written, sealed, handed over and verified as the program does it."""

    def __init__(self, database: Database, facility: int, key: Key, keeper: Directory) -> None:
        self.database = database
        self.facility = facility
        self.key = key
        self.keeper = keeper
        self.edges = Edges()
        self.written = 0
        self.sealed = 0
        self.who = Subject(
            account="bs.lan", name="Lan", facility=facility, facility_name="", roles=frozenset({Role.DOCTOR}),
            session="0a1b2c3d",
        )  # fmt: skip

    async def write(self, rows: int) -> None:
        """Leave some audit rows, in one transaction."""
        async with self.database.transaction(self.facility) as tx:
            for n in range(self.written, self.written + rows):
                record(
                    tx, self.who, Event("read", "Observation", f"o{n}", f"p{n % 7}", rule="role doctor: r Observation")
                )
        self.written += rows

    async def seal(self, most: int = 10_000) -> None:
        """Seal everything written; another test of the cluster may hold it back for a moment."""
        async with asyncio.timeout(30):
            while self.sealed < self.written:
                if signed := await gather(self.database, self.facility, self.key, self.edges, most):
                    self.sealed = signed.statement.size
                else:
                    await asyncio.sleep(0.01)
        if signed:
            self.keeper.meet(self.key.public)

    async def hand_over(self) -> None:
        """Give the newest seal to the keeper."""
        from benhan.core.access.seals.gather import last_seal

        async with self.database.transaction(self.facility) as tx:
            signed = await last_seal(tx, self.facility)
        assert signed
        self.keeper.meet(self.key.public)
        self.keeper.keep(signed)

    async def verdict(self) -> Verdict:
        """What a verification says, with nothing but the public key and the keeper to trust."""
        keys = {self.key.id: self.key.public}
        async for found in verify(self.database, self.keeper, keys, lambda *_: None, [self.facility]):
            return found
        raise AssertionError("no verdict")

    async def faults(self) -> list[tuple[str, dict[str, str]]]:
        """What is wrong: the kind and what is said of it."""
        return [(str(one.fault), one.values) for one in (await self.verdict()).findings]


@pytest_asyncio.fixture
async def superuser(dsn: Callable[..., str]) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """Somebody whom no row-level security and no grant holds back."""
    connection = await asyncpg.connect(dsn())
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def ledger(database: Database, superuser: Any, tmp_path: Path) -> Ledger:
    """The audit of a facility that nobody else in these tests uses."""
    number = next(_codes)
    facility = await superuser.fetchval(
        "insert into facility (key, code, name)"
        " values ((select max(key) + 1 from facility), $1, 'Sổ vết') returning key",
        f"S{number:04d}",
    )
    return Ledger(database, facility, make_key(tmp_path / "key.pem"), Directory(tmp_path / "keeper"))


@pytest.fixture
def ids(superuser: Any, ledger: Ledger) -> Callable[[], Any]:
    """The numbers of the facility's audit rows, in their order."""

    async def read() -> list[int]:
        rows = await superuser.fetch("select seq from audit where facility = $1 order by xid, seq", ledger.facility)
        return [row["seq"] for row in rows]

    return read
