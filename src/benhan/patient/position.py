"""Her place in the queue: how many before her, how long. Told without a word about the others.

She may read her own ticket only; the order of the room is looked at by the service that stands behind the displays
of the hall, and kept for a few seconds for everybody who waits there.
"""

from __future__ import annotations

import time
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.hospital import queue
from benhan.hospital.queue_rules import expected_minutes
from benhan.hospital.visit import WAITING, id_of, ticket_number

KEPT_SECONDS: Final = 7.0


class Position(msgspec.Struct, frozen=True):
    """How many are called before her, in about how many minutes it is her turn, and whose number is inside."""

    ahead: int
    minutes: int
    inside: str = ""


class _Room(msgspec.Struct, frozen=True):
    order: tuple[str, ...]
    inside: str
    pace: float
    asked: float


_rooms: dict[tuple[int, str], _Room] = {}


async def position(tx: Transaction, facility: int, ticket: r4.Task) -> Position | None:
    """Her place now; None where she does not wait."""
    room = id_of(ticket.location)
    if ticket.status != WAITING or room is None or ticket.id is None:
        return None
    known = _rooms.get((facility, room))
    if known is None or known.asked + KEPT_SECONDS < time.monotonic() or ticket.id not in known.order:
        known = _rooms[facility, room] = await _look(tx, facility, room)
    if ticket.id not in known.order:
        return None
    ahead = known.order.index(ticket.id)
    return Position(ahead, expected_minutes(ahead, known.pace), known.inside)


async def _look(tx: Transaction, facility: int, room_id: str) -> _Room:
    behind = service(Role.DISPLAY, facility)
    room = await store.read(tx, behind, r4.Location, room_id)
    line = (await queue.lines(tx, behind, [room_id]))[room_id]
    pace = (await queue.paces(tx, behind, [room]))[room_id]
    inside = next((ticket_number(ticket) for ticket in [*line.serving, *line.called]), "")
    return _Room(tuple(ticket.id or "" for ticket in line.waiting), inside, pace, time.monotonic())
