"""A stand-in of Zalo's servers: who somebody is (graph), her telephone, template messages; with its documented errors.

    python -m tests.standins.zalo --port 8461

Protocol: shared/zalo/README.md and zalo-errors.json. Every answer is HTTP 200 and says in `error` what is wrong. Every
number, name and token in it is invented.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.standins.loopback import serving

Fault = Literal["", "slow", "500", "garbage"]
SECRET, OA_TOKEN, TEMPLATE, GLASS_TEMPLATE = "bi-mat-ung-dung", "oa-token", "412345", "412346"
#: Approved templates, with their parameters.
TEMPLATES = {TEMPLATE: {"otp"}, GLASS_TEMPLATE: {"facility", "time", "whose"}}
BAD_SESSION = {"error": 452, "message": "Session key invalid."}


@dataclass
class ZaloStandIn:
    """What the servers know and how they misbehave; `sent` keeps the messages, `asked` the paths."""

    #: Access token of the Mini App → (id of the person, her telephone or "" where she does not give it).
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Tokens for a telephone that were not used yet → access token they are for.
    phone_tokens: dict[str, str] = field(default_factory=dict)
    #: Telephone → error of the message to it (`-118`: no account at Zalo).
    refusing: dict[str, int] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    fault: Fault = ""
    #: Ends the waiting of fault `slow` at once.
    hurry: threading.Event = field(default_factory=threading.Event)

    def person(self, token: str, id_: str, phone: str) -> str:
        """Somebody who opened the Mini App; gives the token for her telephone."""
        self.people[token] = id_, phone
        self.phone_tokens[f"phone-{token}"] = token
        return f"phone-{token}"

    def me(self, headers: dict[str, str]) -> dict[str, Any]:
        """GET /v2.0/me."""
        token = headers.get("access_token", "")
        if token not in self.people:
            return BAD_SESSION
        proof = hmac.digest(SECRET.encode(), token.encode(), hashlib.sha256).hex()
        if not hmac.compare_digest(headers.get("appsecret_proof", ""), proof):
            return {"error": -242, "message": "Invalid appsecret_proof"}
        return {"id": self.people[token][0], "name": "Người Dùng", "error": 0, "message": "Success"}

    def info(self, headers: dict[str, str]) -> dict[str, Any]:
        """GET /v2.0/me/info: the telephone, once for each token."""
        token = headers.get("access_token", "")
        if token not in self.people:
            return BAD_SESSION
        if headers.get("secret_key") != SECRET:
            return {"error": -1, "message": "Invalid secret key"}
        if self.phone_tokens.pop(headers.get("code", ""), None) != token:
            return {"error": -1, "message": "Invalid code"}
        return {"data": {"number": self.people[token][1]}, "error": 0, "message": "Success"}

    def message(self, headers: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """POST /message/template, by telephone."""
        if headers.get("access_token") != OA_TOKEN:
            return {"error": -124, "message": "access token invalid"}
        if body.get("template_id") not in TEMPLATES:
            return {"error": -109, "message": "template id invalid"}
        if not str(body.get("phone", "")).startswith("84"):
            return {"error": -108, "message": "phone invalid"}
        if set(body.get("template_data", {})) != TEMPLATES[body["template_id"]]:
            return {"error": -1122, "message": "missing param"}
        if len(body.get("tracking_id", "")) > 48:
            return {"error": -1121, "message": "param exceeds max length"}
        if error := self.refusing.get(body["phone"]):
            return {"error": error, "message": "refused"}
        self.sent.append(body)
        return {"error": 0, "message": "Success", "data": {"msg_id": f"m{len(self.sent)}", "sent_time": "0"}}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        self._answer(json.loads(raw))

    def _answer(self, body: dict[str, Any]) -> None:
        at = self.server.stand_in
        path, headers = urlsplit(self.path).path, {name.lower(): value for name, value in self.headers.items()}
        at.asked.append(path)
        if at.fault == "slow":
            at.hurry.wait(30)
        said: dict[str, Any]
        if path == "/v2.0/me" and parse_qs(urlsplit(self.path).query).get("fields"):
            said = at.me(headers)
        elif path == "/v2.0/me/info":
            said = at.info(headers)
        elif path == "/message/template":
            said = at.message(headers, body)
        else:
            said = {"error": 404, "message": "no such path"}
        raw = b"<html>" if at.fault == "garbage" else json.dumps(said).encode()
        self.send_response(500 if at.fault == "500" else 200)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    stand_in: ZaloStandIn


@contextmanager
def zalo_stand_in(stand_in: ZaloStandIn, port: int = 0) -> Iterator[str]:
    """Run it; gives its base URL."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.stand_in = stand_in
    with serving(server) as address:
        yield address


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8461)
    with zalo_stand_in(ZaloStandIn(), parser.parse_args().port) as base:
        print(base)
        threading.Event().wait()
