"""The real program as a process that can be killed: `benhan demo` on a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from benhan.core.db.embedded import EmbeddedPostgres

COMMAND = [sys.executable, "-m", "benhan.cli"]
#: Seconds to be up again, on a machine where everybody works at once.
PATIENCE = 120


class Program:
    """`benhan demo --data folder`, started and killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.log = folder / "program.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, as an operator would, and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "demo", "--scale", "0", "--data", str(self.folder), "--port", str(self.port)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until `/readyz` says so."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.address}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not ready within {PATIENCE} s:\n{self.log.read_text(errors='replace')[-3000:]}")

    def kill(self) -> None:
        """Kill -9 the program and its server processes; PostgreSQL lives on."""
        assert self._process
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def kill_postgres(self) -> None:
        """Kill -9 PostgreSQL, all of it; the program lives on and starts it again."""
        pid = self.postgres.pid()
        if pid is None:
            return
        server = psutil.Process(pid)
        for process in [server, *server.children(recursive=True)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def stop(self) -> None:
        """Ctrl-C."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
        self.postgres.stop()

    def audit(self) -> subprocess.CompletedProcess[str]:
        """What `benhan audit verify` says."""
        command = [*COMMAND, "audit", "verify", "--data", str(self.folder)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    def token(self) -> str:
        """A bearer token, by the command an operator would use."""
        made = subprocess.run(
            [*COMMAND, "token", "--client", "kills", "--scopes", "system/*.cruds", "--data", str(self.folder)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return made.stdout.strip().splitlines()[-1]
