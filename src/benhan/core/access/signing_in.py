"""Signing in: the password (or a provider's word), then whether she may come in now, then what she has beside it.

The same words and the same work for a login that does not exist and for a wrong password; what else stands in the way
is told only to who knew the password. Between the steps there is no session: a step opens nothing (`steps`).
Source: OWASP ASVS 5.0 6.3, 6.5, 6.8; TCVN 14423:2026 (second factor, 45 idle days).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from benhan.core.access import passkeys, passwords, second_factors, steps
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, forget_failures, of_address, of_login, refuse_waiting
from benhan.core.access.hours import Hours
from benhan.core.access.idle import stop_for_idleness
from benhan.core.access.outside import links
from benhan.core.access.outside.provider import Identity, Provider, Trouble
from benhan.core.access.passkeys import Site
from benhan.core.access.roles import Role
from benhan.core.access.sessions import Terms, Visitor, open_for
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Forbidden, SignInNeeded
from benhan.core.language import _

#: The kinds of step after what came first: show something more, or set it up first.
SECOND, ENROL = "second", "enrol"
#: What may come first.
PASSWORD, PROVIDER = "password", "provider"
_ACCOUNT = """
select a.*, within_hours(days, opens, closes, $2) as open_now, roles_at(a, $2) as roles_now,
       $3 > 0 and used < $2::timestamptz - $3 * interval '1 day' as unused
