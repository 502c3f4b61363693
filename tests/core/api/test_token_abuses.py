"""What somebody tries who should get nothing: each is refused in the right words of OAuth, and leaves a trace.

The tables are read like this: what is tried → what is sent, the error that must come back. `test_there_are_two_hundred`
counts them.
"""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec
import pytest
import pytest_asyncio
from joserfc.jwk import ECKey, RSAKey

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.accounts import hashed, open_session
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import registry
from benhan.core.access.programs.registry import Program
from benhan.core.db import PLATFORM, Database
from benhan.simulator import House
from tests.core.access.staff_people import session_of, somebody
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import GONE, HERE, REDIRECT, VERIFIER, bearer, claims, for_code, for_itself, for_refresh
from tests.core.store.people import person

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]
SCOPES = "openid launch/patient offline_access patient/Patient.rs patient/Observation.rs"


class Place(msgspec.Struct):
    """Programs of a hospital, people in it, and a program and a patient of another."""

    web: httpx.AsyncClient
    doctor: httpx.AsyncClient
    database: Database
    backend: Program
    app: Program
    stranger: Program
    public: Program
    patient: str
    foreign: str

    async def code(self, program: Program | None = None) -> str:
        """A fresh code."""
        return (await kit.allowed(self.doctor, program or self.app, self.patient))["code"]

    async def tokens(self, program: Program | None = None) -> dict[str, Any]:
        """Fresh tokens."""
        program = program or self.app
        answer = await self.web.post("/oauth/token", data=for_code(program, await self.code(program)))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refusals(self) -> int:
        """How many refusals were traced, anywhere."""
        async with self.database.transaction() as tx:
            await tx.reach(PLATFORM)
            found: int = await tx.fetchval(
                "select count(*) from audit where not allowed and action = any(array['program-refused', 'refused'])"
            )
        return found

    async def is_refused(self, form: dict[str, Any] | bytes, error: str, path: str = "token", **how: Any) -> None:
        """The door for programs says no, in these words, with a trace, and without a token."""
        before = await self.refusals()
        sent = {"content": form} if isinstance(form, bytes) else {"data": form}
        answer = await self.web.post(f"/oauth/{path}", **sent, **how)
        assert answer.json()["error"] == error, answer.text
        assert answer.status_code == (401 if error == "invalid_client" else 400)
        assert "access_token" not in answer.text
        assert await self.refusals() > before


@pytest_asyncio.fixture(loop_scope="session")
async def place(client: Client, database: Database, subject: Who, loader: Subject, other_hospital: House) -> Place:
    """A hospital with three programs and a patient; another with a patient."""
    admin = subject("administrator")
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Nông Thị Thử"))).id or ""
    there = msgspec.structs.replace(loader, facility=other_hospital.key)
    async with database.transaction(there.facility) as tx:
        foreign = (await store.create(tx, there, person("Nông Thị Nơi Khác"))).id or ""
    return Place(
        await client(None), await client("doctor"), database,
        await kit.registered(database, admin, "backend", "system/Patient.rs"),
        await kit.registered(database, admin, "key", SCOPES), await kit.registered(database, admin, "key", SCOPES),
        await kit.registered(database, admin, "public", SCOPES), patient, foreign,
    )  # fmt: skip


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


def _signed_raw(body: bytes) -> str:
    return f"{_b64(json.dumps({'alg': 'ES384', 'kid': 'ec'}).encode())}.{_b64(body)}.{_b64(bytes(96))}"


