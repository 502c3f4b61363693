"""Live screens: one reader of the change feed in each process wakes everybody who watches.

A watcher learns that something of a type changed, never what it holds: the screen then asks again through its
own door, so a stream can leak nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import PLATFORM, Database
from benhan.core.store.feed import Change, Position, changes, end

POLL_SECONDS = 0.15
#: What waits already wakes the screen, so more than this need not wait.
BACKLOG = 200


class Watcher(msgspec.Struct, eq=False):
    """Somebody who looks on."""

    who: Subject
    types: frozenset[str]
    patient: str | None
    queue: asyncio.Queue[Change | None]

    def concerns(self, change: Change) -> bool:
        """Whether this change is of a kind the watcher asked for and may read."""
        if change.facility != self.who.facility or change.type not in self.types:
            return False
        if self.patient is not None and self.patient != change.patient:
            return False
        decision = decide(self.who, Interaction.READ, change.type)
        return decision.allowed and decision.only_patient in (None, change.patient)


class Live:
    """The watchers of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: set[Watcher] = set()
        self._task: asyncio.Task[None] | None = None
        self.stopping = asyncio.Event()
        self._news = asyncio.Event()

    def news(self) -> asyncio.Event:
        """Set at the next change of any kind, anywhere: take it before reading the feed, wait for it after."""
        return self._news

    async def start(self) -> None:
        """Begin to read at the end of the feed."""
        async with self._database.transaction(PLATFORM) as tx:
            position = await end(tx)
        self._task = asyncio.create_task(self._follow(position))

    async def stop(self) -> None:
        """Stop reading; every watcher gets a last None."""
        self.stopping.set()
        for watcher in self._watchers:
            if not watcher.queue.full():
                watcher.queue.put_nowait(None)
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @asynccontextmanager
    async def watch(
        self, who: Subject, types: frozenset[str], patient: str | None = None
    ) -> AsyncIterator[asyncio.Queue[Change | None]]:
        """Changes of these types (of one patient) that `who` may read, for as long as the block lasts."""
        watcher = Watcher(who, types, patient, asyncio.Queue(BACKLOG))
        self._watchers.add(watcher)
        try:
            yield watcher.queue
        finally:
            self._watchers.discard(watcher)

    async def _follow(self, position: Position) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                position = await self._read(position)
            except Exception:
                await asyncio.sleep(1)

    async def _read(self, position: Position) -> Position:
        async with self._database.transaction(PLATFORM) as tx:
            found = await changes(tx, position)
        if found:
            self._news.set()
            self._news = asyncio.Event()
        for change in found:
            for watcher in list(self._watchers):
                if watcher.concerns(change) and not watcher.queue.full():
                    watcher.queue.put_nowait(change)
        return found[-1].position if found else position
