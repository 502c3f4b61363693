"""The server under measurement: Granian as `benhan demo` runs it, with a stop watch around the application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benhan.app import create_app
from benhan.settings import Settings

#: The load generator says by this header what it is doing; the stop watch writes it beside the time.
LABEL = b"x-bench"
#: Folder of the stop watch's notes, one file a process.
NOTES = "BENCH_NOTES"
#: How long the server may take to answer, and to read the change feed to its end.
START_SECONDS, FEED_SECONDS = 60, 600


class StopWatch:
    """Milliseconds from a request's arrival at the application to the last byte of its answer."""

    def __init__(self, app: ASGIApp, notes: IO[str]) -> None:
        self._app = app
        self._notes = notes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        label = next((value for name, value in scope.get("headers", ()) if name == LABEL), b"")
        if scope["type"] != "http" or not label:
            await self._app(scope, receive, send)
            return
        status, began = 0, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, noted)
        spent = (time.perf_counter() - began) * 1000
        self._notes.write(f"{label.decode()}\t{status}\t{spent:.3f}\n")
        self._notes.flush()


def timed_app() -> ASGIApp:
    """The application of `benhan demo`, timed."""
    notes = Path(os.environ[NOTES]) / f"{os.getpid()}.tsv"
    return StopWatch(create_app(Settings()), notes.open("a"))


@contextmanager
def server(dsn: str, port: int, workers: int, notes: Path, *, pool: int = 0, master_key: str = "") -> Iterator[int]:
    """Granian on a port for the length of the block, once the readers of the change feed have nothing left to do.

    Gives its process id. `workers` and `pool` of 0 leave what `benhan up` would take; without a master key nothing is
    encrypted.

    Raises:
        TimeoutError, RuntimeError: it does not get ready, or ended.
    """
    settings = {
        "MODE": "demo", "DSN": dsn, "PORT": str(port), "SECURE_COOKIES": "false", "DATA": str(notes),
        "MASTER_KEY": master_key,
    }  # fmt: skip
    settings |= {name: str(n) for name, n in (("WORKERS", workers), ("POOL", pool)) if n}
    environment = os.environ | {f"BENHAN_{name}": value for name, value in settings.items()} | {NOTES: str(notes)}
    process = subprocess.Popen([sys.executable, "-m", "bench.serving"], env=environment, start_new_session=True)
    try:
        _wait_until_ready(port, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    began, lag = time.monotonic(), None
    while time.monotonic() - began < (START_SECONDS if lag is None else FEED_SECONDS):
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                lag = json.load(answer)["feed_lag_seconds"]
        except OSError:
            pass
        if lag is not None and lag < 1:
            return
        time.sleep(0.2)
    raise TimeoutError(f"nothing is ready on port {port}; the change feed lags by {lag} s")


def main() -> None:
    """Serve by the settings of the environment; the same call as in `benhan.cli`."""
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    settings = Settings()
    Granian(
        "bench.serving:timed_app", factory=True, interface=Interfaces.ASGI, address=settings.host, port=settings.port,
        workers=settings.workers, loop=Loops.uvloop, log_level=LogLevels.warning, workers_kill_timeout=3,
        backpressure=settings.connections,
    ).serve()  # fmt: skip


if __name__ == "__main__":
    main()
