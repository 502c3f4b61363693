"""A database of one's own, for tests of what concerns a database as a whole: migrations, indexing again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from tests.conftest import TEMPLATE


class Elsewhere:
    """An empty database with one hospital in it."""

    def __init__(self, dsn: Callable[[str], str], database: Database, facility: int) -> None:
        self.dsn = dsn
        self.database = database
        self.loader: Subject = service(Role.LOADER, facility)

    async def value(self, sql: str, *values: object) -> object:
        """One value, asked as the owner, who sees everything."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            return await connection.fetchval(sql, *values)
        finally:
            await connection.close()

    async def run(self, script: str) -> None:
        """Several statements, as the owner."""
        connection = await asyncpg.connect(self.dsn("postgres"))
        try:
            await connection.execute(script)
        finally:
            await connection.close()


@asynccontextmanager
async def elsewhere(postgres_dsn: Callable[..., str]) -> AsyncIterator[Elsewhere]:
    """Made from the template, so with every migration that is applied before the program; dropped at the end."""
    name = f"elsewhere_{uuid4().hex[:12]}"
    owner = await asyncpg.connect(postgres_dsn("postgres", "postgres"))
    try:
        await owner.execute(f"create database {name} template {TEMPLATE}")

        def dsn(user: str) -> str:
            return postgres_dsn(user, name)

        made = await asyncpg.connect(dsn("postgres"))
        facility = await made.fetchval(
            "insert into facility (key, code, name) values (1, '01999', 'BV Thử') returning key"
        )
        await made.close()
        database = await Database.connect(dsn("benhan_app"), size=4)
        try:
            yield Elsewhere(dsn, database, facility)
        finally:
            await database.close()
            await owner.execute(f"drop database {name} with (force)")
    finally:
        await owner.close()
