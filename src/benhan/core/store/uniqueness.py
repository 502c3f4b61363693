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
#: A stay in one of these states holds its bed, and its person.
STAYING = frozenset({"planned", "in-progress", "onleave"})


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
        case r4.Encounter(status=status) if status != "cancelled":
            found |= {f"visit of {booking.reference}" for booking in resource.appointment or [] if booking.reference}
            found |= _stay(resource) if status in STAYING else set()
    return sorted(found)


def _stay(visit: r4.Encounter) -> set[str]:
    """Of the stays that this facility numbered a bed holds one, and a person is in one."""
    if not any(one.system == systems.VISIT_NUMBER for one in visit.identifier or []):
        return set()
    person = visit.subject.reference if visit.class_.code == "IMP" and visit.subject else None
    beds = {
        f"bed {one.location.reference}"
        for one in visit.location or []
        if one.status in ("active", "reserved") and one.location.reference and _is_bed(one.physicalType)
    }
    return beds | ({f"stay of {person}"} if person else set())


def _is_bed(kind: r4.CodeableConcept | None) -> bool:
    return any(
        one.system == systems.LOCATION_PHYSICAL_TYPE and one.code == "bd" for one in (kind.coding or [] if kind else [])
    )


def _identifiers(resource: r4.Resource) -> list[r4.Identifier]:
    value = getattr(resource, "identifier", None)
    if isinstance(value, r4.Identifier):
        return [value]
    return value or []
