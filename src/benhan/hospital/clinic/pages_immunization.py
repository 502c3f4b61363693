"""`/kham/{visit}/tiem-chung`: what the patient was vaccinated with; a nurse or doctor adds what was given or is told.

What was given here names the visit and who gave it; what the booklet says is marked as told (`primarySource` false).
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import forms, pages
from benhan.core.kit.clock import now, today, vn_date
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.clinic.note import writer
from benhan.hospital.clinic.worklist import facts
from benhan.hospital.immunizations import GIVEN, VACCINES, WITHDRAWN, read
from benhan.hospital.visit import concept, full_name, id_of, stamp

HERE, ELSEWHERE = "day", "noi-khac"


def fields() -> list[forms.Field]:
    """One vaccination."""
    where = [(HERE, _("Tiêm tại đây")), (ELSEWHERE, _("Nơi khác, theo sổ hoặc lời kể"))]
    return [
        forms.choice("vaccine", _("Vắc xin"), [(code, _(name)) for code, name in VACCINES.items()], required=True),
        forms.day("day", _("Ngày tiêm"), required=True),
        forms.number("dose", _("Mũi thứ"), lowest=1, highest=20),
        forms.text("lot", _("Số lô"), most=40),
        forms.choice("where", _("Tiêm ở đâu"), where, required=True),
        forms.text("place", _("Nơi tiêm"), most=120, hint=_("khi tiêm nơi khác")),
    ]


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is known, and the form."""
    return await _page(request, tx, who, forms.blank(fields(), day=vn_date(today()), where=HERE))


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep one. The same vaccine of the same day and dose a second time (a double click) changes nothing."""
    form = await forms.read_form(request, fields())
    visit, patient = await _visit(request, tx, who)
    if not form.errors and form["day"] > today():
        form.errors.add("day", _("Ngày tiêm còn ở phía trước"))
    if form.errors:
        return await _page(request, tx, who, form, 422)
    known = [(one.code, one.day, one.dose) for one in read(await _of(tx, who, patient))]
    if (form["vaccine"], form["day"], form["dose"] or 0) not in known:
        await store.create(tx, who, _given(who, visit, patient, form))
    return RedirectResponse(f"/kham/{visit.id}/tiem-chung", 303)


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take back what was entered by mistake; it stays in the history. Twice is no error."""
    visit, patient = await _visit(request, tx, who)
    one = await store.read(tx, who, r4.Immunization, request.path_params["immunization"])
    if id_of(one.patient) != patient.id:
        raise NotFound(_("Mũi tiêm này không phải của người bệnh."), where="Immunization")
    if one.status != WITHDRAWN:
        await store.update(tx, who, msgspec.structs.replace(one, status=WITHDRAWN), if_match=version_of(one))
    return RedirectResponse(f"/kham/{visit.id}/tiem-chung", 303)


def _given(who: Subject, visit: r4.Encounter, patient: r4.Patient, form: forms.Form) -> r4.Immunization:
    here, code = form["where"] == HERE, form["vaccine"]
    series = r4.ImmunizationProtocolApplied(doseNumberPositiveInt=form["dose"]) if form["dose"] else None
    place = who.facility_name if here else form["place"]
    return r4.Immunization(
        status=GIVEN, vaccineCode=concept(systems.VACCINES, code, VACCINES[code]),
        patient=store.reference(patient, full_name(patient)), encounter=store.reference(visit) if here else None,
        occurrenceDateTime=form["day"].isoformat(), recorded=stamp(now()), primarySource=here,
        lotNumber=form["lot"] or None, location=r4.Reference(display=place) if place else None,
        performer=[r4.ImmunizationPerformer(actor=writer(who))] if here else None,
        protocolApplied=[series] if series else None,
    )  # fmt: skip


async def _page(
    request: Request, tx: Transaction, who: Subject, form: forms.Form, status: int = 200
) -> Response:  # fmt: skip
    visit, patient = await _visit(request, tx, who)
    found = read(await _of(tx, who, patient))
    return pages.render(
        request, "clinic/immunizations.html", status, form=form, found=found, visit=visit.id, name=full_name(patient),
        facts=[facts(patient)], vaccines=VACCINES, back=f"/kham/{visit.id}",
    )  # fmt: skip


async def _of(tx: Transaction, who: Subject, patient: r4.Patient) -> list[r4.Immunization]:
    found = await store.search(tx, who, r4.Immunization, {"patient": f"Patient/{patient.id}", "_count": "200"})
    return list(found.resources)


async def _visit(request: Request, tx: Transaction, who: Subject) -> tuple[r4.Encounter, r4.Patient]:
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    return visit, await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")


_PATH = "/kham/{visit}/tiem-chung"
DOORS = [
    Door(_PATH, page, Permission.VITALS),
    Door(_PATH, add, Permission.VITALS, ("POST",)),
    Door(f"{_PATH}/{{immunization}}/rut-lai", withdraw, Permission.VITALS, ("POST",)),
]
