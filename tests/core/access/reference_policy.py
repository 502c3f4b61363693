"""The policy said again, as plainly as can be: slow, no SQL, nothing kept. What the program decides must agree.

It reads the tables of `rules/` and nothing else of the program that decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache

import msgspec

from benhan.core.access.roles import Role
from benhan.core.access.rules import ALLOWED, BREAKING, DENIED
from benhan.core.access.subject import Subject
from benhan.core.access.vocabulary import CARE_DAYS, CARE_DAYS_BEFORE, IMPERSONAL, Lift


class Care(msgspec.Struct, frozen=True):
    """A record of care: whose, who is named in it (people, departments, rooms), from when to when, void or not."""

    patient: str
    names: frozenset[str]
    begins: datetime
    ends: datetime
    void: bool = False


class Consent(msgspec.Struct, frozen=True):
    """A consent: whose, to whom it opens which labels, from when to when, withdrawn or not."""

    patient: str
    recipients: frozenset[str]
    labels: frozenset[str]
    begins: datetime
    ends: datetime
    withdrawn: bool = False


class Case(msgspec.Struct, frozen=True):
    """One record: its type, its patient, its own labels with its states, and those of her Patient."""

    type: str
    patient: str | None
    labels: frozenset[str]
    patient_labels: frozenset[str] = frozenset()


def may(
    who: Subject, letter: str, case: Case, care: Iterable[Care], rooms: dict[str, str], now: datetime,
    consents: Iterable[Consent] = (),
) -> bool:  # fmt: skip
    """Whether she may do this to this record. `rooms`: of each room its department."""
    if Role.CLIENT in who.roles:
        allowed = any(one.type in ("*", case.type) and letter in one.letters for one in who.scopes)
    else:
        allowed = any(
            letter in rule.may
            and (rule.types == "*" or case.type in words(rule.types))
            and words(rule.roles) & who.roles
            and (not who.purposes or rule.purpose in who.purposes)
            and (rule.part is None or (who.relation is not None and rule.part in who.relation.parts))
            and (not rule.own or case.patient == (who.patient or "\0"))
            for rule in ALLOWED
        )
    if not allowed:
        return False
    mine = {f"Practitioner/{who.practitioner}"} if who.practitioner else set()
    department = {f"Organization/{one}" for one in who.departments}
    named = mine | department | ({who.account} if Role.CLIENT in who.roles else set())
    agreed = set() if who.program else _agreed(named, case.patient, consents, now)
    department |= {room for room, owner in rooms.items() if owner in department}
    lifted = {
        Lift.MY_CARE: _cares(mine, case.patient, care, now),
        Lift.DEPARTMENT_CARE: _cares(mine | department, case.patient, care, now),
        Lift.BREAK_GLASS: case.patient in who.broken_glass
        and any(letter in rule.may and who.roles & words(rule.roles) for rule in BREAKING),
        Lift.LICENCE: who.licence,
        Lift.RELATION: who.relation is not None and who.relation.labelled,
        Lift.SCOPE: any(one.type == "labelled/read" for one in who.scopes),
        Lift.OWN_RECORD: who.patient is not None and case.patient == who.patient,
    }
    roles = {*who.roles, Role.CLIENT} if who.program else who.roles
    for rule in DENIED:
        types = case.type not in IMPERSONAL if rule.types == "*" else case.type in words(rule.types)
        carried = words(rule.labels) & (case.labels | case.patient_labels)
        labelled = not rule.labels or carried
        lifted[Lift.CONSENT] = bool(carried) and carried <= agreed
        concerned = letter in rule.may_not and words(rule.roles) & roles
        if types and labelled and concerned and not any(lifted[one] for one in rule.unless):
            return False
    return True


@cache
def words(text: str) -> frozenset[str]:
    """What a column of a rule names."""
    return frozenset(text.split())


def letters_of(role: Role) -> dict[str, frozenset[str]]:
    """What the rules allow a role: type → letters."""
    found: dict[str, frozenset[str]] = {}
    for rule in ALLOWED:
        if role in words(rule.roles):
            for name in words(rule.types):
                found[name] = found.get(name, frozenset()) | frozenset(rule.may)
    return found


def _cares(names: set[str], patient: str | None, care: Iterable[Care], now: datetime) -> bool:
    return any(
        one.patient == patient and names & one.names and not one.void
        and one.ends > now - timedelta(days=CARE_DAYS) and one.begins < now + timedelta(days=CARE_DAYS_BEFORE)
        for one in care
    )  # fmt: skip


def _agreed(names: set[str], patient: str | None, consents: Iterable[Consent], now: datetime) -> set[str]:
    """The labels to which consents of the patient open her records to one of these names."""
    found: set[str] = set()
    for one in consents:
        if one.patient == patient and names & one.recipients and not one.withdrawn and one.begins <= now < one.ends:
            found |= one.labels
    return found
