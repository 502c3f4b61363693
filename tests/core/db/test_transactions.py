"""The connections of a process: none is lost to a slow question, a caller who hung up, or a server that died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import asyncpg
import pytest
import pytest_asyncio

from benhan.core.db import Busy, Database, lanes
from benhan.core.db.entry import Entry
from benhan.core.db.together import Together
from benhan.simulator import House

#: Whether somebody waits for a lock in this database.
_WAITING = """
select exists (
    select from pg_locks l join pg_database d on d.oid = l.database
    where not l.granted and d.datname = current_database()
)
"""


@pytest_asyncio.fixture
async def single(dsn: Callable[..., str], hospital: House) -> AsyncIterator[Database]:
    """A process with one connection: whoever keeps it, keeps it from everybody."""
    made = await Database.connect(dsn("benhan_app"), size=1, statement_seconds=1)
    yield made
    made.terminate()


async def _answers(database: Database, facility: int) -> bool:
    async with asyncio.timeout(5), database.transaction(facility) as tx:
        return bool(await tx.fetchval("select true"))


async def test_a_question_that_passes_its_time_gives_the_connection_back(single: Database, hospital: House) -> None:
    with pytest.raises(asyncpg.QueryCanceledError):
        async with single.transaction(hospital.key) as tx:
            await tx.fetchval("select pg_sleep(5)")
    assert await _answers(single, hospital.key)


async def test_a_caller_who_hangs_up_leaves_no_transaction_behind(single: Database, hospital: House) -> None:
    holding = asyncio.Event()

    async def slow() -> None:
        async with single.transaction(hospital.key) as tx:
            await tx.execute("insert into series (facility, name, value) values ($1, 'hung up', 1)", hospital.key)
            holding.set()
            await tx.fetchval("select pg_sleep(0.9)")

    request = asyncio.create_task(slow())
    await holding.wait()
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert await _answers(single, hospital.key)
    async with single.transaction(hospital.key) as tx:
        assert await tx.fetchval("select count(*) from series where name = 'hung up'") == 0


async def test_a_caller_who_hangs_up_while_her_transaction_begins_leaves_none_behind(
    single: Database, hospital: House, dsn: Callable[..., str]
) -> None:
    owner = await asyncpg.connect(dsn())
    tx = single.request()
    tx.entry = Entry(b"x" * 32, 1, hospital.key)
    async with owner.transaction():
        await owner.execute("lock table client in access exclusive mode")
        request = asyncio.create_task(tx.execute("select 1"))
        async with asyncio.timeout(5):
            while not await owner.fetchval(_WAITING):  # noqa: ASYNC110 - PostgreSQL has no event for it
                await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await tx.roll_back()
    await owner.close()
    assert await _answers(single, hospital.key)
    assert [row["one"] for row in await single.ask("select 1 as one")] == [1]


async def test_a_caller_who_hangs_up_while_waiting_for_a_connection_keeps_nobody_waiting(
    single: Database, hospital: House
) -> None:
    async with single.transaction(hospital.key) as tx:
        await tx.fetchval("select 1")
        waiting = [asyncio.create_task(_answers(single, hospital.key)) for _ in range(3)]
        await asyncio.sleep(0.01)
        waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [True, True]


async def test_who_waits_too_long_for_a_connection_is_told_so(
    single: Database, hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with single.transaction(hospital.key) as tx:
        await tx.fetchval("select 1")
        with monkeypatch.context() as hasty, pytest.raises(Busy):
            hasty.setattr(lanes, "WAIT_SECONDS", 0.05)
            await _answers(single, hospital.key)
    assert await _answers(single, hospital.key)


async def test_a_connection_that_died_is_replaced(single: Database, hospital: House, dsn: Callable[..., str]) -> None:
    async with single.transaction(hospital.key) as tx:
        backend = await tx.fetchval("select pg_backend_pid()")
    owner = await asyncpg.connect(dsn())
    assert await owner.fetchval("select pg_terminate_backend($1, 10000)", backend)  # it waits until the process is gone
    await owner.close()
    await asyncio.sleep(0.05)
    assert await _answers(single, hospital.key)


async def test_what_fails_in_a_savepoint_fails_alone(single: Database, hospital: House) -> None:
    async with single.transaction(hospital.key) as tx:
        await tx.execute("insert into series (facility, name, value) values ($1, 'kept', 1)", hospital.key)
        with pytest.raises(asyncpg.UniqueViolationError):
            async with tx.savepoint():
                await tx.execute("insert into series (facility, name, value) values ($1, 'kept', 2)", hospital.key)
        assert await tx.fetchval("select value from series where name = 'kept'") == 1


async def test_one_bad_piece_of_work_is_nobody_elses_failure() -> None:
    batches: list[int] = []

    async def halves(asked: Sequence[int]) -> list[int]:
        batches.append(len(asked))
        await asyncio.sleep(0.01)
        if any(number % 2 for number in asked):
            raise ValueError("odd")
        return [number // 2 for number in asked]

    together: Together[int, int] = Together(halves)
    answers = await asyncio.gather(*(together.ask(n) for n in (2, 4, 5, 6)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [1, 2, 3]
    assert isinstance(answers[2], ValueError)
    assert batches == [4, 1, 1, 1, 1], "together first, then each alone"


async def test_when_the_database_is_away_nobody_is_kept_waiting_for_the_others_turn() -> None:
    tries = 0

    async def away(asked: Sequence[int]) -> list[int]:
        nonlocal tries
        tries += 1
        raise ConnectionRefusedError

    together: Together[int, int] = Together(away)
    answers = await asyncio.gather(*(together.ask(n) for n in range(9)), return_exceptions=True)
    assert all(isinstance(answer, ConnectionRefusedError) for answer in answers)
    assert tries == 1
