"""`/nguoi-benh/yeu-cau`: what she asks about her data, until when it is answered, and the answer."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.rights import DAYS, KIND_NAMES, OPEN, REASONS, STATE_NAMES, Kind
from benhan.core.db import Transaction
from benhan.core.kit import forms, pages
from benhan.core.kit.forms import Field, Form
from benhan.core.language import _
from benhan.core.store import rights
from benhan.patient import record

ROOT: Final = "/nguoi-benh/yeu-cau"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her requests, and the form of a new one."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def file(request: Request, tx: Transaction, who: Subject) -> Response:
    """File one."""
    form = await forms.read_form(request, _fields())
    if form.errors:
        return await _page(request, tx, who, form, 422)
    await rights.file(tx, who, who.patient or "", Kind(form["viec"]), form["noi-dung"])
    return RedirectResponse(f"{ROOT}?xong=gui", 303)


async def take_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take one back."""
    await rights.take_back(tx, who, who.patient or "", request.path_params["request"])
    return RedirectResponse(ROOT, 303)


async def end_restriction(request: Request, tx: Transaction, who: Subject) -> Response:
    """End the restriction of her record."""
    await rights.end_restriction(tx, who, who.patient or "")
    return RedirectResponse(f"{ROOT}?xong=mo", 303)


def _fields() -> list[Field]:
    return [
        forms.choice("viec", _("Bạn muốn"), [(one, _(text)) for one, text in KIND_NAMES.items()], required=True),
        forms.long_text("noi-dung", _("Nói rõ hơn"), required=True, most=rights.MOST_WORDS),
    ]


async def _page(request: Request, tx: Transaction, who: Subject, form: Form, status: int = 200) -> Response:
    person = await record.person(tx, who)
    return pages.render(
        request, "patient/requests.html", status, facility=who.facility_name, tab="yeu-cau",
        root=ROOT, form=form, kinds=KIND_NAMES, days=DAYS,
        states=STATE_NAMES, open_states=OPEN, reasons=REASONS, restricted=rights.is_restricted(person),
        found=await rights.of_patient(tx, who, who.patient or ""), done=request.query_params.get("xong"),
    )  # fmt: skip


_OWN = Permission.OWN_RIGHTS
DOORS = [
    Door(ROOT, overview, _OWN),
    Door(ROOT, file, _OWN, ("POST",)),
    Door(f"{ROOT}/mo-lai-ho-so", end_restriction, _OWN, ("POST",)),
    Door(f"{ROOT}/{{request}}/rut", take_back, _OWN, ("POST",)),
]
