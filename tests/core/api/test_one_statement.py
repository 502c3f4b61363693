"""Searches that are asked at the same moment share a statement, and nothing else: each has its own answer and trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from benhan.core.access import Decision
from benhan.core.db import PLATFORM, Database, unseen
from benhan.core.store.lead import Lead
from benhan.core.store.query import parse
from benhan.core.store.statement import Statement
from benhan.core.vault import keys_of
from benhan.core.vault.keyring import keyed
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
Dsn = Callable[..., str]


async def person(fhir: httpx.AsyncClient, mark: str, family: str = "Lò") -> str:
    body = {
        "resourceType": "Patient", "name": [{"family": family}], "identifier": [{"system": "urn:t", "value": mark}],
    }  # fmt: skip
    return str((await fhir.post("Patient", json=body)).json()["id"])


async def pulses(fhir: httpx.AsyncClient, patient: str, days: list[int]) -> list[str]:
    ids = []
    for day in days:
        body = {
            "resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/{patient}"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
            "effectiveDateTime": f"2026-01-{day:02d}T08:00:00+07:00",
        }  # fmt: skip
        ids.append(str((await fhir.post("Observation", json=body)).json()["id"]))
    return ids


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


async def traces(database: Database, patient: str) -> dict[str, list[tuple[Any, ...]]]:
    """What is left of looking for or at a patient, by account."""
    sql = (
        "select account, action, type, id, allowed, rule, detail from audit"
        " where patient = $1 and action in ('read', 'search') order by action"
    )
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(sql, patient)
    left: dict[str, list[tuple[Any, ...]]] = {}
    for account, *said in rows:
        left.setdefault(account, []).append(tuple(said))
    return left


async def test_of_many_searches_at_once_each_finds_its_own_and_is_traced_for_itself(
    program: Program, database: Database, hospital: House
) -> None:
    programs = [await program("system/*.cruds") for _ in range(3)]
    marks = [uuid4().hex for _ in range(5)]
    ids = [await person(programs[0], mark) for mark in marks]
    asked = [(fhir, mark) for fhir in programs for mark in [*marks, "khong-co"]]
    answers = await asyncio.gather(*(fhir.get("Patient", params={"identifier": f"urn:t|{m}"}) for fhir, m in asked))
    assert [found(answer) for answer in answers] == [*([one] for one in ids), []] * 3
    for id_ in ids:
        left = (await traces(database, id_)).values()
        assert [[trace[:3] for trace in one] for one in left] == [[("read", "Patient", id_)]] * 3
    key = (await keys_of(database, hospital.key)).index
    searched = [f"identifier=#{keyed(key, f'urn:t|{mark}') & (2**64 - 1):016x}" for mark in marks]
    sql = "select account, detail from audit where action = 'search' and detail = any($1)"
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(sql, searched)
    assert len(rows) == len({tuple(row) for row in rows}) == 15


async def test_a_search_at_the_door_leaves_the_same_trace_as_one_in_a_batch(
    program: Program, database: Database
) -> None:
    door, batch = await program("system/*.cruds"), await program("system/*.cruds")
    id_ = await person(door, uuid4().hex)
    first, second, third = await pulses(door, id_, [1, 2, 3])
    asked = f"Observation?patient={id_}&_sort=-date&_count=2"
    assert found(await door.get(asked)) == [third, second]
    entries = [{"request": {"method": "GET", "url": asked}}]
    await batch.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    one, other = (await traces(database, id_)).values()
    assert one == other
    assert [trace[-1] for trace in one] == [f"search {third} {second}", f"patient={id_}&_sort=-date&_count=2"]
    assert first not in str(one)


async def test_of_many_at_once_each_is_shown_whom_her_own_page_points_at_and_leaves_that_trace(
    program: Program, database: Database
) -> None:
    programs = [await program("system/*.cruds") for _ in range(2)]
    blind = await program("system/Observation.rs")
    people = [await person(programs[0], uuid4().hex) for _ in range(3)]
    newest = {id_: (await pulses(programs[0], id_, [1, 2, 3]))[:0:-1] for id_ in people}
    questions = [(fhir, id_) for fhir in (*programs, blind) for id_ in people]
    answers = await asyncio.gather(
        *(fhir.get(f"Observation?patient={id_}&_include=Observation:subject&_count=2") for fhir, id_ in questions)
    )
    shown = [[*newest[id_], *([id_] if fhir is not blind else [])] for fhir, id_ in questions]
    assert [found(answer) for answer in answers] == shown
    entries = [{"request": {"method": "GET", "url": str(answers[0].request.url).partition("/fhir/")[2]}}]
    batch = await program("system/*.cruds")
    await batch.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    left = [sorted(map(str, one)) for one in (await traces(database, people[0])).values()]
    without = [one for one in left if len(one) == 2]
    along = [one for one in left if one not in without]
    assert (len(without), len(along)) == (1, 3)
    assert along[0] == along[1] == along[2]
    assert str(("read", "Patient", people[0], True, "scope system/*.r", "included")) in along[0]


async def test_pages_of_one_search_asked_at_once_and_in_turn_are_the_same(program: Program) -> None:
    fhir = await program("system/*.cruds")
    people = [await person(fhir, uuid4().hex) for _ in range(4)]
    days = {id_: await pulses(fhir, id_, [4, 1, 3, 2]) for id_ in people}
    pages = [f"Observation?patient={id_}&_sort=date&_count=3" for id_ in people]
    for id_, page in zip(people, await asyncio.gather(*(fhir.get(page) for page in pages)), strict=True):
        fourth, first, third, second = days[id_]
        assert found(page) == [first, second, third]
        more = next(link["url"] for link in page.json()["link"] if link["relation"] == "next")
        both = await asyncio.gather(*(fhir.get("Observation?" + more.partition("?")[2]) for _ in range(2)))
        assert [found(one) for one in both] == [[fourth]] * 2


async def test_an_accurate_total_comes_with_its_own_page_and_without_one(program: Program) -> None:
    fhir = await program("system/*.cruds")
    some, none = await person(fhir, uuid4().hex), await person(fhir, uuid4().hex)
    ids = await pulses(fhir, some, [1, 2, 3])
    asked = [f"Observation?patient={id_}&_total=accurate&_count=2" for id_ in (some, none)] * 2
    answers = await asyncio.gather(*(fhir.get(one) for one in asked))
    assert [answer.json()["total"] for answer in answers] == [3, 0, 3, 0]
    assert [len(found(answer)) for answer in answers] == [2, 0, 2, 0]
    several = await fhir.get(f"Observation?_id={','.join(ids[:2])}&_total=accurate")
    assert (several.json()["total"], len(found(several))) == (2, 2)


async def test_two_hospitals_that_search_at_once_find_each_their_own(
    program: Program, hospital: House, other_hospital: House
) -> None:
    family = f"ho{uuid4().hex[:10]}"
    ours, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    ids = [await person(fhir, uuid4().hex, family) for fhir in (ours, theirs)]
    answers = await asyncio.gather(*(fhir.get("Patient", params={"family": family}) for fhir in (ours, theirs) * 4))
    assert [found(answer) for answer in answers] == [[one] for one in ids] * 4


async def test_of_many_who_search_at_once_only_the_one_who_was_revoked_is_refused(program: Program, dsn: Dsn) -> None:
    programs = [await program("system/*.cruds") for _ in range(5)]
    mark = uuid4().hex
    await person(programs[0], mark)
    asked = {"identifier": f"urn:t|{mark}"}
    await asyncio.gather(*(fhir.get("Patient", params=asked) for fhir in programs))
    owner = await asyncpg.connect(dsn())
    header = programs[3].headers["authorization"].removeprefix("Bearer ")
    await owner.execute("update client set revoked = now() where token_hash = sha256($1::bytea)", header.encode())
    await owner.close()
    answers = await asyncio.gather(*(fhir.get("Patient", params=asked) for fhir in programs))
    assert [answer.status_code for answer in answers] == [200, 200, 200, 401, 200]


async def test_a_statement_over_a_short_array_is_planned_a_few_times_and_then_never_again(dsn: Dsn) -> None:
    asked = await asyncpg.connect(dsn("benhan_app"))
    each = "cross join lateral (select from generate_series(1, 1000) where n > 0 offset 0) found"
    arrays = ("$1::int[]", unseen("$1::int[]"))
    statements = [await asked.prepare(f"select count(*) from unnest({array}) n {each}") for array in arrays]
    for statement in statements:
        assert [await statement.fetchval([1]) for _ in range(12)] == [1000] * 12
    counted = "select custom_plans, generic_plans from pg_prepared_statements where statement ~ '^select count'"
    rows = await asked.fetch(f"{counted} order by 1 desc")
    await asked.close()
    assert [tuple(row) for row in rows] == [(12, 0), (5, 7)]


@pytest.mark.parametrize(
    ("asked", "light"),
    [
        ({"identifier": "urn:t|1"}, True),
        ({"family": "tran"}, True),
        ({"name": "tran van"}, False),
        ({"name:contains": "ran"}, False),
        ({"birthdate": "le2000"}, False),
        ({"general-practitioner:Practitioner.identifier": "urn:t|1"}, True),
        ({"general-practitioner:Practitioner.name:contains": "ran"}, False),
    ],
)
def test_a_search_that_may_read_much_to_find_little_is_asked_with_nobody_else(
    asked: dict[str, str], light: bool
) -> None:
    yes = Decision(True, "")
    query = parse("Patient", asked, lambda _type: yes)
    [clause] = query.clauses
    assert Statement(1, query, yes, Lead(clause, few=True)).is_light is light
    assert not Statement(1, query, yes, Lead(clause, few=False)).is_light
