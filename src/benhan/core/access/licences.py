"""Practice licences: who needs one, whether hers holds, and whether the house asks for it (`Lift.LICENCE`).

A house that asks lets nobody diagnose, prescribe or sign without one; `licence_holds` (migration 0020) says so in the
statement that verifies every request. Source: Law 15/2023/QH15 art. 19, 26 (who needs one), 27 (five years).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.staff import Person, Staff
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction

#: Roles of the titles that need one: physicians, nurses and midwives, medical technicians.
NEEDED: Final = frozenset({Role.DOCTOR, Role.NURSE, Role.LABORATORY, Role.IMAGING})
#: So long before its end an administrator is told.
DAYS: Final = 60
#: The order in which states are told.
STATES: Final = ("missing", "ended", "ending", "valid")


def state(person: Person, today: date) -> str:
    """`missing` (also: not begun yet), `ended`, `ending` (within DAYS) or `valid`. Its last day is a day of it."""
    if not person.licence or (person.licence_issued and person.licence_issued > today):
        return "missing"
    if person.licence_ends is None:
        return "valid"
    if person.licence_ends < today:
        return "ended"
    return "ending" if person.licence_ends <= today + timedelta(days=DAYS) else "valid"


def needed(one: Staff) -> bool:
    """Whether somebody who works here now has to have one."""
    return one.active and bool(NEEDED & (one.person.roles | one.roles_now))


def troubled(everybody: Iterable[Staff], today: date) -> list[tuple[Staff, str]]:
    """Whose licence is missing, over or soon over: the worst first, then by its end."""
    found = [(one, state(one.person, today)) for one in everybody if needed(one)]
    wrong = [(one, said) for one, said in found if said != "valid"]
    return sorted(wrong, key=lambda pair: (STATES.index(pair[1]), pair[0].person.licence_ends or date.min))


async def asked_for(tx: Transaction, facility: int) -> bool:
    """Whether this house asks for one."""
    return bool(await tx.fetchval("select licence_asked from facility_rule where facility = $1", facility))


async def ask_for(tx: Transaction, who: Subject, *, asked: bool) -> None:
    """Ask for one, or no more: from everybody's next request on.

    Raises:
        Forbidden: she is no administrator.
    """
    who.must_administer("Account")
    await tx.execute(
        "insert into facility_rule (facility, licence_asked) values ($1, $2)"
        " on conflict (facility) do update set licence_asked = $2",
        who.facility, asked,
    )  # fmt: skip
    record(tx, who, Event("licence-rule", detail="asked" if asked else "not asked"))
