"""Doors of the orders on a daily sheet: an answer to htmx is the panel; without JavaScript the sheet is shown again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, Problem
from benhan.core.kit import forms, pages
from benhan.core.kit.text import clip
from benhan.core.language import _
from benhan.hospital import medicines, ordering
from benhan.hospital import stay as words
from benhan.hospital.doses import parse_dose, shown_dose
from benhan.hospital.medicine_warnings import NeedsReason, Warned
from benhan.hospital.medicines import Medicine
from benhan.hospital.visit import code_of
from benhan.hospital.ward import dosing, entries, moves, order_lines, orders, sets
from benhan.hospital.ward.dosing import Dosing
from benhan.hospital.ward.order_lines import Kind
from benhan.hospital.ward.pages_board import PATH
from benhan.hospital.ward.pages_daily import about, address, page, panel

FOUND: Final = 12
#: A line to choose: name, a word more, address, and what is posted there (nothing: a link).
Choice = tuple[str, str, str, dict[str, str]]


class Entry(msgspec.Struct, frozen=True):
    """The medicine that is being written: its form, what warns of it."""

    medicine: Medicine
    form: forms.Form
    warnings: list[Warned]
    blocked: bool


def dosing_fields(medicine: Medicine) -> list[forms.Field]:
    """The fields of a medicine, in the order in which they are typed."""
    routes = [(route, route) for route in dict.fromkeys((medicine.route, *dosing.ROUTES))]
    return [
        forms.Field("lieu", _("Mỗi lần"), "text", _dose, required=True, most=8, unit=dosing.unit_of(medicine)),
        forms.Field("gio", _("Giờ dùng"), "text", _hours, most=60, hint=_("8 14 20")),
        forms.choice("duong", _("Đường dùng"), routes),
        forms.number("ngay", _("Số ngày"), lowest=1, highest=dosing.MOST_DAYS, required=True),
        forms.Field("toc-do", _("Tốc độ truyền"), "text", _dose, most=8),
        forms.choice("don-vi", _("Đơn vị tốc độ"), [(one, one) for one in dosing.RATES]),
        forms.text("ghi-chu", _("Ghi chú"), most=200),
        forms.flag("khi-can", _("Khi cần")),
        forms.text("override", _("Vẫn dùng, ghi lý do"), most=300),
        forms.hidden("medicine", most=64), forms.hidden("dong", most=100), forms.hidden("version", most=20),
    ]  # fmt: skip


async def find_medicine(request: Request, tx: Transaction, who: Subject) -> Response:
    """Medicines as somebody types; without JavaScript a list to choose from."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    asked = clip(request.query_params.get("thuoc", ""), 100)
    found = await medicines.find(tx, who, asked, most=FOUND)
    if pages.is_fragment(request):
        return pages.render(request, "ward/_medicine_options.html", found=found, asked=asked)
    rows: list[Choice] = [(one.title, one.form, f"{address(stay)}/thuoc?medicine={one.id}", {}) for one in found]
    return await _choice(request, tx, who, stay, "thuoc", asked, rows)


async def medicine(request: Request, tx: Transaction, who: Subject) -> Response:
    """The form of a medicine, or of one in the draft (`?dong=`); POST writes it."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    if request.method == "GET" and "medicine" not in request.query_params and "dong" not in request.query_params:
        return await find_medicine(request, tx, who)
    if request.method == "GET":
        return await _writing(request, tx, who, stay)
    posted = await forms.posted(request)
    one = await medicines.read(tx, who, str(posted.get("medicine", "-")))
    form = forms.check(posted, dosing_fields(one))
    blocked = False
    if not form.errors:
        try:
            async with tx.savepoint():
                await orders.order_medicine(
                    tx, who, stay, one, _dosing(form, one), form["override"] or "", changes=form["dong"] or "",
                    version=form["version"] or "",
                )  # fmt: skip
            return await _changed(request, tx, who, stay, "thuoc")
        except Invalid as wrong:
            blocked = isinstance(wrong, NeedsReason)
            form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _entry(request, tx, who, stay, one, form, blocked=blocked)


async def _writing(request: Request, tx: Transaction, who: Subject, stay: r4.Encounter) -> Response:
    line = request.query_params.get("dong", "")
    if not line:
        one = await medicines.read(tx, who, request.query_params["medicine"])
        form = forms.blank(dosing_fields(one), duong=one.route, ngay=1, medicine=one.id)
        return await _entry(request, tx, who, stay, one, form)
    kept = (await entries.sheet(tx, who, stay)).orders.get(line)
    if not isinstance(kept, r4.MedicationRequest) or kept.status != "draft":
        raise NotFound(_("Y lệnh này không còn trong bản nháp của bạn."))
    code = code_of(kept.medicationCodeableConcept, systems.MEDICINE_CODE) or ""
    known = (await medicines.by_codes(tx, who, [code])).get(code)
    if known is None:
        raise NotFound(_("Thuốc này không còn trong danh mục."), where="medicine")
    return await _entry(request, tx, who, stay, known, _filled(known, kept))


async def find_service(request: Request, tx: Transaction, who: Subject) -> Response:
    """Tests and imaging as somebody types; without JavaScript a list to choose from."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    asked = clip(request.query_params.get("dich-vu", ""), 100)
    found = await ordering.find(tx, who, asked, FOUND)
    if pages.is_fragment(request):
        return pages.render(request, "ward/_service_options.html", found=found, asked=asked)
    rows = [(one.name, one.code, f"{address(stay)}/dich-vu", {"service": one.code}) for one in found]
    return await _choice(request, tx, who, stay, "dich-vu", asked, rows)


