"""A stand-in of the BHYT portal: a real server that speaks its protocol, with the faults that the real one has.

    python -m tests.standins.insurance_portal --port 8460 [--fault slow]

Protocol: CV 1245/BHXH-CNTT (token), CV 1923/BHXH-CNTT (KQNhanLichSuKCB2024); JSON and form bodies are both taken.
Every number, name and card in it is invented. Without a table of its own it answers any well-formed card with
000; the last digits of a card choose another answer (see `ANSWERS`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.standins.loopback import serving

Fault = Literal["", "slow", "500", "garbage", "no-token", "token-ends", "drop"]
YEAR = date.today().year  # the cards of these tests never grow old
USER, PASSWORD = "79001_BV", "mat-khau"
OFFICER = "001085000001"
RENEWED = {"gtTheTuMoi": f"01/01/{YEAR}", "gtTheDenMoi": f"31/12/{YEAR + 1}", "new": "1"}
#: What the last three digits of a card bring about: code, and what else is said.
ANSWERS: dict[str, tuple[str, dict[str, str]]] = {
    "003": ("003", {"gtTheDen": f"31/12/{YEAR - 1}", **RENEWED}),
    "004": ("004", {"gtTheDen": f"31/12/{YEAR}", **RENEWED}),
    "010": ("010", {"gtTheDen": f"31/12/{YEAR - 1}"}),
    "051": ("051", {}),
    "060": ("060", {}),
    "070": ("070", {}),
    "100": ("100", {}),
    "110": ("110", {}),
    "120": ("120", {}),
}
NOTES = {
    "000": "Thông tin thẻ chính xác", "003": "Thẻ cũ hết giá trị sử dụng, đã được cấp thẻ mới",
    "004": "Thẻ cũ còn giá trị sử dụng, đã được cấp thẻ mới", "010": "Thẻ hết giá trị sử dụng",
    "051": "Mã thẻ không đúng", "054": "Số CCCD của cán bộ tra cứu không có trong danh sách", "060": "Thẻ sai họ tên",
    "070": "Thẻ sai ngày sinh", "100": "Lỗi khi lấy dữ liệu sổ thẻ", "110": "Thẻ đã thu hồi",
    "120": "Thẻ đã báo giảm", "205": "Lỗi sai định dạng tham số", "401": "Lỗi xác thực tài khoản",
}  # fmt: skip


@dataclass
class PortalStandIn:
    """What the server knows and how it misbehaves; `asked` keeps the questions it was asked."""

    facility: str = "79001"
    fault: Fault = ""
    seconds: float = 30.0
    #: Ends the waiting of fault `slow` at once.
    hurry: threading.Event = field(default_factory=threading.Event)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    tokens_given: int = 0

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """POST /api/token/take."""
        digest = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()
        if self.fault == "no-token" or (form.get("username"), form.get("password")) != (USER, digest):
            return {"maKetQua": "401", "APIKey": None}
        pair = (secrets.token_hex(16), secrets.token_hex(16))
        self.tokens.add(pair)
        self.tokens_given += 1
        return {
            "maKetQua": "200",
            "APIKey": {
                "access_token": pair[0], "id_token": pair[1], "token_type": "bearer", "username": USER,
                "expires_in": "2099-01-01T00:00:00Z",
            },
        }  # fmt: skip

    def check(self, query: dict[str, str], form: dict[str, str]) -> dict[str, Any]:
        """POST /api/egw/KQNhanLichSuKCB2024."""
        if (query.get("token", ""), query.get("id_token", "")) not in self.tokens:
            return {"maKetQua": "401", "ghiChu": NOTES["401"]}
        self.asked.append(form)
        if any(not form.get(name) for name in ("maThe", "hoTen", "ngaySinh", "hoTenCb")):
            return {"maKetQua": "205", "ghiChu": NOTES["205"]}
        if form.get("cccdCb") != OFFICER:
            return {"maKetQua": "054", "ghiChu": NOTES["054"]}
        code, more = ANSWERS.get(form["maThe"][-3:], ("000", {"gtTheTu": f"01/01/{YEAR}", "gtTheDen": f"31/12/{YEAR}"}))
        return self._card(form, code, dict(more))

    def _card(self, form: dict[str, str], code: str, more: dict[str, str]) -> dict[str, Any]:
        card = self._full(form["maThe"])
        renewed = f"{card[:5]}{int(card[5:]) + 1:010d}" if more.pop("new", "") else ""
        return {
            "maKetQua": code, "ghiChu": NOTES.get(code, ""), "maThe": card, "hoTen": form["hoTen"],
            "ngaySinh": form["ngaySinh"], "gioiTinh": None, "diaChi": "", "maDKBD": self.facility,
            "cqBHXH": "Bảo hiểm xã hội (mẫu)", "gtTheTu": f"01/01/{YEAR}", "gtTheDen": "", "maKV": "",
            "ngayDu5Nam": f"01/01/{YEAR + 2}",
            "maSoBHXH": card[5:], "maTheCu": "", "maTheMoi": renewed, "maDKBDMoi": self.facility if renewed else "",
            "dsLichSuKCB2018": [], "dsLichSuKT2018": [], **more,
        }  # fmt: skip

    def _full(self, asked: str) -> str:
        """The card of 15 characters behind a BHXH number or a CCCD."""
        return asked if len(asked) == 15 else f"DN401{asked[-10:]}"


class _Server(ThreadingHTTPServer):
    portal: PortalStandIn
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        portal = self.server.portal
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = urlsplit(self.path)
        if portal.fault == "drop":
            self.close_connection = True
            return self.connection.close()
        if portal.fault == "slow":
            portal.hurry.wait(portal.seconds)
        if portal.fault == "500":
            return self._answer(500, b"<html>Runtime Error</html>")
        if portal.fault == "garbage":
            return self._answer(200, b"<html>maintenance</html>")
        if parts.path == "/api/token/take":
            return self._answer(200, json.dumps(portal.token(self._form(body))).encode())
        if parts.path == "/api/egw/KQNhanLichSuKCB2024":
            if portal.fault == "token-ends":
                portal.tokens.clear()
                portal.fault = ""
            found = portal.check({k: v[-1] for k, v in parse_qs(parts.query).items()}, self._form(body))
            return self._answer(200, json.dumps(found, ensure_ascii=False).encode())
        return self._answer(404, b"{}")

    def _form(self, body: bytes) -> dict[str, str]:
        if "json" in (self.headers.get("content-type") or ""):
            return {name: str(value) for name, value in json.loads(body or b"{}").items()}
        return {name: values[-1] for name, values in parse_qs(body.decode()).items()}

    def _answer(self, status: int, body: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have stopped waiting
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing: cards are in the requests."""


@contextmanager
def portal_stand_in(portal: PortalStandIn, port: int = 0) -> Iterator[str]:
    """Serve it on loopback in a thread of its own; gives its base URL."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.portal = portal
    with serving(server) as address:
        yield address


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8460)
    parser.add_argument("--fault", default="", choices=["", "slow", "500", "garbage", "no-token", "token-ends", "drop"])
    parser.add_argument("--seconds", type=float, default=30.0, help="how long fault `slow` waits")
    told = parser.parse_args()
    with portal_stand_in(PortalStandIn(fault=told.fault, seconds=told.seconds), told.port) as address:
        print(f"{address} user {USER} password {PASSWORD} officer {OFFICER}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
