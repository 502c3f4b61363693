"""People's records at the desk: the list, a new record, somebody unknown, corrections. `/tiep-don/nguoi-benh`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, Problem, VersionConflict
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.matching import Facts, facts_of
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import phone_shown
from benhan.core.language import _, later
from benhan.core.store.records import new_id, version_of
from benhan.hospital.reception import desk_view, eligibility, identify, people, person_form
from benhan.hospital.reception.booking_rules import guest_of
from benhan.hospital.reception.pages_desk import form_key
from benhan.hospital.visit import phone_of

SHOWN = 30


async def people_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """Patients by name, birth date, telephone or number, while somebody types; the latest changed when empty."""
    typed = request.query_params.get("q", "")[:200].strip()
    wrong: Problem | None = None
    found: list[r4.Patient] = []
    try:
        if typed:
            found = await identify.search_people(tx, who, typed, SHOWN)
        else:
            found = (await store.search(tx, who, r4.Patient, {"_count": str(SHOWN)})).resources
    except Invalid as problem:
        wrong = problem
    template = "reception/desk_people_rows.html" if pages.is_fragment(request) else "reception/desk_people.html"
    rows = [_row(patient) for patient in found]
    return pages.render(request, template, 422 if wrong else 200, q=typed, rows=rows, wrong=wrong, most=SHOWN)


async def new_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """An empty form for a new record; `?hen=` fills it from the guest of a booking."""
    id_ = request.query_params.get("hen")
    booking = await store.read(tx, who, r4.Appointment, id_) if id_ else None
    guest = guest_of(booking) if booking else None
    luc = request.query_params.get("luc") if desk_view.scanned_at(request.query_params.get("luc")) else None
    form = person_form.filled(facts_of(guest) if guest else Facts(), key=new_id(), scanned=luc, booking=id_)
    return _new(request, form, booking=booking)


async def new_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Make the record, unless somebody like that is there already: then both are shown."""
    form = await forms.read_form(request, person_form.fields())
    person = person_form.person_in(form)
    if form.errors:
        return _new(request, form, status=422)
    try:
        patient = await people.register(
            tx, who, person, key=form_key(form["key"] or ""), insurance=form["insurance"], despite=form["despite"]
        )
    except people.PossibleDuplicates as likely:
        form.errors.add("", likely.message)
        return _new(request, form, status=409, suspects=likely.found)
    question = await eligibility.ask(tx, who, patient)
    answer: Response = RedirectResponse(_person_address(str(patient.id), form), 303)
    return eligibility.afterwards(answer, request.app, who, question)


async def unknown_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """Somebody nobody can name: what can be seen, and a temporary code."""
    return pages.render(request, "reception/desk_unknown.html", form=forms.blank(unknown_fields(), key=new_id()))


async def unknown_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Give the temporary code and open the person at the desk, with the emergency room chosen."""
    form = await forms.read_form(request, unknown_fields())
    if form.errors:
        return pages.render(request, "reception/desk_unknown.html", 422, form=form)
    patient = await people.temporary(
        tx, who, key=form_key(form["key"] or ""), gender=form["gender"], seen=form["seen"] or ""
    )
    return RedirectResponse(f"/tiep-don/nguoi/{patient.id}", 303)


def unknown_fields() -> list[forms.Field]:
    """What can be said of somebody unknown."""
    genders = [(code, _(desk_view.GENDERS[code])) for code in ("male", "female", "unknown")]
    return [
        forms.choice("gender", _("Giới tính nhìn thấy"), genders, required=True),
        forms.text("seen", _("Đặc điểm nhận dạng"), most=120, hint=_("ví dụ: áo xanh, khoảng 40 tuổi, tai nạn xe máy")),
        forms.hidden("key", most=64),
    ]


async def edit_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """The administrative data of a record, to correct."""
    patient = await store.read(tx, who, r4.Patient, request.path_params["patient"])
    cover = await eligibility.current_cover(tx, who, str(patient.id))
    form = person_form.of_person(
        people.person_of(patient), cover.subscriberId if cover else None, version_of(patient) or ""
    )
    return _edit(request, patient, form)


async def edit_posted(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep the corrections, unless somebody else changed the record meanwhile."""
    form = await forms.read_form(request, person_form.fields())
    person = person_form.person_in(form)
    id_ = request.path_params["patient"]
    patient = await store.read(tx, who, r4.Patient, id_)
    if form.errors:
        return _edit(request, patient, form, 422)
    try:
        async with tx.savepoint():
            await people.correct(tx, who, id_, person, version=form["version"] or "", insurance=form["insurance"])
    except (Conflict, VersionConflict) as conflict:
        form.errors.add(conflict.where or "", conflict.message)
        return _edit(request, patient, form, conflict.status)
    return RedirectResponse(f"/tiep-don/nguoi/{id_}", 303)


