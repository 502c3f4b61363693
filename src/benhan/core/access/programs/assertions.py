"""How a program proves who it is: a short statement that it signed with its own key (private_key_jwt).

Source: SMART App Launch 2.2, 5 (asymmetric client authentication); RFC 7523, 3. The algorithm is one of two, the key
is the registered one of that `kid` and kind; keys that a statement brings or points at itself are not looked at.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key

from benhan.core.access.programs.keys import ALGORITHMS, public_keys
from benhan.core.access.programs.refused import Refused
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: No statement is good for longer.
MOST_SECONDS: Final = 300
#: Clocks may differ by so much.
LEEWAY_SECONDS: Final = 10
MOST_LETTERS: Final = 8_000
_MOST_ID: Final = 200


class Statement(msgspec.Struct, frozen=True):
    """A statement whose signature and times are good. It counts once: see `take`."""

    client: str
    id: str
    ends: datetime


def said_by(assertion: str) -> str | None:
    """Who a statement says it is of, before anything of it is verified: to find the keys by."""
    try:
        said = json.loads(_part(assertion, 1)).get("iss")
    except (ValueError, AttributeError, IndexError, RecursionError):
        return None
    return said if isinstance(said, str) and 0 < len(said) <= _MOST_ID else None


def key_of(assertion: str) -> str | None:
    """The `kid` in the header, unverified."""
    try:
        said = json.loads(_part(assertion, 0)).get("kid")
    except (ValueError, AttributeError, IndexError, RecursionError):
        return None
    return said if isinstance(said, str) else None


def verified(assertion: str, client: str, jwks: str, keys_url: str, audience: str, at: datetime) -> Statement:
    """A statement of this program, to us, now.

    Raises:
        Refused: invalid_client; which of the rules it breaks.
    """
    if len(assertion) > MOST_LETTERS or assertion.count(".") != 2:
        raise _bad("not a signed JWT")
    header = _header(assertion, keys_url)
    key = _key(jwks, header)
    try:
        claims = jwt.decode(assertion, key, algorithms=[header["alg"]]).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise _bad("the signature is not this client's") from None
    return _claimed(claims, client, audience, at)


async def take(tx: Transaction, facility: int, statement: Statement) -> None:
    """Use a statement up.

    Raises:
        Refused: it was used before.
    """
    fresh = await tx.fetchval(
        "insert into program_assertion (client, jti_hash, facility, ends) values ($1, $2, $3, $4)"
        " on conflict do nothing returning true",
        statement.client, sha256(statement.id.encode()).digest(), facility, statement.ends + _LEEWAY,
    )  # fmt: skip
    if not fresh:
        raise _bad("this jti was used before")


_LEEWAY: Final = timedelta(seconds=LEEWAY_SECONDS)


def _header(assertion: str, keys_url: str) -> Mapping[str, Any]:
    try:
        header = json.loads(_part(assertion, 0))
    except (ValueError, RecursionError):
        raise _bad("the header is no JSON") from None
    if not isinstance(header, dict) or str(header.get("alg")) not in ALGORITHMS:
        raise _bad(f"alg must be one of {', '.join(ALGORITHMS)}")
    if header.get("typ", "JWT") != "JWT" or not isinstance(header.get("kid"), str):
        raise _bad("the header needs typ JWT and a kid")
    if "crit" in header or "jwk" in header or "x5c" in header or "x5u" in header or "zip" in header or "b64" in header:
        raise _bad("the header brings what is not taken")
    if "jku" in header and header["jku"] != keys_url:
        raise _bad("jku is not the registered address of keys")
    return header


def _key(jwks: str, header: Mapping[str, Any]) -> Key:
    try:
        found = [key for key in public_keys(jwks).keys if key.kid == header["kid"]]
    except Problem:
        raise _bad("the registered keys cannot be read") from None
    if not found:
        raise _bad("no registered key has this kid")
    if found[0].key_type != ALGORITHMS[header["alg"]] or found[0].get("alg", header["alg"]) != header["alg"]:
        raise _bad("the key of this kid is of another algorithm")
    return found[0]


def _claimed(claims: Mapping[str, Any], client: str, audience: str, at: datetime) -> Statement:
    if claims.get("iss") != client or claims.get("sub") != client:
        raise _bad("iss and sub must both be the client_id")
    if claims.get("aud") not in (audience, [audience]):
        raise _bad("aud must be the token endpoint, and nothing else")
    id_ = claims.get("jti")
    if not isinstance(id_, str) or not 0 < len(id_) <= _MOST_ID:
        raise _bad("jti is missing")
    ends = _moment(claims, "exp")
    if ends is None or ends <= at - _LEEWAY:
        raise _bad("it has ended (exp)")
    if ends > at + timedelta(seconds=MOST_SECONDS) + _LEEWAY:
        raise _bad(f"exp is more than {MOST_SECONDS} seconds ahead")
    for name in ("nbf", "iat"):
        if (begins := _moment(claims, name)) is not None and begins > at + _LEEWAY:
            raise _bad(f"it is not good yet ({name})")
    return Statement(client, id_, ends)


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    said = claims.get(name)
    if said is None:
        return None
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 < said < 1e11:
        raise _bad(f"{name} is no time")
    return datetime.fromtimestamp(said, UTC)


def _part(assertion: str, n: int) -> bytes:
    part = assertion.split(".")[n].encode("ascii")
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _bad(why: str) -> Refused:
    return Refused("invalid_client", f"client_assertion: {why}")
