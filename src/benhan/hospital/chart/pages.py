"""`/luu-tru`: the finished visits of a day, handed to the archive; one visit, taken out again with a written reason."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.access.vocabulary import State
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.core.store import archive
from benhan.hospital.visit import full_name, id_of, identifier

pages.register("chart", "benhan.hospital.chart")

PATH: Final = "/luu-tru"
#: Visits on a page.
SHOWN: Final = "100"
STATES: Final = {
    State.TREATED: (later("chưa ký"), "warn"),
    State.CLOSED: (later("đã ký, chờ lưu trữ"), "info"),
    State.ARCHIVED: (later("đã lưu trữ"), "ok"),
}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as the list shows it."""

    visit: str
    number: str
    name: str
    began: str
    state: State


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The finished visits of a day, as far as she may read them, the latest first."""
    form = forms.read_query(request, [forms.day("ngay", _("Ngày khám"))])
    day = form.values.get("ngay") or clock.today()
    asked: dict[str, str | list[str]] = {
        "status": "finished", "date": [f"sa{day - timedelta(days=1)}", f"lt{day + timedelta(days=1)}"],
        "_sort": "-date", "_count": SHOWN,
    }  # fmt: skip
    if after := request.query_params.get("sau"):
        asked["_after"] = after
    page = await store.search(tx, who, r4.Encounter, asked)
    following = f"{_day_of(day)}&{urlencode({'sau': page.next})}" if page.next else None
    return pages.render(
        request, "chart/worklist.html", 422 if form.errors else 200, rows=await _rows(tx, who, page.resources),
        form=form, day=day, path=PATH, states=STATES, following=following, done=request.query_params.get("xong"),
    )  # fmt: skip


async def one(request: Request, tx: Transaction, who: Subject) -> Response:
    """A visit: its state, what was done with its record file, and what can be done next."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def hand_in(request: Request, tx: Transaction, who: Subject) -> Response:
    """Into the archive, and back to the day of the visit."""
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    await archive.archive(tx, who, visit.id or "")
    day = clock.day_of(visit.period.start if visit.period else None) or clock.today()
    return RedirectResponse(f"{_day_of(day)}&xong=cat", 303)


async def take_out(request: Request, tx: Transaction, who: Subject) -> Response:
    """Out of the archive, with the reason."""
    form = await forms.read_form(request, _fields())
    if form.errors:
        return await _page(request, tx, who, form)
    await archive.take_out(tx, who, request.path_params["visit"], form["ly-do"])
    return RedirectResponse(f"{PATH}/{request.path_params['visit']}?xong=ra", 303)


async def _page(request: Request, tx: Transaction, who: Subject, form: forms.Form) -> Response:
    visit = await store.read(tx, who, r4.Encounter, request.path_params["visit"])
    (row,) = await _rows(tx, who, [visit])
    return pages.render(
        request, "chart/visit.html", 422 if form.errors else 200, row=row, form=form, path=PATH, states=STATES,
        file=(await archive.files(tx, who, [row.visit])).get(row.visit), done=request.query_params.get("xong"),
        day=_day_of(clock.day_of(visit.period.start if visit.period else None) or clock.today()),
    )  # fmt: skip


async def _rows(tx: Transaction, who: Subject, visits: list[r4.Encounter]) -> list[Row]:
    people = await store.read_many(tx, who, r4.Patient, {id_of(one.subject) or "" for one in visits})
    states = await archive.states(tx, who, [one.id or "" for one in visits])
    return [
        Row(
            visit=one.id or "", number=identifier(one, systems.VISIT_NUMBER) or one.id or "",
            name=full_name(person) if (person := people.get(id_of(one.subject) or "")) else "",
            began=clock.vn_datetime(one.period.start) if one.period and one.period.start else "",
            state=states[one.id or ""],
        )
        for one in visits
    ]  # fmt: skip


def _fields() -> list[forms.Field]:
    return [forms.long_text("ly-do", _("Lý do lấy ra"), required=True, most=archive.MOST_WORDS)]


def _day_of(day: date) -> str:
    return f"{PATH}?{urlencode({'ngay': clock.vn_date(day)})}"


_MAY = Permission.ARCHIVE
DOORS = [
    Door(PATH, show, _MAY),
    Door(f"{PATH}/{{visit}}", one, _MAY),
    Door(f"{PATH}/{{visit}}", hand_in, _MAY, ("POST",)),
    Door(f"{PATH}/{{visit}}/lay-ra", take_out, _MAY, ("POST",)),
]
NAV = [NavItem(later("Lưu trữ"), PATH, _MAY)]
