"""Former visits of a patient, for the column beside the consultation. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.kit.clock import now
from benhan.core.kit.text import clip
from benhan.core.language import _
from benhan.hospital.clinic import assessments, diagnoses, note
from benhan.hospital.clinic.rules import closed, is_live
from benhan.hospital.remote_conditions import is_remote
from benhan.hospital.visit import (
    PAST,
    code_of,
    display_of,
    id_of,
    moment,
    section_text,
)

#: So many former visits are shown.
SHOWN = 6
#: Characters of an assessment in that column.
SHOWN_WORDS = 140


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A former visit: when, where, what was found, given and measured; or what a doctor assessed without one.

    `path`: where it opens, below this visit's `/kham`.
    """

    path: str
    at: datetime
    place: str
    words: str = ""
    diagnoses: list[str] = []
    medicines: list[str] = []
    tests: list[str] = []
    history: str = ""

    @property
    def day(self) -> str:
        """When, as it is read."""
        return clock.vn_date(self.at)


def former(
    visit: r4.Encounter,
    visits: Sequence[r4.Encounter],
    conditions: Sequence[r4.Condition],
    medicines: Sequence[r4.MedicationRequest],
    reports: Sequence[r4.DiagnosticReport],
    notes: Sequence[r4.Composition],
) -> list[Past]:
    """Former visits and assessments, the newest first. What came later than this visit is no past of it."""
    begun = (visit.period.start or "") if visit.period else ""
    older = [
        one
        for one in visits
        if one.id != visit.id
        and one.status not in ("cancelled", "entered-in-error")
        and began(one) <= (moment(begun) or now())
    ]
    found = [_former(one, conditions, medicines, reports, notes) for one in older[:SHOWN]]
    until = (moment(begun) or now()) if closed(visit, None) else now()
    assessed = [_assessed(visit, one) for one in notes if assessments.is_one(one)]
    found += [one for one in assessed if one.at <= until]
    return sorted(found, key=lambda one: one.at, reverse=True)[:SHOWN]


def _assessed(visit: r4.Encounter, one: r4.Composition) -> Past:
    at = moment(one.date) or datetime.min.replace(tzinfo=clock.ZONE)
    words = clip(assessments.words(one), SHOWN_WORDS)
    return Past(path=f"{visit.id}/nhan-dinh/{one.id}", at=at, place=_("Hỏi đáp, đã ký"), words=words)


def _former(
    visit: r4.Encounter,
    conditions: Sequence[r4.Condition],
    medicines: Sequence[r4.MedicationRequest],
    reports: Sequence[r4.DiagnosticReport],
    notes: Sequence[r4.Composition],
) -> Past:
    found = diagnoses.listed(visit, conditions) or [
        diagnoses.Diagnosis(one.id or "", code_of(one.code, systems.ICD10) or "", display_of(one.code), False)
        for one in conditions
        if id_of(one.encounter) == visit.id and is_live(one)
    ]
    written = note.the_note([one for one in notes if id_of(one.encounter) == visit.id])
    room = next((one.location.display or "" for one in visit.location or []), "")
    return Past(
        path=visit.id or "",
        at=began(visit),
        place=_("Khám từ xa") if is_remote(visit) else room,
        diagnoses=[f"{one.code} {one.name}" for one in found[:3]],
        medicines=[
            display_of(one.medicationCodeableConcept)
            or ((one.medicationReference.display or "") if one.medicationReference else "")
            for one in medicines
            if id_of(one.encounter) == visit.id and one.status in ("active", "completed")
        ][:4],
        tests=[display_of(one.code) for one in reports if id_of(one.encounter) == visit.id][:4],
        history=section_text(written, PAST) if written else "",
    )


def began(visit: r4.Encounter) -> datetime:
    """When somebody was received; the beginning of time where it is not known."""
    return (moment(visit.period.start) if visit.period else None) or datetime.min.replace(tzinfo=clock.ZONE)
