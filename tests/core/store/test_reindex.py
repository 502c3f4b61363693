"""Indexing again: found, redone, killed and gone on with; migrations in pairs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.db import PLATFORM
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.db.migrate import contract
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import NotFound
from benhan.core.store import reindex
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import INDEX_VERSION
from tests.core.store.elsewhere import Elsewhere, elsewhere

#: `put` as the program before 0003 called it.
FORMER_PUT = (
    "select put($1,$2,$3,$4,now(),$5,$6,$7,$8,$9::smallint[],$10::bigint[],$11::smallint[],$12::text[],$13::text[],"
    "$14::smallint[],$15::timestamptz[],$16::timestamptz[],$17::text[])"
)
#: A process that indexes half of a part and then hangs; it says so.
HALF_DONE = """
import asyncio, sys
from benhan.core.db import PLATFORM, Database
from benhan.core.store import reindex
from benhan.core.vault import master_of, use

async def main():
    use(master_of("env:BENHAN_TEST_MASTER"))
    database = await Database.connect(sys.argv[1], size=2)
    for _ in range(2):
        await reindex.one_part(database)
    async with database.transaction(PLATFORM) as tx:
        part = await reindex._taken(tx)
        await reindex._again(tx, part["keys"], None)
        print("half", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module")
async def own(postgres: EmbeddedPostgres, dsn: Callable[..., str]) -> AsyncIterator[Elsewhere]:
    """A database of these tests' own."""
    async with elsewhere(postgres.dsn) as made:
        yield made


@pytest_asyncio.fixture
async def place(own: Elsewhere) -> Elsewhere:
    """The same, empty."""
    await own.run(
        "truncate resource, history, token, word, span, quantity, once, feed, reindex, reindex_part;"
        f" update search_rules set version = {INDEX_VERSION}"
    )
    return own


def weight(number: int) -> r4.Observation:
    return r4.Observation(
        status="final",
        code=r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="29463-7", display="Cân nặng")]),
        valueQuantity=r4.Quantity(value=Decimal(number), system="http://unitsofmeasure.org", code="kg"),
    )


async def keep(place: Elsewhere, many: int) -> None:
    async with place.database.transaction(place.loader.facility) as tx:
        for number in range(many):
            await store.create(tx, place.loader, weight(number))


async def all_done(place: Elsewhere) -> None:
    for _ in range(100):
        if not await reindex.step(place.database):
            return
    pytest.fail("it never ends")


async def index_rows(place: Elsewhere) -> list[object]:
    return [await place.value(f"select count(*) from {name}") for name in ("token", "word", "span", "quantity")] + [
        await place.value("select count(*) from resource where indexed < $1", INDEX_VERSION)
    ]


async def test_what_the_program_before_wrote_is_found_behind_and_done_again(place: Elsewhere) -> None:
    body = codec.encode(r4.Observation(id="old", status="final", code=r4.CodeableConcept(text="Cũ"),
                                       valueQuantity=r4.Quantity(value=Decimal(5))))  # fmt: skip
    for version in (0, 1):  # made and changed
        async with place.database.transaction(place.loader.facility) as tx:
            arguments: tuple[Any, ...] = (
                1,
                NUMBERS["Observation"],
                "old",
                version,
                None,
                body,
                b"c",
                "old",
                *([[]] * 9),
            )
            assert await tx.fetchval(FORMER_PUT, *arguments) is not None
    assert await place.value("select indexed from resource where id = 'old'") == 0
    assert await place.value("select count(*) from history where id = 'old'") == 2
    await all_done(place)
    assert await place.value("select indexed from resource where id = 'old'") == INDEX_VERSION
    async with place.database.transaction(place.loader.facility) as tx:
        found = await store.search(tx, place.loader, r4.Observation, {"value-quantity": "5"})
    assert [one.id for one in found.resources] == ["old"]


async def test_a_former_update_leaves_no_rows_of_what_stood_there_before(place: Elsewhere) -> None:
    async with place.database.transaction(place.loader.facility) as tx:
        kept = await store.create(tx, place.loader, weight(70))
        arguments: tuple[Any, ...] = (
            1,
            NUMBERS["Observation"],
            kept.id,
            1,
            None,
            codec.encode(weight(71)),
            b"u",
            "old",
            *([[]] * 9),
        )
        assert await tx.fetchval(FORMER_PUT, *arguments) is not None
    assert await place.value("select count(*) from quantity") == 0


