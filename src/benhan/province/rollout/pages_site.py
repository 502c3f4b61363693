"""`/so-y-te/so-hoa/co-so/{site}`: one facility: its state, its history, what is reported, verified and corrected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound, Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _, later
from benhan.province.rollout import actions, evidence, facts, reach, rules, visits, words
from benhan.province.rollout.criteria.rules import NAMES, Standing
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.pages import LIST, PATH
from benhan.province.rollout.rules import WHAT_NAMES, Entry, What
from benhan.province.rollout.sites import Kept

#: How an address calls what is said.
WORDS: Final = {
    "giai-doan": What.STAGE, "ke-hoach": What.PLAN, "cham": What.DELAY, "pham-vi": What.SCOPE, "dau-tu": What.MEANS,
    "ghi-chu": What.NOTE, "viec": What.TASK, "thong-tin": What.FACTS,
}  # fmt: skip
_DONE: Final = {"luu": later("Đã ghi"), "xac-minh": later("Đã xác minh"), "tra-lai": later("Đã trả lại"),
                "rut": later("Đã rút lại"), "tham": later("Đã ghi buổi thăm"), "xong": later("Đã ghi việc xong"),
                "doc": later("Đã xác nhận đã đọc")}  # fmt: skip
#: Circular 32/2023: so many forms of records and sheets there are to be filled electronically.
MOST_FORMS, MOST_SHEETS = 29, 53
_VENDORS: Final = {"his": "HIS", "emr": later("Bệnh án điện tử"), "lis": "LIS", "pacs": "PACS",
                   "signatures": later("Chữ ký số")}  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The page; `?ghi=giai-doan` opens a form, `?sua=ID` that of an entry, to say it anew."""
    found = await actions.look(tx, who, request.path_params["site"])
    what = WORDS.get(request.query_params.get("ghi", ""))
    form = (what, _blank(what, found)) if what else None
    if (asked := request.query_params.get("sua", "")).isdigit():
        entry = next((one for one in rules.standing(found.entries) if one.id == int(asked[:18])), None)
        form = _again(entry) if entry else None
    return await _page(request, tx, who, found, form)


async def say(request: Request, tx: Transaction, who: Subject) -> Response:
    """Report something, or correct what was reported."""
    site, what = request.path_params["site"], WORDS.get(request.path_params["what"])
    if what is None:
        raise NotFound(_("Không có mục này."))
    form = await forms.read_form(request, _fields(what), most_bytes=evidence.MOST_BYTES + forms.MOST_BYTES)
    try:
        return await _said(request, tx, who, site, what, form)
    finally:
        for sent in form.files.values():  # browsers send a field of files without any, too
            await sent.close()


async def _said(request: Request, tx: Transaction, who: Subject, site: str, what: What, form: Form) -> Response:
    said = _SAID[what](form) if not form.errors else {}
    if not form.errors:
        try:
            file = await _file(form)
            corrects = int(form["corrects"]) if (form["corrects"] or "").isdigit() else None
            if what is What.FACTS:
                await actions.must_be_free(tx, who, site, said)
            await actions.report(
                tx, who, site, what, said, form.values.get("on") or clock.today(), file=file, corrects=corrects,
                why=form["why"] or "",
            )  # fmt: skip
            return RedirectResponse(f"{LIST}/{site}?xong=luu", 303)
        except Invalid as wrong:
            form.errors.add(wrong.where or "", wrong.message)
        except Problem as wrong:
            if wrong.status != 409:
                raise
            form.errors.add(wrong.where or "", f"{wrong.message} {wrong.advice or ''}".strip())
    return await _page(request, tx, who, await actions.look(tx, who, site), (what, form))


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """Take an entry back."""
    form = await forms.read_form(request, [forms.text("why", _("Vì sao"), required=True, most=500)])
    form.require()
    site = request.path_params["site"]
    await actions.withdraw(tx, who, site, _number(request), form["why"])
    return RedirectResponse(f"{LIST}/{site}?xong=rut", 303)


