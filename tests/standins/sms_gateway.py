"""A stand-in of a gateway for short messages: POST of {to, from, text, reference} with a bearer token.

Gateways differ in names; this is the shape that most of those for brand-name messages share.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.standins.loopback import serving

TOKEN = "ma-cua-cong"


@dataclass
class GatewayStandIn:
    """What it took, and the telephones that it refuses."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    refusing: set[str] = field(default_factory=set)
    down: bool = False

    def code(self) -> str:
        """The code in the last message."""
        return "".join(letter for letter in self.sent[-1]["text"].partition(",")[0] if letter.isdigit())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        at = self.server.stand_in
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
        status, said = 200, {"status": "queued", "id": body.get("reference")}
        if at.down:
            status, said = 503, {}
        elif self.headers.get("authorization") != f"Bearer {TOKEN}":
            status, said = 401, {"error": "unauthorized"}
        elif body["to"] in at.refusing:
            said = {"status": "rejected", "error": "no such number"}
        elif not str(body["text"]).isascii() or len(body["text"]) > 160:
            said = {"status": "rejected", "error": "not one part"}
        else:
            at.sent.append(body)
        raw = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    stand_in: GatewayStandIn


@contextmanager
def sms_gateway(stand_in: GatewayStandIn) -> Iterator[str]:
    """Run it; gives its address."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stand_in = stand_in
    with serving(server) as address:
        yield f"{address}/sms"
