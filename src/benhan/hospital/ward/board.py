"""What a ward sees: a department's rooms with who lies in which bed, who waits, who comes; and the house as a map.

A department is drawn from its own stays and beds. The map counts, it reads no stay: a house of 2,400 beds costs two
questions (`core.store.counting`).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.counting import ByToken, reference_key, tally, token_key
from benhan.core.store.records import version_of
from benhan.hospital import admission
from benhan.hospital import stay as words
from benhan.hospital.visit import code_of, full_name, id_of, identifier
from benhan.hospital.ward import moves, places, scoring, transfers, written
from benhan.hospital.ward.places import Bed
from benhan.hospital.ward.scoring import Warned
from benhan.hospital.ward.written import Written

#: Stays of a department that a board shows.
MOST: Final = "600"


class Lying(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on the board."""

    stay: str
    version: str
    number: str
    patient: str
    name: str
    facts: list[str]
    reason: str
    state: str
    bed: str
    day: int
    urgency: str = ""
    since: datetime | None = None
    awaited: datetime | None = None
    doctor: str = ""
    going: str = ""
    warned: Warned | None = None
    written: Written | None = None


class Place(msgspec.Struct, frozen=True):
    """A bed and who has it."""

    bed: Bed
    person: Lying | None = None


class Room(msgspec.Struct):
    """A room and its beds."""

    id: str
    name: str
    places: list[Place] = []


class Coming(msgspec.Struct, frozen=True):
    """Somebody whom another department wants to hand over."""

    task: r4.Task
    person: Lying
    source: str


