"""The line to one provider: what it says of itself, its keys, and a code for an id_token.

All of it bounded: seconds, bytes, questions at a time, how often keys are fetched again. Nothing is redirected.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx
import msgspec

from benhan.core.access.outside import id_token
from benhan.core.access.outside.provider import Identity, Provider, Trouble

#: What one question may take together with waiting for its turn, and how many are asked at a time.
SECONDS: Final = 8.0
AT_ONCE: Final = 8
MOST_BYTES: Final = 262_144
#: What a provider says of itself is asked again after so long; a key that nobody knows asks for new ones no sooner.
KEPT_SECONDS: Final = 3600.0
REFETCH_SECONDS: Final = 30.0


class Question(msgspec.Struct, frozen=True):
    """What a sign-in remembers while she is at the provider, kept in its step: no part of it is in her browser."""

    provider: str
    state: str
    nonce: str
    verifier: str
    began: datetime
    onward: str = "/"
    #: The session that makes a link, by its id; the link of an invitation.
    session: str | None = None
    invitation: str | None = None

    @classmethod
    def new(
        cls, provider: Provider, began: datetime, *, onward: str = "/", session: str | None = None,
        invitation: str | None = None,
    ) -> Question:  # fmt: skip
        """A question that was never asked before. Source: RFC 7636, RFC 9700 section 4.5."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _n in range(3))
        return cls(provider.name, state, nonce, verifier, began, onward, session, invitation)


