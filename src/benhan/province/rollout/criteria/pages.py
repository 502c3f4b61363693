"""`…/co-so/{site}/tieu-chi`: the self-assessment of a facility: answered, sent, looked at, approved, printed."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _, later
from benhan.province.rollout import actions as tracker
from benhan.province.rollout import evidence, reach
from benhan.province.rollout.criteria import actions, grid, readings, sheet
from benhan.province.rollout.criteria.rules import NAMES, Assessment, Standing, assessment_of
from benhan.province.rollout.pages import LIST, PATH
from benhan.province.rollout.rules import Entry, What
from benhan.province.rollout.sites import Kept

pages.register("criteria", "benhan.province.rollout.criteria")

_ONE: Final = f"{LIST}/{{site}}/tieu-chi"
_DONE: Final = {
    "luu": later("Đã ghi"), "gui": later("Đã gửi Sở"), "nhan": later("Đã nhận tiêu chí"),
    "tra-lai": later("Đã trả lại"), "duyet": later("Đã duyệt bản tự đánh giá"), "doc": later("Đã đọc số liệu"),
}  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page; `?ghi=CODE` opens the form of a criterion, `?tra=CODE` that of a return."""
    found = await tracker.look(tx, who, request.path_params["site"])
    now = assessment_of(found.entries)
    code = request.query_params.get("ghi") or request.query_params.get("tra")
    opened = (code, _blank(now, code)) if code in grid.criteria() else None
    return await _page(request, tx, who, found, opened)


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """Answer a criterion; then the next one that has no answer is open."""
    site, code = request.path_params["site"], request.path_params["code"]
    if code not in grid.criteria():
        raise NotFound(_("Không có tiêu chí này."))
    form = await forms.read_form(request, _fields(code), most_bytes=evidence.MOST_BYTES + forms.MOST_BYTES)
    try:
        return await _answered(request, tx, who, site, code, form)
    finally:
        for sent in form.files.values():  # browsers send a field of files without any, too
            await sent.close()


async def _answered(request: Request, tx: Transaction, who: Subject, site: str, code: str, form: Form) -> Response:
    if not form.errors:
        try:
            sent = form.files.get("file")
            file = evidence.read(await sent.read(), sent.filename) if sent and sent.filename else None
            kept = await actions.answer(
                tx, who, site, code, form["answer"], form["remark"] or "", file=file, why=form["why"] or ""
            )
            return RedirectResponse(f"{LIST}/{site}/tieu-chi?xong=luu{_next(assessment_of(kept.entries), code)}", 303)
        except Problem as wrong:
            if wrong.status not in (409, 422):
                raise
            form.errors.add(wrong.where or "", f"{wrong.message} {wrong.advice or ''}".strip())
    return await _page(request, tx, who, await tracker.look(tx, who, site), (code, form))


def _next(now: Assessment, code: str) -> str:
    """The address of what is to be answered next: after this criterion, else from the first on."""
    left, order = {*now.missing, *now.returned}, list(grid.criteria())
    at = order.index(code)
    following = next((one for one in [*order[at:], *order[:at]] if one in left), None)
    return f"&ghi={following}#{following}" if following else f"#{code}"


async def send(request: Request, tx: Transaction, who: Subject) -> Response:
    """Send the whole to the Department."""
    site = request.path_params["site"]
    return await _done(request, tx, who, site, "gui", lambda: actions.send(tx, who, site))


async def review(request: Request, tx: Transaction, who: Subject) -> Response:
    """Accept or return the answer of a criterion."""
    fields = [forms.hidden("good"), forms.hidden("answer"), forms.long_text("remark", _("Cần bổ sung gì"), most=1000)]
    form = await forms.read_form(request, fields)
    form.require()
    site, code, good = request.path_params["site"], request.path_params["code"], form["good"] == "1"
    of = int(form["answer"]) if (form["answer"] or "").isdecimal() and len(form["answer"]) < 19 else 0
    await actions.review(tx, who, site, code, of, good=good, remark=form["remark"] or "")
    return RedirectResponse(f"{LIST}/{site}/tieu-chi?xong={'nhan' if good else 'tra-lai'}#{code}", 303)


async def approve(request: Request, tx: Transaction, who: Subject) -> Response:
    """Approve the whole."""
    site = request.path_params["site"]
    return await _done(request, tx, who, site, "duyet", lambda: actions.approve(tx, who, site))


async def read_again(request: Request, tx: Transaction, who: Subject) -> Response:
    """Read the platform's figures anew."""
    site = request.path_params["site"]
    return await _done(request, tx, who, site, "doc", lambda: actions.read_again(tx, who, site))


async def _done(request: Request, tx: Transaction, who: Subject, site: str, word: str, do: Any) -> Response:
    try:
        await do()
    except Problem as wrong:
        if wrong.status not in (409, 422):
            raise
        return await _page(request, tx, who, await tracker.look(tx, who, site), None, wrong)
    return RedirectResponse(f"{LIST}/{site}/tieu-chi?xong={word}", 303)


