"""Rooms that receive people, who examines there, and how many wait."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import today
from benhan.core.kit.text import fold
from benhan.core.store.counting import reference_key
from benhan.core.store.records import permit
from benhan.hospital.reception.figures import waiting_by_room
from benhan.hospital.visit import CLINIC, EMERGENCY, code_of, id_of, identifier

KINDS: Final = (CLINIC, EMERGENCY)
#: A room that is opened or closed is seen at the desk after so long.
HOUSE_SECONDS: Final = 60.0


class Room(msgspec.Struct, frozen=True):
    """A room somebody can be sent to. `short` is its code as the board shows it: "PK 3"."""

    place: r4.Location
    short: str
    name: str
    kind: str
    department: str | None
    specialty: r4.CodeableConcept | None
    doctors: tuple[str, ...] = ()
    waiting: int = 0

    @property
    def id(self) -> str:
        """The id of its Location."""
        return self.place.id or ""

    @property
    def specialty_code(self) -> str:
        """The code of its specialty; "" where it has none."""
        return code_of(self.specialty) or ""

    @property
    def specialty_name(self) -> str:
        """The name of its specialty, else its own."""
        return (self.specialty.text if self.specialty else None) or self.name


_houses: dict[int, tuple[float, list[Room]]] = {}


async def open_rooms(tx: Transaction, who: Subject) -> list[Room]:
    """All rooms of the facility that examine people, in the order of their codes, emergency last; and who waits.

    The house itself is asked of the store once a minute in each process; how many wait, each time.
    """
    permit(who, Interaction.SEARCH, "Location")  # also where the rooms are remembered
    waiting = await waiting_by_room(tx, who, today())
    kept = _houses.get(who.facility)
    if kept is None or kept[0] < time.monotonic():
        kept = (time.monotonic() + HOUSE_SECONDS, await _house(tx, who))
        _houses[who.facility] = kept
    waits = {room.id: waiting.get(reference_key(f"Location/{room.id}"), 0) for room in kept[1]}
    return [msgspec.structs.replace(room, waiting=waits[room.id]) for room in kept[1]]


async def _house(tx: Transaction, who: Subject) -> list[Room]:
    kinds = ",".join(f"{systems.ROOM_TYPE}|{kind}" for kind in KINDS)
    places = await store.search(tx, who, r4.Location, {"status": "active", "type": kinds, "_count": "200"})
    services = await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})
    roles = await store.search(tx, who, r4.PractitionerRole, {"active": "true", "_count": "500"})
    specialties = {
        id_of(place): next(iter(service.specialty or []), None)
        for service in services.resources
        for place in service.location or []
    }
    doctors: dict[str | None, list[str]] = {}
    for role in roles.resources:
        if code_of(role.code[0] if role.code else None) == "doctor" and role.practitioner:
            for place in role.location or []:
                doctors.setdefault(id_of(place), []).append(role.practitioner.display or "")
    rooms = [_room(place, specialties, doctors) for place in places.resources]
    return sorted(rooms, key=lambda room: (room.kind == EMERGENCY, room.short.split()[0], _number(room.short)))


def default_room(rooms: Sequence[Room], *, booked: str | None, specialty: str | None) -> Room | None:
    """The room of the booking; else, of the rooms of the specialty, the one where fewest wait.

    Nobody is sent to the emergency room by default. Without a specialty the first room's is taken.
    """
    for room in rooms:
        if room.id == booked:
            return room
    clinics = [room for room in rooms if room.kind == CLINIC]
    wanted = specialty or _general(clinics)
    fitting = [room for room in clinics if room.specialty_code == wanted] or clinics
    return min(fitting, key=lambda room: room.waiting, default=None)


def _general(rooms: Sequence[Room]) -> str:
    """The specialty that takes everybody: internal medicine where there is one, else the first room's."""
    general = [room for room in rooms if fold(room.specialty_name).startswith("noi tong")]
    return next((room.specialty_code for room in [*general, *rooms]), "")


def _room(
    place: r4.Location,
    specialties: Mapping[str | None, r4.CodeableConcept | None],
    doctors: Mapping[str | None, Sequence[str]],
) -> Room:
    code = identifier(place, systems.ROOM_CODE) or place.name or ""
    kind = next((kind for kind in KINDS for one in place.type or [] if code_of(one) == kind), CLINIC)
    return Room(
        place=place,
        short=_short(code),
        name=place.name or code,
        kind=kind,
        department=place.managingOrganization.reference if place.managingOrganization else None,
        specialty=specialties.get(place.id),
        doctors=tuple(doctors.get(place.id, ())),
    )


def _short(code: str) -> str:
    """ "PK03" → "PK 3": as people say it."""
    letters = code.rstrip("0123456789")
    digits = code[len(letters) :].lstrip("0")
    return f"{letters.strip()} {digits}".strip() if letters else code


def _number(short: str) -> int:
    last = short.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
