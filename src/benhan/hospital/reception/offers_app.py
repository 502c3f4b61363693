"""`/app/facilities`: where one can be seen, by whom and when, in the patient's app.

Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, phone_steps, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock, json_forms
from benhan.core.kit.json_forms import House, Said
from benhan.core.kit.text import fold
from benhan.hospital import packages, prices, weekly
from benhan.hospital.emergency import WORDS
from benhan.hospital.reception import booking_choice, booking_rules, schedules, symptoms
from benhan.hospital.reception.booking_public import read_day
from benhan.hospital.reception.booking_rules import actor

FACILITIES: Final = "/app/facilities"
MOST_FACILITIES: Final = 50


class Doctor(Said):
    """Whom one can book, and where."""

    schedule: str
    name: str
    room: str


class Service(Said):
    """A specialty, its doctors, its first day with a free place; words of a trouble that may mean it (a suggestion)."""

    id: str
    name: str
    comment: str
    first: date | None
    doctors: list[Doctor]
    symptoms: tuple[str, ...]


class Receives(Said):
    """A doctor as the page of the house names her."""

    name: str
    service: str
    room: str
    hours: list[weekly.Hours]


class Offer(Said):
    """A package: the specialty that gives its time, its price (null: none is posted), what it holds."""

    id: str
    name: str
    note: str
    service: str
    service_name: str
    price: int | None
    items: list[str]


async def facilities(request: Request, tx: Transaction, who: Subject) -> Response:
    """Facilities that treat, by words of their name, accents or none; and by which ways one signs in."""
    words = fold(request.query_params.get("q", "")[:80]).split()
    rows = await tx.fetch("select code, name from facility where key > 0 and treats order by name")
    found = [House(code=row["code"], name=row["name"]) for row in rows if _holds(words, f"{row['code']} {row['name']}")]
    state = request.app.state
    return json_forms.answer(
        {"facilities": found[:MOST_FACILITIES], "codes": bool(state.senders), "zalo": state.zalo is not None}
    )


async def services(request: Request, tx: Transaction, who: Subject) -> Response:
    """What can be booked: a word may be of the specialty, of what it treats, of a doctor, or say what is wrong."""
    served = await _at(request, tx, who)
    asked, trouble = request.query_params.get("q", "")[:80], symptoms.by_specialty()
    every = await booking_choice.services(tx, served)
    first = await booking_choice.first_days(tx, served, every, clock.now())
    found = [
        one for one in every
        if _holds(fold(asked).split(), " ".join([one.name, one.comment, *(d.name for d in one.doctors)]))
        or symptoms.said(asked, trouble.get(one.specialty, ()))
    ]  # fmt: skip
    return json_forms.answer({"emergency": WORDS, "services": [
        Service(
            id=one.id, name=one.name, comment=one.comment, first=first.get(one.id),
            doctors=[Doctor(schedule=d.schedule, name=d.name, room=d.room) for d in one.doctors],
            symptoms=trouble.get(one.specialty, ()),
        )
        for one in found
    ]})  # fmt: skip


async def doctors(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who receives patients, of which specialty, where and in which hours of a week."""
    served = await _at(request, tx, who)
    found = (await store.search(tx, served, r4.Schedule, {"active": "true", "_count": "500"})).resources
    rows = [_receives(one, await schedules.week_of(tx, served, one)) for one in found]
    return json_forms.answer({"doctors": sorted(rows, key=lambda row: (row.service, row.name))})


async def offers(request: Request, tx: Transaction, who: Subject) -> Response:
    """The packages that can be booked: those whose specialty receives people."""
    served = await _at(request, tx, who)
    every = await packages.every(tx, served)
    by_specialty = {offer.specialty: offer for offer in reversed(await booking_choice.services(tx, served))}
    held = await prices.at(tx, served, [one.id for one in every], clock.today())
    return json_forms.answer({"packages": [
        Offer(
            id=one.id, name=one.name, note=one.note, service=by_specialty[one.specialty].id,
            service_name=by_specialty[one.specialty].name, price=held[one.id].amount if one.id in held else None,
            items=[name for _code, name in one.services],
        )
        for one in every if one.specialty in by_specialty
    ]})  # fmt: skip


async def days(request: Request, tx: Transaction, who: Subject) -> Response:
    """Seven days with their free places."""
    served, now = await _at(request, tx, who), clock.now()
    doctors = await _doctors(request, tx, served)
    first = read_day(request.query_params.get("from"), now.date())
    week = await booking_choice.week(tx, served, [one.schedule for one in doctors], first, now)
    return json_forms.answer({"days": week, "last": (now + booking_rules.FURTHEST).date()})


async def times(request: Request, tx: Transaction, who: Subject) -> Response:
    """The free times of a day."""
    served, now = await _at(request, tx, who), clock.now()
    doctors = await _doctors(request, tx, served)
    day = read_day(request.query_params.get("day"), now.date())
    return json_forms.answer({"times": await booking_choice.times(tx, served, doctors, day, now)})


async def _at(request: Request, tx: Transaction, who: Subject) -> Subject:
    """The booking service of the facility of the address."""
    here = await phone_steps.at(tx, who, request.path_params["code"])
    if here.facility != who.facility:
        await tx.reach(here.facility)
    return service(Role.BOOKING_SERVICE, here.facility, here.facility_name)


async def _doctors(request: Request, tx: Transaction, served: Subject) -> list[booking_choice.Doctor]:
    """The doctors of the specialty, or the one who is asked for."""
    every = await booking_choice.services(tx, served)
    chosen = booking_choice.service_of(every, request.path_params["service"])
    wanted = request.query_params.get("doctor")
    return [one for one in chosen.doctors if one.schedule == wanted] or chosen.doctors


def _holds(words: Sequence[str], text: str) -> bool:
    folded = fold(text)
    return all(word in folded for word in words)


def _receives(one: r4.Schedule, week: Sequence[schedules.Session]) -> Receives:
    named = {type_: actor(one, type_).display or "" for type_ in ("Practitioner", "HealthcareService", "Location")}
    return Receives(
        name=named["Practitioner"], service=named["HealthcareService"], room=named["Location"],
        hours=[weekly.said(each.days, each.start, each.end) for each in week],
    )  # fmt: skip


_ANYONE = Permission.ANYONE
DOORS = [
    Door(FACILITIES, facilities, _ANYONE, app=True),
    Door(f"{FACILITIES}/{{code}}/services", services, _ANYONE, app=True),
    Door(f"{FACILITIES}/{{code}}/doctors", doctors, _ANYONE, app=True),
    Door(f"{FACILITIES}/{{code}}/packages", offers, _ANYONE, app=True),
    Door(f"{FACILITIES}/{{code}}/services/{{service}}/days", days, _ANYONE, app=True),
    Door(f"{FACILITIES}/{{code}}/services/{{service}}/times", times, _ANYONE, app=True),
]
