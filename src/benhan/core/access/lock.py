"""A screen that nobody is at is locked: its session holds for nobody until its holder shows that she is back.

What she was typing stays in her browser. Source: OWASP ASVS 5.0 7.3; TCVN 14423:2026 (idle screens).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import msgspec

from benhan.core.access import passkeys, passwords
from benhan.core.access.accounts import hashed, new_token
from benhan.core.access.audit import Event, record
from benhan.core.access.back_off import count_failure, forget_failures, of_login, refuse_waiting
from benhan.core.access.passkeys import Site
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Invalid, SignInNeeded
from benhan.core.language import _

PIN_FIGURES: Final = 6
PIN_TRIES: Final = 5
#: Below three minutes a nurse would unlock more than work; beyond two hours it is no lock.
LEAST, MOST = 3, 120
UNLOCK: Final = "unlock"
_LOCKED = """
select s.token_hash, s.facility, s.tries, a.id, a.login, a.name, a.password_hash, a.pin_hash,
       f.name as facility_name, exists(select from passkey p where p.account = a.id) as passkeys
from session s join account a on a.id = s.account join facility f on f.key = s.facility
where s.token_hash = $1 and session_stands(s, a) and session_locked(s) for update of s
"""


class Locked(msgspec.Struct, frozen=True):
    """Whose screen is locked, and what she can unlock it with beside her password."""

    name: str
    facility_name: str
    pin: bool
    passkeys: bool


async def lock(tx: Transaction, who: Subject) -> None:
    """Lock this session now, in all its windows."""
    await tx.execute(
        "update session set locked = now() where facility = $1 and account = $2"
        " and left(encode(token_hash, 'hex'), 16) = $3",
        who.facility, who.account, who.session,
    )  # fmt: skip
    record(tx, who, Event("lock"))


async def locked(tx: Transaction, token: str) -> Locked | None:
    """Whose session this is, where it is locked."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_LOCKED, hashed(token))
    if row is None:
        return None
    return Locked(row["name"], row["facility_name"], row["pin_hash"] is not None, row["passkeys"])


async def unlock(
    tx: Transaction, token: str, site: Site, *, pin: str = "", password: str = "", question: str = "", said: str = ""
) -> str | None:
    """Unlock with a PIN, the password or a passkey; gives the session's new token, None when it is wrong.

    The fifth wrong PIN ends the session: then it is the whole sign-in. Wrong ones are counted in this transaction, so
    the caller commits it.

    Raises:
        SignInNeeded: there is no such session any more.
        Forbidden: too many wrong passwords; she has to wait.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_LOCKED, hashed(token))
    if row is None:
        raise SignInNeeded(_("Phiên làm việc đã hết. Đăng nhập lại."))
    if said:
        how, good = "passkey", await passkeys.holder(tx, question, said, site, UNLOCK) == row["id"]
    elif password:
        await refuse_waiting(tx, of_login(row["login"]))
        how, good = "password", await passwords.matches(row["password_hash"], password)
        await (forget_failures(tx, row["login"]) if good else count_failure(tx, of_login(row["login"])))
    else:
        how, good = "PIN", await passwords.matches(row["pin_hash"], pin)
    herself = Subject(
        account=row["id"], name=row["name"], facility=row["facility"], facility_name="", roles=frozenset(),
        session=row["token_hash"].hex()[:16],
    )  # fmt: skip
    record(tx, herself, Event("unlock", allowed=good, rule=how))
    if not good:
        await _count_try(tx, row["token_hash"], row["tries"] + (how == "PIN"))
        return None
    fresh = new_token()
    await tx.execute(
        "update session set token_hash = $2, locked = null, seen = now(), tries = 0,"
        " proved = case when $3 then proved else now() end where token_hash = $1",
        row["token_hash"], hashed(fresh), how == "PIN",
    )  # fmt: skip
    return fresh


async def passkey_question(tx: Transaction, token: str, site: Site) -> dict[str, Any]:
    """What the browser needs to unlock with one of her passkeys.

    Raises:
        SignInNeeded: there is no such session any more.
    """
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(_LOCKED, hashed(token))
    if row is None:
        raise SignInNeeded(_("Phiên làm việc đã hết. Đăng nhập lại."))
    return await passkeys.options_to_show(tx, site, row["facility"], row["id"], UNLOCK)


async def set_pin(tx: Transaction, who: Subject, pin: str) -> None:
    """Choose the PIN that unlocks; it opens nothing else.

    Raises:
        Invalid: not six figures, or one that anybody would try first.
    """
    if len(pin) != PIN_FIGURES or not (pin.isascii() and pin.isdigit()):
        raise Invalid(_("Mã PIN gồm 6 chữ số."), where="pin")
    if _plain(pin):
        raise Invalid(_("Mã PIN này quá dễ đoán."), where="pin")
    await tx.execute("update account set pin_hash = $2 where id = $1", who.account, await passwords.hash_of(pin))
    record(tx, who, Event("pin", "Account", who.account))


async def lock_minutes(tx: Transaction, facility: int, usual: int) -> int:
    """After how many idle minutes screens of this facility are locked (0: never)."""
    said = await tx.fetchval("select lock_minutes from facility_rule where facility = $1", facility)
    return usual if said is None else int(said)


async def set_lock_minutes(tx: Transaction, who: Subject, minutes: int) -> None:
    """Say after how many idle minutes screens are locked; for sessions from now on.

    Raises:
        Forbidden: she is no administrator.
        Invalid: neither 0 nor within 3 to 120.
    """
    who.must_administer("Account")
    if minutes and not LEAST <= minutes <= MOST:
        raise Invalid(
            _("Từ %(least)s đến %(most)s phút, hoặc 0 để không khoá.", least=LEAST, most=MOST), where="minutes"
        )
    await tx.execute(
        "insert into facility_rule (facility, lock_minutes) values ($1, $2)"
        " on conflict (facility) do update set lock_minutes = $2",
        who.facility, minutes,
    )  # fmt: skip
    record(tx, who, Event("lock-rule", detail=f"{minutes} minutes"))


async def _count_try(tx: Transaction, session: bytes, tries: int) -> None:
    if tries >= PIN_TRIES:
        await tx.execute("delete from session where token_hash = $1", session)
    else:
        await tx.execute("update session set tries = $2 where token_hash = $1", session, tries)


def _plain(pin: str) -> bool:
    """One figure again and again, two or three repeated, or a run up or down."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    return steps in ({0}, {1}, {9}) or pin == pin[:2] * 3 or pin == pin[:3] * 2
