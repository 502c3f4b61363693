"""`$reindex` over HTTP: who may, what is answered, how far it is; a search parameter of one's own from end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.store import terms_load
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]
Program = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_nobody_signed_in_is_refused(client: Client) -> None:
    guest = await client(None)
    assert (await guest.post("/fhir/$reindex")).status_code == 401
    assert (await guest.get("/fhir/$reindex")).status_code == 401


@pytest.mark.parametrize("role", ["doctor", "reception"])
async def test_staff_of_the_departments_may_not(client: Client, role: str) -> None:
    assert (await (await client(role)).post("/fhir/$reindex")).status_code == 403


async def test_a_program_may_only_where_every_record_is_open_to_it(program: Program) -> None:
    assert (await (await program("system/Patient.cruds")).post("$reindex")).status_code == 403
    assert (await (await program("system/*.rs")).post("$reindex")).status_code == 403


async def test_an_administrator_asks_and_sees_it_through_but_another_hospital_does_not(
    client: Client, other_hospital: House
) -> None:
    administrator = await client("administrator")
    asked = await administrator.post("/fhir/$reindex?type=Location,Organization")
    assert asked.status_code == 202
    place = asked.headers["Content-Location"]
    done = await _until(administrator, place, 200)
    said = {part["name"]: part for part in done["parameter"]}
    assert said["reason"]["valueCode"] == "asked"
    assert said["done"]["valueUnsignedInt"] == said["total"]["valueUnsignedInt"] > 0
    stranger = await client("administrator", other_hospital)
    assert (await stranger.get(place)).status_code == 404
    told = (await stranger.get("/fhir/$reindex")).json().get("parameter", ())
    numbers = {part.get("valueString") for job in told for part in job.get("part", ()) if part["name"] == "number"}
    assert place.rpartition("/")[2] not in numbers


async def test_an_unknown_type_or_parameter_is_refused_by_name(client: Client) -> None:
    administrator = await client("administrator")
    for query in ("type=Nothing", "what=x"):
        refused = await administrator.post(f"/fhir/$reindex?{query}")
        assert refused.status_code == 400, query
    assert (await administrator.get("/fhir/$reindex/x")).status_code == 404


async def test_a_search_parameter_written_over_http_is_searched_by(program: Program) -> None:
    here = await program("system/*.cruds")
    code, serial = f"lot-{uuid4().hex[:8]}", uuid4().hex
    kept = await here.post("Device", json={"resourceType": "Device", "lotNumber": serial})
    assert kept.status_code == 201
    unknown = await here.get(f"Device?{code}={serial}", headers={"Prefer": "handling=strict"})
    assert unknown.status_code == 400
    definition = {
        "resourceType": "SearchParameter", "url": f"http://vi.du/{code}", "name": "Lot", "status": "active",
        "description": "Số lô", "code": code, "base": ["Device"], "type": "token", "expression": "Device.lotNumber",
    }  # fmt: skip
    assert (await here.post("SearchParameter", json=definition)).status_code == 201
    found = await _until(here, f"Device?{code}={serial}", 200, headers={"Prefer": "handling=strict"})
    assert [entry["resource"]["id"] for entry in found["entry"]] == [kept.json()["id"]]
    bad = await here.post("SearchParameter", json={**definition, "code": f"{code}-b", "expression": "Device.where("})
    assert bad.status_code == 422
    assert bad.json()["issue"][0]["expression"] == ["SearchParameter.expression"]


async def test_the_definitions_of_what_is_served_are_read_and_found(database: Database, program: Program) -> None:
    who = service(Role.LOADER, terms_load.PLATFORM_FACILITY)
    async with database.transaction(who.facility) as tx:
        await terms_load._search_parts()[0](tx, who)
    reader = await program("system/SearchParameter.rs")
    read = await reader.get("SearchParameter/Account-name")
    assert read.status_code == 200, read.text
    one = read.json()
    assert (one["code"], one["base"], one["type"]) == ("name", ["Account"], "string")
    found = (await reader.get("SearchParameter?base=Account&code=name")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["Account-name"]


async def _until(
    client: httpx.AsyncClient, url: str, status: int, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    for _ in range(400):
        answer = await client.get(url, headers=headers)
        if answer.status_code == status:
            return dict(answer.json())
        assert answer.status_code in (202, 400, 503), answer.text
        await asyncio.sleep(0.05)
    pytest.fail(f"{url} never answers {status}")
