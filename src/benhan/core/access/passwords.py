"""Passwords: how they are kept, and which are taken.

Source: TCVN 14423:2026 (14 characters, or fewer beside a second factor); OWASP ASVS 5.0 6.2 (no rules of composition,
none of the commonest, none that says who she is).
"""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.resources import files

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.text import fold
from benhan.core.language import _

LONG = 14
#: What will do beside a second factor.
SHORT = 8
MOST = 200
#: ASVS 5.0 11.4.2 parameters: 19 MiB, two passes.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
#: Compared with when there is no password, so that both answers take as long.
_NOBODY = _HASHER.hash("nobody")
#: Rows of a keyboard, the alphabet and figures: a password that runs along one is nobody's secret.
_RUNS = ("abcdefghijklmnopqrstuvwxyz", "0123456789012345678901234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


async def hash_of(password: str) -> str:
    """What is kept of a password (or a PIN): Argon2id with its own salt."""
    return await asyncio.to_thread(_HASHER.hash, password)


async def matches(digest: str | None, password: str) -> bool:
    """Whether this is the password. Where there is none to compare with, it takes as long and is not."""
    try:
        good = await asyncio.to_thread(_HASHER.verify, digest or _NOBODY, password[:1024])
    except (VerificationError, InvalidHashError):
        return False
    return good and digest is not None


def check(password: str, login: str, name: str, *, second_factor: bool = False) -> None:
    """Whether somebody may take this password.

    Raises:
        Invalid: too short, too long, one of the commonest, or made of her login or name.
    """
    least = SHORT if second_factor else LONG
    if len(password) < least:
        raise Invalid(_("Mật khẩu cần ít nhất %(n)s ký tự.", n=least), where="password")
    if len(password) > MOST:
        raise Invalid(_("Mật khẩu dài nhất %(n)s ký tự.", n=MOST), where="password")
    if _common(password):
        raise Invalid(
            _("Mật khẩu này quá dễ đoán (có trong danh sách thường gặp, hoặc lặp lại, nối tiếp)."),
            where="password", advice=_("Ghép vài từ không liên quan thì dễ nhớ mà khó đoán."),
        )  # fmt: skip
    if _says_who(_letters(password), login, name):
        raise Invalid(_("Mật khẩu không được chứa tên đăng nhập hoặc họ tên."), where="password")


def _common(password: str) -> bool:
    plain = password.casefold()
    return plain in _commonest() or _repeats(plain) or _runs(plain)


@cache
def _commonest() -> frozenset[str]:
    lines = (files("benhan.core.access") / "common_passwords.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _repeats(plain: str) -> bool:
    """A few letters again and again, or a common password twice: "abcabcabcabcabc"."""
    for size in range(1, len(plain) // 2 + 1):
        unit = plain[:size]
        if (unit * (len(plain) // size + 1))[: len(plain)] == plain:
            return size <= 4 or unit in _commonest()
    return False


def _runs(plain: str) -> bool:
    return any(plain in run * 3 or plain in run[::-1] * 3 for run in _RUNS)


def _letters(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum())


def _says_who(plain: str, login: str, name: str) -> bool:
    """Her login, her whole name, or the two words she is called by. A single syllable is everybody's."""
    words = fold(name).split()
    said = {_letters(login), "".join(words), "".join(words[-2:])}
    return any(len(one) >= 4 and one in plain for one in said)
