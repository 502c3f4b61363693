"""Whose visit a page is about: name, age, numbers, allergies, for the banner and for papers."""

from __future__ import annotations

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import age, today
from benhan.core.language import _
from benhan.hospital import medicine_warnings
from benhan.hospital import visit as words

SEXES = {"male": "Nam", "female": "Nữ", "other": "Khác", "unknown": "Chưa rõ"}


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """The patient of a visit, ready for a banner."""

    visit: str
    patient: r4.Patient
    name: str
    facts: list[str]
    allergies: list[str]


async def heading(tx: Transaction, who: Subject, visit: r4.Encounter) -> Heading:
    """Who the patient of this visit is.

    Raises:
        NotFound, Forbidden.
    """
    patient = await store.read(tx, who, r4.Patient, words.id_of(visit.subject) or "")
    facts = [
        _(SEXES.get(patient.gender or "", "")) if patient.gender else "",
        age(patient.birthDate, today()),
        words.identifier(patient, systems.PATIENT_NUMBER) or "",
        words.identifier(visit, systems.VISIT_NUMBER) or "",
    ]
    found = await medicine_warnings.allergies(tx, who, patient.id or "")
    return Heading(
        visit=visit.id or "",
        patient=patient,
        name=words.full_name(patient),
        facts=[fact for fact in facts if fact],
        allergies=[one.shown for one in found],
    )
