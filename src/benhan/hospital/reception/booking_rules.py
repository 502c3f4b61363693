"""What may be booked, by whom and how often; the booking code; the calendar file. Pure.

Fair use by the public: at most `MOST_OPEN` open bookings of one telephone number (in the app, of one patient) and
`MOST_TRIES` bookings a day, slots from now on and no further than `FURTHEST`. A code alone proves nothing: the
telephone number or the birth date must be told too, and after `MOST_PROOFS` tries within an hour nobody is heard for
the rest of that hour.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

import msgspec

from benhan.core.access import Role, Subject
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.core.kit.text import clip, title_name
from benhan.core.language import _, later
from benhan.hospital.visit import concept, full_name, human_name, identifier, moment, phone_of

FURTHEST = timedelta(days=60)
MOST_OPEN = 3
MOST_TRIES = 10
MOST_PROOFS = 6
#: A booking may be moved or cancelled by the patient until so long before its time.
LAST_CHANGE = timedelta(minutes=30)

FREE, BUSY, CLOSED = "free", "busy", "busy-unavailable"
#: States in which a booking holds its slot and the person has not come yet.
AWAITED = "booked"
#: Why a slot is not for who books by herself (appointmentType of Slot).
KEPT_FOR_DESK = concept(systems.APPOINTMENT_REASON, "WALKIN", "Dành cho quầy và điện thoại")
#: A revisit that a doctor asked for without a slot; people come some days before or after.
PROPOSED, AROUND = "proposed", timedelta(days=7)
CHANNELS = {"web": later("qua mạng"), "zalo": later("qua Zalo"), "phone": later("gọi điện"), "desk": later("tại quầy")}
STATES = {
    "booked": later("đã đặt"),
    "arrived": later("đã tới"),
    "fulfilled": later("đã khám"),
    "cancelled": later("đã huỷ"),
    "noshow": later("không tới"),
}


class Guest(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who books and is not matched with a record yet. `birth` is a FHIR date, maybe only a year."""

    name: str
    birth: str
    phone: str
    gender: str | None = None
    cccd: str | None = None

    def patient(self) -> r4.Patient:
        """The contained Patient of the booking."""
        return r4.Patient(
            id="guest",
            identifier=[r4.Identifier(system=systems.CCCD, value=self.cccd)] if self.cccd else None,
            name=[human_name(title_name(self.name) if self.name.isupper() else self.name)],
            telecom=[r4.ContactPoint(system="phone", value=self.phone, use="mobile")],
            gender=self.gender,
            birthDate=self.birth,
        )


class Payer(StrEnum):
    """Who pays, as it was chosen when it was booked; the desk looks at the card all the same."""

    INSURANCE = "insurance"
    SELF = "self"


PAYERS = {Payer.INSURANCE: later("khám BHYT"), Payer.SELF: later("tự trả")}


class Known(msgspec.Struct, frozen=True):
    """A patient of the house who books: the id of her record, her name."""

    patient: str
    name: str


class SlotTaken(Conflict):
    """The slot cannot be had; `others` are the next free ones."""

    def __init__(self, slot: r4.Slot, others: Sequence[r4.Slot]) -> None:
        when = clock.vn_datetime(moment(slot.start))
        times = ", ".join(clock.vn_datetime(moment(one.start)) for one in others)
        super().__init__(
            _("Giờ %(when)s vừa có người khác đặt.", when=when),
            advice=_("Còn trống gần nhất: %(times)s.", times=times) if times else _("Chọn ngày hoặc bác sĩ khác."),
        )
        self.others = list(others)


# Who, when


def guest_of(booking: r4.Appointment) -> r4.Patient | None:
    """The guest who booked, while no record is matched."""
    return next((one for one in booking.contained or [] if isinstance(one, r4.Patient) and one.id == "guest"), None)


def booker_name(booking: r4.Appointment) -> str:
    """The name of who booked."""
    guest = guest_of(booking)
    if guest:
        return full_name(guest)
    return actor(booking, "Patient").display or ""


def actor(booking: r4.Appointment | r4.Schedule, type_: str) -> r4.Reference:
    """The participant (or actor) of a type; an empty reference where there is none."""
    found = [one.actor for one in booking.participant] if isinstance(booking, r4.Appointment) else booking.actor
    return next((one for one in found if one and (one.reference or "").startswith(f"{type_}/")), r4.Reference())


def wished_day(proposal: r4.Appointment) -> date | None:
    """The day that a revisit without a slot is asked for."""
    start = moment(next((period.start for period in proposal.requestedPeriod or []), None))
    return start.date() if start else None


def code_of_booking(booking: r4.Appointment) -> str:
    """The booking code."""
    return identifier(booking, systems.BOOKING_CODE) or ""


def channel_of(booking: r4.Appointment) -> str:
    """By which way it was booked: web, zalo, phone, desk."""
    tags = (booking.meta.tag or []) if booking.meta else []
    return next((tag.code for tag in tags if tag.system == systems.CHANNEL and tag.code), "")


def payer_said(payer: Payer) -> r4.Extension:
    """Who pays, as the booking carries it."""
    return r4.Extension(url=systems.EXTENSION_PAYER, valueCode=payer)


def payer_of(booking: r4.Appointment) -> Payer | None:
    """Who pays; None: it was not asked."""
    said = next((one.valueCode for one in booking.extension or [] if one.url == systems.EXTENSION_PAYER), None)
    return Payer(said) if said in set(Payer) else None


