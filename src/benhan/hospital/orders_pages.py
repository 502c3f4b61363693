"""The work list as a screen: one page and two verbs, which laboratory and imaging publish under their own address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.language import _
from benhan.hospital import orders, queue

pages.register("hospital", "benhan.hospital")

VERBS: Final = {
    "goi": queue.call, "goi-lai": queue.recall, "bo-qua": queue.skip, "tra-lai": queue.restore,
    "bat-dau": queue.start, "xong": queue.finish,
}  # fmt: skip


class Desk(msgspec.Struct, frozen=True):
    """A department's work list: its kind of orders, address, permission, words, and where a row leads."""

    kind: str
    path: str
    permission: Permission
    title: str
    begin: str
    enter: str
    note: str
    empty: str
    entry: Callable[[orders.Row], str]


def doors(desk: Desk) -> list[Door]:
    """The doors of a work list."""

    async def show(request: Request, tx: Transaction, who: Subject) -> Response:
        asked = forms.read_query(request, [forms.text("q", "q", most=100), forms.hidden("phong"), forms.hidden("loc")])
        state = asked["loc"] if asked["loc"] in orders.STATES else ""
        query, room = asked["q"] or "", asked["phong"] or ""
        board = await orders.board(tx, who, desk.kind, room=room, state=state, query=query)
        template = "hospital/_worklist.html" if pages.is_fragment(request) else "hospital/worklist.html"
        said: dict[str, Any] = {"q": query, "room": room, "state": state, "filters": _filters(query, room, state)}
        return pages.render(request, template, desk=desk, board=board, states=orders.STATES, **said)

    async def call_next(request: Request, tx: Transaction, who: Subject) -> Response:
        form = await forms.read_form(request, [forms.hidden("room", required=True, most=64)])
        form.require()
        if await queue.call_next(tx, who, form["room"]) is None:
            raise Conflict(_("Không còn ai chờ ở phòng này."))
        return RedirectResponse(f"{desk.path}?phong={form['room']}", 303)

    async def ticket(request: Request, tx: Transaction, who: Subject) -> Response:
        fields = [forms.hidden("ticket", required=True, most=64), forms.hidden("action", required=True)]
        form = await forms.read_form(request, [*fields, forms.hidden("back", most=400)])
        form.require()
        verb = VERBS.get(form["action"])
        if verb is None:
            raise Invalid(_("Không có việc này."), where="action")
        await verb(tx, who, await store.read(tx, who, r4.Task, form["ticket"]))
        back = form["back"] or ""
        return RedirectResponse(back if _inside(back, desk.path) else desk.path, 303)

    return [
        Door(desk.path, show, desk.permission),
        Door(f"{desk.path}/goi", call_next, desk.permission, ("POST",)),
        Door(f"{desk.path}/phieu", ticket, desk.permission, ("POST",)),
    ]


def _inside(address: str, path: str) -> bool:
    """A page of this department (never another site)."""
    return address == path or address.startswith((f"{path}/", f"{path}?"))


def _filters(query: str, room: str, state: str) -> str:
    """The query string that shows the same list again."""
    said: dict[str, Any] = {"q": query, "phong": room, "loc": state}
    return urlencode({name: value for name, value in said.items() if value})
