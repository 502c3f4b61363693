"""Event streams for programs: bounded in number, cut off when slow, alive while nothing happens.

Standard: HTML, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from benhan.core.access import Subject
from benhan.core.fhir.outcome import Problem
from benhan.core.language import _

#: Streams that one account may hold open in this process.
MOST_STREAMS = 5
#: A reader that takes nothing for so long is cut off; it asks again from its last event.
SLOW_SECONDS = 30.0

_open: Final[Counter[tuple[int, str]]] = Counter()


class EventStream(Response):
    """Sends what an iterator gives for as long as the reader takes it."""

    media_type = "text/event-stream"

    def __init__(self, who: Subject, events: AsyncIterator[str]) -> None:
        """Take one of the account's places.

        Raises:
            Problem: 429, all of them are taken.
        """
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._leave = weakref.finalize(self, _leave, _enter(who))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the events end, the reader goes, or it is too slow."""
        telling = asyncio.create_task(self._tell(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, leaving):
                task.cancel()
            await asyncio.gather(telling, leaving, return_exceptions=True)
            self._leave()

    async def _tell(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with suppress(TimeoutError):
            async for event in self._events:
                message = {"type": "http.response.body", "body": event.encode(), "more_body": True}
                async with asyncio.timeout(SLOW_SECONDS):
                    await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def _enter(who: Subject) -> tuple[int, str]:
    key = (who.facility, who.account)
    if _open[key] >= MOST_STREAMS:
        raise Problem(
            429, "throttled", _("Tài khoản này đã mở %(n)s luồng sự kiện.", n=MOST_STREAMS),
            advice=_("Đóng bớt luồng rồi thử lại; một luồng nghe được nhiều loại tài nguyên."),
        )  # fmt: skip
    _open[key] += 1
    return key


def _leave(key: tuple[int, str]) -> None:
    _open[key] -= 1
    if not _open[key]:
        del _open[key]


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
