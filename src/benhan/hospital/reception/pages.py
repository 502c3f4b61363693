"""Everything reception publishes: the desk, people's records, bookings, the queue."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor
from benhan.core.kit import pages
from benhan.hospital.reception import (
    pages_booking,
    pages_desk,
    pages_displays,
    pages_people,
    pages_queue,
    pages_rooms,
    pages_schedules,
)

pages.register("reception", "benhan.hospital.reception")

_ROOMS = (pages_people, pages_desk, pages_queue, pages_booking, pages_rooms, pages_schedules, pages_displays)
DOORS: list[Door | LiveDoor] = [door for room in _ROOMS for door in room.DOORS]
NAV = [
    item
    for room in (pages_desk, pages_queue, pages_booking, pages_schedules, pages_rooms, pages_people, pages_displays)
    for item in room.NAV
]
