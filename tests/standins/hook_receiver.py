"""A stand-in of a subscriber: a real server that takes notifications, or refuses, delays or drops them.

python -m tests.standins.hook_receiver --port 8470 [--refuse 503] [--delay 2] [--drop]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.standins.loopback import serving


@dataclass(frozen=True)
class Notification:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON; None where it is empty."""
        return json.loads(self.body) if self.body else None

    @property
    def kind(self) -> str | None:
        """handshake, heartbeat, event-notification; None for a notification by criteria."""
        return self.said("type")

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events told."""
        if self.kind is None:
            return [int(self.headers["benhan-event"])]
        return [
            int(part["valueString"])
            for one in self._parameters()
            if one["name"] == "notification-event"
            for part in one["part"]
            if part["name"] == "event-number"
        ]

    def said(self, name: str) -> str | None:
        """One value of the status."""
        for one in self._parameters():
            if one["name"] == name:
                return next((str(value) for key, value in one.items() if key.startswith("value")), None)
        return None

    def _parameters(self) -> list[dict[str, Any]]:
        body = self.json
        if not isinstance(body, dict) or body.get("resourceType") != "Bundle":
            return []
        found: list[dict[str, Any]] = body["entry"][0]["resource"]["parameter"]
        return found


@dataclass
class Receiver:
    """What arrived (also what was refused), and how the server behaves: change it while it runs."""

    refuse: int = 0
    delay: float = 0.0
    drop: bool = False
    redirect: str = ""
    #: Refuses only what this says yes to.
    refuses: Callable[[Notification], bool] = lambda _one: True
    arrived: list[Notification] = field(default_factory=list)
    taken: list[Notification] = field(default_factory=list)

    def of_path(self, path: str) -> list[Notification]:
        """What was taken at (or under) a path."""
        return [one for one in self.taken if one.path.startswith(path)]


class _Server(ThreadingHTTPServer):
    receiver: Receiver
    daemon_threads = True
    request_queue_size = 100


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        one = Notification(self.command, self.path, headers, body)
        receiver.arrived.append(one)
        if receiver.drop:
            self.close_connection = True
            return self.connection.close()
        if receiver.delay:
            time.sleep(receiver.delay)
        if receiver.redirect:
            return self._answer(307, {"Location": receiver.redirect})
        if receiver.refuse and receiver.refuses(one):
            return self._answer(receiver.refuse, {})
        receiver.taken.append(one)
        return self._answer(200, {})

    do_PUT = do_POST  # noqa: N815 - the names that http.server calls
    do_GET = do_POST  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # who sent it may have been killed
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that http.server gives
        """Say nothing."""


@contextmanager
def hook_receiver(receiver: Receiver, port: int = 0) -> Iterator[str]:
    """Serve it on loopback in a thread of its own; gives its base URL."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.receiver = receiver
    with serving(server) as address:
        yield address


def main() -> None:
    """Serve until Ctrl-C, printing what arrives."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8470)
    parser.add_argument("--refuse", type=int, default=0, help="answer with this status")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--drop", action="store_true", help="close the connection instead of answering")
    told = parser.parse_args()
    receiver = Receiver(told.refuse, told.delay, told.drop)
    with hook_receiver(receiver, told.port) as address:
        print(address, flush=True)
        shown = 0
        while True:
            for one in receiver.arrived[shown:]:
                print(one.method, one.path, one.body.decode()[:2000], flush=True)
                shown += 1
            time.sleep(0.2)


if __name__ == "__main__":
    main()
