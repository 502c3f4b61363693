"""Orders as laboratory and imaging see them: who waits for what today, which ticket is whose, what is done.

The clinic writes a `ServiceRequest` for each service and issues a ticket (`Task`) for a room; the two meet here.
A department reads its work list with `board`, and closes an order with `complete` in the transaction of its result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, codes
from benhan.core.kit.text import fold, name_matches
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.core.store.search import count
from benhan.hospital import queue
from benhan.hospital.queue_rules import CANCELLED, ROUTINE, in_order, issued, queue_begins
from benhan.hospital.visit import (
    CALLED,
    DONE,
    PRIORITY_GROUPS,
    SERVED,
    SKIPPED,
    WAITING,
    code_of,
    display_of,
    full_name,
    id_of,
    identifier,
    moment,
    ticket_number,
)

#: Orders of a day that are read at once, and visits that are listed; the rest is found by searching.
OPEN_MOST, DONE_MOST, ROWS_MOST = "400", "120", 60
SEXES: Final = {"male": later("Nam"), "female": later("Nữ"), "other": later("Khác")}

#: Where a visit stands on the work list.
PENDING, ASKED, RUNNING, LAID_ASIDE, FINISHED = "cho", "goi", "lam", "bo-qua", "xong"
STATES: Final = {
    PENDING: later("Đang chờ"),
    ASKED: later("Đã gọi"),
    RUNNING: later("Đang làm"),
    LAID_ASIDE: later("Bỏ qua"),
    FINISHED: later("Đã xong"),
}
_BY_TICKET: Final = {WAITING: PENDING, CALLED: ASKED, SERVED: RUNNING, DONE: RUNNING, SKIPPED: LAID_ASIDE}
#: Who stands first on the list: called, then waiting, then those whose result is still to come.
_RANK: Final = {ASKED: 0, PENDING: 1, RUNNING: 2, LAID_ASIDE: 3, FINISHED: 4}
_URGENT: Final = frozenset({"urgent", "asap", "stat"})


class Place(NamedTuple):
    """A room of the department: what it is called and which machines (DICOM words) stand in it."""

    id: str
    name: str
    machines: frozenset[str]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A visit on the work list, with its orders that belong to one ticket."""

    visit: str
    name: str
    facts: str
    number: str
    ticket: str
    room: str
    room_name: str
    state: str
    urgent: bool
    group: str
    since: datetime | None
    orders: list[r4.ServiceRequest]

    @property
    def ready(self) -> int:
        """How many of the orders have their result."""
        return sum(one.status == "completed" for one in self.orders)

    @property
    def minutes(self) -> int:
        """Minutes since the ticket was given."""
        return clock.minutes_between(self.since, clock.now()) if self.since else 0


class Board(msgspec.Struct, kw_only=True):
    """The work list: what is shown, and how many there are of each state."""

    rooms: list[Place]
    rows: list[Row]
    counts: dict[str, int]
    done_orders: int
    open_orders: int
    more: int = 0

    @property
    def share_done(self) -> int:
        """Percent of today's orders that have their result."""
        return round(100 * self.done_orders / max(1, self.done_orders + self.open_orders))


async def board(
    tx: Transaction, who: Subject, kind: str, *, room: str = "", state: str = "", query: str = "", most: int = ROWS_MOST
) -> Board:
    """Today's work of a department (`kind`: laboratory or imaging), filtered; six searches whatever the length.

    `state` is one of STATES or "" for everything still open; `query` a name, ticket, order or patient number.
    """
    places = await rooms(tx, who, kind)
    begins = queue_begins(clock.now()).isoformat(timespec="seconds")
    today = {"category": f"{systems.OBSERVATION_CATEGORY}|{kind}", "authored": f"ge{begins}", "_sort": "-authored"}
    page = await store.search(tx, who, r4.ServiceRequest, {**today, "status": "active,on-hold", "_count": OPEN_MOST})
    found, done = list(page.resources), await count(tx, who, r4.ServiceRequest, {**today, "status": "completed"})
    if state == FINISHED or query:
        done_page = await store.search(
            tx, who, r4.ServiceRequest, {**today, "status": "completed", "_count": DONE_MOST}
        )
        found += done_page.resources
    rows = await _rows(tx, who, found, places)
    counts = {one: sum(row.state == one for row in rows) for one in STATES}
    rows = await _named(tx, who, rows) if query else rows
    wanted = [row for row in rows if _wanted(row, room, state, query)]
    shown = wanted[:most] if query else await _named(tx, who, wanted[:most])
    return Board(
        rooms=list(places.values()), rows=shown, counts=counts, done_orders=done, open_orders=len(page.resources),
        more=max(0, len(wanted) - most),
    )  # fmt: skip


