"""Book, move, cancel. No slot is ever given twice: the store holds one live Appointment for each Slot.

The Slot's own status follows in the same transaction, so every list of free slots is right. Called by the public page
(as the booking service), by staff, and later by the Mini App.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import asyncpg
import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, VersionConflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.core.store.rows import hash64
from benhan.hospital import booking_code, overbooking, packages
from benhan.hospital.packages import Package
from benhan.hospital.reception import booking_rules as rules
from benhan.hospital.reception.booking_rules import AWAITED, BUSY, FREE, Guest, Known, Payer, SlotTaken
from benhan.hospital.visit import concept, id_of, stamp

#: How many other times are offered when one is taken.
OFFERED = 3


async def book(
    tx: Transaction,
    who: Subject,
    slot_id: str,
    booker: Guest | Known,
    *,
    channel: str,
    reason: str = "",
    payer: Payer | None = None,
    package: Package | None = None,
    key: str | None = None,
    now: datetime | None = None,
) -> r4.Appointment:
    """Give a slot to a guest, or to a patient of the house.

    Booking the same slot for the same person again gives the booking that exists. `key`: the id that the booking gets;
    what asks again with it gets what it made, whatever became of that.

    Raises:
        SlotTaken: somebody else has it (the next free ones come along); Invalid: the slot or the guest is not
        possible, the key has made a booking of another slot; Conflict: too many open bookings.
    """
    now = now or clock.now()
    if isinstance(booker, Guest):
        rules.check_guest(booker, now.date())
    await _alone(tx, who, booker)
    if key and (made := await made_by(tx, who, key, slot_id)):
        return made
    slot = await store.read(tx, who, r4.Slot, slot_id)
    rules.check_slot(slot, now)
    held = await open_bookings(tx, who, booker, now)
    for one in held:
        if _slot_of(one) == slot_id and (isinstance(booker, Known) or rules.proves(one, None, booker.birth)):
            return one
    rules.check_open(len(held), booker)
    schedule = await _schedule(tx, who, slot)
    booking = _appointment(slot, schedule, booker, channel=channel, reason=reason, now=now)
    if package:
        packages.check_specialty("package", package.specialty, slot)
    more = [*([rules.payer_said(payer)] if payer else []), *([packages.said(package)] if package else [])]
    named = msgspec.structs.replace(booking, id=key, extension=more or None)
    return await _take(tx, who, slot, named, fresh=True)


async def made_by(tx: Transaction, who: Subject, key: str, slot_id: str) -> r4.Appointment | None:
    """The booking that was made under a key, if there is one.

    Raises:
        Invalid: it was of another slot, and has not been moved since.
    """
    made = (await store.read_many(tx, who, r4.Appointment, [key])).get(key)
    if made and _slot_of(made) != slot_id and version_of(made) == "1":
        raise Invalid(_("Khoá này đã dùng cho một lịch hẹn khác."), where="Idempotency-Key")
    return made


async def move(
    tx: Transaction, who: Subject, booking: r4.Appointment, slot_id: str, now: datetime | None = None
) -> r4.Appointment:
    """Give a booking another slot. Either the new one is had and the old one free again, or nothing changes.

    Raises:
        SlotTaken, Invalid: the new slot; Conflict: the booking is no longer awaited; VersionConflict.
    """
    now = now or clock.now()
    _awaited(booking)
    slot = await store.read(tx, who, r4.Slot, slot_id)
    rules.check_slot(slot, now)
    former = _slot_of(booking)
    if former == slot_id:
        return booking
    if package := await packages.among(tx, who, [booking]):
        packages.check_specialty("slot", package.specialty, slot)
    schedule = await _schedule(tx, who, slot)
    moved = msgspec.structs.replace(
        booking,
        slot=[store.reference(slot)],
        start=slot.start,
        end=slot.end,
        minutesDuration=_minutes(slot),
        serviceType=slot.serviceType,
        specialty=slot.specialty,
        participant=[booking.participant[0], *_participants(schedule)],
    )
    return await _take(tx, who, slot, moved, former)


async def cancel(
    tx: Transaction, who: Subject, booking: r4.Appointment, reason: str = "", now: datetime | None = None
) -> r4.Appointment:
    """Cancel a booking; its slot is free again unless it was closed. Cancelling twice changes nothing.

    Raises:
        Conflict: the person has come already; VersionConflict: somebody changed it in between.
    """
    if booking.status == "cancelled":
        return booking
    _awaited(booking)
    cancelled = msgspec.structs.replace(
        booking,
        status="cancelled",
        cancelationReason=r4.CodeableConcept(text=reason) if reason else None,
    )
    kept = await store.update(tx, who, cancelled, if_match=version_of(booking))
    await _release(tx, who, _slot_of(booking))
    return kept


async def did_not_come(
    tx: Transaction, who: Subject, booking: r4.Appointment, now: datetime | None = None
) -> r4.Appointment:
    """The time of a booking has passed and nobody came. Saying it twice changes nothing.

    Raises:
        Conflict: the person came, or the time has not passed; VersionConflict: somebody changed it in between.
    """
    if booking.status == "noshow":
        return booking
    _awaited(booking)
    if rules.start_of(booking) > (now or clock.now()):
        raise Conflict(_("Chưa tới giờ hẹn này."), where="status")
    return await store.update(tx, who, msgspec.structs.replace(booking, status="noshow"), if_match=version_of(booking))


async def restore(
    tx: Transaction, who: Subject, booking: r4.Appointment, now: datetime | None = None
) -> r4.Appointment:
    """Undo a cancellation, if its slot is still to be had.

    Raises:
        SlotTaken, Invalid: as `book`; Conflict: it is not cancelled.
    """
    if booking.status != "cancelled":
        raise Conflict(_("Lịch hẹn này không ở trạng thái đã huỷ."), where="status")
    slot = await store.read(tx, who, r4.Slot, _slot_of(booking))
    rules.check_slot(slot, now or clock.now())
    live = msgspec.structs.replace(booking, status=AWAITED, cancelationReason=None)
    return await _take(tx, who, slot, live)


async def by_code(tx: Transaction, who: Subject, code: str) -> r4.Appointment:
    """The booking of a code.

    Raises:
        NotFound: no booking has it.
    """
    found = await store.first(tx, who, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})
    if found is None:
        raise NotFound(
            _("Không có lịch hẹn nào mang mã này."), where="code", advice=_("Xem lại mã trên tin nhắn hoặc phiếu.")
        )
    return found


async def open_bookings(
    tx: Transaction, who: Subject, booker: Guest | Known, now: datetime | None = None
) -> list[r4.Appointment]:
    """Bookings of a guest's telephone number, or of a patient, that lie ahead."""
    of = {"patient": f"Patient/{booker.patient}"} if isinstance(booker, Known) else {"guest-phone": booker.phone}
    params = of | {"status": AWAITED, "date": f"ge{stamp(now or clock.now())}", "_sort": "date"}
    return (await store.search(tx, who, r4.Appointment, params)).resources