async def wards_part(request: Request, tx: Transaction, who: Subject) -> Response:
    """Wards for what is typed, old names too; a plain GET gets the same as a page."""
    typed = request.query_params.get("ward_text", request.query_params.get("q", ""))[:120]
    found = [(ward, person_form.ward_words(ward), old) for ward, old in person_form.wards_like(typed)]
    template = "reception/desk_wards.html" if pages.is_fragment(request) else "reception/desk_wards_page.html"
    return pages.render(request, template, found=found, typed=typed)


def _new(
    request: Request, form: forms.Form, *, status: int = 200, suspects: Any = (), booking: r4.Appointment | None = None
) -> Response:
    shown = []
    for patient, like in suspects:
        reasons = [_(why) for why in like.reasons]
        name, number = facts_of(patient).name, desk_view.number_of(patient)
        shown.append((number, name, desk_view.about(patient), reasons, _person_address(str(patient.id), form)))
    return pages.render(
        request, "reception/desk_new.html", status, form=form, suspects=shown, typed="", searched=False,
        booking=booking and desk_view.booking_view(booking),
    )  # fmt: skip


def _edit(request: Request, patient: r4.Patient, form: forms.Form, status: int = 200) -> Response:
    name, number = facts_of(patient).name, desk_view.number_of(patient)
    return pages.render(request, "reception/desk_edit.html", status, form=form, id=patient.id, name=name, number=number)


def _row(patient: r4.Patient) -> dict[str, str]:
    return {
        "id": str(patient.id),
        "name": facts_of(patient).name,
        "about": desk_view.about(patient),
        "number": desk_view.number_of(patient),
        "citizen": desk_view.masked_citizen(facts_of(patient).number),
        "phone": phone_shown(phone_of(patient) or ""),
        "address": facts_of(patient).address or "",
        "since": clock.vn_date(clock.local(patient.meta.lastUpdated))
        if patient.meta and patient.meta.lastUpdated
        else "",
    }


def _person_address(id_: str, form: forms.Form) -> str:
    booking = f"&hen={form['booking']}" if form["booking"] else ""
    return f"/tiep-don/nguoi/{id_}?luc={form['scanned'] or ''}{booking}"


_R = Permission.RECEIVE
#: Before the desk's own doors: `/tiep-don/nguoi-benh` is a list, with a name behind it a person.
DOORS: list[Door] = [
    Door("/tiep-don/nguoi-benh", people_page, _R),
    Door("/tiep-don/moi", new_page, _R),
    Door("/tiep-don/moi", new_posted, _R, ("POST",)),
    Door("/tiep-don/chua-ro", unknown_page, _R),
    Door("/tiep-don/chua-ro", unknown_posted, _R, ("POST",)),
    Door("/tiep-don/nguoi-benh/{patient}/sua", edit_page, _R),
    Door("/tiep-don/nguoi-benh/{patient}/sua", edit_posted, _R, ("POST",)),
    Door("/tiep-don/xa-phuong", wards_part, _R),
]
NAV = [NavItem(later("Người bệnh"), "/tiep-don/nguoi-benh", _R, "g n")]
