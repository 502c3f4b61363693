"""`/benh-an`: the records that are written, those that wait for something; `/benh-an/tre-han`: what is late."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import pages
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import fold
from benhan.core.language import later
from benhan.hospital.chart import pages_closing, pages_export, pages_late, pages_record
from benhan.hospital.chart.pages_record import PATH
from benhan.hospital.chart.records import clocks, kept, life, reopening
from benhan.hospital.chart.records.clocks import Clock, Limits
from benhan.hospital.chart.records.life import State
from benhan.hospital.visit import full_name, id_of, identifier

#: Records on a page.
_SHOWN: Final = 100
TABS: Final = {"": later("Đang ghi"), "dong": later("Đã đóng"), "mo-lai": later("Chờ duyệt mở lại")}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A record as a list shows it."""

    visit: str
    name: str
    number: str
    department: str
    form: str
    doctor: str
    state: State
    authored: str


async def records(request: Request, tx: Transaction, who: Subject) -> Response:
    """Records by what they are at, the last written first; `q` narrows by name, number or department."""
    tab = request.query_params.get("xem", "")
    tab = tab if tab in TABS else ""
    query = request.query_params.get("q", "")[:100]
    found = await _asked(tx, who, tab)
    rows = [
        one for one in await _rows(tx, who, found) if fold(query) in fold(f"{one.name} {one.number} {one.department}")
    ]
    return pages.render(
        request, "chart/records.html", path=PATH, rows=rows[:_SHOWN], more=len(rows) - _SHOWN, tab=tab, query=query,
        tabs=TABS, states=life.NAMES, waiting=len(await reopening.waiting(tx, who)),
    )  # fmt: skip


async def late(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is due and what is late, the longest first."""
    settings = request.app.state.settings
    limits = Limits(settings.record_due_hours, settings.record_late_hours)
    found = await clocks.board(tx, who, limits)
    which = request.query_params.get("viec", "")
    query = request.query_params.get("q", "")[:100]
    shown = [
        one for one in found
        if (not which or one.clock == which) and fold(query) in fold(f"{one.department} {one.doctor} {one.name}")
    ]  # fmt: skip
    counts = {clock: sum(one.clock is clock for one in found) for clock in Clock}
    template = "chart/_late.html" if pages.is_fragment(request) else "chart/late.html"
    return pages.render(
        request, template, path=PATH, rows=shown[:_SHOWN], more=len(shown) - _SHOWN, counts=counts, says=clocks.SAYS,
        which=which, query=query, limits=limits, late=sum(one.late for one in found), due=len(found),
    )  # fmt: skip


async def _asked(tx: Transaction, who: Subject, tab: str) -> list[r4.QuestionnaireResponse]:
    if tab != "mo-lai":
        return await clocks.written(tx, who, "completed" if tab else "in-progress")
    asked = await reopening.waiting(tx, who)
    found = await store.read_many(tx, who, r4.QuestionnaireResponse, [id_of(one.focus) for one in asked])
    return list(found.values())


async def _rows(tx: Transaction, who: Subject, found: list[r4.QuestionnaireResponse]) -> list[Row]:
    visits = await store.read_many(tx, who, r4.Encounter, [id_of(one.encounter) for one in found])
    people = await store.read_many(tx, who, r4.Patient, [id_of(one.subject) for one in found])
    return [
        Row(
            visit=visit.id or "", name=full_name(people[patient]) if patient in people else "",
            number=identifier(visit, systems.VISIT_NUMBER) or visit.id or "", department=clocks.department(visit),
            form=kept.code_of(one), doctor=(one.author or one.source or r4.Reference()).display or "",
            state=life.state_of(one), authored=one.authored or "",
        )
        for one in found
        if (visit := visits.get(id_of(one.encounter) or "")) and (patient := id_of(one.subject) or "") is not None
    ]  # fmt: skip


_R = Permission.READ_CHART
DOORS = [
    Door(PATH, records, _R),
    Door(f"{PATH}/tre-han", late, _R),
    *pages_record.DOORS,
    *pages_closing.DOORS,
    *pages_late.DOORS,
    *pages_export.DOORS,
]
NAV = [NavItem(later("Bệnh án"), PATH, _R, "g b")]
