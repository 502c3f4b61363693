"""A stream is of the session that opened it: silent while that is locked, over once it is not what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.entrance import live
from benhan.simulator import House
from tests.core.access.staff_people import Somebody, session_of, somebody
from tests.core.store.people import person

pytestmark = pytest.mark.asyncio(loop_scope="session")
#: What an event or its absence may take on a machine where everybody works at once.
PATIENCE = 60
#: What ends a stream, of an account $1 and the hash of a session $2: at the desk, elsewhere, or by nobody at all.
ENDS = {
    "signed out": "delete from session where $1 <> '' and token_hash = $2",
    "unlocked, with another token": "update session set token_hash = sha256(token_hash) where account = $1"
    " and token_hash = $2",
    "over": "update session set ends = now() where account = $1 and token_hash = $2",
    "stopped": "update account set active = false where id = $1 and $2::bytea is not null",
    "another role": "update account set roles = '{nurse,doctor}' where id = $1 and $2::bytea is not null",
}
#: What silences it.
LOCKS = {
    "locked": "update session set locked = now() where account = $1 and token_hash = $2",
    "idle": "update session set lock_after = '10 minutes', seen = now() - interval '11 minutes'"
    " where account = $1 and token_hash = $2",
}


@pytest.fixture
async def one(database: Database, hospital: House) -> Somebody:
    return await somebody(database, hospital.key, Role.NURSE)


@asynccontextmanager
async def listening(address: str, token: str) -> AsyncIterator[AsyncIterator[str]]:
    """What her screen hears, line by line, from its beginning."""
    async with (
        asyncio.timeout(PATIENCE),
        httpx.AsyncClient(base_url=address, cookies={COOKIE: token}, timeout=None) as screen,
        screen.stream("GET", "/live", params={"types": "Patient"}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        yield lines


@pytest.mark.parametrize("how", ENDS)
async def test_it_ends_within_a_breath(
    address: str, database: Database, one: Somebody, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BREATH_SECONDS", 0.05)
    token = await session_of(database, one)
    async with listening(address, token) as lines:
        assert await anext(line async for line in lines if line)  # it breathes
        async with database.transaction(one.facility) as tx:
            await tx.execute(ENDS[how], one.id, hashed(token))
        async for _line in lines:
            continue


async def test_what_happens_then_is_told_to_others_only(
    address: str, database: Database, hospital: House, one: Somebody
) -> None:
    gone, stays = await session_of(database, one), await session_of(database, one)
    async with listening(address, gone) as silent, listening(address, stays) as lines:
        async with database.transaction(one.facility) as tx:
            await tx.execute(ENDS["signed out"], one.id, hashed(gone))
        async with database.transaction(hospital.key) as tx:
            made = await store.create(tx, hospital.loader, person("Lù Thị Sau Cùng"))
        assert await anext(line async for line in lines if str(made.id) in line)
        assert not [line async for line in silent if str(made.id) in line]


@pytest.mark.parametrize("how", LOCKS)
async def test_behind_a_locked_screen_it_only_breathes(
    address: str, database: Database, hospital: House, one: Somebody, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BREATH_SECONDS", 0.05)
    token, other = await session_of(database, one), await session_of(database, one)
    async with listening(address, token) as silent, listening(address, other) as lines:
        async with database.transaction(one.facility) as tx:
            await tx.execute(LOCKS[how], one.id, hashed(token))
        async with database.transaction(hospital.key) as tx:
            made = await store.create(tx, hospital.loader, person("Lù Thị Khoá Máy"))
        assert await anext(line async for line in lines if str(made.id) in line)
        for _breath in range(3):
            assert await anext(line async for line in silent if line.startswith(":"))
        async with database.transaction(one.facility) as tx:
            await tx.execute(ENDS["signed out"], one.id, hashed(token))
        assert not [line async for line in silent if str(made.id) in line]


async def test_listening_keeps_no_screen_awake(
    address: str, database: Database, one: Somebody, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "BREATH_SECONDS", 0.05)
    token = await session_of(database, one)
    asked = "select seen from session where token_hash = $1"
    async with database.transaction(one.facility) as tx:
        await tx.execute(
            "update session set seen = now() - interval '5 minutes', lock_after = '10 minutes' where token_hash = $1",
            hashed(token),
        )
        before = await tx.fetchval(asked, hashed(token))
    async with listening(address, token) as lines:
        for _breath in range(3):
            assert await anext(line async for line in lines if line)
    async with database.transaction(one.facility) as tx:
        assert await tx.fetchval(asked, hashed(token)) == before
