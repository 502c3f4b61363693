"""The real program as a process that can be killed: `benhan demo` on a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

from benhan.core.db.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
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
        self._command = ["demo", "--scale", "0", "--data", str(folder), "--port", str(port)]
        self._first: subprocess.Popen[bytes] | None = None
        self._warm: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, first as an operator would, then from what has read its modules; wait until it is ready."""
        if self._first is None:
            with self.log.open("ab") as log:
                self._first = subprocess.Popen(
                    [*COMMAND, *self._command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
                )
            self._pid = self._first.pid
        else:
            self._pid = self._fork()
        self.wait_ready()

    def _fork(self) -> int:
        if self._warm is None:
            with self.log.open("ab") as log:
                self._warm = subprocess.Popen(
                    [sys.executable, "-m", "tests.durability.warm"],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=ROOT,
                )  # fmt: skip
        assert self._warm.stdin and self._warm.stdout
        self._warm.stdin.write(json.dumps(self._command).encode() + b"\n")
        self._warm.stdin.flush()
        return int(self._warm.stdout.readline())

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
        assert self._pid
        os.killpg(self._pid, signal.SIGKILL)
        self._wait()

    def _wait(self) -> None:
        """Until it is gone: what we started is ours to bury, the rest buries `warm`."""
        assert self._first and self._pid
        if self._pid == self._first.pid:
            self._first.wait(PATIENCE)
        else:
            with suppress(psutil.NoSuchProcess):
                psutil.Process(self._pid).wait(PATIENCE)

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
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)
            self._wait()
        if self._warm:
            self._warm.communicate()
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
