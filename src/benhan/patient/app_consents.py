"""`/app/consents`: to what she consents, one switch each; the very text is shown, and its hash agreed to.

The purpose that opens labelled records asks whom and which: it stays on her page (`consent_pages.py`). Contract:
docs/reference/app-api.md.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.consents import Purpose, proof_of
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import forms, json_forms
from benhan.core.kit.json_forms import Said
from benhan.core.kit.persons import full_name
from benhan.core.language import _, current
from benhan.core.store import consents
from benhan.core.store.consents import Given
from benhan.hospital import consenting
from benhan.patient import record
from benhan.patient.consent_pages import stands_alone

PATH: Final = "/app/consents"


class Kept(Said):
    """A consent that was given."""

    id: str
    purpose: str
    title: str
    in_force: bool
    state: str
    given: datetime | None
    recipients: str
    until: str
    text: str


class Asked(Said):
    """What can be given with one switch: the text as it is shown, and what it does today."""

    purpose: str
    title: str
    today: str
    text: str
    sha256: str


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is in force, was, and can be given."""
    return await _overview(tx, who)


async def give(request: Request, tx: Transaction, who: Subject) -> Response:
    """The switch is on: to this text and no other."""
    form = await json_forms.read(request, [
        forms.choice("purpose", "purpose", [(one, one) for one in _ASKED], required=True),
        forms.hidden("sha256", required=True, most=64),
    ])  # fmt: skip
    given = _drafted(who, Purpose(form["purpose"]))
    if form["sha256"] != proof_of(given.text):
        raise Conflict(_("Văn bản vừa đổi."), where="sha256", advice=_("Đọc lại rồi đồng ý."))
    await consents.give(tx, who, given)
    return await _overview(tx, who, 201)


async def withdraw(request: Request, tx: Transaction, who: Subject) -> Response:
    """The switch is off: at once, without a question."""
    await consents.withdraw(tx, who, who.patient or "", request.path_params["consent"])
    return await _overview(tx, who)


async def _overview(tx: Transaction, who: Subject, status: int = 200) -> Response:
    person = await record.person(tx, who)
    found = [consenting.shown(one, full_name(person)) for one in await consents.of_patient(tx, who, who.patient or "")]
    kept = {one.purpose for one in found if one.in_force}
    return json_forms.answer({
        "consents": [_kept(one) for one in found], "alone": stands_alone(person),
        "asked": [_asked(who, purpose) for purpose in _ASKED if purpose not in kept],
    }, status)  # fmt: skip


def _drafted(who: Subject, purpose: Purpose) -> Given:
    return consenting.drafted(who, who.patient or "", purpose, forms.blank([]))


def _kept(one: consenting.Shown) -> Kept:
    return Kept(
        id=one.id, purpose=one.purpose, title=one.title, in_force=one.in_force, state=one.state, given=one.given,
        recipients=one.recipients, until=one.until, text=one.text,
    )  # fmt: skip


def _asked(who: Subject, purpose: Purpose) -> Asked:
    given = _drafted(who, purpose)
    return Asked(
        purpose=purpose, title=given.wording.title(current()), today=_(consenting.TODAY[purpose]), text=given.text,
        sha256=proof_of(given.text),
    )  # fmt: skip


_ASKED: Final = tuple(purpose for purpose in Purpose if purpose is not Purpose.LABELLED)
_OWN = Permission.OWN_RIGHTS
DOORS = [
    Door(PATH, overview, _OWN, app=True),
    Door(PATH, give, _OWN, ("POST",), app=True),
    Door(f"{PATH}/{{consent}}/withdraw", withdraw, _OWN, ("POST",), app=True),
]
