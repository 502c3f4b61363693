"""The next appointment that a doctor gives: a free slot of hers, or a day that reception will fill in."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit.clock import day_bounds, now, vn_time
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import overbooking
from benhan.hospital import visit as words


async def free_slots(tx: Transaction, who: Subject, day: date) -> list[tuple[str, str]]:
    """(id, time) of the doctor's free slots on a day."""
    if not who.practitioner:
        return []
    mine = await store.search(tx, who, r4.Schedule, {"actor": f"Practitioner/{who.practitioner}", "_count": "20"})
    if not mine.resources:
        return []
    first, last = day_bounds(day)
    page = await store.search(
        tx, who, r4.Slot,
        {
            "schedule": ",".join(f"Schedule/{one.id}" for one in mine.resources),
            "start": [f"ge{_stamp(first)}", f"lt{_stamp(last)}"],
            "status": "free", "_sort": "start", "_count": "100",
        },
    )  # fmt: skip
    return [(one.id or "", vn_time(one.start)) for one in overbooking.offered(page.resources, who)]


async def make(tx: Transaction, who: Subject, visit: r4.Encounter, day: date, slot_id: str | None) -> r4.Appointment:
    """Book the slot, or without one propose the day.

    Raises:
        Invalid: the slot is on another day; Conflict: it was taken meanwhile.
    """
    if not slot_id:
        return await store.create(tx, who, _proposed(who, visit, day))
    slot = await store.read(tx, who, r4.Slot, slot_id)
    start = words.moment(slot.start)
    if start is None or start.date() != day:
        raise Invalid(_("Giờ hẹn không thuộc ngày đã chọn"), where="slot")
    if slot.status != "free":
        raise _taken()
    await overbooking.check(tx, who, slot)
    try:
        made = await store.create(tx, who, _booked(who, visit, slot))
    except Conflict:
        raise _taken() from None
    await store.update(tx, who, msgspec.structs.replace(slot, status="busy"), if_match=version_of(slot))
    return made


def _taken() -> Conflict:
    return Conflict(_("Giờ hẹn vừa có người khác đặt."), where="slot", advice=_("Chọn giờ khác."))


def _booked(who: Subject, visit: r4.Encounter, slot: r4.Slot) -> r4.Appointment:
    blank = _blank(who, visit, "booked")
    return msgspec.structs.replace(
        blank, slot=[store.reference(slot)], start=slot.start, end=slot.end, serviceType=slot.serviceType
    )


def _proposed(who: Subject, visit: r4.Encounter, day: date) -> r4.Appointment:
    first, last = day_bounds(day)
    wished = r4.Period(start=words.stamp(first), end=words.stamp(last))
    return msgspec.structs.replace(_blank(who, visit, "proposed"), requestedPeriod=[wished])


def _blank(who: Subject, visit: r4.Encounter, status: str) -> r4.Appointment:
    people = [r4.AppointmentParticipant(actor=visit.subject, status="accepted")]
    if who.practitioner:
        doctor = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
        people.append(r4.AppointmentParticipant(actor=doctor, status="accepted"))
    return r4.Appointment(
        status=status,
        meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code="desk", display="Tại bệnh viện")]),
        appointmentType=words.concept(systems.APPOINTMENT_REASON, "FOLLOWUP", "Tái khám"),
        reasonCode=[r4.CodeableConcept(text="Tái khám")],
        supportingInformation=[store.reference(visit)],
        created=words.stamp(now()),
        participant=people,
    )


def _stamp(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
