"""`/app/feedback`, `/app/surveys`: praise, complaints, ideas; how a visit was. Contract: docs/reference/app-api.md."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms, json_forms, pictures
from benhan.core.language import _
from benhan.hospital.feedback import actions, rules, survey
from benhan.hospital.feedback.rules import KIND_NAMES, TOPICS, Feedback, Kind, Said
from benhan.hospital.visit import moment

PATH: Final = "/app/feedback"
SURVEYS: Final = "/app/surveys"
#: Pictures travel as Base64 in the object.
MOST_BYTES: Final = pictures.MOST_BYTES + json_forms.MOST_BYTES
_KEY: Final = re.compile(r"[A-Za-z0-9-]{16,64}")


class Answer(json_forms.Said):
    """What the house answered."""

    words: str
    at: datetime | None
    by: str


class Shown(json_forms.Said):
    """What was said, until when it is answered, and the answers. `code` shows it again."""

    code: str
    kind: str
    kind_name: str
    topic: str
    topic_name: str
    place: str
    words: str
    rating: int | None
    anonymous: bool
    sent: datetime
    answered: bool
    due: date
    pictures: int
    answers: list[Answer]


class Ended(json_forms.Said):
    """A visit that ended lately."""

    id: str
    when: datetime | None
    place: str


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """What she has said, and what can be chosen."""
    places = await actions.places(tx, who)
    return json_forms.answer({
        "feedback": [_shown(one) for one in await actions.mine(tx, who)],
        "kinds": [{"code": code, "name": _(name)} for code, name in KIND_NAMES.items()],
        "topics": [{"code": code, "name": _(name)} for code, name in TOPICS.items()],
        "places": [{"code": code, "name": name} for code, name in places],
    })  # fmt: skip


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """She says something. The same `Idempotency-Key` is the same."""
    said = await json_forms.read_object(request, MOST_BYTES)
    photos = pictures.read(said.pop("photos", []))
    form = json_forms.of_object(said, _fields(places := await actions.places(tx, who)))
    form.require()
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Invalid(_("Thiếu khoá của lần gửi này."), where="Idempotency-Key")
    meant = next((one for one in places if one[0] == form["place"]), None)
    kept = await actions.leave(tx, who, Said(
        kind=Kind(form["kind"]), topic=form["topic"], words=form["words"], place=meant,
        rating=int(form["rating"]) if form["rating"] else None, anonymous=form["anonymous"], pictures=photos,
    ), key)  # fmt: skip
    return json_forms.answer(_shown(kept), 201)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One by its code: so who stays unknown reads the answer."""
    return json_forms.answer(_shown(await actions.by_code(tx, who, request.path_params["code"])))


def _fields(places: list[tuple[str, str]]) -> list[forms.Field]:
    return [
        forms.choice("kind", _("Loại"), [(one, one) for one in Kind], required=True),
        forms.choice("topic", _("Về việc gì"), [(one, one) for one in TOPICS], required=True),
        forms.choice("place", _("Nơi"), places),
        forms.choice("rating", _("Mức hài lòng"), [(str(one), str(one)) for one in rules.RATINGS]),
        forms.long_text("words", _("Nội dung"), required=True, most=rules.MOST_WORDS),
        forms.flag("anonymous", _("Ẩn danh")),
    ]


def _shown(one: Feedback) -> Shown:
    return Shown(
        code=one.code, kind=one.kind, kind_name=_(KIND_NAMES[one.kind]), topic=one.topic,
        topic_name=_(TOPICS[one.topic]) if one.topic in TOPICS else "", place=one.place, words=one.words,
        rating=one.rating, anonymous=not one.patient, sent=one.sent, answered=one.answered, due=one.due.day,
        pictures=len(one.pictures), answers=[Answer(words=text, at=at, by=by) for text, at, by in one.answers],
    )  # fmt: skip


async def surveys(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her visits that she may still say something of, and what is asked."""
    return json_forms.answer({
        "visits": [_visit(one) for one in await survey.pending(tx, who)],
        "questions": [{"code": code, "name": _(name)} for code, name in survey.QUESTIONS.items()],
    })  # fmt: skip


async def answer_survey(request: Request, tx: Transaction, who: Subject) -> Response:
    """How a visit was. Twice is once."""
    form = await json_forms.read(request, [
        *(forms.choice(code, _(name), [(str(n), str(n)) for n in rules.RATINGS]) for code, name in
          survey.QUESTIONS.items()),
        forms.long_text("words", _("Nội dung"), most=survey.MOST_WORDS),
    ])  # fmt: skip
    ratings = {code: int(form[code]) for code in survey.QUESTIONS if form[code]}
    if not ratings:
        raise Invalid(_("Chấm ít nhất một mục."), where=next(iter(survey.QUESTIONS)))
    await survey.answer(tx, who, request.path_params["visit"], ratings, form["words"] or "")
    return await surveys(request, tx, who)


def _visit(one: r4.Encounter) -> Ended:
    room = one.location[0].location.display if one.location else None
    return Ended(id=one.id or "", when=moment(one.period.start if one.period else None), place=room or "")


_MAY = Permission.OWN_SESSION
DOORS = [
    Door(PATH, overview, _MAY, app=True),
    Door(PATH, leave, _MAY, ("POST",), app=True),
    Door(f"{PATH}/{{code}}", show, _MAY, app=True),
    Door(SURVEYS, surveys, Permission.OWN_RECORD, app=True),
    Door(f"{SURVEYS}/{{visit}}", answer_survey, Permission.OWN_RECORD, ("POST",), app=True),
]
