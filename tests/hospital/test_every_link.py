"""Every link and every part of a page answers, also where records say less than ours do.

Other software may leave out what FHIR lets it leave out: times, names, codes; or know the year only. The hospital of
these tests has a morning's records of the simulator, of which a third have lost all that is optional and does not tie
them to others, and a third know years instead of moments.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import AsyncIterator, Callable
from html import unescape
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Problem
from benhan.core.kit.clock import now
from benhan.simulator import House, build_house, fill

#: What says which record it is, of whom, where, and what is to be done with it.
TIES = {
    "resourceType", "id", "meta", "status", "intent", "class", "category", "code", "type", "subject", "patient", "for",
    "focus", "encounter", "context", "basedOn", "location", "slot", "schedule", "participant", "actor", "owner",
    "performerType", "target", "recorded", "agent", "identifier",
}  # fmt: skip
#: A moment becomes its year; instants are not cut, FHIR wants them whole.
MOMENT = re.compile(r"(\d{4})-\d\d-\d\dT[^\"]*")
INSTANTS = {"issued", "recorded", "when", "lastUpdated", "instant", "authenticated"}
TYPES = (
    r4.Patient, r4.Encounter, r4.Task, r4.ServiceRequest, r4.DiagnosticReport, r4.Observation, r4.Condition,
    r4.MedicationRequest, r4.AllergyIntolerance, r4.Composition, r4.Appointment, r4.Coverage, r4.Practitioner,
    r4.Location, r4.HealthcareService, r4.Schedule, r4.Medication,
)  # fmt: skip
MOST = 400


def bare(record: dict[str, Any]) -> dict[str, Any]:
    """What is left of a record when everything is left out that may be."""
    return {name: value for name, value in record.items() if name in TIES}


def vague(record: Any, name: str = "") -> Any:
    """The record with years for moments."""
    if isinstance(record, dict):
        return {key: vague(value, key) for key, value in record.items()}
    if isinstance(record, list):
        return [vague(value, name) for value in record]
    return MOMENT.sub(r"\1", record) if isinstance(record, str) and name not in INSTANTS else record


@pytest_asyncio.fixture(scope="module")
async def sparse(database: Database, dsn: Callable[..., str]) -> House:
    """The hospital with sparse records."""
    morning = now().replace(hour=10, minute=10)
    house = await build_house(database, dsn(), code="79774", name="BVĐK Lược Bớt", days=3)
    await fill(database, house, visits=150, now=morning)
    for type_ in TYPES:
        async with database.transaction(house.key) as tx:
            page = await store.search(tx, house.loader, type_, {"_count": "200", "_sort": "-_lastUpdated"})
        less = [
            left
            for nth, record in enumerate(page.resources)
            if nth % 3 or (type_ is r4.Task and record.status in ("ready", "in-progress"))
            if (left := said(record, bare if nth % 3 == 1 else vague))
        ]
        await replace(database, house, less)
    return house


def said(record: r4.R, less: Callable[[dict[str, Any]], Any]) -> r4.R | None:
    """What is left of a record, where that is one."""
    try:
        return codec.decode(json.dumps(less(json.loads(codec.encode(record)))).encode(), type(record))
    except Problem:
        return None


async def replace(database: Database, house: House, records: list[Any]) -> None:
    """Keep them instead of what they were. Where one may not be replaced (it is signed), the others are."""
    try:
        async with database.transaction(house.key) as tx:
            for record in records:
                await store.update(tx, house.loader, record, if_match=None)
    except Problem:
        half = len(records) // 2
        if half:
            await replace(database, house, records[:half])
            await replace(database, house, records[half:])


@pytest_asyncio.fixture
async def person(
    request: pytest.FixtureRequest, app: Starlette, database: Database, sparse: House
) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the role who is signed in there; what breaks in the server breaks the test."""
    who = sparse.subject(request.param)
    async with database.transaction(sparse.key) as tx:
        cookies = {COOKIE: await open_session(tx, sparse.key, account=who.account, hours=1)}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test", cookies=cookies
    ) as one:
        yield one


WORKING = [role for role in Role if role.value in {
    "reception", "doctor", "nurse", "laboratory", "imaging", "pharmacy", "cashier", "planning", "administrator",
    "reviewer",
}]  # fmt: skip


@pytest.mark.parametrize("person", WORKING, indirect=True)
async def test_every_link_answers(person: httpx.AsyncClient, sparse: House, database: Database) -> None:
    await person.post("/kham/phong", data={"room": "phong-pk03"})
    ahead, seen, broken = ["/", *await deep(database, sparse)], set[str](), dict[str, str]()
    while ahead and len(seen) < MOST:
        path = ahead.pop(0)
        if path not in seen:
            seen.add(path)
            text = await opened(person, path, broken)
            ahead += links(text)
            for part in parts(text) - seen:
                seen.add(part)
                await opened(person, part, broken)
    assert not broken, "\n".join(f"{path}: {why}" for why, path in broken.items())


async def opened(person: httpx.AsyncClient, path: str, broken: dict[str, str]) -> str:
    """What stands there; what breaks is noted, once a fault."""
    try:
        answer = await person.get(path, headers={"HX-Request": "true"} if "?" in path else {})
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        broken.setdefault(f"{error!r} {where.filename}:{where.lineno}", path)
        return ""
    assert answer.status_code < 500, path
    return answer.text


async def deep(database: Database, house: House) -> list[str]:
    """The pages of single records, whichever list names them."""
    ways = {r4.Encounter: "/kham/{}", r4.ServiceRequest: "/xet-nghiem/{}", r4.Patient: "/tiep-don/nguoi/{}"}
    found = []
    for type_, way in ways.items():
        async with database.transaction(house.key) as tx:
            page = await store.search(tx, house.loader, type_, {"_count": "40", "_sort": "-_lastUpdated"})
        found += [way.format(one.id) for one in page.resources]
    found += [path.replace("xet-nghiem", "chan-doan-hinh-anh") for path in found if "xet-nghiem" in path]
    return found


def links(page: str) -> list[str]:
    """Where a page leads within the house, without files and ways out."""
    found = [unescape(one) for one in re.findall(r'<a [^>]*href="(/[^"#]*)', page)]
    return [one for one in found if not re.search(r"/(static|dang-xuat|fhir)|lang=", one)]


def parts(page: str) -> set[str]:
    """What a page asks for by itself."""
    return {unescape(one) for one in re.findall(r'hx-get="(/[^"]*)"', page)}
