"""`/app/session`: signing in to the patient's app, by the same steps as her pages (`entry.py`), and the session itself.

A step's token is answered and sent back: a webview keeps no cookies of ours. Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject, people, phone_steps
from benhan.core.access.accounts import sign_out
from benhan.core.access.acting import Part
from benhan.core.access.callers import bearer_of
from benhan.core.access.sessions import visitor
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import forms, json_forms
from benhan.core.kit.json_forms import House, Said
from benhan.core.kit.outside import NoAnswer
from benhan.core.language import _
from benhan.hospital.visit import full_name
from benhan.patient import entry, links, record
from benhan.patient.entry import Came
from benhan.patient.zalo import Zalo

PATH: Final = "/app/session"
#: What is asked next, in the app's words.
_ASKS: Final = {"phone-token": "phoneToken", "birth-date": "birthDate"}
_FACILITY: Final = forms.hidden("facility", required=True, most=20)
_STEP: Final = forms.secret("step", "step", most=100)


class SignIn(Said):
    """How far she came: in, with a token, or what is asked next in which step."""

    token: str = ""
    chosen: bool = False
    step: str = ""
    asks: str = ""


class Open(Said):
    """The record of the session."""

    key: str
    name: str
    relation: str
    parts: list[str]


class Me(Said):
    """Who is signed in, and with whose record."""

    name: str
    person: bool
    zalo: bool
    facility: House
    record: Open | None


class Session(Said):
    """A session of hers; `id` opens nothing."""

    id: str
    device: str
    started: datetime
    seen: datetime
    current: bool


def born() -> forms.Field:
    """A birth date, to the day."""
    return forms.day("birthDate", _("Ngày sinh"), required=True)


async def by_phone(request: Request, tx: Transaction, who: Subject) -> Response:
    """A code on its way, if somebody there has this telephone; the answer is the same if nobody has."""
    by = request.app.state.senders
    if not by:
        raise NotFound(_("Nơi này chưa gửi được mã về điện thoại."), advice=_("Dùng liên kết của bệnh viện."))
    form = await json_forms.read(request, [_FACILITY, forms.phone("phone", _("Số điện thoại"), required=True)])
    there = await phone_steps.at(tx, who, form["facility"])
    step, code = await phone_steps.begin(tx, there.facility, form["phone"], visitor(request))
    answer = json_forms.answer(SignIn(step=step, asks="code"))
    answer.background = BackgroundTask(
        entry.deliver, request.app.state.database, by, there.facility, form["phone"], code
    )
    return answer


async def by_code(request: Request, tx: Transaction, who: Subject) -> Response:
    """The code, shown. A wrong one is counted, so it is answered, not raised."""
    form = await json_forms.read(request, [_STEP, forms.text("code", _("Mã gồm 6 chữ số"), required=True, most=20)])
    good = await phone_steps.show_code(tx, form["step"], form["code"], visitor(request))
    if good is None:
        return json_forms.refused(entry.over())
    if not good:
        return json_forms.refused(Invalid(_("Mã không đúng"), where="code"))
    return json_forms.answer(SignIn(step=form["step"], asks="birthDate"))


async def by_facts(request: Request, tx: Transaction, who: Subject) -> Response:
    """The birth date, and the name where it is asked."""
    form = await json_forms.read(request, [_STEP, born(), forms.text("name", _("Họ và tên"))])
    came = await entry.come_in(tx, form["step"], form["birthDate"], form["name"] or "", who, visitor(request))
    if came is None:
        return json_forms.refused(
            Invalid(_("Không khớp với hồ sơ nào của số điện thoại này"), where="birthDate")
        )  # fmt: skip
    return json_forms.answer(_said(came, form["step"]))


async def by_zalo(request: Request, tx: Transaction, who: Subject) -> Response:
    """With the tokens of Zalo's Mini App."""
    line: Zalo | None = request.app.state.zalo
    if line is None:
        raise NotFound(_("Nơi này chưa nối với Zalo."))
    access = forms.secret("accessToken", "accessToken", most=4000)
    form = await json_forms.read(
        request, [_FACILITY, access, forms.secret("phoneToken", "phoneToken", required=False, most=4000)]
    )
    there = await phone_steps.at(tx, who, form["facility"])
    came = await entry.through_zalo(
        tx, line, there.facility, form["accessToken"], form["phoneToken"] or "", visitor(request)
    )
    if isinstance(came, NoAnswer):
        return json_forms.refused(Invalid(_(entry.TROUBLES[came.kind]), where="accessToken"))
    return json_forms.answer(_said(came, came.step))


