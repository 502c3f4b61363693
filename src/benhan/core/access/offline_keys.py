"""Keys of people for what is encrypted to them and opened while this server is away, by a pass-phrase of its own.

The server keeps the public key, and the private one wrapped by the pass-phrase; the pass-phrase itself nowhere. It is
none that signs in: what is stolen from a ward's computer and guessed at opens nothing here (ADR 37).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

import msgspec

from benhan.core.access import passwords
from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _
from benhan.core.vault import carried

_HOLDERS = """
select a.id, a.login, a.name, roles_at(a, now()) as roles, a.departments, a.practitioner, k.public, k.wrapped
from offline_key k join account a on a.id = k.account and a.facility = k.facility
where k.facility = $1 and a.active order by a.name, a.id
"""


class Holder(msgspec.Struct, frozen=True):
    """Somebody who has a key, as her account stands now."""

    account: str
    login: str
    name: str
    roles: frozenset[Role]
    departments: frozenset[str]
    practitioner: str | None
    public: bytes
    wrapped: bytes


def place(account: str) -> str:
    """For which place the private key of an account is wrapped."""
    return f"offline_key/{account}"


async def set_words(tx: Transaction, who: Subject, words: str, pinned: bytes) -> None:
    """Give her a new key under a pass-phrase; what was made for the one before opens no more.

    `pinned`: what is wrapped with the key and she is to believe later (who signs what she opens).

    Raises:
        Invalid: the pass-phrase is too short, common, made of her name, or the one she signs in with.
    """
    row = await tx.fetchrow("select login, password_hash from account where id = $1 and active", who.account)
    if row is None:
        raise Conflict(_("Chỉ tài khoản của cơ sở đặt được cụm mật khẩu dự phòng."))
    passwords.check(words, row["login"], who.name)
    if await passwords.matches(row["password_hash"], words):
        raise Invalid(_("Dùng cụm khác với mật khẩu đăng nhập."), where="password")
    private, public = carried.new_key()
    wrapped = await asyncio.to_thread(carried.wrapped, words, place(who.account), private + pinned)
    await tx.execute(
        "insert into offline_key (facility, account, public, wrapped) values ($1, $2, $3, $4)"
        " on conflict (facility, account) do update set public = $3, wrapped = $4, made = now()",
        who.facility, who.account, public, wrapped,
    )  # fmt: skip
    record(tx, who, Event("offline-key", "Account", who.account, rule="own account"))


async def remove(tx: Transaction, who: Subject) -> None:
    """She opens nothing any more that is written from now on."""
    await tx.execute("delete from offline_key where facility = $1 and account = $2", who.facility, who.account)
    record(tx, who, Event("offline-key-ended", "Account", who.account, rule="own account"))


async def since(tx: Transaction, who: Subject) -> datetime | None:
    """Since when she has her key."""
    found: datetime | None = await tx.fetchval(
        "select made from offline_key where facility = $1 and account = $2", who.facility, who.account
    )
    return found


async def holders(tx: Transaction, facility: int) -> Sequence[Holder]:
    """Who of a facility has a key and an account that may be used."""
    rows = await tx.fetch(_HOLDERS, facility)
    return [
        Holder(
            row["id"], row["login"], row["name"], frozenset(map(Role, row["roles"])), frozenset(row["departments"]),
            row["practitioner"], row["public"], row["wrapped"],
        )
        for row in rows
    ]  # fmt: skip
