"""Everything the ward publishes: map, boards, stays, rounds of vital signs, the daily sheet, rooms and beds."""

from __future__ import annotations

from benhan.core.access import Door
from benhan.core.kit import pages
from benhan.hospital import papers
from benhan.hospital.ward import (
    pages_beds,
    pages_board,
    pages_daily,
    pages_giving,
    pages_orders,
    pages_rounds,
    pages_stay,
    pages_walk,
)

pages.register("ward", "benhan.hospital.ward")

_ROOMS = (pages_board, pages_stay, pages_rounds, pages_walk, pages_giving, pages_daily, pages_orders, pages_beds)
DOORS: list[Door] = [door for room in _ROOMS for door in room.DOORS]
NAV = [*pages_board.NAV, *pages_beds.NAV]
PAPERS: dict[str, papers.Make] = {papers.DAILY_SHEET: pages_walk.paper}
TO_SIGN: dict[str, papers.MakeToSign] = {papers.DAILY_SHEET: pages_walk.to_sign}