#: What is sent to the authorization page, and the error the program hears; None: she is told, and nothing is sent.
QUESTIONS: list[tuple[dict[str, Any], str | None]] = [
    *(({"redirect_uri": one}, None) for one in (
        GONE, "", REDIRECT + "/", REDIRECT + "?", REDIRECT + "?x=1", REDIRECT + "#x", REDIRECT.upper(), REDIRECT[:-1],
        REDIRECT.replace("https", "http"), REDIRECT.replace("app.", ""), REDIRECT.replace(".vn/", ".vn:443/"),
        "https://evil.example/ve", "https://app.example.vn@evil.example/ve", "https://app.example.vn.evil.example/ve",
        REDIRECT + "/../khac", REDIRECT + "%2f", REDIRECT + "\\", "//app.example.vn/ve", "javascript:alert(1)", "/ve",
        "https://app.example.vn/ve\r\nX: y", REDIRECT + " ", "https://äpp.example.vn/ve")),
    *(({"client_id": one}, None) for one in (GONE, "", "không có", "0" * 32, "' or 1=1 --")),
    *(({"response_type": one}, "unsupported_response_type") for one in (
        GONE, "", "token", "id_token", "code token", "code id_token", "Code", "none")),
    *(({"code_challenge": one}, "invalid_request") for one in (
        GONE, "", "x", VERIFIER[:42], "a" * 44, "a" * 42 + "=", "a" * 42 + " ", "é" * 43)),
    *(({"code_challenge_method": one}, "invalid_request") for one in (GONE, "", "plain", "PLAIN", "s256", "none")),
    *(({"aud": one}, "invalid_request") for one in (
        GONE, "", HERE, f"{HERE}/fhirx", f"{HERE}/FHIR", "https://evil.example/fhir", "http://test/fhir")),
    *(({"state": one}, "invalid_request") for one in (GONE, "")),
    *(({"scope": one}, "invalid_scope") for one in (
        GONE, "", "system/*.rs", "system/Patient.rs", "user/*.rs", "user/Patient.rs", "patient/Encounter.rs",
        "patient/Patient.u", "patient/Patient.write", "bulk/export", "patient/patient.rs", "../patient/Patient.rs",
        "online_access", "launch", "patient/Patient.sr", "patient/Patient.rs?name=x", "admin")),
    *(({"launch": one}, "invalid_request") for one in ("x", "' or 1=1 --", "0" * 43)),
    *(({"nonce": "n" * 3000}, one) for one in ("invalid_request",)),
]  # fmt: skip

