"""Programs of Debian that the tests bring themselves: fetched with `apt-get download` and unpacked, never installed."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

CACHE: Final = Path(__file__).parents[1] / ".cache"


class PackageMissing(RuntimeError):  # noqa: N818 - what happened, as it is told
    """A program for the tests could not be brought; the message says why."""


def bring(name: str, packages: Sequence[str], wanted: str) -> Path:
    """The file `wanted` (a pattern) of these packages, unpacked into `.cache/NAME/unpacked` on first use.

    Raises:
        PackageMissing: it could not be fetched: this machine has no apt-get, or no way to Debian's packages.
    """
    home = CACHE / name
    home.mkdir(parents=True, exist_ok=True)
    unpacked = home / "unpacked"
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _found(unpacked, wanted):
            _fetch(home, packages)
            for package in home.glob("*.deb"):
                run(["dpkg", "-x", str(package), str(unpacked)], home)
    if not (found := _found(unpacked, wanted)):
        raise PackageMissing(f"{wanted} is not in {unpacked}")
    return found


def libraries(name: str) -> str:
    """Where the libraries lie that came with it, as LD_LIBRARY_PATH names them, after those of the machine."""
    unpacked = CACHE / name / "unpacked"
    own = sorted({str(one.parent) for one in unpacked.glob("usr/lib/**/*.so*")})
    return os.pathsep.join([*filter(None, [os.environ.get("LD_LIBRARY_PATH", "")]), *own])


def run(command: list[str], folder: Path, **more: str) -> None:
    """Run a program to its end.

    Raises:
        PackageMissing: it is not there, or failed.
    """
    env = {**os.environ, **more}
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)
    except OSError as wrong:
        raise PackageMissing(f"{command[0]}: {wrong}; it is needed for these tests") from None
    if done.returncode:
        raise PackageMissing(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")


def _found(unpacked: Path, wanted: str) -> Path | None:
    return next(iter(sorted(unpacked.glob(wanted))), None)


def _fetch(home: Path, packages: Sequence[str]) -> None:
    """As the machine knows its packages; where it knows none (a fresh container), by lists of our own."""
    try:
        run(["apt-get", "download", *packages], home)
    except PackageMissing:
        lists = home / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own = ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={home / 'apt'}", "-o", "Debug::NoLocking=1"]
        run(["apt-get", *own, "update"], home)
        run(["apt-get", *own, "download", *packages], home)
