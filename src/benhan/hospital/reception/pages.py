"""Everything reception publishes: the desk, people's records, bookings, the queue."""

from __future__ import annotations

from benhan.core.access import Door, LiveDoor
from benhan.core.kit import pages
from benhan.hospital.reception import pages_desk, pages_people

pages.register("reception", "benhan.hospital.reception")

DOORS: list[Door | LiveDoor] = [*pages_people.DOORS, *pages_desk.DOORS]
NAV = [*pages_desk.NAV, *pages_people.NAV]