async def judge(request: Request, tx: Transaction, who: Subject) -> Response:
    """Verify the decision that waits, or return it."""
    form = await forms.read_form(request, [forms.hidden("good"), forms.long_text("remark", _("Nhận xét"), most=1000)])
    form.require()
    site, good = request.path_params["site"], form["good"] == "1"
    await actions.judge(tx, who, site, _number(request), good=good, remark=form["remark"] or "")
    return RedirectResponse(f"{LIST}/{site}?xong={'xac-minh' if good else 'tra-lai'}", 303)


async def file(request: Request, tx: Transaction, who: Subject) -> Response:
    """A piece of evidence: pictures in the page, everything else to take away."""
    found = await actions.open_evidence(tx, who, request.path_params["evidence"][:40])
    ending = {"application/pdf": "pdf", "image/jpeg": "jpg", evidence.EXCEL: "xlsx"}.get(found.media, "csv")
    kind = "inline" if found.media == "image/jpeg" else "attachment"
    headers = {"Content-Disposition": f'{kind}; filename="minh-chung.{ending}"', "Cache-Control": "no-store"}
    return Response(found.body, 200, headers, found.media)


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """A facility that is on no list yet."""
    if request.method == "GET":
        return pages.render(request, "rollout/new.html", form=forms.blank(facts.fields()), list_path=LIST)
    form = await forms.read_form(request, facts.fields())
    said = facts.of_form(form) if not form.errors else {}
    if not form.errors:
        try:
            site = await actions.found(tx, who, said)
            return RedirectResponse(f"{LIST}/{site}?xong=luu", 303)
        except Problem as wrong:
            if wrong.status != 409:
                raise
            form.errors.add(wrong.where or "", wrong.message)
    return pages.render(request, "rollout/new.html", 422, form=form, list_path=LIST)


async def _page(
    request: Request, tx: Transaction, who: Subject, found: Kept, opened: tuple[What, Form] | None
) -> Response:
    state = found.state
    may = await _may(tx, who, found)
    toast = _DONE.get(request.query_params.get("xong", ""))
    wrong = opened is not None and bool(opened[1].errors)
    return pages.render(
        request, "rollout/site.html", 422 if wrong else 200, kept=found, site=found.site, state=state, may=may,
        may_withdraw=_may_withdraw(may), speaks_for=bool(may) and not who.may(Permission.ROLLOUT_OVERVIEW),
        opened=opened if opened and opened[0] in may else None, names=WHAT_NAMES, label=facts.label, told=_told,
        addresses={what: word for word, what in WORDS.items()}, stages=words.stages(), said=words.said,
        on_day=clock.today(), path=PATH, list_path=LIST, columns=facts.COLUMNS,
        standing={one.id for one in rules.standing(found.entries)}, history=_history(found),
        assessed=_(NAMES[Standing(found.site.assessment)]),
        by={one.corrects: one for one in found.entries if one.corrects},
        present={"scope": _scope(state.scope), "means": _means(state.means),
             "delay": _delay(state.delay) if state.delay and not found.site.is_paperless else ""},
        may_judge=who.may(Permission.ROLLOUT_VERIFY) and state.waiting is not None
        and state.waiting.account != who.account, toast=_(toast) if toast else None,
    )  # fmt: skip


def _history(found: Kept) -> list[Entry]:
    """What was said of the facility, the last first; self-assessment and plan have pages of their own."""
    other = {one.id for one in found.entries if one.what in rules.ELSEWHERE}
    return [one for one in reversed(found.entries) if one.id not in other and one.corrects not in other]


async def _may(tx: Transaction, who: Subject, found: Kept) -> list[What]:
    """What she may say of a site: nothing of others', and only the Department says what a facility is."""
    if not who.may(Permission.ROLLOUT_REPORT) or not (await reach.reach_of(tx, who)).holds(found.site):
        return []
    department = who.may(Permission.ROLLOUT_OVERVIEW)
    return [what for what in WORDS.values() if department or what not in actions.DEPARTMENTS]


def _may_withdraw(may: list[What]) -> list[What]:
    return [*may, What.DONE, *([What.REMINDER] if What.FACTS in may else [])] if may else []


