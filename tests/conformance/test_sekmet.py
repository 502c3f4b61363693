"""A hospital that we did not write works with our server: every scenario of PyPI `sekmet-fhir`, over HTTP.

It plays admissions, bookings, orders, results, prescriptions, bills, bulk export and subscriptions as another vendor's
software, and checks what comes back.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.core.store.subscriptions.topics import BASE as TOPICS
from benhan.simulator import House
from tests.conftest import free_port

VERSION = "0.1.1"
#: Why a step may be left out: the roles of other parties that a record store does not play, and FHIR messaging, which
#: no issue asks for. Anything else that is skipped is a feature that is missing.
NOT_OURS = (
    "peer does not play role 'payer'", "peer does not play role 'lab-filler'",
    "peer does not play role 'imaging-filler'", "peer does not advertise FHIR messaging",
)  # fmt: skip
SECONDS = 240.0


async def test_every_scenario_of_sekmet_passes(
    app: Starlette, address: str, database: Database, hospital: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.state.settings, "public_url", address)
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, "sekmet", "system/*.cruds")
    port = free_port()
    settings = {
        "base_url": f"http://127.0.0.1:{port}/fhir", "public_url": f"http://127.0.0.1:{port}", "host": "127.0.0.1",
        "port": port, "db_path": str(tmp_path / "sekmet.db"), "data_dir": str(tmp_path),
        "peers": {"benhan": {"base_url": f"{address}/fhir", "auth": {"type": "bearer", "token": token}}},
    }  # fmt: skip
    (tmp_path / "settings.yaml").write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    said = await _run(tmp_path)
    reports = sorted((tmp_path / "reports").glob("*/results.json"))
    assert reports, f"sekmet left no report:\n{said[-3000:]}"
    scenarios = json.loads(reports[-1].read_text("utf-8"))
    assert len(scenarios) >= 14
    assert not _faults(scenarios), "\n".join(_faults(scenarios)) + f"\n\n{said[-6000:]}"


async def _run(folder: Path) -> str:
    uv = shutil.which("uv")
    if uv is None:
        pytest.fail("uv is not on the PATH: it brings sekmet-fhir from PyPI")
    command = [uv, "tool", "run", "--from", f"sekmet-fhir=={VERSION}", "sekmet"]
    await _done(folder, [*command, "--version"], f"sekmet-fhir {VERSION} could not be fetched from PyPI")
    run = ["scenario", "run", "all", "--peer", "benhan", "--config", str(folder / "settings.yaml")]
    run += ["--report-dir", str(folder / "reports"), "--var", f"topic={TOPICS}/encounter-complete"]
    return await _done(folder, [*command, *run], None)


async def _done(folder: Path, command: list[str], unless: str | None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _none = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode and unless:
        pytest.fail(f"{unless}:\n{output.decode(errors='replace')[-2000:]}")
    return output.decode(errors="replace")


def _faults(scenarios: list[dict[str, Any]]) -> list[str]:
    """Every step that did not pass, other than those that are not ours."""
    excused: Callable[[dict[str, Any]], bool] = lambda step: (  # noqa: E731
        step["status"] == "skipped" and step["message"].startswith(NOT_OURS)
    )
    return [
        f"{scenario['name']} · {step['name']}: {step['status']} {step['message']}"
        for scenario in scenarios
        for step in scenario["steps"]
        if step["status"] != "passed" and not excused(step)
    ]
