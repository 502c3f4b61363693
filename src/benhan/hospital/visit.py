"""The words of a visit that all departments share: codes, states, and how to read and make their resources.

A visit is an `Encounter`; its place in a queue is a `Task` (ticket); what is written about it is a `Composition`.
Source: QĐ 1313/QĐ-BYT (steps of an outpatient visit); HL7 FHIR R4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from html import escape, unescape

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import persons
from benhan.core.kit.clock import ZONE, local

#: Read alike by all departments and by core.
full_name, identifier, phone_of = persons.full_name, persons.identifier, persons.phone_of

# ── Places ─────────────────────────────────────────────────────────────────────────────────────────────────────
CLINIC, LABORATORY, IMAGING, RECEPTION, EMERGENCY = (
    "clinic",
    "laboratory",
    "imaging",
    "reception",
    "emergency",
)

# ── Tickets ────────────────────────────────────────────────────────────────────────────────────────────────────
TICKET = r4.CodeableConcept(coding=[r4.Coding(system=systems.QUEUE, code="ticket", display="Phiếu chờ")])
#: The code of a Task by which a patient asks to be seen at a distance.
REMOTE_REQUEST = "remote"
#: How long before its time the waiting room of a video consultation opens.
ROOM_OPENS = timedelta(minutes=15)
WAITING, CALLED, SERVED, DONE, SKIPPED = "requested", "ready", "in-progress", "completed", "on-hold"
#: First letter of a ticket number, by kind of place and, in a clinic, by priority.
SERIES = {"routine": "N", "urgent": "U", "stat": "C", LABORATORY: "X", IMAGING: "H"}
#: Who is served first. Source: Law 15/2023 art. 3 (priority in examination): emergency, children under 6, severe
#: disability, 75 and older, pregnant women, people of merit.
PRIORITY_GROUPS = {
    "cap-cuu": "Cấp cứu",
    "tre-duoi-6": "Trẻ dưới 6 tuổi",
    "tu-75-tuoi": "Từ 75 tuổi",
    "khuyet-tat": "Khuyết tật nặng",
    "co-thai": "Phụ nữ có thai",
    "nguoi-co-cong": "Người có công",
}

# ── Vital signs: LOINC → name on screens, UCUM unit ────────────────────────────────────────────────────────────
PULSE, TEMPERATURE, BLOOD_PRESSURE, BREATHING, SPO2, WEIGHT, HEIGHT, BMI = (
    "8867-4", "8310-5", "85354-9", "9279-1", "59408-5", "29463-7", "8302-2", "39156-5",
)  # fmt: skip
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"
VITALS = {
    PULSE: ("Mạch", "/min"),
    TEMPERATURE: ("Nhiệt độ", "Cel"),
    BLOOD_PRESSURE: ("Huyết áp", "mm[Hg]"),
    BREATHING: ("Nhịp thở", "/min"),
    SPO2: ("SpO₂", "%"),
    WEIGHT: ("Cân nặng", "kg"),
    HEIGHT: ("Chiều cao", "cm"),
    BMI: ("BMI", "kg/m2"),
}

# ── The note ───────────────────────────────────────────────────────────────────────────────────────────────────
NOTE = "11488-4"
REASON, ILLNESS, PAST, EXAMINATION, ADVICE = "10154-3", "10164-2", "11348-0", "29545-1", "18776-5"
SECTIONS = {
    REASON: "Lý do khám",
    ILLNESS: "Bệnh sử",
    PAST: "Tiền sử",
    EXAMINATION: "Khám",
    ADVICE: "Lời dặn",
}

# ── Outcome of a visit ─────────────────────────────────────────────────────────────────────────────────────────
OUTCOMES = {"home": "Cho về", "revisit": "Hẹn tái khám", "refer": "Chuyển cơ sở khác", "admit": "Nhập viện"}

# ── Orders ─────────────────────────────────────────────────────────────────────────────────────────────────────
ORDER_CATEGORIES = {LABORATORY: "Xét nghiệm", IMAGING: "Chẩn đoán hình ảnh"}


def concept(system: str, code: str, display: str | None = None) -> r4.CodeableConcept:
    """A CodeableConcept of one code, its display also as text."""
    return r4.CodeableConcept(coding=[r4.Coding(system=system, code=code, display=display)], text=display)


def code_of(concept: r4.CodeableConcept | None, system: str | None = None) -> str | None:
    """The code of a concept (in a system, where one is named)."""
    for coding in (concept.coding or []) if concept else []:
        if coding.code and system in (None, coding.system):
            return coding.code
    return None


def display_of(concept: r4.CodeableConcept | None) -> str:
    """The text a person reads for a concept."""
    if concept is None:
        return ""
    return concept.text or next((c.display or c.code or "" for c in concept.coding or []), "")


def id_of(reference: r4.Reference | None) -> str | None:
    """The id at the end of a relative reference."""
    return reference.reference.rpartition("/")[2] if reference and reference.reference else None


def human_name(text: str) -> r4.HumanName:
    """A written name as FHIR keeps it: family first, the rest given."""
    family, *given = text.split()
    return r4.HumanName(use="official", text=text, family=family, given=given or None)


def birth_date(patient: r4.Patient) -> date | None:
    """The birth date where it is known to the day."""
    return date.fromisoformat(patient.birthDate) if patient.birthDate and len(patient.birthDate) == 10 else None


def moment(text: str | None) -> datetime | None:
    """A FHIR dateTime or instant in Vietnam's time; None where there is none or it is only a date."""
    return local(text) if text and "T" in text else None


