"""Tickets: a place in the queue of a room. The verbs that reception, clinic, laboratory and imaging share.

A ticket is a FHIR `Task` (CONTRACT: code QUEUE#ticket). A verb changes only the ticket; what happens to the visit is
the department's. Order and states are decided in `queue_rules`. Source: QĐ 1313/QĐ-BYT, steps 1 to 4.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.store.records import version_of
from benhan.core.store.rows import hash64
from benhan.hospital import queue_rules as rules
from benhan.hospital.queue_rules import CANCELLED, Event, in_order, next_state
from benhan.hospital.visit import (
    CALLED,
    CLINIC,
    DONE,
    PRIORITY_GROUPS,
    SERVED,
    SKIPPED,
    TICKET,
    WAITING,
    code_of,
    concept,
    id_of,
    stamp,
    ticket_identifier,
)

MOST = "1000"
#: The last so many people served tell how fast the rooms are, asked again after so many seconds.
PACE_SAMPLE, PACE_SECONDS = "100", 60.0


class Line(msgspec.Struct):
    """The queue of one room: who waits (in order), was called, is served (the latest first), was
    skipped."""

    room: str
    waiting: list[r4.Task] = []
    called: list[r4.Task] = []
    serving: list[r4.Task] = []
    skipped: list[r4.Task] = []

    @property
    def longest_wait(self) -> datetime | None:
        """Since when the one who waits longest has been waiting."""
        return min((rules.issued(ticket) for ticket in self.waiting), default=None)

    @property
    def in_room(self) -> bool:
        """Whether somebody is in the room or on the way to it."""
        return bool(self.called or self.serving)

    def ahead_of(self, ticket: r4.Task) -> int | None:
        """How many are before this ticket, with who is in the room now; None where it does not wait here."""
        return next((n for n, one in enumerate(self.waiting, int(self.in_room)) if one.id == ticket.id), None)


async def issue(
    tx: Transaction,
    who: Subject,
    patient: r4.Reference,
    visit: r4.Reference | None,
    room: r4.Location,
    *,
    kind: str = CLINIC,
    priority: str = rules.ROUTINE,
    group: str | None = None,
    at: datetime | None = None,
    booked_for: datetime | None = None,
) -> r4.Task:
    """Give a person a place in the queue of a room.

    `patient.display` must be the full name (displays show its initials); `kind` is the room's (clinic, laboratory,
    imaging); `group` one of PRIORITY_GROUPS. A visit that already has an open ticket for this room keeps that one.

    Raises:
        Forbidden, Invalid: as the store.
    """
    at = at or clock.now()
    if visit is not None and (open_one := await _open_ticket(tx, who, visit, room)):
        return open_one
    booked = rules.on_time(booked_for, at)
    day = at.astimezone(clock.ZONE).date()
    series = rules.series_of(kind, priority)
    number = await store.number(tx, who, f"ticket:{series}:{day.isoformat()}")
    return await store.create(
        tx,
        who,
        r4.Task(
            identifier=[ticket_identifier(day, f"{series}-{number:03d}")],
            status=WAITING,
            intent="order",
            code=TICKET,
            priority=priority,
            reasonCode=concept(systems.PRIORITY_GROUP, group, PRIORITY_GROUPS.get(group)) if group else None,
            for_=patient,
            focus=visit,
            encounter=visit,
            location=store.reference(room, room.name),
            authoredOn=stamp(at),
            lastModified=stamp(at),
            restriction=r4.TaskRestriction(period=r4.Period(start=stamp(booked))) if booked else None,
        ),
    )


async def call_next(tx: Transaction, who: Subject, room_id: str, at: datetime | None = None) -> r4.Task | None:
    """Call the person whose turn it is in a room; None when nobody waits.

    Whoever calls at the same moment waits for this transaction, so two callers never get the same ticket.
    """
    at = at or clock.now()
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"{who.facility} queue of {room_id}"))
    line = in_order(await _tickets(tx, who, [room_id], (WAITING,), at=at), at)
    return await _happens(tx, who, line[0], Event.CALL, at) if line else None


async def call(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """Call this very person, whoever's turn it is."""
    return await _happens(tx, who, ticket, Event.CALL, at)


