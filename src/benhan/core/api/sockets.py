"""`/fhir/_socket`: notifications over a websocket, for whoever shows a token that was given for it.

The client says `bind-with-token: <token>`; it gets the handshake of each subscription, the events that waited while
nobody listened, then each event as it happens. Standard: Subscriptions R5 Backport 1.1.0, "Channels", websocket.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from benhan.core.api import messages
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import codec
from benhan.core.store.subscriptions import hearing, told
from benhan.core.store.subscriptions.hearing import Ear
from benhan.core.store.subscriptions.notifications import Event, Standing, bundle

#: Sockets that one account may hold open, and that may wait for their token, in this process.
MOST_SOCKETS, MOST_WAITING = 5, 100
BIND_SECONDS = 10.0
SLOW_SECONDS = 30.0
POLL_SECONDS = 0.25
BIND: Final = "bind-with-token:"
#: Codes of RFC 6455, 7.4.1.
POLICY, AGAIN = 1008, 1013

_open: Final[Counter[tuple[int, str]]] = Counter()
_WAITING: Final = (0, "")


async def listen(socket: WebSocket) -> None:
    """Tell of the bound subscriptions until the client goes, is too slow, or its right ends."""
    await socket.accept()
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
        with _place(_WAITING, MOST_WAITING) as free:
            bound = await _bind(socket) if free else None
        if bound is None:
            await socket.close(POLICY)
            return
        with _place((bound.facility, bound.account), MOST_SOCKETS) as free:
            if not free:
                await socket.close(AGAIN)
                return
            await _tell(socket, bound)


@contextmanager
def _place(key: tuple[int, str], most: int) -> Iterator[bool]:
    if _open[key] >= most:
        yield False
        return
    _open[key] += 1
    try:
        yield True
    finally:
        _open[key] -= 1


async def _bind(socket: WebSocket) -> told.Bound | None:
    async with asyncio.timeout(BIND_SECONDS):
        said = (await socket.receive_text())[:500]
    if not said.startswith(BIND):
        return None
    async with _database(socket).transaction(PLATFORM) as tx:
        return await told.bound(tx, said.removeprefix(BIND).strip())


async def _tell(socket: WebSocket, bound: told.Bound) -> None:
    ears = [ear for id_ in bound.subscriptions if (ear := await _greet(socket, bound, id_))]
    leaving = asyncio.create_task(_gone(socket))
    try:
        while ears and not leaving.done() and not socket.app.state.live.stopping.is_set():
            sent = {ear.id: await _news(socket, ear) for ear in ears}
            ears = [ear for ear in ears if sent[ear.id] is not None]
            if not any(sent.values()):
                await asyncio.wait({leaving}, timeout=POLL_SECONDS)
    finally:
        leaving.cancel()
    if not leaving.done():
        await socket.close(POLICY)


async def _greet(socket: WebSocket, bound: told.Bound, id_: str) -> Ear | None:
    """Say that it is bound, with the handshake."""
    async with _database(socket).transaction(bound.facility) as tx:
        ear = await hearing.ear(tx, bound, id_)
    if ear is not None:
        await _send(socket, ear, "handshake", [])
    return ear


async def _news(socket: WebSocket, ear: Ear) -> int | None:
    """Tell what is new; gives how many events, None when there is nothing to hear any more."""
    async with _database(socket).transaction(ear.facility) as tx:
        news = await hearing.news(tx, ear)
    if news is None:
        return None
    for start in range(0, len(news.events), ear.plan.most):
        await _notify(socket, ear, "event-notification", news.events[start : start + ear.plan.most])
    if news.heartbeat:
        await _notify(socket, ear, "heartbeat", [])
    return len(news.events)


async def _notify(socket: WebSocket, ear: Ear, kind: str, events: list[Event]) -> None:
    await _send(socket, ear, kind, events)
    async with _database(socket).transaction(ear.facility) as tx:
        await hearing.heard(tx, ear, events)


async def _send(socket: WebSocket, ear: Ear, kind: str, events: list[Event]) -> None:
    topic = ear.plan.topic.url if ear.plan.topic else None
    number = events[-1].number if events else ear.events
    standing = Standing(messages.base(socket), ear.id, topic, "active", number)
    async with asyncio.timeout(SLOW_SECONDS):
        await socket.send_text(codec.encode(bundle(standing, kind, events, ear.plan.content)).decode())


async def _gone(socket: WebSocket) -> None:
    """Until the client goes; what it says meanwhile is not heard."""
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive()


def _database(socket: WebSocket) -> Database:
    database: Database = socket.app.state.database
    return database
