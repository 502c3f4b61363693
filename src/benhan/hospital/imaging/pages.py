"""`/chan-doan-hinh-anh`: imaging's work list, the reading screen of an order, and its report on paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import orders, orders_print, papers
from benhan.hospital.imaging import reports
from benhan.hospital.imaging.normal import normal, offered
from benhan.hospital.imaging.reports import Reading, Text, begin_from, gather
from benhan.hospital.orders_pages import Desk, doors
from benhan.hospital.papers import Wanted
from benhan.hospital.visit import IMAGING, display_of, ticket_number

pages.register("imaging", "benhan.hospital.imaging")

PATH: Final = "/chan-doan-hinh-anh"
TEMPLATE: Final = Path(__file__).with_name("sheet.typ")


def fields() -> list[forms.Field]:
    """What a reader writes."""
    return [
        forms.long_text("technique", _("Kỹ thuật"), most=1000),
        forms.long_text("findings", _("Mô tả"), most=8000),
        forms.long_text("conclusion", _("Kết luận"), most=2000),
        forms.text("reason", _("Lý do sửa"), most=300),
        forms.hidden("version", most=20),
        forms.hidden("action"),
        forms.hidden("sua"),
        forms.hidden("mau"),
    ]


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The reading screen; `?sua=1` opens a released report for correction."""
    reading = await gather(tx, who, request.path_params["order"])
    fixing = bool(request.query_params.get("sua")) and reading.released and reading.report is not None
    return _page(request, reading, _form(reading, reading.text, fixing), fixing)


async def save(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep as a draft, release, or release a correction; or take over a normal report, which saves nothing yet."""
    reading = await gather(tx, who, request.path_params["order"])
    form = await forms.read_form(request, fields())
    fixing = form["action"] == "correct"
    if (template := normal(form["mau"] or "")) and not form.errors:
        begun = begin_from(_text(form), template)
        form.raw |= {"technique": begun.technique, "findings": begun.findings, "conclusion": begun.conclusion}
    if form.errors or template:
        return _page(request, reading, form, fixing)
    try:
        await _act(tx, who, reading, form)
    except reports.Clash as clash:
        return _page(request, reading, form, fixing and reading.released, clash=clash)
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return _page(request, reading, form, fixing)
    done = "da-luu" if form["action"] == "draft" else "da-tra"
    return RedirectResponse(f"{PATH}/{reading.order.id}?{done}=1", 303)


async def _act(tx: Transaction, who: Subject, reading: Reading, form: forms.Form) -> None:
    text, version = _text(form), form["version"] or ""
    match form["action"]:
        case "correct":
            await reports.correct(tx, who, reading, text, version, form["reason"] or "")
        case "release":
            await reports.release(tx, who, reading, text, version)
        case _:
            await reports.save_draft(tx, who, reading, text, version)


async def paper(request: Request, tx: Transaction, who: Subject) -> Response:
    """The released report as a PDF.

    Raises:
        NotFound: it is not released yet.
    """
    made = await _paper(tx, who, Wanted("", request.path_params["order"], ""))
    return papers.pdf(made, papers.READING)


async def _paper(tx: Transaction, who: Subject, of: Wanted) -> bytes:
    reading = await gather(tx, who, of.order)
    report = reading.report
    if of.visit not in ("", reading.visit.id) or report is None or not reading.released:
        raise NotFound(_("Chưa có kết quả nào để in."), advice=_("In được sau khi trả kết quả."))
    by = report.resultsInterpreter or report.performer or []
    corrected = " · đã sửa" if report.status == "corrected" else ""
    data = {
        **orders_print.heading(who, reading.visit, "Khoa Chẩn đoán hình ảnh"),
        "title": reading.title,
        "patient": orders_print.patient_block(reading.patient),
        "diagnosis": "; ".join(reading.diagnoses[:3]) or _reason(reading),
        "about": f"Thực hiện {clock.vn_datetime(report.effectiveDateTime)} · trả kết quả "
        f"{clock.vn_datetime(report.issued)}{corrected}",
        "technique": reading.text.technique,
        "findings": reading.text.findings,
        "conclusion": reading.text.conclusion,
        "notes": reading.notes,
        "signer": next((one.display or "" for one in by), ""),
    }
    return await orders_print.made(tx, who, TEMPLATE, data, [report])


def _text(form: forms.Form) -> Text:
    return Text(form["technique"] or "", form["findings"] or "", form["conclusion"] or "")


def _form(reading: Reading, text: Text, fixing: bool) -> forms.Form:
    return forms.blank(
        fields(), technique=text.technique, findings=text.findings, conclusion=text.conclusion,
        version=reading.version, sua="1" if fixing else None,
    )  # fmt: skip


def _page(
    request: Request, reading: Reading, form: forms.Form, fixing: bool, *, clash: Problem | None = None
) -> Response:
    status = 409 if clash else 422 if form.errors else 200
    if clash:  # saving again is now a decision made in sight of what the other person wrote
        form.raw["version"] = reading.version
    ticket = reading.ticket
    said: dict[str, Any] = {
        "ticket": ticket,
        "ticket_number": ticket_number(ticket) if ticket else "",
        "room": (ticket.location.display or "") if ticket and ticket.location else "",
        "editable": fixing or not reading.released,
        "templates": offered(reading.service, reading.modality),
        "reason": _reason(reading),
        "facts": orders.facts(reading.patient),
        "requester": (reading.order.requester.display or "") if reading.order.requester else "",
        "urgent": orders.is_urgent(reading.order),
        "left": reports.left(reading.siblings),
    }
    return pages.render(
        request, "imaging/reading.html", status, reading=reading, form=form, fixing=fixing, clash=clash, path=PATH,
        title_of=orders.title, text_of=display_of, **said,
    )  # fmt: skip


def _reason(reading: Reading) -> str:
    reasons = [*(reading.order.reasonCode or []), *(reading.visit.reasonCode or [])]
    return next((text for one in reasons if (text := display_of(one))), "")


def _entry_of(row: orders.Row) -> str:
    """The first order of a row that still waits for its report."""
    first = next((one for one in row.orders if one.status != "completed"), row.orders[0])
    return f"{PATH}/{first.id}"


DESK: Final = Desk(
    kind=IMAGING,
    path=PATH,
    permission=Permission.IMAGING,
    title=later("Chẩn đoán hình ảnh"),
    begin=later("Vào phòng"),
    enter=later("Đọc kết quả"),
    note=later("Máy chụp và kho ảnh (RIS, PACS) chưa nối vào đây: xem ảnh trên máy của phòng, đọc kết quả ở đây."),
    empty=later("Chỉ định chẩn đoán hình ảnh từ phòng khám hiện ở đây ngay khi bác sĩ bấm."),
    entry=_entry_of,
)
DOORS: list[Door | LiveDoor] = [
    *doors(DESK),
    Door(f"{PATH}/{{order}}", show, Permission.IMAGING),
    Door(f"{PATH}/{{order}}", save, Permission.IMAGING, ("POST",)),
    Door(f"{PATH}/{{order}}/phieu.pdf", paper, Permission.PRINT),
]
NAV: list[NavItem] = [NavItem(later("Chẩn đoán hình ảnh"), PATH, Permission.IMAGING, "g h")]
PAPERS: dict[str, papers.Make] = {papers.READING: _paper}
