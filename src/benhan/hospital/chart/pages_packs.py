"""`/goi-du-phong`: the pass-phrase that opens her ward's pack; `/quan-tri/goi-du-phong`: which wards have one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject, offline_keys
from benhan.core.access.accounts import confirm_password
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital.chart.packs import keys, wards
from benhan.hospital.chart.packs.wards import LATE_MINUTES, State

PATH: Final = "/goi-du-phong"
ADMIN: Final = "/quan-tri/goi-du-phong"
#: Departments that the administrator's page lists.
_SHOWN: Final = "500"


class Row(msgspec.Struct, frozen=True):
    """A department and its pack."""

    id: str
    name: str
    state: State | None
    late: bool


async def own(request: Request, tx: Transaction, who: Subject) -> Response:
    """Whether she has a pass-phrase; and a new one."""
    return await _own(request, tx, who, forms.blank(_fields()))


async def set_words(request: Request, tx: Transaction, who: Subject) -> Response:
    """A pass-phrase; her password says that it is she."""
    form = await forms.read_form(request, _fields())
    if not form.errors and form["words"] != form["again"]:
        form.errors.add("again", _("Hai lần nhập khác nhau."))
    if not form.errors and not await confirm_password(tx, who, form["current"]):
        form.errors.add("current", _("Mật khẩu không đúng."))
    if not form.errors:
        try:
            mine = await keys.of_facility(tx, who.facility)
            await offline_keys.set_words(tx, who, form["words"], mine.verifier)
            return RedirectResponse(f"{PATH}?xong=dat", 303)
        except Invalid as wrong:
            form.errors.add("words", wrong.message)
    return await _own(request, tx, who, form)


async def remove(request: Request, tx: Transaction, who: Subject) -> Response:
    """Open packs no more."""
    await offline_keys.remove(tx, who)
    return RedirectResponse(f"{PATH}?xong=bo", 303)


async def _own(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    return pages.render(
        request, "chart/pack_own.html", 422 if form.errors else 200, path=PATH, form=form,
        since=await offline_keys.since(tx, who), done=request.query_params.get("xong"),
    )  # fmt: skip


async def listing(request: Request, tx: Transaction, who: Subject) -> Response:
    """The departments, which of them have a pack, and how the last writing went."""
    states = await wards.states(tx, who)
    found = await store.search(tx, who, r4.Organization, {"partof:missing": "false", "_count": _SHOWN})
    late = clock.now() - timedelta(minutes=LATE_MINUTES)
    rows = [
        Row(one.id or "", one.name or "", state := states.get(one.id or ""), _late(state, late))
        for one in sorted(found.resources, key=lambda one: (not _on(states, one), one.name or ""))
    ]
    template = "chart/_packs.html" if pages.is_fragment(request) else "chart/packs.html"
    return pages.render(
        request, template, rows=rows, path=ADMIN, folder=request.app.state.settings.pack_folder,
        minutes=request.app.state.settings.pack_minutes, done=request.query_params.get("xong"),
    )  # fmt: skip


async def switch(request: Request, tx: Transaction, who: Subject) -> Response:
    """Give a department a pack, or take it away."""
    both = [("bat", _("Bật")), ("tat", _("Tắt"))]
    form = await forms.read_form(request, [forms.choice("goi", _("Gói"), both, required=True)])
    form.require()
    await wards.switch(tx, who, request.path_params["department"], on=form["goi"] == "bat")
    return RedirectResponse(f"{ADMIN}?xong={form['goi']}", 303)


def _late(state: State | None, before: datetime) -> bool:
    return bool(state and state.active and (not state.written or state.written < before))


def _on(states: dict[str, State], one: r4.Organization) -> bool:
    state = states.get(one.id or "")
    return bool(state and state.active)


def _fields() -> list[forms.Field]:
    return [
        forms.secret("current", _("Mật khẩu đăng nhập"), required=True),
        forms.secret("words", _("Cụm mật khẩu dự phòng"), required=True),
        forms.secret("again", _("Nhập lại cụm mật khẩu"), required=True),
    ]


DOORS = [
    Door(PATH, own, Permission.WARD),
    Door(PATH, set_words, Permission.WARD, ("POST",)),
    Door(f"{PATH}/bo", remove, Permission.WARD, ("POST",)),
    Door(ADMIN, listing, Permission.ADMINISTER),
    Door(f"{ADMIN}/{{department}}", switch, Permission.ADMINISTER, ("POST",)),
]
NAV = [
    NavItem(later("Gói dự phòng"), PATH, Permission.WARD),
    NavItem(later("Gói dự phòng của khoa"), ADMIN, Permission.ADMINISTER),
]
