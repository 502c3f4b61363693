"""Everything the ward publishes: the map, boards, stays, rounds of vital signs, rooms and beds."""

from __future__ import annotations

from benhan.core.access import Door
from benhan.core.kit import pages
from benhan.hospital.ward import pages_beds, pages_board, pages_rounds, pages_stay

pages.register("ward", "benhan.hospital.ward")

_ROOMS = (pages_board, pages_stay, pages_rounds, pages_beds)
DOORS: list[Door] = [door for room in _ROOMS for door in room.DOORS]
NAV = [*pages_board.NAV, *pages_beds.NAV]
