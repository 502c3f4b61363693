"""The way to a room in words, as the house says it: "Tầng 2 nhà B: qua sảnh chính, rẽ phải".

Kept as the Location's description; shown wherever somebody is told to go there. It says nothing of anybody, so it is
read once a minute in each process for all who ask. Source: HL7 FHIR R4, Location.description ("helps in finding the
place"); issue 5, item 4.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.hospital.visit import id_of

#: Characters of a way: three lines on a telephone, two on a ticket.
MOST_WORDS: Final = 120
KEPT_SECONDS: Final = 60.0

_ways: dict[tuple[int, str], tuple[float, str]] = {}


async def ways(tx: Transaction, facility: int, rooms: Collection[str | None]) -> dict[str, str]:
    """The words of these rooms of a facility, by room id; "" where nobody has written any."""
    wanted, now = {room for room in rooms if room}, time.monotonic()
    stale = [room for room in wanted if _ways.get((facility, room), (0.0, ""))[0] <= now]
    if stale:
        found = await store.read_many(tx, service(Role.DISPLAY, facility), r4.Location, stale)
        for room in stale:
            place = found.get(room)
            _ways[facility, room] = now + KEPT_SECONDS, (place.description or "") if place else ""
    return {room: _ways[facility, room][1] for room in wanted}


async def way(tx: Transaction, facility: int, room: r4.Reference | None) -> str:
    """The words of one room; "" where there is none."""
    id_ = id_of(room)
    return (await ways(tx, facility, [id_]))[id_] if id_ else ""


def forget(facility: int) -> None:
    """Somebody has written other words: read them again."""
    for key in [one for one in _ways if one[0] == facility]:
        del _ways[key]
