"""`/noi-tru/luot/…/to-dieu-tri`: the daily sheet (36/BV2) of somebody: written, signed, corrected."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.hospital import medicine_warnings, signing, writing
from benhan.hospital import stay as words
from benhan.hospital.daily import ASSESSMENT, COURSE, OBJECTIVE, PLAN, SUBJECTIVE
from benhan.hospital.visit import id_of
from benhan.hospital.ward import bedside, board, entries, moves, order_lines, sets
from benhan.hospital.ward.entries import Sheet
from benhan.hospital.ward.pages_board import PATH

FIELDS: Final = {"s": SUBJECTIVE, "o": OBJECTIVE, "a": ASSESSMENT, "p": PLAN}
#: Where a button leads after what was typed is kept.
SIGN, AFTER, BEFORE = "ky", "sau", "truoc"


def fields() -> list[forms.Field]:
    """The parts of an entry, when it was ordered by word of mouth, and what the page knows of the draft."""
    parts = [
        forms.long_text(name, f"{COURSE[code][1]} · {_(COURSE[code][0])}", most=writing.MOST)
        for name, code in FIELDS.items()
    ]
    return [
        *parts, forms.day("mieng-ngay", _("Y lệnh miệng, ngày")), forms.time_of_day("mieng-luc", _("lúc")),
        forms.hidden("version", most=200), forms.hidden("phieu", most=64), forms.hidden("di", most=10),
    ]  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The sheet: what is being written, what was written before, and what is to be known beside it."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    return await page(request, tx, who, stay)


async def save(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep the draft: from a button (on to where it says), or while somebody writes (204, the new seal as ETag)."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    form = await forms.read_form(request, fields())
    by_itself = "benhan-autosave" in request.headers
    typed = {code: form[name] or "" for name, code in FIELDS.items()} if not form.errors else {}
    try:
        if not form.errors:
            async with tx.savepoint():
                said = _verbal(form)
                kept = await entries.save(
                    tx, who, stay, form["phieu"] or "", typed, form["version"] or "", verbal=said
                )  # fmt: skip
    except entries.Clash as clash:
        return await _clash(request, tx, who, stay, clash)
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
    if form.errors:
        return await page(request, tx, who, stay, form=form)
    if by_itself:
        held = {**(kept.course if kept else {}), **{code: writing.clean(text) for code, text in typed.items()}}
        return Response(status_code=204, headers={"ETag": f'W/"{writing.seal(held, COURSE)}"'})
    return RedirectResponse(await _onward(tx, who, stay, form["di"] or ""), 303)


async def _onward(tx: Transaction, who: Subject, stay: r4.Encounter, to: str) -> str:
    if to == SIGN:
        return f"{address(stay)}/ky"
    if to in (AFTER, BEFORE):
        at = await bedside.next_of(tx, who, stay)
        other = at.after if to == AFTER else at.before
        return address_of(other) if other else f"{PATH}/khoa/{words.department(stay)}/di-buong"
    return address(stay)


def _verbal(form: forms.Form) -> datetime | None:
    """When it was ordered by word of mouth: a time alone is of today. Raises: Invalid."""
    if form["mieng-luc"] is None:
        if form["mieng-ngay"]:
            raise Invalid(_("Ghi giờ ra y lệnh miệng."), where="mieng-luc")
        return None
    return datetime.combine(form["mieng-ngay"] or clock.today(), form["mieng-luc"], clock.ZONE)


async def discard(request: Request, tx: Transaction, who: Subject) -> Response:
    """Throw the draft away."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    await entries.discard(tx, who, stay)
    return RedirectResponse(address(stay), 303)


async def correct(request: Request, tx: Transaction, who: Subject) -> Response:
    """Begin an entry that takes the place of a signed one, or adds to it."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    form = await forms.read_form(request, [forms.hidden("cach", required=True, most=10)])
    form.require()
    await entries.correct(tx, who, stay, request.path_params["entry"], anew=form["cach"] == "thay")
    return RedirectResponse(address(stay), 303)


# ── Signing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def sign_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is going to be signed, and what is not carried on."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    return await _signing(request, tx, who, stay, forms.blank(_sign_fields()))


async def sign(request: Request, tx: Transaction, who: Subject) -> Response:
    """Sign, and go to who is not written yet. Sent twice, it signs once."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    form = await forms.read_form(request, _sign_fields())
    if not form.errors:
        found = await entries.sheet(tx, who, stay)
        if not any(one.id == form["phieu"] for one in found.signed):
            try:
                await entries.sign(tx, who, stay, form["y-lenh"] or "", form["password"])
            except (Invalid, Conflict) as wrong:
                form.errors.add("password" if wrong.where == "password" else "", wrong.message)
    if form.errors:
        return await _signing(request, tx, who, stay, form)
    at = await bedside.next_of(tx, who, stay)
    onward = address_of(at.unwritten) if at.unwritten else f"{PATH}/khoa/{words.department(stay)}/di-buong"
    return RedirectResponse(onward, 303)


