"""What stands of one patient in a ward's pack: facts, allergies, medicines, orders, measurements, results, notes. Pure.

The same lines are drawn as a page and as a sheet of paper. Words are Vietnamese: a paper.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TypeVar

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import stay as words
from benhan.hospital.chart.records.late import read as read_late
from benhan.hospital.visit import DIASTOLIC, SYSTOLIC, VITALS, code_of, display_of, full_name, identifier, plain
from benhan.hospital.vital_rules import figure

#: How much of each kind stands there; what is older is in the record.
LINES, RESULTS, NOTES, REPORTS, ORDERS = 12, 60, 8, 20, 40
_VOID = frozenset({"entered-in-error", "cancelled", "refuted", "unknown"})
_HIGH, _LOW = frozenset({"H", "HH", "HU"}), frozenset({"L", "LL", "LU"})
_ON = frozenset({"active", "on-hold"})
_ON_HOLD = "on-hold"


Ordered = TypeVar("Ordered", r4.MedicationRequest, r4.ServiceRequest)


class Records(msgspec.Struct):
    """The records of a stay, as they were read."""

    stay: r4.Encounter
    patient: r4.Patient
    allergies: list[r4.AllergyIntolerance] = []
    conditions: list[r4.Condition] = []
    medicines: list[r4.MedicationRequest] = []
    orders: list[r4.ServiceRequest] = []
    measured: list[r4.Observation] = []
    results: list[r4.Observation] = []
    reports: list[r4.DiagnosticReport] = []
    notes: list[r4.Composition] = []


class Bedside(msgspec.Struct, frozen=True, kw_only=True):
    """A patient of the ward as a pack shows her: lists of texts, in the order of the page."""

    name: str
    facts: list[str]
    number: str
    bed: str
    department: str
    admitted: str
    day: int
    doctor: str
    away: bool
    reason: str
    allergies: list[str]
    allergies_known: bool
    diagnoses: list[list[str]]
    warning: str
    warning_asks: str
    warning_at: str
    columns: list[str]
    measured: list[list[str]]
    medicines: list[list[str]]
    orders: list[list[str]]
    results: list[list[str]]
    reports: list[list[str]]
    notes: list[list[str]]


def bedside(of: Records, today: date) -> Bedside:
    """All of it."""
    stay, person = of.stay, of.patient
    sex = {"female": "Nữ", "male": "Nam"}.get(person.gender or "", "")
    score = _last_score(of.measured)
    rows = _rows([one for one in of.measured if code_of(one.code, systems.STAY) is None])
    columns = [name for name, _unit in VITALS.values() if any(name in row for _at, row in rows)]
    begun = words.began(stay)
    return Bedside(
        name=full_name(person), number=identifier(stay, systems.VISIT_NUMBER) or stay.id or "",
        facts=[one for one in (sex, clock.vn_date(person.birthDate), clock.age(person.birthDate, today)) if one],
        bed=words.bed_name(stay), department=words.department_name(stay),
        admitted=clock.vn_datetime(begun) if begun else "", day=words.days(stay, today), doctor=words.attending(stay),
        away=stay.status == words.AWAY,
        reason="; ".join(one.text for one in stay.reasonCode or [] if one.text),
        allergies=[display_of(one.code) for one in of.allergies if _counts(one) and display_of(one.code)],
        allergies_known=any(_counts(one) for one in of.allergies),
        diagnoses=[_diagnosis(one) for one in of.conditions if _counts(one)],
        warning=f"{display_of(score.code)} {score.valueInteger}" if score else "",
        warning_asks=next((display_of(one) for one in score.interpretation or []), "") if score else "",
        warning_at=clock.vn_datetime(score.effectiveDateTime) if score else "",
        columns=columns,
        measured=[[clock.vn_datetime(at), *(row.get(name, "") for name in columns)] for at, row in rows[:LINES]],
        medicines=[_medicine(one) for one in _newest(of.medicines) if one.status in _ON],
        orders=[_order(one) for one in _newest(of.orders) if one.status in _ON][:ORDERS],
        results=[_result(one) for one in _latest(of.results)][:RESULTS],
        reports=[_report(one) for one in of.reports if one.status not in _VOID][:REPORTS],
        notes=[_note(one) for one in of.notes if one.status in ("final", "amended")][:NOTES],
    )  # fmt: skip


def tone(records: Records) -> str:
    """How great the last score says the risk is: low, watch, medium, high; "" where there is none."""
    score = _last_score(records.measured)
    return next((code_of(one, systems.STAY) or "" for one in score.interpretation or []), "") if score else ""


def _counts(one: r4.Condition | r4.AllergyIntolerance) -> bool:
    codes = {coding.code for coding in (one.verificationStatus.coding or [])} if one.verificationStatus else set()
    return not _VOID & codes


def _diagnosis(one: r4.Condition) -> list[str]:
    return [code_of(one.code, systems.ICD10) or "", display_of(one.code)]


def _last_score(measured: Iterable[r4.Observation]) -> r4.Observation | None:
    scores = [one for one in measured if code_of(one.code, systems.STAY) and one.valueInteger is not None]
    return max(scores, key=_when, default=None)


def _rows(measured: Iterable[r4.Observation]) -> list[tuple[str, dict[str, str]]]:
    """Measurements of one time on one line, the newest first."""
    rows: dict[str, dict[str, str]] = {}
    for one in measured:
        name = VITALS.get(code_of(one.code, systems.LOINC) or "", ("", ""))[0]
        if name and one.effectiveDateTime and (text := _value(one)):
            rows.setdefault(one.effectiveDateTime, {})[name] = text
    return sorted(rows.items(), reverse=True)


def _value(one: r4.Observation) -> str:
    """What was measured, without its unit."""
    parts = {code_of(part.code, systems.LOINC): part.valueQuantity for part in one.component or []}
    if SYSTOLIC in parts or DIASTOLIC in parts:
        return "/".join(_number(parts.get(which)) or "–" for which in (SYSTOLIC, DIASTOLIC))
    if one.valueInteger is not None:
        return str(one.valueInteger)
    return _number(one.valueQuantity) or one.valueString or display_of(one.valueCodeableConcept)


def _number(quantity: r4.Quantity | None) -> str:
    if quantity is None or quantity.value is None:
        return ""
    return f"{quantity.comparator or ''}{figure(quantity.value)}"


def _medicine(one: r4.MedicationRequest) -> list[str]:
    named = display_of(one.medicationCodeableConcept) or (one.medicationReference or r4.Reference()).display or ""
    how = "; ".join(text for dose in one.dosageInstruction or [] if (text := dose.text or ""))
    held = "tạm ngưng" if one.status == _ON_HOLD else ""
    return [named, how, clock.vn_datetime(one.authoredOn), (one.requester or r4.Reference()).display or "", held]


def _order(one: r4.ServiceRequest) -> list[str]:
    return [display_of(one.code), clock.vn_datetime(one.authoredOn), (one.requester or r4.Reference()).display or ""]


def _result(one: r4.Observation) -> list[str]:
    """Name, value, unit, usual range, mark, when."""
    marks = {code_of(mark) or "" for mark in one.interpretation or []}
    mark = "cao" if marks & _HIGH else "thấp" if marks & _LOW else "bất thường" if marks & {"A", "AA", "POS"} else ""
    unit = (one.valueQuantity.unit or one.valueQuantity.code or "") if one.valueQuantity else ""
    usual = next((_range(bounds) for bounds in one.referenceRange or []), "")
    return [display_of(one.code), _value(one), unit, usual, mark, clock.vn_datetime(_when(one))]


def _range(bounds: r4.ObservationReferenceRange) -> str:
    low, high = _number(bounds.low), _number(bounds.high)
    return bounds.text or (f"{low}–{high}" if low and high else f"≥ {low}" if low else f"≤ {high}" if high else "")


def _report(one: r4.DiagnosticReport) -> list[str]:
    return [display_of(one.code), one.conclusion or "", clock.vn_datetime(one.issued or one.effectiveDateTime)]


def _note(one: r4.Composition) -> list[str]:
    """Title, when, who, what it says."""
    said = "\n".join(text for part in one.section or [] if (text := _section(part)))
    when, by = clock.vn_datetime(one.date), (one.author[0].display or "") if one.author else ""
    if (late := read_late(one)) is not None:
        when, by = f"viết trên giấy {clock.vn_datetime(late.written)}, nhập {when}", f"{late.written_by}, nhập: {by}"
    return [one.title or "", when, by, said]


def _section(part: r4.CompositionSection) -> str:
    text = plain(part.text).strip()
    return f"{part.title}: {text}" if part.title and text else text


def _latest(results: Iterable[r4.Observation]) -> list[r4.Observation]:
    """The last of each test, the newest first."""
    found: dict[str, r4.Observation] = {}
    for one in sorted(results, key=_when, reverse=True):
        if one.status not in _VOID:
            found.setdefault(code_of(one.code) or display_of(one.code), one)
    return list(found.values())


def _newest(asked: Iterable[Ordered]) -> list[Ordered]:
    return sorted(asked, key=lambda one: one.authoredOn or "", reverse=True)


def _when(one: r4.Observation) -> str:
    return one.effectiveDateTime or one.issued or ""
