"""`/app/remote`: asking to be seen at a distance, from the patient's app; `/app/room`: the room, for both sides.

Contract: docs/reference/app-api.md. What is said in the room is between two browsers: this passes it on, unread.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, LiveDoor, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.callers import session_hash
from benhan.core.access.consents import Purpose
from benhan.core.db import Database, Transaction
from benhan.core.fhir.outcome import Forbidden, Invalid, Problem
from benhan.core.kit import clock, forms, json_forms, pictures
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.core.store import consents
from benhan.hospital import emergency
from benhan.hospital.remote import actions, offers, relay, room, rules
from benhan.hospital.remote.room import Seat
from benhan.hospital.remote.rules import STATE_NAMES, State
from benhan.hospital.remote.rules import Request as Asked
from benhan.settings import Settings

PATH: Final = "/app/remote"
ROOM: Final = "/app/room"
#: What a seat is shown with.
HEADER: Final = "room-seat"
MOST_BYTES: Final = pictures.MOST_BYTES + json_forms.MOST_BYTES
#: A description of a session with all its candidates takes about 10 KB.
MOST_WORD: Final = 32_768
#: The line asks so often whether another process has something to say, and tells so often that it is there.
LOOK_SECONDS, BREATH_SECONDS = 1.0, 5.0
_KEY: Final = re.compile(r"[A-Za-z0-9-]{16,64}")


class Doctor(Said):
    """Who can be asked for."""

    id: str
    name: str


class Specialty(Said):
    """What is offered at a distance."""

    id: str
    name: str
    doctors: list[Doctor]


class Shown(Said):
    """A request. `open`: the waiting room is; `visit`: the record that came of it, or ""."""

    id: str
    state: str
    state_name: str
    specialty: str
    doctor: str
    asked: datetime
    wished: datetime | None
    start: datetime | None
    reason: str
    open: bool
    visit: str


class Seated(Said):
    """A seat in the room: what it is used with, and how the other browser is reached."""

    seat: str
    id: str
    side: str
    ways: relay.Ways


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her requests, what can be asked for, and whether she has consented."""
    found = await offers.offered(tx, who)
    return json_forms.answer({
        "requests": [_shown(one) for one in await actions.mine(tx, who)],
        "specialties": [
            Specialty(id=one.service, name=one.name, doctors=[Doctor(id=d.id, name=d.name) for d in one.doctors])
            for one in found
        ],
        "emergency": emergency.WORDS, "consented": await consents.holds(tx, who, who.patient or "", Purpose.REMOTE),
    })  # fmt: skip


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """She asks. The same `Idempotency-Key` is the same request."""
    said = await json_forms.read_object(request, MOST_BYTES)
    photos = pictures.read(said.pop("photos", []))
    form = json_forms.of_object(said, [
        forms.hidden("specialty", required=True, most=64), forms.hidden("doctor", most=64), forms.hidden("wished"),
        forms.long_text("words", _("Triệu chứng"), required=True, most=rules.MOST_WORDS),
    ])  # fmt: skip
    form.require()
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        raise Invalid(_("Thiếu khoá của lần gửi này."), where="Idempotency-Key")
    made = await actions.ask(tx, who, actions.Asked(
        specialty=form["specialty"], doctor=form["doctor"] or "", words=form["words"], pictures=photos,
        wished=_moment(form["wished"]),
    ), key)  # fmt: skip
    return json_forms.answer(_shown(made), 201)


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One of hers."""
    return json_forms.answer(_shown(await actions.one(tx, who, request.path_params["request"])))


async def take_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """She does not want it any more."""
    return json_forms.answer(_shown(await actions.take_back(tx, who, request.path_params["request"])))


async def sit_down(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her seat in the room of her request; another telephone that has it gives it up."""
    seat, secret = await room.take(tx, who, request.path_params["request"], session_hash(request))
    return json_forms.answer(seated(request, seat, secret), 201)


async def lend(request: Request, tx: Transaction, who: Subject) -> Response:
    """A link that opens her seat in another browser, once."""
    secret = await room.lend(tx, who, request.path_params["request"], session_hash(request))
    settings: Settings = request.app.state.settings
    return json_forms.answer({"link": f"{settings.public_url.rstrip('/')}/di-dong/phong#{secret}"}, 201)


async def redeem(request: Request, tx: Transaction, who: Subject) -> Response:
    """Sit down by a link."""
    form = await json_forms.read(request, [forms.hidden("pass", required=True)])
    try:
        seat, secret = await room.redeem(tx, form["pass"])
    except Forbidden as problem:
        async with _database(request).transaction() as other:
            if lent := await room.lent_by(other, form["pass"]):
                await _trace(other, *lent, "public", problem)
        raise
    return json_forms.answer(seated(request, seat, secret), 201)


