"""Live screens: one reader of the change feed in each process wakes everybody who watches.

A watcher learns that something of a type changed, never what it holds: the screen then asks again through its
own door, so a stream can leak nothing. A watcher that says since when it has not heard (the page it stands in was
drawn, the line was broken) hears first of what it missed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import PLATFORM, Database
from benhan.core.db.background import Background
from benhan.core.store.feed import Change, Position, changes, end, open_to, position_of, token, with_labels

POLL_SECONDS = 0.15
#: What waits already wakes the screen, so more than this need not wait.
BACKLOG = 200
#: Changes that are remembered for who comes late; who missed more is told that anything may have changed.
REMEMBERED = 5000


def since(headers: Mapping[str, str], asked: Mapping[str, str]) -> Position | None:
    """Up to where a screen has heard: Last-Event-ID of a line that broke, else the place of its page in the feed.

    Raises:
        Malformed: that is no position.
    """
    given = headers.get("last-event-id") or asked.get("since")
    return position_of(given) if given else None


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

    def hear(self, change: Change) -> None:
        """Wake, if this change concerns the watcher."""
        if self.concerns(change) and not self.queue.full():
            self.queue.put_nowait(change)

    def anything(self, type_: str, position: Position) -> Change:
        """That records of a type may have changed, without saying which."""
        return Change(position, self.who.facility, type_, "", 0, "", self.patient, datetime.now(UTC))


class Live(Background):
    """The watchers of this process."""

    failure = "live: the change feed could not be read"
    rest_seconds = 1.0

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._watchers: set[Watcher] = set()
        self.stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._recent: deque[Change] = deque()
        self._position = self._before_recent = Position()
        #: Up to where this process has read, as a token: who asked the store after this knows everything before it.
        self.here = token(self._position)

    def news(self) -> asyncio.Event:
        """Set at the next change of any kind, anywhere: take it before reading the feed, wait for it after."""
        return self._news

    async def start(self) -> None:
        """Begin to read at the end of the feed."""
        async with self._database.transaction(PLATFORM) as tx:
            self._position = self._before_recent = await end(tx)
        self.here = token(self._position)
        await super().start()

    async def stop(self) -> None:
        """Stop reading; every watcher gets a last None."""
        self.stopping.set()
        for watcher in self._watchers:
            if not watcher.queue.full():
                watcher.queue.put_nowait(None)
        await super().stop()

    @asynccontextmanager
    async def watch(
        self, who: Subject, types: frozenset[str], patient: str | None = None, since: Position | None = None
    ) -> AsyncIterator[asyncio.Queue[Change | None]]:
        """Changes of these types (of one patient) that `who` may read, for as long as the block lasts.

        Those after `since` that this process has read already come first.
        """
        watcher = Watcher(who, types, patient, asyncio.Queue(BACKLOG))
        self._watchers.add(watcher)
        for change in list(self._missed(watcher, since)) if since is not None else ():
            await self._tell(watcher, change)
        try:
            yield watcher.queue
        finally:
            self._watchers.discard(watcher)

    async def turn(self) -> float:
        """What came since the last turn."""
        async with self._database.transaction(PLATFORM) as tx:
            found = await changes(tx, self._position)
            found = await with_labels(tx, found)
        if found:
            self._news.set()
            self._news = asyncio.Event()
        for change in found:
            self._remember(change)
            for watcher in list(self._watchers):
                await self._tell(watcher, change)
        return POLL_SECONDS

    async def _tell(self, watcher: Watcher, change: Change) -> None:
        """Wake the watcher, where the change concerns her; of a labelled patient only if she may read the record."""
        if change.labelled and watcher.concerns(change):
            async with self._database.transaction(watcher.who.facility) as tx:
                if not await open_to(tx, watcher.who, [change]):
                    return
        watcher.hear(change)

    def _remember(self, change: Change) -> None:
        if len(self._recent) == REMEMBERED:
            self._before_recent = self._recent.popleft().position
        self._recent.append(change)
        self._position, self.here = change.position, token(change.position)

    def _missed(self, watcher: Watcher, since: Position) -> Iterator[Change]:
        if since >= self._before_recent:
            return (change for change in self._recent if change.position > since)
        return (watcher.anything(type_, self._position) for type_ in sorted(watcher.types))