def changeable(booking: r4.Appointment, now: datetime) -> r4.Appointment:
    """The booking, if the patient may still move or cancel it herself.

    Raises:
        Conflict: it is too late, or it is not awaited any more.
    """
    if not rules.may_change(booking, now):
        minutes = int(rules.LAST_CHANGE.total_seconds() // 60)
        raise Conflict(
            _("Lịch này không đổi qua mạng được nữa (chỉ đổi được trước giờ hẹn %(n)s phút).", n=minutes),
            advice=_("Gọi cho bệnh viện hoặc hỏi quầy tiếp đón."),
        )
    return booking


async def next_free(tx: Transaction, who: Subject, slot: r4.Slot, now: datetime | None = None) -> list[r4.Slot]:
    """The next free slots of the same doctor, from the time of this one on."""
    after = max(rules.start_of(slot), now or clock.now())
    params = {
        "schedule": slot.schedule.reference or "",
        "status": FREE,
        "start": [f"ge{stamp(after)}", f"lt{stamp(after + timedelta(days=7))}"],
        "_sort": "start",
        "_count": "20",
        **rules.offered(who),
    }
    found = (await store.search(tx, who, r4.Slot, params)).resources
    return [one for one in found if not one.overbooked][:OFFERED]


async def _schedule(tx: Transaction, who: Subject, slot: r4.Slot) -> r4.Schedule:
    schedule = await store.read(tx, who, r4.Schedule, id_of(slot.schedule) or "")
    if schedule.active is False:
        raise Conflict(_("Bác sĩ này tạm ngừng nhận đặt lịch."), where="slot", advice=_("Chọn bác sĩ khác."))
    return schedule


async def _take(
    tx: Transaction,
    who: Subject,
    slot: r4.Slot,
    booking: r4.Appointment,
    former: str | None = None,
    *,
    fresh: bool = False,
) -> r4.Appointment:
    """Write the booking and the slot's status, all or nothing."""
    rules.check_kept(slot, who)
    if slot.status != FREE:
        raise SlotTaken(slot, await next_free(tx, who, slot))
    await overbooking.check(tx, who, slot)
    try:
        async with tx.savepoint():
            if fresh:
                kept = await store.create(tx, who, booking)
            else:
                kept = await store.update(tx, who, booking, if_match=version_of(booking))
            busy = msgspec.structs.replace(slot, status=BUSY)
            await _slot_moves_on(tx, who, busy, slot)
            if former:
                await _release(tx, who, former)
            return kept
    except (store.AlreadyExists, _SlotMovedOn, asyncpg.DeadlockDetectedError):
        raise SlotTaken(slot, await next_free(tx, who, slot)) from None


class _SlotMovedOn(Exception):  # noqa: N818 - not an error of anybody's, only the sign that another was faster
    pass


async def _slot_moves_on(tx: Transaction, who: Subject, changed: r4.Slot, seen: r4.Slot) -> None:
    try:
        await store.update(tx, who, changed, if_match=version_of(seen))
    except VersionConflict:
        raise _SlotMovedOn from None


async def _release(tx: Transaction, who: Subject, slot_id: str) -> None:
    """A slot that nobody holds any more is free, unless somebody closed it."""
    slot = await store.read(tx, who, r4.Slot, slot_id)
    if slot.status == BUSY:
        try:
            await store.update(tx, who, msgspec.structs.replace(slot, status=FREE), if_match=version_of(slot))
        except VersionConflict:  # it was closed this moment, and stays so
            return


async def _alone(tx: Transaction, who: Subject, booker: Guest | Known) -> None:
    """One booking of a telephone number (a patient) at a time, so that its open bookings are counted right."""
    of = booker.patient if isinstance(booker, Known) else booker.phone
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"{who.facility} bookings of {of}"))


