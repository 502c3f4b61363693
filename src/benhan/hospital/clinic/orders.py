"""Orders for laboratory and imaging: a ServiceRequest each, and a ticket for the room where it is done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit.clock import now, today
from benhan.core.kit.codes import Code
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import ordering as rules
from benhan.hospital import queue
from benhan.hospital.clinic.note import find as find_note
from benhan.hospital.clinic.note import writer
from benhan.hospital.clinic.rules import must_be_open
from benhan.hospital.queue_rules import ROUTINE
from benhan.hospital.visit import (
    ORDER_CATEGORIES,
    WAITING,
    code_of,
    concept,
    full_name,
    id_of,
    stamp,
)

#: Orders and reports of a patient that are looked through for repetitions.
LOOK_BACK = "100"
#: HL7 has no code system for laboratory|imaging as order categories; the observation categories carry both words.
CATEGORY = systems.OBSERVATION_CATEGORY


async def place(
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    patient: r4.Patient,
    code: str,
    *,
    urgent: bool = False,
    confirmed: bool = False,
) -> r4.ServiceRequest:
    """Order a service: the request and the patient's place in the queue of the room, in one step.

    Raises:
        Invalid: no such service; NeedsConfirmation: it looks like a repetition and `confirmed` is not set.
        Conflict: the visit is closed, or no room does this.
    """
    must_be_open(visit, await find_note(tx, who, visit))
    service = rules.look_up(code)
    if not confirmed:
        await _ask_if_repeated(tx, who, visit, patient, service)
    room = await _room(tx, who, visit, service)
    number = await store.number(tx, who, f"order:{today().year}")
    order = await store.create(tx, who, _order(who, visit, patient, service, number, urgent))
    priority = _ticket_priority(visit, urgent)
    reference = r4.Reference(reference=f"Patient/{patient.id}", display=full_name(patient))
    subject = r4.Reference(reference=f"Encounter/{visit.id}")
    await queue.issue(tx, who, reference, subject, room, kind=service["kind"], priority=priority)
    return order


async def place_all(
    tx: Transaction, who: Subject, visit: r4.Encounter, patient: r4.Patient, wanted: Sequence[str]
) -> list[Invalid | Conflict]:
    """Order services of a package; one that looks like a repetition or cannot be ordered is left, and why.

    Raises:
        Conflict: the visit is closed.
    """
    must_be_open(visit, await find_note(tx, who, visit))
    left: list[Invalid | Conflict] = []
    for code in wanted:
        try:
            async with tx.savepoint():
                await place(tx, who, visit, patient, code)
        except (Invalid, Conflict) as problem:
            left.append(problem)
    return left


async def cancel(tx: Transaction, who: Subject, visit: r4.Encounter, id_: str) -> r4.ServiceRequest:
    """Take an order back; when it was the last one for its rooms, the ticket goes too. Twice is no error.

    Raises:
        Conflict: it belongs to another visit, or somebody began with it.
    """
    order = await store.read(tx, who, r4.ServiceRequest, id_)
    if id_of(order.encounter) != visit.id:
        raise Conflict(_("Chỉ định này thuộc lượt khám khác."))
    if order.status == "revoked":
        return order
    must_be_open(visit, await find_note(tx, who, visit))
    kind = rules.kind_of(order)
    tickets = await queue.of_visit(tx, who, visit.id or "")
    rooms = await kinds_of_rooms(tx, who, [id_of(one.location) for one in tickets])
    ticket = rules.ticket_for(kind, tickets, rooms)
    reports = await store.search(tx, who, r4.DiagnosticReport, {"encounter": f"Encounter/{visit.id}"})
    if not rules.may_cancel(order, rules.state(order, reports.resources, ticket)):
        raise Conflict(
            _("Chỉ định đã được thực hiện nên không huỷ được."), advice=_("Gọi khoa thực hiện nếu cần dừng.")
        )
    revoked = await store.update(tx, who, msgspec.structs.replace(order, status="revoked"), if_match=version_of(order))
    await _release(tx, who, visit, kind, ticket, revoked)
    return revoked


async def kinds_of_rooms(tx: Transaction, who: Subject, ids: Sequence[str | None]) -> dict[str, str]:
    """Room id → what is done in it."""
    rooms = await store.read_many(tx, who, r4.Location, ids)
    return {id_: kind for id_, room in rooms.items() if (kind := _kind(room))}


async def _ask_if_repeated(
    tx: Transaction, who: Subject, visit: r4.Encounter, patient: r4.Patient, service: Code
) -> None:
    mine = {"patient": f"Patient/{patient.id}", "_count": LOOK_BACK}
    same = await store.search(
        tx, who, r4.ServiceRequest, {**mine, "code": f"{systems.SERVICES}|{service.code}", "_sort": "-authored"}
    )
    about = ",".join([f"ServiceRequest/{one.id}" for one in same.resources])
    reports = await store.search(tx, who, r4.DiagnosticReport, {**mine, "based-on": about}) if about else None
    found = rules.repeats(service, visit.id or "", same.resources, reports.resources if reports else [], now())
    if found:
        raise rules.NeedsConfirmation(
            found[0].message, code="duplicate", where="service", advice=_("Vẫn chỉ định nếu thật cần làm lại.")
        )


async def _room(tx: Transaction, who: Subject, visit: r4.Encounter, service: Code) -> r4.Location:
    """The room where it is done: of its kind and machine, where the patient waits already, or the shortest queue."""
    kind = service["kind"]
    page = await store.search(
        tx, who, r4.Location, {"type": f"{systems.ROOM_TYPE}|{kind}", "status": "active", "_count": "100"}
    )
    machine = [room for room in page.resources if service["modality"] and _has_machine(room, service["modality"])]
    candidates = machine or [room for room in page.resources if not _machines(room)] or page.resources
    if not candidates:
        raise Conflict(_("Cơ sở chưa có phòng làm dịch vụ này."), advice=_("Báo quản trị thêm phòng."))
    if len(candidates) == 1:
        return candidates[0]
    here = {id_of(ticket.location) for ticket in await queue.of_visit(tx, who, visit.id or "")}
    if there := [room for room in candidates if room.id in here]:
        return there[0]
    lines = await queue.lines(tx, who, [room.id or "" for room in candidates])
    return min(candidates, key=lambda room: (len(lines[room.id or ""].waiting), room.name or ""))


async def _release(
    tx: Transaction, who: Subject, visit: r4.Encounter, kind: str, ticket: r4.Task | None, gone: r4.ServiceRequest
) -> None:
    """Give the place in the queue back when nothing is left to be done there."""
    if ticket is None or ticket.status != WAITING:
        return
    page = await store.search(tx, who, r4.ServiceRequest, {"encounter": f"Encounter/{visit.id}", "status": "active"})
    if not any(rules.kind_of(one) == kind and one.id != gone.id for one in page.resources):
        await queue.cancel(tx, who, ticket)


def _order(
    who: Subject, visit: r4.Encounter, patient: r4.Patient, service: Code, number: int, urgent: bool
) -> r4.ServiceRequest:
    kind = service["kind"]
    value = f"{today().year % 100:02d}-{number:06d}"
    return r4.ServiceRequest(
        identifier=[r4.Identifier(system=systems.ORDER_NUMBER, value=value)],
        status="active",
        intent="order",
        category=[concept(CATEGORY, kind, ORDER_CATEGORIES[kind])],
        priority="urgent" if urgent else "routine",
        code=concept(systems.SERVICES, service.code, service.name),
        subject=r4.Reference(reference=f"Patient/{patient.id}", display=full_name(patient)),
        encounter=r4.Reference(reference=f"Encounter/{visit.id}"),
        authoredOn=stamp(now()),
        requester=writer(who),
        reasonCode=visit.reasonCode,
    )


def _ticket_priority(visit: r4.Encounter, urgent: bool) -> str:
    emergency = visit.class_.code == "EMER"
    return "stat" if emergency else "urgent" if urgent else ROUTINE


def _kind(room: r4.Location) -> str | None:
    return next((code for one in room.type or [] if (code := code_of(one, systems.ROOM_TYPE))), None)


def _machines(room: r4.Location) -> list[str]:
    return [code for one in room.type or [] if (code := code_of(one, systems.DICOM))]


def _has_machine(room: r4.Location, modality: str) -> bool:
    return modality in _machines(room)
