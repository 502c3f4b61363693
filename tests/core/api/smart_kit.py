"""Programs that come with their own key, and the steps of a launch, as tests of the doors for programs need them."""

from __future__ import annotations

import base64
import json
import secrets
import time
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from benhan.core.access import Subject
from benhan.core.access.programs import assertions, registry
from benhan.core.access.programs.registry import Draft, Program
from benhan.core.db import Database

#: Where the program under test believes to be (`Settings.public_url`).
HERE = "http://127.0.0.1:8400"
REDIRECT = "https://app.example.vn/ve"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
#: Leave this parameter or claim out.
GONE: Any = object()


@cache
def ec_key(kid: str = "ec") -> ECKey:
    """A key for ES384."""
    return ECKey.generate_key("P-384", {"kid": kid, "use": "sig", "alg": "ES384"})


@cache
def rsa_key(kid: str = "rsa") -> RSAKey:
    """A key for RS384."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS384"})


def jwks() -> str:
    """The public halves of both."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in (ec_key(), rsa_key())]})


async def registered(database: Database, admin: Subject, kind: str, scopes: str, **more: Any) -> Program:
    """A program, registered by this administrator."""
    said: dict[str, Any] = {"name": f"máy {secrets.token_hex(4)}", "kind": kind, "scopes": scopes, **more}
    if kind in ("key", "backend") and "keys_url" not in more:
        said.setdefault("keys", jwks())
    if kind in ("key", "public"):
        said.setdefault("redirects", (REDIRECT,))
    async with database.transaction(admin.facility) as tx:
        return await registry.register(tx, admin, Draft(**said))


def claims(program: Program, **changes: Any) -> dict[str, Any]:
    """What a program says of itself; `GONE` leaves a claim out."""
    now = int(time.time())
    said = {
        "iss": program.id, "sub": program.id, "aud": f"{HERE}/oauth/token", "jti": secrets.token_hex(12),
        "iat": now, "exp": now + 240, **changes,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not GONE}


def signed(said: dict[str, Any], key: ECKey | RSAKey | None = None, **header: Any) -> str:
    """The same, signed."""
    key = key or ec_key()
    alg = "ES384" if isinstance(key, ECKey) else "RS384"
    return jwt.encode({"alg": alg, "kid": key.kid, **header}, said, key, algorithms=[alg])


def proof(program: Program, key: ECKey | RSAKey | None = None, **changes: Any) -> dict[str, str]:
    """The parameters by which a program proves who it is; none where it has no key."""
    if program.kind == "public":
        return {"client_id": program.id}
    return {
        "client_assertion_type": assertions.TYPE, "client_assertion": signed(claims(program, **changes), key),
    }  # fmt: skip


def question(program: Program, **changes: Any) -> dict[str, str]:
    """What a program sends a person to the authorization page with."""
    said = {
        "response_type": "code", "client_id": program.id, "redirect_uri": REDIRECT, "scope": program.scopes,
        "state": "s-1", "aud": f"{HERE}/fhir", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **changes,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not GONE}


async def allowed(person: httpx.AsyncClient, program: Program, patient: str = "", **changes: Any) -> dict[str, str]:
    """She allows it; what comes back to the program's address."""
    said = {**question(program, **changes), "answer": "allow", "patient": patient}
    answer = await person.post("/oauth/authorize", data=said)
    assert answer.status_code == 303, answer.text
    return back(answer)


def back(answer: httpx.Response) -> dict[str, str]:
    """The parameters at the program's address."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def for_code(program: Program, code: str, **changes: Any) -> dict[str, str]:
    """The form that turns a code into tokens."""
    said = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
        **proof(program), **changes,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not GONE}


def for_refresh(program: Program, token: str, **changes: Any) -> dict[str, str]:
    """The form that turns a refresh token into new tokens."""
    said = {"grant_type": "refresh_token", "refresh_token": token, **proof(program), **changes}
    return {name: value for name, value in said.items() if value is not GONE}


def for_itself(program: Program, scope: str, **changes: Any) -> dict[str, str]:
    """The form by which a backend service gets a token."""
    said = {"grant_type": "client_credentials", "scope": scope, **proof(program), **changes}
    return {name: value for name, value in said.items() if value is not GONE}


def bearer(token: str) -> dict[str, str]:
    """The header of a request with a token."""
    return {"Authorization": f"Bearer {token}"}
