"""From which address an act was asked for: in every trace that a connection leaves, and under the seals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.accounts import create_client, open_session
from benhan.core.access.seals.rows import canonical, leaf_of
from benhan.core.db import PLATFORM, Database
from benhan.simulator import House
from tests.asking import Headers, as_program, as_session, ask

pytestmark = pytest.mark.asyncio(loop_scope="session")
HER = "203.0.113.77"
JSON = ("content-type", "application/fhir+json")


@pytest.fixture
async def program(database: Database, hospital: House) -> tuple[str, Headers]:
    """A program of its own, and what it shows at the door."""
    name = f"địa chỉ {uuid4().hex[:8]}"
    async with database.transaction(hospital.key) as tx:
        token = await create_client(tx, hospital.key, name, "system/*.cruds")
    return f"client:{name}", as_program(token)


async def traced(database: Database, house: House, account: str) -> list[tuple[str, str | None]]:
    async with database.transaction(house.key) as tx:
        rows = await tx.fetch("select action, address from audit where account = $1 order by xid, seq", account)
    return [(row["action"], row["address"]) for row in rows]


async def test_every_way_of_leaving_a_trace_says_the_address(
    app: Starlette, database: Database, hospital: House, program: tuple[str, Headers]
) -> None:
    """A record alone, several, a search that is one statement, a new record, a change, a refusal of a page."""
    account, headers = program

    async def asked(method: str, path: str, body: Any = None) -> Any:
        content = json.dumps(body).encode() if body is not None else b""
        answer = await ask(app, method, f"/fhir/{path}", [*headers, JSON], content, client=HER)
        assert answer.status in (200, 201), answer.body
        return json.loads(answer.body)

    made = await asked("POST", "Patient", {"resourceType": "Patient", "name": [{"text": "Địa Chỉ"}]})
    await asked("GET", f"Patient/{made['id']}")
    await asked("GET", f"Patient?_id={made['id']}")
    await asked("PUT", f"Patient/{made['id']}", made)
    bundle = [{"request": {"method": "GET", "url": f"Patient/{made['id']}"}}]
    await asked("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": bundle})
    found = await traced(database, hospital, account)
    assert {action for action, _address in found} >= {"create", "read", "search", "update"}
    assert {address for _action, address in found} == {HER}
    doctor = hospital.subject(Role.DOCTOR)
    async with database.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=doctor.account, hours=1)
    assert (await ask(app, "GET", "/quan-tri/tai-khoan", as_session(token), client="198.51.100.44")).status == 403
    assert ("refused", "198.51.100.44") in await traced(database, hospital, doctor.account)


async def test_who_is_not_in_yet_leaves_hers_too(app: Starlette, database: Database, hospital: House) -> None:
    body = urlencode({"login": f"khong-co-{uuid4().hex}", "password": "sai"}).encode()
    form = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")]
    here = f"203.0.113.{uuid4().int % 50 + 100}"
    await ask(app, "POST", "/dang-nhap", form, body, client=here)
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from audit where action = 'sign-in' and address = $1", here)


async def test_an_audit_event_carries_it(app: Starlette, hospital: House, program: tuple[str, Headers]) -> None:
    account, headers = program
    answer = await ask(app, "POST", "/fhir/Patient", [*headers, JSON], b'{"resourceType": "Patient"}', client=HER)
    patient = json.loads(answer.body)["id"]
    events = await ask(app, "GET", f"/fhir/AuditEvent?patient=Patient/{patient}", headers, client=HER)
    networks = [one["resource"]["agent"][0].get("network") for one in json.loads(events.body)["entry"]]
    assert networks and all(one == {"address": HER, "type": "2"} for one in networks), account


async def test_rows_of_before_there_were_addresses_keep_their_bytes() -> None:
    at = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
    row = (1, "700", 5, at, "nv", None, "read", "Patient", "p", "p", True, "rule", "")
    before = b'[1,"700",5,"2026-11-22T03:04:05Z","nv",null,"read","Patient","p","p",true,"rule",""]'
    assert canonical((*row, None)) == before
    assert canonical((*row, HER)) == before[:-1] + b',"203.0.113.77"]'
    assert len({leaf_of((*row, one)) for one in (None, "", HER)}) == 3
