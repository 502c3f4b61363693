"""From an address as cards print it to the ward of today.

A CCCD says "Số 5, Phúc Xá, Ba Đình, Hà Nội": house, ward, district, province as they were when the card was
made, without "Phường" or "Quận". Since 01/07/2025 there are no districts and a third of the wards (NQ 202/2025/QH15).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import msgspec

from benhan.core.kit.codes.codelist import Code, CodeList
from benhan.core.kit.text import fold

#: No printed address is longer.
ADDRESS_LIMIT: Final = 300

_UNIT: Final = re.compile(
    r"^(?:thanh pho|thi tran|thi xa|dac khu|phuong|huyen|quan|tinh|tp|tt|tx|xa|[pqhx])\s+(?=\S)(?!\d+$)"
)
_NUMBERED: Final = re.compile(r"^(phuong|quan|p|q)\s*0*(\d+)$")


class Place(msgspec.Struct, frozen=True):
    """What of an address could be read: the wards of today that it may mean (the likeliest first), and the rest.

    `old` is the name of the old ward if the address was of before 01/07/2025.
    """

    street: str
    wards: tuple[Code, ...]
    old: str | None = None


class _Names(msgspec.Struct):
    today: dict[tuple[str, str], list[Code]]
    before: dict[tuple[str, str, str], list[Code]]


def place(address: str, wards: CodeList, before: CodeList) -> Place:
    """The ward of today in a written address; no wards where it cannot be told."""
    parts = [part.strip() for part in address[:ADDRESS_LIMIT].split(",") if part.strip()]
    bare = [_bare(part) for part in parts]
    names = _names(wards, before)
    if len(bare) >= 3 and (old := names.before.get((bare[-3], bare[-2], bare[-1]))):
        codes = dict.fromkeys(code for ward in old for code in ward["new"].split())
        found = tuple(ward for code in codes if (ward := wards.get(code)))
        return Place(", ".join(parts[:-3]), found, old[0].name)
    if len(bare) >= 2 and (now := names.today.get((bare[-2], bare[-1]))):
        return Place(", ".join(parts[:-2]), tuple(now))
    return Place(", ".join(parts), ())


def _bare(part: str) -> str:
    """The name of a unit without its kind, folded; numbered ones alike however they are written ("P.5")."""
    folded = fold(part)
    if numbered := _NUMBERED.fullmatch(folded):
        return numbered[2]
    name = _UNIT.sub("", folded)
    return _PROVINCES.get(name, name.lstrip("0") if name.isdigit() else name)


_PROVINCES: Final = {"hcm": "ho chi minh", "tphcm": "ho chi minh", "tp hcm": "ho chi minh", "hn": "ha noi"}


@cache
def _names(wards: CodeList, before: CodeList) -> _Names:
    names = _Names({}, {})
    for ward in wards:
        names.today.setdefault((_bare(ward.name), _bare(ward["province_name"])), []).append(ward)
    for old in before:
        parts = [_bare(part) for part in old.name.split(", ")]
        if len(parts) == 3:
            names.before.setdefault((parts[0], parts[1], parts[2]), []).append(old)
    return names