def start_of(record: r4.Slot | r4.Appointment) -> datetime:
    """When it begins, in Vietnam's time.

    Raises:
        ValueError: it has no time.
    """
    when = moment(record.start)
    if when is None:
        raise ValueError(f"{record.id} without a start")
    return when


def check_slot(slot: r4.Slot, now: datetime) -> None:
    """Whether the slot lies where one may book; says nothing about whether it is free.

    Raises:
        Invalid: it has passed, or is too far ahead.
    """
    start = start_of(slot)
    if start <= now:
        raise Invalid(_("Giờ này đã qua."), where="slot", advice=_("Chọn một giờ khác."))
    if start > now + FURTHEST:
        raise Invalid(
            _("Chỉ đặt được trong %(n)s ngày tới.", n=FURTHEST.days), where="slot", advice=_("Chọn một ngày gần hơn.")
        )


def offered(who: Subject) -> dict[str, str]:
    """What narrows a search of free slots to those that may be had by who asks."""
    return {"appointment-type:missing": "true"} if Role.BOOKING_SERVICE in who.roles else {}


def check_kept(slot: r4.Slot, who: Subject) -> None:
    """Whether who asks may have this slot.

    Raises:
        Invalid: it is kept for the desk and the telephone, and she books by herself.
    """
    if slot.appointmentType and Role.BOOKING_SERVICE in who.roles:
        raise Invalid(
            _("Giờ này dành cho người đặt tại quầy hoặc qua điện thoại."), where="slot", advice=_("Chọn một giờ khác.")
        )


def check_guest(guest: Guest, today: date) -> None:
    """What a guest tells of herself must be possible.

    Raises:
        Invalid: the name is no name, the birth date lies ahead, the CCCD is not 12 digits.
    """
    if not 2 <= len(guest.name) <= 80 or not any(sign.isalpha() for sign in guest.name):
        raise Invalid(_("Nhập họ và tên của người đi khám."), where="name")
    if clock.fhir_date_bounds(guest.birth)[0] > today:
        raise Invalid(_("Ngày sinh ở tương lai."), where="birth")
    if clock.age_years(guest.birth, today) > 130:
        raise Invalid(_("Ngày sinh quá xa."), where="birth")
    if guest.cccd and not re.fullmatch(r"\d{12}", guest.cccd, re.ASCII):
        raise Invalid(_("Số CCCD gồm 12 chữ số."), where="cccd")


def check_open(held: int, booker: Guest | Known) -> None:
    """Whether she may have one booking more.

    Raises:
        Conflict: she has enough.
    """
    if held < MOST_OPEN:
        return
    known = isinstance(booker, Known)
    many = _("Người bệnh này đã có %(n)s lịch hẹn chưa khám.", n=held)
    raise Conflict(
        many if known else _("Số điện thoại này đã có %(n)s lịch hẹn chưa khám.", n=held),
        where="patient" if known else "phone",
        advice=_("Huỷ hoặc đổi một lịch đã đặt, hoặc gọi cho bệnh viện."),
    )


def may_change(booking: r4.Appointment, now: datetime) -> bool:
    """Whether the patient may still move or cancel it herself."""
    return booking.status == AWAITED and start_of(booking) - now >= LAST_CHANGE


# Proof


def proves(booking: r4.Appointment, phone: str | None, birth: str | None) -> bool:
    """Whether somebody who tells this telephone number or birth date is the one who booked."""
    guest = guest_of(booking)
    if guest is None:
        return False
    known_phone, known_birth = phone_of(guest) or "", guest.birthDate or ""
    by_phone = bool(phone) and compare_digest((phone or "").encode(), known_phone.encode())
    by_birth = bool(birth) and compare_digest((birth or "").encode(), known_birth.encode())
    return by_phone or by_birth


# The calendar file


def calendar(booking: r4.Appointment, facility: str, stamp: datetime) -> str:
    """The booking as iCalendar. Standard: RFC 5545, sections 3.1 (folding), 3.3.11 (escaping), 3.6.1."""
    start, code = start_of(booking), code_of_booking(booking)
    end = moment(booking.end) or start + timedelta(minutes=15)
    place = ", ".join(text for text in (actor(booking, "Location").display, facility) if text)
    service = actor(booking, "HealthcareService").display or ""
    doctor = actor(booking, "Practitioner").display or ""
    lines = [
        "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Benhan//Booking//VI", "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{code}@benhan",
        f"DTSTAMP:{_utc(stamp)}",
        f"DTSTART:{_utc(start)}",
        f"DTEND:{_utc(end)}",
        f"SUMMARY:{_escaped(f'Khám {service}')}",
        f"LOCATION:{_escaped(place)}",
        f"DESCRIPTION:{_escaped(f'Mã đặt khám {code}. {doctor}. Đến trước giờ hẹn 15 phút, mang CCCD.')}",
        f"STATUS:{'CANCELLED' if booking.status == 'cancelled' else 'CONFIRMED'}",
        "BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT2H", f"DESCRIPTION:{_escaped(f'Khám {service}')}", "END:VALARM",
        "END:VEVENT", "END:VCALENDAR",
    ]  # fmt: skip
    return "".join(f"{_folded(line)}\r\n" for line in lines)


def _utc(when: datetime) -> str:
    return f"{clock.utc(when):%Y%m%dT%H%M%SZ}"


def _escaped(text: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", clip(text, 300)).replace("\n", "\\n")


def _folded(line: str) -> str:
    """At most 75 bytes a line; never inside a letter."""
    parts, size = [""], 0
    for sign in line:
        length = len(sign.encode())
        if size + length > 74:
            parts.append("")
            size = 1
        parts[-1] += sign
        size += length
    return "\r\n ".join(parts)