def _told(entry: Entry) -> str:
    """An entry in words."""
    return _TOLD[entry.what](entry.said)


def _stage(said: dict[str, Any]) -> str:
    return " · ".join(filter(None, [words.said("stage", said["stage"]), said.get("number", "")]))


def _plan(said: dict[str, Any]) -> str:
    return f"{words.said('stage', said['stage'])}: {clock.vn_date(said['day'])}"


def _delay(said: dict[str, Any]) -> str:
    return " · ".join(filter(None, [words.said("delay", said["reason"]), said.get("note", "")]))


def _facts(said: dict[str, Any]) -> str:
    return ", ".join(facts.label(name) for name, value in said.items() if name in facts.COLUMNS and value != "")


def _noted(said: dict[str, Any]) -> str:
    told = str(said.get("note") or said.get("remark") or said.get("text") or "")
    about = f"#{said['of']}" if "of" in said else ""
    return " · ".join(filter(None, [_("đi thăm") if said.get("visit") else "", about, told]))


def _task(said: dict[str, Any]) -> str:
    return " · ".join([said["task"], said["whom"], _("hạn %(day)s", day=clock.vn_date(said["until"]))])


def _scope(said: dict[str, Any]) -> str:
    forms_, sheets = said.get("forms"), said.get("sheets")
    parts = [words.said("scope", said.get("scope", "")), said.get("departments", "")]
    parts += [_("%(n)s/%(all)s mẫu bệnh án", n=forms_, all=MOST_FORMS)] if forms_ else []
    parts += [_("%(n)s/%(all)s phiếu", n=sheets, all=MOST_SHEETS)] if sheets else []
    return " · ".join(filter(None, parts))


def _means(said: dict[str, Any]) -> str:
    parts = [words.said("way", said.get("way", "")), words.said("money", said.get("money", ""))]
    parts += [f"{_(name)}: {said[key]}" for key, name in _VENDORS.items() if said.get(key)]
    parts += [f"{said['price']:,} ₫".replace(",", ".")] if said.get("price") else []
    parts += [_("%(n)s tháng", n=said["months"])] if said.get("months") else []
    return " · ".join(filter(None, parts))


_TOLD: Final[dict[What, Callable[[dict[str, Any]], str]]] = {
    What.STAGE: _stage, What.PLAN: _plan, What.DELAY: _delay, What.SCOPE: _scope, What.MEANS: _means,
    What.FACTS: _facts, What.TASK: _task,
    **dict.fromkeys((What.NOTE, What.VERIFIED, What.RETURNED, What.WITHDRAWN, What.DONE, What.REMINDER, What.SEEN),
                    _noted),
}  # fmt: skip


# ── Forms ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _fields(what: What) -> list[forms.Field]:
    steps = [(one.code, str(one)) for one in words.stages().values()]
    stage = forms.choice("stage", _("Giai đoạn"), steps, required=True)
    on = forms.day("on", _("Ngày"), required=True)
    fields: dict[What, Callable[[], list[forms.Field]]] = {
        What.STAGE: lambda: [stage, on, forms.text("number", _("Số văn bản"), most=60)],
        What.PLAN: lambda: [stage, forms.day("day", _("Ngày dự kiến"), required=True)],
        What.DELAY: lambda: [_choice("reason", _("Lý do"), "delay"), forms.text("note", _("Cụ thể"), most=500)],
        What.SCOPE: lambda: [
            _choice("scope", _("Phạm vi"), "scope"), forms.text("departments", _("Các khoa"), most=500),
            forms.number("forms", _("Số mẫu bệnh án"), lowest=0, highest=MOST_FORMS),
            forms.number("sheets", _("Số phiếu"), lowest=0, highest=MOST_SHEETS),
        ],
        What.MEANS: lambda: [
            _choice("way", _("Cách đầu tư"), "way"), _choice("money", _("Nguồn vốn"), "money", required=False),
            *(forms.text(key, _(name), most=100) for key, name in _VENDORS.items()), forms.amount("price", _("Giá")),
            forms.number("months", _("Thời gian"), lowest=1, highest=240, unit=_("tháng")),
            forms.flag("handover", _("Hợp đồng có điều khoản bàn giao dữ liệu")),
        ],
        What.NOTE: lambda: [on, forms.long_text("note", _("Ghi chú"), required=True, most=2000)],
        What.TASK: lambda: task_fields(required=True),
        What.FACTS: facts.fields,
    }  # fmt: skip
    why = forms.text("why", _("Lý do"), most=500, hint=_("khi sửa, tạm dừng hoặc quay lại giấy"))
    return [*fields[what](), forms.hidden("corrects"), why]


