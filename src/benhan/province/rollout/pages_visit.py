"""Visits (`…/co-so/{site}/di-tham`), tasks (`/so-y-te/so-hoa/viec`) and reminders (`…/nhac`), on a phone first."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.kit.text import clip
from benhan.core.language import _, later
from benhan.province.rollout import actions, evidence, figures, reach, visits, words
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.pages import GROUP_NAMES, LIST, PATH, STANDINGS
from benhan.province.rollout.pages_site import task_fields
from benhan.province.rollout.sites import Wanted

TO_DO: Final = f"{PATH}/viec"
REMIND: Final = f"{PATH}/nhac"
_PHOTOS: Final = tuple(f"photo{n}" for n in range(1, visits.MOST_PHOTOS + 1))
_MOST_BYTES: Final = visits.MOST_PHOTOS * evidence.MOST_BYTES + forms.MOST_BYTES
#: Facilities that a preview names.
SHOWN: Final = 100


async def brief(request: Request, tx: Transaction, who: Subject) -> Response:
    """What to know before going there, and what to write down there."""
    return await _visit_page(request, tx, who, forms.blank(_visit_fields(), on=clock.today()))


async def visited(request: Request, tx: Transaction, who: Subject) -> Response:
    """Write a visit down."""
    site = request.path_params["site"]
    form = await forms.read_form(request, _visit_fields(), most_bytes=_MOST_BYTES)
    async with _closing(form):
        if not form.errors:
            try:
                await visits.visit(tx, who, site, form["on"], form["note"], await _sent(form, _PHOTOS), _task(form))
                return RedirectResponse(f"{LIST}/{site}?xong=tham", 303)
            except Invalid as wrong:
                form.errors.add(wrong.where or "", wrong.message)
        return await _visit_page(request, tx, who, form)


async def _visit_page(request: Request, tx: Transaction, who: Subject, form: Form) -> Response:
    found = await actions.look(tx, who, request.path_params["site"])
    may = who.may(Permission.ROLLOUT_REPORT) and (await reach.reach_of(tx, who)).holds(found.site)
    notes = [one for one in found.entries if one.what == "note"][-3:]
    return pages.render(
        request, "rollout/visit.html", 422 if form.errors else 200, kept=found, site=found.site, state=found.state,
        form=form, may=may, notes=notes[::-1], photos=_PHOTOS, said=words.said, on_day=clock.today(), path=PATH,
        list_path=LIST,
    )  # fmt: skip


def _visit_fields() -> list[forms.Field]:
    return [
        forms.day("on", _("Ngày thăm"), required=True),
        forms.long_text("note", _("Thấy gì, trao đổi gì"), required=True, most=2000),
        *task_fields(required=False),
    ]


def _task(form: Form) -> dict[str, str] | None:
    said = {"task": form["task"] or "", "whom": form["whom"] or "",
            "until": form["until"].isoformat() if form["until"] else ""}  # fmt: skip
    return said if any(said.values()) else None


async def finish(request: Request, tx: Transaction, who: Subject) -> Response:
    """Say that a task is done, with a photograph or a paper where there is one."""
    site, entry = request.path_params["site"], visits.number_of(request.path_params["entry"])
    fields = [forms.text("note", _("Kết quả"), most=500)]
    form = await forms.read_form(request, fields, most_bytes=evidence.MOST_BYTES + forms.MOST_BYTES)
    async with _closing(form):
        form.require()
        [*files] = await _sent(form, ("file",))
        await visits.finish(tx, who, site, entry, form["note"] or "", files[0] if files else None)
    return RedirectResponse(f"{LIST}/{site}?xong=xong", 303)


async def to_do(request: Request, tx: Transaction, who: Subject) -> Response:
    """The open tasks: of her own area, or of everybody's."""
    everybodys = request.query_params.get("ai") == "tat-ca"
    found = await visits.to_do(tx, who, everybodys=everybodys)
    mine = await reach.reach_of(tx, who)
    tabs = who.may(Permission.ROLLOUT_OVERVIEW) and not mine.everywhere
    return pages.render(
        request, "rollout/todo.html", found=found, everybodys=everybodys, tabs=tabs, path=TO_DO, list_path=LIST,
        on_day=clock.today(),
    )  # fmt: skip