async def recall(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """Call a person again who was called (or skipped)."""
    return await _happens(tx, who, ticket, Event.RECALL, at)


async def skip(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """Lay aside somebody who does not come."""
    return await _happens(tx, who, ticket, Event.SKIP, at)


async def restore(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """Put a skipped (or wrongly called) person back to her old place."""
    return await _happens(tx, who, ticket, Event.RESTORE, at)


async def start(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """The person is being served from now on. Starting twice changes nothing."""
    return await _happens(tx, who, ticket, Event.START, at)


async def finish(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """The person is done in this room. Finishing twice changes nothing."""
    return await _happens(tx, who, ticket, Event.FINISH, at)


async def cancel(tx: Transaction, who: Subject, ticket: r4.Task, at: datetime | None = None) -> r4.Task:
    """The ticket was given by mistake or the person left. Cancelling twice changes nothing."""
    return await _happens(tx, who, ticket, Event.CANCEL, at)


async def waiting(
    tx: Transaction, who: Subject, room_ids: Collection[str], at: datetime | None = None
) -> list[r4.Task]:
    """Who waits in these rooms, in the order of calling."""
    at = at or clock.now()
    return in_order(await _tickets(tx, who, room_ids, (WAITING,), at=at), at)


async def lines(
    tx: Transaction, who: Subject, room_ids: Collection[str], at: datetime | None = None
) -> dict[str, Line]:
    """The queues of these rooms now, by room id; one search for all."""
    at = at or clock.now()
    found = {room: Line(room) for room in room_ids}
    for ticket in in_order(await _tickets(tx, who, room_ids, rules.OPEN, at=at), at):
        line = found[id_of(ticket.location) or ""]
        {WAITING: line.waiting, CALLED: line.called, SERVED: line.serving, SKIPPED: line.skipped}[
            ticket.status or ""
        ].append(ticket)
    for line in found.values():
        line.called.sort(key=lambda ticket: max(rules.calls(ticket), default=rules.issued(ticket)), reverse=True)
        line.serving.sort(key=lambda ticket: rules.started(ticket) or rules.issued(ticket), reverse=True)
    return found


async def of_visit(tx: Transaction, who: Subject, visit_id: str) -> list[r4.Task]:
    """The open tickets of a visit."""
    params = {"encounter": f"Encounter/{visit_id}", "status": ",".join(rules.OPEN)}
    return [t for t in (await store.search(tx, who, r4.Task, params)).resources if code_of(t.code) == "ticket"]


class _Pace(msgspec.Struct):
    minutes: float
    asked: float


_paces: dict[tuple[int, str], _Pace] = {}


async def paces(
    tx: Transaction, who: Subject, rooms: Sequence[r4.Location], at: datetime | None = None
) -> dict[str, float]:
    """Minutes a person takes in each room today, by room id. Asked of the store once a minute in each process."""
    at, asked = at or clock.now(), time.monotonic()
    kinds = {room.id or "": code_of(room.type[0] if room.type else None) or CLINIC for room in rooms}
    known = {room: _paces.get((who.facility, room)) for room in kinds}
    stale = [room for room, pace in known.items() if pace is None or pace.asked + PACE_SECONDS <= asked]
    if stale:
        done = await _tickets(tx, who, stale, (DONE, SERVED), at=at, most=PACE_SAMPLE)
        for room in stale:
            mine = [ticket for ticket in done if id_of(ticket.location) == room]
            _paces[who.facility, room] = _Pace(rules.pace(mine, kinds[room]), asked)
    return {room: _paces[who.facility, room].minutes for room in kinds}


async def _tickets(
    tx: Transaction, who: Subject, room_ids: Collection[str], states: Sequence[str], *, at: datetime, most: str = MOST
) -> list[r4.Task]:
    if not room_ids:
        return []
    page = await store.search(
        tx,
        who,
        r4.Task,
        {
            "location": ",".join(f"Location/{room}" for room in sorted(room_ids)),
            "status": ",".join(states),
            "authored-on": f"ge{stamp(rules.queue_begins(at))}",
            "_count": most,
        },
    )
    return [ticket for ticket in page.resources if code_of(ticket.code) == "ticket"]


async def _open_ticket(tx: Transaction, who: Subject, visit: r4.Reference, room: r4.Location) -> r4.Task | None:
    params = {"encounter": visit.reference or "", "location": f"Location/{room.id}", "status": ",".join(rules.OPEN)}
    return await store.first(tx, who, r4.Task, params)


async def _happens(tx: Transaction, who: Subject, ticket: r4.Task, event: Event, at: datetime | None = None) -> r4.Task:
    """Write what the event makes of the ticket, on the version that the caller saw.

    Raises:
        Conflict: not possible in its state; VersionConflict: somebody else was faster.
    """
    at, state = at or clock.now(), next_state(ticket, event)
    if state == ticket.status and event is not Event.RECALL:
        return ticket
    changed = msgspec.structs.replace(ticket, status=state, lastModified=stamp(at))
    match event:
        case Event.CALL | Event.RECALL:
            changed.output = [*(ticket.output or []), _called(at)]
            changed.owner = _caller(who) or ticket.owner
        case Event.START:
            changed.executionPeriod = r4.Period(start=stamp(at))
            changed.owner = _caller(who) or ticket.owner
        case Event.FINISH:
            began = ticket.executionPeriod.start if ticket.executionPeriod else None
            changed.executionPeriod = r4.Period(start=began or _last_call(ticket) or stamp(at), end=stamp(at))
        case Event.RESTORE:
            changed.executionPeriod = None
        case _:
            pass
    return await store.update(tx, who, changed, if_match=version_of(ticket))


def _called(at: datetime) -> r4.TaskOutput:
    return r4.TaskOutput(type=concept(systems.QUEUE, "called", "Đã gọi"), valueDateTime=stamp(at))


def _last_call(ticket: r4.Task) -> str | None:
    times = rules.calls(ticket)
    return stamp(times[-1]) if times else None


def _caller(who: Subject) -> r4.Reference | None:
    return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name) if who.practitioner else None


__all__ = [
    "CANCELLED", "Line", "call", "call_next", "cancel", "finish", "issue", "lines", "of_visit", "paces", "recall",
    "restore", "skip", "start", "waiting",
]  # fmt: skip
