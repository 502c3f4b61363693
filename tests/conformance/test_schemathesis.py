"""Schemathesis plays our OpenAPI description against a live server: whatever it sends, no answer is a server error."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.simulator import House

SECONDS = 25


async def test_nothing_that_is_sent_breaks_the_server(
    address: str, database: Database, hospital: House, tmp_path: Path
) -> None:
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, f"schemathesis {uuid4()}", "system/*.cruds")
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run",
        f"{address}/fhir/openapi.json", "--url", address, "--header", f"Authorization: Bearer {token}",
        "--checks", "not_a_server_error", "--phases", "fuzzing", "--max-time", str(SECONDS), "--no-shrink",
        "--generation-deterministic", "--seed", "3", "--suppress-health-check", "all", "--no-color",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _nothing = await ran.communicate()
    assert ran.returncode == 0, told.decode()[-6000:]
    assert "fuzzing" in told.decode().lower(), told.decode()[-3000:]