class Metadata(msgspec.Struct, frozen=True):
    """What a provider says of itself. Source: OpenID Connect Discovery 1.0, section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: list[str] = msgspec.field(default_factory=lambda: ["client_secret_basic"])
    code_challenge_methods_supported: list[str] | None = None
    authorization_response_iss_parameter_supported: bool = False


class Exchange:
    """Talks with one provider for this process, and keeps what it says of itself."""

    def __init__(
        self, provider: Provider, *, seconds: float = SECONDS, refetch_seconds: float = REFETCH_SECONDS
    ) -> None:
        self.provider = provider
        self._seconds = seconds
        self._refetch = refetch_seconds
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._learning = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._learnt = 0.0
        self._keys: list[id_token.Key] = []
        self._fetched: float | None = None

    async def address(self, question: Question, back: str) -> str:
        """Where to send her browser; the provider sends it `back`.

        Raises:
            Trouble: the provider cannot be reached, or is not the one it should be.
        """
        metadata = await self._said()
        challenge = urlsafe_b64encode(sha256(question.verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self.provider.client_id, "redirect_uri": back,
            "scope": self.provider.scopes, "state": question.state, "nonce": question.nonce,
            "code_challenge": challenge, "code_challenge_method": "S256", "prompt": self.provider.prompt,
        }  # fmt: skip
        mark = "&" if urlsplit(metadata.authorization_endpoint).query else "?"
        return f"{metadata.authorization_endpoint}{mark}{urlencode({k: v for k, v in asked.items() if v})}"

    async def identity(self, question: Question, said: Mapping[str, str], back: str, at: datetime) -> Identity:
        """Who she is there, by what her browser brought back (`said`).

        Raises:
            Trouble: it is no answer to this question, or the provider vouches for nobody.
        """
        if not hmac.compare_digest(said.get("state", "").encode(), question.state.encode()):
            raise Trouble("stale", "state")
        metadata = await self._said()
        issuer = said.get("iss")
        if issuer != self.provider.issuer and (
            issuer is not None or metadata.authorization_response_iss_parameter_supported
        ):
            raise Trouble("untrusted", f"iss of the answer {issuer!r}")
        if error := said.get("error"):
            raise Trouble("denied" if error == "access_denied" else "refused", error[:100])
        if not said.get("code"):
            raise Trouble("unreadable", "no code")
        token = await self._redeem(metadata, said["code"], question.verifier, back)
        claims = await self._verified(metadata, token, at)
        return id_token.identity(claims, self.provider, question.nonce, question.began, at)

    async def _redeem(self, metadata: Metadata, code: str, verifier: str, back: str) -> str:
        """The id_token for a code. Source: RFC 6749 sections 2.3.1 and 4.1.3."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        basic = None
        id_, secret = self.provider.client_id, self.provider.secret
        if secret and "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            basic = httpx.BasicAuth(quote_plus(id_), quote_plus(secret))
        else:
            form |= {"client_id": id_} | ({"client_secret": secret} if secret else {})
        status, body = await self._ask("POST", metadata.token_endpoint, data=form, auth=basic)
        if status >= 500:
            raise Trouble("unreachable", f"token endpoint: HTTP {status}")
        if status != 200:
            raise Trouble("refused", f"token endpoint: HTTP {status} {str(body.get('error', ''))[:100]}")
        token = body.get("id_token")
        if not isinstance(token, str):
            raise Trouble("unreadable", "no id_token")
        return token

    async def _verified(self, metadata: Metadata, token: str, at: datetime) -> dict[str, Any]:
        """The claims of a token; keys that are new are fetched, at most so often."""
        age = asyncio.get_running_loop().time() - self._fetched if self._fetched is not None else KEPT_SECONDS
        if age < KEPT_SECONDS:
            try:
                return id_token.signed(token, self._keys)
            except id_token.UnknownKey as unknown:
                if age < self._refetch:
                    raise Trouble("untrusted", f"id_token: {unknown}") from None
        await self._fetch_keys(metadata)
        try:
            return id_token.signed(token, self._keys)
        except id_token.UnknownKey as unknown:
            raise Trouble("untrusted", f"id_token: {unknown}") from None

    async def _fetch_keys(self, metadata: Metadata) -> None:
        status, body = await self._ask("GET", metadata.jwks_uri)
        listed = body.get("keys")
        if status != 200 or not isinstance(listed, list):
            raise Trouble("unreadable", f"jwks_uri: HTTP {status}")
        self._keys, self._fetched = id_token.keys_of(listed), asyncio.get_running_loop().time()

    async def _said(self) -> Metadata:
        """What the provider says of itself, for an hour."""
        async with self._learning:
            now = asyncio.get_running_loop().time()
            if self._metadata is None or now - self._learnt > KEPT_SECONDS:
                self._metadata, self._learnt = await self._discover(), now
            return self._metadata

    async def _discover(self) -> Metadata:
        status, body = await self._ask("GET", f"{self.provider.issuer.rstrip('/')}/.well-known/openid-configuration")
        if status != 200:
            raise Trouble("unreachable", f"discovery: HTTP {status}")
        try:
            found = msgspec.convert(body, Metadata)
        except msgspec.ValidationError as wrong:
            raise Trouble("unreadable", f"discovery: {wrong}") from None
        if found.issuer != self.provider.issuer:
            raise Trouble("untrusted", f"discovery: issuer {found.issuer!r}")
        plain = self.provider.issuer.startswith("http://")
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            if not address.startswith("https://") and not (plain and address.startswith("http://")):
                raise Trouble("untrusted", f"discovery: {address[:200]}")
        if "S256" not in (found.code_challenge_methods_supported or ["S256"]):
            raise Trouble("untrusted", "discovery: no PKCE with S256")
        return found

    async def _ask(self, method: str, url: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """One question: status and the JSON object of the answer ({} for anything else)."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Benhan"}
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._turns,
                httpx.AsyncClient(verify=_tls(), timeout=self._seconds, follow_redirects=False) as client,
                client.stream(method, url, headers=headers, **more) as answer,
            ):
                body = b""
                async for part in answer.aiter_raw():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise Trouble("unreadable", f"{url}: more than {MOST_BYTES} bytes")
        except (TimeoutError, httpx.TimeoutException):
            raise Trouble("slow", f"{url}: {self._seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as wrong:
            raise Trouble("unreachable", f"{url}: {type(wrong).__name__}") from None
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        return answer.status_code, said if isinstance(said, dict) else {}


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
