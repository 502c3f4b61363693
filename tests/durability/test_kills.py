"""Pull the plug fifty times: no acknowledged write is lost, nothing is there twice."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from benhan.core.fhir import systems
from tests.conftest import free_port
from tests.durability.consistency import contradictions
from tests.durability.program import Program
from tests.reading import bodies

APPLICATION_KILLS = 14
POSTGRES_KILLS = 36
WRITERS = 4


@pytest.fixture
def program() -> Iterator[Program]:
    with tempfile.TemporaryDirectory(prefix="benhan-kill-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        made = Program(folder, free_port())
        yield made
        made.stop()


class Writer:
    """A hospital's software that writes visits and asks again until it has an answer."""

    def __init__(self, number: int, fhir: httpx.AsyncClient) -> None:
        self.number = number
        self.fhir = fhir
        self.acknowledged: dict[str, str] = {}
        self.over = asyncio.Event()

    async def run(self) -> None:
        """Write until told to stop; the last visit is asked for until it is acknowledged."""
        n = 0
        while not self.over.is_set():
            n += 1
            await self._write(f"000{self.number:03d}{n:06d}")

    async def _write(self, number: str) -> None:
        while True:
            try:
                answer = await self.fhir.post("/fhir", json=visit(number))
            except httpx.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                for entry in answer.json()["entry"]:
                    id_, _, version = entry["response"]["location"].partition("/_history/")
                    self.acknowledged[id_] = version
                return
            await asyncio.sleep(0.05)


def visit(number: str) -> dict[str, Any]:
    """Patient and visit, each only if it is not there: safe to send again."""
    entries: list[tuple[str, str, dict[str, Any]]] = [
        ("Patient", systems.CCCD, {"name": [{"text": "Nguyễn Văn Bền"}]}),
        (
            "Encounter",
            systems.VISIT_NUMBER,
            {"status": "arrived", "class": {"code": "AMB"}, "subject": {"reference": "urn:uuid:0"}},
        ),
    ]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{n}",
                "resource": {"resourceType": name, "identifier": [{"system": system, "value": number}], **body},
                "request": {"method": "POST", "url": name, "ifNoneExist": f"identifier={system}|{number}"},
            }
            for n, (name, system, body) in enumerate(entries)
        ],
    }


@pytest.mark.timeout(400)
async def test_fifty_kills_lose_no_acknowledged_write_and_make_no_duplicate(program: Program) -> None:
    await asyncio.to_thread(program.start)
    headers = {"Authorization": f"Bearer {program.token()}", "Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(base_url=program.address, headers=headers, timeout=10) as fhir:
        writers = [Writer(n, fhir) for n in range(WRITERS)]
        running = [asyncio.create_task(writer.run()) for writer in writers]
        await _kill_at_random(program)
        for writer in writers:
            writer.over.set()
        await asyncio.wait_for(asyncio.gather(*running), 60)
        acknowledged = {id_: version for writer in writers for id_, version in writer.acknowledged.items()}
        assert len(acknowledged) > 100
        for id_, version in acknowledged.items():
            found = await fhir.get(f"/fhir/{id_}")
            assert (found.status_code, found.headers.get("etag")) == (200, f'W/"{version}"'), id_
    assert await _numbers_twice(program) == []
    assert await contradictions(program.postgres.dsn()) == []
    audit = await asyncio.to_thread(program.audit)
    assert audit.returncode == 0, audit.stdout + audit.stderr


async def _kill_at_random(program: Program) -> None:
    chance = random.Random(20261121)
    kills = ["application"] * APPLICATION_KILLS + ["postgres"] * POSTGRES_KILLS
    chance.shuffle(kills)
    for kill in kills:
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        if kill == "application":
            await asyncio.to_thread(program.kill)
            await asyncio.to_thread(program.start)
        else:
            await asyncio.to_thread(program.kill_postgres)
            await asyncio.to_thread(program.wait_ready)


async def _numbers_twice(program: Program) -> list[str]:
    connection = await asyncpg.connect(program.postgres.dsn())
    try:
        rows = await bodies(program.postgres.dsn(), connection)
    finally:
        await connection.close()
    numbers = Counter(
        f"{body['resourceType']} {identifier['value']}"
        for body in (json.loads(row["body"]) for row in rows)
        if body["resourceType"] in ("Patient", "Encounter")
        for identifier in body.get("identifier", [])
        if identifier["system"] in (systems.CCCD, systems.VISIT_NUMBER)
    )
    return [number for number, times in numbers.items() if times > 1]
