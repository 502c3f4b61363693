"""The second wall around what programs hold: even a question without a filter finds nothing of another hospital."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.simulator import House
from tests.core.api import smart_kit as kit
from tests.core.store.people import person

pytestmark = pytest.mark.asyncio(loop_scope="session")
TABLES = ("program_grant", "program_token", "program_launch", "program_assertion")


async def test_no_facility_sees_what_programs_of_another_hold(
    client: Callable[..., Awaitable[httpx.AsyncClient]], database: Database, subject: Callable[..., Subject],
    loader: Subject, other_hospital: House,
) -> None:  # fmt: skip
    web, doctor, admin = await client(None), await client("doctor"), subject("administrator")
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Ma Thị Tường"))).id or ""
    started = "https://app.example.vn/mo"
    program = await kit.registered(database, admin, "key", "launch launch/patient patient/*.rs", launch_url=started)
    await doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": patient})
    code = (await kit.allowed(doctor, program, patient, scope="launch/patient patient/*.rs"))["code"]
    assert (await web.post("/oauth/token", data=kit.for_code(program, code))).status_code == 200
    for table in TABLES:
        async with database.transaction(program.facility) as tx:
            assert await tx.fetchval(f"select count(*) from {table}"), table
        async with database.transaction(other_hospital.key) as tx:
            seen = f"select count(*) from {table} where facility = $1"
            assert not await tx.fetchval(seen, program.facility), table
    async with database.transaction(program.facility) as tx:
        assert not await tx.fetchval("select count(*) from signing_key"), "keys belong to the platform"