async def by_link(request: Request, tx: Transaction, who: Subject) -> Response:
    """The desk's personal link, with the birth date of its record."""
    form = await json_forms.read(request, [forms.secret("link", "link", most=300), born()])
    token = await links.enter(tx, form["link"].rstrip("/").rpartition("/")[2], form["birthDate"])
    if token is None:
        wrong = _("Ngày sinh không khớp với hồ sơ của liên kết này")
        return json_forms.refused(Invalid(wrong, where="birthDate"))
    return json_forms.answer(SignIn(token=token, chosen=True))


async def me(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who is signed in."""
    name = full_name(await record.person(tx, who)) if who.patient else ""
    sight = await people.herself(tx, who) if who.person else None
    return json_forms.answer(Me(
        name=sight.name if sight else name, person=sight is not None, zalo=sight is not None and sight.zalo,
        facility=House(code=who.facility_code, name=who.facility_name), record=_open(who, name),
    ))  # fmt: skip


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """End this session."""
    await sign_out(tx, who, bearer_of(request))
    return json_forms.nothing()


async def sessions(request: Request, tx: Transaction, who: Subject) -> Response:
    """Where she is signed in."""
    found = [
        Session(id=one.id, device=one.device, started=one.started, seen=one.seen, current=one.id == who.session)
        for one in await people.sessions(tx, who)
    ]
    return json_forms.answer({"sessions": found})


async def end_sessions(request: Request, tx: Transaction, who: Subject) -> Response:
    """End one of her sessions, or all others."""
    one = (await json_forms.read(request, [forms.hidden("session", most=16)]))["session"]
    return json_forms.answer({"ended": await people.end_sessions(tx, who, one=one, but=None if one else who.session)})


async def unlink(request: Request, tx: Transaction, who: Subject) -> Response:
    """Zalo opens her account no more."""
    await people.unlink_zalo(tx, who)
    return json_forms.nothing()


def key_of(who: Subject) -> str:
    """The key of the record that is open, as `people.Record.key`."""
    return who.relation.id if who.relation else f"{who.facility}:{who.patient}"


def signed_in(token: str) -> Response:
    """In, with a record."""
    return json_forms.answer(SignIn(token=token, chosen=True))


def _said(came: Came, step: str) -> SignIn:
    return SignIn(
        token=came.token, chosen=came.chosen, step="" if came.token or not came.asks else step,
        asks=_ASKS.get(came.asks, came.asks),
    )  # fmt: skip


def _open(who: Subject, name: str) -> Open | None:
    if not who.patient:
        return None
    relation = who.relation
    parts = sorted(relation.parts) if relation else [Part.CHART]
    return Open(key=key_of(who), name=name, relation=relation.kind if relation else "", parts=list(map(str, parts)))


_ANYONE, _SESSION, _PERSON = Permission.ANYONE, Permission.OWN_SESSION, Permission.OWN_PERSON
DOORS = [
    Door(f"{PATH}/phone", by_phone, _ANYONE, ("POST",), app=True),
    Door(f"{PATH}/code", by_code, _ANYONE, ("POST",), app=True),
    Door(f"{PATH}/facts", by_facts, _ANYONE, ("POST",), app=True),
    Door(f"{PATH}/zalo", by_zalo, _ANYONE, ("POST",), app=True),
    Door(f"{PATH}/link", by_link, _ANYONE, ("POST",), app=True),
    Door(PATH, me, _SESSION, app=True),
    Door(PATH, leave, _SESSION, ("DELETE",), app=True),
    Door("/app/sessions", sessions, _PERSON, app=True),
    Door("/app/sessions/end", end_sessions, _PERSON, ("POST",), app=True),
    Door(f"{PATH}/zalo", unlink, _PERSON, ("DELETE",), app=True),
]
