"""Stored bodies as the program that wrote them reads them: for tests that look into the tables themselves."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from benhan.core.db import Database
from benhan.core.store.bodies import body_of, opened
from benhan.core.vault import Keys, keys_of


async def bodies(dsn: str, connection: asyncpg.Connection[asyncpg.Record]) -> list[asyncpg.Record]:
    """Every record: key, facility, id and body."""
    rows = await connection.fetch(
        f"select r.key, r.facility, r.id, {body_of('r')} from resource r where body is not null"
    )
    return await readable(dsn, rows)


async def readable(dsn: str, rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """Rows with the bodies that were stored."""
    database = await Database.as_owner(dsn)
    try:
        return opened(database, rows)
    finally:
        await database.close()


async def keys(dsn: str, facilities: Sequence[int]) -> dict[int, Keys]:
    """The keys of these facilities."""
    database = await Database.as_owner(dsn)
    try:
        return {one: await keys_of(database, one) for one in facilities}
    finally:
        await database.close()
