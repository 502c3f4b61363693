"""Clients that others wrote make a round trip: fhirpy and fhirclient (Python), fhir-kit-client (JavaScript)."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from fhirclient import client as fhirclient  # type: ignore[import-untyped]
from fhirclient.models.humanname import HumanName  # type: ignore[import-untyped]
from fhirclient.models.patient import Patient  # type: ignore[import-untyped]
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound
from starlette.applications import Starlette

from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.core.kit import assets
from benhan.simulator import House

TOOLS = Path(__file__).parent / "fhir_kit"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "fhir-kit"


@pytest_asyncio.fixture
async def access(
    app: Starlette, address: str, database: Database, hospital: House, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, str]]:
    """Base address and token of a server that says of itself where it really is."""
    monkeypatch.setattr(app.state.settings, "public_url", address)
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, f"khách {uuid4()}", "system/*.cruds")
    yield f"{address}/fhir", token


async def test_fhirpy_makes_a_round_trip(access: tuple[str, str]) -> None:
    base, token = access
    fhir = AsyncFHIRClient(base, authorization=f"Bearer {token}")
    family = f"Sùng{uuid4().hex[:8]}"
    made = fhir.resource("Patient", name=[{"family": family, "given": ["Dếnh"]}], gender="male")
    await made.save()
    found = await fhir.resources("Patient").search(family=family).fetch_all()
    assert [one.id for one in found] == [made.id]
    made["birthDate"] = "1980-04-30"
    await made.save()
    again = await fhir.reference("Patient", made.id).to_resource()
    assert (again["birthDate"], again["meta"]["versionId"]) == ("1980-04-30", "2")
    seen = fhir.resource("Observation", status="final", code={"text": "x"}, subject=made.to_reference())
    await seen.save()
    back = (
        await fhir.resources("Observation")
        .search(subject=made.to_reference())
        .include("Observation", "subject")
        .fetch_raw()
    )
    assert {entry.resource.resource_type for entry in back.entry} == {"Observation", "Patient"}
    assert await fhir.resources("Patient").search(family=family).count() == 1
    await seen.delete()  # type: ignore[no-untyped-call]
    with pytest.raises(ResourceNotFound):
        await fhir.reference("Observation", seen.id).to_resource()


async def test_fhirclient_makes_a_round_trip(access: tuple[str, str]) -> None:
    """It is synchronous, so it works in a thread while this loop serves it."""
    await asyncio.to_thread(_with_fhirclient, *access)


def _with_fhirclient(base: str, token: str) -> None:
    smart = fhirclient.FHIRClient(settings={"app_id": "benhan-test", "api_base": base})
    smart.server.session.headers["Authorization"] = f"Bearer {token}"
    family = f"Cứ{uuid4().hex[:8]}"
    name = HumanName({"family": family, "given": ["A"]})
    made = Patient({"gender": "female"})
    made.name = [name]
    answer = made.create(smart.server)
    read = Patient.read(answer["id"], smart.server)
    assert (read.name[0].family, read.meta.versionId) == (family, "1")
    found = Patient.where({"family": family}).perform_resources_iter(smart.server)
    assert [one.id for one in found] == [answer["id"]]
    read.gender = "unknown"
    assert read.update(smart.server)["meta"]["versionId"] == "2"
    read.delete(smart.server)
    assert list(Patient.where({"family": family}).perform_resources_iter(smart.server)) == []


async def test_fhir_kit_client_makes_a_round_trip(access: tuple[str, str]) -> None:
    library = await asyncio.to_thread(_fhir_kit)
    node = shutil.which("node") or str(Path(assets.npm()[0]).parent / "node")
    process = await asyncio.create_subprocess_exec(
        node, str(TOOLS / "round_trip.js"), *access, str(library),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()[-3000:]
    said = json.loads(output)
    made = said.pop("made")
    assert said == {
        "version": "4.0.1", "read": True, "found": [made], "changed": "2", "former": None, "pages": 2, "batch": "200",
        "everything": 1, "gone": 410,
    }  # fmt: skip


def _fhir_kit() -> Path:
    """The client's module, installed once through npm from the lock file; beside and renamed, for parallel workers."""
    import subprocess

    module = CACHE / "node_modules" / "fhir-kit-client" / "dist" / "client.js"
    if not module.exists():
        work = CACHE.with_name(f"fhir-kit-{os.getpid()}")
        shutil.copytree(TOOLS, work)
        command = [*assets.npm(), "ci", "--no-audit", "--no-fund", "--prefix", str(work)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
        if done.returncode:
            pytest.fail(f"npm could not fetch fhir-kit-client:\n{done.stderr[-2000:]}")
        if not module.exists():
            shutil.rmtree(CACHE, ignore_errors=True)
            work.rename(CACHE)
        shutil.rmtree(work, ignore_errors=True)
    return module
