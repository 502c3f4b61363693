"""An invitation: a link handed over once, with which somebody chooses the password of her account."""

from __future__ import annotations

import asyncpg
import msgspec

from benhan.core.access import passwords
from benhan.core.access.accounts import hashed
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import forget_failures
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _

_FIND = """
select i.token_hash, a.id, a.facility, a.login, a.name, f.name as facility_name, f.code as facility_code
from invitation i join account a on a.id = i.account join facility f on f.key = a.facility
where i.token_hash = $1 and i.ends > now() and a.active
"""


class Invited(msgspec.Struct, frozen=True):
    """Who is invited, and where."""

    account: str
    login: str
    name: str
    facility: int
    facility_name: str
    facility_code: str


async def invited(tx: Transaction, token: str) -> Invited:
    """Whom a link invites. Looking does not use it up.

    Raises:
        NotFound: nobody: it was used, replaced by a newer one, or is older than 72 hours.
    """
    row = await _row(tx, token)
    return Invited(row["id"], row["login"], row["name"], row["facility"], row["facility_name"], row["facility_code"])


async def accept(tx: Transaction, token: str, password: str) -> str:
    """Take the password; the link opens nothing any more. Gives the login.

    Raises:
        NotFound: as `invited`.
        Invalid: the password cannot be taken.
    """
    row = await _row(tx, token, lock=True)
    passwords.check(password, row["login"], row["name"])
    await tx.execute(
        "update account set password_hash = $2, short_password = false, used = now() where id = $1",
        row["id"], await passwords.hash_of(password),
    )  # fmt: skip
    await tx.execute("delete from invitation where account = $1", row["id"])
    await forget_failures(tx, row["login"])
    herself = Subject(
        account=row["id"], name=row["name"], facility=row["facility"], facility_name=row["facility_name"],
        roles=frozenset(),
    )  # fmt: skip
    record(tx, herself, Event("account-accept", "Account", row["id"]))
    return str(row["login"])


async def _row(tx: Transaction, token: str, *, lock: bool = False) -> asyncpg.Record:
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_FIND + ("for update of i" if lock else ""), hashed(token))
    if row is None:
        raise NotFound(
            _("Liên kết mời này không dùng được: đã dùng, đã có liên kết mới hơn, hoặc quá 72 giờ."),
            advice=_("Xin người quản trị của cơ sở một liên kết mới."),
        )
    return row
