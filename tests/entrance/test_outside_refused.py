"""What a provider may never get away with: refused, told, with its trace, and nobody comes in."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from benhan.app import create_app
from benhan.core.access import Role
from benhan.core.access.doors import COOKIE
from benhan.core.access.outside.exchange import MOST_BYTES, Exchange, Question
from benhan.core.access.outside.provider import Provider, Trouble
from benhan.core.db import PLATFORM, Database
from benhan.core.kit import clock
from benhan.settings import Settings
from benhan.simulator import House
from tests.core.access.staff_people import Somebody, somebody
from tests.standins.hostile_provider import CLIENT, HostileProvider, hostile_provider

pytestmark = pytest.mark.asyncio(loop_scope="session")
BASE = "http://benhan.test"
HOUR = 3600


class Meeting:
    """One provider of that kind, one browser, one account that `may` of the provider is linked to."""

    def __init__(self, name: str, issuer: str, provider: HostileProvider, browser: httpx.AsyncClient) -> None:
        self.name = name
        self.issuer = issuer
        self.provider = provider
        self.browser = browser
        self.way = f"/dang-nhap/qua/{name}"

    async def leaves(self) -> dict[str, str]:
        """She presses the button: what her browser is told to ask."""
        answer = await self.browser.get(self.way)
        assert answer.status_code == 303, answer.text
        asked = {name: one[0] for name, one in parse_qs(urlsplit(answer.headers["location"]).query).items()}
        self.provider.nonce = self.provider.nonce or asked["nonce"]
        return asked

    async def returns(self, asked: dict[str, str], **said: str | None) -> httpx.Response:
        """She is sent back; `said` over the right answer, None takes one away."""
        right = {"state": asked["state"], "code": "code", "iss": self.issuer}
        answer = {name: value for name, value in (right | said).items() if value is not None}
        return await self.browser.get(f"{self.way}/ve", params=answer)


@asynccontextmanager
async def meeting(database: Database, one: Somebody, provider: HostileProvider, **more: Any) -> AsyncIterator[Meeting]:
    name = f"xa-{uuid4().hex[:8]}"
    with hostile_provider(provider) as issuer:
        async with database.transaction(PLATFORM) as tx:  # the port, and so its name, may have been another's before
            await tx.execute("delete from outside_link where issuer = $1", issuer)
        async with database.transaction(one.facility) as tx:
            await tx.execute(
                "insert into outside_link (issuer, claim, subject, facility, account, shown)"
                " values ($1, 'sub', 'may', $2, $3, 'may')", issuer, one.facility, one.id,
            )  # fmt: skip
        told = {"name": name, "issuer": issuer, "client_id": CLIENT, "label": "Nơi Xa", **more}
        settings = Settings(mode="demo", secure_cookies=False, public_url=BASE, sign_in_providers=[told])  # type: ignore[list-item]
        app = create_app(settings, database)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=BASE) as browser,
        ):
            yield Meeting(name, issuer, provider, browser)


@pytest.fixture
async def one(database: Database, hospital: House) -> Somebody:
    return await somebody(database, hospital.key, Role.RECEPTION)


async def refused(database: Database, one: Somebody, met: Meeting, answer: httpx.Response, kind: str) -> str:
    """It opened nothing, was told, and left its trace; gives what the trace says."""
    assert answer.status_code == 422 and "Nơi Xa" in answer.text
    assert COOKIE not in answer.cookies
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from session where account = $1", one.id) == 0
        row = await tx.fetchrow(
            "select * from audit where action = 'sign-in' and detail like '%' || $1 || '%' order by seq desc limit 1",
            met.name,
        )
    assert row is not None and not row["allowed"]
    assert row["rule"] == f"provider: {kind}"
    return str(row["detail"])


async def test_the_stand_in_is_taken_where_it_does_nothing_wrong(database: Database, one: Somebody) -> None:
    async with meeting(database, one, HostileProvider()) as met:
        assert (await met.returns(await met.leaves())).status_code == 303
    async with meeting(database, one, HostileProvider(header={"alg": "ES256", "kid": "curve"})) as met:
        assert (await met.returns(await met.leaves())).status_code == 303
    async with meeting(database, one, HostileProvider(header={"typ": "JWT", "x-own": "ignored"})) as met:
        assert (await met.returns(await met.leaves())).status_code == 303


def now(seconds: int) -> int:
    return int(time.time()) + seconds


TOKENS: dict[str, tuple[HostileProvider, str, str]] = {
    "no signature": (HostileProvider(header={"alg": "none"}), "untrusted", "id_token"),
    "signed with the public key as a secret": (HostileProvider(header={"alg": "HS256"}), "untrusted", "id_token"),
    "signed with a key that is not shown": (HostileProvider(hides_key=True), "untrusted", "key"),
    "signed with another key of that name": (HostileProvider(header={"kid": "curve"}), "untrusted", "key"),
    "an algorithm that is not on the list": (HostileProvider(header={"alg": "RS512"}), "untrusted", "id_token"),
    "critical header that nobody knows": (
        HostileProvider(header={"crit": ["exp"], "exp": 1}), "untrusted", "id_token",
    ),
    "for somebody else": (HostileProvider(claims={"aud": "another-program"}), "untrusted", "aud"),
    "for nobody": (HostileProvider(claims={"aud": None}), "untrusted", "aud"),
    "for several, asked by nobody": (HostileProvider(claims={"aud": [CLIENT, "another"]}), "untrusted", "azp"),
    "asked by somebody else": (HostileProvider(claims={"azp": "another"}), "untrusted", "azp"),
    "of another issuer": (HostileProvider(claims={"iss": "http://127.0.0.1:1"}), "untrusted", "iss"),
    "of another issuer by a slash": (HostileProvider(claims={"iss": None}), "untrusted", "iss"),
    "answers another question": (HostileProvider(nonce="not-ours"), "untrusted", "nonce"),
    "answers no question": (HostileProvider(claims={"nonce": None}), "untrusted", "nonce"),
    "a nonce that is no text": (HostileProvider(claims={"nonce": 7}), "untrusted", "nonce"),
    "over": (HostileProvider(claims={"exp": now(-HOUR)}), "clock", "exp"),
    "never over": (HostileProvider(claims={"exp": None}), "untrusted", "exp"),
    "over at no time": (HostileProvider(claims={"exp": "soon"}), "untrusted", "exp"),
    "over at true": (HostileProvider(claims={"exp": True}), "untrusted", "exp"),
    "from tomorrow": (HostileProvider(claims={"iat": now(HOUR), "exp": now(2 * HOUR)}), "clock", "iat"),
    "from before we asked": (HostileProvider(claims={"iat": now(-HOUR)}), "clock", "iat"),
    "made at no time": (HostileProvider(claims={"iat": None}), "untrusted", "iat"),
    "not good yet": (HostileProvider(claims={"nbf": now(HOUR)}), "clock", "nbf"),
    "she was not asked again": (HostileProvider(claims={"auth_time": now(-HOUR)}), "untrusted", "auth_time"),
    "about nobody": (HostileProvider(claims={"sub": None}), "untrusted", "sub"),
    "about a number": (HostileProvider(claims={"sub": 5}), "untrusted", "sub"),
    "about somebody with a name without end": (HostileProvider(claims={"sub": "m" * 256}), "untrusted", "sub"),
    "too long": (HostileProvider(claims={"junk": "j" * 20_000}), "untrusted", "too long"),
    "no token": (HostileProvider(token_answer=(200, b'{"access_token": "x"}')), "unreadable", "id_token"),
    "a token that is none": (HostileProvider(token_answer=(200, b'{"id_token": "a.b.c"}')), "untrusted", "id_token"),
    "encrypted, for whom": (HostileProvider(token_answer=(200, b'{"id_token": "a.b.c.d.e"}')), "untrusted", "id_token"),
    "no JSON": (HostileProvider(token_answer=(200, b"<html>")), "unreadable", "id_token"),
    "brackets without end": (HostileProvider(token_answer=(200, b"[" * 100_000)), "unreadable", "id_token"),
    "an answer without end": (
        HostileProvider(token_answer=(200, b'{"a": "' + b"x" * (2 * MOST_BYTES) + b'"}')), "unreadable", "bytes",
    ),
    "it does not know us": (HostileProvider(token_answer=(401, b'{"error": "invalid_client"}')), "refused", "invalid"),
    "it is broken": (HostileProvider(token_answer=(500, b"oh")), "unreachable", "500"),
    "it sends us elsewhere": (HostileProvider(token_answer=(302, b"")), "refused", "302"),
}  # fmt: skip


@pytest.mark.parametrize("name", TOKENS)
async def test_a_token_that_is_wrong_opens_nothing(database: Database, one: Somebody, name: str) -> None:
    provider, kind, why = TOKENS[name]
    async with meeting(database, one, provider) as met:
        answer = await met.returns(await met.leaves())
        assert why in await refused(database, one, met, answer, kind)


ANSWERS: dict[str, tuple[dict[str, str | None], str]] = {
    "another state": ({"state": "x" * 43}, "stale"),
    "no state": ({"state": None}, "stale"),
    "the issuer of another": ({"iss": "http://127.0.0.1:1"}, "untrusted"),
    "no issuer, though it says that it tells one": ({"iss": None}, "untrusted"),
    "no code": ({"code": None}, "unreadable"),
    "it will not": ({"error": "access_denied"}, "denied"),
    "it cannot": ({"error": "temporarily_unavailable"}, "refused"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_is_wrong_opens_nothing(database: Database, one: Somebody, name: str) -> None:
    said, kind = ANSWERS[name]
    async with meeting(database, one, HostileProvider()) as met:
        answer = await met.returns(await met.leaves(), **said)
        await refused(database, one, met, answer, kind)
        assert "/token" not in met.provider.asked  # no code of ours goes to anybody


async def test_an_answer_that_says_a_thing_twice_is_none(database: Database, one: Somebody) -> None:
    async with meeting(database, one, HostileProvider()) as met:
        asked = await met.leaves()
        query = f"state={asked['state']}&code=a&code=b&iss={met.issuer}"
        await refused(database, one, met, await met.browser.get(f"{met.way}/ve?{query}"), "stale")


SAID: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "http://127.0.0.1:1"},
    "no PKCE with S256": {"code_challenge_methods_supported": ["plain"]},
    "a token endpoint that is no web address": {"token_endpoint": "file:///etc/passwd"},
}


@pytest.mark.parametrize("name", SAID)
async def test_a_provider_that_says_something_wrong_of_itself_is_not_asked(
    database: Database, one: Somebody, name: str
) -> None:
    async with meeting(database, one, HostileProvider(said=SAID[name])) as met:
        await refused(database, one, met, await met.browser.get(met.way), "untrusted")


async def test_an_answer_of_one_provider_is_none_at_another(database: Database, one: Somebody) -> None:
    """Mix-up: each provider has its own address to come back to, and the question knows whom it was put to."""
    async with meeting(database, one, HostileProvider()) as honest, meeting(database, one, HostileProvider()) as evil:
        asked = await evil.leaves()
        honest.browser.cookies.update(evil.browser.cookies)
        honest.provider.nonce = asked["nonce"]
        await refused(database, one, honest, await honest.returns(asked), "stale")
        assert "/token" not in honest.provider.asked


async def test_the_question_carries_what_makes_it_ours_alone(database: Database, one: Somebody) -> None:
    async with meeting(database, one, HostileProvider()) as met:
        first, second = await met.leaves(), await met.leaves()
        for name in ("state", "nonce", "code_challenge"):
            assert len(first[name]) == 43 and first[name] != second[name]
        assert (first["code_challenge_method"], first["response_type"], first["prompt"]) == ("S256", "code", "login")
        assert first["redirect_uri"] == f"{BASE}{met.way}/ve"
        assert "openid" in first["scope"].split()


# ── the line itself ────────────────────────────────────────────────────────────────────────────────────────────────


def exchange(issuer: str, **more: Any) -> Exchange:
    told = Provider(name="xa", issuer=issuer, client_id=CLIENT, label_vietnamese="Nơi Xa")
    return Exchange(told, **more)


async def redeemed(line: Exchange, provider: HostileProvider, issuer: str) -> str:
    question = Question.new(line.provider, clock.now())
    provider.nonce = question.nonce
    said = {"state": question.state, "code": "code", "iss": issuer}
    return (await line.identity(question, said, BASE, clock.now())).subject


async def test_a_slow_provider_is_given_up(database: Database) -> None:
    provider = HostileProvider(seconds=60)
    with hostile_provider(provider) as issuer:
        with pytest.raises(Trouble) as trouble:
            await redeemed(exchange(issuer, seconds=0.5), provider, issuer)
        assert trouble.value.kind == "slow"


async def test_new_keys_are_fetched_when_one_is_unknown_but_not_for_everybody_who_asks(database: Database) -> None:
    provider = HostileProvider()
    with hostile_provider(provider) as issuer:
        line = exchange(issuer, refetch_seconds=0.0)
        assert await redeemed(line, provider, issuer) == "may"
        assert await redeemed(line, provider, issuer) == "may"
        assert provider.asked.count("/jwks") == 1
        provider.rsa = HostileProvider().rsa  # it changes its keys
        assert await redeemed(line, provider, issuer) == "may"
        assert provider.asked.count("/jwks") == 2
        patient = exchange(issuer)
        assert await redeemed(patient, provider, issuer) == "may"
        provider.hides_key, provider.rsa = True, HostileProvider().rsa
        for _time in range(3):
            with pytest.raises(Trouble, match="untrusted"):
                await redeemed(patient, provider, issuer)
        assert provider.asked.count("/jwks") == 3
        assert provider.asked.count("/.well-known/openid-configuration") == 2


async def test_a_secret_is_shown_as_the_provider_wants_it(database: Database) -> None:
    provider = HostileProvider(said={"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    with hostile_provider(provider) as issuer:
        told = Provider(name="xa", issuer=issuer, client_id=CLIENT, secret="s&cret", label_vietnamese="Nơi Xa")
        await redeemed(Exchange(told), provider, issuer)
    assert any("client_secret=s%26cret" in form for form in provider.forms)
    assert all("code_verifier=" in form for form in provider.forms if form)
