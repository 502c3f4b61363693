"""Plant each fault of `tests/faults/*.toml` in a copy of the program and see a test turn red.

`python tools/plant_faults.py`
A fault is a small change somebody could make by mistake: `what` it is, the `file`, the `old` text (once in the file),
the `new` one, and the `tests` (arguments of pytest) that must notice. The tests run green first, then red with the
fault. `python tools/plant_faults.py search` plants only those of `search.toml`. The checkout itself is not touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).parents[1]
FAULTS: Final = ROOT / "tests" / "faults"
#: What git does not carry and the tests need.
BUILT: Final = ("src/benhan/core/kit/static", ".cache")
SECONDS: Final = 300
#: pytest's exit codes.
GREEN, RED = 0, 1


class Fault(msgspec.Struct, frozen=True):
    """One planted fault."""

    what: str
    file: str
    old: str
    new: str
    tests: str


def main() -> int:
    """Plant them all; exit code 1 when one of them goes unnoticed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("area", nargs="*", help="only these lists (default: all)")
    areas = asked.parse_args().area
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copy = _copied(Path(folder) / "benhan")
        sound = cache(partial(_tests, copy))
        found = []
        for area, fault in _faults(areas):
            found.append((area, fault, verdict := _tried(copy, fault, sound)))
            print(f"{verdict:<12} {area}: {fault.what}", flush=True)
    unnoticed = [fault for _, fault, verdict in found if verdict != "red"]
    print(f"{len(found) - len(unnoticed)} of {len(found)} faults turn a test red")
    return 1 if unnoticed or not found else 0


def _faults(areas: list[str]) -> Iterator[tuple[str, Fault]]:
    for path in sorted(FAULTS.glob("*.toml")):
        if not areas or path.stem in areas:
            for fault in msgspec.convert(tomllib.loads(path.read_text("utf-8"))["fault"], list[Fault]):
                yield path.stem, fault


def _copied(place: Path) -> Path:
    """The committed files as they lie in the working tree, and what was built beside them."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, place / name)
    for name in BUILT:
        if (ROOT / name).is_dir():
            (place / name).symlink_to(ROOT / name)
    return place


def _tried(copy: Path, fault: Fault, sound: Callable[[str], int]) -> str:
    """`red` where the tests notice; else what went otherwise. `sound`: how tests end without a fault."""
    path = copy / fault.file
    text = path.read_text("utf-8")
    if text.count(fault.old) != 1:
        return f"{text.count(fault.old)} places"
    if sound(fault.tests) != GREEN:
        return "red without"
    path.write_text(text.replace(fault.old, fault.new), "utf-8")
    try:
        return {RED: "red", GREEN: "UNNOTICED"}.get(_tests(copy, fault.tests), "broken")
    finally:
        path.write_text(text, "utf-8")


def _tests(copy: Path, arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-p", "no:cacheprovider", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
        return ran.returncode
    except subprocess.TimeoutExpired:
        return RED  # a test that never ends has noticed too


if __name__ == "__main__":
    sys.exit(main())