async def paper(request: Request, tx: Transaction, who: Subject) -> Response:
    """The self-assessment as a form, to print."""
    found = await tracker.look(tx, who, request.path_params["site"])
    _exported(tx, who, found, "print")
    return pages.render(request, "criteria/paper.html", **_shown(found), back=f"{LIST}/{found.site.id}/tieu-chi")


async def as_excel(request: Request, tx: Transaction, who: Subject) -> Response:
    """The self-assessment as a sheet."""
    found = await tracker.look(tx, who, request.path_params["site"])
    _exported(tx, who, found, "xlsx")
    name = f"tu-danh-gia-{found.site.code or found.site.id}.xlsx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(sheet.as_excel(found), 200, headers, evidence.EXCEL)


def _exported(tx: Transaction, who: Subject, found: Kept, how: str) -> None:
    record(tx, who, Event("export", "Site", found.site.id, rule="permission rollout", detail=f"self-assessment {how}"))


def _fields(code: str) -> list[forms.Field]:
    answers = [(one, _(grid.ANSWERS[one])) for one in grid.criteria()[code].answers]
    return [
        forms.choice("answer", _("Tự đánh giá"), answers, required=True),
        forms.long_text("remark", _("Ghi chú: đang có gì, còn thiếu gì, khi nào xong"), most=2000),
        forms.text("why", _("Vì sao sửa (khi Sở đã nhận)"), most=500),
    ]


def _blank(now: Assessment, code: str) -> Form:
    said: dict[str, Any] = now.answers[code].entry.said if code in now.answers else {}
    return forms.blank(_fields(code), answer=said.get("answer"), remark=said.get("remark"))


async def _page(
    request: Request, tx: Transaction, who: Subject, found: Kept, opened: tuple[str, Form] | None,
    problem: Problem | None = None,
) -> Response:  # fmt: skip
    writes = who.may(Permission.ROLLOUT_REPORT) and (await reach.reach_of(tx, who)).holds(found.site)
    judges = await actions.may_judge(tx, who, found)
    returning = request.query_params.get("tra") if judges else None
    toast = _DONE.get(request.query_params.get("xong", ""))
    status = problem.status if problem else 422 if opened and opened[1].errors else 200
    return pages.render(
        request, "criteria/page.html", status, **_shown(found), writes=writes, judges=judges,
        approves=who.may(Permission.ROLLOUT_VERIFY), opened=opened if writes and not returning else None,
        returning=returning, problem=problem, toast=_(toast) if toast else None, mine=who.account, path=PATH,
        here=f"{LIST}/{found.site.id}/tieu-chi", list_path=LIST,
    )  # fmt: skip


def _shown(found: Kept) -> dict[str, Any]:
    now = assessment_of(found.entries)
    reading = readings.last(found.entries)
    return {
        "site": found.site, "assessment": now, "standing": now.standing, "standing_name": _(NAMES[now.standing]),
        "Standing": Standing, "groups": grid.groups(), "criteria": list(grid.criteria().values()),
        "answers": {code: _(name) for code, name in grid.ANSWERS.items()}, "tones": grid.TONES, "law": grid.of_law(),
        "reading": reading, "readings": readings.shown(reading), "read": lambda one: readings.shown(reading, one),
        "past": _past(found, now), "day": clock.today(),
    }  # fmt: skip


def _past(found: Kept, now: Assessment) -> dict[str, list[Entry]]:
    """What was said of each criterion before, and of that by the Department, the last first."""
    here = {one.entry.id for one in now.answers.values()} | {
        one.review.id for one in now.answers.values() if one.review
    }
    past: dict[str, list[Entry]] = {}
    for one in reversed(found.entries):
        if one.what in (What.CRITERION, What.REVIEWED) and one.id not in here:
            past.setdefault(one.said["code"], []).append(one)
    return past


_REPORT: Final = Permission.ROLLOUT_REPORT
DOORS: list[Door] = [
    Door(_ONE, show, Permission.ROLLOUT),
    Door(f"{_ONE}/in", paper, Permission.ROLLOUT),
    Door(f"{_ONE}/tai-ve.xlsx", as_excel, Permission.ROLLOUT),
    Door(f"{_ONE}/gui", send, _REPORT, ("POST",)),
    Door(f"{_ONE}/doc", read_again, Permission.ROLLOUT, ("POST",)),
    Door(f"{_ONE}/duyet", approve, Permission.ROLLOUT_VERIFY, ("POST",)),
    Door(f"{_ONE}/{{code}}/ghi", answer, _REPORT, ("POST",)),
    Door(f"{_ONE}/{{code}}/xem", review, Permission.ROLLOUT_OVERVIEW, ("POST",)),
]
