"""What result sheets of laboratory and imaging share on paper, and the trace of their printing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benhan.core import store
from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, printing
from benhan.hospital.orders import SEXES
from benhan.hospital.visit import full_name, identifier


def patient_block(patient: r4.Patient) -> dict[str, str]:
    """The patient as `patient-block` of the shared paper wants it."""
    return {
        "name": full_name(patient),
        "birth": clock.vn_date(patient.birthDate),
        "age": clock.age(patient.birthDate, clock.today()),
        "gender": SEXES.get(patient.gender or "", ""),
        "number": identifier(patient, systems.PATIENT_NUMBER) or "",
        "insurance": identifier(patient, systems.BHYT) or "",
        "address": next((one.text for one in patient.address or [] if one.text), ""),
    }


def heading(who: Subject, visit: r4.Encounter, department: str) -> dict[str, Any]:
    """Facility, date and numbers of a result sheet."""
    by = f" bởi {who.name}" if who.name else ""
    numbers = [("Mã lượt khám", identifier(visit, systems.VISIT_NUMBER) or "")]
    return {
        "facility": {"name": who.facility_name, "department": department},
        "date": clock.today().isoformat(),
        "day_in_words": clock.vn_date_in_words(clock.today()),
        "numbers": [pair for pair in numbers if pair[1]],
        "footer": f"{who.facility_name} · in lúc {clock.vn_datetime(clock.now())}{by}",
    }


async def made(
    tx: Transaction, who: Subject, template: Path, data: Mapping[str, Any], reports: list[r4.DiagnosticReport]
) -> bytes:
    """The PDF, with an audit event for each report on it. Source: TT 13/2025/TT-BYT art. 5."""
    for report in reports:
        patient = (report.subject.reference or "").rpartition("/")[2] if report.subject else None
        await store.copied(tx, who, Interaction.PRINT, "DiagnosticReport", report.id, patient, template.stem)
    return await printing.render(template, data)
