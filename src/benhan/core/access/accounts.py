"""Accounts, sessions, machine tokens and personal links: how a person or program becomes a Subject.

Source: OWASP ASVS 5.0 chapters 6 and 7 (Argon2id, opaque server-side sessions, back-off after failures).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256

from benhan.core.access import passwords
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, forget_failures, of_login, refuse_waiting
from benhan.core.access.roles import Role
from benhan.core.access.scopes import parse_scopes
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _


def hashed(token: str) -> bytes:
    """What is stored of a token: its SHA-256. Tokens carry 256 random bits, so no salt is needed."""
    return sha256(token.encode()).digest()


def new_token() -> str:
    """A token of 256 random bits, to be shown once."""
    return secrets.token_urlsafe(32)


async def create_account(
    tx: Transaction,
    facility: int,
    login: str,
    password: str | None,
    name: str,
    roles: Iterable[Role],
    practitioner: str | None = None,
    *,
    digest: str | None = None,
) -> str:
    """Make an account; gives its id. Without a password it waits for its holder to choose one (an invitation).

    `digest`: what is kept of the password, where it is known already (`passwords.hash_of`).

    Raises:
        Invalid: the login or the password cannot be accepted.
        Conflict: the login exists.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,63}", login):
        raise Invalid(_("Tên đăng nhập gồm 2–64 chữ thường không dấu, chữ số, dấu chấm hoặc gạch."), where="login")
    if password is not None:
        passwords.check(password, login, name)
        digest = digest or await passwords.hash_of(password)
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


async def confirm_password(tx: Transaction, who: Subject, password: str) -> bool:
    """Ask a signed-in person for her password again: what stands for a signature until certificates come.

    Wrong ones are counted like at sign-in, in this transaction, so the caller commits it.

    Raises:
        Forbidden: too many wrong ones; the message says how long to wait.
    """
    row = await tx.fetchrow("select login, password_hash from account where id = $1 and active", who.account)
    tried = of_login(row["login"] if row else who.account)
    await refuse_waiting(tx, tried)
    good = await passwords.matches(row["password_hash"] if row else None, password)
    record(tx, who, Event("confirm-password", allowed=good, rule="password"))
    if row and good:
        await forget_failures(tx, row["login"])
    else:
        await count_failure(tx, tried)
    return good


async def open_session(
    tx: Transaction, facility: int, *, account: str | None = None, patient: str | None = None, hours: int
) -> str:
    """Open a session for an account, or for a patient who proved her personal link; gives its token."""
    token = new_token()
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
