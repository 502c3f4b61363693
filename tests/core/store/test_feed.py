"""The change feed: every committed write once, none skipped, however transactions interleave."""

from __future__ import annotations

import asyncio
import random

import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import PLATFORM, Database
from benhan.core.store import feed
from benhan.core.store.live import Live
from tests.core.store.people import person
from tests.settled import PATIENCE, settled


async def test_no_change_is_skipped_when_hundreds_of_transactions_interleave(
    database: Database, loader: Subject
) -> None:
    async with database.transaction(PLATFORM) as tx:
        position = await feed.end(tx)
    written: set[str | None] = set()
    seen: list[str] = []
    done = asyncio.Event()

    async def write(n: int) -> None:
        chance = random.Random(n)
        async with database.transaction(loader.facility) as tx:
            kept = await store.create(tx, loader, person("Xen Kẽ"))
            await asyncio.sleep(chance.random() * 0.05)  # commits in another order than it wrote
        written.add(kept.id)

    async def follow() -> None:
        nonlocal position
        while True:
            last_round = done.is_set()
            async with database.transaction(PLATFORM) as tx:
                changes = await feed.changes(tx, position, 20)
            if changes:
                position = changes[-1].position
                seen.extend(change.id for change in changes)
            elif last_round:
                return
            await asyncio.sleep(0.002)

    reader = asyncio.create_task(follow())
    for start in range(0, 300, 15):
        await asyncio.gather(*(write(n) for n in range(start, start + 15)))
    await settled(database)
    done.set()
    await asyncio.wait_for(reader, 30)
    assert written <= set(seen)
    ours = [id_ for id_ in seen if id_ in written]
    assert len(ours) == len(set(ours))


async def test_what_was_rolled_back_is_never_told(database: Database, loader: Subject) -> None:
    async with database.transaction(PLATFORM) as tx:
        position = await feed.end(tx)
    try:
        async with database.transaction(loader.facility) as tx:
            kept = await store.create(tx, loader, person("Chưa Từng"))
            raise RuntimeError
    except RuntimeError:
        pass
    async with database.transaction(PLATFORM) as tx:
        assert kept.id not in [change.id for change in await feed.changes(tx, position)]


async def test_a_screen_that_opens_late_hears_first_of_what_it_missed(
    database: Database, loader: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(since: feed.Position) -> list[str]:
        async with live.watch(loader, frozenset({"Patient", "Task"}), since=since) as queue:
            return [change.id for change in iter(lambda: queue.get_nowait() if queue.qsize() else None, None)]

    live = Live(database)
    await live.start()
    try:
        drawn = feed.position_of(live.here)
        async with live.watch(loader, frozenset({"Patient"})) as queue:
            async with database.transaction(loader.facility) as tx:
                kept = await store.create(tx, loader, person("Giữa Chừng"))
            while (change := await asyncio.wait_for(queue.get(), PATIENCE)) is not None and change.id != kept.id:
                pass
        assert kept.id in await told(drawn)
        assert kept.id not in await told(feed.position_of(live.here))
        monkeypatch.setattr("benhan.core.store.live.REMEMBERED", len(live._recent))
        live._remember(live._recent[-1])  # the oldest is forgotten: the screen is told that anything may have changed
        assert await told(drawn) == ["", ""]
    finally:
        await live.stop()


async def test_a_screen_learns_of_a_change_and_only_of_its_own_facility(database: Database, loader: Subject) -> None:
    live = Live(database)
    await live.start()
    try:
        async with live.watch(loader, frozenset({"Patient"})) as queue:
            async with database.transaction(loader.facility) as tx:
                kept = await store.create(tx, loader, person("Trực Tiếp"))
            change = await asyncio.wait_for(queue.get(), 20)
            while change is not None and change.id != kept.id:
                change = await asyncio.wait_for(queue.get(), 20)
            assert change is not None
            assert change.facility == loader.facility
    finally:
        await live.stop()
