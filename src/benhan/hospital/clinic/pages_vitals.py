"""`/kham/{visit}/sinh-hieu`: vital signs, entered by the nurse on a page of her own or by the doctor in hers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import forms, pages
from benhan.core.kit.clock import age_months, today
from benhan.hospital.clinic import overview, vitals
from benhan.hospital.clinic.results import of_visit
from benhan.hospital.clinic.rules import ENDED
from benhan.hospital.clinic.worklist import facts, reason
from benhan.hospital.visit import full_name, id_of

#: Where the form stands: it leads back there.
FROM_LIST, FROM_VISIT = "list", "visit"


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The nurse's form, with what was measured in this visit."""
    return await _render(request, tx, who, forms.blank(vitals.fields()), [])


async def save(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep what was measured; what is rare is asked once more."""
    form = await forms.read_form(request, [*vitals.fields(), forms.hidden("back")])
    values = vitals.values_of(form)
    doubts: list[str] = []
    if not form.errors:
        visit, patient = await _visit(request, tx, who)
        try:
            await vitals.record(tx, who, visit, patient, values, confirmed=bool(form["confirmed"]))
        except vitals.NeedsConfirmation as needed:
            doubts = needed.doubts
        else:
            if form["back"] == FROM_VISIT and pages.is_fragment(request):  # the tiles beside follow by themselves
                empty = forms.blank([*vitals.fields(), forms.hidden("back")], back=FROM_VISIT)
                return await _render(request, tx, who, empty, [])
            return _kept(request, form["back"])
    return await _render(request, tx, who, form, doubts)


async def tiles(request: Request, tx: Transaction, who: Subject) -> Response:
    """The newest values, as a part of the consultation's page."""
    visit, patient = await _visit(request, tx, who)
    found = overview.vitals_of(await of_visit(tx, who, visit, r4.Observation), _months(patient))
    return pages.render(request, "clinic/_vitals_tiles.html", vitals=found)


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take back a value that was entered by mistake."""
    visit, _patient = await _visit(request, tx, who)
    await vitals.withdraw(tx, who, visit, request.path_params["observation"])
    return RedirectResponse(f"/kham/{visit.id}/sinh-hieu", 303)


async def _render(request: Request, tx: Transaction, who: Subject, form: forms.Form, doubts: list[str]) -> Response:
    visit, patient = await _visit(request, tx, who)
    observations = await of_visit(tx, who, visit, r4.Observation)
    months = _months(patient)
    form.fields |= {one.name: one for one in vitals.fields(months)}
    status = 422 if form.errors or doubts else 200
    said = {
        "visit": visit.id,
        "form": form,
        "doubts": doubts,
        "vitals": overview.vitals_of(observations, months),
        "back": request.query_params.get("ve") or (form.raw.get("back") if "back" in form.fields else "") or "",
    }
    if pages.is_fragment(request):
        return pages.render(request, "clinic/_vitals_form.html", status, **said)
    return pages.render(
        request, "clinic/vitals.html", status, **said,
        name=full_name(patient), facts=[facts(patient)], reason=reason(visit), ended=visit.status in ENDED,
    )  # fmt: skip


def _kept(request: Request, back: str | None) -> Response:
    visit = request.path_params["visit"]
    target = "/kham" if back == FROM_LIST else f"/kham/{visit}" if back == FROM_VISIT else f"/kham/{visit}/sinh-hieu"
    if pages.is_fragment(request):
        return Response(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)


async def _visit(request: Request, tx: Transaction, who: Subject) -> tuple[r4.Encounter, r4.Patient]:
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    return visit, await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")


def _months(patient: r4.Patient) -> int | None:
    return age_months(patient.birthDate, today()) if patient.birthDate else None


DOORS: list[Door | LiveDoor] = [
    Door("/kham/{visit}/sinh-hieu", page, Permission.VITALS),
    Door("/kham/{visit}/sinh-hieu", save, Permission.VITALS, ("POST",)),
    Door("/kham/{visit}/sinh-hieu/bang", tiles, Permission.READ_CHART),
    Door("/kham/{visit}/sinh-hieu/{observation}/rut-lai", withdraw, Permission.VITALS, ("POST",)),
]
