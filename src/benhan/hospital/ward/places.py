"""Wards, rooms and beds as Locations: read, made many at once, and the state of a bed (HL7 v2 table 0116)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.core.store.together import Write, write_all
from benhan.hospital import stay as words
from benhan.hospital.visit import concept, id_of, identifier

#: Beds of a department, and rooms and beds that are made at once.
MOST, MOST_MADE = "500", 200
#: What the state of a bed may be changed to by hand, from what: somebody is put into it by `moves` alone.
BY_HAND: Final = frozenset({words.FREE, words.TO_CLEAN, words.UNCLEAN, words.ISOLATED, words.SHUT})
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,15}")


class Bed(msgspec.Struct, frozen=True):
    """A bed, its state as written (U where nothing is)."""

    place: r4.Location
    state: str

    @property
    def id(self) -> str:
        """The id of its Location."""
        return self.place.id or ""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.place.name or self.id

    @property
    def room(self) -> str:
        """The id of its room."""
        return id_of(self.place.partOf) or ""

    @property
    def reference(self) -> r4.Reference:
        """How a stay names it."""
        return store.reference(self.place, self.name)


async def beds(tx: Transaction, who: Subject, department: str) -> list[Bed]:
    """The beds of a department in the order of their codes, as people count: 2 before 10."""
    asked = {
        "organization": f"Organization/{department}", "type": f"{systems.ROOM_TYPE}|{words.BED}", "status": "active",
        "_count": MOST,
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Location, asked)).resources
    return [bed(one) for one in sorted(found, key=_counted)]


def bed(place: r4.Location) -> Bed:
    """A Location as a bed."""
    said = place.operationalStatus.code if place.operationalStatus else None
    return Bed(place, said if said in words.BED_STATES else words.FREE)


async def read(tx: Transaction, who: Subject, id_: str) -> Bed:
    """One bed.

    Raises:
        NotFound; Invalid: the place is no bed.
    """
    place = await store.read(tx, who, r4.Location, id_)
    if not any(one.code == words.BED for kind in place.type or [] for one in kind.coding or []):
        raise Invalid(_("Nơi này không phải giường."), where="giuong")
    return bed(place)


async def put(tx: Transaction, who: Subject, one: Bed, state: str) -> Bed:
    """Write the state of a bed; the same state again changes nothing.

    Raises:
        VersionConflict: somebody else wrote it meanwhile.
    """
    changed = msgspec.structs.replace(one.place, operationalStatus=_state(state))
    behind = in_name_of(who, Role.WARD_SERVICE)
    return bed(await store.update(tx, behind, changed, if_match=version_of(one.place)))


async def mark(tx: Transaction, who: Subject, id_: str, state: str) -> Bed:
    """Somebody says what a bed is like: clean, contaminated, shut.

    Raises:
        Invalid: no such state; Conflict: somebody lies in it; NotFound.
    """
    if state not in BY_HAND:
        raise Invalid(_("Không có trạng thái giường này."), where="trang-thai")
    one = await read(tx, who, id_)
    if one.state == words.TAKEN:
        raise Conflict(_("Giường %(name)s đang có người.", name=one.name), where="giuong")
    return await put(tx, who, one, state)


async def make(
    tx: Transaction, who: Subject, department: r4.Organization, room: str, name: str, count: int, *, first: int = 1
) -> Sequence[Bed]:
    """A room with so many beds (or more beds in a room that is there), numbered from `first`; the ward comes along.

    Codes are of the facility: `K03-P301`, `K03-P301-G1`. What is there already is left as it is.

    Raises:
        Invalid: no such code, too many. Forbidden: as the store; only the administrator keeps places.
    """
    code = room.strip().upper()
    if not _CODE.fullmatch(code):
        raise Invalid(_("Mã buồng gồm chữ không dấu, số, dấu chấm, gạch ngang."), where="buong")
    if not 1 <= count <= MOST_MADE:
        raise Invalid(_("Mỗi lần thêm từ 1 tới %(n)s giường.", n=MOST_MADE), where="so-giuong")
    prefix = identifier(department, systems.DEPARTMENT_CODE) or (department.id or "")
    managed = store.reference(department, department.name)
    ward = _place(words.WARD, f"{prefix}-{words.WARD}", department.name or prefix, managed, None)
    inside = _place(words.ROOM, f"{prefix}-{code}", name or code, managed, _to(ward))
    wanted = [ward, inside]
    for number in range(first, first + count):
        one = _place(words.BED, f"{prefix}-{code}-G{number}", f"{code}-{number}", managed, _to(inside))
        wanted.append(msgspec.structs.replace(one, operationalStatus=_state(words.FREE)))
    there = await store.read_many(tx, who, r4.Location, [one.id for one in wanted])
    new = [one for one in wanted if one.id not in there]
    for outcome in await write_all(tx, who, [Write(one, new=True) for one in new]):
        if isinstance(outcome, Exception):
            raise outcome
    return [bed(one) for one in new if one.physicalType == words.physical(words.BED)]


def ward_id(department: str) -> str:
    """The id of the ward of a department that has beds."""
    return _id(department, words.WARD)


def _place(
    kind: str, code: str, name: str, managed: r4.Reference, inside: r4.Reference | None
) -> r4.Location:  # fmt: skip
    department = id_of(managed) or ""
    own = words.WARD if kind == words.WARD else code.lower()
    return r4.Location(
        id=_id(department, own), identifier=[r4.Identifier(system=systems.ROOM_CODE, value=code)], status="active",
        name=name, mode="instance", type=[concept(systems.ROOM_TYPE, kind)], physicalType=words.physical(kind),
        managingOrganization=managed, partOf=inside,
    )  # fmt: skip


def _id(department: str, own: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", f"{own}.{department}")[:64]


def _to(place: r4.Location) -> r4.Reference:
    return r4.Reference(reference=f"Location/{place.id}", display=place.name)


def _state(code: str) -> r4.Coding:
    display = {
        words.FREE: "Unoccupied", words.TAKEN: "Occupied", words.TO_CLEAN: "Housekeeping",
        words.UNCLEAN: "Contaminated", words.ISOLATED: "Isolated", words.SHUT: "Closed",
    }[code]  # fmt: skip
    return r4.Coding(system=systems.BED_STATUS, code=code, display=display)


def _counted(place: r4.Location) -> list[tuple[int, str]]:
    code = identifier(place, systems.ROOM_CODE) or place.name or ""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", code) if part]
