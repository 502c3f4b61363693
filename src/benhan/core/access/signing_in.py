"""Signing in: the password, then whether she may come in now.

The same words and the same work for a login that does not exist and for a wrong password; what else stands in the way
is told only to who knew the password. Source: OWASP ASVS 5.0 6.3; TCVN 14423:2026 (45 idle days).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from benhan.core.access import passwords
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, forget_failures, of_address, of_login, refuse_waiting
from benhan.core.access.hours import Hours
from benhan.core.access.idle import stop_for_idleness
from benhan.core.access.sessions import Terms, Visitor, open_for
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _

_ACCOUNT = """
select a.*, within_hours(days, opens, closes, $2) as open_now, roles_at(a, $2) as roles_now,
       $3 > 0 and used < $2::timestamptz - $3 * interval '1 day' as unused
from account a where login = $1 for update
"""


async def sign_in(
    tx: Transaction, login: str, password: str, terms: Terms, who_comes: Visitor, at: datetime
) -> str | None:
    """Check a password and open a session; gives the session's token, or None when it is wrong.

    Failures are counted in this transaction, so the caller commits it.

    Raises:
        Forbidden: she has to wait, or the password is right and she may not come in now; the message says why.
    """
    await tx.reach(PLATFORM)
    login = login.strip().lower()[:64]
    tried = of_login(login), of_address(who_comes.place)
    await refuse_waiting(tx, *tried)
    row = await tx.fetchrow(_ACCOUNT, login, at, terms.idle_days)
    good = await passwords.matches(row["password_hash"] if row else None, password)
    if row is None or not good:
        await count_failure(tx, *tried)
        _trace(tx, row, who_comes, "wrong password" if row else "unknown login", allowed=False)
        return None
    await refuse_closed(tx, row, terms, who_comes)
    return await _come_in(tx, row, terms, who_comes, "password", at)


async def refuse_closed(tx: Transaction, row: asyncpg.Record, terms: Terms, who_comes: Visitor) -> None:
    """Refuse an account that may not come in now.

    Raises:
        Forbidden: it was stopped, or lies idle, or this is not its hour, or its grants have ended.
    """
    closed = None
    if not row["active"]:
        closed = "stopped", _("Tài khoản đã ngừng: %(why)s.", why=row["stopped"] or _("theo quyết định của quản trị"))
    elif row["unused"]:
        await stop_for_idleness(tx, row["facility"], row["id"], terms.idle_days)
        days = _("Tài khoản không dùng quá %(n)s ngày nên đã ngừng.", n=terms.idle_days)
        closed = "idle", days
    elif not row["open_now"]:
        hours = Hours(row["days"], row["opens"], row["closes"])
        closed = "hours", _("Ngoài giờ được phép đăng nhập của tài khoản này (%(hours)s).", hours=hours.in_words())
    elif not row["roles_now"]:
        closed = "no role", _("Quyền của tài khoản này đã hết hạn hoặc chưa bắt đầu.")
    if closed is None:
        return
    rule, message = closed
    _trace(tx, row, who_comes, rule, allowed=False)
    raise Forbidden(message, advice=_("Hỏi người quản trị của cơ sở."))


async def _come_in(
    tx: Transaction, row: asyncpg.Record, terms: Terms, who_comes: Visitor, how: str, at: datetime
) -> str:
    await forget_failures(tx, row["login"])
    await tx.execute("update account set used = $2 where id = $1", row["id"], at)
    _trace(tx, row, who_comes, how)
    return await open_for(tx, row["facility"], row["id"], terms, who_comes)


def _trace(tx: Transaction, row: Any, who_comes: Visitor, rule: str, *, allowed: bool = True) -> None:
    """Every try leaves one: of her account, or of nobody's at the platform."""
    who = Subject(
        account=row["id"] if row else "unknown", name="", facility=row["facility"] if row else 0, facility_name="",
        roles=frozenset(),
    )  # fmt: skip
    where = " · ".join(filter(None, (who_comes.device, who_comes.place)))
    record(tx, who, Event("sign-in", allowed=allowed, rule=rule, detail=where))
