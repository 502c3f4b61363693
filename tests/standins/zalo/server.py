"""All of Zalo's hosts on one loopback server; over TLS too, for a browser that is told they are here.

--host-resolver-rules="MAP *.zalo.me:443 127.0.0.1:PORT,MAP h5.zdn.vn:443 127.0.0.1:PORT" --ignore-certificate-errors
"""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.standins.loopback import serving
from tests.standins.zalo.account import Account
from tests.standins.zalo.app_host import AppHost
from tests.standins.zalo.graph import Graph
from tests.standins.zalo.payment import Payment

#: lost: it is done, and the line breaks before the answer. slow: it is done, and the answer does not come in time.
Fault = Literal["", "slow", "500", "garbage", "lost"]
APP_HOSTS = ("h5.zdn.vn", "h5.zalo.me")


@dataclass
class ZaloStandIn(Graph, Account, Payment, AppHost):
    """What the servers know and how they misbehave; `asked` keeps the paths."""

    asked: list[str] = field(default_factory=list)
    fault: Fault = ""
    #: Path → its own fault; it wins over `fault`.
    faults: dict[str, Fault] = field(default_factory=dict)
    #: Ends the waiting of fault `slow` at once.
    hurry: threading.Event = field(default_factory=threading.Event)

    def answer(self, method: str, path: str, query: dict[str, str], headers: dict[str, str], raw: bytes) -> Any:
        """What is said to a request: an object; bytes with their type; or where to go (a text)."""
        form = dict(parse_qsl(raw.decode("utf-8", "replace")))
        match method, path:
            case "GET", "/v2.0/me" if query.get("fields"):
                return self.me(headers)
            case "GET", "/v2.0/me/info":
                return self.info(headers)
            case "GET", "/v4/oa/permission":
                return self.permission(query)
            case "POST", "/v4/oa/access_token":
                return self.token(headers, form)
            case "GET", "/v2.0/oa/getoa":
                return self.about(headers)
            case "POST", "/message/template":
                return self.to_phone(headers, json.loads(raw))
            case "POST", "/v3.0/oa/message/template":
                return self.to_user(headers, json.loads(raw))
            case "POST", "/v3.0/oa/message/cs":
                return self.reply(headers, json.loads(raw))
            case "GET", "/api/transaction/get-status":
                return self.status(query)
            case _:
                return {"error": 404, "message": "no such path"}


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._take(b"")

    def do_POST(self) -> None:
        self._take(self.rfile.read(int(self.headers.get("content-length", "0"))))

    def do_OPTIONS(self) -> None:
        self._answer(204, b"")

    def _take(self, raw: bytes) -> None:
        at, parts = self.server.stand_in, urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        host, query = headers.get("host", "").split(":")[0], dict(parse_qsl(parts.query))
        at.asked.append(parts.path)
        if host in APP_HOSTS:
            return self._app(at, host, parts.path)
        fault = at.faults.get(parts.path, at.fault)
        said = at.answer(self.command, parts.path, query, headers, raw)
        if fault == "slow":
            at.hurry.wait(30)
        if fault == "lost":
            self.close_connection = True
            return self.connection.close()
        if isinstance(said, str):
            return self._answer(302, b"", {"Location": said})
        text = b"<html>" if fault == "garbage" else json.dumps(said).encode()
        return self._answer(500 if fault == "500" else 200, text)

    def _app(self, at: ZaloStandIn, host: str, path: str) -> None:
        if host == "h5.zalo.me":
            return self._answer(200, json.dumps(at.api(path)).encode())
        raw, kind = at.page(path)
        return self._answer(200, raw, {"Content-Type": kind})

    def _answer(self, status: int, raw: bytes, headers: dict[str, str] | None = None) -> None:
        said = {"Content-Type": "application/json; charset=utf-8"} | (headers or {})
        if origin := self.headers.get("origin"):
            said |= {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true",
                     "Access-Control-Allow-Headers": "authorization, access_token, content-type"}  # fmt: skip
        self.send_response(status)
        for name, value in said.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    stand_in: ZaloStandIn
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked may have stopped reading."""


@contextmanager
def zalo_stand_in(stand_in: ZaloStandIn, port: int = 0, *, tls: bool = False) -> Iterator[str]:
    """Run it; gives its base URL. `tls`: with a certificate made for this run."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.stand_in = stand_in
    if tls:
        server.socket = _certified().wrap_socket(server.socket, server_side=True)
    with serving(server) as address:
        yield address.replace("http:", "https:") if tls else address


def _certified() -> ssl.SSLContext:
    """A context with a certificate that nobody trusts and that is gone afterwards."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "h5.zdn.vn")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in APP_HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        Path(file.name).write_bytes(made.public_bytes(pem) + private)
        context.load_cert_chain(file.name)
    return context