def _awaited(booking: r4.Appointment) -> None:
    if booking.status != AWAITED:
        state = _(rules.STATES.get(booking.status or "", booking.status or ""))
        raise Conflict(_("Lịch hẹn này %(state)s nên không đổi được nữa.", state=state), where="status")


def _slot_of(booking: r4.Appointment) -> str:
    return id_of(booking.slot[0]) or "" if booking.slot else ""


def _minutes(slot: r4.Slot) -> int | None:
    if not slot.start or not slot.end:
        raise Invalid(_("Giờ khám không có thời gian."), where="slot")
    return clock.minutes_between(slot.start, slot.end) or None


def _participants(schedule: r4.Schedule) -> list[r4.AppointmentParticipant]:
    return [r4.AppointmentParticipant(actor=one, required="required", status="accepted") for one in schedule.actor]


def _appointment(
    slot: r4.Slot, schedule: r4.Schedule, booker: Guest | Known, *, channel: str, reason: str, now: datetime
) -> r4.Appointment:
    if isinstance(booker, Known):
        guest, named = None, r4.Reference(reference=f"Patient/{booker.patient}", display=booker.name)
    else:
        guest = booker.patient()
        named = r4.Reference(reference="#guest", display=guest.name[0].text if guest.name else None)
    return r4.Appointment(
        meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code=channel, display=rules.CHANNELS.get(channel))]),
        contained=[guest] if guest else None,
        identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=booking_code.new_code())],
        status=AWAITED,
        serviceType=slot.serviceType,
        specialty=slot.specialty,
        appointmentType=concept(systems.APPOINTMENT_REASON, "ROUTINE", "Khám thường"),
        reasonCode=[r4.CodeableConcept(text=reason)] if reason else None,
        start=slot.start,
        end=slot.end,
        minutesDuration=_minutes(slot),
        slot=[store.reference(slot)],
        created=stamp(now),
        participant=[
            r4.AppointmentParticipant(actor=named, required="required", status="accepted"),
            *_participants(schedule),
        ],
    )
