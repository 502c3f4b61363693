"""The doors of "who acts for me" (the patient) and "who acts for this patient" (the desk)."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject, relations
from benhan.core.access.acting import ADULT, KIND_NAMES, PART_NAMES, Kind, Part, ends_soon
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.clock import today
from benhan.core.language import _
from benhan.hospital.visit import full_name
from benhan.patient import relatives

MINE: Final = "/nguoi-benh/nguoi-than"
DESK: Final = "/nguoi-benh/than-nhan"
_KEY: Final = [forms.hidden("key", required=True)]


def _who() -> list[forms.Field]:
    return [
        forms.text("name", _("Họ và tên"), required=True),
        forms.phone("phone", _("Số điện thoại"), required=True, hint=_("người này đăng nhập bằng số ấy")),
        forms.day("birth", _("Ngày sinh"), required=True, hint=_("người này nhập đúng ngày sinh thì mới nhận được")),
    ]


def _naming() -> list[forms.Field]:
    parts = [(str(part), _(PART_NAMES[part])) for part in Part]
    return [
        *_who(),
        forms.choices("parts", _("Được xem"), parts, required=True),
        forms.flag("labelled", _("Cả những bản ghi nhạy cảm (HIV, tâm thần, …)")),
        forms.day("ends", _("Đến ngày"), hint=_("để trống: một năm")),
    ]


def _recording() -> list[forms.Field]:
    kinds = [(str(kind), _(KIND_NAMES[kind])) for kind in (Kind.GUARDIAN, Kind.COURT_GUARDIAN)]
    return [
        *_who(),
        forms.choice("kind", _("Tư cách"), kinds, required=True),
        forms.text("seen", _("Giấy tờ đã xem"), required=True, hint=_("loại, số, ngày; ví dụ giấy khai sinh")),
        forms.day("ends", _("Đến ngày"), hint=_("theo quyết định; để trống: cha, mẹ đến khi đủ 18 tuổi")),
    ]


async def mine(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who acts for me; naming somebody."""
    return await _shown(request, tx, who, forms.blank(_naming()))


async def name(request: Request, tx: Transaction, who: Subject) -> Response:
    """She names somebody."""
    form = await forms.read_form(request, _naming())
    if not form.errors:
        try:
            await relatives.name(
                tx, who, form["name"], form["phone"], form["birth"], frozenset(map(Part, form["parts"])),
                labelled=form["labelled"], ends=form["ends"],
            )  # fmt: skip
            return RedirectResponse(MINE, 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _shown(request, tx, who, form, 422)


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """She ends it."""
    form = await forms.read_form(request, _KEY)
    form.require()
    await relatives.end(tx, who, who.patient or "", form["key"])
    return RedirectResponse(MINE, 303)


async def at_desk(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who acts for a patient; recording a guardian."""
    return await _at_desk(request, tx, who, forms.blank(_recording()))


async def record_guardian(request: Request, tx: Transaction, who: Subject) -> Response:
    """Staff saw the paper."""
    form = await forms.read_form(request, _recording())
    patient = request.path_params["patient"]
    if not form.errors:
        try:
            await relatives.record_guardian(
                tx, who, patient, form["name"], form["phone"], form["birth"], Kind(form["kind"]), form["seen"],
                form["ends"],
            )  # fmt: skip
            return RedirectResponse(f"{DESK}/{patient}", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", " ".join(filter(None, (wrong.message, wrong.advice))))
    return await _at_desk(request, tx, who, form, 422)


async def end_at_desk(request: Request, tx: Transaction, who: Subject) -> Response:
    """Staff end it: the paper holds no more, or the patient says so."""
    form = await forms.read_form(request, _KEY)
    form.require()
    patient = request.path_params["patient"]
    await relatives.end(tx, who, patient, form["key"])
    return RedirectResponse(f"{DESK}/{patient}", 303)


async def _shown(request: Request, tx: Transaction, who: Subject, form: forms.Form, status: int = 200) -> Response:
    found = await relations.of_patient(tx, who, who.patient or "")
    return pages.render(request, "patient/relatives.html", status, form=form, found=found, path=MINE, **_words())


async def _at_desk(request: Request, tx: Transaction, who: Subject, form: forms.Form, status: int = 200) -> Response:
    person = await store.read(tx, who, r4.Patient, request.path_params["patient"])
    found = await relations.of_patient(tx, who, person.id or "")
    return pages.render(
        request, "patient/relatives_desk.html", status, form=form, found=found, name=full_name(person),
        birth=person.birthDate or "", path=f"{DESK}/{person.id}", adult=ADULT, **_words(),
    )  # fmt: skip


def _words() -> dict[str, Any]:
    return {"kinds": KIND_NAMES, "parts": PART_NAMES, "soon": lambda day: ends_soon(day, today())}


_OWN, _STAFF = Permission.NAME_RELATIVES, Permission.RECEIVE
DOORS = [
    Door(MINE, mine, _OWN),
    Door(MINE, name, _OWN, ("POST",)),
    Door(f"{MINE}/thoi", end, _OWN, ("POST",)),
    Door(f"{DESK}/{{patient}}", at_desk, _STAFF),
    Door(f"{DESK}/{{patient}}", record_guardian, _STAFF, ("POST",)),
    Door(f"{DESK}/{{patient}}/thoi", end_at_desk, _STAFF, ("POST",)),
]
