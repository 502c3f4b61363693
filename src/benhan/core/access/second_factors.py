"""Second factors: a code of an application (TOTP), passkeys (`passkeys`), recovery codes for the day both are lost.

A code is taken once, within thirty seconds before and after its own. Source: RFC 6238; OWASP ASVS 5.0 6.5, 6.6.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from datetime import datetime
from typing import Final

import msgspec
import pyotp
from argon2.low_level import Type, hash_secret_raw

from benhan.core.access.audit import Event, record
from benhan.core.access.subject import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import _
from benhan.core.vault import Column

STEP_SECONDS: Final = 30
#: Steps before and after the one it is now: clocks of telephones differ.
WINDOW: Final = 1
RECOVERY_CODES: Final = 10
_SECRET: Final = Column("account", "totp_secret")
#: Letters that nobody takes for one another.
_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class Factors(msgspec.Struct, frozen=True):
    """What an account has beside its password."""

    application: bool
    passkeys: int
    recovery_codes: int
    short_password: bool

    @property
    def any(self) -> bool:
        """Whether a second step is asked for. Recovery codes are a way around one, not one."""
        return self.application or self.passkeys > 0


async def of_account(tx: Transaction, account: str) -> Factors:
    """What an account has."""
    row = await tx.fetchrow(
        "select totp_secret is not null as application, short_password,"
        " (select count(*) from passkey where account = $1) as passkeys,"
        " (select count(*) from recovery_code where account = $1) as codes from account where id = $1",
        account,
    )
    if row is None:
        return Factors(False, 0, 0, False)
    return Factors(row["application"], row["passkeys"], row["codes"], row["short_password"])


def new_secret() -> str:
    """A secret for an application: 160 random bits, shown once as a QR code."""
    return pyotp.random_base32()


def address(secret: str, login: str, issuer: str) -> str:
    """What the QR code says (`otpauth://totp/…`)."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer or "Benhan")


def step_of(secret: str, code: str, at: datetime) -> int | None:
    """The thirty seconds this code belongs to, if they are near now; None for a wrong code."""
    said = "".join(code.split())
    now, totp = int(at.timestamp()) // STEP_SECONDS, pyotp.TOTP(secret)
    found = None
    for step in range(now - WINDOW, now + WINDOW + 1):  # all three are compared, whichever it is
        if hmac.compare_digest(totp.generate_otp(step).encode(), said.encode()):
            found = step
    return found


async def take_code(tx: Transaction, account: str, code: str, at: datetime) -> bool:
    """Whether this is a code of her application now. It, and those before it, are never taken again."""
    row = await tx.fetchrow("select facility, totp_secret from account where id = $1", account)
    kept = row["totp_secret"] if row else None
    step = step_of(_SECRET.show(tx, row["facility"], account, kept), code, at) if row and kept else None
    if step is None:
        return False
    taken = await tx.fetchval(
        "update account set totp_step = $2 where id = $1 and totp_step < $2 returning true", account, step
    )
    return bool(taken)


async def set_application(tx: Transaction, who: Subject, secret: str, code: str, at: datetime) -> bool:
    """Keep the secret of an application that has just shown a right code; whether it has.

    Raises:
        Conflict: the account has one already.
    """
    step = step_of(secret, code, at)
    if step is None:
        return False
    done = await tx.fetchval(
        "update account set totp_secret = $2, totp_step = $3 where id = $1 and totp_secret is null returning true",
        who.account, await _SECRET.hide(tx, who.facility, who.account, secret), step,
    )  # fmt: skip
    if not done:
        raise Conflict(_("Tài khoản đã có ứng dụng xác thực."), advice=_("Gỡ ứng dụng cũ trước."))
    record(tx, who, Event("second-factor", "Account", who.account, rule="application set"))
    return True


async def remove_application(tx: Transaction, who: Subject, *, needed: bool) -> None:
    """Ask for codes of the application no more.

    Raises:
        Conflict: she needs a second factor, and this is the last.
    """
    factors = await of_account(tx, who.account)
    refuse_last(factors, factors.passkeys, needed=needed)
    await tx.execute("update account set totp_secret = null where id = $1", who.account)
    await forget_needless(tx, who.account)
    record(tx, who, Event("second-factor", "Account", who.account, rule="application removed"))


def refuse_last(factors: Factors, left: int, *, needed: bool) -> None:
    """Refuse to remove the last second factor where one is needed.

    Raises:
        Conflict: her role asks for one, or her password is too short to stand alone.
    """
    if left:
        return
    if needed:
        raise Conflict(
            _("Vai trò của bạn cần lớp bảo vệ thứ hai."), advice=_("Thêm một lớp khác trước khi gỡ lớp này.")
        )
    if factors.short_password:
        raise Conflict(
            _("Mật khẩu của bạn ngắn hơn 14 ký tự nên cần lớp thứ hai."), advice=_("Đổi mật khẩu dài hơn trước.")
        )


async def remove_all(tx: Transaction, account: str) -> None:
    """An administrator's reset: she lost her telephone, or somebody else has it."""
    await tx.execute("update account set totp_secret = null where id = $1", account)
    for table in ("passkey", "recovery_code", "sign_in_step"):
        await tx.execute(f"delete from {table} where account = $1", account)


async def new_recovery_codes(tx: Transaction, who: Subject) -> list[str]:
    """Ten codes, shown once; those before are void."""
    codes = ["".join(secrets.choice(_LETTERS) for _n in range(10)) for _code in range(RECOVERY_CODES)]
    salt = secrets.token_bytes(16)
    hashes = [await asyncio.to_thread(_hash, code, salt) for code in codes]
    await tx.execute("delete from recovery_code where account = $1", who.account)
    await tx.execute(
        "insert into recovery_code (facility, account, salt, hash) select $1, $2, $3, unnest($4::bytea[])",
        who.facility, who.account, salt, hashes,
    )  # fmt: skip
    record(tx, who, Event("second-factor", "Account", who.account, rule="recovery codes made"))
    return [f"{code[:5]}-{code[5:]}" for code in codes]


async def take_recovery_code(tx: Transaction, account: str, code: str) -> bool:
    """Whether this is one of her recovery codes. It is gone then."""
    salt = await tx.fetchval("select salt from recovery_code where account = $1 limit 1", account)
    plain = "".join(c for c in code.upper() if c in _LETTERS)
    digest = await asyncio.to_thread(_hash, plain, salt or b"nobody has these")
    taken = await tx.fetchval(
        "delete from recovery_code where account = $1 and hash = $2 returning true", account, digest
    )
    return bool(taken)


async def forget_needless(tx: Transaction, account: str) -> None:
    """Recovery codes are for somebody who has a second factor."""
    if not (await of_account(tx, account)).any:
        await tx.execute("delete from recovery_code where account = $1", account)


def _hash(code: str, salt: bytes) -> bytes:
    """Argon2id with one salt for a set of codes, so that a code is found by its hash.

    50 random bits a code. Source: OWASP ASVS 5.0 6.5.2.
    """
    return hash_secret_raw(
        code.encode(), salt, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID
    )
