"""The doors of programs: what this server can do (discovery), tokens, introspection, revocation, our public keys.

A program proves here who it is, with its own key or as a public client; no cookie is looked at. Where people allow a
program something: `entrance/authorize.py`. Source: SMART App Launch 2.2; RFC 6749, 7009, 7662, 8414.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from joserfc import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import record
from benhan.core.access.programs import assertions, grants, keys, registry
from benhan.core.access.programs.grants import ACCESS_SECONDS, Issued
from benhan.core.access.programs.refused import Refused
from benhan.core.access.programs.registry import Program
from benhan.core.api import messages
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock
from benhan.core.store.subscriptions import endpoints

AUTHORIZE: Final = "/oauth/authorize"
TOKEN: Final = "/oauth/token"  # noqa: S105 - an address
INTROSPECT: Final = "/oauth/introspect"
REVOKE: Final = "/oauth/revoke"
JWKS: Final = "/oauth/jwks.json"
DISCOVERY: Final = "/fhir/.well-known/smart-configuration"
OPENID: Final = "/fhir/.well-known/openid-configuration"
MOST_FORM: Final = 20_000
MOST_FIELDS: Final = 20
#: Keys that a program publishes are fetched so often; an unknown `kid` fetches them anew after the shorter time.
KEYS_SECONDS: Final = 300
ANEW_SECONDS: Final = 20
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Params = dict[str, str]
#: What a door does for a program that proved who it is.
Done = Callable[[Request, Transaction, Program, Params], Awaitable[Response]]

#: Address of a program's keys → when they were fetched, and what lay there.
_fetched: dict[str, tuple[float, str]] = {}


def capabilities() -> list[str]:
    """What of SMART App Launch is done here (2.2, section 2.2)."""
    return [
        "launch-ehr", "launch-standalone", "client-public", "client-confidential-asymmetric", "sso-openid-connect",
        "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient", "permission-patient",
        "permission-user", "permission-offline", "permission-online", "permission-v1", "permission-v2",
    ]  # fmt: skip


async def discovery(request: Request, tx: Transaction, who: Subject) -> Response:
    """`.well-known/smart-configuration`; the same for OpenID Connect."""
    here = messages.base(request).removesuffix("/fhir")
    said = {
        "issuer": messages.base(request),
        "jwks_uri": here + JWKS,
        "authorization_endpoint": here + AUTHORIZE,
        "token_endpoint": here + TOKEN,
        "introspection_endpoint": here + INTROSPECT,
        "revocation_endpoint": here + REVOKE,
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(keys.ALGORITHMS),
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [keys.SIGNED_WITH],
        "scopes_supported": [
            "openid", "fhirUser", "launch", "launch/patient", "online_access", "offline_access", "patient/*.cruds",
            "user/*.cruds", "system/*.cruds",
        ],
        "capabilities": capabilities(),
    }  # fmt: skip
    return JSONResponse(said, headers={"Cache-Control": "max-age=300"})


async def jwks(request: Request, tx: Transaction, who: Subject) -> Response:
    """The public keys that our id_tokens are signed with."""
    await keys.signing_key(tx)
    return JSONResponse(await keys.published(tx), headers={"Cache-Control": "max-age=300"})


async def _token(request: Request, tx: Transaction, program: Program, params: Params) -> Response:
    match params.get("grant_type"):
        case "authorization_code":
            issued = await grants.exchange(
                tx, program, params.get("code", ""), params.get("redirect_uri", ""), params.get("code_verifier", "")
            )
        case "refresh_token":
            issued = await grants.refresh(tx, program, params.get("refresh_token", ""), params.get("scope"))
        case "client_credentials":
            issued = await grants.for_itself(tx, program, params.get("scope", ""))
        case None:
            raise Refused("invalid_request", "grant_type is missing")
        case _:
            raise Refused("unsupported_grant_type", "authorization_code, refresh_token or client_credentials")
    return JSONResponse(await _said(request, tx, program, issued), headers=_NO_STORE)


async def _said(request: Request, tx: Transaction, program: Program, issued: Issued) -> dict[str, Any]:
    """The answer that carries tokens (RFC 6749, 5.1; SMART App Launch 2.2, 2.1.6)."""
    said: dict[str, Any] = {
        "access_token": issued.access, "token_type": "Bearer", "expires_in": ACCESS_SECONDS, "scope": issued.scopes,
        "refresh_token": issued.refresh, "patient": issued.patient, "encounter": issued.encounter,
        "id_token": await _id_token(request, tx, program, issued) if issued.subject else None,
        "need_patient_banner": False if issued.patient else None,
    }  # fmt: skip
    return {name: value for name, value in said.items() if value is not None}


async def _id_token(request: Request, tx: Transaction, program: Program, issued: Issued) -> str:
    """Who she is, signed (OpenID Connect Core 1.0, 2)."""
    key = await keys.signing_key(tx)
    base, now = messages.base(request), int(clock.now().timestamp())
    claims = {
        "iss": base, "aud": program.id, "sub": issued.subject, "iat": now, "exp": now + ACCESS_SECONDS,
        "nonce": issued.nonce, "fhirUser": f"{base}/{issued.user}" if issued.user else None,
    }  # fmt: skip
    told = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": keys.SIGNED_WITH, "kid": key.kid}, told, key, algorithms=[keys.SIGNED_WITH])


async def _introspect(request: Request, tx: Transaction, program: Program, params: Params) -> Response:
    if program.kind == "public":
        raise Refused("invalid_client", "a public client proves nothing: it may not introspect")
    found = await grants.known(tx, program, _needed(params, "token"))
    if found is None:
        return JSONResponse({"active": False}, headers=_NO_STORE)
    base = messages.base(request)
    said = {
        "active": True, "scope": found.scopes, "client_id": program.id, "token_type": "Bearer", "iss": base,
        "iat": int(found.made.timestamp()), "exp": int(found.ends.timestamp()), "sub": found.subject,
        "patient": found.patient, "fhirUser": f"{base}/{found.user}" if found.user else None,
    }  # fmt: skip
    return JSONResponse({name: value for name, value in said.items() if value is not None}, headers=_NO_STORE)


async def _revoke(request: Request, tx: Transaction, program: Program, params: Params) -> Response:
    await grants.revoke(tx, program, _needed(params, "token"))
    return Response(status_code=200, headers=_NO_STORE)


def _door(address: str, done: Done) -> Door:
    """A door for programs: it reads the form, finds out who asks, and refuses in the words of OAuth, with a trace."""

    async def answer(request: Request, tx: Transaction, who: Subject) -> Response:
        program: Program | None = None
        try:
            params = await _params(request)
            program = await _known(request, params)
            await tx.reach(program.facility if program else PLATFORM)
            if program is None or program.revoked is not None:
                raise Refused("invalid_client", "there is no such client")
            await _proven(request, tx, program, params)
            return await done(request, tx, program, params)
        except Refused as refused:
            if program is None:
                await tx.reach(PLATFORM)
            record(tx, program.itself() if program else who, grants.refusal(who, program, refused.code, refused.why))
            return refusal(refused)

    return Door(address, answer, Permission.ANYONE, ("POST",), foreign=True)


def refusal(refused: Refused) -> Response:
    """An error in the words of OAuth (RFC 6749, 5.2)."""
    said = {"error": refused.code, "error_description": refused.why}
    return JSONResponse(said, refused.status, _NO_STORE)


async def _known(request: Request, params: Params) -> Program | None:
    """The program that this request says it is of; nothing is proven yet."""
    assertion = params.get("client_assertion")
    named = assertions.said_by(assertion) if assertion else params.get("client_id")
    if not named or params.get("client_id", named) != named:
        return None
    async with request.app.state.database.transaction() as tx:
        await tx.reach(PLATFORM)
        return await registry.found(tx, named)


async def _proven(request: Request, tx: Transaction, program: Program, params: Params) -> None:
    """Whether it is who it says. A public client has nothing to prove it by but its code and its tokens.

    Raises:
        Refused: invalid_client.
    """
    if "authorization" in request.headers or "client_secret" in params:
        raise Refused("invalid_client", "no secret is taken: use private_key_jwt, or PKCE alone for a public client")
    assertion = params.get("client_assertion")
    if program.kind == "public":
        if assertion:
            raise Refused("invalid_client", "a public client has no key registered")
        return
    if program.kind not in ("key", "backend") or not assertion:
        raise Refused("invalid_client", "client_assertion is missing")
    if params.get("client_assertion_type") != assertions.TYPE:
        raise Refused("invalid_client", "client_assertion_type must be jwt-bearer")
    audience = messages.base(request).removesuffix("/fhir") + TOKEN
    published = program.keys or await _keys_at(program.keys_url, assertions.key_of(assertion))
    statement = assertions.verified(assertion, program.id, published, program.keys_url, audience, clock.now())
    await assertions.take(tx, program.facility, statement)


async def _keys_at(address: str, kid: str | None) -> str:
    """The keys that a program publishes: what was fetched lately, or fetched now.

    Raises:
        Refused: they cannot be fetched.
    """
    at, text = _fetched.get(address, (0.0, ""))
    age = time.monotonic() - at
    if text and age < KEYS_SECONDS and ((kid and f'"{kid}"' in text) or age < ANEW_SECONDS):
        return text
    try:
        found = await endpoints.fetched(address, keys.MOST_LETTERS)
        keys.public_keys(found)
    except (endpoints.Refused, Problem) as problem:
        raise Refused("invalid_client", f"the keys at the registered address cannot be read: {problem}"[:200]) from None
    if len(_fetched) > 1000:
        _fetched.clear()
    _fetched[address] = time.monotonic(), found
    return found


async def _params(request: Request) -> Params:
    """The form of a request to a door for programs; each parameter once, none in the address.

    Raises:
        Refused: invalid_request.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused("invalid_request", "the body must be application/x-www-form-urlencoded")
    if request.url.query:
        raise Refused("invalid_request", "parameters belong in the body, not in the address")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM:
            raise Refused("invalid_request", "the body is too long")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused("invalid_request", "the body is no form") from None
    params = dict(pairs)
    if len(params) != len(pairs) or any("\0" in text for pair in pairs for text in pair):
        raise Refused("invalid_request", "a parameter stands there twice, or holds a NUL")
    return {name: value for name, value in params.items() if value}


def _needed(params: Params, name: str) -> str:
    if name not in params:
        raise Refused("invalid_request", f"{name} is missing")
    return params[name]


DOORS = [
    Door(DISCOVERY, discovery, Permission.ANYONE, foreign=True),
    Door(OPENID, discovery, Permission.ANYONE, foreign=True),
    Door(JWKS, jwks, Permission.ANYONE, foreign=True),
    _door(TOKEN, _token),
    _door(INTROSPECT, _introspect),
    _door(REVOKE, _revoke),
]
