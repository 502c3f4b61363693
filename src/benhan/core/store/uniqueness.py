"""What may exist only once in a facility. The store holds it for every door, by a primary key."""

from __future__ import annotations

from benhan.core.fhir import codec, r4, systems

#: Identifiers that name one record of their type at a facility.
UNIQUE_IDENTIFIERS = frozenset(
    {
        systems.CCCD,
        systems.PATIENT_NUMBER,
        systems.BOOKING_CODE,
        systems.VISIT_NUMBER,
        systems.TICKET,
        systems.ORDER_NUMBER,
        systems.ACCESSION_NUMBER,
        systems.SAMPLE_NUMBER,
        systems.PROVIDER_CODE,
        systems.ROOM_CODE,
        systems.MEDICINE_CODE,
    }
)
#: A booking in one of these states holds its slot.
HOLDING = frozenset({"proposed", "pending", "booked", "arrived", "fulfilled", "checked-in"})


def once(resource: r4.Resource) -> list[str]:
    """Everything about this record that no other record of the facility may share."""
    found = {
        f"{codec.type_name(resource)} {identifier.system}|{identifier.value}"
        for identifier in _identifiers(resource)
        if identifier.system in UNIQUE_IDENTIFIERS and identifier.value
    }
    match resource:
        case r4.Patient(active=False):
            found = {what for what in found if systems.CCCD not in what}
        case r4.Appointment(status=status, slot=slots) if status in HOLDING and slots:
            found |= {f"slot {slot.reference}" for slot in slots if slot.reference}
        case r4.Encounter(appointment=bookings, status=status) if bookings and status != "cancelled":
            found |= {f"visit of {booking.reference}" for booking in bookings if booking.reference}
    return sorted(found)


def _identifiers(resource: r4.Resource) -> list[r4.Identifier]:
    value = getattr(resource, "identifier", None)
    if isinstance(value, r4.Identifier):
        return [value]
    return value or []
