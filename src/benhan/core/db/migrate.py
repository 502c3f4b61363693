"""Numbered migrations, each applied once, under one advisory lock.

`0003_search.before.sql` expands: it is applied at once, and the program before this one goes on working on the new
schema. `0003_search.after.sql` contracts: it is applied by a later `benhan migrate`, once the question in its first
line (`-- when: select …`) is answered with true and the operator says that no old process serves (`contract`). A
migration without a counterpart is a plain `0001_foundation.sql`.
"""

from __future__ import annotations

from importlib.resources import files

import asyncpg

#: One process at a time migrates a database.
LOCK = 0x42656E68616E  # "Benhan"

SERVING_ROLE = "benhan_app"

BEFORE, AFTER = ".before", ".after"


def migrations() -> dict[str, str]:
    """Name → SQL of what this program needs, in the order to apply."""
    return {name: sql for name, sql in _files().items() if not name.endswith(AFTER)}


def contractions() -> dict[str, str]:
    """Name → SQL of what only removes what an older program needed, in the order to apply."""
    return {name: sql for name, sql in _files().items() if name.endswith(AFTER)}


def _files() -> dict[str, str]:
    folder = files("benhan.core.db") / "migrations"
    found = {entry.name.removesuffix(".sql"): entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return {name: found[name].read_text("utf-8") for name in sorted(found)}


async def pending(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """The migrations this database still lacks."""
    done = await _done(connection)
    return [name for name in migrations() if name not in done]


async def _done(connection: asyncpg.Connection[asyncpg.Record]) -> set[str]:
    if not await connection.fetchval("select to_regclass('public.migration') is not null"):
        return set()
    return {row["name"] for row in await connection.fetch("select name from migration")}


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


async def contract(dsn: str) -> list[str]:
    """Remove what only older programs needed; gives the names applied.

    To be called when no process of an older program serves any more. A contraction whose question is not yet answered
    with true (records still behind, say) waits, and those after it too.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        done, applied = await _done(connection), []
        for name, sql in contractions().items():
            if name in done:
                continue
            if name.removesuffix(AFTER) + BEFORE not in done or not await connection.fetchval(_question(name, sql)):
                break
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute("insert into migration (name) values ($1)", name)
            applied.append(name)
        return applied
    finally:
        await connection.close()


def _question(name: str, sql: str) -> str:
    first = sql.partition("\n")[0]
    if not first.startswith("-- when: "):
        raise ValueError(f"{name}: the first line of a contraction is “-- when: select …”")
    return first.removeprefix("-- when: ")


async def create_database(dsn: str, name: str) -> None:
    """Make a database if there is none of that name; the DSN is of a superuser, to another database."""
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("select exists(select from pg_database where datname = $1)", name):
            await connection.execute(f'create database "{name}"')
    finally:
        await connection.close()
