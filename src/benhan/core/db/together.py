"""Work that arrives together is done together: what comes while a batch is under way goes into the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")

#: How many pieces of work one batch takes at most.
MOST = 200


class Together(Generic[Q, A]):
    """One queue of like pieces of work.

    A piece that comes when nothing is under way goes at once, so nobody waits for company. If a batch fails, each of
    its pieces is tried alone: one bad piece is nobody else's failure. Not so where the database is away or too slow
    (`fate`): that is everybody's, and asking again would only make it worse.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Q]], Awaitable[Sequence[A]]],
        at_once: int = 1,
        fate: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._do = do
        self._fate = fate
        self._at_once = at_once
        self._running = 0
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, piece: Q) -> A:
        """Do it with the others; gives its own answer, or raises what it alone raised."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[A] = loop.create_future()
        self._waiting.append((piece, answer))
        if self._running < self._at_once:
            self._running += 1
            task = loop.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await answer

    @property
    def idle(self) -> bool:
        """Nothing is under way, and nothing waits."""
        return not self._running and not self._waiting

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._batch([one for one in batch if not one[1].done()])
        finally:
            self._running -= 1

    async def _batch(self, batch: list[tuple[Q, asyncio.Future[A]]]) -> None:
        if not batch:
            return
        try:
            answers = await self._do([piece for piece, _ in batch])
        except asyncio.CancelledError:
            for _, answer in batch:
                answer.cancel()
            raise
        except Exception as error:
            await self._each(batch, error)
            return
        for (_, answer), found in zip(batch, answers, strict=True):
            if not answer.done():
                answer.set_result(found)

    async def _each(self, batch: list[tuple[Q, asyncio.Future[A]]], error: Exception) -> None:
        if len(batch) > 1 and not isinstance(error, self._fate):
            for one in batch:
                await self._batch([one])
            return
        for _, answer in batch:
            if not answer.done():
                answer.set_exception(error)
