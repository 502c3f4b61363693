"""`…/co-so/{site}/viec`: the project plan of a facility: the gate, work by kind, trainings, devices, forms by phase."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _, later
from benhan.province.rollout import actions as tracker
from benhan.province.rollout import evidence, reach
from benhan.province.rollout.criteria.rules import assessment_of
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.pages import LIST, PATH
from benhan.province.rollout.plan import actions, rules, words
from benhan.province.rollout.plan.rules import Plan, Work, plan_of
from benhan.province.rollout.rules import Entry, What
from benhan.province.rollout.sites import Kept

pages.register("plan", "benhan.province.rollout.plan")

_ONE: Final = f"{LIST}/{{site}}/viec"
_DONE: Final = {
    "luu": later("Đã ghi"), "xac-minh": later("Đã xác minh"), "tra-lai": later("Đã trả lại"),
    "rut": later("Đã rút lại"), "bat-dau": later("Đã lập kế hoạch"),
}  # fmt: skip
#: Which items are shown, as the address says.
FILTERS: Final[dict[str, tuple[str, Callable[[Work, date], bool]]]] = {
    "": (later("Tất cả"), lambda one, today: True),
    "cong": (later("Cổng vận hành"), lambda one, today: one.gate),
    "chan": (later("Bị chặn"), lambda one, today: one.state == "blocked"),
    "tre": (later("Quá hạn"), lambda one, today: one.late(today)),
    "cho": (later("Chờ xác minh"), lambda one, today: one.state == "done" and one.check is None),
}
#: How an address calls what is counted beside the work.
COUNTS: Final = {"dao-tao": What.TRAINING, "thiet-bi": What.DEVICE, "bieu-mau": What.PHASE}


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page; `?ghi=ITEM` opens the form of an item, `?them=1` that of a new one, `?so=dao-tao` a count's."""
    found = await tracker.look(tx, who, request.path_params["site"])
    plan, query = plan_of(found.entries), request.query_params
    opened: tuple[str, Form] | None = None
    if (item := query.get("ghi", "")) in plan.works:
        opened = item, _item_form(plan, item)
    elif "them" in query:
        opened = "", forms.blank(_item_fields(plan, ""), state="todo")
    elif (word := query.get("so", "")) in COUNTS:
        opened = word, forms.blank(_count_fields(COUNTS[word]))
    return await _page(request, tx, who, found, opened)


async def begin(request: Request, tx: Transaction, who: Subject) -> Response:
    """Begin with the list."""
    site = request.path_params["site"]
    form = await forms.read_form(request, _begin_fields())
    return await _posted(request, tx, who, "bat-dau", ("bat-dau", form), lambda: actions.begin(
        tx, who, site, form["live"]))  # fmt: skip


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """An item of the facility's own."""
    return await _work(request, tx, who, None)


async def work(request: Request, tx: Transaction, who: Subject) -> Response:
    """Say how an item stands."""
    return await _work(request, tx, who, request.path_params["item"])


async def _work(request: Request, tx: Transaction, who: Subject, item: str | None) -> Response:
    site = request.path_params["site"]
    plan = plan_of((await tracker.look(tx, who, site)).entries)
    form = await forms.read_form(
        request, _item_fields(plan, item or ""), most_bytes=evidence.MOST_BYTES + forms.MOST_BYTES
    )
    try:
        return await _posted(request, tx, who, "luu", (item or "", form), lambda: _said(tx, who, site, item, form))
    finally:
        for sent in form.files.values():  # browsers send a field of files without any, too
            await sent.close()


async def _said(tx: Transaction, who: Subject, site: str, item: str | None, form: Form) -> Kept:
    sent = form.files.get("file")
    file: Evidence | None = evidence.read(await sent.read(), sent.filename) if sent and sent.filename else None
    said = {name: form[name] or "" for name in ("kind", "title", "state", "owner", "reason", "after")}
    due = form["due"].isoformat() if form["due"] else ""
    return await actions.work(tx, who, site, item, {**said, "due": due, "gate": form["gate"]}, file)


