"""The code of a booking, and the pass of a browser that proved whose it is. Pure.

Shared by the rooms that serve a guest by her booking's page: the reception, which makes and proves it, and the cashier.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import identifier

#: The page of a booking; the cookie with its pass is sent to what lies below.
PATH: Final = "/dat-kham"
#: Digits and letters that nobody mistakes for one another: no 0 O, 1 I L. 31 is prime, which the check needs.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE = re.compile(f"(?:DK)?([{ALPHABET}]{{8}})")


def new_code() -> str:
    """A fresh booking code such as `DK-7F4K-2Q9M`: 34 random bits and a check character."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(7))
    whole = body + _check(body)
    return f"DK-{whole[:4]}-{whole[4:]}"


def read_code(text: str) -> str | None:
    """A code as it is kept, from what was typed (any case, blanks, dashes or DK left out); None where it is none."""
    found = _CODE.fullmatch(re.sub(r"[\s\-.]", "", text[:40]).upper())
    if not found or _check(found[1][:7]) != found[1][7]:
        return None
    return f"DK-{found[1][:4]}-{found[1][4:]}"


def _check(body: str) -> str:
    """Weighted sum modulo 31: one wrong character or two swapped ones always change it."""
    return ALPHABET[sum(place * ALPHABET.index(sign) for place, sign in enumerate(body, 2)) % len(ALPHABET)]


def pass_for(booking: r4.Appointment) -> str:
    """What the browser of somebody who proved it keeps. It cannot be guessed: the record's id never leaves us."""
    code = identifier(booking, systems.BOOKING_CODE) or ""
    return blake2b(code.encode(), key=(booking.id or "").encode()[:64], digest_size=24).hexdigest()


def pass_holds(booking: r4.Appointment, shown: str | None) -> bool:
    """Whether this is the pass of this booking."""
    return shown is not None and compare_digest(pass_for(booking).encode(), shown.encode())


def cookie(code: str) -> str:
    """What the cookie with the pass of a booking is called."""
    return code.lower()