def task_fields(*, required: bool) -> list[forms.Field]:
    """What is to be done, by whom, until when."""
    return [
        forms.text("task", _("Việc cần làm"), most=300, required=required),
        forms.text("whom", _("Ai làm"), most=100, required=required),
        forms.day("until", _("Hạn"), required=required),
    ]


def _choice(name: str, label: str, listed: str, *, required: bool = True) -> forms.Field:
    options = [(one.code, str(one)) for one in words.listed(listed).values()]
    return forms.choice(name, label, options, required=required)


def _plain(*names: str) -> Callable[[Form], dict[str, Any]]:
    def said(form: Form) -> dict[str, Any]:
        values = {name: form[name] for name in names}
        return {name: value.isoformat() if isinstance(value, date) else value
                for name, value in values.items() if value not in (None, "", False)}  # fmt: skip

    return said


_SAID: Final[dict[What, Callable[[Form], dict[str, Any]]]] = {
    What.STAGE: _plain("stage", "number"),
    What.PLAN: _plain("stage", "day"),
    What.DELAY: _plain("reason", "note"),
    What.SCOPE: _plain("scope", "departments", "forms", "sheets"),
    What.MEANS: _plain("way", "money", *_VENDORS, "price", "months", "handover"),
    What.NOTE: _plain("note"),
    What.TASK: _plain("task", "whom", "until"),
    What.FACTS: facts.of_form,
}


def _blank(what: What, found: Kept) -> Form:
    state = found.state
    known: dict[What, dict[str, Any]] = {
        What.SCOPE: state.scope, What.MEANS: state.means, What.FACTS: facts.shown(state.facts),
        What.PLAN: {"stage": words.DECIDED}, What.DELAY: state.delay,
    }  # fmt: skip
    on = {"on": clock.today()} if what in (What.STAGE, What.NOTE) else {}
    return forms.blank(_fields(what), **{**_dated(known.get(what, {})), **on})


def _again(entry: Entry) -> tuple[What, Form] | None:
    """The form of an entry, to say it anew; None for a judgement, and for what makes the facility."""
    if entry.what not in WORDS.values() or entry.what is What.FACTS:
        return None
    on = {"on": entry.holds} if entry.what in (What.STAGE, What.NOTE) else {}
    return entry.what, forms.blank(_fields(entry.what), **{**_dated(entry.said), **on, "corrects": str(entry.id)})


def _dated(said: dict[str, Any]) -> dict[str, Any]:
    return {
        name: date.fromisoformat(value) if name in ("day", "closed", "until") and value else value
        for name, value in said.items()
    }


async def _file(form: Form) -> Evidence | None:
    sent = form.files.get("file")
    return evidence.read(await sent.read(), sent.filename) if sent and sent.filename else None


def _number(request: Request) -> int:
    return visits.number_of(request.path_params["entry"])


_ONE: Final = f"{LIST}/{{site}}"
DOORS: list[Door] = [
    Door(f"{PATH}/them", add, Permission.ROLLOUT_LEAD, ("GET", "POST")),
    Door(_ONE, show, Permission.ROLLOUT),
    Door(f"{_ONE}/ghi/{{what}}", say, Permission.ROLLOUT_REPORT, ("POST",)),
    Door(f"{_ONE}/rut/{{entry}}", withdraw, Permission.ROLLOUT_REPORT, ("POST",)),
    Door(f"{_ONE}/xac-minh/{{entry}}", judge, Permission.ROLLOUT_VERIFY, ("POST",)),
    Door(f"{PATH}/minh-chung/{{evidence}}", file, Permission.ROLLOUT),
]
