"""The keys of a facility are met while everybody already holds a connection, and made once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from benhan.core import store
from benhan.core.db import Database
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import r4
from tests.core.store.elsewhere import Elsewhere, elsewhere

AT_ONCE = 4


async def test_keys_are_met_where_all_connections_are_taken_by_those_who_wait_for_them(
    postgres: EmbeddedPostgres, dsn: Callable[..., str]
) -> None:
    async with elsewhere(postgres.dsn) as place:
        fresh = await Database.connect(place.dsn("benhan_app"), size=AT_ONCE)
        everybody = asyncio.Barrier(AT_ONCE)

        async def write() -> None:
            async with fresh.transaction(place.loader.facility) as tx:
                await tx.fetchval("select 1")
                await everybody.wait()
                await store.create(tx, place.loader, r4.Patient())

        try:
            await asyncio.gather(*(write() for _ in range(AT_ONCE)))
        finally:
            await fresh.close()
        assert await _data_keys(place) == 1


async def _data_keys(place: Elsewhere) -> int:
    number: int = await place.value(
        "select count(*) from data_key where facility = $1 and purpose = 'data'", place.loader.facility
    )
    return number
