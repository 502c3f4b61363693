"""A provider that does what a real one never does: for the answers that must be refused.

It never sees a browser. A test reads the question out of the address it would send one to, and brings the answer.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.standins.loopback import serving

CLIENT = "benhan-here"


@dataclass
class HostileProvider:
    """How it misbehaves. `claims`: put over the right ones, None takes one away; `said`: over its metadata."""

    claims: dict[str, Any] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    #: The answer of the token endpoint instead of a token; how long the answer takes, at most.
    token_answer: tuple[int, bytes] | None = None
    seconds: float = 0.0
    hurry: threading.Event = field(default_factory=threading.Event)
    #: Signs with a key that it does not show.
    hides_key: bool = False
    nonce: str = ""
    asked: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)

    @cached_property
    def rsa(self) -> RSAKey:
        """The key it signs with; made when it is asked for, since it takes long."""
        return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})

    @cached_property
    def ec(self) -> ECKey:
        """A key of another kind."""
        return ECKey.generate_key("P-256", {"kid": "curve", "use": "sig"})

    def metadata(self, issuer: str) -> dict[str, Any]:
        """`/.well-known/openid-configuration`."""
        return {
            "issuer": issuer, "authorization_endpoint": f"{issuer}/auth", "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks", "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True, **self.said,
        }  # fmt: skip

    def jwks(self) -> dict[str, Any]:
        """The keys it shows, among others that nobody should take for its own."""
        symmetric = {"kty": "oct", "kid": "shared", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ"}
        shown = [self.ec.as_dict(private=False), symmetric, {"kty": "RSA"}, "no key"]
        return {"keys": shown if self.hides_key else [self.rsa.as_dict(private=False), *shown]}

    def token(self, issuer: str) -> str:
        """An id_token."""
        now = int(time.time())
        right = {"iss": issuer, "sub": "may", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": self.nonce}
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        header = {"alg": "RS256", "kid": self.rsa.kid, **self.header}
        said = f"{_coded(header)}.{_coded(claims)}"
        return f"{said}.{_base64(self._signature(header['alg'], said.encode()))}"

    def _signature(self, alg: str, said: bytes) -> bytes:
        if alg == "none":
            return b""
        if alg == "HS256":  # "signed" with what everybody knows
            return hmac.digest(self.rsa.as_pem(private=False), said, "sha256")
        return JWSRegistry.algorithms[alg].sign(said, self.ec if alg == "ES256" else self.rsa)


class _Server(ThreadingHTTPServer):
    provider: HostileProvider
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        provider, issuer = self.server.provider, f"http://{self.headers['host']}"
        provider.asked.append(self.path)
        provider.forms.append(self.rfile.read(int(self.headers.get("content-length") or 0)).decode())
        if self.path == "/jwks":
            return self._answer(200, json.dumps(provider.jwks()).encode())
        if self.path != "/token":
            return self._answer(200, json.dumps(provider.metadata(issuer)).encode())
        if provider.seconds:
            provider.hurry.wait(provider.seconds)
        if provider.token_answer:
            return self._answer(*provider.token_answer)
        body = {"access_token": "x", "token_type": "Bearer", "id_token": provider.token(issuer)}
        return self._answer(200, json.dumps(body).encode())

    do_POST = do_GET  # noqa: N815 - the names that http.server calls

    def _answer(self, status: int, body: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have stopped reading
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing."""


@contextmanager
def hostile_provider(provider: HostileProvider) -> Iterator[str]:
    """Serve it on loopback; gives its issuer."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = provider
    with serving(server) as address:
        try:
            yield address
        finally:
            provider.hurry.set()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _coded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part).encode())
