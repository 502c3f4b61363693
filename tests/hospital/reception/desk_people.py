"""People and bookings for the tests of the desk: made through the store, each different from all others."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital.booking_code import new_code
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import House

_count = itertools.count(1)


def citizen_number() -> str:
    """A citizen number nobody has yet, of a woman born in 1980."""
    return f"001180{next(_count):06d}"


def telephone() -> str:
    """A telephone number nobody has yet."""
    return f"09{next(_count):08d}"


async def patient(
    tx: Transaction,
    house: House,
    name: str = "Đặng Thị Tâm",
    *,
    birth: str | None = "1980-02-03",
    number: str | None = None,
    phone: str | None = None,
    gender: str = "female",
) -> r4.Patient:
    """A record at the hospital."""
    return await store.create(
        tx, house.subject(Role.RECEPTION),
        r4.Patient(
            active=True,
            identifier=[r4.Identifier(system=systems.CCCD, value=number)] if number else None,
            name=[human_name(name)],
            birthDate=birth,
            gender=gender,
            telecom=[r4.ContactPoint(system="phone", value=phone)] if phone else None,
        ),
    )  # fmt: skip


async def booking(
    tx: Transaction,
    house: House,
    *,
    name: str = "Đặng Thị Tâm",
    birth: str = "1980-02-03",
    phone: str | None = None,
    number: str | None = None,
    room: str = "phong-pk04",
    at: datetime | None = None,
) -> r4.Appointment:
    """A booking by a guest, for today unless told."""
    start = at or clock.now() + timedelta(minutes=1)
    guest = r4.Patient(
        id="guest", name=[human_name(name)], birthDate=birth, gender="female",
        identifier=[r4.Identifier(system=systems.CCCD, value=number)] if number else None,
        telecom=[r4.ContactPoint(system="phone", value=phone or telephone())],
    )  # fmt: skip
    return await store.create(
        tx, house.subject(Role.RECEPTION),
        r4.Appointment(
            contained=[guest],
            identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=new_code())],
            meta=r4.Meta(tag=[r4.Coding(system=systems.CHANNEL, code="zalo")]),
            status="booked",
            specialty=[concept(systems.SPECIALTY, "noi", "Nội tổng quát")],
            reasonCode=[r4.CodeableConcept(text="Ho, sốt nhẹ 3 ngày")],
            start=stamp(start),
            end=stamp(start + timedelta(minutes=20)),
            participant=[
                r4.AppointmentParticipant(actor=r4.Reference(reference="#guest", display=name), status="accepted"),
                r4.AppointmentParticipant(actor=r4.Reference(reference=f"Location/{room}"), status="accepted"),
                r4.AppointmentParticipant(
                    actor=r4.Reference(reference="Practitioner/nv-bs02", display="Trần Quốc Bảo"), status="accepted"
                ),
            ],
        ),
    )  # fmt: skip


def card(number: str, name: str = "ĐẶNG THỊ TÂM", birth: str = "03021980", gender: str = "Nữ") -> str:
    """What a scanner types of a citizen card."""
    return f"{number}||{name}|{birth}|{gender}|Thôn 1, Xã Phú Xuyên, Thành phố Hà Nội|01012022"
