"""Wards and provinces as tiles: a picture of shares, and no map. No boundaries of today's wards are in the project.

Provinces stand about where they lie, wards in the order of their official codes, in which neighbours mostly follow each
other. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.province.rollout.figures import Count

#: From which share on a tile is how dark; anything above nothing is at least the second.
SHADES: Final = (0, 0, 25, 50, 80, 100)
#: Province (code of 2025) → (row, column), the north above. Ours, by eye; it says nothing of size or border.
PLACES: Final[dict[str, tuple[int, int]]] = {
    "12": (1, 1), "15": (1, 2), "08": (1, 3), "04": (1, 4),
    "11": (2, 1), "25": (2, 2), "19": (2, 3), "20": (2, 4),
    "14": (3, 1), "01": (3, 2), "24": (3, 3), "31": (3, 4), "22": (3, 5),
    "37": (4, 2), "33": (4, 3),
    "38": (5, 2),
    "40": (6, 2), "42": (6, 3),
    "44": (7, 3), "46": (7, 4),
    "48": (8, 4), "51": (8, 5),
    "52": (9, 5),
    "66": (10, 4), "56": (10, 5),
    "80": (11, 2), "75": (11, 3), "68": (11, 4),
    "91": (12, 1), "82": (12, 2), "79": (12, 3),
    "96": (13, 1), "92": (13, 2), "86": (13, 3),
}  # fmt: skip


class Tile(msgspec.Struct, frozen=True):
    """An area: its count, how dark (0…5), and where it stands (0, 0: one after the other)."""

    count: Count
    shade: int
    row: int = 0
    column: int = 0

    @property
    def short(self) -> str:
        """Its name without what all are called."""
        name = self.count.name
        for before in ("Thành phố ", "Tỉnh ", "Phường ", "Xã ", "Đặc khu "):
            name = name.removeprefix(before)
        return name


def tiles(areas: Sequence[Count]) -> list[Tile]:
    """The tiles of some areas: provinces in their places, wards by code; areas that are not known last."""
    known = [one for one in areas if one.code]
    if known and all(one.code in PLACES for one in known):
        made = [Tile(one, shade(one), *PLACES[one.code]) for one in known]
        return sorted(made, key=lambda one: (one.row, one.column))
    rest = [one for one in areas if not one.code]
    return [Tile(one, shade(one)) for one in [*sorted(known, key=lambda one: one.code), *rest]]


def shade(one: Count) -> int:
    """How dark: by the share that is paperless."""
    percent = 100 * one.done / one.n if one.n else 0
    if not one.done:
        return 0
    return max(at for at, least in enumerate(SHADES) if percent >= least)
