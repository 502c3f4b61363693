"""A stream ends with its reader, whatever else happens in that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from benhan.core.access import Role, Subject
from benhan.core.api.streams import EventStream

#: Turns of the loop from the one thing to the other: somewhere among them the two meet.
TURNS = range(8)


async def _news() -> AsyncGenerator[str, None]:
    yield "event: change\ndata: {}\n\n"
    await asyncio.Event().wait()  # nothing more, for ever


async def _ends(
    first: asyncio.Event, then: asyncio.Event, turns: int, taken: asyncio.Event, left: asyncio.Event
) -> None:
    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await taken.wait()

    who = Subject(account="reader", name="", facility=1, facility_name="", roles=frozenset({Role.DOCTOR}))
    stream = asyncio.ensure_future(EventStream(who, _news())({"type": "http"}, receive, send))
    for _ in range(20):
        await asyncio.sleep(0)
    first.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    then.set()
    async with asyncio.timeout(60):
        await stream


@pytest.mark.parametrize("turns", TURNS)
async def test_a_reader_who_leaves_while_she_is_told_leaves_no_stream_behind(turns: int) -> None:
    taken, left = asyncio.Event(), asyncio.Event()
    await _ends(taken, left, turns, taken=taken, left=left)


@pytest.mark.parametrize("turns", TURNS)
async def test_news_that_come_as_she_leaves_leave_no_stream_behind(turns: int) -> None:
    taken, left = asyncio.Event(), asyncio.Event()
    await _ends(left, taken, turns, taken=taken, left=left)
