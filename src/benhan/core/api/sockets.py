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

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from benhan.core.access.standing import standing
from benhan.core.api import messages
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import codec
from benhan.core.store.subscriptions import outbox, told
from benhan.core.store.subscriptions.notifications import Event, Standing, bundle
from benhan.core.store.subscriptions.plan import Plan

#: Sockets that one account may hold open, and that may wait for their token, in this process.
MOST_SOCKETS, MOST_WAITING = 5, 100
BIND_SECONDS = 10.0
SLOW_SECONDS = 30.0
POLL_SECONDS = 0.25
#: Events of one subscription told in one go.
BATCH = 50
BIND: Final = "bind-with-token:"
#: Codes of RFC 6455, 7.4.1.
POLICY, AGAIN = 1008, 1013

_open: Final[Counter[tuple[int, str]]] = Counter()
_WAITING: Final = (0, "")

_SUBSCRIPTION: Final = """
select s.owner, s.plan, s.status, s.events, coalesce(s.ends <= now(), false) as ended,
    coalesce(s.sent + s.heartbeat * interval '1 second' <= now(), false) as heartbeat_due,
    (select min(number) from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'w')
        as waiting
from subscription s where s.facility = $1 and s.id = $2 and s.channel = 'websocket'
"""
_EVENTS: Final = """
select d.*, h.body from (select * from delivery where facility = $1 and subscription = $2 and number > $3
    order by number limit $4) d
left join history h on (h.facility, h.type, h.id, h.version) = (d.facility, d.type, d.id, d.version) order by d.number
"""
_TOLD: Final = """
update delivery set state = 'd', done = now(), tries = tries + 1
where facility = $1 and subscription = $2 and number = any($3::bigint[]) and state = 'w'
"""
_SENT: Final = "update subscription set sent = now() where facility = $1 and id = $2"


class Ear(msgspec.Struct):
    """One subscription on one socket: up to where it was told."""

    facility: int
    account: str
    id: str
    last: int


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
            busy = False
            for ear in list(ears):
                sent = await _events(socket, ear)
                if sent is None:
                    ears.remove(ear)
                busy = busy or bool(sent)
            if not busy:
                await asyncio.wait({leaving}, timeout=POLL_SECONDS)
    finally:
        leaving.cancel()
    if not leaving.done():
        await socket.close(POLICY)


async def _greet(socket: WebSocket, bound: told.Bound, id_: str) -> Ear | None:
    """The handshake; where to begin: with what waited, else with what comes."""
    async with _database(socket).transaction(bound.facility) as tx:
        row = await tx.fetchrow(_SUBSCRIPTION, bound.facility, id_)
    if row is None or row["status"] == "off" or row["owner"] != bound.account:
        return None
    plan = msgspec.json.decode(row["plan"], type=Plan)
    await _send(socket, plan, _standing(socket, plan, id_, row["events"]), "handshake")
    last = row["waiting"] - 1 if row["waiting"] is not None else row["events"]
    return Ear(bound.facility, bound.account, id_, last)


async def _events(socket: WebSocket, ear: Ear) -> int | None:
    """Tell what is new; gives how many notifications, None when there is nothing to hear any more."""
    async with _database(socket).transaction(ear.facility) as tx:
        row = await tx.fetchrow(_SUBSCRIPTION, ear.facility, ear.id)
        owner = await standing(tx, ear.facility, ear.account)
        if row is None or row["status"] == "off" or row["ended"] or row["owner"] != ear.account or owner is None:
            return None
        plan = msgspec.json.decode(row["plan"], type=Plan)
        if not told.may_still(owner, plan.type):
            return None
        found = []
        for one in await tx.fetch(_EVENTS, ear.facility, ear.id, ear.last, BATCH):
            found.append(outbox.event(one, one["body"] if plan.content == "full-resource" else None))
            outbox.trace(tx, owner, ear.id, found[-1])
    for start in range(0, len(found), plan.most):
        await _notify(socket, ear, plan, found[start : start + plan.most])
    if not found and row["heartbeat_due"]:
        await _send(socket, plan, _standing(socket, plan, ear.id, row["events"]), "heartbeat")
        await _note(socket, ear, [])
    return len(found)


async def _notify(socket: WebSocket, ear: Ear, plan: Plan, events: list[Event]) -> None:
    standing_ = _standing(socket, plan, ear.id, events[-1].number)
    await _send(socket, plan, standing_, "event-notification", events)
    ear.last = events[-1].number
    await _note(socket, ear, [event.number for event in events])


async def _note(socket: WebSocket, ear: Ear, numbers: list[int]) -> None:
    async with _database(socket).transaction(ear.facility) as tx:
        await tx.execute(_TOLD, ear.facility, ear.id, numbers)
        await tx.execute(_SENT, ear.facility, ear.id)


async def _send(
    socket: WebSocket, plan: Plan, standing_: Standing, kind: str, events: list[Event] | None = None
) -> None:
    body = codec.encode(bundle(standing_, kind, events or [], plan.content)).decode()
    async with asyncio.timeout(SLOW_SECONDS):
        await socket.send_text(body)


def _standing(socket: WebSocket, plan: Plan, id_: str, events: int) -> Standing:
    return Standing(messages.base(socket), id_, plan.topic.url if plan.topic else None, "active", events)


async def _gone(socket: WebSocket) -> None:
    """Until the client goes; what it says meanwhile is not heard."""
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive()


def _database(socket: WebSocket) -> Database:
    database: Database = socket.app.state.database
    return database
