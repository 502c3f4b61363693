"""Who is told of what concerns a patient: herself; of a child her guardians, and no other relative."""

from __future__ import annotations

from datetime import date

import msgspec

from benhan.core import store
from benhan.core.access import Role, acting, people, service
from benhan.core.access.glass_told import DEAD, NO_GUARDIAN, NO_PHONE
from benhan.core.access.people import Contact
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.kit.text import phone_or_none

#: Whose record, as a message says it.
HERS, HER_CHILDS = "của bạn", "của người bạn giám hộ"


class Recipient(msgspec.Struct, frozen=True):
    """Who is told: her record (`Type/id`), her telephone, her account where Zalo opens it, whose record it is about."""

    name: str
    phone: str
    person: str | None
    whose: str


class Nobody(Exception):  # noqa: N818 - something that is noted, not a fault of ours
    """There is nobody to tell; why, as `glass_told.NOBODY` has it."""


async def recipients(tx: Transaction, facility: int, patient: str, *, or_record: bool = False) -> list[Recipient]:
    """The patient; where she is too young to open her record herself, her guardians.

    `or_record`: of a child whose guardian nobody knows, the telephone that stands on its record.

    Raises:
        Nobody: she is dead, or nobody of them has a telephone.
    """
    door = service(Role.TELLING_SERVICE, facility)
    record = await store.read(tx, door, r4.Patient, patient)
    if record.deceasedBoolean or record.deceasedDateTime:
        raise Nobody(DEAD)
    herself, *guardians = await people.contacts(tx, facility, patient)
    if acting.opens_own(_born_at_latest(record), clock.today()):
        found = [_recipient(herself, record, HERS)]
    elif guardians:
        found = [_recipient(one, await store.read(tx, door, r4.RelatedPerson, one.id), HER_CHILDS) for one in guardians]
    elif or_record:
        found = [_recipient(Contact("Patient", patient, None), record, HER_CHILDS)]
    else:
        raise Nobody(NO_GUARDIAN)
    if not (told := [one for one in found if one.phone]):
        raise Nobody(NO_PHONE)
    return told


def _recipient(of: Contact, record: r4.Patient | r4.RelatedPerson, whose: str) -> Recipient:
    return Recipient(f"{of.type}/{of.id}", phone_of(record), of.person, whose)


def phone_of(record: r4.Patient | r4.RelatedPerson) -> str:
    """The first telephone that can be one and is not her former one; empty: none."""
    said = (one.value for one in record.telecom or () if one.system == "phone" and one.value and one.use != "old")
    return next(filter(None, map(phone_or_none, said)), "")


def _born_at_latest(patient: r4.Patient) -> date | None:
    """Where only the year or the month is known, the end of that year: who may be a child is one."""
    given = patient.birthDate or ""
    try:
        return date.fromisoformat(given if len(given) == len("2026-11-22") else f"{given[:4]}-12-31")
    except ValueError:
        return None
