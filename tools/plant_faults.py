"""Plant each fault of `tests/faults/*.toml` in a copy of the program and see a test turn red.

`python tools/plant_faults.py`
A fault is a small change somebody could make by mistake: `what` it is, the `file`, the `old` text (once in the file),
the `new` one, and the `tests` (arguments of pytest) that must notice. The tests run green first, then red with the
fault. `python tools/plant_faults.py search` plants only those of `search.toml`, two at once with `--jobs 2`; `--green`
leaves the first run away, for who has just seen all tests green. The checkout itself is not touched.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from queue import Queue
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
    asked.add_argument("--jobs", type=int, default=1, help="faults at once, each in a copy of its own")
    asked.add_argument("--green", action="store_true", help="the tests were green a moment ago: believe it")
    arguments = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copies: Queue[Path] = Queue()
        for number in range(arguments.jobs):
            copies.put(_copied(Path(folder) / str(number) / "benhan"))
        with ThreadPoolExecutor(arguments.jobs) as jobs:
            verdicts = list(jobs.map(partial(_planted, copies, arguments.green), _faults(arguments.area)))
    print(f"{verdicts.count('red')} of {len(verdicts)} faults turn a test red")
    return 0 if verdicts and set(verdicts) == {"red"} else 1


def _planted(copies: Queue[Path], green: bool, one: tuple[str, Fault]) -> str:
    """The verdict on a fault, in a copy that nobody else works in."""
    (area, fault), copy = one, copies.get()
    try:
        verdict = _tried(copy, fault, green=green)
    finally:
        copies.put(copy)
    print(f"{verdict:<12} {area}: {fault.what}", flush=True)
    return verdict


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


def _tried(copy: Path, fault: Fault, *, green: bool) -> str:
    """`red` where the tests notice; else what went otherwise. `green`: they are known to be without the fault."""
    path = copy / fault.file
    text = path.read_text("utf-8")
    if text.count(fault.old) != 1:
        return f"{text.count(fault.old)} places"
    if not green and _sound(copy, fault.tests) != GREEN:
        return "red without"
    path.write_text(text.replace(fault.old, fault.new), "utf-8")
    try:
        return {RED: "red", GREEN: "UNNOTICED"}.get(_tests(copy, fault.tests), "broken")
    finally:
        path.write_text(text, "utf-8")


@cache
def _sound(copy: Path, arguments: str) -> int:
    """How tests end without a fault."""
    return _tests(copy, arguments)


def _tests(copy: Path, arguments: str) -> int:
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-p", "no:cacheprovider", *arguments.split()]
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "PYTHONPYCACHEPREFIX": str(copy / ".bytecode")}
    try:
        ran = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
        return ran.returncode
    except subprocess.TimeoutExpired:
        return RED  # a test that never ends has noticed too


if __name__ == "__main__":
    sys.exit(main())
