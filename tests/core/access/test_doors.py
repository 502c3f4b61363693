"""What a refusal at a door leaves behind; who comes through which one: `test_door_table.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from benhan.core.db import Database
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_a_refusal_leaves_its_trace(client: Client, database: Database, hospital: House) -> None:
    cashier = await client("cashier")
    await cashier.get("/fhir/Patient")
    async with database.transaction(hospital.key) as tx:
        details = {row["detail"] for row in await tx.fetch("select detail from audit where action = 'refused'")}
    assert "GET /fhir/Patient" in details


async def test_an_event_stream_asks_like_every_door(client: Client) -> None:
    anybody = await client(None)
    assert (await anybody.get("/live", params={"types": "Task"})).status_code == 303
    nurse = await client("nurse")
    assert (await nurse.get("/live", params={"types": "Rác"})).status_code == 400
