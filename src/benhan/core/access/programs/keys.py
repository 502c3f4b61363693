"""Public keys of a program, and our own keys that sign what we say of a person (id_token).

Ours are made when they are first needed and exchanged every quarter; the one before stays published until what it
signed has ended. Their private halves are encrypted with a key of the platform (`vault`).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.core.vault import Column

#: What a program may sign with, and the key it takes (SMART App Launch 2.2, 5.1.1).
ALGORITHMS: Final = {"RS384": "RSA", "ES384": "EC"}
MOST_KEYS: Final = 20
MOST_LETTERS: Final = 40_000
#: What signs an id_token (OpenID Connect Core 1.0, 15.1: everybody reads it).
SIGNED_WITH: Final = "RS256"
KEY_DAYS: Final = 90
_OUR_BITS: Final = 2048
_PRIVATE: Final = Column("signing_key", "private_key")
_SECRET_PARTS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def public_keys(text: str) -> KeySet:
    """The keys of a JWKS that a program may sign with: RSA of 2048 bits and more, EC P-384, each with a `kid`.

    Raises:
        Invalid: it is none, holds no such key, a private one, or two of one `kid`.
    """
    try:
        listed = json.loads(text)["keys"] if len(text) <= MOST_LETTERS else None
    except (ValueError, TypeError, KeyError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_KEYS or not all(isinstance(x, dict) for x in listed):
        raise Invalid(_('Cần một JWKS: {"keys": […]}.'), where="keys")
    if any(_SECRET_PARTS & set(one) for one in listed):
        raise Invalid(_("Chỉ dán khoá công khai: có phần bí mật trong khoá."), where="keys")
    found = [key for one in listed if (key := _usable(one))]
    kids = [key.kid for key in found]
    if not found or len(set(kids)) != len(kids):
        raise Invalid(_("Cần khoá RSA từ 2048 bit hoặc EC P-384, mỗi khoá một kid riêng."), where="keys")
    return KeySet(list(found))


def _usable(one: dict[str, Any]) -> RSAKey | ECKey | None:
    """A key of the JWKS, where it is of a kind that we take."""
    if not isinstance(one.get("kid"), str) or not one["kid"] or one.get("use", "sig") != "sig":
        return None
    if str(one.get("alg", "RS384" if one.get("kty") == "RSA" else "ES384")) not in ALGORITHMS:
        return None
    try:
        if one.get("kty") == "RSA":
            rsa = RSAKey.import_key(one)
            return rsa if rsa.raw_value.key_size >= _OUR_BITS else None
        if one.get("kty") == "EC" and one.get("crv") == "P-384":
            return ECKey.import_key(one)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None


async def signing_key(tx: Transaction) -> RSAKey:
    """Our key of this quarter; a new one where there is none. The transaction reaches the platform."""
    await tx.reach(PLATFORM)
    row = await tx.fetchrow(
        "select id, private_key from signing_key where made > now() - $1 * interval '1 day' order by made desc limit 1",
        KEY_DAYS,
    )
    if row is not None:
        return RSAKey.import_key(json.loads(_PRIVATE.show(tx, 0, row["id"], row["private_key"])))
    made = await asyncio.to_thread(RSAKey.generate_key, _OUR_BITS, {"use": "sig", "alg": SIGNED_WITH}, True, True)
    kid, private = made.kid, json.dumps(made.as_dict(private=True))
    assert kid
    await tx.execute(
        "insert into signing_key (id, private_key, public_key) values ($1, $2, $3)",
        kid, await _PRIVATE.hide(tx, 0, kid, private), json.dumps(made.as_dict(private=False)),
    )  # fmt: skip
    return made


async def published(tx: Transaction) -> dict[str, Any]:
    """Our public keys, as a JWKS: those in use, and the ones before for a day."""
    await tx.reach(PLATFORM)
    rows = await tx.fetch(
        "select public_key from signing_key where made > now() - ($1 + 1) * interval '1 day' order by made desc",
        KEY_DAYS,
    )
    return {"keys": [json.loads(row["public_key"]) for row in rows]}
