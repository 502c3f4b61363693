"""Words that many records of a hospital share, each made once: rooms, specialties, codes."""

from __future__ import annotations

from functools import cache

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import LABORATORY, NOTE, ORDER_CATEGORIES, OUTCOMES, PRIORITY_GROUPS, SECTIONS, concept
from benhan.simulator import plan, services
from benhan.simulator.house import service_id, specialty_name


def doctor(one: plan.Staff) -> r4.Reference:
    """A doctor with her title."""
    return r4.Reference(reference=f"Practitioner/{one.id}", display=f"{one.title} {one.name}")


@cache
def actors(staff: str, room_code: str) -> list[r4.AppointmentParticipant]:
    """Whom a booking is with: the specialty, the doctor, the room."""
    who = next(one for one in plan.STAFF if one.key == staff)
    found = [
        r4.Reference(reference=f"HealthcareService/{service_id(who.specialty)}", display=specialty_name(who.specialty)),
        r4.Reference(reference=f"Practitioner/{who.id}", display=who.name),
        room(room_code),
    ]
    return [r4.AppointmentParticipant(actor=one, required="required", status="accepted") for one in found]


@cache
def room(code: str) -> r4.Reference:
    """A room by the code on its door."""
    room = next(room for room in plan.ROOMS if room.code == code)
    return r4.Reference(reference=f"Location/{room.id}", display=room.name)


@cache
def specialty(key: str) -> r4.CodeableConcept:
    """A specialty by its key."""
    return concept(systems.SPECIALTY, key, specialty_name(key))


@cache
def visit_class(code: str) -> r4.Coding:
    """AMB or EMER."""
    return r4.Coding(system=systems.ACT_CODE, code=code, display={"AMB": "ambulatory", "EMER": "emergency"}[code])


@cache
def disposition(outcome: str) -> r4.CodeableConcept:
    """How a visit ended."""
    return concept(systems.OUTCOME, outcome, OUTCOMES[outcome])


@cache
def service(code: str) -> r4.CodeableConcept:
    """A service of the Ministry's list."""
    return concept(systems.SERVICES, code, services.service(code).name)


@cache
def category(kind: str) -> r4.CodeableConcept:
    """Kind of an order."""
    return concept(systems.OBSERVATION_CATEGORY, kind, ORDER_CATEGORIES[kind])


@cache
def report_category(kind: str) -> r4.CodeableConcept:
    """Kind of a report."""
    return concept(systems.DIAGNOSTIC_SERVICE, "LAB" if kind == LABORATORY else "RAD", ORDER_CATEGORIES[kind])


@cache
def observed(kind: str) -> r4.CodeableConcept:
    """Kind of a result."""
    return concept(systems.OBSERVATION_CATEGORY, kind)


@cache
def analyte(loinc: str, name: str) -> r4.CodeableConcept:
    """What was measured."""
    return concept(systems.LOINC, loinc, name)


@cache
def flag(code: str) -> r4.CodeableConcept:
    """How a value stands to what is normal."""
    names = {"H": "Cao", "L": "Thấp", "HH": "Rất cao", "LL": "Rất thấp", "A": "Bất thường"}
    return concept(systems.INTERPRETATION, code, names[code])


@cache
def group(key: str) -> r4.CodeableConcept:
    """Why somebody is served first."""
    return concept(systems.PRIORITY_GROUP, key, PRIORITY_GROUPS[key])


@cache
def section(code: str) -> r4.CodeableConcept:
    """A section of the note."""
    return concept(systems.LOINC, code, SECTIONS[code])


@cache
def rank_name(main: bool) -> r4.CodeableConcept:
    """Main or accompanying diagnosis."""
    return concept(systems.DIAGNOSIS_ROLE, *(("DD", "Chẩn đoán chính") if main else ("CM", "Chẩn đoán kèm theo")))


@cache
def note_type() -> r4.CodeableConcept:
    """The outpatient note."""
    return concept(systems.LOINC, NOTE, "Phiếu khám bệnh")


@cache
def called() -> r4.CodeableConcept:
    """The mark of a call."""
    return concept(systems.QUEUE, "called", "Đã gọi")


@cache
def examiner() -> r4.CodeableConcept:
    """The doctor who examines."""
    return concept(systems.PARTICIPATION, "PPRF", "Bác sĩ khám")


@cache
def active() -> r4.CodeableConcept:
    """Clinical status of a diagnosis."""
    return concept(systems.CONDITION_CLINICAL, "active")


@cache
def confirmed() -> r4.CodeableConcept:
    """Certainty of a diagnosis."""
    return concept(systems.CONDITION_VERIFICATION, "confirmed")


@cache
def encounter_diagnosis() -> r4.CodeableConcept:
    """Category of a diagnosis of a visit."""
    return concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")