async def service(request: Request, tx: Transaction, who: Subject) -> Response:
    """Order a test or a picture."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    form = await forms.read_form(request, [
        forms.hidden("service", most=30), forms.text("dich-vu", "dich-vu", most=400), forms.flag("gap", "gap"),
        forms.flag("confirmed", "ok"),
    ])  # fmt: skip
    code = form["service"] or (form["dich-vu"] or "").split(" ")[0]
    try:
        async with tx.savepoint():
            await orders.order_service(tx, who, stay, code, urgent=form["gap"], confirmed=form["confirmed"])
    except Invalid as wrong:
        again = isinstance(wrong, ordering.NeedsConfirmation)
        fields = {"service": code, "gap": "1" if form["gap"] else "", "confirmed": "1"} if again else None
        return await _shown(request, tx, who, stay, 422, problem=wrong, again=fields)
    return await _changed(request, tx, who, stay, "dich-vu")


async def care(request: Request, tx: Transaction, who: Subject) -> Response:
    """Order a diet, a level of care, monitoring, or something else in words."""
    kinds = [(one.value, one.value) for one in (Kind.DIET, Kind.CARE, Kind.MONITOR, Kind.OTHER)]
    form = await forms.read_form(request, [
        forms.choice("loai", _("Loại"), kinds, required=True), forms.text("noi-dung", _("Nội dung"), most=300),
    ])  # fmt: skip
    form.require()
    return await _done(
        request, tx, who, "khac",
        lambda stay: orders.order_care(tx, who, stay, Kind(form["loai"]), form["noi-dung"] or ""),
    )  # fmt: skip


async def carry_on(request: Request, tx: Transaction, who: Subject) -> Response:
    """Carry on the chosen orders."""
    posted = await forms.posted(request)
    chosen = [str(one) for one in posted.getlist("y-lenh")]
    return await _done(request, tx, who, "ky", lambda stay: orders.carry_on(tx, who, stay, chosen))


async def take_off(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take an order off the draft."""
    order = await _order(request)
    return await _done(request, tx, who, "thuoc", lambda stay: orders.take_off(tx, who, stay, order))


async def stop(request: Request, tx: Transaction, who: Subject) -> Response:
    """Stop an order in force with this entry; without a reason typed, the form that asks for it."""
    form = await forms.read_form(request, [_ORDER, forms.text("ly-do", _("Lý do ngừng"), most=300)])
    form.require()
    return await _done(
        request, tx, who, "ky", lambda stay: orders.stop(tx, who, stay, form["y-lenh"], form["ly-do"] or "")
    )  # fmt: skip


async def stop_not(request: Request, tx: Transaction, who: Subject) -> Response:
    """The draft does not stop it after all."""
    order = await _order(request)
    return await _done(request, tx, who, "ky", lambda stay: orders.stop_not(tx, who, stay, order))


# ── Order sets ──────────────────────────────────────────────────────────────────────────────────────────────────


