"""`/benh-an/{visit}/xuat`: a closed record, or all of a patient's, as one package; with a reason."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.language import _, later
from benhan.hospital.chart.exchange import make
from benhan.hospital.chart.exchange.make import Way
from benhan.hospital.chart.pages_record import PATH
from benhan.hospital.chart.records import gathering, kept, life
from benhan.hospital.chart.records.life import State

RECORD, PATIENT = "ho-so", "nguoi-benh"
WHAT: Final = {RECORD: later("Hồ sơ này"), PATIENT: later("Mọi hồ sơ đã đóng của người bệnh")}


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What can be exported, and why it is asked for a reason."""
    return await _page(request, tx, who, forms.blank(_fields(), what=RECORD))


async def export(request: Request, tx: Transaction, who: Subject) -> Response:
    """The package, to be kept."""
    form = await forms.read_form(request, _fields())
    visit = request.path_params["visit"]
    if not form.errors:
        settings = request.app.state.settings
        try:
            found = await gathering.facts(tx, who, visit)
            visits = [visit] if form["what"] == RECORD else await make.closed_of(tx, who, found.patient.id or "")
            if not visits:
                raise Conflict(_("Người bệnh chưa có hồ sơ nào đã đóng."))
            way = Way(settings.public_url, settings.cv365_mapping)
            made = await make.of_visits(tx, who, visits, form["reason"], way)
            name = f"ho-so-{visit if form['what'] == RECORD else found.patient.id}.zip"
            return _zip(made, name)
        except (Invalid, Conflict) as wrong:
            form.errors.add(wrong.where if wrong.where in form.fields else "", wrong.message)
    return await _page(request, tx, who, form)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    found = await gathering.facts(tx, who, request.path_params["visit"])
    there = await kept.the(tx, who, found.visit.id or "")
    return pages.render(
        request, "chart/export.html", 422 if form.errors else 200, path=PATH, visit=found.visit.id, facts=found,
        form=form, kept=there, closed=there.state is State.CLOSED, states=life.NAMES,
        others=len(await make.closed_of(tx, who, found.patient.id or "")),
    )  # fmt: skip


def _fields() -> list[forms.Field]:
    return [
        forms.choice("what", _("Xuất"), [(code, _(text)) for code, text in WHAT.items()], required=True),
        forms.long_text("reason", _("Lý do, cho ai"), required=True, most=make.MOST_WORDS),
    ]


def _zip(made: bytes, name: str) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(made, 200, headers, "application/zip")


_MAY: Final = Permission.EXPORT_CHART
DOORS = [Door(f"{PATH}/{{visit}}/xuat", show, _MAY), Door(f"{PATH}/{{visit}}/xuat", export, _MAY, ("POST",))]
