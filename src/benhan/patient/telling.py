"""Telling patients that somebody broke the glass for their record: which hospital, when, and that they may ask.

Nothing of the record, not even why it was closed, and nobody's name: a telephone lies on the table. A child's guardians
are told instead of her, and no other relative. How far it has come: `core/access/glass_told.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, acting, glass_told, service
from benhan.core.access.glass_told import DEAD, NO_GUARDIAN, NO_PHONE, Untold
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock
from benhan.core.kit.text import clip, phone_or_none
from benhan.patient.messages import Message, Sender, send

IDLE_SECONDS: Final = 5.0
#: Whose record, as the message says it.
HERS, HER_CHILDS = "của bạn", "của người bạn giám hộ"
#: Templates bound their parameters; a short message cuts the name itself.
MOST_NAME: Final = 60


class Recipient(msgspec.Struct, frozen=True):
    """Who is told: her record (`Type/id`), her telephone, whether Zalo opens her account, whose record was opened."""

    name: str
    phone: str
    zalo: bool
    whose: str


class Nobody(Exception):  # noqa: N818 - something that is noted, not a fault of ours
    """There is nobody to tell; why, as `glass_told.NOBODY` has it."""


class Telling(Background):
    """Tells patients for as long as the process runs; any number of processes may."""

    failure = "a patient could not be told of a broken glass"

    def __init__(self, database: Database, by: Sequence[Sender]) -> None:
        super().__init__(database)
        self._by = by

    async def turn(self) -> float:
        """Tell of one broken glass whoever has not been told of it."""
        async with self._database.transaction(PLATFORM) as tx:
            one = await glass_told.take(tx)
        if one is None:
            return IDLE_SECONDS
        try:
            async with self._database.transaction(one.facility) as tx:
                whom = await recipients(tx, one)
            troubles = [trouble for each in whom for trouble in await self._tell(one, each)]
        except (Nobody, Problem) as trouble:
            troubles = [str(trouble)]
        async with self._database.transaction(one.facility) as tx:
            await (glass_told.note_trouble(tx, one, troubles) if troubles else glass_told.note_done(tx, one))
        return 0

    async def _tell(self, one: Untold, whom: Recipient) -> list[str]:
        """Send it to one of them, who has not had it; gives what went wrong where it did not leave."""
        if whom.name in one.told_to:
            return []
        by = sorted(self._by, key=lambda sender: (sender.name == "zalo") is not whom.zalo)
        sender, troubles = await send(by, whom.phone, _message(one, whom))
        if sender is None:
            return troubles
        async with self._database.transaction(one.facility) as tx:
            await glass_told.note_sent(tx, one, whom.name, sender)
        return []


async def recipients(tx: Transaction, one: Untold) -> list[Recipient]:
    """The patient; where she is too young to open her record herself, her guardians.

    Raises:
        Nobody: she is dead, or nobody of them has a telephone.
    """
    door = service(Role.TELLING_SERVICE, one.facility)
    patient = await store.read(tx, door, r4.Patient, one.patient)
    if patient.deceasedBoolean or patient.deceasedDateTime:
        raise Nobody(DEAD)
    if acting.opens_own(_born_at_latest(patient), clock.today()):
        whom = _recipients([("Patient", one.zalo, patient)], HERS)
    elif one.guardians:
        related = [("RelatedPerson", each.zalo, await store.read(tx, door, r4.RelatedPerson, each.id))
                   for each in one.guardians]  # fmt: skip
        whom = _recipients(related, HER_CHILDS)
    else:
        raise Nobody(NO_GUARDIAN)
    if not whom:
        raise Nobody(NO_PHONE)
    return whom


def _recipients(of: Iterable[tuple[str, bool, r4.Patient | r4.RelatedPerson]], whose: str) -> list[Recipient]:
    return [
        Recipient(f"{type_}/{person.id}", phone, zalo, whose)
        for type_, zalo, person in of
        if (phone := _phone(person)) is not None
    ]


def _phone(person: r4.Patient | r4.RelatedPerson) -> str | None:
    """The first telephone that can be one and is not her former one."""
    said = (one.value for one in person.telecom or () if one.system == "phone" and one.value and one.use != "old")
    return next(filter(None, map(phone_or_none, said)), None)


def _born_at_latest(patient: r4.Patient) -> date | None:
    """Where only the year or the month is known, the end of that year: who may be a child is one."""
    given = patient.birthDate or ""
    try:
        return date.fromisoformat(given if len(given) == len("2026-11-22") else f"{given[:4]}-12-31")
    except ValueError:
        return None


def _message(one: Untold, whom: Recipient) -> Message:
    """Each of them has one of her own, which stays the same when it is sent again."""
    said = {"facility": clip(one.house, MOST_NAME), "time": clock.vn_datetime(one.begun), "whose": whom.whose}
    return Message("glass", said, hashlib.sha256(f"{one.id} {whom.name}".encode()).hexdigest()[:32])
