"""Work that goes on beside the requests for as long as the process runs.

Each turn is whole in itself (one transaction, mostly): a process that dies in the middle leaves it to the next one.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import ClassVar

from benhan.core.db.database import Database


class Background(ABC):
    """Turn after turn of some work. A turn that fails is told in the log and tried again, not so soon."""

    #: What the log says of a turn that failed.
    failure: ClassVar[str]
    rest_seconds: ClassVar[float] = 2.0

    def __init__(self, database: Database) -> None:
        self._database = database
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Go on where the last process stopped."""
        self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        """Stop between two turns, or give up the one at hand: the next process does it again."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @abstractmethod
    async def turn(self) -> float:
        """One turn; gives the seconds to wait before the next one."""

    async def _work(self) -> None:
        while True:
            try:
                await asyncio.sleep(await self.turn())
            except Exception:
                logging.getLogger(type(self).__module__).exception(self.failure)
                await asyncio.sleep(self.rest_seconds)


class Follower(Background):
    """A named reader of the change feed, batch after batch."""

    #: How many changes one batch holds, and the seconds to wait where there were fewer.
    batch: ClassVar[int]
    idle_seconds: ClassVar[float]

    @abstractmethod
    async def read(self) -> int:
        """Deal with one batch of changes; gives how many changes it held."""

    async def turn(self) -> float:
        """One batch."""
        return self.idle_seconds if await self.read() < self.batch else 0
