"""The worlds of the FHIR bench: 20,000, 200,000 and 2,000,000 records of one facility, kept in a folder.

All of them come in through the store's own bulk load, checked and indexed like any record. A load that was cut off goes
on where it stood. What is measured runs on a copy of the database (`create database … template`), so a world stays as
it was made; the largest is not copied: what a run writes there, after all reading, stays (a hundredth of it). Before
the clock runs statistics are forgotten, as if the load had ended this moment, and records and index rows are read into
memory: a hospital's has been at work since the morning.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from bench.ward import EACH, Ward
from bench.world import master_key
from benhan.core.access import Role, service
from benhan.core.access.accounts import create_client
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import codec
from benhan.core.store.load import load
from benhan.core.vault import master_of, use
from benhan.simulator.house import found_facility

CODE, NAME = "01999", "Bench"
SIZES = (20_000, 200_000, 2_000_000)
#: A larger world is measured as it is: to copy it takes as long as to make it.
COPIED_UP_TO = 200_000
BATCH_PEOPLE = 20
RUN = "benhan_run"
#: Grows when the records are made or laid down otherwise, so that a world of before is not measured by mistake.
EDITION = 4
#: As directly after a load: PostgreSQL knows nothing of what lies in the tables.
_FORGET = """
delete from pg_statistic s using pg_class c where c.oid = s.starelid and c.relnamespace = 'public'::regnamespace;
select pg_clear_relation_stats('public', relname) from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')
"""
#: What is asked most comes last: where not all of it finds room, that stays.
_WARM = """
select pg_prewarm(c.oid) from pg_class c left join pg_index i on i.indexrelid = c.oid
join pg_class t on t.oid = coalesce(i.indrelid, c.oid) cross join
unnest(array['quantity', 'word', 'span', 'token', 'resource']) with ordinality of(name, n)
where of.name = t.relname and c.relkind in ('r', 'i') and t.relnamespace = 'public'::regnamespace order by of.n
"""

Say = Callable[[str], None]


class World(msgspec.Struct):
    """A world that stands, its PostgreSQL running, a copy of it to measure on, a token to ask with."""

    size: int
    postgres: EmbeddedPostgres
    database: str
    facility: int
    token: str

    @property
    def master_key(self) -> str:
        """Where the master key of its people is, as BENHAN_MASTER_KEY names it."""
        return master_key(self.postgres.folder)

    @property
    def dsn(self) -> str:
        """The role that serves requests."""
        return self.postgres.dsn("benhan_app", self.database)

    @property
    def owner(self) -> str:
        """The role that owns the tables."""
        return self.postgres.dsn(database=self.database)


@asynccontextmanager
async def world(folder: Path, size: int, say: Say) -> AsyncIterator[World]:
    """The world of this size; made when it is not there yet or only half."""
    place = await _made(folder, size, say)
    use(master_of(master_key(place)))
    postgres = EmbeddedPostgres(place)
    postgres.start()
    try:
        name = await _copy(postgres) if size <= COPIED_UP_TO else DATABASE
        await migrate(postgres.dsn(database=name))
        facility = await found_facility(postgres.dsn(database=name), CODE, NAME, "01")
        await _made_ready(postgres.dsn(database=name))
        yield World(size, postgres, name, facility, await _token(postgres.dsn("benhan_app", name), facility))
    finally:
        if size <= COPIED_UP_TO:
            await _drop(postgres)
        postgres.stop()


async def _made(folder: Path, size: int, say: Say) -> Path:
    place = folder / f"fhir-{EDITION}-{size}"
    if (place / "done").exists():
        return place
    began = time.monotonic()
    place.mkdir(parents=True, exist_ok=True)
    await _loaded(place, size, say)
    (place / "done").touch()
    say(f"{size}: made in {time.monotonic() - began:.0f} s")
    return place


async def _loaded(place: Path, size: int, say: Say) -> None:
    use(master_of(master_key(place)))
    postgres = EmbeddedPostgres(place)
    postgres.start()
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    facility = await found_facility(postgres.dsn(), CODE, NAME, "01")
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    who, ward = service(Role.LOADER, facility, NAME), Ward(size)
    async with database.transaction(facility) as tx:
        there = await tx.fetchval("select count(*) from resource where facility = $1", facility) // EACH
    for first in range(there // BATCH_PEOPLE * BATCH_PEOPLE, ward.people, BATCH_PEOPLE):
        numbers = range(first, min(first + BATCH_PEOPLE, ward.people))
        records = [codec.decode(msgspec.json.encode(one)) for number in numbers for one in ward.person(number)]
        async with database.transaction(facility) as tx:
            await load(tx, who, records)
        if first % 1000 == 0:
            say(f"{size}: {first * EACH} records")
    await database.close()
    postgres.stop()


async def _copy(postgres: EmbeddedPostgres) -> str:
    connection = await asyncpg.connect(postgres.dsn(database="postgres"))
    await connection.execute(f"drop database if exists {RUN} with (force)")
    await connection.execute(f"create database {RUN} template {DATABASE} strategy file_copy")
    await connection.close()
    return RUN


async def _made_ready(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(_FORGET)
    await connection.execute("create extension if not exists pg_prewarm")
    await connection.execute(_WARM)
    await connection.close()


async def _drop(postgres: EmbeddedPostgres) -> None:
    connection = await asyncpg.connect(postgres.dsn(database="postgres"))
    await connection.execute(f"drop database if exists {RUN} with (force)")
    await connection.close()


async def _token(dsn: str, facility: int) -> str:
    database = await Database.connect(dsn)
    async with database.transaction(facility) as tx:
        token = await create_client(tx, facility, "bench", "system/*.cruds")
    await database.close()
    return token


def main() -> None:
    """Make the worlds up to a size: `python -m bench.fhir_world FOLDER SIZE`."""
    import sys

    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    asyncio.run(_made(folder, size, lambda text: print(text, flush=True)))


if __name__ == "__main__":
    main()
