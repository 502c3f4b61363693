"""`/kham/{visit}`: the consultation on one page, and the small doors behind its parts.

Each part answers htmx with itself and a plain form with a redirect back to the page: everything works without scripts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, LiveDoor, Permission, Subject, may
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, NotFound, Problem
from benhan.core.kit import codes, forms, pages
from benhan.core.kit.clock import today
from benhan.core.language import _
from benhan.hospital import ordering, packages, writing
from benhan.hospital import visit as words
from benhan.hospital.clinic import (
    conclusion,
    diagnoses,
    note,
    orders,
    overview,
    pages_vitals,
    pages_worklist,
    prescribing,
    vitals,
    worklist,
)
from benhan.hospital.clinic.consultation import begin
from benhan.hospital.clinic.pages_worklist import ROOM_COOKIE
from benhan.hospital.clinic.results import of_visit, orders_of
from benhan.hospital.clinic.rules import closed
from benhan.hospital.clinic.rules_diagnosis import list_day, objections
from benhan.hospital.usage import weights
from benhan.hospital.visit import code_of, id_of

#: Field of the note's form → section.
SECTIONS = {
    "reason": words.REASON,
    "illness": words.ILLNESS,
    "past": words.PAST,
    "examination": words.EXAMINATION,
    "advice": words.ADVICE,
}
FOUND = 12
#: The event by which the bar at the foot asks again what is still missing.
CHANGED = "visit-changed"


async def page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The whole page."""
    return await _show(request, tx, who)


