"""`/bac-si-tra-loi`: which doctors answer questions of which specialty, in which hours. Kept by the planning office."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import weekly
from benhan.hospital.questions import app, roster

PATH: Final = "/bac-si-tra-loi"
_SAID: Final = {
    "ghi": later("Đã ghi giờ trả lời"), "thoi": later("Bác sĩ này thôi trả lời"), "lai": later("Đã ghi lại"),
}  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who answers, and the form for one more."""
    return await _page(request, tx, who, None)


async def register(request: Request, tx: Transaction, who: Subject) -> Response:
    """A doctor's hours for a specialty; what was there before is replaced."""
    doctors, services = await roster.choices(tx, who)
    form = await forms.read_form(request, _fields(doctors, services))
    if not form.errors:
        doctor, offered = form["bac-si"], form["chuyen-khoa"]
        try:
            await roster.register(
                tx, who, (doctor, dict(doctors)[doctor]), (offered, dict(services)[offered]), weekly.typed(form)
            )
            return RedirectResponse(f"{PATH}?xong=ghi", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
    return await _page(request, tx, who, form)


async def stop(request: Request, tx: Transaction, who: Subject) -> Response:
    """She answers no more."""
    id_ = request.path_params["registration"]
    await roster.set_active(tx, who, id_, active=False)
    return RedirectResponse(f"{PATH}?xong=thoi&ai={id_}", 303)


async def again(request: Request, tx: Transaction, who: Subject) -> Response:
    """That was a mistake: she does."""
    await roster.set_active(tx, who, request.path_params["registration"], active=True)
    return RedirectResponse(f"{PATH}?xong=lai", 303)


async def _page(request: Request, tx: Transaction, who: Subject, form: Form | None) -> Response:
    doctors, services = await roster.choices(tx, who)
    done, whom = request.query_params.get("xong", ""), request.query_params.get("ai", "")
    rows = [(one, app.hours(one)) for one in await roster.everybody(tx, who)]
    return pages.render(
        request, "questions/roster.html", 422 if form else 200, rows=rows, path=PATH, sessions=weekly.SESSIONS,
        form=form or forms.blank(_fields(doctors, services)), toast=_(_SAID.get(done, "")),
        undo=f"{PATH}/{whom}/lai" if done == "thoi" and whom.isalnum() else None,
    )  # fmt: skip


def _fields(doctors: forms.Choices, services: forms.Choices) -> list[forms.Field]:
    return [
        forms.choice("bac-si", _("Bác sĩ"), doctors, required=True),
        forms.choice("chuyen-khoa", _("Chuyên khoa"), services, required=True),
        *weekly.fields(_("Từ"), _("Đến")),
    ]


_MAY = Permission.FACILITY_PAGE
DOORS = [
    Door(PATH, show, _MAY),
    Door(PATH, register, _MAY, ("POST",)),
    Door(f"{PATH}/{{registration}}/thoi", stop, _MAY, ("POST",)),
    Door(f"{PATH}/{{registration}}/lai", again, _MAY, ("POST",)),
]
NAV = [NavItem(later("Bác sĩ trả lời"), PATH, _MAY)]
