"""Prescribing: add, change, take off and put back lines; record an allergy. It is signed with the visit.

A line is a draft `MedicationRequest` of the visit until the doctor signs; taken off, it stays in the record, cancelled.
Source: TT 26/2025/TT-BYT.
"""

from __future__ import annotations

import msgspec

from benhan.core import store
from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit.clock import age_months, now, today
from benhan.core.kit.forms import Form
from benhan.core.language import _, speaking
from benhan.core.store.records import version_of
from benhan.core.store.rows import hash64
from benhan.hospital import ingredients, medicine_warnings, medicines, remote_conditions, remote_paper
from benhan.hospital import visit as words
from benhan.hospital.clinic import note, rules
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.clinic import prescribing_rules as limits
from benhan.hospital.clinic.prescribing_lines import Line
from benhan.hospital.clinic.prescribing_rules import Course
from benhan.hospital.medicine_warnings import (
    Allergy,
    NeedsReason,
    Warned,
)
from benhan.hospital.medicines import Medicine

#: More lines than any prescription has; a mistake beyond.
MOST_LINES = 30
SEVERITIES = {"mild": "nhẹ", "moderate": "vừa", "severe": "nặng"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """The line that is being written: a medicine, its form, and where it is posted."""

    medicine: Medicine
    form: Form
    action: str
    warnings: list[Warned]
    blocked: bool
    line: str = ""


class PrescriptionPanel(msgspec.Struct, frozen=True, kw_only=True):
    """The prescription of a visit as the consultation page shows it."""

    visit: str
    patient: str
    closed: bool
    lines: list[Line]
    allergies: list[Allergy]
    notices: list[str] = []
    removed: Line | None = None
    entry: Entry | None = None
    focus: bool = False


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides about a line: the visit, its note, the lines that stand, medicines, allergies."""

    visit: r4.Encounter
    note: r4.Composition | None
    requests: list[r4.MedicationRequest]
    known: dict[str, Medicine]
    allergies: list[Allergy]

    @property
    def patient(self) -> str:
        """The id of the patient."""
        return words.id_of(self.visit.subject) or ""

    @property
    def closed(self) -> bool:
        """Nothing may be changed any more."""
        return rules.closed(self.visit, self.note)

    def warnings(self, medicine: Medicine, besides: str | None = None) -> list[Warned]:
        """What speaks against a medicine here, leaving the line `besides` out of account."""
        others = [
            self.known[code]
            for request in self.requests
            if request.id != besides and (code := lines.line(request).code) in self.known
        ]
        return [
            *medicine_warnings.against_allergies(medicine, self.allergies),
            *medicine_warnings.doubled(medicine, others),
        ]


async def draft(tx: Transaction, who: Subject, visit: r4.Encounter) -> Draft:
    """The prescription of a visit with all that decides about it.

    Raises:
        Forbidden: `who` may not read it.
    """
    requests = await requests_of(tx, who, visit)
    found = [code for request in requests if (code := lines.line(request).code)]
    return Draft(
        visit=visit,
        note=await note.find(tx, who, visit),
        requests=requests,
        known=await medicines.by_codes(tx, who, sorted(set(found))) if found else {},
        allergies=await medicine_warnings.allergies(tx, who, words.id_of(visit.subject) or ""),
    )


async def requests_of(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[r4.MedicationRequest]:
    """The lines that stand, in the order in which they were written."""
    page = await store.search(tx, who, r4.MedicationRequest, {"encounter": f"Encounter/{visit.id}", "_count": "100"})
    standing = [one for one in page.resources if one.status in lines.LIVE]
    return sorted(standing, key=lambda one: one.id or "")


async def panel(
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    *,
    removed: Line | None = None,
    entry: Entry | None = None,
    focus: bool = False,
) -> PrescriptionPanel:
    """The prescription of a visit, ready to be shown; `focus` puts the cursor into the search for medicines."""
    now_ = await draft(tx, who, visit)
    shown = []
    for request in now_.requests:
        line = lines.line(request)
        medicine = now_.known.get(line.code)
        warned = now_.warnings(medicine, request.id) if medicine and not now_.closed else []
        shown.append(lines.line(request, warned, sample=bool(medicine and medicine.sample)))
    return PrescriptionPanel(
        visit=visit.id or "",
        patient=now_.patient,
        closed=now_.closed or not who.may(Permission.CONSULT),
        lines=shown,
        allergies=now_.allergies,
        notices=await _notices(tx, who, now_),
        removed=removed,
        entry=entry,
        focus=focus,
    )


async def open_visit(tx: Transaction, who: Subject, visit_id: str) -> r4.Encounter:
    """The visit, held until the transaction ends: nobody signs it while a line is written, and the other way round.

    Raises:
        NotFound, Forbidden.
    """
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"prescription of {who.facility}/{visit_id}"))
    return await store.read(tx, who, r4.Encounter, visit_id)


async def add(
    tx: Transaction, who: Subject, visit_id: str, medicine: Medicine, course: Course, reason: str = ""
) -> r4.MedicationRequest:
    """Write a line. The same line a second time (a double click) gives the first.

    Raises:
        NeedsReason: a recorded allergy speaks against it and no reason is written.
        Invalid: the course breaks a rule, or the visit is at a distance and its main diagnosis not on the list.
        Conflict: the visit is closed.
    """
    held = await draft(tx, who, await open_visit(tx, who, visit_id))
    rules.must_be_open(held.visit, held.note)
    for request in held.requests:
        if lines.line(request).code == medicine.code and _same(request, medicine, course):
            return request
    main, compared = await main_code(tx, who, held.visit), await remote_paper.of_visit(tx, who, held.visit)
    if said := remote_conditions.objection(held.visit, main, [medicine.kind], compared):
        raise Invalid(said, code="business-rule")
    if len(held.requests) >= MOST_LINES:
        raise Invalid(_("Đơn đã có %(n)s dòng thuốc, không thêm được nữa.", n=MOST_LINES))
    blank = r4.MedicationRequest(
        status="draft",
        intent="order",
        subject=held.visit.subject or r4.Reference(),
        encounter=store.reference(held.visit),
        authoredOn=words.stamp(now()),
        requester=note.writer(who),
    )
    return await store.create(tx, who, _checked(held, who, blank, medicine, course, reason))


async def change(
    tx: Transaction, who: Subject, visit_id: str, line_id: str, version: str, course: Course, reason: str = ""
) -> r4.MedicationRequest:
    """Write a line anew, as somebody saw it at `version`.

    Raises:
        NeedsReason, Invalid, Conflict, NotFound; VersionConflict: somebody changed it in between.
    """
    held = await draft(tx, who, await open_visit(tx, who, visit_id))
    rules.must_be_open(held.visit, held.note)
    request = _line_of(held, line_id)
    medicine = held.known.get(lines.line(request).code)
    if medicine is None:
        raise NotFound(_("Thuốc này không còn trong danh mục."), advice=_("Bỏ dòng này và kê thuốc khác."))
    changed = _checked(held, who, request, medicine, course, reason or lines.line(request).reason)
    return await store.update(tx, who, changed, if_match=version)


async def remove(tx: Transaction, who: Subject, visit_id: str, line_id: str, version: str) -> r4.MedicationRequest:
    """Take a line off. Taking it off twice is no error.

    Raises:
        NotFound, Conflict; VersionConflict: somebody changed it in between.
    """
    visit = await open_visit(tx, who, visit_id)
    rules.must_be_open(visit, await note.find(tx, who, visit))
    request = await _any_line(tx, who, visit, line_id)
    if request.status == "cancelled":
        return request
    return await store.update(tx, who, msgspec.structs.replace(request, status="cancelled"), if_match=version)


async def restore(tx: Transaction, who: Subject, visit_id: str, line_id: str) -> r4.MedicationRequest:
    """Put a line back that was taken off (undo).

    Raises:
        NotFound, Conflict: the visit is closed.
    """
    visit = await open_visit(tx, who, visit_id)
    rules.must_be_open(visit, await note.find(tx, who, visit))
    request = await _any_line(tx, who, visit, line_id)
    if request.status != "cancelled":
        return request
    back = msgspec.structs.replace(request, status="draft")
    return await store.update(tx, who, back, if_match=version_of(request))


async def record_allergy(
    tx: Transaction, who: Subject, patient: str, substance: str, reaction: str, severity: str | None
) -> r4.AllergyIntolerance:
    """Record that a patient does not bear a substance: a family of medicines, an ingredient, or anything else by name.

    One that stands already is given back.

    Raises:
        Invalid: no substance; NotFound: no such patient.
    """
    await store.read(tx, who, r4.Patient, patient)
    family = ingredients.FAMILIES.get(substance)
    name = family.name if family else substance.strip()
    if not name:
        raise Invalid(_("Ghi thuốc hoặc chất gây dị ứng"), where="substance")
    page = await store.search(tx, who, r4.AllergyIntolerance, {"patient": f"Patient/{patient}", "_count": "100"})
    for one in page.resources:
        if medicine_warnings.is_live(one) and ingredients.key(words.display_of(one.code)) == ingredients.key(name):
            return one
    return await store.create(tx, who, _allergy(who, patient, name, substance, reaction, severity))


def _allergy(
    who: Subject, patient: str, name: str, substance: str, reaction: str, severity: str | None
) -> r4.AllergyIntolerance:
    code = words.concept(systems.ALLERGY_CLASS, substance, name) if substance in ingredients.FAMILIES else None
    known = code is not None or ingredients.family_named(name) is not None
    happened = r4.AllergyIntoleranceReaction(
        manifestation=[r4.CodeableConcept(text=reaction or _("chưa rõ biểu hiện"))], severity=severity
    )
    return r4.AllergyIntolerance(
        clinicalStatus=words.concept(systems.ALLERGY_CLINICAL, "active"),
        verificationStatus=words.concept(systems.ALLERGY_VERIFICATION, "confirmed"),
        type="allergy",
        category=["medication"] if known else None,
        criticality="high" if severity == "severe" else None,
        code=code or r4.CodeableConcept(text=name),
        patient=r4.Reference(reference=f"Patient/{patient}"),
        recordedDate=words.stamp(now()),
        recorder=writer if (writer := note.writer(who)).reference else None,
        reaction=[happened] if reaction or severity else None,
    )


def _checked(
    held: Draft, who: Subject, request: r4.MedicationRequest, medicine: Medicine, course: Course, reason: str
) -> r4.MedicationRequest:
    for field, message in limits.wrong(medicine, course):
        raise Invalid(message, where=field)
    with speaking("vi"):  # what is kept in the record is Vietnamese whatever the screen speaks
        warned = [one for one in held.warnings(medicine, request.id) if one.blocks]
    if warned and not reason.strip():
        raise NeedsReason(held.warnings(medicine, request.id))
    line = lines.filled(request, medicine, course)
    return medicine_warnings.overridden(
        line, reason.strip() if warned else "", warned, note.writer(who), words.stamp(now())
    )


def _same(request: r4.MedicationRequest, medicine: Medicine, course: Course) -> bool:
    again = lines.filled(request, medicine, course)
    return again.dosageInstruction == request.dosageInstruction and again.dispenseRequest == request.dispenseRequest


def _line_of(held: Draft, line_id: str) -> r4.MedicationRequest:
    for request in held.requests:
        if request.id == line_id:
            return request
    raise NotFound(_("Dòng thuốc này không còn trên đơn."))


async def _any_line(tx: Transaction, who: Subject, visit: r4.Encounter, line_id: str) -> r4.MedicationRequest:
    request = await store.read(tx, who, r4.MedicationRequest, line_id)
    if words.id_of(request.encounter) != visit.id:
        raise NotFound(_("Dòng thuốc này không thuộc lượt khám này."))
    return request


async def _notices(tx: Transaction, who: Subject, held: Draft) -> list[str]:
    if held.closed:
        return []
    missing = await missing_weight(tx, who, held)
    distance = await _at_a_distance(tx, who, held.visit)
    return [*([_("Còn thiếu %(what)s", what=missing)] if missing else []), *([distance] if distance else [])]


async def _at_a_distance(tx: Transaction, who: Subject, visit: r4.Encounter) -> str | None:
    """What the main diagnosis of a visit at a distance allows, and how much of the list is confirmed here."""
    if not remote_conditions.is_remote(visit):
        return None
    code, listed = await main_code(tx, who, visit), remote_conditions.listed()
    compared = await remote_paper.of_visit(tx, who, visit)
    return _(
        "Khám từ xa, %(code)s: %(allowed)s (%(law)s; %(sure)s trên %(all)s mục đã đối chiếu).",
        code=code or _("chưa có chẩn đoán chính"), allowed=_(remote_conditions.standing(code, compared).value),
        law=listed.law, sure=len(listed.sure(compared)), all=len(listed.entries),
    )  # fmt: skip


async def main_code(tx: Transaction, who: Subject, visit: r4.Encounter) -> str | None:
    """The ICD-10 code of the main diagnosis, asked where it matters: of a visit at a distance."""
    if not remote_conditions.is_remote(visit):
        return None
    ids = [words.id_of(one.condition) for one in visit.diagnosis or []]
    return remote_conditions.main_code(visit, (await store.read_many(tx, who, r4.Condition, ids)).values())


async def missing_weight(tx: Transaction, who: Subject, held: Draft) -> str | None:
    """What a small child's prescription still lacks. Source: TT 26/2025/TT-BYT."""
    if not held.requests:
        return None
    patient = await store.read(tx, who, r4.Patient, held.patient)
    months = age_months(patient.birthDate, today()) if patient.birthDate else None
    if months is None or months >= limits.CHILD_MONTHS:
        return None
    weight = await weight_of(tx, who, held.visit)
    return limits.needs_weight(months, weight_known=weight is not None, lines=len(held.requests))


async def weight_of(tx: Transaction, who: Subject, visit: r4.Encounter) -> r4.Observation | None:
    """The weight measured at this visit."""
    page = await store.search(
        tx, who, r4.Observation,
        {"encounter": f"Encounter/{visit.id}", "code": f"{systems.LOINC}|{words.WEIGHT}", "_count": "5"},
    )  # fmt: skip
    return next((one for one in page.resources if one.status != "entered-in-error"), None)
