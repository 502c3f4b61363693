"""The audit as AuditEvents: in the shape of BALP, for who reviews access, and asking leaves its own trace."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.audit import Event, record
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.validation import check
from benhan.simulator import House
from tests.core.api.programs import machine, token_of

SCOPES = "system/AuditEvent.rs"


@pytest_asyncio.fixture
async def inspector(database: Database, hospital: House, address: str) -> AsyncIterator[httpx.AsyncClient]:
    """An inspector's program: it may read the audit, and nothing else."""
    async with machine(address, await token_of(database, hospital.key, SCOPES)) as client:
        yield client


async def seen(database: Database, house: House, times: int = 1) -> tuple[str, Any]:
    """A patient whose record a doctor has read so often."""
    doctor = house.subject(Role.DOCTOR)
    async with database.transaction(house.key) as tx:
        patient = await store.create(tx, house.loader, r4.Patient(name=[r4.HumanName(text="Lê Thị Vết")]))
        assert patient.id
    for _n in range(times):
        async with database.transaction(house.key) as tx:
            await store.read(tx, doctor, r4.Patient, patient.id)
    return patient.id, doctor


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", [])]


async def test_who_read_a_record_is_told_in_the_shape_of_balp(
    inspector: httpx.AsyncClient, database: Database, hospital: House
) -> None:
    patient, doctor = await seen(database, hospital)
    (event,) = events(await inspector.get(f"AuditEvent?patient={patient}&action=R"))
    check(codec.decode(codec.encode(codec.decode(httpx.Response(200, json=event).content)), r4.AuditEvent))
    assert (event["type"]["code"], event["subtype"][0]["code"]) == ("rest", "read")
    assert (event["action"], event["outcome"]) == ("R", "0")
    user, server = event["agent"]
    assert user["requestor"] and user["altId"] == doctor.account
    assert user["who"]["reference"] == f"Practitioner/{doctor.practitioner}"
    assert server["type"]["coding"][0]["code"] == "110152"
    data, about = event["entity"]
    assert data["what"]["reference"] == f"Patient/{patient}" and data["role"]["code"] == "4"
    assert (about["what"]["reference"], about["role"]["code"]) == (f"Patient/{patient}", "1")
    assert {"type": "rule", "valueString": "doctor-reads-chart"} in data["detail"]
    one = await inspector.get(f"AuditEvent/{event['id']}")
    assert one.json() == event


async def test_a_search_is_told_with_its_question(
    inspector: httpx.AsyncClient, database: Database, hospital: House
) -> None:
    doctor = hospital.subject(Role.DOCTOR)
    async with database.transaction(hospital.key) as tx:
        await store.search(tx, doctor, r4.Patient, {"name": "vết sâu"})
    found = events(await inspector.get(f"AuditEvent?agent={doctor.account}&action=E&_count=1"))[0]
    assert found["subtype"][0]["code"] == "search" and found["entity"][0]["role"]["code"] == "24"
    assert b64decode(found["entity"][0]["query"]).startswith(b"Patient?")


async def test_pages_hold_everything_once_the_newest_first(
    inspector: httpx.AsyncClient, database: Database, hospital: House
) -> None:
    patient, _doctor = await seen(database, hospital, times=7)
    url, found = f"AuditEvent?patient=Patient/{patient}&action=R,C&_count=3", []
    while url:
        answer = await inspector.get(url)
        found += [event["id"] for event in events(answer) if event["subtype"][0]["code"] in ("read", "create")]
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        url = links.get("next", "").partition("/fhir/")[2]
    assert len(found) == 8 and found == sorted(found, key=lambda id_: tuple(map(int, id_.split("-"))), reverse=True)


async def test_it_is_searched_by_person_and_period(
    inspector: httpx.AsyncClient, database: Database, hospital: House
) -> None:
    patient, doctor = await seen(database, hospital)
    ask = f"AuditEvent?patient={patient}&agent=Practitioner/{doctor.practitioner}&action=R"
    assert len(events(await inspector.get(f"{ask}&date=ge2026-01-01"))) == 1
    assert events(await inspector.get(f"{ask}&date=lt2026-01-01")) == []
    assert events(await inspector.get(f"AuditEvent?patient={patient}&agent=Practitioner/nobody")) == []
    assert (
        events(await inspector.get(f"AuditEvent?patient={patient}&agent={hospital.subject(Role.NURSE).account}")) == []
    )


async def test_asking_is_itself_told(inspector: httpx.AsyncClient, database: Database, hospital: House) -> None:
    patient, _doctor = await seen(database, hospital)
    await inspector.get(f"AuditEvent?patient={patient}")
    told = [
        event
        for event in events(await inspector.get(f"AuditEvent?patient={patient}"))
        if event["type"]["code"] == "110101"
    ]
    assert len(told) == 1 and told[0]["agent"][0]["altId"].startswith("client:")


