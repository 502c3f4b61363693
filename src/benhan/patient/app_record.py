"""`/app/day`, `/app/visits` …: her record as the app reads it: `record.py` and `rules.py`, said in JSON.

Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import forms, json_forms, marks
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.core.store.live import since
from benhan.hospital.immunizations import VACCINES
from benhan.hospital.visit import CALLED, OUTCOMES, SERVED, SKIPPED, WAITING, full_name, ticket_number
from benhan.hospital.way import way
from benhan.patient import live, papers, record, reminders, rules
from benhan.patient.position import Position, position

STATES: Final = {WAITING: "waiting", CALLED: "called", SERVED: "serving", SKIPPED: "skipped"}


class Person(Said):
    """Whose record it is."""

    name: str
    number: str
    birth_date: str
    qr: marks.Qr | None


class Ticket(Said):
    """Her number, where, how one finds it, and whether she waits, is called, is served or was passed over."""

    number: str
    room: str
    way: str
    state: str


class Place(Said):
    """Her place in the queue of that room."""

    ahead: int
    minutes: int
    inside: str


class Step(Said):
    """A step of the day: done, on, or "" (still to come); how one finds the room that she still has to go to."""

    text: str
    state: str
    way: str


class Result(Said):
    """A measured value and what it means."""

    name: str
    code: str
    value: str
    unit: str
    range: str
    flag: str
    plain: str
    tone: str
    when: datetime
    number: float | None
    low: float | None
    high: float | None


class Curve(Said):
    """The newest value of something measured; `values` with those before it, oldest first, in one unit."""

    last: Result
    values: list[Result]
    since: datetime


class Finding(Said):
    """An imaging report."""

    name: str
    text: str
    conclusion: str
    when: datetime | None
    pictures: list[str]


class Dose(Said):
    """How much at a time of day (FHIR EventTiming)."""

    time: str
    name: str
    dose: str


class Medicine(Said):
    """A line of a signed prescription."""

    title: str
    directions: str
    doses: list[Dose]
    days: int
    quantity: str
    until: date | None
    running: bool
    note: str
    as_needed: bool
    visit: str


class Reminding(Said):
    """A prescription that can be reminded of by the clock: whether it is, at which times, until when."""

    visit: str
    on: bool
    times: list[str]
    until: date


class Vaccination(Said):
    """A vaccination; `dose` 0: nobody knows which; `told`: not given here, as she or her booklet says."""

    name: str
    day: date | None
    dose: int
    lot: str
    place: str
    told: bool


class Visit(Said):
    """What a visit has brought."""

    id: str
    when: datetime | None
    open: bool
    reason: str
    place: str
    doctor: str
    diagnoses: list[str]
    advice: str
    addenda: list[str]
    outcome: str
    outcome_name: str
    results: list[Curve]
    findings: list[Finding]
    medicines: list[Medicine]
    papers: list[papers.Paper]


class Next(Said):
    """Her next appointment; `start` null: a day that a doctor proposed, to be arranged at the desk."""

    code: str
    start: datetime | None
    day: date | None
    state: str
    what: str
    where: list[str]
    qr: marks.Qr | None


class Day(Said):
    """The first screen."""

    person: Person
    visit: Visit | None
    ticket: Ticket | None
    place: Place | None
    steps: list[Step]
    next: Next | None
    emergencies: int


async def day(request: Request, tx: Transaction, who: Subject) -> Response:
    """Today: her ticket and place, the steps, what the visit has brought, what comes."""
    today = await record.today(tx, who)
    told = await record.told(tx, who, today.visit.id or "") if today else None
    coming = await record.appointment(tx, who)
    return json_forms.answer(Day(
        person=_person(await record.person(tx, who)),
        visit=_visit(who, told) if told else None,
        ticket=_ticket(today.ticket, today.way) if today and today.ticket else None,
        place=_place(today.position) if today else None,
        steps=[Step(**one._asdict()) for one in today.steps] if today and today.open else [],
        next=_next(coming) if coming else None,
        emergencies=len(await record.emergencies(tx, who)),
    ))  # fmt: skip


async def place(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her ticket and place alone: what a whole hall asks at once when the queue has moved.

    Who looks on in this process is not looked up again: her ticket was read when it changed last.
    """
    ticket = request.app.state.halls.ticket_of(who) or await record.ticket_now(tx, who)
    where = await position(tx, who.facility, ticket) if ticket else None
    words = await way(tx, who.facility, ticket.location) if ticket else ""
    return json_forms.answer({"ticket": _ticket(ticket, words) if ticket else None, "place": _place(where)})


async def visits(request: Request, tx: Transaction, who: Subject) -> Response:
    """All visits, newest first."""
    return json_forms.answer({"visits": await record.lines(tx, who)})


async def visit(request: Request, tx: Transaction, who: Subject) -> Response:
    """One visit."""
    return json_forms.answer(_visit(who, await record.told(tx, who, request.path_params["visit"])))


async def results(request: Request, tx: Transaction, who: Subject) -> Response:
    """Everything measured, with its course, and the imaging reports."""
    curves, findings = await record.reports(tx, who)
    return json_forms.answer({"curves": _curves(curves), "findings": [_finding(one) for one in findings]})


async def course(request: Request, tx: Transaction, who: Subject) -> Response:
    """One thing measured, over all years."""
    return json_forms.answer({"curve": _curves([await record.course(tx, who, request.path_params["code"])])[0]})


async def picture(request: Request, tx: Transaction, who: Subject) -> Response:
    """A picture of a released report."""
    body = await record.picture(tx, who, request.path_params["picture"])
    return Response(body, media_type="image/png" if body.startswith(record.PICTURES[1]) else "image/jpeg")


