"""The verbs of the desk: receive somebody, and take it back within ten seconds.

Receiving makes the visit, its number and its ticket in one transaction. Source: QĐ 1313/QĐ-BYT, step 1 and 2;
Law 15/2023 art. 3 (who is served first).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import queue, referral
from benhan.hospital.reception.booking_rules import AWAITED, STATES, actor, code_of_booking, start_of
from benhan.hospital.reception.people import alone
from benhan.hospital.reception.rooms import Room
from benhan.hospital.visit import (
    CALLED,
    CLINIC,
    DONE,
    EMERGENCY,
    SERVED,
    SKIPPED,
    WAITING,
    full_name,
    id_of,
    in_state,
    moment,
    stamp,
    ticket_number,
)

UNDO_SECONDS: Final = 10
#: The screen counts ten; a press in the last of them may be a little on its way.
GRACE_SECONDS: Final = 3
#: Nobody stands longer at the desk; a page left open over lunch is no measurement.
LONGEST: Final = timedelta(minutes=20)
LIVE: Final = (WAITING, CALLED, SERVED, SKIPPED)
_CLASSES: Final = {"AMB": "ambulatory", "EMER": "emergency"}


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to be received. `key` is the id of the form: the visit will bear it, so one form makes one visit."""

    key: str
    patient: str
    room: Room
    booking: str | None = None
    #: A key of `visit.PRIORITY_GROUPS`; None: nobody is served later than her number says.
    group: str | None = None
    reason: str = ""
    scanned: datetime | None = None


class BookingNotToday(Conflict):
    """The appointment is for another day."""


async def check_in(tx: Transaction, who: Subject, arrival: Arrival, now: datetime | None = None) -> r4.Task:
    """Make the visit, its number and its ticket.

    Idempotent: the same form, the same booking, or the same patient in the same room on the same day give the same
    ticket, however often and however many at once press.

    Raises:
        NotFound: no such patient; Conflict: the form belongs to another visit, the booking is cancelled;
        BookingNotToday.
    """
    now = now or clock.now()
    await alone(tx, f"check-in {who.facility} {arrival.patient}")
    patient = await store.read(tx, who, r4.Patient, arrival.patient)
    booking = await store.read(tx, who, r4.Appointment, arrival.booking) if arrival.booking else None
    existing = await _existing_ticket(tx, who, arrival, booking, now)
    if existing is not None:
        return existing
    if booking is not None:
        _expected_today(booking, now)
    visit = await store.create(tx, who, await _visit(tx, who, arrival, patient, booking, now))
    if booking is not None:
        await store.update(tx, who, _arrived(booking, patient), if_match=version_of(booking))
        if booking.contained:
            await referral.belong(tx, who, code_of_booking(booking), store.reference(patient, full_name(patient)))
    return await queue.issue(
        tx, who, store.reference(patient, full_name(patient)), store.reference(visit), arrival.room.place,
        kind=CLINIC, priority="stat" if arrival.room.kind == EMERGENCY else priority_of(arrival.group),
        group=arrival.group, at=now, booked_for=start_of(booking) if booking else None,
    )  # fmt: skip


async def undo(tx: Transaction, who: Subject, ticket_id: str, now: datetime | None = None) -> r4.Task:
    """Take a reception back: visit and ticket are cancelled, the booking is as it was. Twice changes nothing.

    Raises:
        Conflict: the patient was called already, or the ten seconds are over.
    """
    now = now or clock.now()
    ticket = await store.read(tx, who, r4.Task, ticket_id)
    await alone(tx, f"check-in {who.facility} {id_of(ticket.for_)}")
    ticket = await store.read(tx, who, r4.Task, ticket_id)
    if ticket.status == "cancelled":
        return ticket
    _may_undo(ticket, now)
    visit = await store.read(tx, who, r4.Encounter, id_of(ticket.encounter) or "")
    kept = await queue.cancel(tx, who, ticket, now)
    await store.update(tx, who, in_state(visit, "cancelled", now), if_match=version_of(visit))
    for reference in visit.appointment or []:
        await _restore(tx, who, id_of(reference) or "")
    return kept


def priority_of(group: str | None) -> str:
    """FHIR's priority of a group: emergencies before people with priority before everybody."""
    return "stat" if group == "cap-cuu" else "urgent" if group else "routine"


def priority_by_age(birth: str | None, today: datetime) -> str | None:
    """The priority group that an age alone gives: children under 6, people of 75 and older."""
    if not birth:
        return None
    years = clock.age_years(birth, today.date())
    return "tre-duoi-6" if years < 6 else "tu-75-tuoi" if years >= 75 else None


def seconds_left(ticket: r4.Task, now: datetime) -> int:
    """How long a reception may still be taken back; 0 when it may not."""
    issued = moment(ticket.authoredOn)
    if issued is None or ticket.status != WAITING:
        return 0
    return max(0, UNDO_SECONDS - int((now - issued).total_seconds()))


