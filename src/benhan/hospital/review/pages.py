"""`/quan-tri/nhat-ky`: who opened which record, the unusual first; what is filtered can be taken out as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.reviewing import MOST, exported, people
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.forms import Field, Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, chosen, later, speaking
from benhan.hospital.review import gathering, rules, sheets, words

pages.register("review", "benhan.hospital.review")

PATH: Final = "/quan-tri/nhat-ky"
PAGE: Final = 50
FILTERS: Final = ("nguoi", "benh-nhan", "tu", "den", "viec", "khoa", "ly-do")
#: What the reasons are called in the list of filters.
REASONS: Final = {
    rules.Reason.GLASS: later("Mở khẩn cấp"),
    rules.Reason.OWN: later("Hồ sơ của chính mình"),
    rules.Reason.COLLEAGUE: later("Đồng nghiệp"),
    rules.Reason.RELATIVE: later("Người nhà"),
    rules.Reason.NEIGHBOUR: later("Hàng xóm"),
    rules.Reason.KNOWN: later("Người nhiều người biết"),
    rules.Reason.BULK: later("Mở hàng loạt"),
    rules.Reason.NO_VISIT: later("Không có lượt khám"),
    rules.Reason.NIGHT: later("Ban đêm"),
}


async def review(request: Request, tx: Transaction, who: Subject) -> Response:
    """The list, a page of it."""
    form = forms.read_query(request, await _fields(request, tx, who))
    found = None if form.errors else await gathering.gather(tx, who, form)
    with speaking(chosen(request)):
        return _page(request, who, form, found)


async def export(request: Request, tx: Transaction, who: Subject) -> Response:
    """All that is filtered, as CSV or XLSX.

    Raises:
        Forbidden: she may read but not take out; Invalid: a filter cannot be read.
    """
    fields = [*await _fields(request, tx, who), forms.hidden("dang")]
    form = await forms.read_form(request, fields)
    form.require()
    kind = form["dang"]
    if kind not in sheets.KINDS:
        raise Invalid(_("Chỉ xuất được CSV hoặc XLSX."), where="dang")
    with speaking(chosen(request)):
        found = await gathering.gather(tx, who, form)
        exported(tx, who, found.asked, kind, len(found.judged))
        body = await asyncio.to_thread(sheets.written, found, kind)
    name = f"so-vet-{clock.today().isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(body, 200, headers, sheets.KINDS[kind])


async def _fields(request: Request, tx: Transaction, who: Subject) -> Sequence[Field]:
    staff = [(one.account, one.name or one.account) for one in await people(tx, who)]
    departments = await gathering.departments(tx, who)
    with speaking(chosen(request)):
        return [
            forms.choice("nguoi", _("Người mở"), staff),
            forms.text("benh-nhan", _("Người bệnh"), most=64, hint=_("Số hồ sơ hoặc số căn cước")),
            forms.day("tu", _("Từ ngày")),
            forms.day("den", _("Đến ngày")),
            forms.choice("viec", _("Việc"), [(key, _(label)) for key, (label, _acts) in gathering.KINDS.items()]),
            forms.choice("khoa", _("Khoa của người mở"), departments),
            forms.choice("ly-do", _("Lý do cần xem lại"), [(str(one), _(text)) for one, text in REASONS.items()]),
        ]


def _page(request: Request, who: Subject, form: Form, found: gathering.Review | None) -> Response:
    every = found.judged if found else []
    number = _whole(request.query_params.get("trang"))
    shown = every[(number - 1) * PAGE : number * PAGE]
    typed = {name: str(form.typed(name)) for name in FILTERS if form.typed(name)}
    more = len(every) > number * PAGE
    return pages.render(
        request, "review/review.html", 422 if form.errors else 200,
        form=form, path=PATH, shown=shown, patients=found.patients if found else {}, words=words,
        times=gathering.times, total=len(every), unusual=sum(bool(one.reasons) for one in every),
        counts=[(reason, _(REASONS[reason]), n) for reason, n in (found.counts() if found else {}).items()],
        cut=MOST if found and found.cut else 0, since=found.asked.since if found else None,
        until=_last_day(found), may_export=who.may(Permission.EXPORT_AUDIT), typed=typed,
        link=_link(typed), next=_link(typed)(trang=number + 1) if more else None,
        previous=_link(typed)(trang=number - 1) if number > 1 else None,
    )  # fmt: skip


def _last_day(found: gathering.Review | None) -> datetime | None:
    """A moment of the last day that was asked for."""
    return found.asked.until - timedelta(seconds=1) if found and found.asked.until else None


def _link(typed: dict[str, str]) -> Any:
    """An address of this page with these filters, and others in their place."""

    def made(**others: object) -> str:
        asked = typed | {name.replace("_", "-"): str(value) for name, value in others.items()}
        return f"{PATH}?{urlencode(asked)}"

    return made


def _whole(text: str | None) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdigit() and len(text) < 6 else 1


DOORS = [
    Door(PATH, review, Permission.READ_AUDIT),
    Door(f"{PATH}/xuat", export, Permission.EXPORT_AUDIT, ("POST",)),
]
NAV = [NavItem(later("Sổ vết"), PATH, Permission.READ_AUDIT)]
