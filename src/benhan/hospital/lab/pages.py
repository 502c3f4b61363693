"""`/xet-nghiem`: the laboratory's work list, the entry screen of a visit, and its results on paper."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, Problem
from benhan.core.kit import clock, codes, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import orders, papers
from benhan.hospital.lab import results, rules, sheet
from benhan.hospital.lab.entry import Entry, Line, Sheet, gather
from benhan.hospital.orders_pages import Desk, doors
from benhan.hospital.papers import Wanted
from benhan.hospital.visit import LABORATORY, display_of, ticket_number

pages.register("lab", "benhan.hospital.lab")

PATH: Final = "/xet-nghiem"
#: How long before now a sample may have been taken; a clock may be some minutes ahead.
OLDEST, AHEAD = timedelta(days=3), timedelta(minutes=5)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The entry screen; `?sua=` opens one released order for correction."""
    entry = await gather(tx, who, request.path_params["visit"])
    fixing = entry.sheet(request.query_params.get("sua", ""))
    fixing = fixing if fixing and fixing.released and fixing.report else None
    return _page(request, entry, _blank(entry, fixing), fixing)


async def save(request: Request, tx: Transaction, who: Subject) -> Response:
    """Keep as a draft, release, or release a correction; what is wrong or open is asked on the same page."""
    entry = await gather(tx, who, request.path_params["visit"])
    form = await forms.read_form(request, _fields(entry, entry.sheets))
    fixing = entry.sheet(form["sua"] or "")
    told = _told(form, entry)
    if form.errors:
        return _page(request, entry, form, fixing)
    try:
        done = await _act(tx, who, entry, form, fixing, told)
    except results.Questions as asked:
        return _page(request, entry, form, fixing, asked=asked)
    except results.Clash as clash:
        return _page(request, entry, form, fixing, clash=clash)
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return _page(request, entry, form, fixing)
    return RedirectResponse(f"{PATH}/{entry.visit.id}?{'da-tra' if done else 'da-luu'}=1", 303)


async def flag(request: Request, tx: Transaction, who: Subject) -> Response:
    """The flag of one value while it is typed. Reads no record: sex, age and analyte come with the question."""
    asked = request.query_params
    analyte = codes.analyte(asked.get("loinc", ""))
    said: dict[str, Any] = {"flag": "", "wrong": ""}
    try:
        value = rules.read(next(iter(asked.getlist(asked.get("field", ""))), ""), analyte)
        months = asked.get("months", "")
        if value is not None:
            age = int(months) if months.isdigit() and len(months) < 5 else None
            said["flag"] = rules.flag(value, analyte, asked.get("sex"), age) or ""
    except Invalid as wrong:
        said["wrong"] = wrong.message
    return pages.render(request, "lab/_flag.html", flags=rules.FLAGS, **said)


async def paper(request: Request, tx: Transaction, who: Subject) -> Response:
    """The released results of a visit as a PDF."""
    made = await _paper(tx, who, Wanted(request.path_params["visit"], "", ""))
    return papers.pdf(made, papers.RESULTS)


async def _paper(tx: Transaction, who: Subject, of: Wanted) -> bytes:
    return await sheet.printed(tx, who, await gather(tx, who, of.visit))


async def _act(
    tx: Transaction, who: Subject, entry: Entry, form: forms.Form, fixing: Sheet | None, told: results.Told | None
) -> bool:
    """Do what the pressed button says; gives whether results went to the doctor."""
    typed = {one.id: _typed(one, form) for one in entry.sheets if form[f"{one.id}.version"]}
    if form["action"] == "correct" and fixing:
        one = typed.get(fixing.id)
        if one is None:
            raise Invalid(_("Biểu mẫu gửi lên không đọc được"))
        await results.correct(tx, who, entry, fixing.id, one, reason=form["reason"] or "", told=told)
        return True
    taken = form["taken"] or entry.taken
    if form["action"] == "release":
        await results.release(tx, who, entry, typed, taken, told=told, incomplete=bool(form["incomplete"]))
        return True
    await results.save_draft(tx, who, entry, typed, taken)
    return False


def _fields(entry: Entry, sheets: list[Sheet]) -> list[forms.Field]:
    """Every field of the form: those of the sheets, and what is asked once for all."""
    made = [
        forms.Field("taken", _("Giờ lấy mẫu"), "text", _read_moment, most=20, hint=_("giờ:phút")),
        forms.hidden("action"), forms.hidden("sua", most=64),
        forms.text("reason", _("Lý do sửa"), most=300),
        forms.flag("incomplete", _("Trả kết quả dù còn ô trống")),
        forms.flag("told", _("Đã báo bác sĩ")),
        forms.text("told_name", _("Người nhận tin"), most=80),
        forms.Field("told_at", _("Báo lúc"), "text", _read_moment, most=20, hint=_("giờ:phút")),
    ]  # fmt: skip
    for one in sheets:
        made += [_value_field(line) for line in one.lines]
        made += [
            forms.hidden(f"{one.id}.version", most=20),
            forms.long_text(f"{one.id}.comment", _("Nhận xét"), most=1000),
            forms.text(f"{one.id}.unit", _("Đơn vị"), most=30),
            forms.flag(f"{one.id}.odd", _("Bất thường")),
        ]
    return made


def _value_field(line: Line) -> forms.Field:
    analyte = line.analyte
    return forms.Field(line.field, line.name, "text", lambda written, _field: rules.read(written, analyte), most=500)