async def start(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take the visit up."""
    visit = await _read(request, tx, who)
    await begin(tx, who, visit)
    return RedirectResponse(f"/kham/{visit.id}", 303)


# ── The note ────────────────────────────────────────────────────────────────────────────────────────────────────


async def save_note(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep the note: from the button (back to the page), or while somebody writes (204, the new seal as ETag)."""
    form = await forms.read_form(request, _note_fields())
    form.require()
    visit = await _read(request, tx, who)
    typed = _settled(form, {code: "".join(form[name]) for name, code in SECTIONS.items() if form.raw[name]})
    try:
        async with tx.savepoint():
            kept = await note.save(tx, who, await begin(tx, who, visit), typed, form["version"] or "")
    except note.NoteClash as clash:
        return await _clash(request, tx, who, clash)
    if "benhan-autosave" in request.headers:
        held = {**note.texts_of(kept), **{code: writing.clean(text) for code, text in typed.items()}}
        return Response(status_code=204, headers={"ETag": f'W/"{note.seal(held)}"'})
    if pages.is_fragment(request):  # after a clash was settled: the form as it stands now
        return pages.render(request, "clinic/_note.html", **await _context(request, tx, who))
    return _back(request, visit.id, "ghi-chep")


async def note_news(request: Request, tx: Transaction, who: Subject) -> Response:
    """Which sections others changed since this page saw them (`version` is the page's seal)."""
    visit = await _read(request, tx, who)
    written = await note.find(tx, who, visit)
    news = note.changed_since(written, request.query_params.get("version", ""))
    return pages.render(request, "clinic/_note_news.html", news=news, visit=visit.id)


async def _clash(request: Request, tx: Transaction, who: Subject, clash: note.NoteClash) -> Response:
    names = {code: name for name, code in SECTIONS.items()}
    said: dict[str, Any] = {
        "visit": request.path_params["visit"],
        "clashes": [(names[one.code], words.SECTIONS[one.code], one) for one in clash.clashes],
        "typed": {names[code]: text for code, text in clash.typed.items()},
        "clash_version": note.seal(note.texts_of(clash.note)),
    }
    if pages.is_fragment(request):
        return pages.render(request, "clinic/_note_clash.html", clash.status, **said)
    return await _show(request, tx, who, clash.status, clash=said)


def _settled(form: forms.Form, typed: dict[str, str]) -> dict[str, str]:
    """What a person chose after a clash: her own text, the other one (left as it stands), or both."""
    chosen = dict(typed)
    for name, code in SECTIONS.items():
        match form[f"keep_{name}"]:
            case "theirs":
                chosen.pop(code, None)
            case "both":
                theirs, mine = form[f"theirs_{name}"] or "", typed.get(code, "")
                chosen[code] = "\n".join(part for part in (theirs, mine) if part)
            case _:
                pass
    return chosen


def _note_fields() -> list[forms.Field]:
    # `many`: a section that the form does not carry ([]) is left alone, one that it carries empty ([""]) is emptied.
    fields = [
        replace(forms.long_text(name, _(words.SECTIONS[code]), most=writing.MOST), many=True)
        for name, code in SECTIONS.items()
    ]
    kept = [("mine", _("Bản của tôi")), ("theirs", _("Bản đang lưu")), ("both", _("Cả hai"))]
    fields += [forms.choice(f"keep_{name}", name, kept) for name in SECTIONS]
    fields += [forms.long_text(f"theirs_{name}", name, most=writing.MOST) for name in SECTIONS]
    return [*fields, forms.hidden("version", most=200)]


# ── Diagnoses ───────────────────────────────────────────────────────────────────────────────────────────────────


async def find_diagnosis(request: Request, tx: Transaction, who: Subject) -> Response:
    """ICD-10 as somebody types, in the list of the visit's day, the most used here first."""
    visit = await _read(request, tx, who)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")
    query = request.query_params.get("icd", "")[:200]
    book = codes.icd10(list_day(visit, today()))
    used = await weights(tx, who, r4.Condition, systems.ICD10, book)
    found = [
        (one, int(used.get(one.code, 0)), objections(one, main=False, gender=patient.gender))
        for one in book.find(query, FOUND, weights=used)
    ]
    found.sort(key=lambda row: any(one.refused for one in row[2]))  # what may not be chosen stands last
    said: dict[str, Any] = {"visit": visit.id, "query": query, "found": found}
    if pages.is_fragment(request):
        return pages.render(request, "clinic/_diagnosis_options.html", **said)
    return pages.render(request, "clinic/find_diagnosis.html", **said)


async def add_diagnosis(request: Request, tx: Transaction, who: Subject) -> Response:
    """Give the visit a diagnosis by its code, or by what was typed where it is a code."""
    fields = [
        forms.hidden("code", most=20),
        forms.text("icd", "icd"),
        forms.hidden("main"),
        forms.flag("confirmed", "ok"),
    ]
    form = await forms.read_form(request, fields)
    code = form["code"] or (form["icd"] or "").split(" ")[0]
    main = True if form["main"] == "1" else None

    async def change(visit: r4.Encounter, patient: r4.Patient) -> r4.Encounter:
        return await diagnoses.add(tx, who, visit, patient, code, main=main, confirmed=form["confirmed"])

    return await _change_diagnoses(request, tx, who, change, {"code": code, "main": form["main"] or ""})


async def main_diagnosis(request: Request, tx: Transaction, who: Subject) -> Response:
    """Make a diagnosis the main one."""
    form = await forms.read_form(request, [forms.flag("confirmed", "ok")])
    id_ = request.path_params["condition"]

    async def change(visit: r4.Encounter, patient: r4.Patient) -> r4.Encounter:
        return await diagnoses.make_main(tx, who, visit, patient, id_, confirmed=form["confirmed"])

    return await _change_diagnoses(request, tx, who, change, {})


async def remove_diagnosis(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a diagnosis back."""

    async def change(visit: r4.Encounter, _patient: r4.Patient) -> r4.Encounter:
        return await diagnoses.remove(tx, who, visit, request.path_params["condition"])

    return await _change_diagnoses(request, tx, who, change, {})


async def _change_diagnoses(
    request: Request, tx: Transaction, who: Subject, change: Any, again: dict[str, str]
) -> Response:
    visit = await _read(request, tx, who)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")
    problem: Problem | None = None
    try:
        async with tx.savepoint():
            visit = await change(await begin(tx, who, visit), patient)
    except Invalid as wrong:
        problem = wrong
    ask = isinstance(problem, diagnoses.NeedsConfirmation)
    said = {"diagnosis_problem": problem, "diagnosis_again": again if ask else None, "ask_path": request.url.path}
    if not pages.is_fragment(request):
        return await _show(request, tx, who, 422, **said) if problem else _back(request, visit.id, "chan-doan")
    found = await store.read_many(tx, who, r4.Condition, [id_of(one.condition) for one in visit.diagnosis or []])
    listed = diagnoses.listed(visit, list(found.values()))
    shown = pages.render(
        request, "clinic/_diagnoses.html", 422 if problem else 200,
        visit=visit.id, diagnoses=listed, editable=True, diagnosis_refocus=not ask, **said,
    )  # fmt: skip
    shown.headers["HX-Trigger"] = CHANGED
    return shown


# ── Orders ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def find_service(request: Request, tx: Transaction, who: Subject) -> Response:
    """Services for laboratory and imaging as somebody types."""
    query = request.query_params.get("find", "")[:200]
    found = await ordering.find(tx, who, query, FOUND)
    said: dict[str, Any] = {"visit": request.path_params["visit"], "query": query, "found": found}
    if pages.is_fragment(request):
        return pages.render(request, "clinic/_service_options.html", **said)
    return pages.render(request, "clinic/find_service.html", **said)


async def place_order(request: Request, tx: Transaction, who: Subject) -> Response:
    """Order a service."""
    fields = [forms.hidden("service", most=30), forms.text("find", "find"), forms.flag("urgent", "u")]
    fields.append(forms.flag("confirmed", "ok"))
    form = await forms.read_form(request, fields)
    code = form["service"] or (form["find"] or "").split(" ")[0]
    visit = await _read(request, tx, who)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")
    problem: Problem | None = None
    try:
        async with tx.savepoint():
            visit = await begin(tx, who, visit)
            await orders.place(tx, who, visit, patient, code, urgent=form["urgent"], confirmed=form["confirmed"])
    except Invalid as wrong:
        problem = wrong
    ask = isinstance(problem, ordering.NeedsConfirmation)
    again = {"service": code, "urgent": "1" if form["urgent"] else ""} if ask else None
    return await _after_order(request, tx, who, visit, problem, again)


async def order_package(request: Request, tx: Transaction, who: Subject) -> Response:
    """Order what is still to be ordered of the package that was booked."""
    visit = await _read(request, tx, who)
    patient = await store.read(tx, who, r4.Patient, id_of(visit.subject) or "?")
    chosen = await packages.among(tx, who, await overview.booked_for(tx, who, visit))
    if chosen is None:
        raise NotFound(_("Lượt khám này không đặt gói nào."))
    visit = await begin(tx, who, visit)
    there = {code_of(one.code, systems.SERVICES) for one in await of_visit(tx, who, visit, r4.ServiceRequest)
             if one.status != "revoked"}  # fmt: skip
    left = await orders.place_all(tx, who, visit, patient, [code for code, _n in chosen.services if code not in there])
    if left:
        return await _show(request, tx, who, 422, order_problem=left[0])
    return _back(request, visit.id, "chi-dinh")


async def cancel_order(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take an order back."""
    visit = await _read(request, tx, who)
    await orders.cancel(tx, who, visit, request.path_params["order"])
    return await _after_order(request, tx, who, visit, None, None)


async def _after_order(
    request: Request,
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    problem: Problem | None,
    again: dict[str, str] | None,
) -> Response:
    said = {"order_problem": problem, "order_again": again}
    if not pages.is_fragment(request):
        return await _show(request, tx, who, 422, **said) if problem else _back(request, visit.id, "chi-dinh")
    found = await orders_of(tx, who, visit)
    status = 422 if problem else 200
    return pages.render(
        request, "clinic/_orders.html", status, visit=visit.id, orders=found.orders, editable=True, **said
    )


async def results(request: Request, tx: Transaction, who: Subject) -> Response:
    """Orders' states and results, as they come in."""
    visit = await _read(request, tx, who)
    if not pages.is_fragment(request):
        return _back(request, visit.id, "ket-qua")
    found = await orders_of(tx, who, visit)
    editable = _consults(who) and not closed(visit, await note.find(tx, who, visit))
    return pages.render(
        request, "clinic/_results.html", visit=visit.id, results=found.results, orders=found.orders, editable=editable
    )


async def next_patients(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who comes next in the doctor's room."""
    rows = await worklist.next_patients(tx, who, await _room(request, tx, who))
    return pages.render(request, "clinic/_next.html", visit=request.path_params["visit"], following=rows)


# ── Shared ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def _show(request: Request, tx: Transaction, who: Subject, status: int = 200, **more: Any) -> Response:
    """The whole page, with what went wrong in one of its parts."""
    return pages.render(request, "clinic/consultation.html", status, **(await _context(request, tx, who)) | more)


async def _context(request: Request, tx: Transaction, who: Subject) -> dict[str, Any]:
    found = await overview.gather(tx, who, request.path_params["visit"])
    names = {code: name for name, code in SECTIONS.items()}
    editable = not found.closed and _consults(who)
    medicines = await prescribing.panel(tx, who, found.visit)
    return {
        "page": found,
        "prescription": medicines if editable else msgspec.structs.replace(medicines, closed=True),
        "conclusion": await conclusion.bar(tx, who, found.visit) if _consults(who) else None,
        "unlicensed": who.may(Permission.CONSULT) and not _consults(who),
        "visit": found.visit.id,
        "editable": editable,
        "may_measure": not found.closed and who.may(Permission.VITALS),
        "sections": [(names[code], title, code) for code, title in words.SECTIONS.items()],
        "version": note.seal(found.texts),
        "texts": _prefilled(found),
        "vitals_form": forms.blank(vitals.fields(found.months)),
        "following": await worklist.next_patients(tx, who, await _room(request, tx, who)),
        "clash": None,
        "diagnosis_problem": None,
        "diagnosis_again": None,
        "ask_path": "",
        "order_problem": None,
        "order_again": None,
    }


def _consults(who: Subject) -> bool:
    """Whether she may write here: a doctor, with the licence that the house asks for."""
    return who.may(Permission.CONSULT) and may(who, Interaction.CREATE, "Composition")


def _prefilled(found: overview.Overview) -> dict[str, str]:
    """What the fields show: the note, and before anybody wrote the reason, what reception was told."""
    texts = dict(found.texts)
    if found.note is None and not texts[words.REASON]:
        texts[words.REASON] = found.reason
    return texts


async def _room(request: Request, tx: Transaction, who: Subject) -> str | None:
    return request.cookies.get(ROOM_COOKIE) or await worklist.usual_room(tx, who)


async def _read(request: Request, tx: Transaction, who: Subject) -> r4.Encounter:
    return await store.read(tx, who, r4.Encounter, request.path_params["visit"])


def _back(request: Request, visit: str | None, part: str) -> Response:
    return RedirectResponse(f"/kham/{visit}#{part}", 303)


_C, _R = Permission.CONSULT, Permission.READ_CHART
DOORS: list[Door | LiveDoor] = [
    *pages_worklist.DOORS,
    *pages_vitals.DOORS,
    Door("/kham/{visit}", page, _R),
    Door("/kham/{visit}/bat-dau", start, _C, ("POST",)),
    Door("/kham/{visit}/ghi-chep", save_note, _C, ("POST",)),
    Door("/kham/{visit}/ghi-chep/moi", note_news, _C),
    Door("/kham/{visit}/chan-doan", find_diagnosis, _C),
    Door("/kham/{visit}/chan-doan", add_diagnosis, _C, ("POST",)),
    Door("/kham/{visit}/chan-doan/{condition}/chinh", main_diagnosis, _C, ("POST",)),
    Door("/kham/{visit}/chan-doan/{condition}/bo", remove_diagnosis, _C, ("POST",)),
    Door("/kham/{visit}/chi-dinh", find_service, _C),
    Door("/kham/{visit}/chi-dinh", place_order, _C, ("POST",)),
    Door("/kham/{visit}/goi-kham", order_package, _C, ("POST",)),
    Door("/kham/{visit}/chi-dinh/{order}/huy", cancel_order, _C, ("POST",)),
    Door("/kham/{visit}/ket-qua", results, _R),
    Door("/kham/{visit}/tiep-theo", next_patients, _R),
]
