"""Doors of the prescription: the panel on the consultation page, the search, the line that is written, allergies.

Every answer to htmx is the whole panel; without JavaScript the same panel stands on a page of its own.
"""

from __future__ import annotations

from decimal import Decimal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import forms, pages
from benhan.core.kit.text import clip
from benhan.core.language import _
from benhan.hospital import medicines
from benhan.hospital.clinic import prescribing
from benhan.hospital.clinic import prescribing_lines as lines
from benhan.hospital.clinic import prescribing_rules as limits
from benhan.hospital.clinic.heading import heading
from benhan.hospital.clinic.prescribing import Entry
from benhan.hospital.clinic.prescribing_lines import Line
from benhan.hospital.clinic.prescribing_rules import TIMES, Course
from benhan.hospital.doses import dose_unit, parse_dose, shown_dose
from benhan.hospital.ingredients import FAMILIES
from benhan.hospital.medicine_warnings import NeedsReason
from benhan.hospital.medicines import Medicine
from benhan.hospital.visit import id_of

#: What the consultation page listens to: it asks again for the bar with what is missing.
CHANGED = "visit-changed"
#: Days that a fresh line begins with.
USUAL_DAYS = 5


def course_fields(medicine: Medicine) -> list[forms.Field]:
    """The fields of a line, in the order in which they are typed."""
    unit = dose_unit(medicine)
    doses = [
        forms.Field(time, _(name).capitalize(), "text", _dose, most=8, unit="" if unit == "lần" else unit)
        for time, (name, _event) in TIMES.items()
    ]
    routes = [(route, route) for route in dict.fromkeys((medicine.route, *medicines.ROUTES))]
    return [
        *doses,
        forms.number("days", _("Số ngày"), lowest=1, highest=90, required=True),
        forms.number("quantity", _("Số lượng"), lowest=1, highest=999, unit=medicine.unit, hint=_("trống: tự tính")),
        forms.text("usage", _("Cách dùng"), most=200),
        forms.choice("route", _("Đường dùng"), routes),
        forms.flag("as_needed", _("Chỉ dùng khi cần")),
        forms.flag("long_term", _("Bệnh mạn tính được kê dài ngày (Phụ lục VII TT 26/2025)")),
        forms.text("override", _("Vẫn kê, ghi lý do"), most=300),
        forms.hidden("version"),
    ]


def course_of(form: forms.Form, medicine: Medicine) -> Course:
    """The course that was typed."""
    return Course(
        doses={time: form[time] for time in TIMES if form[time]},
        days=form["days"] or 0,
        route=form["route"] or medicine.route,
        note=form["usage"] or "",
        as_needed=form["as_needed"],
        long_term=form["long_term"],
        quantity=form["quantity"],
    )


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The prescription of a visit."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    removed = None
    if line_id := request.query_params.get("da-bo"):
        removed = await _removed(tx, who, visit, line_id)
    return await _panel(request, tx, who, visit, removed=removed)


async def search(request: Request, tx: Transaction, who: Subject) -> Response:
    """Medicines for the search field; without htmx the page of a new line with the same list."""
    asked = clip(request.query_params.get("thuoc", ""), 100)
    found = await medicines.find(tx, who, asked)
    if pages.is_fragment(request):
        return pages.render(request, "clinic/prescription_options.html", found=found, asked=asked)
    return RedirectResponse(f"/kham/{request.path_params['visit']}/don-thuoc/them?{request.url.query}", 303)


