"""Programs that do not prove who they are: signed statements with wrong claims, headers and signatures, and no form."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from joserfc.jwk import ECKey, RSAKey

from benhan.core.access.programs.registry import Program
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import GONE, HERE, claims, for_code, for_itself
from tests.core.api.token_abuses.place import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _b64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forged(program: Program, header: dict[str, Any], sign: Callable[[bytes], bytes] = lambda _text: b"") -> str:
    """A statement with any header, signed anyhow."""
    text = f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims(program)).encode())}"
    return f"{text}.{_b64(sign(text.encode()))}"


def with_hmac(secret: bytes, how: str = "sha256") -> Callable[[bytes], bytes]:
    """Signed with a secret that everybody knows: the public key."""
    return lambda text: hmac.new(secret, text, how).digest()


def _swapped(program: Program) -> str:
    head, _body, sign = kit.signed(claims(program)).split(".")
    return f"{head}.{_b64(json.dumps(claims(program, jti='khác')).encode())}.{sign}"


def _signed_raw(body: bytes) -> str:
    return f"{_b64(json.dumps({'alg': 'ES384', 'kid': 'ec'}).encode())}.{_b64(body)}.{_b64(bytes(96))}"


NOW = int(time.time())
PEM = kit.rsa_key().as_pem(private=False)
JWK = json.dumps(kit.rsa_key().as_dict(private=False)).encode()
STRANGE = ECKey.generate_key("P-384", {"kid": "ec"})
STRANGE_RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
P256 = ECKey.generate_key("P-256", {"kid": "ec"})
GARBAGE: list[Any] = ["", 0, -1, 1.5, True, False, [], {}, None, "a" * 201]

#: Claims of a signed statement that must not be taken.
CLAIMS: list[dict[str, Any]] = [
    *({"iss": one} for one in (GONE, "", "ai đó", ["x"], None, 1)),
    *({"sub": one} for one in (GONE, "", "ai đó", ["x"], None, 1)),
    *(
        {"aud": one}
        for one in (
            GONE, "", None, [], {}, "https://evil.example/oauth/token", f"{HERE}/fhir", HERE, f"{HERE}/oauth/token/",
            f"{HERE}/oauth/Token", f"{HERE}/oauth/authorize", f"{HERE}/oauth/introspect", "http://test/oauth/token",
            [f"{HERE}/oauth/token", "https://evil.example"], ["https://evil.example"], f"{HERE}/oauth/token?x=1",
        )
    ),
    *(
        {"exp": one}
        for one in (GONE, None, "sau", True, 0, -1, 1, NOW - 60, NOW - 11, NOW + 3600, NOW + 86_400, 1e12, 1e300, [NOW])
    ),
    *({"nbf": one} for one in (NOW + 3600, NOW + 900, "sau", True, -1, 1e13)),
    *({"iat": one} for one in (NOW + 3600, NOW + 900, "sau", True, -1, 1e13)),
    *({"jti": one} for one in (GONE, *GARBAGE)),
]  # fmt: skip

#: Headers and signatures that must not be taken: a name, and how it is made of the program.
HEADERS: list[tuple[str, Callable[[Program], str]]] = [
    *((f"alg {alg!r} unsigned", lambda p, alg=alg: forged(p, {"alg": alg, "kid": "rsa", "typ": "JWT"}))
      for alg in ("none", "None", "NONE", "nOnE", "", None, 1, [], "RS384", "ES384")),
    *((f"{alg} with the public key as the secret", lambda p, alg=alg, key=key, how=how: forged(
        p, {"alg": alg, "kid": "rsa", "typ": "JWT"}, with_hmac(key, how)))
      for alg, how in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")) for key in (PEM, JWK, b"")),
    ("RS384 that is an HMAC", lambda p: forged(p, {"alg": "RS384", "kid": "rsa"}, with_hmac(PEM, "sha384"))),
    ("ES384 over an RSA key", lambda p: forged(p, {"alg": "ES384", "kid": "rsa"}, with_hmac(PEM))),
    ("RS384 over an EC key", lambda p: forged(p, {"alg": "RS384", "kid": "ec"}, with_hmac(PEM))),
    ("a good signature, and keys of its own", lambda p: kit.signed(claims(p), jku="https://evil.example/jwks")),
    ("another key of the same kid", lambda p: kit.signed(claims(p), STRANGE)),
    ("another RSA key of the same kid", lambda p: kit.signed(claims(p), STRANGE_RSA)),
    *((f"kid {kid!r}", lambda p, kid=kid: forged(p, {"alg": "ES384", "kid": kid}, with_hmac(b"x")))
      for kid in ("", None, 0, [], {}, "../../etc/passwd", "' or 1=1 --", "ec\0", "EC", "rsa ", "/dev/null")),
    ("no kid", lambda p: forged(p, {"alg": "ES384"}, with_hmac(b"x"))),
    *((f"a header with {name}", lambda p, name=name, value=value: forged(
        p, {"alg": "ES384", "kid": "ec", name: value}, with_hmac(b"x")))
      for name, value in (
          ("crit", ["exp"]), ("jwk", kit.ec_key().as_dict(private=False)), ("x5c", ["AAAA"]), ("x5u", "https://x.vn"),
          ("jku", "https://evil.example/jwks"), ("zip", "DEF"), ("b64", False), ("typ", "at+jwt"), ("typ", 1))),
    ("a signature cut short", lambda p: kit.signed(claims(p))[:-4]),
    ("a signature of zeros", lambda p: forged(p, {"alg": "ES384", "kid": "ec"}, lambda _t: bytes(96))),
    ("no signature", lambda p: kit.signed(claims(p)).rpartition(".")[0] + "."),
    ("two parts", lambda p: kit.signed(claims(p)).rpartition(".")[0]),
    ("four parts", lambda p: kit.signed(claims(p)) + ".x"),
    ("other claims under a good signature", _swapped),
    ("far too long", lambda p: kit.signed(claims(p, note="x" * 9000))),
    ("a list for claims", lambda p: _signed_raw(b"[]")),
    ("an empty word", lambda p: "..."),
]  # fmt: skip

FORM = "application/x-www-form-urlencoded"
#: Bodies that are no form, some made of a good one, and what they say they are.
NO_FORMS: list[tuple[bytes | Callable[[dict[str, str]], bytes], str]] = [
    (lambda form: json.dumps(form).encode(), "application/json"),
    (lambda form: urlencode(form).encode(), ""),
    (lambda form: urlencode(form).encode(), "text/plain"),
    (b"a=" + b"x" * 30_000, FORM),
    (b"&".join(b"a%d=1" % n for n in range(50)), FORM),
    (b"a=\xff\xfe&grant_type=client_credentials", FORM),
    (b"grant_type=%00&client_id=x", FORM),
]


async def test_statements_with_claims_that_are_not_right(place: Place) -> None:
    for changes in CLAIMS:
        said = {name: value for name, value in {**claims(place.backend), **changes}.items() if value is not GONE}
        form = for_itself(place.backend, "system/Patient.rs", client_assertion=kit.signed(said))
        await place.is_refused(form, "invalid_client")


async def test_statements_that_are_not_signed_as_they_should_be(place: Place) -> None:
    for name, made in HEADERS:
        form = for_itself(place.backend, "system/Patient.rs", client_assertion=made(place.backend))
        try:
            await place.is_refused(form, "invalid_client")
        except AssertionError as error:
            raise AssertionError(name) from error


async def test_a_statement_counts_once_and_for_one_program(place: Place) -> None:
    statement = kit.signed(claims(place.backend))
    form = for_itself(place.backend, "system/Patient.rs", client_assertion=statement)
    assert (await place.web.post("/oauth/token", data=form)).status_code == 200
    await place.is_refused(form, "invalid_client")
    again = kit.signed(claims(place.backend, jti=claims(place.backend)["jti"]))
    assert (await place.web.post("/oauth/token", data={**form, "client_assertion": again})).status_code == 200
    other = for_itself(place.backend, "system/Patient.rs", client_id=place.app.id)
    await place.is_refused(other, "invalid_client")


async def test_requests_that_are_no_form(place: Place) -> None:
    form = for_itself(place.backend, "system/Patient.rs")
    for body, kind in NO_FORMS:
        sent = body(form) if callable(body) else body
        await place.is_refused(sent, "invalid_request", headers={"Content-Type": kind} if kind else {})
    answer = await place.web.post(f"/oauth/token?{urlencode(form)}", data={"x": "y"})
    assert answer.json()["error"] == "invalid_request"
    assert (await place.web.get("/oauth/token", params=form)).status_code == 405


async def test_secrets_are_not_taken(place: Place) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"{place.public.id}:x".encode()).decode()}
    await place.is_refused(for_code(place.public, await place.code(place.public)), "invalid_client", headers=basic)
    key = for_code(place.public, await place.code(place.public), **kit.proof(place.app))
    await place.is_refused({**key, "client_id": place.public.id}, "invalid_client")
    bare = {name: value for name, value in for_code(place.app, await place.code()).items() if "assertion" not in name}
    await place.is_refused({**bare, "client_id": place.app.id}, "invalid_client")


async def test_each_kind_of_program_gets_only_its_own_kind_of_grant(place: Place) -> None:
    await place.is_refused(for_itself(place.app, "patient/Patient.rs"), "unauthorized_client")
    await place.is_refused(for_itself(place.public, "system/Patient.rs"), "unauthorized_client")
    for scope in ("system/Observation.rs", "patient/Patient.rs", "bulk/export", "openid", "x"):
        await place.is_refused(for_itself(place.backend, scope), "invalid_scope")
    await place.is_refused(for_itself(place.backend, GONE), "invalid_scope")
    asked = await place.doctor.get("/oauth/authorize", params=kit.question(place.backend))
    assert asked.status_code == 400
    introspect = {"token": "x", "client_id": place.public.id}
    await place.is_refused(introspect, "invalid_client", "introspect")
    await place.is_refused({**kit.proof(place.app)}, "invalid_request", "introspect")
    await place.is_refused({**kit.proof(place.app)}, "invalid_request", "revoke")