@pytest.mark.parametrize(
    "question", ["outcome=0", "patient=a&patient=b", "action=X", "date=ne2026", "_after=x", "_sort=date", "patient=%27"]
)
async def test_a_question_that_is_not_understood_is_refused(inspector: httpx.AsyncClient, question: str) -> None:
    assert (await inspector.get(f"AuditEvent?{question}")).status_code == 400


async def test_nobody_else_reads_it(
    database: Database, hospital: House, other_hospital: House, address: str,
    client: Callable[..., Awaitable[httpx.AsyncClient]],
) -> None:  # fmt: skip
    patient, _doctor = await seen(database, hospital)
    nobody = httpx.AsyncClient(base_url=f"{address}/fhir/")
    async with nobody:
        assert (await nobody.get(f"AuditEvent?patient={patient}")).status_code == 401
    for scopes in ("system/Patient.rs", "system/AuditEvent.s", "system/*.cud"):
        async with machine(address, await token_of(database, hospital.key, scopes)) as program:
            assert (await program.get(f"AuditEvent?patient={patient}")).status_code == 403
    for role in ("doctor", "reception", "nurse"):
        assert (await (await client(role)).get(f"/fhir/AuditEvent?patient={patient}")).status_code == 403
    async with machine(address, await token_of(database, other_hospital.key, SCOPES)) as stranger:
        mine = events(await stranger.get(f"AuditEvent?patient={patient}&action=R"))
        assert [event["type"]["code"] for event in mine] in ([], ["110101"])
    async with database.transaction(hospital.key) as tx:
        key = await tx.fetchval("select max(xid || '-' || seq) from audit where patient = $1", patient)
    async with machine(address, await token_of(database, other_hospital.key, SCOPES)) as stranger:
        assert (await stranger.get(f"AuditEvent/{key}")).status_code == 404


async def test_a_reviewer_and_an_administrator_read_it_too(
    database: Database, hospital: House, client: Callable[..., Awaitable[httpx.AsyncClient]]
) -> None:
    patient, _doctor = await seen(database, hospital)
    for role in ("reviewer", "administrator"):
        assert events(await (await client(role)).get(f"/fhir/AuditEvent?patient={patient}&action=R"))


async def test_nobody_writes_one_by_any_door(database: Database, hospital: House, address: str) -> None:
    event = {
        "resourceType": "AuditEvent", "type": {"code": "rest"}, "recorded": "2026-11-22T00:00:00Z",
        "agent": [{"requestor": True}], "source": {"observer": {"display": "x"}},
    }  # fmt: skip
    bundle = {
        "resourceType": "Bundle", "type": "transaction",
        "entry": [{"resource": event, "request": {"method": "POST", "url": "AuditEvent"}}],
    }  # fmt: skip
    async with machine(address, await token_of(database, hospital.key, "system/*.cruds")) as program:
        assert (await program.post("AuditEvent", json=event)).status_code in (403, 405)
        assert (await program.put("AuditEvent/x", json=event | {"id": "x"})).status_code in (403, 405)
        assert (await program.delete("AuditEvent/1")).status_code in (403, 405)
        assert (await program.post("", json=bundle)).status_code in (403, 405)


async def test_the_capability_statement_says_so(inspector: httpx.AsyncClient) -> None:
    said = (await inspector.get("metadata")).json()["rest"][0]["resource"]
    (mine,) = [one for one in said if one["type"] == "AuditEvent"]
    assert [one["code"] for one in mine["interaction"]] == ["read", "search-type"]
    assert [one["name"] for one in mine["searchParam"]] == ["patient", "agent", "date", "action"]


async def test_a_long_audit_is_walked_in_bounded_steps(
    inspector: httpx.AsyncClient, database: Database, hospital: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rare question comes back short and empty, with the place to go on from, and is answered in the end."""
    from benhan.core.access import acts

    async with database.transaction(hospital.key) as tx:
        record(tx, hospital.subject(Role.NURSE), Event("rare-act", rule="x"))
    async with database.transaction(hospital.key) as tx:
        for n in range(60):
            record(tx, hospital.subject(Role.NURSE), Event("read", "Patient", f"x{n}", rule="x"))
    monkeypatch.setattr(acts, "MOST_SEEN", 20)
    monkeypatch.setattr(acts, "_PAGE", acts._PAGE.replace("limit 20000", "limit 20"))
    who, after, found, pages = hospital.subject(Role.REVIEWER), None, [], 0
    while True:
        async with database.transaction(hospital.key) as tx:
            page = await acts.acts(tx, who, acts.Asked(actions=("rare-act",)), after, 5)
        found += page.acts
        pages, after = pages + 1, page.next
        if found or after is None:
            break
    assert len(found) == 1 and pages > 3
