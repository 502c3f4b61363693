"""`/noi-tru/luot/…`: one stay: its course, and what can be done next; `/noi-tru/nhap-vien`: somebody is admitted."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, codes, forms, pages
from benhan.core.language import _
from benhan.hospital import admission
from benhan.hospital import stay as words
from benhan.hospital.visit import full_name, id_of, identifier
from benhan.hospital.ward import board, leaving, moves, places, transfers
from benhan.hospital.ward.leaving import Leaving, ResultsMissing
from benhan.hospital.ward.pages_board import PATH, to_board

#: People that a search offers, codes of diseases too.
FOUND: Final = 20


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The stay: where she was, who treats her, what can be done."""
    return await _page(request, tx, who, {})


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """Out with leave."""
    form = await forms.read_form(request, _leave_fields())
    if not form.errors:
        try:
            until = datetime.combine(form["ve-ngay"], form["ve-luc"] or time(17), clock.ZONE)
            await moves.leave(tx, who, request.path_params["stay"], until, form["ly-do-ra"])
            return _to(request)
        except Invalid as wrong:
            form.errors.add("ve-ngay", wrong.message)
    return await _page(request, tx, who, {"leave": form})


async def back(request: Request, tx: Transaction, who: Subject) -> Response:
    """Come back."""
    await moves.back(tx, who, request.path_params["stay"])
    return _to(request)


async def cancel(request: Request, tx: Transaction, who: Subject) -> Response:
    """Off the waiting list."""
    form = await forms.read_form(request, [forms.text("ly-do-bo", _("Lý do"), required=True, most=300)])
    form.require()
    kept = await moves.cancel(tx, who, request.path_params["stay"], form["ly-do-bo"])
    return to_board(words.department(kept), "bo")


async def transfer(request: Request, tx: Transaction, who: Subject) -> Response:
    """Ask another department to take her."""
    form = await forms.read_form(request, await _transfer_fields(tx, who))
    if not form.errors:
        try:
            handed = {name: form[name] or "" for name in transfers.HANDED}
            await transfers.ask(tx, who, request.path_params["stay"], form["khoa"], form["ly-do-chuyen"], handed)
            return _to(request)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _page(request, tx, who, {"transfer": form})


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """Accept, refuse or take back a transfer."""
    fields = [forms.hidden("viec", required=True), forms.text("ly-do", _("Lý do"), most=300)]
    form = await forms.read_form(request, fields)
    form.require()
    id_ = request.path_params["task"]
    if form["viec"] == "nhan":
        return to_board(words.department(await transfers.accept(tx, who, id_)), "nhan")
    if form["viec"] == "tu-choi":
        if not form["ly-do"]:
            raise Invalid(_("Ghi lý do từ chối."), where="ly-do")
        return to_board(id_of((await transfers.refuse(tx, who, id_, form["ly-do"])).owner), "khong")
    if form["viec"] != "rut":
        raise Invalid(_("Không có việc này."), where="viec")
    stay = id_of((await transfers.withdraw(tx, who, id_)).focus)
    return RedirectResponse(f"{PATH}/luot/{stay}", 303)