async def _existing_ticket(
    tx: Transaction, who: Subject, arrival: Arrival, booking: r4.Appointment | None, now: datetime
) -> r4.Task | None:
    """The ticket that this press, an earlier one, or another desk has made already."""
    visits = await store.read_many(tx, who, r4.Encounter, [arrival.key])
    visit = visits.get(arrival.key)
    if visit is not None and id_of(visit.subject) != arrival.patient:
        raise Conflict(
            _("Mã biểu mẫu này thuộc lượt khám của người khác."), where="key", advice=_("Mở lại trang tiếp đón.")
        )
    if visit is not None and visit.status == "cancelled":
        raise Conflict(_("Lượt tiếp đón này đã được hoàn tác."), where="key", advice=_("Quét lại thẻ để tiếp đón lại."))
    if visit is None and booking is not None and booking.status not in (AWAITED, "cancelled", "noshow"):
        of_booking = {"appointment": f"Appointment/{booking.id}", "status": "arrived,in-progress,finished"}
        visit = await store.first(tx, who, r4.Encounter, of_booking)
    if visit is not None:
        return await store.first(tx, who, r4.Task, {"encounter": f"Encounter/{visit.id}", "code": "ticket"})
    params = {
        "patient": f"Patient/{arrival.patient}", "location": f"Location/{arrival.room.id}", "code": "ticket",
        "status": ",".join(LIVE), "authored-on": now.date().isoformat(),
    }  # fmt: skip
    return await store.first(tx, who, r4.Task, params)


def _expected_today(booking: r4.Appointment, now: datetime) -> None:
    if booking.status != AWAITED:
        state = STATES.get(booking.status or "", booking.status or "")
        raise Conflict(
            _("Lịch hẹn này %(state)s.", state=_(state)),
            where="booking",
            advice=_("Tiếp đón như người không đặt trước."),
        )
    start = start_of(booking)
    if start.date() != now.date():
        raise BookingNotToday(
            f"Lịch hẹn này là ngày {clock.vn_date(start)}, không phải hôm nay.",
            where="booking",
            advice="Đổi lịch hẹn, hoặc tiếp đón như người không đặt trước.",
        )


async def _visit(
    tx: Transaction, who: Subject, arrival: Arrival, patient: r4.Patient, booking: r4.Appointment | None, now: datetime
) -> r4.Encounter:
    kind = "EMER" if arrival.room.kind == EMERGENCY or arrival.group == "cap-cuu" else "AMB"
    number = await store.number(tx, who, f"visit:{now:%Y}")
    return r4.Encounter(
        id=arrival.key,
        identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"LK-{now:%y}-{number:06d}")],
        status="arrived",
        class_=r4.Coding(system=systems.ACT_CODE, code=kind, display=_CLASSES[kind]),
        serviceType=arrival.room.specialty,
        subject=store.reference(patient, full_name(patient)),
        appointment=[store.reference(booking)] if booking else None,
        period=r4.Period(start=stamp(now)),
        reasonCode=[r4.CodeableConcept(text=arrival.reason)] if arrival.reason else None,
        location=[_place(arrival.room), *_stay_at_the_desk(arrival, now)],
        serviceProvider=r4.Reference(reference=arrival.room.department) if arrival.room.department else None,
    )


def _place(room: Room) -> r4.EncounterLocation:
    return r4.EncounterLocation(location=_to_room(room), status="planned")


def _to_room(room: Room) -> r4.Reference:
    return r4.Reference(reference=f"Location/{room.id}", display=room.name)


def _stay_at_the_desk(arrival: Arrival, now: datetime) -> list[r4.EncounterLocation]:
    """From the scan to Enter: what the desk's median is made of. Searchable as `Encounter?location-period`."""
    if arrival.scanned is None or not timedelta(0) < now - arrival.scanned < LONGEST:
        return []
    stay = r4.Period(start=clock.fhir_instant(arrival.scanned), end=clock.fhir_instant(now))
    return [r4.EncounterLocation(location=r4.Reference(display="Quầy tiếp đón"), status="completed", period=stay)]


def _arrived(booking: r4.Appointment, patient: r4.Patient) -> r4.Appointment:
    """The booking with its guest replaced by the record."""
    person = r4.AppointmentParticipant(
        actor=store.reference(patient, full_name(patient)), required="required", status="accepted"
    )
    known = actor(booking, "Patient").reference
    others = [one for one in booking.participant if not one.actor or one.actor.reference not in ("#guest", known)]
    return msgspec.structs.replace(booking, status="arrived", contained=None, participant=[person, *others])


def _may_undo(ticket: r4.Task, now: datetime) -> None:
    number = ticket_number(ticket)
    if ticket.status in (CALLED, SERVED, DONE, SKIPPED):
        raise Conflict(
            _("Không hoàn tác được: %(number)s đã được gọi vào phòng.", number=number),
            advice=_("Báo phòng khám nếu tiếp đón nhầm."),
        )
    issued = moment(ticket.authoredOn)
    if issued is None:
        raise Invalid(_("%(number)s không có giờ cấp.", number=number), where="Task.authoredOn")
    if now - issued > timedelta(seconds=UNDO_SECONDS + GRACE_SECONDS):
        raise Conflict(
            _(
                "Đã quá %(undo_seconds)s giây nên không hoàn tác %(number)s được nữa.",
                undo_seconds=UNDO_SECONDS,
                number=number,
            ),
            advice=_("Báo phòng khám bỏ qua số này nếu tiếp đón nhầm."),
        )


async def _restore(tx: Transaction, who: Subject, booking_id: str) -> None:
    """The booking as it was before this visit, guest and all."""
    for state in await store.history(tx, who, r4.Appointment, booking_id):
        former = await store.vread(tx, who, r4.Appointment, booking_id, str(state.version))
        if former.status == AWAITED:
            await store.update(tx, who, former, if_match=None)
            if former.contained:
                await referral.belong(tx, who, code_of_booking(former), None)
            return
    raise NotFound(_("Không tìm thấy lịch hẹn trước khi tiếp đón."), where="Appointment")
