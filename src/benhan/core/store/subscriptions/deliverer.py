"""Deliveries over rest-hook: at least once, in order, with patience. See `outbox.py` for what is noted where."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from typing import Final

from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import codec
from benhan.core.language import speaking
from benhan.core.store.subscriptions import outbox, states
from benhan.core.store.subscriptions.endpoints import Line, Refused
from benhan.core.store.subscriptions.notifications import Event, Standing, bundle
from benhan.core.store.subscriptions.outbox import Held, Pace
from benhan.core.store.subscriptions.plan import JSON

#: Subscriptions served at the same time by one process: a slow endpoint does not keep the others waiting.
HANDS: Final = 4
#: Notifications to one subscription before others have their turn.
TURN: Final = 50
TIDY_SECONDS: Final = 600.0

_log = logging.getLogger(__name__)
#: The address of the FHIR service, as notifications name records; set when the application is composed.
_base = ""


def serve_as(base: str) -> None:
    """Name the address of the FHIR service, for this process."""
    global _base  # noqa: PLW0603 - one address a process, like the networks of `endpoints`
    _base = base


class Deliverer:
    """Delivers for as long as the process runs."""

    def __init__(self, database: Database, pace: Pace | None = None) -> None:
        self._database = database
        self._pace = pace or Pace()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Go on where the last process stopped."""
        self._tasks = [asyncio.create_task(self._work()) for _hand in range(HANDS)]
        self._tasks.append(asyncio.create_task(self._tidy()))

    async def stop(self) -> None:
        """Let go of everything; what was not noted as delivered is delivered again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            try:
                if not await self.turn():
                    await asyncio.sleep(self._pace.idle)
            except Exception:
                _log.exception("subscriptions: a delivery could not be noted")
                await asyncio.sleep(1)

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                async with self._database.transaction(PLATFORM) as tx:
                    await outbox.tidy(tx)
            except Exception:
                _log.exception("subscriptions: what was delivered long ago could not be tidied away")

    async def turn(self) -> bool:
        """Serve the next subscription that has something to do; False where none has."""
        async with self._database.transaction(PLATFORM) as tx:
            held = await outbox.take(tx, secrets.token_hex(8), self._pace)
        if held is None:
            return False
        try:
            with speaking("en"):  # what goes wrong is read by other software's people
                await self._serve(held)
        finally:
            async with self._database.transaction(held.facility) as tx:
                await outbox.release(tx, held)
        return True

    async def _serve(self, held: Held) -> None:
        if held.ended:
            await self._say(held, "off", states.ENDED)
        elif held.status == "requested" and (not held.plan.topic or held.plan.channel == "websocket"):
            await self._note(held, [], None)  # nothing to shake hands with
        else:
            try:
                line = Line(held.plan.endpoint, held.plan.headers, held.plan.seconds)
            except Refused as refused:
                await self._say(held, "error", str(refused))
                return
            async with line:
                await self._over(line, held)

    async def _over(self, line: Line, held: Held) -> None:
        """Send what there is: the handshake, events, a heartbeat."""
        if held.status == "requested":
            await self._deliver(line, held, [], "handshake")
            return
        until = time.monotonic() + self._pace.lease / 2
        for n in range(TURN):
            async with self._database.transaction(held.facility) as tx:
                if not await outbox.hold(tx, held, self._pace):
                    return
                events = await outbox.waiting(tx, held)
            if events is None:
                await self._say(held, "off", states.OWNER_GONE)
                return
            if not events and (n or not held.heartbeat_due):
                return
            kind = "event-notification" if events else "heartbeat"
            if not await self._deliver(line, held, events, kind) or time.monotonic() > until:
                return

    async def _deliver(self, line: Line, held: Held, events: Sequence[Event], kind: str) -> bool:
        """Send one notification and note how it went."""
        error = None
        try:
            await self._send(line, held, events, kind)
        except Refused as refused:
            error = str(refused) or type(refused).__name__
        await self._note(held, [event.number for event in events], error)
        return error is None

    async def _send(self, line: Line, held: Held, events: Sequence[Event], kind: str) -> None:
        plan = held.plan
        if plan.topic:
            status = "requested" if kind == "handshake" else "active"
            standing = Standing(_base, held.id, plan.topic.url, status, _number(held, events, kind))
            body = codec.encode(bundle(standing, kind, events, plan.content))
            await line.send("POST", "", body, [("Content-Type", JSON)])
            return
        for event in events:
            number = [("Benhan-Event", str(event.number))]
            if event.body is None:
                await line.send("POST", "", b"", number)
            else:
                path = f"{event.type}/{event.id}"
                await line.send("PUT", path, event.body, [("Content-Type", JSON), *number])

    async def _note(self, held: Held, numbers: list[int], error: str | None) -> None:
        said: tuple[str, str | None] | None = ("active", None) if held.status != "active" and error is None else None
        async with self._database.transaction(held.facility) as tx:
            if not await outbox.hold(tx, held, self._pace):
                return
            if error is None:
                await outbox.went_well(tx, held, numbers)
            else:
                said = await outbox.went_badly(tx, held, numbers, error, self._pace)
        if said:
            await self._say(held, *said)

    async def _say(self, held: Held, status: str, error: str | None) -> None:
        async with self._database.transaction(held.facility) as tx:
            await states.say(tx, held.facility, held.id, held.claim, status, error)
        held.status = status


def _number(held: Held, events: Sequence[Event], kind: str) -> int:
    """How many events there were when this notification was made: up to its last one."""
    if kind == "handshake":
        return 0
    return events[-1].number if events else held.events
