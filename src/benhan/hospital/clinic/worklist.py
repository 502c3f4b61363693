"""The doctor's room: who waits, who is being seen, which results came, which visits still need her signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import age, minutes_between, now, today
from benhan.core.language import _
from benhan.hospital import queue
from benhan.hospital.clinic.consultation import IN_PROGRESS
from benhan.hospital.ordering import live
from benhan.hospital.queue_rules import issued
from benhan.hospital.visit import (
    CLINIC,
    EMERGENCY,
    PRIORITY_GROUPS,
    code_of,
    display_of,
    full_name,
    id_of,
    moment,
    state_began,
    ticket_number,
)

#: Waiting tickets that are listed; the rest are counted.
SHOWN = 40
#: Visits of mine that are open at once, at most.
OPEN_VISITS = "60"
REPORTED = "final,amended,corrected,preliminary"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket as a row."""

    ticket: str
    version: str
    number: str
    state: str
    visit: str
    name: str
    facts: str = ""
    group: str = ""
    reason: str = ""
    minutes: int = 0
    since: datetime | None = None


class Open(msgspec.Struct, frozen=True, kw_only=True):
    """A visit of mine that is not signed yet."""

    visit: str
    name: str
    facts: str
    began: datetime | None
    ordered: int
    ready: int
    main: str
    new: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A report that came for one of my open visits."""

    visit: str
    name: str
    title: str
    at: datetime | None
    preliminary: bool


class Room(msgspec.Struct, frozen=True):
    """A room that can be chosen."""

    id: str
    name: str
    department: str
    waiting: int = 0


class Board(msgspec.Struct, kw_only=True):
    """Everything `/kham` shows."""

    rooms: list[Room]
    room: Room | None
    waiting: list[Waiting] = []
    called: list[Waiting] = []
    serving: list[Waiting] = []
    skipped: list[Waiting] = []
    more: int = 0
    open: list[Open] = []
    results: list[Result] = []


async def board(tx: Transaction, who: Subject, room_id: str | None) -> Board:
    """The list of a room (the chosen one, or the one where the doctor usually works) and her own open visits."""
    locations = await _rooms(tx, who)
    chosen = room_id if any(one.id == room_id for one in locations) else await _usual_room(tx, who, locations)
    wanted = [chosen] if chosen else [one.id or "" for one in locations]
    lines = await queue.lines(tx, who, wanted)
    rooms = [_room(one, lines) for one in locations]
    found = Board(rooms=rooms, room=next((one for one in rooms if one.id == chosen), None))
    if chosen:
        await _fill(tx, who, found, lines[chosen])
    found.open, found.results = await _mine(tx, who)
    return found


async def next_patients(tx: Transaction, who: Subject, room_id: str | None, most: int = 4) -> list[Waiting]:
    """Who comes next in a room."""
    if not room_id:
        return []
    tickets = (await queue.waiting(tx, who, [room_id]))[:most]
    return await _rows(tx, who, tickets)


async def usual_room(tx: Transaction, who: Subject) -> str | None:
    """The room where this doctor works, by her role at the facility."""
    return await _usual_room(tx, who, None)


async def _rooms(tx: Transaction, who: Subject) -> list[r4.Location]:
    kinds = f"{systems.ROOM_TYPE}|{CLINIC},{systems.ROOM_TYPE}|{EMERGENCY}"
    page = await store.search(tx, who, r4.Location, {"type": kinds, "status": "active", "_count": "200"})
    return sorted(page.resources, key=lambda one: _natural(one.name or ""))


async def _usual_room(tx: Transaction, who: Subject, among: Sequence[r4.Location] | None) -> str | None:
    if not who.practitioner:
        return None
    role = await store.first(
        tx, who, r4.PractitionerRole, {"practitioner": f"Practitioner/{who.practitioner}", "location:missing": "false"}
    )
    room = next((id_of(one) for one in (role.location or []) if one), None) if role else None
    return room if among is None or any(one.id == room for one in among) else None


async def _fill(tx: Transaction, who: Subject, found: Board, line: queue.Line) -> None:
    shown = line.waiting[:SHOWN]
    found.more = len(line.waiting) - len(shown)
    rows = {
        row.ticket: row for row in await _rows(tx, who, [*line.serving, *line.called, *shown, *line.skipped[:SHOWN]])
    }
    for name, tickets in (
        ("waiting", shown), ("called", line.called), ("serving", line.serving), ("skipped", line.skipped),
    ):  # fmt: skip
        setattr(found, name, [rows[one.id] for one in tickets if one.id in rows])


async def _rows(tx: Transaction, who: Subject, tickets: Sequence[r4.Task]) -> list[Waiting]:
    patients = await store.read_many(tx, who, r4.Patient, [id_of(one.for_) for one in tickets])
    visits = await store.read_many(tx, who, r4.Encounter, [id_of(one.encounter) for one in tickets])
    return [_row(one, patients.get(id_of(one.for_) or ""), visits.get(id_of(one.encounter) or "")) for one in tickets]


def _row(ticket: r4.Task, patient: r4.Patient | None, visit: r4.Encounter | None) -> Waiting:
    group = code_of(ticket.reasonCode, systems.PRIORITY_GROUP) or ""
    since = issued(ticket)
    return Waiting(
        ticket=ticket.id or "",
        version=(ticket.meta.versionId or "") if ticket.meta else "",
        number=ticket_number(ticket),
        state=ticket.status or "",
        visit=id_of(ticket.encounter) or "",
        name=full_name(patient) if patient else ((ticket.for_.display if ticket.for_ else "") or ""),
        facts=facts(patient) if patient else "",
        group=_(PRIORITY_GROUPS[group]) if group in PRIORITY_GROUPS else "",
        reason=reason(visit),
        minutes=minutes_between(since, now()),
        since=since,
    )


async def _mine(tx: Transaction, who: Subject) -> tuple[list[Open], list[Result]]:
    """My visits in progress, with what was ordered and what came back."""
    if not who.practitioner:
        return [], []
    params = {"participant": f"Practitioner/{who.practitioner}", "status": IN_PROGRESS, "_sort": "-date"}
    visits = (await store.search(tx, who, r4.Encounter, {**params, "_count": OPEN_VISITS})).resources
    if not visits:
        return [], []
    about = ",".join(f"Encounter/{one.id}" for one in visits)
    orders = await store.search(tx, who, r4.ServiceRequest, {"encounter": about, "_count": "400"})
    reports = await store.search(
        tx, who, r4.DiagnosticReport, {"encounter": about, "status": REPORTED, "_sort": "-issued", "_count": "200"}
    )
    patients = await store.read_many(tx, who, r4.Patient, [id_of(one.subject) for one in visits])
    by_visit = {one.id: one for one in visits}
    results = [_result(one, patients, by_visit) for one in reports.resources]
    return [_open(one, patients, orders.resources, reports.resources) for one in visits], results[:20]


def _open(
    visit: r4.Encounter,
    patients: Mapping[str, r4.Patient],
    orders: Sequence[r4.ServiceRequest],
    reports: Sequence[r4.DiagnosticReport],
) -> Open:
    patient = patients.get(id_of(visit.subject) or "")
    mine = [one for one in live(orders) if id_of(one.encounter) == visit.id]
    back = [one for one in reports if id_of(one.encounter) == visit.id and one.status != "preliminary"]
    main = next((one.condition.display or "" for one in visit.diagnosis or [] if one.rank == 1), "")
    done = {id_of(basis) for report in back for basis in report.basedOn or []}
    return Open(
        visit=visit.id or "",
        name=full_name(patient) if patient else "",
        facts=facts(patient) if patient else "",
        began=state_began(visit, IN_PROGRESS),
        ordered=len(mine),
        ready=sum(one.id in done or one.status == "completed" for one in mine),
        main=main,
        new=bool(back),
    )


def _result(
    report: r4.DiagnosticReport, patients: Mapping[str, r4.Patient], visits: Mapping[str | None, r4.Encounter]
) -> Result:
    visit = visits.get(id_of(report.encounter))
    patient = patients.get(id_of(visit.subject) or "") if visit else None
    return Result(
        visit=id_of(report.encounter) or "",
        name=full_name(patient) if patient else "",
        title=display_of(report.code),
        at=moment(report.issued or report.effectiveDateTime),
        preliminary=report.status == "preliminary",
    )


def _room(location: r4.Location, lines: Mapping[str, queue.Line]) -> Room:
    department = (location.managingOrganization.display or "") if location.managingOrganization else ""
    line = lines.get(location.id or "")
    return Room(location.id or "", location.name or "", department, len(line.waiting) if line else 0)


def facts(patient: r4.Patient) -> str:
    """Sex and age in a word: "Nữ · 46 tuổi"."""
    sex = {"female": _("Nữ"), "male": _("Nam")}.get(patient.gender or "", "")
    return " · ".join(part for part in (sex, age(patient.birthDate, today())) if part)


def reason(visit: r4.Encounter | None) -> str:
    """Why the person came, as reception wrote it."""
    return next((text for one in (visit.reasonCode or []) if (text := display_of(one))), "") if visit else ""


def _natural(name: str) -> list[tuple[int, str]]:
    """ "Phòng khám 2" before "Phòng khám 10"."""
    return [(int(word), "") if word.isdigit() else (0, word) for word in name.split()]
