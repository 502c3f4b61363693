"""`/noi-tru/buong-giuong`: the administrator makes rooms with their beds, many at once, and shuts or opens them."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import stay as words
from benhan.hospital.ward import board, places
from benhan.hospital.ward.pages_board import TONES

PATH: Final = "/noi-tru/buong-giuong"


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The beds of a department, and the form that makes more."""
    return await _page(request, tx, who, None)


async def make(request: Request, tx: Transaction, who: Subject) -> Response:
    """A room with so many beds."""
    form = await forms.read_form(request, await _fields(tx, who))
    if not form.errors:
        try:
            at = await store.read(tx, who, r4.Organization, form["khoa"])
            made = await places.make(
                tx, who, at, form["buong"], form["ten"] or "", int(form["so-giuong"]), first=int(form["tu-so"] or 1)
            )
            return RedirectResponse(f"{PATH}?khoa={at.id}&them={len(made)}", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _page(request, tx, who, form)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form | None) -> Response:
    at = (form["khoa"] if form else None) or request.query_params.get("khoa", "")[:64]
    beds = await places.beds(tx, who, at) if at else []
    added = request.query_params.get("them", "")
    return pages.render(
        request, "ward/beds.html", 422 if form else 200, beds=beds, at=at, path=PATH, states=words.BED_STATES,
        form=form or forms.blank(await _fields(tx, who), khoa=at, **{"tu-so": 1}), tones=TONES,
        added=int(added) if added.isdigit() and len(added) < 4 else None,
    )  # fmt: skip


async def _fields(tx: Transaction, who: Subject) -> list[forms.Field]:
    departments = [(one.id or "", one.name or "") for one in await board.departments(tx, who)]
    return [
        forms.choice("khoa", _("Khoa"), departments, required=True),
        forms.text("buong", _("Mã buồng"), required=True, most=16, hint=_("ví dụ P301")),
        forms.text("ten", _("Tên buồng"), most=60, hint=_("ví dụ Buồng 301")),
        forms.number("so-giuong", _("Số giường thêm"), lowest=1, highest=places.MOST_MADE),
        forms.number("tu-so", _("Bắt đầu từ số"), lowest=1, highest=999),
    ]


DOORS = [
    Door(PATH, show, Permission.ADMINISTER),
    Door(PATH, make, Permission.ADMINISTER, ("POST",)),
]
NAV = [NavItem(later("Buồng, giường"), PATH, Permission.ADMINISTER)]
