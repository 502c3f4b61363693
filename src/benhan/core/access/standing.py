"""Who an account is now: for work that is done on its behalf later, such as delivering to a subscriber.

A right is asked when it is used, not when it was given: a program that was revoked is nobody from then on.
"""

from __future__ import annotations

from benhan.core.access.roles import Role
from benhan.core.access.scopes import readable
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction

_CLIENT = "client:"


async def standing(tx: Transaction, facility: int, account: str) -> Subject | None:
    """The Subject an account would be if it came now; None when it may not come any more.

    Patients with a personal link and the program's own services have no standing: nothing is done for them later.
    """
    if account.startswith(_CLIENT):
        return await _client(tx, facility, account.removeprefix(_CLIENT))
    row = await tx.fetchrow(
        "select a.name, roles_at(a, now()) as roles, a.departments, a.practitioner, f.name as facility_name, f.code"
        " from account a join facility f on f.key = a.facility where a.id = $1 and a.facility = $2 and a.active",
        account, facility,
    )  # fmt: skip
    if row is None:
        return None
    return Subject(
        account=account, name=row["name"], facility=facility, facility_name=row["facility_name"],
        facility_code=row["code"], roles=frozenset(Role(role) for role in row["roles"]),
        departments=frozenset(row["departments"]), practitioner=row["practitioner"],
    )  # fmt: skip


async def _client(tx: Transaction, facility: int, name: str) -> Subject | None:
    row = await tx.fetchrow(
        "select c.scopes, f.name as facility_name, f.code from client c join facility f on f.key = c.facility"
        " where c.facility = $1 and c.name = $2 and c.revoked is null",
        facility, name,
    )  # fmt: skip
    if row is None:
        return None
    return Subject(
        account=_CLIENT + name, name=name, facility=facility, facility_name=row["facility_name"],
        facility_code=row["code"], roles=frozenset({Role.CLIENT}), scopes=readable(row["scopes"], ("system",)),
    )  # fmt: skip
