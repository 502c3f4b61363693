"""`/gop-y`: the board of what patients say: what is to be answered and until when, answers, how content people are."""

from __future__ import annotations

from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import charts, clock, forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital.feedback import actions, rules, survey
from benhan.hospital.feedback.rules import KIND_NAMES, TOPICS, Feedback

pages.register("feedback", "benhan.hospital.feedback")

PATH: Final = "/gop-y"
#: Words of surveys that the board shows, the latest.
WORDS_SHOWN: Final = 10
TONES: Final = {"praise": "ok", "complaint": "bad", "idea": "info"}


async def board(request: Request, tx: Transaction, who: Subject) -> Response:
    """What waits for an answer, or what has one; and the months."""
    answered = request.query_params.get("xem") == "xong"
    every = await actions.board(tx, who)
    months = rules.by_month(every)
    title = _("Mức hài lòng theo tháng (1–5)")
    values = [mean for _month, mean, _n in months]
    chart = charts.line([month for month, *_ in months], values, title=title, width=900) if len(months) > 1 else None
    surveyed = survey.by_month(said := await survey.every(tx, who))
    shown = [one for one in every if one.answered] if answered else rules.in_order(o for o in every if not o.answered)
    return pages.render(
        request, "feedback/board.html", found=shown, answered=answered, path=PATH, kinds=KIND_NAMES, topics=TOPICS,
        tones=TONES, today=clock.today(), late=actions.overdue(every), chart=chart, months=months,
        surveyed=surveyed, course=_course(surveyed), questions=survey.QUESTIONS,
        said=[one for one in said if one.words][:WORDS_SHOWN],
    )  # fmt: skip


def _course(surveyed: list[survey.Month]) -> Markup | None:
    """How content people were over the months, as a line; nothing of one month alone."""
    if len(surveyed) < 2:
        return None
    names = [f"{one.first:%m/%Y}" for one in surveyed]
    return charts.line(names, [one.mean for one in surveyed], title=_("Khảo sát sau lượt khám (1–5)"), width=900)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One, with its pictures and answers."""
    found = await actions.one(tx, who, request.path_params["feedback"])
    return _page(request, found, forms.blank(_fields()))


async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
    """Answer it."""
    found = await actions.one(tx, who, request.path_params["feedback"])
    form = await forms.read_form(request, _fields())
    if form.errors:
        return _page(request, found, form, 422)
    await actions.answer(tx, who, found.id, form["tra-loi"])
    return RedirectResponse(f"{PATH}/{found.id}", 303)


async def picture(request: Request, tx: Transaction, who: Subject) -> Response:
    """A picture."""
    number = request.path_params["number"]
    if not number.isdigit():
        raise NotFound(_("Không có ảnh này."))
    body = await actions.picture(tx, who, request.path_params["feedback"], int(number))
    return Response(body, media_type="image/jpeg", headers={"Content-Disposition": "inline"})


def _fields() -> list[forms.Field]:
    return [forms.long_text("tra-loi", _("Trả lời cho người bệnh"), required=True, most=rules.MOST_WORDS)]


def _page(request: Request, found: Feedback, form: Form, status: int = 200) -> Response:
    return pages.render(
        request, "feedback/one.html", status, one=found, form=form, path=PATH, kinds=KIND_NAMES, topics=TOPICS,
        tones=TONES, late=found.late(clock.today()),
    )  # fmt: skip


_MAY = Permission.FEEDBACK
DOORS = [
    Door(PATH, board, _MAY),
    Door(f"{PATH}/{{feedback}}", show, _MAY),
    Door(f"{PATH}/{{feedback}}", answer, _MAY, ("POST",)),
    Door(f"{PATH}/{{feedback}}/anh/{{number}}", picture, _MAY),
]
NAV = [NavItem(later("Góp ý"), PATH, _MAY)]
