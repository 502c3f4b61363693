"""Her place in the queue: how many before her, how long. Told without a word about the others.

She may read her own ticket only; the order of the rooms is looked at by the service that stands behind the displays
of the hall, and kept for a few seconds for everybody who waits there.
"""

from __future__ import annotations

import time
from collections.abc import Collection
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
#: A wait that is longer or shorter by more than this (or a fifth) is another.
LEAST_MINUTES: Final = 3


class Position(msgspec.Struct, frozen=True):
    """How many are called before her, in about how many minutes it is her turn, and whose number is inside."""

    ahead: int
    minutes: int
    inside: str = ""


class _Room(msgspec.Struct, frozen=True):
    #: How many are before each ticket that waits.
    ahead: dict[str, int]
    inside: str
    pace: float
    asked: float


_rooms: dict[tuple[int, str], _Room] = {}


async def position(tx: Transaction, facility: int, ticket: r4.Task) -> Position | None:
    """Her place now; None where she does not wait."""
    room = id_of(ticket.location)
    if ticket.status != WAITING or room is None:
        return None
    known = _rooms.get((facility, room))
    if known is None or known.asked + KEPT_SECONDS < time.monotonic() or ticket.id not in known.ahead:
        await look(tx, facility, [room])
    return last_seen(facility, ticket)


def last_seen(facility: int, ticket: r4.Task) -> Position | None:
    """Her place when this process looked at the room last; None where she did not wait, or nobody has looked."""
    known = _rooms.get((facility, id_of(ticket.location) or ""))
    if ticket.status != WAITING or known is None or ticket.id not in known.ahead:
        return None
    ahead = known.ahead[ticket.id]
    return Position(ahead, expected_minutes(ahead, known.pace), known.inside)


def differs(told: Position | None, now: Position | None) -> bool:
    """Whether she should hear of it: her place moved, or the wait is quite another. Minutes are about so many anyway,
    and when a room's pace changes a little not everybody who waits there need ask again.
    """
    if told is None or now is None:
        return told != now
    if (told.ahead, told.inside) != (now.ahead, now.inside):
        return True
    return abs(now.minutes - told.minutes) > max(LEAST_MINUTES, told.minutes // 5)


async def look(tx: Transaction, facility: int, rooms: Collection[str]) -> None:
    """Look at the queues of some rooms of a facility, each by itself: one question gives so many tickets at most."""
    behind = service(Role.DISPLAY, facility)
    places = await store.read_many(tx, behind, r4.Location, rooms)
    paces = await queue.paces(tx, behind, list(places.values()))
    asked = time.monotonic()
    for room in places:
        line = (await queue.lines(tx, behind, [room]))[room]
        inside = next((ticket_number(ticket) for ticket in [*line.serving, *line.called]), "")
        ahead = {ticket.id or "": n for n, ticket in enumerate(line.waiting)}
        _rooms[facility, room] = _Room(ahead, inside, paces[room], asked)
