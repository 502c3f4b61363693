"""The load generator: one process, one loop, plain sockets. Everything it sends was made before the clock runs.

It is run as a program of its own, so that what it costs can be told from what the server costs: a plan comes in on
stdin, what was seen goes out on stdout, both MessagePack.
"""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
import time

import msgspec

#: Every so often an answer is looked into: whether a search found something.
LOOK_EVERY = 10
FOUND = (b'"fullUrl"', b'"total":')
#: A request that takes longer has failed.
PATIENCE_SECONDS = 60.0


class Plan(msgspec.Struct):
    """What to send: whole requests, taken in turn by so many clients for so many seconds (or each once)."""

    port: int
    requests: list[bytes]
    clients: int
    seconds: float
    warm_seconds: float = 0.5
    once: bool = False


class Seen(msgspec.Struct):
    """What came back: milliseconds of each answer, how many were refused, what the generator itself cost."""

    times: list[float]
    seconds: float
    refused: int = 0
    looked: int = 0
    found: int = 0
    bytes: int = 0
    cpu_seconds: float = 0
    sample: str = ""

    @property
    def per_second(self) -> float:
        """Answers a second, of all clients together."""
        return len(self.times) / self.seconds if self.seconds else 0.0


def call(plan: Plan) -> Seen:
    """Carry out a plan in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.caller"], input=msgspec.msgpack.encode(plan), capture_output=True, check=True,
        timeout=plan.seconds + plan.warm_seconds + 600,
    )  # fmt: skip
    return msgspec.msgpack.decode(done.stdout, type=Seen)


class _Client:
    """One connection; asks one thing at a time."""

    __slots__ = ("asked", "buffer", "socket", "whole")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.whole = 0
        self.asked = 0.0

    def ask(self, request: bytes) -> None:
        """Send a request."""
        self.buffer, self.whole = b"", 0
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def hear(self) -> bool:
        """Take what has arrived; whether the answer is whole now."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionError(f"the server hung up after {self.buffer[:200]!r}")
        self.buffer = self.buffer + part if self.buffer else part
        if not self.whole:
            self.whole = _length(self.buffer)
        if self.whole < 0:
            return self.buffer.endswith(b"0\r\n\r\n")
        return 0 < self.whole <= len(self.buffer)


def _length(buffer: bytes) -> int:
    """How long the answer is with its head; 0 not known yet, -1 it comes in chunks."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = buffer[:end].lower()
    at = head.find(b"content-length:")
    if at < 0:
        return -1 if b"transfer-encoding: chunked" in head else end + 4
    stop = head.find(b"\r\n", at)
    return end + 4 + int(head[at + 15 : stop if stop > 0 else end])


class _Round:
    """Clients that take requests from one list until the time is over or the list is at its end."""

    def __init__(self, plan: Plan) -> None:
        self._requests = plan.requests
        self._once = plan.once
        self._next = 0
        self._clients = {client.socket.fileno(): client for client in (_Client(plan.port) for _ in range(plan.clients))}
        self._poll = select.epoll()
        for number in self._clients:
            self._poll.register(number, select.EPOLLIN)

    def run(self, seconds: float) -> Seen:
        """One round; each client waits for its answer before it asks again."""
        seen = Seen([], 0.0)
        began = time.perf_counter()
        until = began + seconds
        waiting = sum(self._ask(client) for client in self._clients.values())
        while waiting:
            ready = self._poll.poll(PATIENCE_SECONDS)
            if not ready:
                raise TimeoutError("no answer")
            for number, _ in ready:
                client = self._clients[number]
                if client.hear():
                    self._note(seen, client)
                    waiting -= 1
                    if self._once or time.perf_counter() < until:
                        waiting += self._ask(client)
        seen.seconds = time.perf_counter() - began
        return seen

    def _ask(self, client: _Client) -> int:
        if self._once and self._next >= len(self._requests):
            return 0
        client.ask(self._requests[self._next % len(self._requests)])
        self._next += 1
        return 1

    def _note(self, seen: Seen, client: _Client) -> None:
        answer = client.buffer
        seen.times.append((time.perf_counter() - client.asked) * 1000)
        seen.bytes += len(answer)
        if answer[9:10] != b"2":
            seen.refused += 1
            seen.sample = seen.sample or answer[:600].decode("latin-1")
        elif len(seen.times) % LOOK_EVERY == 1:
            seen.looked += 1
            seen.found += any(sign in answer for sign in FOUND) and b'"total":0' not in answer


def main() -> None:
    """Read the plan, warm up, measure, write what was seen."""
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    turn = _Round(plan)
    if not plan.once and plan.warm_seconds:
        turn.run(plan.warm_seconds)
    before = resource.getrusage(resource.RUSAGE_SELF)
    seen = turn.run(plan.seconds)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seen.cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    sys.stdout.buffer.write(msgspec.msgpack.encode(seen))


if __name__ == "__main__":
    main()