async def new_line(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form of a new line for the medicine that was chosen (or medicines to choose from); POST writes it."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    chosen = request.query_params.get("medicine", "")
    if not chosen:
        asked = clip(request.query_params.get("thuoc", ""), 100)
        found = await medicines.find(tx, who, asked, most=30)
        if len(found) != 1:
            shown = await heading(tx, who, visit)
            return pages.render(request, "clinic/prescription_choice.html", found=found, asked=asked, heading=shown)
        chosen = found[0].id
    medicine = await medicines.read(tx, who, chosen)
    if request.method == "GET":
        form = forms.blank(course_fields(medicine), days=USUAL_DAYS, route=medicine.route)
        return await _writing(request, tx, who, visit, medicine, form)
    form = await forms.read_form(request, course_fields(medicine))
    if form.errors:
        return await _writing(request, tx, who, visit, medicine, form)
    try:
        await prescribing.add(tx, who, visit.id or "", medicine, course_of(form, medicine), form["override"] or "")
    except Invalid as wrong:
        return await _refused(request, tx, who, visit, medicine, form, wrong)
    return await _changed(request, tx, who, visit)


async def edit_line(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form of a line that stands; POST writes it anew."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    line_id = request.path_params["line"]
    held = await prescribing.draft(tx, who, visit)
    stored = next((lines.line(one) for one in held.requests if one.id == line_id), None)
    medicine = held.known.get(stored.code) if stored else None
    if stored is None or medicine is None:
        raise NotFound(_("Dòng thuốc này không còn trên đơn."))
    if request.method == "GET":
        return await _writing(request, tx, who, visit, medicine, _filled(stored, medicine), line_id)
    form = await forms.read_form(request, course_fields(medicine))
    if form.errors:
        return await _writing(request, tx, who, visit, medicine, form, line_id)
    try:
        await prescribing.change(
            tx, who, visit.id or "", line_id, form["version"] or "", course_of(form, medicine), form["override"] or ""
        )
    except Invalid as wrong:
        return await _refused(request, tx, who, visit, medicine, form, wrong, line_id)
    return await _changed(request, tx, who, visit)


async def worked_out(request: Request, tx: Transaction, who: Subject) -> Response:
    """How the line that is being typed will read, and how many are handed out."""
    medicine = await medicines.read(tx, who, request.query_params.get("medicine", "-"))
    form = forms.read_query(request, course_fields(medicine))
    course = course_of(form, medicine)
    typed = bool(course.doses) and course.days > 0
    wrong = [message for _field, message in limits.wrong(medicine, course)] if typed else []
    said = limits.directions(medicine, course) if typed and not wrong else ""
    handed_out = limits.given(medicine, course) if said else None
    return pages.render(
        request, "clinic/prescription_sum.html", said=said, quantity=handed_out, unit=medicine.unit, wrong=wrong,
        days=course.days,
    )  # fmt: skip


async def remove_line(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take a line off; the answer offers to put it back."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    form = await forms.read_form(request, [forms.hidden("version", required=True)])
    form.require()
    removed = await prescribing.remove(tx, who, visit.id or "", request.path_params["line"], form["version"])
    if not pages.is_fragment(request):
        return RedirectResponse(_address(visit) + f"?da-bo={removed.id}", 303)
    answer = await _panel(request, tx, who, visit, removed=lines.line(removed), focus=True)
    answer.headers["HX-Trigger"] = CHANGED
    return answer


async def restore_line(request: Request, tx: Transaction, who: Subject) -> Response:
    """Put a line back."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    await prescribing.restore(tx, who, visit.id or "", request.path_params["line"])
    return await _changed(request, tx, who, visit)


def allergy_fields() -> list[forms.Field]:
    """The fields of an allergy."""
    families = [(code, family.name) for code, family in FAMILIES.items()]
    severities = [(code, _(name)) for code, name in prescribing.SEVERITIES.items()]
    return [
        forms.choice("family", _("Nhóm thuốc"), families),
        forms.text("substance", _("Hoặc thuốc, chất khác"), most=120, hint=_("tên hoạt chất, thức ăn, chất khác")),
        forms.text("reaction", _("Biểu hiện"), most=200, hint=_("mề đay, phù mặt, phản vệ 2019…")),
        forms.choice("severity", _("Mức độ"), severities),
    ]


async def allergy(request: Request, tx: Transaction, who: Subject) -> Response:
    """Record an allergy of the patient of this visit."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    form = forms.blank(allergy_fields())
    if request.method == "POST":
        form = await forms.read_form(request, allergy_fields())
        if not form["family"] and not form["substance"]:
            form.errors.add("family", _("Chọn nhóm thuốc, hoặc ghi tên thuốc, chất gây dị ứng"))
        if not form.errors:
            patient = id_of(visit.subject) or ""
            substances = [one for one in (form["family"], form["substance"]) if one]
            for substance in substances:
                await prescribing.record_allergy(tx, who, patient, substance, form["reaction"] or "", form["severity"])
            return RedirectResponse(f"/kham/{visit.id}", 303)
    shown = await heading(tx, who, visit)
    return pages.render(
        request, "clinic/prescription_allergy.html", 422 if form.errors else 200, form=form, heading=shown
    )


async def _writing(
    request: Request,
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    medicine: Medicine,
    form: forms.Form,
    line: str = "",
    *,
    blocked: bool = False,
) -> Response:
    held = await prescribing.draft(tx, who, visit)
    warnings = held.warnings(medicine, line or None)
    action = _address(visit, line) if line else f"{_address(visit, 'them')}?medicine={medicine.id}"
    blocked = blocked or any(one.blocks for one in warnings)
    entry = Entry(medicine=medicine, form=form, action=action, warnings=warnings, blocked=blocked, line=line)
    return await _panel(request, tx, who, visit, 422 if form.errors else 200, entry=entry)


async def _refused(
    request: Request,
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    medicine: Medicine,
    form: forms.Form,
    wrong: Invalid,
    line: str = "",
) -> Response:
    form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _writing(request, tx, who, visit, medicine, form, line, blocked=isinstance(wrong, NeedsReason))


async def _changed(request: Request, tx: Transaction, who: Subject, visit: r4.Encounter) -> Response:
    if not pages.is_fragment(request):
        return RedirectResponse(_address(visit), 303)
    answer = await _panel(request, tx, who, visit, focus=True)
    answer.headers["HX-Trigger"] = CHANGED
    return answer


async def _panel(
    request: Request,
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    status: int = 200,
    *,
    removed: Line | None = None,
    entry: Entry | None = None,
    focus: bool = False,
) -> Response:
    shown = await prescribing.panel(tx, who, visit, removed=removed, entry=entry, focus=focus)
    if pages.is_fragment(request):
        return pages.render(request, "clinic/prescription_panel.html", status, prescription=shown)
    about = await heading(tx, who, visit)
    return pages.render(request, "clinic/prescription.html", status, prescription=shown, heading=about)


async def _removed(tx: Transaction, who: Subject, visit: r4.Encounter, line_id: str) -> Line | None:
    found = (await store.read_many(tx, who, r4.MedicationRequest, [line_id])).get(line_id)
    if found is None or id_of(found.encounter) != visit.id or found.status != "cancelled":
        return None
    return lines.line(found)


def _filled(stored: Line, medicine: Medicine) -> forms.Form:
    """The form of a line that stands; the quantity only where somebody typed another than is worked out."""
    course = stored.course
    doses = {time: shown_dose(dose) for time, dose in course.doses.items()}
    worked_out = limits.quantity(medicine, course.doses, course.days)
    return forms.blank(
        course_fields(medicine), **doses, days=course.days, usage=course.note, route=course.route,
        quantity=stored.quantity if stored.quantity != worked_out else None, as_needed=course.as_needed,
        long_term=course.long_term, override=stored.reason, version=stored.version,
    )  # fmt: skip


def _dose(written: str, _one: forms.Field) -> Decimal:
    return parse_dose(written)


def _address(visit: r4.Encounter, *parts: str) -> str:
    return "/".join((f"/kham/{visit.id}/don-thuoc", *parts))


_PATH = "/kham/{visit}/don-thuoc"
DOORS: list[Door] = [
    Door(_PATH, show, Permission.CONSULT),
    Door(f"{_PATH}/tim", search, Permission.CONSULT),
    Door(f"{_PATH}/them", new_line, Permission.CONSULT, ("GET", "POST")),
    Door(f"{_PATH}/tinh", worked_out, Permission.CONSULT),
    Door(f"{_PATH}/{{line}}", edit_line, Permission.CONSULT, ("GET", "POST")),
    Door(f"{_PATH}/{{line}}/bo", remove_line, Permission.CONSULT, ("POST",)),
    Door(f"{_PATH}/{{line}}/lay-lai", restore_line, Permission.CONSULT, ("POST",)),
    Door("/kham/{visit}/di-ung", allergy, Permission.VITALS, ("GET", "POST")),
]
