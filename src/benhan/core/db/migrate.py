"""Numbered migrations, each applied once, under one advisory lock."""

from __future__ import annotations

from importlib.resources import files

import asyncpg

#: One process at a time migrates a database.
LOCK = 0x42656E68616E  # "Benhan"

SERVING_ROLE = "benhan_app"


def migrations() -> dict[str, str]:
    """Name → SQL, in the order to apply."""
    folder = files("benhan.core.db") / "migrations"
    found = {entry.name.removesuffix(".sql"): entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}


async def pending(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """The migrations this database still lacks."""
    if not await connection.fetchval("select to_regclass('public.migration') is not null"):
        return list(migrations())
    done = {row["name"] for row in await connection.fetch("select name from migration")}
    return [name for name in migrations() if name not in done]


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to this program; gives the names applied.

    The role of the DSN must own the tables and may create roles on the first run.

    Raises:
        asyncpg.PostgresError: a migration failed; nothing of it remains.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        names = await pending(connection)
        for name in names:
            async with connection.transaction():
                await connection.execute(migrations()[name])
                await connection.execute("insert into migration (name) values ($1)", name)
        return names
    finally:
        await connection.close()


async def create_database(dsn: str, name: str) -> None:
    """Make a database if there is none of that name; the DSN is of a superuser, to another database."""
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("select exists(select from pg_database where datname = $1)", name):
            await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()
