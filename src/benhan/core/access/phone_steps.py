"""A telephone that somebody proves to hold: by a code sent to it, or by what Zalo says. It opens nothing by itself.

Whether anybody here has this telephone is told to nobody: every number is asked, counted and answered alike.
Source: OWASP ASVS 5.0 6.6 (out-of-band codes: random, once, minutes), 6.3.1 (guessing).
"""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta
from typing import Final

import msgspec

from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, of_address, refuse_waiting
from benhan.core.access.sessions import Visitor
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.language import _
from benhan.core.vault import Column, keys_of

#: A code holds so long and for so many tries; what was proved by it so long again.
MINUTES: Final = 5
MOST_TRIES: Final = 5
FIGURES: Final = 6
_PHONE: Final = Column("phone_step", "phone")


class Proved(msgspec.Struct, frozen=True):
    """A telephone that is proved to be hers now, at the facility where she comes in; her id at Zalo, if it said so."""

    facility: int
    phone: str
    zalo: str | None


async def of_phone(tx: Transaction, facility: int, phone: str) -> bytes:
    """How a telephone stands in the tables beside a facility's records (0: the platform's): hashed with its key."""
    return (await keys_of(tx, facility)).digest(f"phone:{phone}")


async def all_of_phone(tx: Transaction, facility: int, phone: str) -> list[bytes]:
    """All ways in which it may stand there, while the key is exchanged."""
    return (await keys_of(tx, facility)).digests(f"phone:{phone}")


async def of_guess(tx: Transaction, phone: str) -> str:
    """What is counted for a telephone."""
    return f"phone:{(await of_phone(tx, 0, phone)).hex()[:32]}"


async def at(tx: Transaction, who: Subject, code: str | None) -> Subject:
    """Who asks, at the hospital of this code (None: where she is): she may be signed in at another.

    Raises:
        NotFound: there is no such hospital.
    """
    if code in (None, who.facility_code):
        return who
    row = await tx.fetchrow("select key, name, code from facility where key > 0 and treats and code = $1", code)
    if row is None:
        raise NotFound(_("Không có cơ sở khám chữa bệnh mang mã %(code)s.", code=(code or "")[:20]))
    return msgspec.structs.replace(who, facility=row["key"], facility_name=row["name"], facility_code=row["code"])


async def begin(tx: Transaction, facility: int, phone: str, who_comes: Visitor) -> tuple[str, str]:
    """A step's token, and the code to send; asking counts like a wrong try until she has come in.

    Raises:
        Forbidden: this telephone, or this address, has to wait.
    """
    await tx.reach(PLATFORM)
    tried = await of_guess(tx, phone), of_address(f"codes:{who_comes.place}")
    await refuse_waiting(tx, *tried)
    await count_failure(tx, *tried)
    token, code = new_token(), f"{secrets.randbelow(10**FIGURES):0{FIGURES}}"
    await _keep(tx, token, facility, phone, _code_hash(token, code), None)
    return token, code


async def begin_proved(tx: Transaction, facility: int, phone: str, zalo: str) -> str:
    """A step of a telephone that Zalo vouched for."""
    await tx.reach(PLATFORM)
    token = new_token()
    await _keep(tx, token, facility, phone, None, zalo)
    return token


async def show_code(tx: Transaction, token: str, code: str, who_comes: Visitor) -> bool | None:
    """Whether the code is right; None: the step is over. Wrong ones are counted: the caller commits.

    Raises:
        Forbidden: this address has to wait.
    """
    await tx.reach(PLATFORM)
    await refuse_waiting(tx, of_address(who_comes.place))
    row = await tx.fetchrow(
        "update phone_step set tries = tries + 1 where token_hash = $1 and code_hash is not null and ends > now()"
        " and tries < $2 returning code_hash, facility",
        hashed(token), MOST_TRIES,
    )  # fmt: skip
    if row is None:
        return None
    if not hmac.compare_digest(row["code_hash"], _code_hash(token, "".join(code.split()))):
        await count_failure(tx, of_address(who_comes.place))
        trace(tx, row["facility"], "wrong code", who_comes, allowed=False)
        return False
    await tx.execute(
        "update phone_step set code_hash = null, tries = 0, ends = now() + $2 where token_hash = $1",
        hashed(token), timedelta(minutes=MINUTES),
    )  # fmt: skip
    return True


async def proved(tx: Transaction, token: str) -> Proved | None:
    """What a step has proved; None: it is over, or its code was not shown. Others wait for its end."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "select facility, phone, zalo from phone_step where token_hash = $1 and code_hash is null and ends > now()"
        " and tries < $2 for update",
        hashed(token), MOST_TRIES,
    )  # fmt: skip
    if row is None:
        return None
    return Proved(
        row["facility"], _PHONE.show(tx, row["facility"], hashed(token).hex(), row["phone"]), row["zalo"]
    )  # fmt: skip


async def count_wrong(tx: Transaction, token: str, of: Proved, who_comes: Visitor) -> None:
    """What she said after the code is true of nobody; after some, the step is over."""
    await tx.execute("update phone_step set tries = tries + 1 where token_hash = $1", hashed(token))
    await count_failure(tx, await of_guess(tx, of.phone), of_address(who_comes.place))
    trace(tx, of.facility, "wrong birth date", who_comes, allowed=False)


async def end(tx: Transaction, token: str, of: Proved) -> None:
    """She came in: the step is used up, and her telephone starts anew."""
    await tx.execute("delete from phone_step where token_hash = $1 or ends < now()", hashed(token))
    await tx.execute("delete from back_off where what = $1", await of_guess(tx, of.phone))


def trace(tx: Transaction, facility: int, rule: str, who_comes: Visitor, *, allowed: bool = True) -> None:
    """The trace of a try: nobody is known yet, so it names nobody, and no telephone."""
    nobody = Subject(account="unknown", name="", facility=facility, facility_name="", roles=frozenset())
    where = " · ".join(filter(None, (who_comes.device, who_comes.place)))
    record(tx, nobody, Event("sign-in", allowed=allowed, rule=rule, detail=where))


async def _keep(
    tx: Transaction, token: str, facility: int, phone: str, code_hash: bytes | None, zalo: str | None
) -> None:
    await tx.execute(
        "insert into phone_step (token_hash, facility, phone, code_hash, zalo, ends)"
        " values ($1, $2, $3, $4, $5, now() + $6)",
        hashed(token), facility, await _PHONE.hide(tx, facility, hashed(token).hex(), phone), code_hash, zalo,
        timedelta(minutes=MINUTES),
    )  # fmt: skip


def _code_hash(token: str, code: str) -> bytes:
    """A code is worth a million guesses: its hash is salted with the token, which only her browser has."""
    return hmac.digest(token.encode(), code.encode(), "sha256")