class Board(msgspec.Struct, kw_only=True):
    """A department."""

    department: r4.Organization
    rooms: list[Room]
    waiting: list[Lying]
    coming: list[Coming]
    calls: list[tuple[r4.Task, Lying]] = []

    @property
    def name(self) -> str:
        """What it is called."""
        return self.department.name or ""

    @property
    def beds(self) -> list[Bed]:
        """All its beds."""
        return [place.bed for room in self.rooms for place in room.places]

    @property
    def people(self) -> list[Lying]:
        """Who lies in them."""
        return [place.person for room in self.rooms for place in room.places if place.person]

    @property
    def free(self) -> list[Bed]:
        """Those that take somebody."""
        return [one for one in self.beds if one.state in words.READY]


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A department on the map of the house: beds by state, and who waits."""

    id: str
    name: str
    states: dict[str, int]
    waiting: int

    @property
    def beds(self) -> int:
        """How many beds it has."""
        return sum(self.states.values())

    @property
    def taken(self) -> int:
        """How many have somebody."""
        return self.states.get(words.TAKEN, 0)

    @property
    def free(self) -> int:
        """How many take somebody now."""
        return sum(self.states.get(one, 0) for one in words.READY)

    @property
    def percent(self) -> int:
        """Occupancy of the beds that are not shut."""
        open_ = self.beds - self.states.get(words.SHUT, 0)
        return round(100 * self.taken / open_) if open_ else 0


async def house(tx: Transaction, who: Subject) -> list[Share]:
    """Every department that has beds or awaits somebody, by name. A bed whose record names no state is not counted."""
    asked = {"type": f"{systems.ROOM_TYPE}|{words.BED}", "status": "active"}
    beds = await tally(tx, who, r4.Location, asked, ByToken("organization"), ByToken("operational-status"))
    waits = {"class": words.INPATIENT, "status": words.WAITING}
    waiting = await tally(tx, who, r4.Encounter, waits, ByToken("service-provider"))
    states = {token_key(systems.BED_STATUS, code): code for code in words.BED_STATES}
    found = []
    for one in await departments(tx, who):
        key = reference_key(f"Organization/{one.id}")
        counted = {states[state]: n for (at, state), n in beds.items() if at == key and state in states}
        if counted or (key,) in waiting:
            share = Share(id=one.id or "", name=one.name or "", states=counted, waiting=waiting.get((key,), 0))
            found.append(share)
    return found


async def departments(tx: Transaction, who: Subject) -> list[r4.Organization]:
    """The departments of the house, by name."""
    asked = {"partof:missing": "false", "_count": "500"}
    found = (await store.search(tx, who, r4.Organization, asked)).resources
    return sorted(found, key=lambda one: one.name or "")


async def of_department(tx: Transaction, who: Subject, id_: str) -> Board:
    """A department now.

    Raises:
        NotFound: there is none.
    """
    department = await store.read(tx, who, r4.Organization, id_)
    beds, stays = await places.beds(tx, who, id_), await stays_of(tx, who, id_)
    coming = await transfers.to_department(tx, who, id_)
    strangers = await store.read_many(tx, who, r4.Encounter, [id_of(one.focus) for one in coming])
    people = await lying(tx, who, [*stays, *strangers.values()])
    holders = {person.bed: person for stay, person in zip(stays, people, strict=False) if person.bed}
    by_id = {person.stay: person for person in people}
    return Board(
        department=department, rooms=_rooms(beds, holders),
        waiting=sorted((one for one in people[: len(stays)] if not one.bed), key=_urgent),
        coming=[
            Coming(task, by_id[at], words.department_name(strangers[at]))
            for task in coming
            if (at := id_of(task.focus) or "") in by_id
        ],
        calls=[
            (task, by_id[at])
            for task in await scoring.calls(tx, who, id_)
            if (at := id_of(task.focus) or "") in by_id
        ],
    )  # fmt: skip


async def stays_of(tx: Transaction, who: Subject, department: str) -> list[r4.Encounter]:
    """The stays of a department that have not ended."""
    asked = {
        "service-provider": f"Organization/{department}", "class": words.INPATIENT, "status": ",".join(words.OPEN),
        "_count": MOST,
    }  # fmt: skip
    return (await store.search(tx, who, r4.Encounter, asked)).resources


async def lying(tx: Transaction, who: Subject, stays: list[r4.Encounter]) -> list[Lying]:
    """These stays as a board shows them, in their order."""
    people = await store.read_many(tx, who, r4.Patient, {id_of(one.subject) or "" for one in stays})
    ids = [one.id or "" for one in stays]
    going, warned = await _going(tx, who, ids), await scoring.latest(tx, who, ids)
    sheets, today = await written.of_stays(tx, who, stays), clock.today()
    found = [_lying(one, people.get(id_of(one.subject) or ""), today, going, warned) for one in stays]
    return [msgspec.structs.replace(one, written=sheets.get(one.stay)) for one in found]


async def _going(tx: Transaction, who: Subject, stays: list[str]) -> dict[str, str]:
    """Where those are asked to go of whom a department handed over is asked, by stay."""
    if not stays:
        return {}
    asked = {
        "focus": ",".join(f"Encounter/{one}" for one in stays), "code": f"{systems.STAY}|{transfers.CODE}",
        "status": transfers.ASKED, "_count": "200",
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Task, asked)).resources
    return {id_of(one.focus) or "": (one.owner.display or "") if one.owner else "" for one in found}


def _lying(
    stay: r4.Encounter, person: r4.Patient | None, today: date, going: dict[str, str], warned: dict[str, Warned]
) -> Lying:
    sex = {"female": _("Nữ"), "male": _("Nam")}.get((person.gender or "") if person else "", "")
    age = clock.age(person.birthDate, today) if person else ""
    return Lying(
        stay=stay.id or "", version=version_of(stay) or "", number=identifier(stay, systems.VISIT_NUMBER) or "",
        patient=id_of(stay.subject) or "", name=full_name(person) if person else _("Hồ sơ không mở được"),
        facts=[one for one in (sex, age) if one], reason=reason(stay), state=stay.status or "",
        bed=words.bed(stay) or "", day=words.days(stay, today), urgency=code_of(stay.priority) or "",
        since=admission.asked_at(stay) if stay.status == words.WAITING else words.began(stay),
        awaited=moves.awaited(stay), doctor=words.attending(stay), going=going.get(stay.id or "", ""),
        warned=warned.get(stay.id or ""),
    )  # fmt: skip


def reason(stay: r4.Encounter) -> str:
    """Why she is here."""
    return "; ".join(one.text or "" for one in stay.reasonCode or [] if one.text)


def _rooms(beds: list[Bed], holders: dict[str, Lying]) -> list[Room]:
    rooms: dict[str, Room] = {}
    for bed in beds:
        name = (bed.place.partOf.display or "") if bed.place.partOf else ""
        rooms.setdefault(bed.room, Room(bed.room, name)).places.append(Place(bed, holders.get(bed.id)))
    return list(rooms.values())


def _urgent(one: Lying) -> tuple[int, str]:
    order = list(admission.URGENCIES)
    rank = order.index(one.urgency) if one.urgency in order else len(order)
    return (rank, one.since.isoformat() if one.since else "")
