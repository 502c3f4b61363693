"""`/app/questions`: questions to a doctor, from the patient's app. Contract: docs/reference/app-api.md."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock, forms, json_forms, pictures
from benhan.core.language import _
from benhan.hospital import emergency, weekly
from benhan.hospital.questions import asking, roster, rules, thread
from benhan.hospital.questions.asking import Asked
from benhan.hospital.questions.rules import STATE_NAMES, Question, Registered, State

PATH: Final = "/app/questions"
#: Pictures travel as Base64 in the object.
MOST_BYTES: Final = pictures.MOST_BYTES + json_forms.MOST_BYTES
_KEY: Final = re.compile(r"[A-Za-z0-9-]{16,64}")
_STATES: Final = {
    State.WAITING: "waiting", State.TAKEN: "taken", State.ANSWERED: "answered", State.CLOSED: "closed",
}  # fmt: skip


class File(json_forms.Said):
    """Something sent along."""

    id: str
    name: str


class Line(json_forms.Said):
    """What somebody wrote; `by`: patient, relative, doctor. `assessment`: signed into the record."""

    at: datetime
    by: str
    name: str
    words: str
    files: list[File]
    assessment: bool


class Shown(json_forms.Said):
    """A question; `due`: until when it is answered. `lines` begin with the question; in a list they are that alone."""

    id: str
    state: str
    state_name: str
    urgent: bool
    specialty: str
    doctor: str
    visit: str
    sent: datetime
    due: datetime | None
    rating: int | None
    lines: list[Line]


class Doctor(json_forms.Said):
    """Who answers, and when."""

    name: str
    hours: list[weekly.Hours]


class Service(json_forms.Said):
    """A specialty that answers; `now`: a doctor is there. `answered`: until when a question of now is."""

    id: str
    name: str
    now: bool
    start: datetime
    answered: datetime
    doctors: list[Doctor]


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her questions, what can be asked, and the words that must not wait."""
    found = await asking.mine(tx, who)
    return json_forms.answer({
        "questions": [_shown(one, []) for one in found], "most": rules.MOST_OPEN,
        "open": sum(one.state is not State.CLOSED for one in found),
        "services": _services(await roster.everybody(tx, who), clock.now()), "emergency": emergency.WORDS,
    })  # fmt: skip


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """She asks. The same `Idempotency-Key` is the same question."""
    said = await json_forms.read_object(request, MOST_BYTES)
    photos = pictures.read(said.pop("photos", []))
    form = json_forms.of_object(said, [
        forms.hidden("service", required=True), forms.hidden("visit"), _words(),
    ])  # fmt: skip
    form.require()
    asked = Asked(service=form["service"], visit=form["visit"] or "", words=form["words"], pictures=photos)
    return json_forms.answer(await _one(tx, who, (await asking.ask(tx, who, asked, _key(request))).id), 201)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One, with all that was written."""
    return json_forms.answer(await _one(tx, who, request.path_params["question"]))


async def say_more(request: Request, tx: Transaction, who: Subject) -> Response:
    """She writes on."""
    said = await json_forms.read_object(request, MOST_BYTES)
    photos = pictures.read(said.pop("photos", []))
    form = json_forms.of_object(said, [_words()])
    form.require()
    id_ = request.path_params["question"]
    await asking.say_more(tx, who, id_, form["words"], photos, _key(request))
    return json_forms.answer(await _one(tx, who, id_), 201)


async def close(request: Request, tx: Transaction, who: Subject) -> Response:
    """She needs no more; with how content she is, or not."""
    ratings = [(str(one), str(one)) for one in rules.RATINGS]
    form = await json_forms.read(request, [forms.choice("rating", _("Mức hài lòng"), ratings)])
    id_ = request.path_params["question"]
    await asking.close(tx, who, id_, int(form["rating"]) if form["rating"] else None)
    return json_forms.answer(await _one(tx, who, id_))


async def file(request: Request, tx: Transaction, who: Subject) -> Response:
    """Something that was sent along, in Base64."""
    found, lines = await asking.read(tx, who, request.path_params["question"])
    kind, body = await thread.file(tx, who, found.first, lines, request.path_params["file"])
    return json_forms.answer({"kind": kind, "data": base64.b64encode(body).decode()})


async def _one(tx: Transaction, who: Subject, id_: str) -> Shown:
    return _shown(*await asking.read(tx, who, id_))


def _words() -> forms.Field:
    return forms.long_text("words", _("Câu hỏi"), required=True, most=rules.MOST_WORDS)


def _key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Invalid(_("Thiếu khoá của lần gửi này."), where="Idempotency-Key")
    return key


def _services(found: list[Registered], now: datetime) -> list[Service]:
    """Specialties with somebody who answers in the days ahead, by name."""
    windows = {one.id: rules.answered_in(one.sessions, now) for one in found}
    by_service: dict[str, list[Registered]] = {}
    for one in found:
        if windows[one.id]:
            by_service.setdefault(one.service, []).append(one)
    made = []
    for those in by_service.values():
        first = min((window for one in those if (window := windows[one.id])), key=lambda window: window.start)
        made.append(Service(
            id=those[0].service, name=those[0].specialty, now=first.start <= now, start=first.start,
            answered=first.end, doctors=[Doctor(name=one.doctor, hours=hours(one)) for one in those],
        ))  # fmt: skip
    return made


def hours(one: Registered) -> list[weekly.Hours]:
    """The hours of a doctor as the app shows them."""
    return [weekly.said(each.days, each.start, each.end) for each in one.sessions]


def _shown(one: Question, lines: list[rules.Line]) -> Shown:
    return Shown(
        id=one.id, state=_STATES[one.state], state_name=_(STATE_NAMES[one.state]), urgent=one.urgent,
        specialty=one.specialty, doctor=one.doctor, visit=one.visit, sent=clock.local(one.sent),
        due=clock.local(one.due) if one.due else None, rating=one.rating,
        lines=[
            Line(
                at=clock.local(each.at), by=each.by, name=each.name, words=each.words,
                files=[File(id=file.id, name=file.name) for file in each.files], assessment=bool(each.assessment),
            )
            for each in [one.first, *lines]
        ],
    )  # fmt: skip


_MAY = Permission.OWN_RECORD
_ONE = f"{PATH}/{{question}}"
DOORS = [
    Door(PATH, overview, _MAY, app=True),
    Door(PATH, ask, _MAY, ("POST",), app=True),
    Door(_ONE, show, _MAY, app=True),
    Door(f"{_ONE}/lines", say_more, _MAY, ("POST",), app=True),
    Door(f"{_ONE}/close", close, _MAY, ("POST",), app=True),
    Door(f"{_ONE}/files/{{file}}", file, _MAY, app=True),
]
