"""`/hop-thu`: conversations with the facility's Official Account that wait for somebody of the front office."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.patient.oa import talk

PATH: Final = "/hop-thu"


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """Those that wait first."""
    found = await talk.talks(tx, who)
    return pages.render(request, "patient/inbox.html", found=found, path=PATH)


async def sheet(request: Request, tx: Transaction, who: Subject) -> Response:
    """One of them."""
    return await _sheet(request, tx, who, forms.blank(_fields()))


async def reply(request: Request, tx: Transaction, who: Subject) -> Response:
    """An answer of staff."""
    form = await forms.read_form(request, _fields())
    if not form.errors:
        try:
            await talk.reply(tx, who, _user(request), form["text"])
            return RedirectResponse(f"{PATH}/{_user(request)}", 303)
        except Conflict as wrong:
            form.errors.add("text", wrong.message)
    return await _sheet(request, tx, who, form)


async def hand_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """It is settled: the program answers again."""
    await talk.hand_back(tx, who, _user(request))
    return RedirectResponse(PATH, 303)


async def _sheet(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    found, lines = await talk.one(tx, who, _user(request))
    return pages.render(
        request, "patient/inbox_talk.html", 422 if form.errors else 200, one=found, lines=lines, form=form, path=PATH,
        by={talk.USER: found.shown, talk.PROGRAM: _("Trả lời tự động")},
    )  # fmt: skip


def _user(request: Request) -> str:
    return str(request.path_params["user"])[:60]


def _fields() -> list[forms.Field]:
    hint = _("Không viết điều gì về bệnh: tin này đi qua Zalo.")
    return [forms.long_text("text", _("Trả lời"), required=True, most=talk.MOST_TEXT, hint=hint)]


_MAY = Permission.RECEIVE
DOORS = [
    Door(PATH, listing, _MAY),
    Door(f"{PATH}/{{user}}", sheet, _MAY),
    Door(f"{PATH}/{{user}}/tra-loi", reply, _MAY, ("POST",)),
    Door(f"{PATH}/{{user}}/xong", hand_back, _MAY, ("POST",)),
]
NAV = [NavItem(later("Hộp thư"), PATH, _MAY)]
