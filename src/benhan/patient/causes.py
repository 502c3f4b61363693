"""What a message to a patient is caused by, read off the change feed; and of what it is made when it leaves.

| Cause | When |
|---|---|
| an appointment is booked, or moved | so many hours before it (`remind_hours`), by day |
| staff move or cancel an appointment | at once |
| her number is among the next three of its room | at once, by night too |
| a report is released | ten minutes later, one message a visit and day |
| a doctor answers that she wants to be seen at a distance | at once |
| the waiting room of a video consultation opens | a quarter of an hour before its time, by night too |
| a doctor wants to see her again, without a time | in the morning, two days before |
| she switched the reminders of a prescription on | at its times, until its last day (`reminders.py`) |
| a doctor answers a question of hers | at once |
| a visit has ended | two hours later, once |

A message that is due is made of the record as it is then; where that says otherwise by now (cancelled, called, seen) it
does not leave. Labelled reports are told by nobody but the doctor (Law 64/2006 art. 30; `labels.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4, systems
from benhan.core.kit import clock
from benhan.core.kit.text import clip
from benhan.core.store import feed
from benhan.hospital import queue
from benhan.hospital.visit import REMOTE_REQUEST, ROOM_OPENS, WAITING, code_of, id_of, moment, ticket_number
from benhan.patient import outbox, reminders
from benhan.patient.outbox import Due

TYPES: Final = ("Appointment", "Task", "DiagnosticReport", "Communication", "Encounter")
#: So many of those who wait in a room, with who is in it, are told that their turn comes soon.
SOON: Final = 3
GATHERING: Final = timedelta(minutes=10)
#: A change that was made so long ago is told to nobody: a load of former data, or a feed that stood still.
FRESH: Final = timedelta(hours=12)
#: A result is told of for so long, a turn so short.
RESULT_HOLDS, TURN_HOLDS = timedelta(days=2), timedelta(hours=1)
REVISIT_DAYS: Final = 2
#: So long after its end she is asked how a visit was.
SURVEY_AFTER: Final = timedelta(hours=2)
#: An appointment is reminded of no later than this before it.
LAST_REMINDER: Final = timedelta(hours=1)
MOST_NAME: Final = 60
#: The page of her app on which she enters it.
WAITING_ROOM: Final = "/di-dong/kham-tu-xa"
AWAITED, CANCELLED, PROPOSED, RELEASED = "booked", "cancelled", "proposed", frozenset({"final", "amended", "corrected"})


class Made(msgspec.Struct, frozen=True):
    """What a due message says, and whose record or booking it is about: a patient's id, or a guest's telephone."""

    values: dict[str, str]
    patient: str | None
    guest: str = ""


async def notice(
    tx: Transaction, facility: int, changes: Iterable[feed.Change], remind: timedelta, now: datetime
) -> None:
    """Put in whatever these changes of one facility cause. Reading them again puts in nothing twice."""
    await tx.reach(facility)
    who = service(Role.TELLING_SERVICE, facility)
    fresh = [one for one in changes if one.at > now - FRESH and one.action != "delete"]
    ids = {name: {one.id for one in fresh if one.type == name} for name in TYPES}
    for booking in (await store.read_many(tx, who, r4.Appointment, ids["Appointment"])).values():
        await _appointment(tx, who, booking, remind, now)
    for report in (await store.read_many(tx, who, r4.DiagnosticReport, ids["DiagnosticReport"])).values():
        await _report(tx, facility, report, now)
    for line in (await store.read_many(tx, who, r4.Communication, ids["Communication"])).values():
        await _answer(tx, facility, line, now)
    for visit in (await store.read_many(tx, who, r4.Encounter, ids["Encounter"])).values():
        await _ended(tx, facility, visit, now)
    tickets = await store.read_many(tx, who, r4.Task, ids["Task"])
    for asked in tickets.values():
        await _remote(tx, facility, asked, now)
    rooms = {room for one in tickets.values() if code_of(one.code) == "ticket" and (room := id_of(one.location))}
    await _rooms(tx, facility, rooms, now)


async def made_of(tx: Transaction, one: Due, base: str) -> Made | None:
    """What a due message says now; None: its cause is over. `base`: the address of this server."""
    who = service(Role.TELLING_SERVICE, one.facility)
    id_ = one.subject.partition("/")[2]
    facility = {"facility": clip(one.house, MOST_NAME)}
    match one.kind:
        case "results" | "answer" | "survey":
            return Made(facility | {"time": clock.vn_datetime(one.made)}, id_)
        case "medicine":
            wanted = await reminders.wanted_now(tx, one.facility, id_, one.ends - reminders.HOLDS)
            return Made(facility, id_) if wanted else None
        case "turn":
            ticket = await store.read(tx, who, r4.Task, id_)
            ahead = await _ahead(tx, one.facility, ticket)
            if ahead is None:
                return None
            values = facility | {"number": ticket_number(ticket), "ahead": str(ahead)}
            return Made(values, id_of(ticket.for_))
        case "remote" | "call":
            asked = await store.read(tx, who, r4.Task, id_)
            values = _of_request(one, asked, base)
            return Made(facility | values, id_of(asked.for_)) if values else None
        case _:
            booking = await store.read(tx, who, r4.Appointment, id_)
            values = _of_booking(one, booking)
            return Made(facility | values, _patient_of(booking), _guest_phone(booking)) if values else None


def _of_request(one: Due, asked: r4.Task, base: str) -> dict[str, str]:
    """The rest of what it says; nothing where she is not to be seen any more, or at another time."""
    if one.kind == "remote":
        return {"answer": said} if (said := _answered(asked)) else {}
    start = _appointed(asked)
    if start is None or start != one.ends:
        return {}
    return {"time": clock.vn_datetime(start), "address": f"{base.rstrip('/')}{WAITING_ROOM}/{asked.id}"}


def _of_booking(one: Due, booking: r4.Appointment) -> dict[str, str]:
    """The rest of what it says; nothing where the booking is not any more what it was about."""
    start = moment(booking.start)
    if one.kind == "revisit":
        day = _wished(booking)
        return {"day": clock.vn_date(day)} if booking.status == PROPOSED and day else {}
    if start is None:
        return {}
    said = {"time": clock.vn_datetime(start), "code": _code(booking)}
    if one.kind == "reminder":
        return said if booking.status == AWAITED and start - LAST_REMINDER <= one.ends else {}
    change = {AWAITED: "đã dời", CANCELLED: "đã huỷ"}.get(booking.status or "")
    return said | {"change": change} if change else {}


async def _appointment(
    tx: Transaction, who: Subject, booking: r4.Appointment, remind: timedelta, now: datetime
) -> None:
    subject, start = f"Appointment/{booking.id}", moment(booking.start)
    if booking.status == PROPOSED and (day := _wished(booking)):
        due = clock.day_bounds(day.date())[0] - timedelta(days=REVISIT_DAYS) + timedelta(hours=8)
        if due > now:
            ends = day + timedelta(days=1)
            await outbox.put(tx, who.facility, "revisit", f"{subject} {day.date()}", subject, due=due, ends=ends)
    if start is None or start <= now:
        return
    ends = start - LAST_REMINDER
    if booking.status == AWAITED and start - remind > now:
        cause = f"{subject} {booking.start}"
        await outbox.put(tx, who.facility, "reminder", cause, subject, due=start - remind, ends=ends)
    if (version := await _changed_by_staff(tx, who, booking)) is not None:
        await outbox.put(tx, who.facility, "changed", f"{subject} {version}", subject, due=now, ends=start)


async def _changed_by_staff(tx: Transaction, who: Subject, booking: r4.Appointment) -> int | None:
    """The version in which staff moved or cancelled it; None: its last change is another, or she made it herself."""
    if booking.meta is None or booking.meta.versionId == "1":
        return None
    versions = await store.history(tx, who, r4.Appointment, booking.id or "")
    if len(versions) < 2 or not _staff(versions[0].account):
        return None
    if versions[0].body is None or versions[1].body is None:
        return None
    after, before = (codec.kept(one.body or b"", r4.Appointment) for one in versions[:2])
    if before.status != AWAITED:
        return None
    moved = after.status == AWAITED and after.start != before.start
    return versions[0].version if moved or after.status == CANCELLED else None


async def _report(tx: Transaction, facility: int, report: r4.DiagnosticReport, now: datetime) -> None:
    patient = id_of(report.subject)
    if patient is None or report.status not in RELEASED or (report.meta and report.meta.security):
        return
    about = report.encounter.reference if report.encounter else f"DiagnosticReport/{report.id}"
    cause = f"{about} {clock.local(now).date()}"
    await outbox.put(tx, facility, "results", cause, f"Patient/{patient}", due=now + GATHERING, ends=now + RESULT_HOLDS)


async def _answer(tx: Transaction, facility: int, line: r4.Communication, now: datetime) -> None:
    """A line of a thread, by a doctor."""
    patient, sender = id_of(line.subject), (line.sender and line.sender.reference) or ""
    written = any(code_of(one, systems.QUESTION) for one in line.category or [])
    if patient and written and sender.startswith("Practitioner/"):
        subject = f"Patient/{patient}"
        await outbox.put(tx, facility, "answer", f"Communication/{line.id}", subject, due=now, ends=now + RESULT_HOLDS)


async def _remote(tx: Transaction, facility: int, asked: r4.Task, now: datetime) -> None:
    """A request to be seen at a distance that was accepted (told once for each time that is set), or declined."""
    if answer := _answered(asked):
        subject = f"Task/{asked.id}"
        await outbox.put(tx, facility, "remote", f"{subject} {answer}", subject, due=now, ends=now + RESULT_HOLDS)
    if (start := _appointed(asked)) and start - ROOM_OPENS > now:
        subject = f"Task/{asked.id}"
        await outbox.put(tx, facility, "call", f"{subject} {start}", subject, due=start - ROOM_OPENS, ends=start)


def _answered(asked: r4.Task) -> str:
    """What is said of the answer; "" where there is none, or it is over."""
    if start := _appointed(asked):
        return f"đã nhận, lúc {clock.vn_datetime(start)}"
    return "chưa nhận được" if code_of(asked.code) == REMOTE_REQUEST and asked.status == "rejected" else ""


def _appointed(asked: r4.Task) -> datetime | None:
    """When she is to be seen at a distance; None where that is not set, is going on, or over."""
    if code_of(asked.code) != REMOTE_REQUEST or asked.status != "accepted" or asked.executionPeriod is None:
        return None
    return moment(asked.executionPeriod.start)


async def _ended(tx: Transaction, facility: int, visit: r4.Encounter, now: datetime) -> None:
    """A visit ended lately; of a labelled one nobody is asked, nor after a death."""
    end, patient = moment(visit.period.end) if visit.period else None, id_of(visit.subject)
    if visit.hospitalization and code_of(visit.hospitalization.dischargeDisposition, systems.DISCHARGE) == "exp":
        return
    if visit.status != "finished" or end is None or patient is None or (visit.meta and visit.meta.security):
        return
    if end > now - FRESH:
        due, ends = now + SURVEY_AFTER, now + SURVEY_AFTER + RESULT_HOLDS
        await outbox.put(tx, facility, "survey", f"Encounter/{visit.id}", f"Patient/{patient}", due=due, ends=ends)


async def _rooms(tx: Transaction, facility: int, rooms: set[str], now: datetime) -> None:
    """In each of these rooms, those whose turn comes soon."""
    if not rooms:
        return
    for line in (await queue.lines(tx, service(Role.DISPLAY, facility), rooms, now)).values():
        for ticket in line.waiting[: SOON - line.in_room]:
            subject = f"Task/{ticket.id}"
            await outbox.put(tx, facility, "turn", subject, subject, due=now, ends=now + TURN_HOLDS)


async def _ahead(tx: Transaction, facility: int, ticket: r4.Task) -> int | None:
    room = id_of(ticket.location)
    if ticket.status != WAITING or room is None:
        return None
    return (await queue.lines(tx, service(Role.DISPLAY, facility), [room]))[room].ahead_of(ticket)


def _staff(account: str) -> bool:
    """Whether a version was written by somebody of the hospital: not by herself, who acts for her, or a service."""
    return not account.startswith(("person:", "patient:", "service:", "client:"))


def _patient_of(booking: r4.Appointment) -> str | None:
    named = (one.actor.reference or "" for one in booking.participant if one.actor)
    return next((name.removeprefix("Patient/") for name in named if name.startswith("Patient/")), None)


def _guest_phone(booking: r4.Appointment) -> str:
    guests = [one for one in booking.contained or () if isinstance(one, r4.Patient)]
    said = (one.value for guest in guests for one in guest.telecom or () if one.system == "phone" and one.value)
    return next(said, "")


def _code(booking: r4.Appointment) -> str:
    """The booking code; an appointment that a doctor gave has none."""
    named = (one.value for one in booking.identifier or () if one.system == systems.BOOKING_CODE and one.value)
    return next(named, "TAI-KHAM")


def _wished(booking: r4.Appointment) -> datetime | None:
    period = booking.requestedPeriod[0] if booking.requestedPeriod else None
    return moment(period.start) if period else None