def _blank(entry: Entry, fixing: Sheet | None) -> forms.Form:
    """The form with what is stored."""
    values: dict[str, Any] = {"taken": _moment_shown(entry.taken), "told_name": _requester(entry)}
    values |= {"told_at": clock.vn_time(clock.now()), "sua": fixing.id if fixing else None}
    for one in entry.sheets:
        values |= {line.field: line.shown for line in one.lines}
        values |= {f"{one.id}.version": one.version, f"{one.id}.comment": one.comment}
        values |= {f"{one.id}.unit": one.lines[0].unit, f"{one.id}.odd": one.lines[0].flag == "A"}
    return forms.blank(_fields(entry, entry.sheets), **values)


def _typed(one: Sheet, form: forms.Form) -> results.Typed:
    return results.Typed(
        values={line.field: form[line.field] for line in one.lines},
        comment=form[f"{one.id}.comment"] or "",
        unit=form[f"{one.id}.unit"] or "",
        odd=bool(form[f"{one.id}.odd"]),
        version=form[f"{one.id}.version"] or "",
    )


def _told(form: forms.Form, entry: Entry) -> results.Told | None:
    """Who was told of critical values, where the box is ticked; an error where it is said by halves."""
    if not form["told"]:
        return None
    if not form["told_name"]:
        form.errors.add("told_name", _("Ghi tên người đã nhận tin"))
        return None
    return results.Told(form["told_name"], form["told_at"] or clock.now())


def _read_moment(written: str, _field: forms.Field) -> datetime:
    """A time of today ("07:45", "7h45", "0745"), or with its day ("07:45 20/11/2026"); not in the future."""
    clock_part, _gap, day_part = written.strip().partition(" ")
    digits = clock_part.lower().replace("h", ":").replace(".", ":")
    hour, colon, minute = digits.partition(":")
    if not colon and len(digits) in (3, 4):
        hour, minute = digits[:-2], digits[-2:]
    if not (hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60):
        raise Invalid(_("Nhập giờ như 07:45"))
    day = clock.parse_date(day_part) if day_part else clock.today()
    start, _end = clock.day_bounds(day)
    when = clock.local(start) + timedelta(hours=int(hour), minutes=int(minute))
    if not clock.now() - OLDEST <= when <= clock.now() + AHEAD:
        raise Invalid(_("Giờ phải từ 3 ngày trước tới bây giờ"))
    return when


def _moment_shown(when: datetime) -> str:
    return clock.vn_time(when) if when.date() == clock.today() else clock.vn_datetime(when)


def _requester(entry: Entry) -> str:
    """The doctor who ordered: whom a critical value is told to."""
    return next((name for one in entry.sheets if (name := one.order.requester and one.order.requester.display)), "")


def _page(
    request: Request,
    entry: Entry,
    form: forms.Form,
    fixing: Sheet | None,
    *,
    asked: results.Questions | None = None,
    clash: Problem | None = None,
) -> Response:
    status = 409 if clash else 422 if form.errors or asked else 200
    edited = [fixing] if fixing else entry.open
    if clash:  # saving again is now a decision made in sight of what the other person wrote
        for one in entry.sheets:
            form.raw[f"{one.id}.version"] = one.version
    if asked and asked.critical:  # whom one would tell, and that it is now; the box itself stays for her to tick
        form.raw["told_name"] = form.typed("told_name") or _requester(entry)
        form.raw["told_at"] = form.typed("told_at") or clock.vn_time(clock.now())
    shown = {one.id: results.flags(entry, one, _shown_typed(one, form)) for one in edited}
    return pages.render(
        request, "lab/entry.html", status,
        entry=entry, form=form, fixing=fixing, edited=edited, asked=asked, clash=clash, flags=rules.FLAGS, shown=shown,
        critical=rules.CRITICAL, done=[one for one in entry.sheets if one.released and one is not fixing],
        facts=orders.facts(entry.patient), requester=_requester(entry), path=PATH,
        reason=next((display_of(one) for one in entry.visit.reasonCode or []), ""),
        tickets=[(one, ticket_number(one)) for one in entry.tickets],
        progress=sum(one.released for one in entry.sheets),
    )  # fmt: skip


def _shown_typed(one: Sheet, form: forms.Form) -> results.Typed:
    """What the fields hold now, as far as it can be read, for the flags beside them."""
    values: dict[str, rules.Value | None] = {}
    for line in one.lines:
        try:
            values[line.field] = rules.read(str(form.typed(line.field)), line.analyte)
        except Invalid:
            values[line.field] = None
    return results.Typed(values=values, odd=form.typed(f"{one.id}.odd") not in ("", "0"))


def _entry_of(row: orders.Row) -> str:
    return f"{PATH}/{row.visit}"


DESK: Final = Desk(
    kind=LABORATORY,
    path=PATH,
    permission=Permission.LABORATORY,
    title=later("Xét nghiệm"),
    begin=later("Lấy mẫu"),
    enter=later("Nhập kết quả"),
    note=later("Máy xét nghiệm, mã vạch ống mẫu và nội kiểm (LIS) chưa nối vào đây: kết quả nhập bằng tay."),
    empty=later("Chỉ định xét nghiệm từ phòng khám hiện ở đây ngay khi bác sĩ bấm."),
    entry=_entry_of,
)
DOORS: list[Door | LiveDoor] = [
    *doors(DESK),
    Door(f"{PATH}/co", flag, Permission.LABORATORY),
    Door(f"{PATH}/{{visit}}", show, Permission.LABORATORY),
    Door(f"{PATH}/{{visit}}", save, Permission.LABORATORY, ("POST",)),
    Door(f"{PATH}/{{visit}}/phieu.pdf", paper, Permission.PRINT),
]
NAV: list[NavItem] = [NavItem(later("Xét nghiệm"), PATH, Permission.LABORATORY, "g x")]
PAPERS: dict[str, papers.Make] = {papers.RESULTS: _paper}
