"""Bookings, as the public page and the conclusion of a visit make them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final

from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import day_bounds
from benhan.hospital.booking_code import ALPHABET, _check
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import plan, words
from benhan.simulator.drafts import Draft
from benhan.simulator.house import schedule_id
from benhan.simulator.people import Person

#: Has no factor in common with 31⁷, so different places have different codes.
SCATTER: Final = 11_400_714_819
CHANNEL_NAMES: Final = {"web": "qua mạng", "zalo": "qua Zalo", "phone": "gọi điện"}


def appointment(
    doctor: plan.Staff, room: plan.Room, start: datetime, *, id_: str, status: str, channel: str,
    reason: str, person: r4.AppointmentParticipant, created: datetime, guest: r4.Patient | None = None,
) -> r4.Appointment:  # fmt: skip
    """A booking, as the public page makes it."""
    return r4.Appointment(
        id=id_,
        meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code=channel, display=CHANNEL_NAMES[channel])]),
        contained=[guest] if guest else None,
        identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=booking_code(doctor, start))],
        status=status,
        serviceType=[words.specialty(doctor.specialty)],
        specialty=[words.specialty(doctor.specialty)],
        appointmentType=concept(systems.APPOINTMENT_REASON, "ROUTINE", "Khám thường"),
        reasonCode=[r4.CodeableConcept(text=reason)],
        start=stamp(start),
        end=stamp(start + timedelta(minutes=plan.SLOT_MINUTES)),
        minutesDuration=plan.SLOT_MINUTES,
        slot=[r4.Reference(reference=f"Slot/{schedule_id(doctor)}-{start:%Y%m%d-%H%M}")],
        created=stamp(created),
        participant=[person, *words.actors(doctor.key, room.code)],
    )


def guest_of(one: Person) -> r4.Patient:
    """What somebody tells of herself when she books."""
    return r4.Patient(
        id="guest",
        identifier=[r4.Identifier(system=systems.CCCD, value=one.citizen_number)] if one.number % 3 else None,
        name=[human_name(one.name)],
        telecom=[r4.ContactPoint(system="phone", value=one.phone, use="mobile")],
        gender=one.gender,
        birthDate=one.born.isoformat(),
    )


def follow_up(draft: Draft, day: date) -> r4.Appointment:
    """The next visit that the doctor proposed."""
    first, last = day_bounds(day)
    people = [
        r4.AppointmentParticipant(actor=draft.subject, status="accepted"),
        r4.AppointmentParticipant(actor=draft.doctor, status="accepted"),
    ]
    return r4.Appointment(
        id=f"{draft.visit.id}-tk",
        status="proposed",
        meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code="desk", display="Tại bệnh viện")]),
        appointmentType=concept(systems.APPOINTMENT_REASON, "FOLLOWUP", "Tái khám"),
        reasonCode=[r4.CodeableConcept(text="Tái khám")],
        supportingInformation=[draft.encounter],
        created=stamp(draft.visit.ended),
        requestedPeriod=[r4.Period(start=stamp(first), end=stamp(last))],
        participant=people,
    )


def booking_code(doctor: plan.Staff, start: datetime) -> str:
    """The booking code of a slot with its check character: scattered over all codes, never that of another slot."""
    place = int(start.timestamp()) // 60 * len(plan.STAFF) + plan.STAFF.index(doctor)
    number = place * SCATTER % len(ALPHABET) ** 7
    body = ""
    for _digit in range(7):
        number, rest = divmod(number, len(ALPHABET))
        body += ALPHABET[rest]
    whole = body + _check(body)
    return f"DK-{whole[:4]}-{whole[4:]}"
