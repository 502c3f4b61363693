"""`/benh-an/{visit}/ghi-muon`: papers that were written while the system was away, entered with both times."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.language import _
from benhan.hospital.chart.pages_record import PATH
from benhan.hospital.chart.records import gathering, kept, late
from benhan.hospital.chart.records.late import Paper

_SIGNER: Final = Permission.SIGN


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What was entered so far, and room for another paper."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def enter(request: Request, tx: Transaction, who: Subject) -> Response:
    """Enter a paper."""
    form = await forms.read_form(request, _fields())
    if not form.errors:
        visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
        at = datetime.combine(form["day"], form["time"], clock.ZONE)
        paper = Paper(at=at, by=form["by"], text=form["text"], number=form["number"] or "")
        try:
            await late.enter(tx, who, visit, paper, form["password"])
            return RedirectResponse(f"{PATH}/{visit.id}/ghi-muon?xong=1", 303)
        except (Invalid, Conflict) as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _page(request, tx, who, form)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    found = await gathering.facts(tx, who, request.path_params["visit"])
    return pages.render(
        request, "chart/late_entries.html", 422 if form.errors else 200, path=PATH, visit=found.visit.id, facts=found,
        form=form, entries=await late.entries(tx, who, found.visit.id or ""), done=request.query_params.get("xong"),
        may_enter=who.may(_SIGNER) and await kept.belongs(tx, who, found.visit),
    )  # fmt: skip


def _fields() -> list[forms.Field]:
    return [
        forms.text("number", _("Số phiếu"), most=40, hint=_("in trên phiếu trắng của gói; giấy khác thì bỏ trống")),
        forms.day("day", _("Ngày viết trên giấy"), required=True),
        forms.time_of_day("time", _("Giờ viết trên giấy"), required=True),
        forms.text("by", _("Người ghi trên giấy"), required=True, most=120),
        forms.long_text("text", _("Nội dung trên giấy"), required=True, most=late.MOST_WORDS),
        forms.secret("password", _("Mật khẩu để ký"), required=True),
    ]


DOORS = [
    Door(f"{PATH}/{{visit}}/ghi-muon", show, Permission.READ_CHART),
    Door(f"{PATH}/{{visit}}/ghi-muon", enter, _SIGNER, ("POST",)),
]
