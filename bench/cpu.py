"""What the processes of the server cost: CPU time from /proc, Python and PostgreSQL apart.

Several programs share the machine while we measure, so time on the wall says little; CPU time says the same again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

_TICK = os.sysconf("SC_CLK_TCK")


class Spent(msgspec.Struct, frozen=True):
    """CPU seconds so far, by part of the server."""

    python: float
    postgres: float

    def since(self, before: Spent) -> Spent:
        """What was spent from then to now."""
        return Spent(self.python - before.python, self.postgres - before.postgres)


def spent(server: int, postgres: int) -> Spent:
    """CPU seconds of the web server and of PostgreSQL, each with all processes it started."""
    return Spent(_family(server), _family(postgres))


def settle(server: int, patience: float = 30.0) -> None:
    """Wait until a server that has just started is at rest: templates compiled, lists read."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        before = _family(server)
        time.sleep(0.5)
        if _family(server) - before < 0.04:
            return


def memory(server: int) -> float:
    """Resident MiB of the web server's processes."""
    return float(sum(process.memory_info().rss for process in _members(server))) / 2**20


def _members(parent: int) -> Iterable[psutil.Process]:
    process = psutil.Process(parent)
    return [process, *process.children(recursive=True)]


def _family(parent: int) -> float:
    return sum(_ticks(process.pid) for process in _members(parent)) / _TICK


def _ticks(pid: int) -> int:
    """User and system time of a process, and of its children that ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(field) for field in fields[11:15])