async def rooms(tx: Transaction, who: Subject, kind: str) -> dict[str, Place]:
    """The rooms of a department by id, in the order of their names."""
    params = {"type": f"{systems.ROOM_TYPE}|{kind}", "status": "active", "_count": "100"}
    page = await store.search(tx, who, r4.Location, params)
    return {
        one.id or "": Place(one.id or "", one.name or "", frozenset(_machines(one)))
        for one in sorted(page.resources, key=lambda room: room.name or "")
    }


async def tickets_of(
    tx: Transaction, who: Subject, visits: Iterable[str | None], places: Mapping[str, Place]
) -> list[r4.Task]:
    """The tickets of these visits for these rooms that were not cancelled."""
    wanted = sorted({f"Encounter/{visit}" for visit in visits if visit})
    if not wanted or not places:
        return []
    here = ",".join(f"Location/{room}" for room in places)
    page = await store.search(tx, who, r4.Task, {"encounter": ",".join(wanted), "location": here, "_count": "1000"})
    return [one for one in page.resources if code_of(one.code) == "ticket" and one.status != CANCELLED]


def ticket_for(order: r4.ServiceRequest, tickets: Iterable[r4.Task], places: Mapping[str, Place]) -> r4.Task | None:
    """The ticket under which an order is done: of its visit, in a room with its machine, the newest."""
    service = codes.services().get(code_of(order.code, systems.SERVICES) or "")
    modality = service["modality"] if service else ""

    def fit(ticket: r4.Task) -> tuple[bool, bool, str]:
        machines = places[id_of(ticket.location) or ""].machines
        return bool(modality) and modality in machines, not machines, ticket.authoredOn or ""

    mine = [one for one in tickets if id_of(one.encounter) == id_of(order.encounter)]
    return max(mine, key=fit, default=None)


def state_of(orders: Sequence[r4.ServiceRequest], ticket: r4.Task | None) -> str:
    """Where the orders of one ticket stand: one of STATES."""
    if all(one.status == "completed" for one in orders):
        return FINISHED
    return _BY_TICKET.get(ticket.status or "", RUNNING) if ticket else PENDING


def is_urgent(order: r4.ServiceRequest) -> bool:
    """Whether the doctor wants it first."""
    return order.priority in _URGENT


def in_time(order: r4.ServiceRequest) -> tuple[str, str]:
    """For sorting: as the doctor ordered them."""
    return order.authoredOn or "", identifier(order, systems.ORDER_NUMBER) or order.id or ""


def title(order: r4.ServiceRequest) -> str:
    """What was ordered, as it is read."""
    return display_of(order.code)


def facts(patient: r4.Patient | None) -> str:
    """Sex, age and number in a line: "Nữ · 46 tuổi · SH-26-000123"."""
    if patient is None:
        return ""
    sex = SEXES.get(patient.gender or "")
    age = clock.age(patient.birthDate, clock.today())
    number = identifier(patient, systems.PATIENT_NUMBER)
    return " · ".join(part for part in (_(sex) if sex else "", age, number or "") if part)


def writer(who: Subject) -> r4.Reference:
    """Who did it, as a record names her."""
    reference = f"Practitioner/{who.practitioner}" if who.practitioner else None
    return r4.Reference(reference=reference, display=who.name or who.account)


