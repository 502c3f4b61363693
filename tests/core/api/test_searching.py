"""The search doors, as another hospital's software meets them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.settings import Settings
from benhan.simulator import House
from benhan.simulator.house import found_facility
from tests.core.api.programs import token_of
from tests.core.store import ward

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
STRICT = {"Prefer": "handling=strict"}


def machine(app: Starlette, token: str | None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test/fhir/", headers=headers)


@pytest_asyncio.fixture(scope="session")
async def clinic(database: Database, dsn: Callable[..., str]) -> Subject:
    key = await found_facility(dsn(), "79779", "Phòng khám Cửa Tìm", "79")
    who = service(Role.LOADER, key, "Phòng khám Cửa Tìm")
    async with database.transaction(key) as tx:
        await store.load(tx, who, ward.records())
    return who


@pytest_asyncio.fixture(scope="session")
async def token(database: Database, clinic: Subject) -> str:
    return await token_of(database, clinic.facility, "system/*.rs")


@pytest_asyncio.fixture
async def fhir(app: Starlette, token: str) -> AsyncIterator[httpx.AsyncClient]:
    async with machine(app, token) as client:
        yield client


def ids(page: dict[str, Any], mode: str = "match") -> list[str]:
    found = [one for one in page.get("entry", []) if one["search"]["mode"] == mode]
    return [f"{one['resource']['resourceType']}/{one['resource'].get('id')}" for one in found]


def link(page: dict[str, Any], relation: str) -> str:
    return next((one["url"] for one in page["link"] if one["relation"] == relation), "")


def at(address: str) -> str:
    """An address that an answer names, on the server under test."""
    return "http://test/fhir" + address.partition("/fhir")[2]


async def test_nobody_signed_in_searches_nothing(app: Starlette) -> None:
    async with machine(app, None) as anybody:
        for path in ("Patient", "", "Patient/nb-1/Observation", "Patient/nb-1/*"):
            assert (await anybody.get(path)).status_code == 401
        assert (await anybody.post("Patient/_search", content="name=x", headers=FORM)).status_code == 401
        assert (await anybody.post("_search", content="_type=Patient", headers=FORM)).status_code == 401


async def test_a_program_searches_only_what_its_scopes_say(app: Starlette, database: Database, clinic: Subject) -> None:
    async with machine(app, await token_of(database, clinic.facility, "system/Patient.rs")) as reader:
        assert (await reader.get("Patient")).status_code == 200
        for path in ("Observation", "Patient/nb-1/Observation", "?_type=Patient,Observation"):
            assert (await reader.get(path)).status_code == 403
        everything = (await reader.get("?_count=1000")).json()
        assert {one.partition("/")[0] for one in ids(everything)} == {"Patient"}
        assert {one.partition("/")[0] for one in ids((await reader.get("Patient/nb-1/*")).json())} <= {"Patient"}


async def test_another_hospital_sees_nothing(
    app: Starlette, database: Database, clinic: Subject, hospital: House
) -> None:
    async with machine(app, await token_of(database, hospital.key, "system/*.rs")) as theirs:
        for path in ("Patient?_id=nb-1", "Patient/nb-1/Observation", "Patient/nb-1/*", "?_type=Patient&_id=nb-1"):
            assert ids((await theirs.get(path)).json()) == []


async def test_the_bundle_is_whole_and_holds_the_stored_bytes(fhir: httpx.AsyncClient) -> None:
    answer = await fhir.get("Observation?_id=do-1,do-2&_include=Observation:patient&_total=accurate")
    bundle = codec.decode(answer.content, r4.Bundle)
    assert (bundle.type, bundle.total) == ("searchset", 2)
    assert {entry.search.mode for entry in bundle.entry or [] if entry.search} == {"match", "include"}
    for entry in answer.json()["entry"]:
        stored = await fhir.get(at(entry["fullUrl"]))
        assert stored.content in answer.content


async def test_pages_are_linked_and_every_link_can_be_followed(fhir: httpx.AsyncClient) -> None:
    page = (await fhir.get("Patient?_count=7&_sort=birthdate")).json()
    seen, first = ids(page), link(page, "self")
    while following := link(page, "next"):
        page = (await fhir.get(at(following))).json()
        seen += ids(page)
        assert ids((await fhir.get(at(link(page, "first")))).json()) == seen[:7]
    assert len(seen) == len(set(seen)) == 30
    assert "_count=7" in first
    assert "_sort=birthdate" in first


async def test_post_searches_with_body_and_address_together(fhir: httpx.AsyncClient) -> None:
    posted = await fhir.post("Observation/_search?status=final", content="code=8867-4&_count=1000", headers=FORM)
    asked = await fhir.get("Observation?status=final&code=8867-4&_count=1000")
    assert ids(posted.json()) == ids(asked.json()) != []
    text = {"Content-Type": "text/plain"}
    assert (await fhir.post("Observation/_search", content="{}", headers=text)).status_code in (400, 415)
    in_compartment = await fhir.post("Patient/nb-3/Observation/_search", content="_count=1000", headers=FORM)
    assert ids(in_compartment.json()) == ids((await fhir.get("Observation?patient=nb-3&_count=1000")).json())


async def test_an_unknown_parameter_is_named_and_left_out_or_refused(fhir: httpx.AsyncClient) -> None:
    page = (await fhir.get("Patient?khong=1&gender=male&_count=1000")).json()
    assert ids(page) == ids((await fhir.get("Patient?gender=male&_count=1000")).json()) != []
    outcome = next(one["resource"] for one in page["entry"] if one["search"]["mode"] == "outcome")
    assert "khong" in json.dumps(outcome)
    assert outcome["issue"][0]["severity"] == "warning"
    assert "khong" not in link(page, "self")
    refused = await fhir.get("Patient?khong=1", headers=STRICT)
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "not-supported")


@pytest.mark.parametrize(
    "query",
    [
        "Patient?birthdate=32/13/2026", "Patient?name:khac=x", "Patient?name:=x", "Observation?value-quantity=abc",
        "Observation?value-quantity=1|mg", "Observation?code-value-quantity=1", "Patient?_sort=near",
        "Patient?_sort=name;drop", "Patient?_count=-1", "Patient?_after=x", "Patient?_total=no", "Patient?_summary=x",
        "Patient?_include=Patient:khong", "Patient?_include:x=Patient:link", "Patient?_has:Observation:patient=x",
        "Patient?_has:Khong:patient:code=x", "Patient?_has:Observation:code:code=x", "Observation?code.name=x",
        "Observation?patient:Slot.status=x", "Observation?subject:Khong.name=x", "Location?near=10|10",
        "Patient?_query=x", "Patient?_list=khong",
        "Observation?code:in=http://khong.example",
        "Observation?code:below=8867-4",
        "Observation?patient.link.link.link.link.link.link.name=x", "?_type=Patient,Khong", "Patient/x/Slot",
        "Patient?" + "&".join(f"name=a{n}" for n in range(60)), "Patient?name=" + ",".join(["a"] * 600),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_is_refused_with_a_reason(fhir: httpx.AsyncClient, query: str) -> None:
    answer = await fhir.get(query)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["issue"][0]["details"]["text"]


async def test_a_compartment_gives_one_type_or_all(fhir: httpx.AsyncClient) -> None:
    everything = ids((await fhir.get("Patient/nb-3/*?_count=1000")).json())
    assert "Patient/nb-3" in everything
    some = ids((await fhir.get("Patient/nb-3/*?_type=Encounter,Observation&_count=1000")).json())
    assert set(some) == {one for one in everything if one.startswith(("Encounter/", "Observation/"))}
    visits = ids((await fhir.get("Practitioner/bs-1/Encounter?_count=1000")).json())
    assert set(visits) == set(ids((await fhir.get("Encounter?participant=Practitioner/bs-1&_count=1000")).json()))
    by_visit = ids((await fhir.get("Encounter/lk-5/Observation?_count=1000")).json())
    assert set(by_visit) == set(ids((await fhir.get("Observation?encounter=Encounter/lk-5&_count=1000")).json()))


async def test_a_system_search_merges_types_into_one_order(fhir: httpx.AsyncClient) -> None:
    page, seen = (await fhir.get("?_type=Patient,Encounter&_count=9&_sort=_id&_total=accurate")).json(), []
    assert page["total"] == 70
    for _page in range(8):
        seen += ids(page)
        if not link(page, "next"):
            break
        page = (await fhir.get(at(link(page, "next")))).json()
    assert [one.partition("/")[2] for one in seen] == sorted(one.partition("/")[2] for one in seen)
    assert len(set(seen)) == 70
    posted = await fhir.post("_search", content="_type=Patient,Encounter&_id=nb-1,lk-1", headers=FORM)
    assert set(ids(posted.json())) == {"Patient/nb-1", "Encounter/lk-1"}
    assert (await fhir.get("?_type=Patient,Observation&gender=male")).status_code == 400


async def test_counting_sends_no_record(fhir: httpx.AsyncClient) -> None:
    for query in ("_summary=count", "_count=0"):
        page = (await fhir.get(f"Patient?{query}")).json()
        assert (page["total"], "entry" in page) == (30, False)


async def test_a_part_of_a_record_says_that_it_is_one(fhir: httpx.AsyncClient) -> None:
    def only(page: httpx.Response) -> dict[str, Any]:
        found: dict[str, Any] = page.json()["entry"][0]["resource"]
        return found

    some = only(await fhir.get("Observation?_id=do-1&_elements=status,subject"))
    assert set(some) == {"resourceType", "id", "meta", "status", "subject", "code"}
    assert some["meta"]["tag"][0]["code"] == "SUBSETTED"
    summed = only(await fhir.get("Patient?_id=nb-1&_summary=true"))
    assert "generalPractitioner" not in summed
    assert summed["birthDate"]
    assert "tag" not in only(await fhir.get("Patient?_id=nb-1&_summary=false"))["meta"]


async def test_an_absolute_reference_to_ourselves_is_a_reference(fhir: httpx.AsyncClient) -> None:
    patient = (await fhir.get("Patient?_id=nb-3")).json()["entry"][0]["fullUrl"]
    found = ids((await fhir.get("Observation", params={"subject": patient, "_count": "1000"})).json())
    assert found == ids((await fhir.get("Observation?patient=nb-3&_count=1000")).json())


async def test_a_question_that_takes_too_long_ends_and_the_next_is_answered(
    dsn: Callable[..., str], token: str
) -> None:
    """The index is locked, so the search waits longer than it may; one connection serves both requests."""
    slow = await Database.connect(dsn("benhan_app"), size=1, statement_seconds=1)
    holder = await asyncpg.connect(dsn())
    try:
        async with machine(create_app(Settings(mode="demo", secure_cookies=False), slow), token) as fhir:
            async with holder.transaction():
                await holder.execute("lock table word in access exclusive mode")
                answer = await fhir.get("Patient?name=tam")
            assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "timeout")
            assert answer.json()["issue"][0]["diagnostics"]
            assert (await fhir.get("Patient?name=tam")).status_code == 200
    finally:
        await holder.close()
        await slow.close()


NAMES = st.one_of(
    st.sampled_from(
        ["name", "code", "date", "patient.name", "_has:Observation:patient:code", "value-quantity", "_sort", "_include",
         "_revinclude", "_id", "_lastUpdated", "code-value-quantity", "_count", "_after", "_elements", "subject",
         "_list", "identifier", "_total", "url", "_summary", "_text", "code:in", "family:exact", "_tag",
         "encounter.date"]
    ),
    st.text(max_size=20),
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="0123456789-.:|,$\\eETZglst/* '\";", max_size=20),
    st.sampled_from(["Patient/x", "true", "2026", "5.4|http://unitsofmeasure.org|mg", "a|b|c|d", "%00", "*", "-date"]),
)


PATHS = st.sampled_from(["Patient", "Observation", "", "Patient/nb-3/Observation"])


@given(PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=3))
@settings(
    max_examples=int(os.environ.get("BENHAN_FUZZ", "150")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_no_query_breaks_the_door(fhir: httpx.AsyncClient, path: str, pairs: list[tuple[str, str]]) -> None:
    answer = await fhir.get(path, params=pairs)
    assert answer.status_code < 500, (path, pairs, answer.text)