from account a where {by} = $1 for update
"""
_BY_LOGIN, _BY_ID = _ACCOUNT.format(by="login"), _ACCOUNT.format(by="id")


class Came(msgspec.Struct, frozen=True):
    """How far she came: a session's token, or a step's token and which step it is."""

    token: str
    step: str | None = None


class Enrolled(msgspec.Struct, frozen=True):
    """She set an application up and came in; her recovery codes, shown once."""

    token: str
    recovery_codes: list[str]


async def sign_in(
    tx: Transaction, login: str, password: str, terms: Terms, who_comes: Visitor, at: datetime
) -> Came | None:
    """Check a password; a session where that is all, else the next step; None when it is wrong.

    Failures are counted in this transaction, so the caller commits it.

    Raises:
        Forbidden: she has to wait, or the password is right and she may not come in now; the message says why.
    """
    await tx.reach(PLATFORM)
    login = login.strip().lower()[:64]
    tried = of_login(login), of_address(who_comes.place)
    row = await tx.fetchrow(_BY_LOGIN, login, at, terms.idle_days)
    await _refuse_waiting(tx, row, who_comes, *tried)
    good = await passwords.matches(row["password_hash"] if row else None, password)
    if row is None or not good:
        await count_failure(tx, *tried)
        _trace(tx, row, who_comes, "wrong password" if row else "unknown login", allowed=False)
        return None
    await _refuse_closed(tx, row, terms, who_comes)
    return await _onward(tx, row, terms, who_comes, PASSWORD, at)


async def show_identity(
    tx: Transaction, provider: Provider, identity: Identity, terms: Terms, who_comes: Visitor, at: datetime
) -> Came | None:
    """Who she is at a provider, as it vouched for; None when no account is linked to that.

    Its second factor stands for ours only where the operator said so (`Identity.strong`).

    Raises:
        Forbidden: as `sign_in`.
    """
    account = await links.holder(tx, provider, identity)
    row = await tx.fetchrow(_BY_ID, account, at, terms.idle_days) if account else None
    await _refuse_waiting(tx, row, who_comes, of_address(who_comes.place))
    if row is None:
        _trace(tx, None, who_comes, "unknown identity", allowed=False, about=f"{provider.name}: {identity.shown}")
        return None
    await _refuse_closed(tx, row, terms, who_comes)
    await links.note_use(tx, identity, at)
    if identity.strong:
        return Came(await _come_in(tx, row, terms, who_comes, "provider, its second factor", at))
    return await _onward(tx, row, terms, who_comes, PROVIDER, at)


def not_vouched_for(tx: Transaction, provider: Provider, trouble: Trouble, who_comes: Visitor) -> None:
    """Leave the trace of a provider that told us nothing we can trust. The transaction must reach the platform."""
    about = f"{provider.name}: {trouble.detail}" if trouble.detail else provider.name
    _trace(tx, None, who_comes, f"provider: {trouble.kind}", allowed=False, about=about)


def needs_second(roles: frozenset[Role], terms: Terms) -> bool:
    """Whether somebody of these roles must have a second factor here."""
    return bool(roles & terms.second_factor)


async def show_code(
    tx: Transaction, step: str, code: str, terms: Terms, who_comes: Visitor, at: datetime
) -> str | None:
    """After the password: a code of her application, or a recovery code; a session's token, or None when it is wrong.

    Raises:
        SignInNeeded: the step has ended.
        Forbidden: as `sign_in`.
    """
    row, first = await _stepping(tx, step, SECOND, terms, who_comes, at)
    plain = "".join(code.split())
    if plain.isdigit() and len(plain) == 6:
        good, how = await second_factors.take_code(tx, row["id"], plain, at), "code"
    else:
        good, how = await second_factors.take_recovery_code(tx, row["id"], plain), "recovery code"
    return await _after_second(tx, row, step, terms, who_comes, at, f"{first}+{how}" if good else None)


async def passkey_question(tx: Transaction, site: Site, step: str | None = None) -> dict[str, Any]:
    """What the browser needs for `show_passkey`: of anybody, or of her whose password was right.

    Raises:
        SignInNeeded: the step has ended.
    """
    await tx.reach(PLATFORM)
    if step is None:
        return await passkeys.options_to_show(tx, site)
    found = await steps.peek(tx, step, SECOND)
    if found is None:
        raise _over()
    return await passkeys.options_to_show(tx, site, found.facility, found.account)


async def show_passkey(
    tx: Transaction,
    question: str,
    said: str,
    site: Site,
    terms: Terms,
    who_comes: Visitor,
    at: datetime,
    step: str | None = None,
) -> str | None:
    """A passkey, alone or after the password; a session's token, or None when it is nobody's.

    Raises:
        SignInNeeded: the step has ended.
        Forbidden: as `sign_in`.
    """
    if step is not None:
        row, first = await _stepping(tx, step, SECOND, terms, who_comes, at)
        good = await passkeys.holder(tx, question, said, site) == row["id"]
        return await _after_second(tx, row, step, terms, who_comes, at, f"{first}+passkey" if good else None)
    await tx.reach(PLATFORM)
    await _refuse_waiting(tx, None, who_comes, of_address(who_comes.place))
    account = await passkeys.holder(tx, question, said, site)
    its = await tx.fetchrow(_BY_ID, account, at, terms.idle_days) if account else None
    if its is None:
        await count_failure(tx, of_address(who_comes.place))
        _trace(tx, None, who_comes, "wrong passkey", allowed=False)
        return None
    await _refuse_closed(tx, its, terms, who_comes)
    return await _come_in(tx, its, terms, who_comes, "passkey", at)


async def to_enrol(tx: Transaction, step: str) -> tuple[str, str, str]:
    """Secret, login and house of an application that has to be set up before she comes in.

    Raises:
        SignInNeeded: the step has ended.
    """
    await tx.reach(PLATFORM)
    found = await steps.peek(tx, step, ENROL)
    row = await tx.fetchrow(
        "select a.login, f.name from account a join facility f on f.key = a.facility where a.id = $1",
        found.account if found else None,
    )
    if found is None or row is None or not found.secret:
        raise _over()
    return found.secret, row["login"], row["name"]


async def enrol(
    tx: Transaction, step: str, code: str, terms: Terms, who_comes: Visitor, at: datetime
) -> Enrolled | None:
    """The first code of the application she has just set up; None when it is wrong.

    Raises:
        SignInNeeded: the step has ended.
        Forbidden: as `sign_in`.
    """
    secret, _login, _house = await to_enrol(tx, step)
    row, first = await _stepping(tx, step, ENROL, terms, who_comes, at)
    herself = _herself(row)
    if not await second_factors.set_application(tx, herself, secret, code, at):
        await _after_second(tx, row, step, terms, who_comes, at, None)
        return None
    await steps.take(tx, step, ENROL)
    codes = await second_factors.new_recovery_codes(tx, herself)
    return Enrolled(await _come_in(tx, row, terms, who_comes, f"{first}+code", at), codes)


async def _onward(
    tx: Transaction, row: asyncpg.Record, terms: Terms, who_comes: Visitor, first: str, at: datetime
) -> Came:
    """From what came first to her second factor, to setting one up, or straight in."""
    if (await second_factors.of_account(tx, row["id"])).any:
        return Came(await steps.begin(tx, row["facility"], row["id"], SECOND, first=first), SECOND)
    if needs_second(frozenset(map(Role, row["roles_now"])), terms):
        secret = second_factors.new_secret()
        return Came(await steps.begin(tx, row["facility"], row["id"], ENROL, secret=secret, first=first), ENROL)
    return Came(await _come_in(tx, row, terms, who_comes, first, at))


async def _stepping(
    tx: Transaction, step: str, kind: str, terms: Terms, who_comes: Visitor, at: datetime
) -> tuple[asyncpg.Record, str]:
    """Whose step it is, and what came before it; failures of the second factor count like those of the password, and
    hold her back as long."""
    await tx.reach(PLATFORM)
    found = await steps.peek(tx, step, kind)
    row = await tx.fetchrow(_BY_ID, found.account, at, terms.idle_days) if found else None
    if found is None or row is None:
        raise _over()
    await _refuse_waiting(tx, row, who_comes, of_login(row["login"]), of_address(who_comes.place))
    await _refuse_closed(tx, row, terms, who_comes)
    return row, found.first


async def _after_second(
    tx: Transaction, row: asyncpg.Record, step: str, terms: Terms, who_comes: Visitor, at: datetime, how: str | None
) -> str | None:
    if how is None:
        await count_failure(tx, of_login(row["login"]), of_address(who_comes.place))
        _trace(tx, row, who_comes, "wrong second factor", allowed=False)
        return None
    await steps.take(tx, step, SECOND)
    return await _come_in(tx, row, terms, who_comes, how, at)


async def _refuse_waiting(tx: Transaction, row: asyncpg.Record | None, who_comes: Visitor, *tried: str) -> None:
    try:
        await refuse_waiting(tx, *tried)
    except Forbidden:
        _trace(tx, row, who_comes, "held back", allowed=False)
        raise


async def _refuse_closed(tx: Transaction, row: asyncpg.Record, terms: Terms, who_comes: Visitor) -> None:
    """Refuse an account that may not come in now.

    Raises:
        Forbidden: it was stopped, was never opened, lies idle, or this is not its hour, or its grants have ended.
    """
    closed = None
    if row["active"] and row["password_hash"] is None:
        closed = "invited", _("Tài khoản này chưa có mật khẩu: mở liên kết mời và đặt mật khẩu trước.")
    elif not row["active"]:
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
    """Only here are failures forgotten: a right password alone must not let somebody go on guessing codes."""
    await forget_failures(tx, row["login"])
    await tx.execute("update account set used = $2 where id = $1", row["id"], at)
    _trace(tx, row, who_comes, how)
    return await open_for(tx, row["facility"], row["id"], terms, who_comes)


def _over() -> SignInNeeded:
    return SignInNeeded(_("Bước đăng nhập này đã hết hạn. Nhập lại mật khẩu."))


def _herself(row: asyncpg.Record) -> Subject:
    return Subject(account=row["id"], name=row["name"], facility=row["facility"], facility_name="", roles=frozenset())


def _trace(tx: Transaction, row: Any, who_comes: Visitor, rule: str, *, allowed: bool = True, about: str = "") -> None:
    """Every try leaves one: of her account, or of nobody's at the platform."""
    nobody = Subject(account="unknown", name="", facility=0, facility_name="", roles=frozenset())
    where = " · ".join(filter(None, (who_comes.device, who_comes.place, about)))
    record(tx, _herself(row) if row else nobody, Event("sign-in", allowed=allowed, rule=rule, detail=where))
