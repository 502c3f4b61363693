"""HL7's own examples, fetched once through npm: what conformance is held to, and records of every type."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benhan.core.kit import assets

PACKAGE = "hl7.fhir.r4.examples"
VERSION = "4.0.1"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "examples"


@pytest.fixture(scope="session")
def official_examples() -> list[Path]:
    """The files of npm `hl7.fhir.r4.examples` (CC0), kept in `.cache/examples` for the next run."""
    folder = CACHE / "node_modules" / PACKAGE
    if not (folder / "package.json").exists():
        _install(folder)
    return sorted(p for p in folder.rglob("*.json") if p.name not in ("package.json", ".index.json"))


def _install(folder: Path) -> None:
    """Install beside and rename, so that parallel workers never see half a package."""
    work = CACHE.with_name(f"examples-{os.getpid()}")
    work.mkdir(parents=True)
    command = [*assets.npm(), "install", "--no-audit", "--no-fund", "--prefix", str(work), f"{PACKAGE}@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    if done.returncode:
        pytest.fail(f"npm could not fetch {PACKAGE} {VERSION}:\n{done.stderr[-2000:]}")
    if not folder.exists():
        shutil.rmtree(CACHE, ignore_errors=True)
        work.rename(CACHE)
    shutil.rmtree(work, ignore_errors=True)