async def medicines(request: Request, tx: Transaction, who: Subject) -> Response:
    """What was prescribed, and of what she is reminded."""
    found = await record.medicines(tx, who)
    on = await reminders.on(tx, who)
    return json_forms.answer({
        "medicines": [_medicine(one) for one in found],
        "reminders": [
            Reminding(
                visit=one.visit, on=one.visit in on, until=one.until,
                times=[f"{reminders.CLOCK[time]:%H:%M}" for time in one.times],
            ) for one in reminders.courses(found)
        ],
    })  # fmt: skip


async def remind(request: Request, tx: Transaction, who: Subject) -> Response:
    """The reminders of a prescription: on, or off."""
    form = await json_forms.read(request, [
        forms.text("visit", _("Lượt khám"), required=True, most=64), forms.flag("on", _("Nhắc")),
    ])  # fmt: skip
    found = reminders.courses(await record.medicines(tx, who))
    course = next((one for one in found if one.visit == form["visit"]), None)
    await reminders.switch(tx, who, course, form["visit"], wanted=form["on"])
    return await medicines(request, tx, who)


async def allergies(request: Request, tx: Transaction, who: Subject) -> Response:
    """What she does not bear."""
    return json_forms.answer({"allergies": await record.allergies(tx, who)})


async def immunizations(request: Request, tx: Transaction, who: Subject) -> Response:
    """What she was vaccinated with."""
    return json_forms.answer({"immunizations": [
        Vaccination(
            name=_(VACCINES[one.code]) if one.code in VACCINES else one.name, day=one.day, dose=one.dose, lot=one.lot,
            place=one.place, told=one.told,
        ) for one in await record.immunizations(tx, who)
    ]})  # fmt: skip


async def stream(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """`mine` when her record changed, `place` when only the queue moved; never what."""
    return live.words(request.app, who, since(request.headers, request.query_params), moved="place")


def _person(one: r4.Patient) -> Person:
    number = rules.number_of(one)
    return Person(name=full_name(one), number=number, birth_date=one.birthDate or "", qr=marks.qr_drawn(number))


def _ticket(one: r4.Task, words: str) -> Ticket:
    room = one.location.display if one.location else None
    return Ticket(number=ticket_number(one), room=room or "", way=words, state=STATES.get(one.status or "", ""))


def _place(one: Position | None) -> Place | None:
    return Place(ahead=one.ahead, minutes=one.minutes, inside=one.inside) if one else None


def _visit(who: Subject, told: record.Told) -> Visit:
    return Visit(
        id=told.visit.id or "", when=told.when, open=told.visit.status != "finished", reason=told.reason,
        place=told.place, doctor=told.doctor, diagnoses=told.diagnoses, advice=told.advice, addenda=told.addenda,
        outcome=told.outcome, outcome_name=_(OUTCOMES[told.outcome]) if told.outcome in OUTCOMES else "",
        results=_curves(rules.curves(told.results)), findings=[_finding(one) for one in told.findings],
        medicines=[_medicine(one) for one in told.medicines], papers=papers.of_visit(who, told),
    )  # fmt: skip


def _curves(found: list[rules.Curve]) -> list[Curve]:
    return [
        Curve(last=_result(one.last), values=[_result(value) for value in one.course], since=one.since) for one in found
    ]


def _result(one: rules.Result) -> Result:
    plain, tone = one.plain or ("", "")
    return Result(
        name=one.name, code=one.code, value=one.value, unit=one.unit, range=one.range, flag=one.flag,
        plain=_(plain) if plain else "", tone=tone, when=one.when, number=one.number, low=one.low, high=one.high,
    )  # fmt: skip


def _finding(one: rules.Finding) -> Finding:
    return Finding(
        name=one.name, text=one.text, conclusion=one.conclusion, when=one.when, pictures=list(one.pictures)
    )  # fmt: skip


def _medicine(one: rules.Medicine) -> Medicine:
    doses = [Dose(time=time, name=_(rules.TIMES[time]), dose=dose) for time, dose in one.doses.items()]
    return Medicine(
        title=one.title, directions=one.directions, doses=doses, days=one.days, quantity=one.quantity,
        until=one.until, running=one.running, note=one.note, as_needed=one.as_needed, visit=one.visit,
    )  # fmt: skip


def _next(one: r4.Appointment) -> Next:
    at, code = rules.day_of(one), record.booking_code(one)
    names = [
        part.actor.display
        for part in one.participant
        if part.actor and part.actor.display and not (part.actor.reference or "").startswith("Patient/")
    ]
    return Next(
        code=code, start=at if one.start else None, day=at.date() if at else None, state=one.status or "",
        what=next((text for concept in one.serviceType or [] if (text := concept.text)), ""), where=names,
        qr=marks.qr_drawn(code),
    )  # fmt: skip


_OWN = Permission.OWN_RECORD
DOORS: list[Door | LiveDoor] = [
    Door("/app/day", day, _OWN, app=True),
    Door("/app/place", place, _OWN, app=True),
    Door("/app/visits", visits, _OWN, app=True),
    Door("/app/visits/{visit}", visit, _OWN, app=True),
    Door("/app/results", results, _OWN, app=True),
    Door("/app/results/{code}", course, _OWN, app=True),
    Door("/app/pictures/{picture}", picture, _OWN, app=True),
    Door("/app/medicines", medicines, _OWN, app=True),
    Door("/app/medicines/reminders", remind, _OWN, ("POST",), app=True),
    Door("/app/allergies", allergies, _OWN, app=True),
    Door("/app/immunizations", immunizations, _OWN, app=True),
    LiveDoor("/app/live", stream, _OWN, app=True),
]
