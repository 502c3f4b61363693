"""Platforms of their own for the tests of security: nobody else writes there, and their tables may be tampered with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
import pytest

from benhan.core.db.embedded import EmbeddedPostgres
from tests.conftest import TEMPLATE

Dsn = Callable[..., str]
Platform = Callable[[str], AbstractAsyncContextManager[Dsn]]


@pytest.fixture(scope="session")
def fresh_platform(postgres: EmbeddedPostgres, dsn: Dsn) -> Platform:
    """`async with fresh_platform("leaks") as its_dsn`: an empty record store, gone afterwards."""

    @asynccontextmanager
    async def made(word: str) -> AsyncIterator[Dsn]:
        name = f"benhan_{word}_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
        connection = await asyncpg.connect(postgres.dsn(database="postgres"))
        try:
            await connection.execute(f"create database {name} template {TEMPLATE}")
            yield lambda user="postgres": postgres.dsn(user, name)
            await connection.execute(f"drop database {name} with (force)")
        finally:
            await connection.close()

    return made