#: What is sent with a code that is good, and the error.
CODES: list[tuple[dict[str, Any], str]] = [
    *(({"code_verifier": one}, "invalid_grant") for one in (
        GONE, "x", "w" * 43, "v" * 42, "v" * 44, "v" * 129, kit.CHALLENGE, VERIFIER.upper(), VERIFIER + " ", "é" * 43)),
    *(({"redirect_uri": one}, "invalid_grant") for one in (
        GONE, REDIRECT + "/", REDIRECT + "?x", "https://evil.example/ve", REDIRECT.upper(), REDIRECT[:-1])),
    *(({"grant_type": one}, "unsupported_grant_type") for one in (
        "password", "implicit", "authorization-code", "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange", "Authorization_code")),
    ({"grant_type": GONE}, "invalid_request"),
    *(({"client_assertion": one}, "invalid_client") for one in (GONE, "x", "a.b.c")),
    *(({"client_assertion_type": one}, "invalid_client") for one in (
        GONE, "x", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")),
    ({"client_id": "người khác"}, "invalid_client"),
    ({"client_secret": "bí mật"}, "invalid_client"),
]  # fmt: skip
#: Codes and refresh tokens that nobody gave out.
INVENTED = ["", "x", "0" * 43, "bhr_" + "A" * 43, "' or 1=1 --", "%00", "../", "é"]
COUNTED = len(CLAIMS) + len(HEADERS) + len(QUESTIONS) + len(CODES) + 2 * (len(INVENTED) - 1) + 7


async def test_there_are_two_hundred() -> None:
    assert COUNTED >= 200


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


async def test_questions_that_are_not_asked(place: Place) -> None:
    for changes, error in QUESTIONS:
        before = await place.refusals()
        said = kit.question(place.app, **changes)
        for answer in (
            await place.doctor.get("/oauth/authorize", params=said),
            await place.doctor.post("/oauth/authorize", data={**said, "answer": "allow", "patient": place.patient}),
        ):
            assert "code=" not in answer.headers.get("location", ""), changes
            if error is None:
                assert answer.status_code == 400 and "location" not in answer.headers, changes
            else:
                back = kit.back(answer)
                assert back["error"] == error and answer.headers["location"].startswith(f"{REDIRECT}?"), changes
        assert await place.refusals() >= before + 2, changes


async def test_a_parameter_that_stands_there_twice(place: Place) -> None:
    said = [*kit.question(place.app).items(), ("aud", "https://evil.example/fhir")]
    answer = await place.doctor.get(f"/oauth/authorize?{urlencode(said)}")
    assert kit.back(answer)["error"] == "invalid_request"
    form = for_itself(place.backend, "system/Patient.rs")
    body = urlencode([*form.items(), ("scope", "system/*.cruds")]).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    await place.is_refused(body, "invalid_request", headers=kind)


async def test_requests_that_are_no_form(place: Place) -> None:
    form = for_itself(place.backend, "system/Patient.rs")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers in (
        (json.dumps(form).encode(), {"Content-Type": "application/json"}),
        (urlencode(form).encode(), {}),
        (urlencode(form).encode(), {"Content-Type": "text/plain"}),
        (b"a=" + b"x" * 30_000, kind),
        (b"&".join(b"a%d=1" % n for n in range(50)), kind),
        (b"a=\xff\xfe&grant_type=client_credentials", kind),
        (b"grant_type=%00&client_id=x", kind),
    ):
        await place.is_refused(body, "invalid_request", headers=headers)
    answer = await place.web.post(f"/oauth/token?{urlencode(form)}", data={"x": "y"})
    assert answer.json()["error"] == "invalid_request"
    assert (await place.web.get("/oauth/token", params=form)).status_code == 405


async def test_good_codes_shown_in_the_wrong_way(place: Place) -> None:
    for changes, error in CODES:
        await place.is_refused(for_code(place.app, await place.code(), **changes), error)


async def test_secrets_are_not_taken(place: Place) -> None:
    basic = {"Authorization": "Basic " + base64.b64encode(f"{place.public.id}:x".encode()).decode()}
    await place.is_refused(for_code(place.public, await place.code(place.public)), "invalid_client", headers=basic)
    key = for_code(place.public, await place.code(place.public), **kit.proof(place.app))
    await place.is_refused({**key, "client_id": place.public.id}, "invalid_client")
    bare = {name: value for name, value in for_code(place.app, await place.code()).items() if "assertion" not in name}
    await place.is_refused({**bare, "client_id": place.app.id}, "invalid_client")


async def test_codes_and_tokens_that_nobody_gave_out(place: Place) -> None:
    for one in filter(None, INVENTED):
        await place.is_refused(for_code(place.app, one), "invalid_grant")
        await place.is_refused(for_refresh(place.app, one), "invalid_grant")


async def test_a_wrong_showing_uses_the_code_up(place: Place) -> None:
    code = await place.code()
    await place.is_refused(for_code(place.app, code, code_verifier="w" * 43), "invalid_grant")
    await place.is_refused(for_code(place.app, code), "invalid_grant")


async def test_a_code_is_good_once_and_its_second_showing_takes_the_tokens_back(place: Place) -> None:
    code = await place.code()
    said = (await place.web.post("/oauth/token", data=for_code(place.app, code))).json()
    address, headers = f"/fhir/Patient/{place.patient}", bearer(said["access_token"])
    assert (await place.web.get(address, headers=headers)).status_code == 200
    await place.is_refused(for_code(place.app, code), "invalid_grant")
    assert (await place.web.get(address, headers=headers)).status_code == 401
    await place.is_refused(for_refresh(place.app, said["refresh_token"]), "invalid_grant")


async def test_another_programs_code_and_refresh_token_are_void_for_both(place: Place) -> None:
    code = await place.code()
    await place.is_refused(for_code(place.stranger, code), "invalid_grant")
    await place.is_refused(for_code(place.app, code), "invalid_grant")
    token = (await place.tokens())["refresh_token"]
    await place.is_refused(for_refresh(place.stranger, token), "invalid_grant")
    await place.is_refused(for_refresh(place.app, token), "invalid_grant")


async def test_a_code_ends_after_a_minute_and_is_kept_as_a_hash(place: Place) -> None:
    code = await place.code()
    async with place.database.transaction(place.app.facility) as tx:
        left = await tx.fetchval(
            "select extract(epoch from ends - now()) from program_token where hash = $1", hashed(code)
        )
        assert 0 < left <= 60
        assert not await tx.fetchval("select count(*) from program_token where encode(hash, 'escape') = $1", code)
        await tx.execute("update program_token set ends = now() where hash = $1", hashed(code))
    await place.is_refused(for_code(place.app, code), "invalid_grant")


async def test_refresh_tokens_widen_nothing(place: Place) -> None:
    token = (await place.tokens())["refresh_token"]
    for scope in (
        "patient/*.rs", "patient/Patient.cruds", "user/Patient.rs", "system/Patient.rs", "patient/Encounter.rs",
        "openid fhirUser", "patient/Patient.rs patient/Condition.rs", "online_access", "bulk/export", "x",
    ):  # fmt: skip
        await place.is_refused(for_refresh(place.app, token, scope=scope), "invalid_scope")
    answer = await place.web.post("/oauth/token", data=for_refresh(place.app, token, scope="patient/Patient.r"))
    assert answer.status_code == 200


async def test_no_other_word_opens_a_door(place: Place) -> None:
    said = await place.tokens()
    code, address = await place.code(), f"/fhir/Patient/{place.patient}"
    for word in (
        code, said["refresh_token"], said["id_token"], said["access_token"] + "x", said["access_token"][:-1],
        said["access_token"].upper(), place.app.id, kit.signed(claims(place.app)), "", "null", "undefined",
    ):  # fmt: skip
        assert (await place.web.get(address, headers=bearer(word))).status_code == 401, word
    for header in (said["access_token"], f"Basic {said['access_token']}", f"DPoP {said['access_token']}"):
        assert (await place.web.get(address, headers={"Authorization": header})).status_code == 401
    place.web.cookies.set(COOKIE, said["access_token"])
    assert (await place.web.get("/kham")).status_code == 303
    place.web.cookies.clear()
    assert (await place.web.get(f"{address}?access_token={said['access_token']}")).status_code == 401
    assert (await place.doctor.get("/oauth/token")).status_code == 405
    async with place.database.transaction(place.app.facility) as tx:
        await tx.execute("update program_token set ends = now() where hash = $1", hashed(said["access_token"]))
    assert (await place.web.get(address, headers=bearer(said["access_token"]))).status_code == 401


async def test_a_program_allows_itself_nothing(place: Place) -> None:
    said = await place.tokens()
    question = {**kit.question(place.app), "answer": "allow", "patient": place.patient}
    for headers in (bearer(said["access_token"]),):
        answer = await place.web.post("/oauth/authorize", data=question, headers=headers)
        assert answer.status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await place.doctor.post("/oauth/authorize", data=question, headers=foreign)).status_code == 403
    framed = {"Origin": "https://evil.example"}
    assert (await place.doctor.post("/oauth/authorize", data=question, headers=framed)).status_code == 403


async def test_another_facilitys_patient_is_nobody(place: Place) -> None:
    for patient in (place.foreign, "", "không có", "x" * 300):
        said = {**kit.question(place.app), "answer": "allow", "patient": patient}
        answer = await place.doctor.post("/oauth/authorize", data=said)
        assert answer.status_code == 422 and "location" not in answer.headers
    said = await place.tokens()
    gone = await place.web.get(f"/fhir/Patient/{place.foreign}", headers=bearer(said["access_token"]))
    assert gone.status_code == 404


async def test_half_signed_in_locked_stopped_and_out_of_hours_are_nobody(place: Place, client: Client) -> None:
    for harm in (
        "update session set locked = now() where account = $1",
        "update session set ends = now() where account = $1",
        "update account set active = false where id = $1",
        "update account set days = 0 where id = $1",
        "delete from session where account = $1",
    ):
        one = await somebody(place.database, place.app.facility, Role.DOCTOR)
        web = await client(None)
        web.cookies.set(COOKIE, await session_of(place.database, one))
        scopes = "openid launch/patient online_access patient/Patient.rs"
        program = place.public
        async with place.database.transaction(program.facility) as tx:
            await tx.execute("update client set scopes = $2 where id = $1", program.id, scopes)
        code = (await kit.allowed(web, program, place.patient, scope=scopes))["code"]
        said = (await place.web.post("/oauth/token", data=for_code(program, code))).json()
        waiting = (await kit.allowed(web, program, place.patient, scope=scopes))["code"]
        async with place.database.transaction(program.facility) as tx:
            await tx.execute(harm, one.id)
        address = f"/fhir/Patient/{place.patient}"
        assert (await place.web.get(address, headers=bearer(said["access_token"]))).status_code == 401, harm
        await place.is_refused(for_refresh(program, said["refresh_token"]), "invalid_grant")
        await place.is_refused(for_code(program, waiting), "invalid_grant")
        asked = await web.get("/oauth/authorize", params=kit.question(program, scope=scopes))
        assert asked.status_code == 303 and asked.headers["location"].startswith(("/dang-nhap", "/khoa-man-hinh"))


async def test_a_program_that_was_cut_off_gets_nothing_at_any_door(place: Place, subject: Who) -> None:
    said, code = await place.tokens(), await place.code()
    async with place.database.transaction(place.app.facility) as tx:
        await registry.cut_off(tx, subject("administrator"), place.app.id, "thử")
        await registry.cut_off(tx, subject("administrator"), place.backend.id, "thử")
    for form in (
        for_code(place.app, code), for_refresh(place.app, said["refresh_token"]),
        for_itself(place.backend, "system/Patient.rs"),
    ):  # fmt: skip
        await place.is_refused(form, "invalid_client")
    for path in ("introspect", "revoke"):
        await place.is_refused({"token": said["access_token"], **kit.proof(place.app)}, "invalid_client", path)
    async with place.database.transaction(place.app.facility) as tx:
        await registry.let_in(tx, subject("administrator"), place.app.id)
    await place.is_refused(for_refresh(place.app, said["refresh_token"]), "invalid_grant")


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


async def test_a_launch_is_of_one_session_one_program_and_once(place: Place, client: Client, subject: Who) -> None:
    admin = subject("administrator")
    scopes = "launch patient/Patient.rs"
    program, other = [
        await kit.registered(place.database, admin, "public", scopes, launch_url="https://app.example.vn/mo")
        for _n in range(2)
    ]
    started = await place.doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": place.patient})
    word = kit.back(started)["launch"]
    colleague = await client("doctor")
    for who, which in ((colleague, program), (place.doctor, other)):
        answer = await who.get("/oauth/authorize", params=kit.question(which, launch=word))
        assert kit.back(answer)["error"] == "invalid_request"
    bare = await place.doctor.get("/oauth/authorize", params=kit.question(program))
    assert kit.back(bare)["error"] == "invalid_request"
    assert (
        await place.doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": place.foreign})
    ).status_code == 404
    async with place.database.transaction(program.facility) as tx:
        await tx.execute("update program_launch set ends = now() where hash = $1", hashed(word))
    over = await place.doctor.get("/oauth/authorize", params=kit.question(program, launch=word))
    assert kit.back(over)["error"] == "invalid_request"


async def test_what_she_denies_is_denied(place: Place) -> None:
    before = await place.refusals()
    for answer in ("deny", "", "Allow", "1"):
        said = {**kit.question(place.app), "answer": answer, "patient": place.patient}
        back = kit.back(await place.doctor.post("/oauth/authorize", data=said))
        assert back["error"] == "access_denied" and back["state"] == "s-1" and "code" not in back
    assert await place.refusals() == before + 4


async def test_a_patient_of_nobody_is_not_offered(place: Place, hospital: House, client: Client) -> None:
    herself = await client(None)
    async with place.database.transaction(hospital.key) as tx:
        herself.cookies.set(COOKIE, await open_session(tx, hospital.key, patient=place.patient, hours=1))
    said = await herself.get("/oauth/authorize", params={**kit.question(place.app), "tim": "Nông"})
    assert said.status_code == 200 and "Nông Thị Thử" in said.text and "Nông Thị Nơi Khác" not in said.text