def stamp(when: datetime) -> str:
    """A FHIR dateTime with Vietnam's offset, to the second."""
    return when.astimezone(ZONE).isoformat(timespec="seconds")


def narrative(text: str) -> r4.Narrative:
    """Plain text as the XHTML that FHIR wants; markup in it stays inert."""
    body = escape(text).replace("\n", "<br/>")
    return r4.Narrative(status="additional", div=f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>')


def plain(text: r4.Narrative | None) -> str:
    """The plain text of a narrative written by `narrative`."""
    if text is None or not text.div:
        return ""
    body = re.sub(r"<br\s*/?>", "\n", text.div)
    return unescape(re.sub(r"<[^>]+>", "", body))


def section_text(note: r4.Composition, code: str) -> str:
    """What one section of the note says; empty where it is not written."""
    for section in note.section or []:
        if code_of(section.code, systems.LOINC) == code:
            return plain(section.text)
    return ""


def ticket_number(ticket: r4.Task) -> str:
    """What the person is called by: the `N-047` at the end of the day's identifier."""
    value = identifier(ticket, systems.TICKET) or ""
    return value.rpartition("/")[2]


def ticket_identifier(day: date, number: str) -> r4.Identifier:
    """The identifier of a ticket: unique in a facility by day and number, e.g. `2026-11-21/N-047`."""
    return r4.Identifier(system=systems.TICKET, value=f"{day.isoformat()}/{number}")


def in_state(visit: r4.Encounter, status: str, since: datetime) -> r4.Encounter:
    """The visit in a new state; the former state is kept in `statusHistory` with its times."""
    entered = visit.statusHistory[-1].period.end if visit.statusHistory else None
    started = entered or (visit.period.start if visit.period else None)
    former = r4.EncounterStatusHistory(status=visit.status, period=r4.Period(start=started, end=stamp(since)))
    return msgspec.structs.replace(visit, status=status, statusHistory=[*(visit.statusHistory or []), former])


def state_began(visit: r4.Encounter, status: str) -> datetime | None:
    """When the visit entered a state."""
    for former in visit.statusHistory or []:
        if former.status == status:
            return moment(former.period.start)
    if visit.status != status:
        return None
    if visit.statusHistory:
        return moment(visit.statusHistory[-1].period.end)
    return moment(visit.period.start) if visit.period else None


def observation(
    patient: str,
    visit: str,
    code: r4.CodeableConcept,
    category: str,
    when: datetime,
    *,
    performer: Sequence[r4.Reference] = (),
) -> r4.Observation:
    """A final Observation of a visit, without its value."""
    return r4.Observation(
        status="final",
        category=[concept(systems.OBSERVATION_CATEGORY, category)],
        code=code,
        subject=r4.Reference(reference=f"Patient/{patient}"),
        encounter=r4.Reference(reference=f"Encounter/{visit}"),
        effectiveDateTime=stamp(when),
        performer=list(performer) or None,
    )