async def test_a_process_killed_in_the_middle_of_a_part_leaves_nothing_half_done(
    place: Elsewhere, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    await keep(place, 50)
    before = await index_rows(place)
    await place.value("update resource set indexed = 0")
    await place.value("delete from quantity")
    monkeypatch.setattr(reindex, "PART", 5)
    async with place.database.transaction(PLATFORM) as tx:
        assert await reindex.plan(tx)
    script = tmp_path / "half.py"
    script.write_text(HALF_DONE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), place.dsn("benhan_app"), stdout=subprocess.PIPE
    )
    assert process.stdout
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"half\n"
    assert await place.value("select count(*) from reindex_part where done is not null") == 2
    process.kill()
    await process.wait()
    await all_done(place)
    assert await index_rows(place) == before
    async with place.database.transaction(PLATFORM) as tx:
        [job] = await reindex.status(tx, PLATFORM)
    assert (job.reason, job.total, job.redone, job.failed, job.ended is not None) == ("behind", 50, 50, 0, True)


async def test_several_processes_share_the_parts_and_none_is_done_twice(
    place: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(place, 40)
    before = await index_rows(place)
    monkeypatch.setattr(reindex, "PART", 4)
    async with place.database.transaction(1) as tx:
        job = await reindex.ask(tx, place.loader)
    for _ in range(10):
        await asyncio.gather(*(reindex.one_part(place.database) for _ in range(3)))
    assert await index_rows(place) == before
    async with place.database.transaction(1) as tx:
        [status] = await reindex.status(tx, 1, job)
        assert (status.redone, status.total, status.ended is not None) == (40, 40, True)
        with pytest.raises(NotFound):
            await reindex.status(tx, 2, job)


async def test_a_record_that_somebody_is_changing_is_left_for_later_and_not_forgotten(place: Elsewhere) -> None:
    await keep(place, 3)
    await place.value("update resource set indexed = 0")
    async with place.database.transaction(place.loader.facility) as busy:
        await busy.fetch("select from resource where key = (select max(key) from resource) for update")
        await reindex.step(place.database)
        assert await place.value("select count(*) from resource where indexed = 0") == 1
    await all_done(place)
    assert await place.value("select count(*) from resource where indexed = 0") == 0


async def test_a_record_that_cannot_be_indexed_is_named_and_stops_nothing(place: Elsewhere) -> None:
    await keep(place, 3)
    await place.value("update resource set indexed = 0")
    broken = b'{"resourceType":"Observation","id":1}'
    await place.value("update resource set body = $1 where key = (select min(key) from resource)", broken)
    await all_done(place)
    async with place.database.transaction(PLATFORM) as tx:
        [job] = await reindex.status(tx, PLATFORM)
    assert (job.redone, job.failed, job.ended is not None) == (2, 1, True)
    assert job.named[0].startswith("Observation/")


async def test_newer_rules_find_every_record_of_the_older_ones(
    place: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(place, 5)
    monkeypatch.setattr(reindex, "INDEX_VERSION", INDEX_VERSION + 1)
    await all_done(place)
    assert await place.value("select array_agg(distinct indexed) from resource") == [INDEX_VERSION + 1]
    await keep(place, 1)  # a process of the older program is still there
    assert await place.value("select min(indexed) from resource") == 0
    await all_done(place)
    assert await place.value("select min(indexed) from resource") == INDEX_VERSION + 1


async def test_what_the_former_program_needs_is_taken_away_only_when_nothing_is_behind(
    postgres: EmbeddedPostgres, dsn: Callable[..., str]
) -> None:
    async with elsewhere(postgres.dsn) as place:
        await _contracts(place)


async def _contracts(place: Elsewhere) -> None:
    await keep(place, 1)
    await place.value("update resource set indexed = 0")
    assert await contract(place.dsn("postgres")) == []
    await all_done(place)
    assert "0003_search.after" in await contract(place.dsn("postgres"))
    assert await contract(place.dsn("postgres")) == []
    with pytest.raises(asyncpg.UndefinedFunctionError):
        async with place.database.transaction(1) as tx:
            await tx.fetchval(FORMER_PUT, 1, 1, "x", 0, None, b"", b"c", "old", *([[]] * 9))
    await keep(place, 1)
