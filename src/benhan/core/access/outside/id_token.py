"""The id_token: signed by the provider, for us, now, and as the answer to our own question. Pure: no I/O.

Source: OpenID Connect Core 1.0, section 3.1.3.7; RFC 8725 (JWT best practice).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, GuestProtocol, RSAKey
from joserfc.jws import JWSRegistry

from benhan.core.access.outside.provider import Identity, Provider, Trouble

#: What a provider may sign with, and the kind of key that belongs to it. No `none`, nothing with a shared secret.
ALGORITHMS: Final = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
#: Clocks of two machines differ by so much, in seconds, at most.
LEEWAY: Final = 30
MOST_LETTERS: Final = 16_384
MOST_KEYS: Final = 50
_REGISTRY: Final = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_NAMES: Final = ("preferred_username", "name", "email")

Key = RSAKey | ECKey


class UnknownKey(JoseError):  # noqa: N818 - what happened
    """None of the keys that we know signed it; the provider may have new ones."""

    error = "unknown_key"


def keys_of(listed: Iterable[Any]) -> list[Key]:
    """The keys of a JWK set that may sign; others, and what is no key, are left out."""
    found: list[Key] = []
    for one in list(listed)[:MOST_KEYS]:
        kinds: dict[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey}
        if not isinstance(one, dict) or one.get("use", "sig") != "sig" or one.get("kty") not in kinds:
            continue
        try:
            found.append(kinds[one["kty"]].import_key(one))
        except (JoseError, ValueError, TypeError, KeyError):
            continue
    return found


def signed(token: str, keys: list[Key]) -> dict[str, Any]:
    """The claims of a token that one of these keys signed.

    Raises:
        UnknownKey: none of them is named by the token.
        Trouble: it is no such token, or somebody else signed it.
    """
    if len(token) > MOST_LETTERS:
        raise Trouble("untrusted", "id_token too long")
    try:
        return jwt.decode(token, lambda guest: _key(guest, keys), list(ALGORITHMS), _REGISTRY).claims
    except UnknownKey:
        raise
    except (JoseError, ValueError, TypeError) as wrong:
        raise Trouble("untrusted", f"id_token: {type(wrong).__name__}: {wrong}") from None


def identity(claims: dict[str, Any], provider: Provider, nonce: str, began: datetime, at: datetime) -> Identity:
    """Whom the claims name, if they are for us, now, and answer the question with this nonce.

    Raises:
        Trouble: they are not; the audit is told which of them.
    """
    _for_us(claims, provider)
    _timely(claims, provider, began, at)
    if not isinstance(claims.get("nonce"), str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise Trouble("untrusted", "nonce")
    subject = claims.get(provider.claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        raise Trouble("untrusted", f"claim {provider.claim}")
    shown = next((said for name in _NAMES if isinstance(said := claims.get(name), str) and said.strip()), subject)
    methods = claims.get("amr")
    said = {claims.get("acr"), *(methods if isinstance(methods, list) else ())}
    strong = any(isinstance(one, str) and one in provider.second_factor for one in said if isinstance(one, str))
    return Identity(provider.issuer, provider.claim, subject, shown.replace("\x00", "")[:80], strong)


def _for_us(claims: dict[str, Any], provider: Provider) -> None:
    if claims.get("iss") != provider.issuer:
        raise Trouble("untrusted", f"iss {claims.get('iss')!r}")
    audience = claims.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    if provider.client_id not in listed:
        raise Trouble("untrusted", f"aud {audience!r}")
    party = claims.get("azp")
    if party != provider.client_id and (party is not None or len(listed) > 1):
        raise Trouble("untrusted", f"azp {party!r}")


def _timely(claims: dict[str, Any], provider: Provider, began: datetime, at: datetime) -> None:
    """Not over, not from before we asked, not from the future."""
    now, asked = at.timestamp(), began.timestamp()
    if _moment(claims, "exp") <= now - LEEWAY:
        raise Trouble("clock", f"exp {claims['exp']}, now {now:.0f}")
    issued = _moment(claims, "iat")
    if not asked - LEEWAY <= issued <= now + LEEWAY:
        raise Trouble("clock", f"iat {claims['iat']}, asked {asked:.0f}, now {now:.0f}")
    if "nbf" in claims and _moment(claims, "nbf") > now + LEEWAY:
        raise Trouble("clock", f"nbf {claims['nbf']}, now {now:.0f}")
    if "auth_time" in claims and provider.prompt == "login" and _moment(claims, "auth_time") < asked - LEEWAY:
        raise Trouble("untrusted", f"auth_time {claims['auth_time']}: it was to ask again")


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise Trouble("untrusted", name)
    return float(value)


def _key(guest: GuestProtocol, keys: list[Key]) -> Key:
    """The key that the token names. One that names none is taken where only one key can be meant."""
    header = guest.headers()
    kind, kid = ALGORITHMS.get(header.get("alg", "")), header.get("kid")
    fitting = [one for one in keys if one.key_type == kind]
    named = [one for one in fitting if one.kid == kid] if kid is not None else fitting
    if len(named) != 1:
        raise UnknownKey(f"{len(named)} keys for kid {kid!r}")
    return named[0]
