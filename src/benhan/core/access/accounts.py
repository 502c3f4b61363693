"""Accounts, sessions, machine tokens and personal links: how a person or program becomes a Subject.

Source: OWASP ASVS 5.0 chapters 6 and 7 (Argon2id, opaque server-side sessions, back-off after failures).
"""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import timedelta
from hashlib import sha256

import asyncpg
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject, parse_scopes
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid
from benhan.core.language import _

#: ASVS 5.0 2.4.1 parameters: 19 MiB, two passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
#: Compared with when the login is unknown, so that both answers take as long.
_NOBODY = _HASHER.hash("nobody")

FREE_FAILURES = 5
LOCK_SECONDS = 60


def hashed(token: str) -> bytes:
    """What is stored of a token: its SHA-256. Tokens carry 256 random bits, so no salt is needed."""
    return sha256(token.encode()).digest()


async def create_account(
    tx: Transaction,
    facility: int,
    login: str,
    password: str,
    name: str,
    roles: list[Role],
    practitioner: str | None = None,
) -> str:
    """Make an account; gives its id.

    Raises:
        Invalid: the login or the password cannot be accepted.
        Conflict: the login exists.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,63}", login):
        raise Invalid(_("Tên đăng nhập gồm 2–64 chữ thường không dấu, chữ số, dấu chấm hoặc gạch."), where="login")
    if len(password) < 14:
        raise Invalid(_("Mật khẩu cần ít nhất 14 ký tự."), where="password")
    digest = await asyncio.to_thread(_HASHER.hash, password)
    account = secrets.token_hex(8)
    made = await tx.fetchval(
        "insert into account (id, facility, login, password_hash, name, roles, practitioner)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict (login) do nothing returning id",
        account, facility, login, digest, name, [str(role) for role in roles], practitioner,
    )  # fmt: skip
    if made is None:
        raise Conflict(_("Tên đăng nhập %(login)s đã có.", login=login), where="login", advice=_("Chọn tên khác."))
    return account


async def logins(tx: Transaction) -> dict[str, str]:
    """Login → account id, of the facility that the transaction is bound to."""
    return {row["login"]: row["id"] for row in await tx.look("select login, id from account")}


async def sign_in(tx: Transaction, login: str, password: str, hours: int) -> str | None:
    """Check a password and open a session; gives the session token, or None when it is wrong.

    After five failures in a row an account waits a minute, then twice as long each time. The failure is counted in
    this transaction, so the caller commits it.

    Raises:
        Forbidden: the account waits; the message says how long.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "select id, facility, password_hash, failures, extract(epoch from locked_until - now()) as wait"
        " from account where login = $1 and active for update",
        login.strip().lower(),
    )
    _refuse_waiting(row)
    good = await _verify(row["password_hash"] if row else _NOBODY, password)
    if not row:
        return None
    if not good:
        await _count_failure(tx, row["id"], row["failures"] + 1)
        record(tx, _someone(row["id"], row["facility"]), Event("sign-in", allowed=False, rule="wrong password"))
        return None
    await tx.execute("update account set failures = 0, locked_until = null where id = $1", row["id"])
    record(tx, _someone(row["id"], row["facility"]), Event("sign-in", rule="password"))
    return await open_session(tx, row["facility"], account=row["id"], hours=hours)


async def confirm_password(tx: Transaction, who: Subject, password: str) -> bool:
    """Ask a signed-in person for her password again: what stands for a signature until certificates come.

    Wrong ones are counted like at sign-in, in this transaction, so the caller commits it.

    Raises:
        Forbidden: too many wrong ones; the message says how long to wait.
    """
    row = await tx.fetchrow(
        "select password_hash, failures, extract(epoch from locked_until - now()) as wait"
        " from account where id = $1 and active for update",
        who.account,
    )
    _refuse_waiting(row)
    good = row is not None and await _verify(row["password_hash"], password)
    record(tx, who, Event("confirm-password", allowed=good, rule="password"))
    if row and good:
        await tx.execute("update account set failures = 0, locked_until = null where id = $1", who.account)
    elif row:
        await _count_failure(tx, who.account, row["failures"] + 1)
    return good


async def open_session(
    tx: Transaction, facility: int, *, account: str | None = None, patient: str | None = None, hours: int
) -> str:
    """Open a session for an account, or for a patient who proved her personal link; gives its token."""
    token = secrets.token_urlsafe(32)
    await tx.execute(
        "insert into session (token_hash, facility, account, patient, ends) values ($1, $2, $3, $4, now() + $5)",
        hashed(token), facility, account, patient, timedelta(hours=hours),
    )  # fmt: skip
    return token


async def sign_out(tx: Transaction, who: Subject, token: str) -> None:
    """End the session of this token."""
    await tx.execute("delete from session where token_hash = $1", hashed(token))
    record(tx, who, Event("sign-out"))


async def create_client(tx: Transaction, facility: int, name: str, scopes: str) -> str:
    """Register a program with SMART v2 system scopes; gives its bearer token, shown only once.

    A second call with the same name replaces token and scopes.

    Raises:
        ValueError: a scope cannot be read.
    """
    parse_scopes(scopes)
    token = "bh_" + secrets.token_urlsafe(32)
    await tx.execute(
        "insert into client (name, facility, token_hash, scopes) values ($1, $2, $3, $4)"
        " on conflict (facility, name) do update set token_hash = $3, scopes = $4, revoked = null",
        name, facility, hashed(token), scopes,
    )  # fmt: skip
    return token


def _refuse_waiting(row: asyncpg.Record | None) -> None:
    if row and row["wait"] and row["wait"] > 0:
        wait = int(row["wait"]) + 1
        raise Forbidden(_("Tài khoản tạm khoá sau nhiều lần sai. Thử lại sau %(seconds)s giây.", seconds=wait))


async def _verify(digest: str, password: str) -> bool:
    try:
        return await asyncio.to_thread(_HASHER.verify, digest, password[:1024])
    except (VerificationError, InvalidHashError):
        return False


async def _count_failure(tx: Transaction, account: str, failures: int) -> None:
    wait = LOCK_SECONDS * 2 ** min(failures - FREE_FAILURES, 10) if failures >= FREE_FAILURES else 0
    await tx.execute(
        "update account set failures = $2, locked_until = case when $3 > 0 then now() + $3 * interval '1 second' end"
        " where id = $1",
        account, failures, wait,
    )  # fmt: skip


def _someone(account: str, facility: int) -> Subject:
    return Subject(account=account, name="", facility=facility, facility_name="", roles=frozenset())
