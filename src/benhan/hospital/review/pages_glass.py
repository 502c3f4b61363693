"""`/quan-tri/nhat-ky/khan-cap`: each broken glass, judged by a reviewer: overdue first, then by deadline."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject, glass_review
from benhan.core.access.glass import REASONS
from benhan.core.access.glass_review import MOST_REMARK, Broken
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock, forms, pages
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital.review import words
from benhan.hospital.review.pages import PATH as LOG

PATH: Final = f"{LOG}/khan-cap"
_DONE: Final = {"xet": later("Đã ghi kết luận"), "mo-lai": later("Đã cho mở khẩn cấp lại")}


async def queue(request: Request, tx: Transaction, who: Subject) -> Response:
    """What waits for a verdict, and what was judged lately."""
    return await _page(request, tx, who)


async def judge(request: Request, tx: Transaction, who: Subject) -> Response:
    """A verdict, with its remark."""
    verdicts = [("co", _("Chính đáng")), ("khong", _("Không chính đáng"))]
    form = await forms.read_form(request, [
        forms.choice("verdict", _("Kết luận"), verdicts, required=True),
        forms.long_text("remark", _("Nhận xét"), most=MOST_REMARK),
    ])  # fmt: skip
    form.require()
    broken = request.path_params["broken"]
    try:
        await glass_review.judge(tx, who, broken, justified=form["verdict"] == "co", remark=form["remark"] or "")
    except Problem as problem:
        if problem.where != "remark":
            raise
        return await _page(request, tx, who, wrong=(broken, problem.message))
    return RedirectResponse(f"{PATH}?xong=xet", 303)


async def clear(request: Request, tx: Transaction, who: Subject) -> Response:
    """She may break the glass again."""
    await glass_review.clear(tx, who, request.path_params["broken"])
    return RedirectResponse(f"{PATH}?xong=mo-lai", 303)


async def _page(request: Request, tx: Transaction, who: Subject, wrong: tuple[str, str] | None = None) -> Response:
    now = clock.now()
    waiting = await glass_review.waiting(tx, who)
    said = _DONE.get(request.query_params.get("xong", ""))
    return pages.render(
        request, "review/glass.html", 422 if wrong else 200, path=PATH, waiting=waiting, at=now, words=words,
        judged=await glass_review.judged(tx, who, now), overdue=sum(one.overdue(now) for one in waiting),
        reasons=REASONS, may_judge=who.may(Permission.JUDGE_ACCESS), log=_log, wrong=wrong,
        sends=bool(request.app.state.senders),
        said=_(said) if said else None,
    )  # fmt: skip


def _log(one: Broken) -> str:
    """The address of what she opened of this patient in those days."""
    days = {"tu": clock.vn_date(one.begun), "den": clock.vn_date(one.ended)}
    return f"{LOG}?{urlencode({'nguoi': one.account, 'benh-nhan': one.patient, **days})}"


DOORS = [
    Door(PATH, queue, Permission.READ_AUDIT),
    Door(f"{PATH}/{{broken}}", judge, Permission.JUDGE_ACCESS, ("POST",)),
    Door(f"{PATH}/{{broken}}/mo-lai", clear, Permission.JUDGE_ACCESS, ("POST",)),
]
NAV = [NavItem(later("Mở khẩn cấp"), PATH, Permission.READ_AUDIT)]
