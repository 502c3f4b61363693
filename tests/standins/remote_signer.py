"""A stand-in of a provider of remote signing: hashes in, a confirmation on a telephone, signatures out."""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from tests.standins.loopback import serving

SECRET = "ma-bi-mat-cua-noi-ky"


@dataclass
class Telephone:
    """A request that somebody reads on her telephone."""

    user: str
    text: str
    hashes: list[bytes]
    state: str = "waiting"


@dataclass
class Provider:
    """Its users: key and chain as PEM. `wrong`: it signs something else; `down`: it does not answer."""

    users: dict[str, tuple[rsa.RSAPrivateKey, str]] = field(default_factory=dict)
    requests: dict[str, Telephone] = field(default_factory=dict)
    wrong: bool = False
    down: bool = False

    @property
    def last(self) -> Telephone:
        """What her telephone shows now."""
        return list(self.requests.values())[-1]

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """As the provider does."""
        _empty, what, *named = path.split("/")
        if self.down:
            return 503, {}
        if what == "certificates" and named[0] in self.users:
            return 200, {"pem": self.users[named[0]][1]}
        if what == "signatures" and method == "POST":
            said = json.loads(body)
            ticket = secrets.token_hex(8)
            self.requests[ticket] = Telephone(said["user"], said["text"], [b64decode(one) for one in said["hashes"]])
            return 200, {"transaction": ticket}
        if what == "signatures" and named[0] in self.requests:
            return 200, self._state(self.requests[named[0]])
        return 404, {}

    def _state(self, one: Telephone) -> dict[str, Any]:
        if one.state != "signed":
            return {"state": one.state}
        key = self.users[one.user][0]
        hashed = [bytes(32) if self.wrong else each for each in one.hashes]
        made = [key.sign(each, padding.PKCS1v15(), Prehashed(hashes.SHA256())) for each in hashed]
        return {"state": "signed", "signatures": [b64encode(each).decode() for each in made]}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("content-length", "0"))))

    def _answer(self, body: bytes) -> None:
        known = self.headers.get("authorization") == f"Bearer {SECRET}"
        status, said = self.server.provider.answer(self.command, self.path, body) if known else (401, {})
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    provider: Provider


@contextmanager
def remote_signer(provider: Provider) -> Iterator[str]:
    """Run it; gives its address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.provider = provider
    with serving(server) as address:
        yield address
