"""Gathering what a ward's pack holds of its patients, through the store, with the eyes of the ward.

The service asks as somebody of the department who takes part in nobody's care herself: what is labelled opens where the
department cares for the patient, what is very restricted does not, whoever will open the pack (`rules/closed.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.kit import clock, printing
from benhan.core.language import speaking
from benhan.hospital import papers, signing
from benhan.hospital import stay as words
from benhan.hospital.chart.forms.sheets import TEMPLATE, sheet
from benhan.hospital.chart.packs.bedside import Records
from benhan.hospital.chart.records import conversion, kept
from benhan.hospital.chart.records.clocks import is_record
from benhan.hospital.visit import id_of, stamp

#: Stays that are asked for together; how far back is looked; records of one question.
TOGETHER: Final = 8
_MEASURED, _RESULTS = timedelta(hours=48), timedelta(days=14)
_MOST: Final = "1000"
#: Patients of a ward.
_STAYS: Final = "600"
_RELEASED: Final = "final,amended,corrected"
_VITALS, _LABORATORY = "vital-signs,survey", "laboratory,imaging"


class Printed(msgspec.Struct, frozen=True):
    """A paper as it goes into the pack."""

    title: str
    when: str
    signer: str
    pdf: bytes


def eyes(facility: int, name: str, department: str) -> Subject:
    """Who asks for the pack of a department."""
    return msgspec.structs.replace(
        service(Role.PACK_SERVICE, facility, name), departments=frozenset({department})
    )  # fmt: skip


async def lying(tx: Transaction, who: Subject, department: str) -> list[r4.Encounter]:
    """The stays of a department whose patient lies there, or is out with leave, in the order of their beds."""
    asked = {
        "service-provider": f"Organization/{department}", "class": words.INPATIENT, "status": ",".join(words.LYING),
        "_count": _STAYS,
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Encounter, asked)).resources
    return sorted(found, key=lambda one: (words.bed_name(one) or "~", one.id or ""))


async def records(tx: Transaction, who: Subject, stays: Sequence[r4.Encounter]) -> list[Records]:
    """What is known of these stays; whom the ward may not see is left out."""
    people = await store.read_many(tx, who, r4.Patient, {id_of(one.subject) for one in stays})
    found = {
        one.id or "": Records(one, people[patient])
        for one in stays
        if (patient := id_of(one.subject) or "") in people
    }  # fmt: skip
    ids, patients = sorted(found), sorted({one.patient.id or "" for one in found.values()})
    since = stamp(clock.now() - _MEASURED)
    for allergy in await _of(tx, who, r4.AllergyIntolerance, "patient", "Patient", patients, {}):
        for one in found.values():
            if one.patient.id == id_of(allergy.patient):
                one.allergies.append(allergy)
    going = {"status": "active,on-hold"}
    for medicine in await _of(tx, who, r4.MedicationRequest, "encounter", "Encounter", ids, going):
        _at(found, medicine).medicines.append(medicine)
    for order in await _of(tx, who, r4.ServiceRequest, "encounter", "Encounter", ids, going):
        _at(found, order).orders.append(order)
    for condition in await _of(tx, who, r4.Condition, "encounter", "Encounter", ids, {}):
        _at(found, condition).conditions.append(condition)
    measured = {"category": _VITALS, "date": f"ge{since}", "status": _RELEASED}
    for reading in await _of(tx, who, r4.Observation, "encounter", "Encounter", ids, measured):
        _at(found, reading).measured.append(reading)
    lately = {"category": _LABORATORY, "date": f"ge{stamp(clock.now() - _RESULTS)}", "status": _RELEASED}
    for result in await _of(tx, who, r4.Observation, "encounter", "Encounter", ids, lately):
        _at(found, result).results.append(result)
    released = {"status": _RELEASED, "_sort": "-issued"}
    for report in await _of(tx, who, r4.DiagnosticReport, "encounter", "Encounter", ids, released):
        _at(found, report).reports.append(report)
    for note in await _of(tx, who, r4.Composition, "encounter", "Encounter", ids, {"_sort": "-date"}):
        _at(found, note).notes.append(note)
    return list(found.values())


async def printed(tx: Transaction, who: Subject, visit: str) -> list[Printed]:
    """The papers of a stay: its record as it stands, printed, and every PDF that was signed with a certificate."""
    found: list[Printed] = []
    asked = {"encounter": f"Encounter/{visit}", "_count": "20"}
    forms = [one for one in (await store.search(tx, who, r4.QuestionnaireResponse, asked)).resources if is_record(one)]
    for one in sorted(forms, key=lambda one: one.id or ""):
        form = await kept.form_of(tx, who, one)
        made = kept.Kept(one, form, [])
        with speaking("vi"):
            data = {**sheet(form, one), **conversion.footer(who, made)}
        pdf = await printing.render(TEMPLATE, data)
        found.append(Printed(f"{form.title} ({form.code})", one.authored or "", "", pdf))
    for paper in await signing.of_visit(tx, who, visit):
        try:
            pdf = await signing.original(tx, who, visit, paper.kind)
        except (Forbidden, NotFound):
            continue  # something that stands in it is closed to the ward
        found.append(Printed(papers.NAMES.get(paper.kind, paper.kind), stamp(paper.when), paper.name, pdf))
    return found


async def _of(
    tx: Transaction, who: Subject, type_: type[r4.R], by: str, target: str, ids: Sequence[str], also: dict[str, str]
) -> list[r4.R]:
    """The records of these stays or patients; where one page does not hold them, of each half by itself."""
    if not ids:
        return []
    asked = {by: ",".join(f"{target}/{one}" for one in ids), "_count": _MOST, **also}
    page = await store.search(tx, who, type_, asked)
    if page.next is None or len(ids) == 1:
        return page.resources
    half = len(ids) // 2
    first = await _of(tx, who, type_, by, target, ids[:half], also)
    return first + await _of(tx, who, type_, by, target, ids[half:], also)


def _at(found: dict[str, Records], one: r4.Resource) -> Records:
    return found[id_of(getattr(one, "encounter")) or ""]  # noqa: B009 - of every type asked for here