def _sign_fields() -> list[forms.Field]:
    return [
        forms.secret("password", _("Mật khẩu của bạn")), forms.hidden("y-lenh", most=40), forms.hidden("phieu", most=64)
    ]  # fmt: skip


async def _signing(request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, form: forms.Form) -> Response:
    found = await entries.sheet(tx, who, stay)
    if found.draft is None:
        return RedirectResponse(address(stay), 303)
    return pages.render(
        request, "ward/daily_sign.html", 422 if form.errors else 200, form=form, sheet=found, kinds=order_lines.NAMES,
        certificate=await signing.signs(tx, who), **await about(tx, who, stay),
    )  # fmt: skip


# ── What a page shows ───────────────────────────────────────────────────────────────────────────────────────────


async def page(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, *, form: forms.Form | None = None,
    clash: dict[str, Any] | None = None, more: dict[str, Any] | None = None, status: int = 200,
) -> Response:  # fmt: skip
    """The sheet; `more` is what the panel of orders shows beside the orders (`pages_orders`)."""
    found = await entries.sheet(tx, who, stay)
    status = 412 if clash else 422 if form and form.errors else status
    patient = (await store.read_many(tx, who, r4.Patient, [id_of(stay.subject) or "?"])).get(id_of(stay.subject) or "")
    months = clock.age_months(patient.birthDate, clock.today()) if patient and patient.birthDate else None
    return pages.render(
        request, "ward/daily.html", status, form=form or _form(found), clash=clash, sheet=found,
        round=await bedside.next_of(tx, who, stay), vitals=await bedside.measured(tx, who, stay, months),
        results=await bedside.results(tx, who, stay), **await about(tx, who, stay),
        **(await panel(tx, who, found) | (more or {})),
    )  # fmt: skip


async def about(tx: Transaction, who: Subject, stay: r4.Encounter) -> dict[str, Any]:
    """What every page of a sheet shows: whose it is, what may be done."""
    (one,) = await board.lying(tx, who, [stay])
    allergies = await medicine_warnings.allergies(tx, who, one.patient)
    return {
        "one": one, "path": PATH, "base": address(stay), "bed": words.bed_name(stay), "course": COURSE,
        "department": words.department(stay) or "", "department_name": words.department_name(stay),
        "allergies": [each.shown for each in allergies],
        "may": who.may(Permission.CONSULT) and stay.status in words.LYING,
    }  # fmt: skip


async def panel(tx: Transaction, who: Subject, found: Sheet) -> dict[str, Any]:
    """What the panel of orders shows."""
    at = clock.now()
    return {
        "kinds": order_lines.NAMES, "levels": order_lines.LEVELS, "at": at, "entry": None, "problem": None,
        "again": None, "focus": "", "sets": await sets.of_department(tx, who, words.department(found.stay) or "?"),
    }  # fmt: skip


def _form(found: Sheet) -> forms.Form:
    held = found.draft
    course = held.course if held else dict.fromkeys(COURSE, "")
    said = clock.local(held.verbal) if held and held.verbal else None
    return forms.blank(
        fields(), **{name: course[code] for name, code in FIELDS.items()},
        **{"mieng-ngay": said.date() if said else None, "mieng-luc": said.time() if said else None},
        version=writing.seal(course, COURSE), phieu=held.id if held else entries.new_id(),
    )  # fmt: skip


async def _clash(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, clash: entries.Clash
) -> Response:  # fmt: skip
    names = {code: name for name, code in FIELDS.items()}
    said: dict[str, Any] = {
        "base": address(stay),
        "clash_version": writing.seal(clash.theirs, COURSE),
        "typed": {names[code]: text for code, text in clash.mine.items()},
        "clashes": [(_(COURSE[code][0]), clash.mine[code], clash.theirs[code]) for code in clash.parts],
    }
    if pages.is_fragment(request):
        return pages.render(request, "ward/_daily_clash.html", clash.status, **said)
    return await page(request, tx, who, stay, clash=said)


def address(stay: r4.Encounter) -> str:
    """Where a sheet is."""
    return address_of(stay.id or "")


def address_of(stay: str) -> str:
    """Where the sheet of a stay is."""
    return f"{PATH}/luot/{stay}/to-dieu-tri"


_SHEET: Final = f"{PATH}/luot/{{stay}}/to-dieu-tri"
DOORS = [
    Door(_SHEET, show, Permission.WATCH_BEDS),
    Door(_SHEET, save, Permission.CONSULT, ("POST",)),
    Door(f"{_SHEET}/bo", discard, Permission.CONSULT, ("POST",)),
    Door(f"{_SHEET}/lan/{{entry}}", correct, Permission.CONSULT, ("POST",)),
    Door(f"{_SHEET}/ky", sign_page, Permission.SIGN),
    Door(f"{_SHEET}/ky", sign, Permission.SIGN, ("POST",)),
]
