"""`/app/records`, `/app/relatives`: whose records she may open, and who acts for her.

Nobody is added by a telephone alone: a guardian is recorded at the desk with a paper, a grown patient names whom she
trusts in a session of her own, and either way the other proves telephone and birth date, and accepts.

Contract: docs/reference/app-api.md.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject, people, relations
from benhan.core.access.acting import KIND_NAMES, PART_NAMES, Part, ends_soon
from benhan.core.access.callers import bearer_of
from benhan.core.access.people import Record
from benhan.core.access.relations import Acting
from benhan.core.access.sessions import visitor
from benhan.core.db import Transaction
from benhan.core.kit import forms, json_forms
from benhan.core.kit.clock import today
from benhan.core.kit.json_forms import House, Said
from benhan.core.language import _
from benhan.patient import relatives
from benhan.patient.app_session import PATH, born, key_of, signed_in

RECORDS: Final = "/app/records"
RELATIVES: Final = "/app/relatives"
_KEY: Final = [forms.hidden("key", required=True)]


class Hers(Said):
    """A record that she may open, or is asked to act for (`accepted` false)."""

    key: str
    facility: House
    name: str
    current: bool
    relation: str
    relation_name: str
    parts: list[str]
    ends: date | None
    ends_soon: bool
    accepted: bool


class Relative(Said):
    """Who acts, acted or may act for the patient."""

    id: str
    name: str
    relation: str
    relation_name: str
    parts: list[str]
    labelled: bool
    since: datetime
    accepted: datetime | None
    ends: date | None
    ends_soon: bool
    over: bool


async def records(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her own records at every facility, and those in which she acts."""
    found = await people.records(tx, who.person or "")
    return json_forms.answer({"records": [_hers(one, who) for one in found]})


async def change(request: Request, tx: Transaction, who: Subject) -> Response:
    """Go on with this record: another session, under another token."""
    key = (await json_forms.read(request, _KEY))["key"]
    return signed_in(await people.change_record(tx, who, bearer_of(request), key, visitor(request)))


async def accept(request: Request, tx: Transaction, who: Subject) -> Response:
    """She acts for somebody from now on."""
    await relations.accept(tx, who, (await json_forms.read(request, _KEY))["key"])
    return await records(request, tx, who)


async def leave(request: Request, tx: Transaction, who: Subject) -> Response:
    """She does not act (any more)."""
    await relatives.leave(tx, who, (await json_forms.read(request, _KEY))["key"])
    return await records(request, tx, who)


async def mine(request: Request, tx: Transaction, who: Subject) -> Response:
    """Who acts for me."""
    return await _relatives(tx, who)


async def name(request: Request, tx: Transaction, who: Subject) -> Response:
    """She names somebody."""
    form = await json_forms.read(request, _naming())
    await relatives.name(
        tx, who, form["name"], form["phone"], form["birthDate"], frozenset(map(Part, form["parts"])),
        labelled=form["labelled"], ends=form["ends"],
    )  # fmt: skip
    return await _relatives(tx, who, 201)


async def end(request: Request, tx: Transaction, who: Subject) -> Response:
    """She ends it."""
    form = await json_forms.read(request, [forms.hidden("id", required=True)])
    await relatives.end(tx, who, who.patient or "", form["id"])
    return await _relatives(tx, who)


def _naming() -> list[forms.Field]:
    return [
        forms.text("name", _("Họ và tên"), required=True),
        forms.phone("phone", _("Số điện thoại"), required=True),
        born(),
        forms.choices("parts", _("Được xem"), [(part, _(PART_NAMES[part])) for part in Part], required=True),
        forms.flag("labelled", _("Cả những bản ghi nhạy cảm (HIV, tâm thần, …)")),
        forms.day("ends", _("Đến ngày")),
    ]


async def _relatives(tx: Transaction, who: Subject, status: int = 200) -> Response:
    found = await relations.of_patient(tx, who, who.patient or "")
    return json_forms.answer({"relatives": [_relative(one) for one in found]}, status)


def _hers(one: Record, who: Subject) -> Hers:
    return Hers(
        key=one.key, facility=House(code=one.code, name=one.house), name=one.about,
        current=bool(who.patient) and one.key == key_of(who), relation=one.kind or "",
        relation_name=_(KIND_NAMES[one.kind]) if one.kind else "", parts=list(one.parts), ends=one.ends,
        ends_soon=ends_soon(one.ends, today()), accepted=one.open,
    )  # fmt: skip


def _relative(one: Acting) -> Relative:
    return Relative(
        id=one.id, name=one.name, relation=one.kind, relation_name=_(KIND_NAMES[one.kind]), parts=list(one.parts),
        labelled=one.labelled, since=one.made, accepted=one.accepted, ends=one.ends,
        ends_soon=ends_soon(one.ends, today()), over=one.over,
    )  # fmt: skip


_PERSON, _NAMES = Permission.OWN_PERSON, Permission.NAME_RELATIVES
DOORS = [
    Door(RECORDS, records, _PERSON, app=True),
    Door(f"{PATH}/record", change, _PERSON, ("POST",), app=True),
    Door(f"{RECORDS}/accept", accept, _PERSON, ("POST",), app=True),
    Door(f"{RECORDS}/leave", leave, _PERSON, ("POST",), app=True),
    Door(RELATIVES, mine, _NAMES, app=True),
    Door(RELATIVES, name, _NAMES, ("POST",), app=True),
    Door(f"{RELATIVES}/end", end, _NAMES, ("POST",), app=True),
]
