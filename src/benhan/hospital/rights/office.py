"""`/yeu-cau-du-lieu`: what patients ask about their data: overdue first, answered, done or refused with a reason."""

from __future__ import annotations

import csv
import io
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Interaction, Permission, Subject
from benhan.core.access.rights import KIND_NAMES, OPEN, REASONS, STATE_NAMES, STEPS, State, Step
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Field, Form
from benhan.core.kit.pages import NavItem
from benhan.core.kit.persons import full_name, identifier
from benhan.core.kit.text import sheet_cell
from benhan.core.kit.working_days import End
from benhan.core.language import _, later
from benhan.core.store import rights

PATH: Final = "/yeu-cau-du-lieu"
_CLOSED: Final = tuple(state for state in State if state not in OPEN)
_STEPS: Final = {
    Step.ANSWER: later("Báo đã nhận, đang làm"), Step.DO: later("Đã làm xong"), Step.REFUSE: later("Từ chối"),
}  # fmt: skip


async def worklist(request: Request, tx: Transaction, who: Subject) -> Response:
    """The open requests, or those that are over."""
    over = request.query_params.get("xem") == "xong"
    found = await rights.worklist(tx, who, _CLOSED if over else OPEN)
    return pages.render(
        request, "rights/worklist.html", found=found, path=PATH, over=over, kinds=KIND_NAMES, states=STATE_NAMES,
        due=due, name=_name, number=_number, today=clock.today(),
        late=sum(one.late(clock.today()) for one, _person in found),
    )  # fmt: skip


async def one(request: Request, tx: Transaction, who: Subject) -> Response:
    """A request with what is answered, and what can be done next."""
    found, person = await rights.request(tx, who, request.path_params["request"])
    return _page(request, found, person, forms.blank(_fields(found)))


async def take(request: Request, tx: Transaction, who: Subject) -> Response:
    """A step of the office."""
    found, person = await rights.request(tx, who, request.path_params["request"])
    form = await forms.read_form(request, _fields(found))
    if form.values.get("buoc") == Step.REFUSE and not form.values.get("ly-do"):
        form.errors.add("ly-do", _("Chọn lý do luật cho phép"))
    if form.errors:
        return _page(request, found, person, form, 422)
    await rights.step(tx, who, found.id, Step(form["buoc"]), form["tra-loi"], form["ly-do"])
    return RedirectResponse(f"{PATH}/{found.id}", 303)


async def export(request: Request, tx: Transaction, who: Subject) -> Response:
    """Every request as CSV (UTF-8 with a mark, as Excel wants it)."""
    await store.copied(tx, who, Interaction.EXPORT, "Communication", None, None, "rights requests")
    buffer = io.StringIO()
    sheet = csv.writer(buffer)
    sheet.writerow([
        _("Nhận lúc"), _("Việc"), _("Trạng thái"), _("Mã người bệnh"), _("Hạn trả lời"), _("Hạn xong"),
        _("Lý do từ chối"),
    ])  # fmt: skip
    for found, person in await rights.worklist(tx, who, list(State)):
        ends, refused = found.deadlines, REASONS.get(found.reason)
        sheet.writerow([
            clock.vn_datetime(found.filed), _(KIND_NAMES[found.kind]), _(STATE_NAMES[found.state]),
            sheet_cell(_number(person)), due(ends.answer), due(ends.done), _(refused.text) if refused else "",
        ])  # fmt: skip
    headers = {"Content-Disposition": f'attachment; filename="yeu-cau-{clock.today().isoformat()}.csv"'}
    return Response(buffer.getvalue().encode("utf-8-sig"), 200, headers, "text/csv; charset=utf-8")


def due(end: End | None) -> str:
    """A deadline in words."""
    if end is None:
        return _("luật không ấn định")
    return clock.vn_date(end.day) if end.sure else _("%(day)s (chưa có lịch nghỉ của năm)", day=clock.vn_date(end.day))


def _fields(found: rights.Request) -> list[Field]:
    steps = [(str(step), _(text)) for step, text in _STEPS.items() if (found.state, step) in STEPS]
    reasons = [(key, f"{_(one.text)} ({one.law})") for key, one in REASONS.items() if found.kind in one.kinds]
    return [
        forms.choice("buoc", _("Bước"), steps, required=True),
        forms.choice("ly-do", _("Lý do từ chối"), reasons),
        forms.long_text("tra-loi", _("Trả lời cho người bệnh"), required=True, most=rights.MOST_WORDS),
    ]


def _page(request: Request, found: rights.Request, person: r4.Patient, form: Form, status: int = 200) -> Response:
    return pages.render(
        request, "rights/request.html", status, one=found, name=_name(person), number=_number(person), form=form,
        path=PATH, kinds=KIND_NAMES, states=STATE_NAMES, due=due, open=found.state in OPEN, reasons=REASONS,
        late=found.late(clock.today()), restricted=rights.is_restricted(person),
    )  # fmt: skip


def _name(person: r4.Patient | None) -> str:
    return full_name(person) if person else ""


def _number(person: r4.Patient | None) -> str:
    return (identifier(person, systems.PATIENT_NUMBER) or "") if person else ""


_MAY = Permission.ANSWER_REQUESTS
DOORS = [
    Door(PATH, worklist, _MAY),
    Door(f"{PATH}/tai-ve.csv", export, _MAY),
    Door(f"{PATH}/{{request}}", one, _MAY),
    Door(f"{PATH}/{{request}}", take, _MAY, ("POST",)),
]
NAV = [NavItem(later("Yêu cầu dữ liệu"), PATH, _MAY)]
