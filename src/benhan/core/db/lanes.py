"""The connections of one process: lent one at a time, made when needed, replaced when they died.

asyncpg has a pool of its own; lending from it costs a task and two wrappers a time, as much as the question itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import asyncpg

#: Who waits longer than this for a connection is told that the server is busy.
WAIT_SECONDS = 10.0
#: How long a connection may take to take back what was not committed.
ROLLBACK_SECONDS = 5.0
#: Statements that a connection keeps prepared.
PREPARED = 500

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]
else:
    Connection = asyncpg.Connection


class Busy(TimeoutError):  # noqa: N818 - what it is, not that it failed
    """No connection became free in time."""


class Lanes:
    """Up to `size` connections. Who comes first is served first."""

    def __init__(self, dsn: str, size: int, settings: dict[str, str]) -> None:
        self.dsn = dsn
        self._size = size
        self._settings = settings
        self._free: list[Connection] = []
        self._open: set[Connection] = set()
        self._making = 0
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    async def take(self) -> Connection:
        """A connection, for the caller alone until it is given back.

        Raises:
            Busy: none became free in time; OSError, asyncpg.PostgresError: the database cannot be reached.
        """
        while True:
            while self._free:
                connection = self._free.pop()
                if not connection.is_closed():
                    return connection
                self._open.discard(connection)
            if len(self._open) + self._making < self._size:
                return await self._make()
            if (handed := await self._wait()) is not None:
                return handed

    def give_back(self, connection: Connection) -> None:
        """End the loan; nothing may be left begun on it."""
        if self._closed or connection.is_closed():
            self._drop(connection)
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._free.append(connection)

    async def take_back(self, connection: Connection) -> None:
        """End a loan on which a transaction is begun: rolled back, or the connection is dropped.

        Whether one is begun the connection itself does not know for sure: who is called off while `begin` is on its way
        hears no more of it. A rollback of nothing is a notice that nobody reads.
        """
        try:
            if not connection.is_closed():
                async with asyncio.timeout(ROLLBACK_SECONDS):
                    await connection.execute("rollback")
        except BaseException as error:
            connection.terminate()
            if not isinstance(error, Exception):
                raise
        finally:
            self.give_back(connection)

    async def close(self) -> None:
        """Say farewell on every connection."""
        self._closed = True
        for connection in list(self._open):
            if not connection.is_closed():
                await connection.close(timeout=ROLLBACK_SECONDS)
        self._open.clear()

    def terminate(self) -> None:
        """Drop every connection at once."""
        self._closed = True
        for connection in self._open:
            connection.terminate()
        self._open.clear()

    async def _make(self) -> Connection:
        if self._closed:
            raise asyncpg.InterfaceError("the pool is closed")
        self._making += 1
        try:
            made: Any = await asyncpg.connect(
                self.dsn,
                server_settings=self._settings,
                statement_cache_size=PREPARED,
                max_cached_statement_lifetime=0,
            )
        except BaseException:
            self._wake()
            raise
        finally:
            self._making -= 1
        self._open.add(made)
        connection: Connection = made
        return connection

    async def _wait(self) -> Connection | None:
        """A connection somebody gave back; None: there is room to make one."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        timer = asyncio.get_running_loop().call_later(WAIT_SECONDS, _give_up, waiter)
        try:
            return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None and (got := waiter.result()):
                self.give_back(got)  # it was handed over in the moment we were called off
            raise
        finally:
            timer.cancel()

    def _drop(self, connection: Connection) -> None:
        connection.terminate()
        self._open.discard(connection)
        self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _give_up(waiter: asyncio.Future[Any]) -> None:
    if not waiter.done():
        waiter.set_exception(Busy(f"no connection became free within {WAIT_SECONDS:.0f} s"))