async def check(request: Request, tx: Transaction, who: Subject) -> Response:
    """Verify an item, or return it."""
    fields = [forms.hidden("good"), forms.hidden("of"), forms.long_text("remark", _("Cần bổ sung gì"), most=1000)]
    form = await forms.read_form(request, fields)
    form.require()
    site, good = request.path_params["site"], form["good"] == "1"
    await actions.check(
        tx, who, site, request.path_params["item"], _number(form["of"] or ""), good=good, remark=form["remark"] or ""
    )
    return RedirectResponse(f"{LIST}/{site}/viec?xong={'xac-minh' if good else 'tra-lai'}", 303)


async def count(request: Request, tx: Transaction, who: Subject) -> Response:
    """A training, devices, or forms of a phase."""
    site, word = request.path_params["site"], request.path_params["what"]
    if word not in COUNTS:
        raise NotFound(_("Không có mục này."))
    what = COUNTS[word]
    form = await forms.read_form(request, _count_fields(what))
    return await _posted(request, tx, who, "luu", (word, form), lambda: actions.count(
        tx, who, site, what, {
            name: value.isoformat() if isinstance(value, date) else value or (0 if name in _NUMBERS else "")
            for name, value in form.values.items()
        }))  # fmt: skip


async def take_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take back what was said."""
    form = await forms.read_form(request, [forms.text("why", _("Vì sao"), required=True, most=500)])
    form.require()
    site = request.path_params["site"]
    await actions.take_back(tx, who, site, _number(request.path_params["entry"]), form["why"])
    return RedirectResponse(f"{LIST}/{site}/viec?xong=rut", 303)


async def _posted(
    request: Request, tx: Transaction, who: Subject, word: str, opened: tuple[str, Form], do: Any
) -> Response:  # fmt: skip
    site, form = request.path_params["site"], opened[1]
    if not form.errors:
        try:
            await do()
            return RedirectResponse(f"{LIST}/{site}/viec?xong={word}", 303)
        except Problem as wrong:
            if wrong.status not in (409, 422):
                raise
            form.errors.add(wrong.where or "", f"{wrong.message} {wrong.advice or ''}".strip())
    return await _page(request, tx, who, await tracker.look(tx, who, site), opened)


def _begin_fields() -> list[forms.Field]:
    return [forms.day("live", _("Ngày dự kiến chạy không giấy"), required=True)]


def _item_fields(plan: Plan, item: str) -> list[forms.Field]:
    others = [(one.code, title(one)) for one in plan.works.values() if one.code != item]
    return [
        forms.text("title", _("Việc"), required=True),
        forms.choice("kind", _("Loại việc"), [(one.code, str(one)) for one in words.kinds().values()], required=True),
        forms.choice("state", _("Tình trạng"), [(code, _(name)) for code, name in words.STATES.items()], required=True),
        forms.text("owner", _("Ai làm (khoa, phòng, người)"), most=120),
        forms.day("due", _("Hạn")),
        forms.choice("after", _("Chờ việc khác"), others),
        forms.text("reason", _("Vì sao bị chặn"), most=500),
        forms.flag("gate", _("Cổng vận hành hỏi việc này")),
    ]


_NUMBERS: Final = ("people", "came", "needed", "there", "forms", "sheets")


def _count_fields(what: What) -> list[forms.Field]:
    def number(name: str, label: str, most: int = 100_000) -> forms.Field:
        return forms.number(name, label, lowest=0, highest=most)

    if what is What.TRAINING:
        return [
            forms.text("topic", _("Nội dung"), required=True), forms.text("audience", _("Cho ai"), required=True),
            forms.day("day", _("Ngày"), required=True), number("people", _("Số người cần học")),
            number("came", _("Số người đã học")),
        ]  # fmt: skip
    if what is What.DEVICE:
        kinds = [(one.code, str(one)) for one in words.devices().values()]
        return [forms.choice("kind", _("Thiết bị"), kinds, required=True), number("needed", _("Cần")),
                number("there", _("Đã có"))]  # fmt: skip
    phases = [(code, _(name)) for code, name in words.PHASES.items()]
    return [
        forms.choice("phase", _("Pha"), phases, required=True),
        number("forms", _("Số mẫu bệnh án"), rules.MOST["forms"]),
        number("sheets", _("Số phiếu"), rules.MOST["sheets"]),
    ]


def _item_form(plan: Plan, item: str) -> Form:
    said = dict(plan.works[item].entry.said)
    said["due"] = date.fromisoformat(said["due"]) if said.get("due") else None
    return forms.blank(_item_fields(plan, item), **{
        name: said.get(name) for name in ("title", "kind", "state", "owner", "due", "after", "reason", "gate")
    })  # fmt: skip


def title(one: Work) -> str:
    """What an item is called; one of the list in the language of the request."""
    first = next((first for first in words.first_items() if first.code == one.code), None)
    said: str = one.entry.said["title"]
    return str(first) if first and first.vi == said else said


async def _page(
    request: Request, tx: Transaction, who: Subject, found: Kept, opened: tuple[str, Form] | None
) -> Response:
    plan, today = plan_of(found.entries), clock.today()
    writes = who.may(Permission.ROLLOUT_REPORT) and (await reach.reach_of(tx, who)).holds(found.site)
    chosen = request.query_params.get("loc", "")
    shown = FILTERS.get(chosen, FILTERS[""])
    toast = _DONE.get(request.query_params.get("xong", ""))
    wrong = opened is not None and bool(opened[1].errors)
    return pages.render(
        request, "plan/page.html", 422 if wrong else 200, site=found.site, plan=plan, gate=plan.gate, writes=writes,
        judges=who.may(Permission.ROLLOUT_VERIFY), mine=who.account, opened=opened if writes else None,
        returning=request.query_params.get("tra"), toast=_(toast) if toast else None, path=PATH, list_path=LIST,
        here=f"{LIST}/{found.site.id}/viec", day=today, title=title, lacks=rules.LACKS, most=rules.MOST,
        kinds=words.kinds().values(), states=words.STATES, tones=words.TONES, phases=words.PHASES,
        device_names=words.devices(), works=[one for one in plan.works.values() if shown[1](one, today)],
        filters=[(_(name), f"?loc={word}") for word, (name, _shown) in FILTERS.items()], filtered=_(shown[0]),
        begin=opened[1] if opened and opened[0] == "bat-dau" else forms.blank(_begin_fields()),
        lacking=assessment_of(found.entries).lacking, past=_past(found),
    )  # fmt: skip


def _past(found: Kept) -> dict[str, list[Entry]]:
    """Everything that was said of each item, the last first; of what was withdrawn, that too."""
    of: dict[int, str] = {}
    past: dict[str, list[Entry]] = {}
    for one in found.entries:
        item = one.said.get("item") if one.what in (What.WORK, What.CHECKED) else of.get(one.corrects or 0)
        if item:
            of[one.id] = item
            past.setdefault(item, []).insert(0, one)
    return past


def _number(written: str) -> int:
    if not written.isdecimal() or len(written) > 18:
        raise NotFound(_("Không có mục này."))
    return int(written)


_REPORT: Final = Permission.ROLLOUT_REPORT
DOORS: list[Door] = [
    Door(_ONE, show, Permission.ROLLOUT),
    Door(f"{_ONE}/bat-dau", begin, _REPORT, ("POST",)),
    Door(f"{_ONE}/them", add, _REPORT, ("POST",)),
    Door(f"{_ONE}/so/{{what}}", count, _REPORT, ("POST",)),
    Door(f"{_ONE}/rut/{{entry}}", take_back, _REPORT, ("POST",)),
    Door(f"{_ONE}/{{item}}/ghi", work, _REPORT, ("POST",)),
    Door(f"{_ONE}/{{item}}/xac-minh", check, Permission.ROLLOUT_VERIFY, ("POST",)),
]