async def complete(
    tx: Transaction, who: Subject, done: Sequence[r4.ServiceRequest], of_visit: Sequence[r4.ServiceRequest]
) -> None:
    """Orders have their results: close them, and the tickets under which nothing is left to do.

    `of_visit` are all orders of the visit for this department. Closing twice changes nothing.

    Raises:
        VersionConflict: an order changed since it was read (taken back by the doctor).
    """
    ids = {one.id for one in done}
    for order in done:
        if order.status != "completed":
            closed = msgspec.structs.replace(order, status="completed")
            await store.update(tx, who, closed, if_match=version_of(order))
    kind = next((code_of(one) for order in done for one in order.category or []), None)
    places = await rooms(tx, who, kind or "")
    tickets = await tickets_of(tx, who, {id_of(one.encounter) for one in done}, places)
    left = [one for one in of_visit if one.status == "active" and one.id not in ids]
    busy = {found.id for one in left if (found := ticket_for(one, tickets, places))}
    held = [found for one in done if (found := ticket_for(one, tickets, places))]
    mine = {found.id: found for found in (held if left else tickets)}
    for id_, ticket in mine.items():
        if id_ not in busy and ticket.status != DONE:
            begun = ticket if ticket.status in (SERVED, CALLED) else await queue.start(tx, who, ticket)
            await queue.finish(tx, who, begun)


async def _rows(
    tx: Transaction, who: Subject, orders: Sequence[r4.ServiceRequest], places: Mapping[str, Place]
) -> list[Row]:
    """Orders gathered by visit and ticket, in the order in which they are worked off."""
    tickets = await tickets_of(tx, who, {id_of(one.encounter) for one in orders}, places)
    groups: dict[tuple[str, str], list[r4.ServiceRequest]] = {}
    held: dict[str, r4.Task] = {}
    by_visit: dict[str, list[r4.Task]] = {}
    for ticket in tickets:
        by_visit.setdefault(id_of(ticket.encounter) or "", []).append(ticket)
    for order in sorted(orders, key=in_time):
        visit = id_of(order.encounter) or ""
        found = ticket_for(order, by_visit.get(visit, ()), places)
        key = found.id or "" if found else ""
        if found:
            held[key] = found
        groups.setdefault((visit, key), []).append(order)
    rows = [_row(visit, mine, held.get(key), places) for (visit, key), mine in groups.items()]
    places_in_line = {one.id: at for at, one in enumerate(in_order(held.values(), clock.now()))}
    return sorted(rows, key=lambda row: (_RANK[row.state], places_in_line.get(row.ticket, len(rows)), row.number))


async def _named(tx: Transaction, who: Subject, rows: Sequence[Row]) -> list[Row]:
    """The rows with who they are about, of whom more is read than the order says: only where it is shown or asked."""
    patients = await store.read_many(tx, who, r4.Patient, {id_of(row.orders[0].subject) for row in rows})
    known = [(row, patients.get(id_of(row.orders[0].subject) or "")) for row in rows]
    return [
        msgspec.structs.replace(row, name=full_name(patient), facts=facts(patient)) if patient else row
        for row, patient in known
    ]


def _row(visit: str, orders: list[r4.ServiceRequest], ticket: r4.Task | None, places: Mapping[str, Place]) -> Row:
    room = (id_of(ticket.location) or "") if ticket else ""
    group = code_of(ticket.reasonCode, systems.PRIORITY_GROUP) if ticket else None
    return Row(
        visit=visit,
        name=orders[0].subject.display or _("Chưa rõ tên"),
        facts="",
        number=ticket_number(ticket) if ticket else "",
        ticket=(ticket.id or "") if ticket else "",
        room=room,
        room_name=places[room].name if room in places else "",
        state=state_of(orders, ticket),
        urgent=any(map(is_urgent, orders)) or bool(ticket and ticket.priority != ROUTINE),
        group=PRIORITY_GROUPS.get(group or "", ""),
        since=issued(ticket) if ticket else moment(orders[0].authoredOn),
        orders=orders,
    )


def _wanted(row: Row, room: str, state: str, query: str) -> bool:
    if room and row.room != room:
        return False
    if query:
        return _found(row, query)
    return row.state == state if state else row.state != FINISHED


def _found(row: Row, query: str) -> bool:
    """By name (without accents, in any order), or by the beginning or end of a number."""
    if name_matches(query, row.name):
        return True
    key = fold(query).replace(" ", "")
    numbers = [
        row.number,
        *row.facts.split(" · ")[-1:],
        *(identifier(o, systems.ORDER_NUMBER) or "" for o in row.orders),
    ]
    folded = [fold(one).replace(" ", "") for one in numbers if one]
    return bool(key) and any(one.startswith(key) or (len(key) > 1 and one.endswith(key)) for one in folded)


def _machines(room: r4.Location) -> list[str]:
    return [code for one in room.type or [] if (code := code_of(one, systems.DICOM))]
