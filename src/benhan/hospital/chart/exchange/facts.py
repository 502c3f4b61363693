"""A closed record as flat names, for the mapping: what it answers, its visit, its patient, what was ordered and found.

Dates are dd/mm/yyyy, times `dd/mm/yyyy HH:MM:SS.mmm`. Source: CV 365 appendix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital import stay as words
from benhan.hospital.chart.records import closing, gathering, kept
from benhan.hospital.chart.records.clocks import department
from benhan.hospital.chart.records.closing import Signed
from benhan.hospital.chart.records.kept import Kept
from benhan.hospital.chart.records.life import State
from benhan.hospital.chart.records.view import words as shown
from benhan.hospital.visit import (
    BREATHING,
    DIASTOLIC,
    HEIGHT,
    PULSE,
    SYSTOLIC,
    TEMPERATURE,
    WEIGHT,
    code_of,
    display_of,
    id_of,
    identifier,
    moment,
    phone_of,
    plain,
)
from benhan.hospital.vital_rules import figure

_MOST: Final = "1000"
_RELEASED: Final = frozenset({"final", "amended", "corrected"})
_VITALS: Final = {
    PULSE: "pulse", TEMPERATURE: "temperature", BREATHING: "breathing", WEIGHT: "weight", HEIGHT: "height",
}  # fmt: skip
_IMAGING: Final = frozenset({"RAD", "IMG", "CT", "MR", "US", "XRC"})


class Collected(msgspec.Struct, frozen=True):
    """A record with what it was collected from, and its names."""

    facts: gathering.Facts
    kept: Kept
    signatures: Sequence[Signed]
    names: dict[str, Any]


async def collect(tx: Transaction, who: Subject, visit: str) -> Collected:
    """Everything that the mapping may ask of a closed record.

    Raises:
        NotFound: the visit has no record; Conflict: it is not closed; Forbidden: she may not read it.
    """
    found = await gathering.facts(tx, who, visit)
    there = await kept.the(tx, who, visit)
    if there.state is not State.CLOSED:
        raise Conflict(_("Hồ sơ chưa đóng nên chưa xuất được."), advice=_("Đóng, ký hồ sơ rồi xuất."))
    signatures = await closing.signed(tx, who, there.record)
    here = {"encounter": f"Encounter/{visit}", "_count": _MOST}
    medicines = (await store.search(tx, who, r4.MedicationRequest, here)).resources
    measured = (await store.search(tx, who, r4.Observation, here)).resources
    houses = await store.read_many(tx, who, r4.Organization, [words.department(found.visit)])
    names = {
        **_visit(found, next(iter(houses.values()), None)), **_patient(found), **_form(there),
        **_record(there, signatures), **_lists(found, medicines, measured),
    }  # fmt: skip
    return Collected(found, there, signatures, names)


def _record(there: Kept, signatures: Sequence[Signed]) -> dict[str, Any]:
    return {
        "record.kind": f"BA-{there.form.code.partition('/')[0]}", "record.id": there.record.id,
        "record.doctor": (there.record.author or r4.Reference()).display or "",
        "record.signer": signatures[-1].name if signatures else "",
    }  # fmt: skip


def _visit(found: gathering.Facts, house: r4.Organization | None) -> dict[str, Any]:
    visit = found.visit
    began, ended = words.began(visit), words.ended(visit)
    return {
        "visit.number": found.number, "visit.admitted": _time(visit.period.start if visit.period else None),
        "visit.discharged": _time(visit.period.end if visit.period else None),
        "visit.department": (house.name if house else None) or department(visit),
        "visit.department-code": (identifier(house, systems.DEPARTMENT_CODE) or "") if house else "",
        "visit.bed": next((one.name for one in reversed(words.stretches(visit, words.BED))), ""),
        "visit.days": str((ended.date() - began.date()).days) if began and ended else "",
        "departments": [
            {
                "name": one.name, "from": _time(one.began.isoformat()) if one.began else "",
                "days": str((one.ended.date() - one.began.date()).days) if one.began and one.ended else "",
            }
            for one in words.stretches(visit, words.WARD)
        ],
    }  # fmt: skip


def _patient(found: gathering.Facts) -> dict[str, Any]:
    person = found.patient
    address = next(iter(person.address or []), r4.Address())
    whole = address.text or ", ".join(
        [*(address.line or []), *(one for one in (address.district, address.city) if one)]
    )
    near = next(iter(person.contact or []), r4.PatientContact())
    phone = next((one.value for one in near.telecom or [] if one.system == "phone"), "") or ""
    cover = next(
        (one.resource for one in _entries(found.found["cover"]) if isinstance(one.resource, r4.Coverage)), None
    )
    period = (cover.period if cover else None) or r4.Period()
    on = clock.day_of(found.visit.period.start if found.visit.period else None) or clock.today()
    return {
        "patient.number": identifier(person, systems.PATIENT_NUMBER) or person.id or "",
        "patient.cccd": identifier(person, systems.CCCD) or "",
        "patient.passport": identifier(person, systems.PASSPORT) or "",
        "patient.name": found.name, "patient.birth": clock.vn_date(person.birthDate),
        "patient.age": clock.age(person.birthDate, on) if person.birthDate else "",
        "patient.sex": {"male": "Nam", "female": "Nữ"}.get(person.gender or "", ""), "patient.address": whole,
        "patient.phone": phone_of(person) or "", "patient.relative": (near.name or r4.HumanName()).text or "",
        "patient.relative-phone": phone, "cover.number": (cover.subscriberId or "") if cover else "",
        "cover.from": clock.vn_date(period.start), "cover.until": clock.vn_date(period.end),
    }  # fmt: skip


def _entries(bundle: r4.Resource) -> list[r4.BundleEntry]:
    return list(bundle.entry or []) if isinstance(bundle, r4.Bundle) else []


def _form(there: Kept) -> dict[str, Any]:
    """Answers by the address of their item: in words, and by the codes of their lists."""
    said: dict[str, Any] = {}
    for link, given in there.said.items():
        said[f"form.{link}"] = "; ".join(text for one in given if (text := _answer(one)))
        codes = [one.valueCoding.code or "" for one in given if one.valueCoding]
        said[f"code.{link}"] = ";".join(codes)
    past = said.get("form.past", "")
    return {**said, "past": [{"text": line} for line in past.splitlines() if line.strip()]}


def _answer(one: r4.QuestionnaireResponseItemAnswer) -> str:
    if one.valueDate or one.valueDateTime:
        return clock.vn_datetime(one.valueDateTime) if one.valueDateTime else clock.vn_date(one.valueDate)
    if one.valueBoolean is not None:
        return "Có" if one.valueBoolean else "Không"
    if one.valueDecimal is not None:
        return figure(one.valueDecimal)
    coding = one.valueCoding
    if coding and coding.system != systems.FORM_BOX:
        return coding.display or coding.code or ""
    return shown(one)


def _lists(
    found: gathering.Facts, medicines: Sequence[r4.MedicationRequest], observed: Sequence[r4.Observation]
) -> dict[str, Any]:
    measured = [one for one in observed if one.status in _RELEASED and _is(one.category, "vital-signs")]
    tested = [one for one in observed if one.status in _RELEASED and _is(one.category, "laboratory")]
    rows = _measured(measured)
    height = next((row["height"] for row in reversed(rows) if row.get("height")), "")
    scans = [one for one in found.reports if one.status in _RELEASED and _is(one.category, *_IMAGING)]
    return {
        "measured": rows, "vitals.height": height, "prescriptions": _by_number(map(_medicine, medicines)),
        "orders": _by_number(map(_order, found.orders)),
        "imaging": [_scan(one, found.number) for one in scans],
        "laboratory": [_result(one, found.number) for one in tested],
    }  # fmt: skip


def _measured(measured: Iterable[r4.Observation]) -> list[dict[str, str]]:
    rows: dict[str, dict[str, str]] = {}
    for one in measured:
        at = one.effectiveDateTime or ""
        row = rows.setdefault(at, {"at": _time(at)})
        if name := _VITALS.get(code_of(one.code, systems.LOINC) or ""):
            row[name] = _number(one.valueQuantity)
        for part in one.component or []:
            code = code_of(part.code, systems.LOINC)
            if code in (SYSTOLIC, DIASTOLIC):
                row["systolic" if code == SYSTOLIC else "diastolic"] = _number(part.valueQuantity)
    return [rows[at] for at in sorted(rows)]


def _medicine(one: r4.MedicationRequest) -> dict[str, str]:
    supply = one.dispenseRequest.quantity if one.dispenseRequest else None
    concept = one.medicationCodeableConcept
    return {
        "number": (one.groupIdentifier.value or "") if one.groupIdentifier else "", "id": one.id or "",
        "doctor": (one.requester or r4.Reference()).display or "", "at": _time(one.authoredOn),
        "reason": "; ".join(display_of(why) for why in one.reasonCode or []),
        "how": "; ".join(dose.text or "" for dose in one.dosageInstruction or []),
        "unit": (supply.unit or "") if supply else "", "quantity": _number(supply),
        "name": display_of(concept) or (one.medicationReference or r4.Reference()).display or "",
        "code": code_of(concept) or id_of(one.medicationReference) or "",
        "national": code_of(concept, systems.MEDICINES) or "",
        "note": "; ".join(said.text or "" for said in one.note or []),
    }  # fmt: skip


def _order(one: r4.ServiceRequest) -> dict[str, str]:
    return {
        "number": identifier(one, systems.ORDER_NUMBER) or one.id or "", "code": code_of(one.code) or "",
        "doctor": (one.requester or r4.Reference()).display or "", "at": _time(one.authoredOn),
        "reason": "; ".join(display_of(why) for why in one.reasonCode or []), "urgency": one.priority or "",
        "kind": "; ".join(display_of(kind) for kind in one.category or []), "name": display_of(one.code),
        "count": _number(one.quantityQuantity) or "1",
    }  # fmt: skip


def _by_number(lines: Iterable[dict[str, str]]) -> list[dict[str, Any]]:
    """Lines of one paper below it."""
    papers: dict[str, dict[str, Any]] = {}
    for line in lines:
        paper = papers.setdefault(line["number"], {**line, "lines": []})
        paper["lines"].append(line)
    return list(papers.values())


def _scan(one: r4.DiagnosticReport, number: str) -> dict[str, str]:
    return {
        "visit": number, "id": one.id or "", "code": code_of(one.code) or "", "at": _time(one.issued),
        "doctor": next((who.display or "" for who in one.performer or []), ""),
        "text": plain(one.text), "conclusion": one.conclusion or "",
    }  # fmt: skip


def _result(one: r4.Observation, number: str) -> dict[str, str]:
    bounds = next(iter(one.referenceRange or []), r4.ObservationReferenceRange())
    usual = bounds.text or "–".join(text for text in (_number(bounds.low), _number(bounds.high)) if text)
    return {
        "visit": number, "id": one.id or "", "code": code_of(one.code) or "", "name": display_of(one.code),
        "value": _number(one.valueQuantity) or one.valueString or display_of(one.valueCodeableConcept),
        "unit": (one.valueQuantity.unit or "") if one.valueQuantity else "", "usual": usual,
        "mark": "; ".join(code_of(mark) or "" for mark in one.interpretation or []),
        "at": _time(one.effectiveDateTime or one.issued),
        "doctor": next((who.display or "" for who in one.performer or []), ""), "conclusion": "",
    }  # fmt: skip


def _is(categories: Iterable[r4.CodeableConcept] | None, *codes: str) -> bool:
    return any(coding.code in codes for one in categories or [] for coding in one.coding or [])


def _number(quantity: r4.Quantity | None) -> str:
    return figure(quantity.value) if quantity and quantity.value is not None else ""


def _time(text: str | None) -> str:
    at = moment(text)
    if at is None:
        return clock.vn_date(text) if text else ""
    return f"{at:%d/%m/%Y %H:%M:%S}.{at.microsecond // 1000:03}"