async def discharge_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """What a discharge asks."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    icd = request.query_params.get("icd", "")[:100]
    now = clock.now()
    form = forms.blank(_discharge_fields(), ngay=now.date(), luc=now.time(), ma=request.query_params.get("ma", "")[:12])
    return await _discharging(request, tx, who, stay, form, icd)


async def discharge(request: Request, tx: Transaction, who: Subject) -> Response:
    """End the stay."""
    stay = await moves.read(tx, who, request.path_params["stay"])
    form = await forms.read_form(request, _discharge_fields())
    if not form.errors:
        try:
            kept = await leaving.discharge(tx, who, stay.id or "", _leaving(form))
            return to_board(words.department(kept), "ra")
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
        except ResultsMissing as wrong:
            form.errors.add("van-ra", f"{wrong.message}. {wrong.advice}")
    return await _discharging(request, tx, who, stay, form, "")


async def admit_page(request: Request, tx: Transaction, who: Subject) -> Response:
    """Find who is admitted, then say where to and why. Somebody unknown is found by the temporary code."""
    asked = request.query_params
    q, chosen = asked.get("q", "")[:100].strip(), asked.get("ai", "")[:64]
    person = await store.read(tx, who, r4.Patient, chosen) if chosen else None
    found = await _people(tx, who, q) if q and not person else []
    form = forms.blank(await _admit_fields(tx, who), ai=chosen, khoa=asked.get("khoa", "")[:64])
    return _admitting(request, form, person, q, found)


async def admit(request: Request, tx: Transaction, who: Subject) -> Response:
    """On the waiting list."""
    form = await forms.read_form(request, await _admit_fields(tx, who))
    person = await store.read(tx, who, r4.Patient, form["ai"] or "?")
    if form.errors:
        return _admitting(request, form, person, "", [])
    department = await store.read(tx, who, r4.Organization, form["khoa"])
    await admission.ask(tx, who, admission.Request(
        patient=store.reference(person, full_name(person)), department=store.reference(department, department.name),
        source=form["tu"], reason=form["ly-do"], urgency=form["muc"],
    ))  # fmt: skip
    return to_board(department.id, "cho")


async def _page(request: Request, tx: Transaction, who: Subject, filled: dict[str, forms.Form]) -> Response:
    stay = await moves.read(tx, who, request.path_params["stay"])
    (one,) = await board.lying(tx, who, [stay])
    at = words.department(stay) or ""
    given: dict[str, Any] = {
        "leave": forms.blank(_leave_fields(), **{"ve-ngay": clock.today()}),
        "transfer": forms.blank(await _transfer_fields(tx, who, at)),
        "cancel": forms.blank([forms.text("ly-do-bo", _("Lý do"), required=True, most=300)]),
    } | filled
    asked = await transfers.of_stay(tx, who, stay.id or "")
    beds = [one for one in await places.beds(tx, who, at) if one.state in words.READY]
    wrong = next(iter(filled.values()), None)
    return pages.render(
        request, "ward/stay.html", 422 if wrong else 200, stay=stay, one=one, forms=given, wrong=wrong, asked=asked,
        handed=transfers.handed_over, beds=beds, path=PATH, states=words.STATES, department=at,
        department_name=words.department_name(stay), wards=words.stretches(stay, words.WARD),
        stretches=words.stretches(stay, words.BED), may=who.may(Permission.WARD), ends=who.may(Permission.CONSULT),
        bed=words.bed_name(stay), began=words.began(stay), ended=words.ended(stay), result=words.result(stay),
        results=words.RESULTS, fields=transfers.HANDED,
    )  # fmt: skip


async def _discharging(
    request: Request, tx: Transaction, who: Subject, stay: r4.Encounter, form: forms.Form, icd: str
) -> Response:
    (one,) = await board.lying(tx, who, [stay])
    found = codes.icd10(clock.today()).find(icd, FOUND) if icd else []
    return pages.render(
        request, "ward/discharge.html", 422 if form.errors else 200, one=one, form=form, icd=icd, found=found,
        path=PATH, missing=await leaving.waiting_orders(tx, who, stay.id or ""), chosen=_disease(form.typed("ma")),
    )  # fmt: skip


def _leaving(form: forms.Form) -> Leaving:
    disease = _disease(form["ma"])
    if disease is None:
        raise Invalid(_("Không có mã bệnh này trong ICD-10."), where="ma")
    at = datetime.combine(form["ngay"], form["luc"], clock.ZONE)
    return Leaving(
        at=at, disposition=form["cach"], result=form["ket-qua"], code=disease.code, diagnosis=disease.name,
        despite=bool(form["van-ra"]),
    )  # fmt: skip


def _disease(typed: object) -> codes.Code | None:
    said = str(typed or "").strip().upper()[:12]
    dotted = f"{said[:3]}.{said[3:]}" if len(said) > 3 and "." not in said else said
    book = codes.icd10(clock.today())
    return book.get(said) or book.get(dotted) if said else None


async def _people(tx: Transaction, who: Subject, q: str) -> list[tuple[r4.Patient, str, str]]:
    """Who is meant: by a number of hers (the temporary code too), else by name."""
    by_number = {"identifier": q.upper(), "_count": str(FOUND)}
    found = (await store.search(tx, who, r4.Patient, by_number)).resources if any(c.isdigit() for c in q) else []
    if not found:
        found = (await store.search(tx, who, r4.Patient, {"name": q, "_count": str(FOUND)})).resources
    return [(one, full_name(one), identifier(one, systems.PATIENT_NUMBER) or "") for one in found]


def _admitting(
    request: Request, form: forms.Form, person: r4.Patient | None, q: str, found: list[tuple[r4.Patient, str, str]]
) -> Response:
    name = full_name(person) if person else ""
    return pages.render(
        request, "ward/admit.html", 422 if form.errors else 200, form=form, person=person, name=name, q=q, found=found,
        path=PATH,
    )  # fmt: skip


def _leave_fields() -> list[forms.Field]:
    return [
        forms.day("ve-ngay", _("Hẹn về ngày"), required=True), forms.time_of_day("ve-luc", _("lúc"), required=True),
        forms.text("ly-do-ra", _("Lý do ra ngoài"), required=True, most=300),
    ]  # fmt: skip


async def _departments(tx: Transaction, who: Subject, but: str = "") -> list[tuple[str, str]]:
    return [(one.id or "", one.name or "") for one in await board.departments(tx, who) if one.id != but]


async def _transfer_fields(tx: Transaction, who: Subject, but: str = "") -> list[forms.Field]:
    return [
        forms.choice("khoa", _("Chuyển đến khoa"), await _departments(tx, who, but), required=True),
        forms.text("ly-do-chuyen", _("Lý do chuyển"), required=True, most=300),
        *(forms.long_text(name, _(text), most=2000) for name, text in transfers.HANDED.items()),
    ]


async def _admit_fields(tx: Transaction, who: Subject) -> list[forms.Field]:
    return [
        forms.hidden("ai", required=True, most=64),
        forms.choice("khoa", _("Vào khoa"), await _departments(tx, who), required=True),
        forms.choice("tu", _("Từ đâu đến"), [(one, _(text)) for one, text in words.SOURCES.items()], required=True),
        forms.choice(
            "muc", _("Mức ưu tiên"), [(one, _(text)) for one, text in admission.URGENCIES.items()], required=True
        ),
        forms.text("ly-do", _("Lý do vào viện, chẩn đoán"), required=True, most=300),
    ]


def _discharge_fields() -> list[forms.Field]:
    return [
        forms.day("ngay", _("Ra ngày"), required=True), forms.time_of_day("luc", _("lúc"), required=True),
        forms.choice("cach", _("Ra viện"), [(one, _(text)) for one, text in words.DISPOSITIONS.items()], required=True),
        forms.choice(
            "ket-qua", _("Kết quả điều trị"), [(one, _(text)) for one, text in words.RESULTS.items()], required=True
        ),
        forms.text("ma", _("Bệnh chính khi ra viện (mã ICD-10)"), required=True, most=12),
        forms.flag("van-ra", _("Cho ra viện dù còn kết quả chưa về")),
    ]  # fmt: skip


def _to(request: Request) -> Response:
    return RedirectResponse(f"{PATH}/luot/{request.path_params['stay']}", 303)


_LOOK, _DO, _STAY = Permission.WATCH_BEDS, Permission.WARD, f"{PATH}/luot/{{stay}}"
DOORS = [
    Door(f"{PATH}/nhap-vien", admit_page, _DO),
    Door(f"{PATH}/nhap-vien", admit, _DO, ("POST",)),
    Door(_STAY, show, _LOOK),
    Door(f"{_STAY}/ra-ngoai", leave, _DO, ("POST",)),
    Door(f"{_STAY}/ve", back, _DO, ("POST",)),
    Door(f"{_STAY}/bo-cho", cancel, _DO, ("POST",)),
    Door(f"{_STAY}/chuyen-khoa", transfer, _DO, ("POST",)),
    Door(f"{PATH}/chuyen-khoa/{{task}}", answer, _DO, ("POST",)),
    Door(f"{_STAY}/ra-vien", discharge_page, Permission.CONSULT),
    Door(f"{_STAY}/ra-vien", discharge, Permission.CONSULT, ("POST",)),
]
