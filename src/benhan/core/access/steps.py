"""Steps between a question and its answer: after the password, while an application is set up, a passkey's challenge,
while she is at a provider.

A step opens nothing by itself, belongs to one purpose, is used once and ends after some minutes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import msgspec

from benhan.core.access.accounts import hashed, new_token
from benhan.core.db import Row, Transaction
from benhan.core.vault import Column

MINUTES: Final = 5
_SECRET: Final = Column("sign_in_step", "secret")


class Step(msgspec.Struct, frozen=True):
    """What a step remembers."""

    facility: int
    account: str | None
    challenge: bytes | None
    secret: str | None
    #: What it followed upon: `password` or `provider`.
    first: str


async def begin(
    tx: Transaction,
    facility: int,
    account: str | None,
    kind: str,
    *,
    challenge: bytes | None = None,
    secret: str | None = None,
    first: str = "password",
    minutes: int = MINUTES,
) -> str:
    """Begin a step; gives its token."""
    token = new_token()
    if secret is not None:
        secret = await _SECRET.hide(tx, facility, hashed(token).hex(), secret)
    await tx.execute(
        "insert into sign_in_step (token_hash, facility, account, kind, challenge, secret, first, ends)"
        " values ($1, $2, $3, $4, $5, $6, $7, now() + $8)",
        hashed(token), facility, account, kind, challenge, secret, first, timedelta(minutes=minutes),
    )  # fmt: skip
    return token


async def peek(tx: Transaction, token: str, kind: str) -> Step | None:
    """The step of a token, if it is of this kind and has not ended; it can be used further."""
    row = await tx.fetchrow(
        "select * from sign_in_step where token_hash = $1 and kind = $2 and ends > now() for update",
        hashed(token), kind,
    )  # fmt: skip
    return _step(tx, token, row) if row else None


async def take(tx: Transaction, token: str, kind: str) -> Step | None:
    """As `peek`, and it is used up."""
    found = await peek(tx, token, kind)
    await tx.execute("delete from sign_in_step where token_hash = $1 and kind = $2", hashed(token), kind)
    return found


async def take_first(tx: Transaction, token: str, kind: str) -> Step | None:
    """As `take`, in a statement of its own before anything else: what is asked of others next keeps no transaction."""
    row = await tx.first("select * from take_step($1, $2)", hashed(token), kind)
    return _step(tx, token, row) if row else None


def _step(tx: Transaction, token: str, row: Row) -> Step:
    secret = row["secret"]
    if secret is not None:
        secret = _SECRET.show(tx, row["facility"], hashed(token).hex(), secret)
    return Step(row["facility"], row["account"], row["challenge"], secret, row["first"])
