"""Signing in as a person: a telephone that was proved, and a birth date, open what is hers at this hospital.

A telephone alone says nothing: families share one, and numbers are given to others. The birth date has to be that of a
record with this telephone, or of somebody whom a patient named with it. Both are asked of one hospital, where she
comes in; no hospital is asked about another's patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final, Literal

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject, acting, people, phone_steps, service
from benhan.core.access.audit import Event, record
from benhan.core.access.phone_steps import Proved
from benhan.core.access.sessions import Visitor
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import SignInNeeded
from benhan.core.kit import clock
from benhan.core.kit.outside import NoAnswer
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.hospital.visit import full_name
from benhan.patient import messages
from benhan.patient.zalo import Zalo

#: Records with one telephone that are looked at.
MOST_OF_A_PHONE = "50"


#: Trouble with Zalo, by its kind, as she reads it.
TROUBLES: Final = {
    "slow": later("Zalo trả lời quá chậm. Thử lại, hoặc đăng nhập bằng mã gửi về điện thoại."),
    "down": later("Không nối được tới Zalo. Thử lại, hoặc đăng nhập bằng mã gửi về điện thoại."),
    "refused": later("Zalo không nhận phiên này. Mở lại ứng dụng rồi thử lại."),
    "unreadable": later("Zalo trả lời không đọc được. Đăng nhập bằng mã gửi về điện thoại."),
}


class Came(msgspec.Struct, frozen=True):
    """How far she came: a session's token (`chosen`: with a record already), or what is still asked or in the way.

    `step`: the token of the step that goes on.
    """

    token: str = ""
    chosen: bool = False
    asks: Literal["", "phone-token", "birth-date", "name", "guardian"] = ""
    step: str = ""


async def deliver(database: Database, by: Sequence[messages.Sender], facility: int, phone: str, code: str) -> None:
    """Send a code where somebody here has this telephone; after the answer has left, so that nothing tells which."""
    door = service(Role.PHONE_SERVICE, facility)
    async with database.transaction(facility) as tx:
        known = bool(await _holders(tx, facility, phone)) or await people.waits(tx, facility, phone)
    if not known:
        return
    sent = await messages.send(by, messages.To(facility, phone), messages.code_message(code))
    async with database.transaction(facility) as tx:
        rule, detail = sent.by or "not sent", "; ".join(sent.troubles)
        event = Event("code-sent", allowed=sent.by is not None, rule=rule, detail=detail)
        record(tx, door, event)


async def come_in(
    tx: Transaction, step: str, birth: date, name: str, before: Subject, who_comes: Visitor
) -> Came | None:
    """With a birth date, and a name where several of one telephone were born on that day; None: true of nobody.

    `before`: who asks, if she is signed in as a person already: another record of the same name becomes hers too.

    Raises:
        SignInNeeded: the step is over.
        Forbidden: she has to wait.
    """
    of = await phone_steps.proved(tx, step)
    if of is None:
        raise over()
    named = await people.invited(tx, of.facility, of.phone, birth)
    await tx.reach(of.facility)
    hers = [one for one in await _holders(tx, of.facility, of.phone) if _born(one, birth)]
    if name:
        hers = [one for one in hers if fold(full_name(one)) == fold(name)]
        named = [one for one in named if fold(one[1]) == fold(name)]
    if not hers and not named:
        await phone_steps.count_wrong(tx, step, of, who_comes)
        return None
    if not name and len({fold(full_name(one)) for one in hers} | {fold(one[1]) for one in named}) > 1:
        return Came(asks="name")
    grown = acting.opens_own(birth, clock.today())
    if not grown and not named:
        return Came(asks="guardian")
    mine = [one.id or "" for one in hers] if grown else []
    called = full_name(hers[0]) if mine else named[0][1]
    await tx.reach(PLATFORM)
    person = await _person(tx, of, mine, called, named, before)
    for patient in mine:
        await people.own(tx, person, of.facility, patient)
    await people.take(tx, person, [id_ for id_, _name, _person in named])
    await phone_steps.end(tx, step, of)
    return await begin_session(tx, person, of.facility, of.zalo, who_comes, "Zalo" if of.zalo else "code")


async def through_zalo(
    tx: Transaction, line: Zalo, facility: int, access_token: str, phone_token: str, who_comes: Visitor
) -> Came | NoAnswer:
    """With the tokens of Zalo's Mini App: who is known there is in, else the telephone that Zalo vouches for begins a
    step. Trouble is given, not raised: its trace is kept.
    """
    try:
        zalo = await line.id_of(access_token)
        phone = await line.phone_of(access_token, phone_token) if phone_token else None
    except NoAnswer as trouble:
        await tx.reach(PLATFORM)
        phone_steps.trace(tx, facility, f"Zalo: {trouble}", who_comes, allowed=False)
        return trouble
    if known := await people.of_zalo(tx, zalo):
        return await begin_session(tx, known[0], facility, zalo, who_comes, "Zalo")
    if phone is None:
        return Came(asks="phone-token")
    return Came(asks="birth-date", step=await phone_steps.begin_proved(tx, facility, phone, zalo))


async def begin_session(
    tx: Transaction, person: str, facility: int, zalo: str | None, who_comes: Visitor, how: str
) -> Came:
    """A session with her only record here, or with none before she chose."""
    await people.note_use(tx, person, zalo)
    records = await people.records(tx, person)
    alone = records[0] if len(records) == 1 and records[0].open else None
    token = await people.open_session(tx, person, facility, alone, who_comes, how)
    return Came(token, chosen=alone is not None)


def over() -> SignInNeeded:
    """A step that has ended."""
    return SignInNeeded(_("Bước đăng nhập này đã hết hạn hoặc sai quá nhiều lần. Xin mã mới."), where="step")


async def _person(
    tx: Transaction, of: Proved, mine: Sequence[str], called: str, named: Sequence[tuple[str, str, str | None]],
    before: Subject,
) -> str:  # fmt: skip
    """Whose account this is: of who has the record; of who is here, or at Zalo, and is called so; of who was named."""
    if mine and (owner := await people.of_record(tx, of.facility, mine[0])):
        return owner
    here = (before.person, before.name) if before.person else None
    for one in (here, await people.of_zalo(tx, of.zalo) if of.zalo else None):
        if one and fold(one[1]) == fold(called):
            return one[0]
    return next((person for _id, _name, person in named if person), None) or await people.add(tx, called)


async def _holders(tx: Transaction, facility: int, phone: str) -> list[r4.Patient]:
    """The living whose record here has this telephone, however it is written there."""
    abroad = f"84{phone[1:]}" if phone.startswith("0") else phone.removeprefix("+")
    asked = {"phone": f"{phone},{abroad},+{abroad}", "_count": MOST_OF_A_PHONE}
    found = await store.search(tx, service(Role.PHONE_SERVICE, facility), r4.Patient, asked)
    return [one for one in found.resources if not one.deceasedBoolean and not one.deceasedDateTime]


def _born(patient: r4.Patient, given: date) -> bool:
    """As with a personal link: where only the year or month is known, that much is compared."""
    return bool(patient.birthDate) and given.isoformat().startswith(patient.birthDate or "-")