async def remind(request: Request, tx: Transaction, who: Subject) -> Response:
    """Whom a reminder would go to; POST sends it to all of them."""
    query = request.query_params
    standing = query.get("tinh-trang") if query.get("tinh-trang") in STANDINGS else "late"
    group = query.get("nhom") if query.get("nhom") in GROUP_NAMES else "tat-ca"
    wanted = Wanted(
        kinds=figures.kinds_of(group or ""), owner=query.get("khoi", "")[:20], area=query.get("noi", "")[:5],
        wave=clip(query.get("dot", ""), 30), standing=standing or "late",
    )  # fmt: skip
    form = forms.blank(
        _remind_fields(),
        text=_("Cơ sở chưa dùng bệnh án điện tử thay giấy. Đề nghị cập nhật tiến độ, lý do chậm và ngày dự kiến."),
    )
    if request.method == "POST":
        form = await forms.read_form(request, _remind_fields())
        if not form.errors:
            try:
                told = await visits.remind(tx, who, wanted, form["text"])
                return RedirectResponse(f"{LIST}?tinh-trang=unread&nhac={told}", 303)
            except Invalid as wrong:
                form.errors.add(wrong.where or "", wrong.message)
    found = await visits.whom(tx, who, wanted, SHOWN)
    asked = {"tinh-trang": wanted.standing, "nhom": group or "", "khoi": wanted.owner, "noi": wanted.area,
             "dot": wanted.wave}  # fmt: skip
    return pages.render(
        request, "rollout/remind.html", 422 if form.errors else 200, found=found, form=form, wanted=wanted, path=REMIND,
        action=f"{REMIND}?{urlencode({name: value for name, value in asked.items() if value})}", list_path=LIST,
        standings={name: STANDINGS[name] for name in ("late", "behind", "open", "tasks")}, group=group,
        groups=GROUP_NAMES,
        owners=words.words().owner, most=visits.MOST_REMINDED, rest=visits.REST_DAYS, said=words.said,
    )  # fmt: skip


def _remind_fields() -> list[forms.Field]:
    return [forms.long_text("text", _("Lời nhắc"), required=True, most=1000)]


async def confirm(request: Request, tx: Transaction, who: Subject) -> Response:
    """The facility has read a reminder."""
    site = request.path_params["site"]
    await visits.confirm(tx, who, site, visits.number_of(request.path_params["entry"]))
    return RedirectResponse(f"{LIST}/{site}?xong=doc", 303)


@asynccontextmanager
async def _closing(form: Form) -> AsyncIterator[None]:
    """What was sent is closed whatever happens: browsers send a field of files without any, too."""
    try:
        yield
    finally:
        for sent in form.files.values():
            await sent.close()


async def _sent(form: Form, names: Sequence[str]) -> list[Evidence]:
    """The files of these fields, as evidence.

    Raises:
        Invalid: one is neither a JPEG nor a PDF, or too large.
    """
    sent = [form.files[name] for name in names if name in form.files and form.files[name].filename]
    return [evidence.read(await one.read(), one.filename or "") for one in sent]


_ONE: Final = f"{LIST}/{{site}}"
DOORS: list[Door] = [
    Door(f"{_ONE}/di-tham", brief, Permission.ROLLOUT_OVERVIEW),
    Door(f"{_ONE}/tham", visited, Permission.ROLLOUT_REPORT, ("POST",)),
    Door(f"{_ONE}/giao-viec/{{entry}}", finish, Permission.ROLLOUT_REPORT, ("POST",)),
    Door(f"{_ONE}/nhac/{{entry}}", confirm, Permission.ROLLOUT_REPORT, ("POST",)),
    Door(TO_DO, to_do, Permission.ROLLOUT),
    Door(REMIND, remind, Permission.ROLLOUT_OVERVIEW, ("GET", "POST")),
]
NAV = [NavItem(later("Việc giao"), TO_DO, Permission.ROLLOUT, "g v")]