async def listen(request: Request, who: Subject) -> AsyncGenerator[str, None]:
    """What the other side says. `hello`: who is there; `word`: something was said; `over`: the seat is nobody's now."""
    secret = request.headers.get(HEADER, "")
    async with _database(request).transaction() as tx:
        seat = await _seat(request, tx, secret)
        other = await room.opposite(tx, seat)
        if other:
            await room.say(tx, seat, msgspec.json.encode({"came": seat.id}).decode())
    room.ring(seat)
    return _heard(request, seat, secret, other)


async def say(request: Request, tx: Transaction, who: Subject) -> Response:
    """Say something to the other side."""
    said = await json_forms.read_object(request, MOST_WORD)
    seat = await _seat(request, tx, request.headers.get(HEADER, ""))
    heard = await room.say(tx, seat, msgspec.json.encode(said).decode())
    answer = json_forms.answer({"heard": heard})
    answer.background = BackgroundTask(room.ring, seat)
    return answer


async def ways(request: Request, tx: Transaction, who: Subject) -> Response:
    """The ways to the other browser, with a fresh password for the relay."""
    seat = await _seat(request, tx, request.headers.get(HEADER, ""))
    return json_forms.answer(relay.ways(request.app.state.settings, seat.id, clock.now()))


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """Stand up."""
    seat = await _seat(request, tx, request.headers.get(HEADER, ""))
    await room.say(tx, seat, msgspec.json.encode({"left": seat.id}).decode())
    await room.leave(tx, seat)
    answer = json_forms.nothing()
    answer.background = BackgroundTask(room.ring, seat)
    return answer


def seated(request: Request, seat: Seat, secret: str) -> Seated:
    """A seat as its browser learns of it."""
    found = relay.ways(request.app.state.settings, seat.id, clock.now())
    return Seated(seat=secret, id=seat.id, side=seat.side, ways=found)


async def _heard(request: Request, seat: Seat, secret: str, other: str | None) -> AsyncGenerator[str, None]:
    stopping = request.app.state.live.stopping
    yield "retry: 2000\n\n"
    yield f"event: hello\ndata: {msgspec.json.encode({'other': other}).decode()}\n\n"
    silent = 0.0
    while not stopping.is_set():
        bell = room.bell(seat)
        try:
            async with _database(request).transaction() as tx:
                words = await room.hear(tx, await room.seat_of(tx, secret))
        except Forbidden as problem:
            async with _database(request).transaction(seat.facility) as tx:
                await _trace(tx, seat.facility, seat.room, seat.account, problem)
            yield "event: over\ndata: {}\n\n"
            return
        for one in words:
            yield f"event: word\ndata: {one}\n\n"
        silent = 0.0 if words else silent + LOOK_SECONDS
        if silent >= BREATH_SECONDS:
            silent = 0.0
            yield ": \n\n"
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await bell.wait()


async def _seat(request: Request, tx: Transaction, secret: str) -> Seat:
    """The seat that is shown; a refusal is traced at the facility whose room it is."""
    try:
        return await room.seat_of(tx, secret)
    except Forbidden as problem:
        async with _database(request).transaction() as other:
            if seat := await room.held(other, secret):
                await _trace(other, seat.facility, seat.room, seat.account, problem)
        raise


async def _trace(tx: Transaction, facility: int, at: str, account: str, problem: Problem) -> None:
    await tx.reach(facility)
    nobody = Subject(account=account, name="", facility=facility, facility_name="", roles=frozenset())
    record(tx, nobody, Event("refused", "Task", at, allowed=False, rule=problem.message, detail=f"room {at}"))


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _moment(written: Any) -> datetime | None:
    try:
        return clock.local(written) if written else None
    except ValueError:
        raise Invalid(_("Giờ mong muốn không đọc được."), where="wished") from None


def _shown(one: Asked) -> Shown:
    return Shown(
        id=one.id, state=one.state, state_name=_(STATE_NAMES[one.state]), specialty=one.specialty_name,
        doctor=one.doctor_name, asked=one.asked, wished=one.wished, start=one.start, reason=one.reason,
        open=one.opens(clock.now()), visit=one.id if one.state in (State.GOING_ON, State.OVER) else "",
    )  # fmt: skip


_OWN, _ANY = Permission.OWN_RECORD, Permission.ANYONE
DOORS: list[Door | LiveDoor] = [
    Door(PATH, overview, _OWN, app=True),
    Door(PATH, ask, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{request}}", show, _OWN, app=True),
    Door(f"{PATH}/{{request}}/cancel", take_back, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{request}}/seat", sit_down, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{request}}/link", lend, _OWN, ("POST",), app=True),
    Door(f"{ROOM}/pass", redeem, _ANY, ("POST",), app=True),
    LiveDoor(ROOM, listen, _ANY, app=True),
    Door(ROOM, say, _ANY, ("POST",), app=True),
    Door(f"{ROOM}/ways", ways, _ANY, ("POST",), app=True),
    Door(f"{ROOM}/leave", leave, _ANY, ("POST",), app=True),
]