async def make_set(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep the draft's orders as a set of the department."""
    form = await forms.read_form(request, [forms.text("ten-bo", _("Tên bộ y lệnh"), most=sets.MOST_NAME)])

    async def made(stay: r4.Encounter) -> None:
        found = await entries.sheet(tx, who, stay)
        await sets.make(tx, who, words.department(stay) or "?", form["ten-bo"] or "", found)

    return await _done(request, tx, who, "bo", made)


async def use_set(request: Request, tx: Transaction, who: Subject) -> Response:
    """Write the orders of a set into the draft, or retire it (`viec=bo`)."""
    form = await forms.read_form(request, [forms.hidden("bo", required=True, most=64), forms.hidden("viec", most=10)])
    form.require()

    async def used(stay: r4.Encounter) -> None:
        at = words.department(stay) or "?"
        if form["viec"] == "bo":
            await sets.retire(tx, who, at, form["bo"])
        else:
            await sets.use(tx, who, stay, at, form["bo"])

    return await _done(request, tx, who, "bo", used)


# ── What is shown ───────────────────────────────────────────────────────────────────────────────────────────────


async def _done(request: Request, tx: Transaction, who: Subject, focus: str, act: Any) -> Response:
    """Do it, or show the panel with what is wrong."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    try:
        async with tx.savepoint():
            await act(stay)
    except (Invalid, Conflict) as wrong:
        return await _shown(request, tx, who, stay, wrong.status, problem=wrong)
    return await _changed(request, tx, who, stay, focus)


async def _changed(request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, focus: str) -> Response:
    if not pages.is_fragment(request):
        return RedirectResponse(f"{address(stay)}#y-lenh", 303)
    return await _shown(request, tx, who, stay, 200, focus=focus)


async def _shown(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, status: int, *, focus: str = "",
    entry: Entry | None = None, problem: Problem | None = None, again: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    more = {"focus": focus, "entry": entry, "problem": problem, "again": again}
    if not pages.is_fragment(request):
        return await page(request, tx, who, stay, more=more, status=status)
    found = await entries.sheet(tx, who, stay)
    said = {**await panel(tx, who, found), **more, **await about(tx, who, stay)}
    return pages.render(request, "ward/_daily_orders.html", status, sheet=found, **said)


async def _entry(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, one: Medicine, form: forms.Form, *,
    blocked: bool = False,
) -> Response:  # fmt: skip
    found = await entries.sheet(tx, who, stay)
    line = str(form.raw.get("dong") or "")
    warned = await orders.warnings(tx, who, found, one, line)
    entry = Entry(one, form, warned, blocked or any(each.blocks for each in warned))
    return await _shown(request, tx, who, stay, 422 if form.errors else 200, entry=entry)


async def _choice(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, name: str, asked: str,
    rows: list[Choice],
) -> Response:  # fmt: skip
    said = await about(tx, who, stay)
    return pages.render(request, "ward/daily_choice.html", rows=rows, name=name, asked=asked, **said)


_ORDER: Final = forms.hidden("y-lenh", required=True, most=100)


async def _order(request: Request) -> str:
    form = await forms.read_form(request, [_ORDER])
    form.require()
    return str(form["y-lenh"])


def _dosing(form: forms.Form, one: Medicine) -> Dosing:
    return Dosing(
        amount=form["lieu"] or Decimal(0), unit=dosing.unit_of(one), hours=form["gio"] or (),
        route=form["duong"] or one.route, days=int(form["ngay"] or 0), rate=form["toc-do"],
        rate_unit=form["don-vi"] or dosing.RATES[0], as_needed=form["khi-can"], note=form["ghi-chu"] or "",
    )  # fmt: skip


def _filled(one: Medicine, kept: r4.MedicationRequest) -> forms.Form:
    how, line = dosing.dosing_of(kept), order_lines.line(kept)
    return forms.blank(
        dosing_fields(one), lieu=shown_dose(how.amount), gio=dosing.shown_hours(how.hours), duong=how.route,
        ngay=how.days, medicine=one.id, dong=line.ref, version=line.version, override=line.reason,
        **{"toc-do": shown_dose(how.rate) if how.rate is not None else None, "don-vi": how.rate_unit,
           "ghi-chu": how.note, "khi-can": how.as_needed},
    )  # fmt: skip


def _dose(written: str, _one: forms.Field) -> Decimal:
    return parse_dose(written)


def _hours(written: str, _one: forms.Field) -> tuple[str, ...]:
    return dosing.parse_hours(written)


_SHEET: Final = f"{PATH}/luot/{{stay}}/to-dieu-tri"
_DO: Final = Permission.CONSULT
DOORS = [
    Door(f"{_SHEET}/tim", find_medicine, _DO),
    Door(f"{_SHEET}/thuoc", medicine, _DO, ("GET", "POST")),
    Door(f"{_SHEET}/tim-dich-vu", find_service, _DO),
    Door(f"{_SHEET}/dich-vu", service, _DO, ("POST",)),
    Door(f"{_SHEET}/khac", care, _DO, ("POST",)),
    Door(f"{_SHEET}/ghi-tiep", carry_on, _DO, ("POST",)),
    Door(f"{_SHEET}/bo-dong", take_off, _DO, ("POST",)),
    Door(f"{_SHEET}/ngung", stop, _DO, ("POST",)),
    Door(f"{_SHEET}/khong-ngung", stop_not, _DO, ("POST",)),
    Door(f"{_SHEET}/luu-bo", make_set, _DO, ("POST",)),
    Door(f"{_SHEET}/dung-bo", use_set, _DO, ("POST",)),
]
