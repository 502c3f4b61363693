"""Labelled records at the doors for machines: a program without the scope for them meets none, however it asks."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.simulator import House
from tests.core.api.conftest import Program
from tests.settled import settled

SECRET = "dấu hiệu kín"
WITH_SCOPE = "system/*.cruds labelled/read"


class Case:
    """A patient with an ordinary and a labelled record, and a paper that speaks of both."""

    def __init__(self) -> None:
        self.patient = f"kin-{uuid4()}"

    def records(self) -> list[r4.Resource]:
        subject = r4.Reference(reference=f"Patient/{self.patient}")
        label = r4.Meta(security=[r4.Coding(code="HIV")])
        return [
            r4.Patient(id=self.patient),
            r4.Condition(id=f"{self.patient}-0", subject=subject, code=r4.CodeableConcept(text="ho")),
            r4.Condition(id=f"{self.patient}-1", subject=subject, code=r4.CodeableConcept(text=SECRET), meta=label),
            r4.Composition(
                id=f"{self.patient}-2", status="final", type=r4.CodeableConcept(text="phiếu"), subject=subject,
                date="2026-11-22", title="Phiếu", author=[subject],
                section=[
                    r4.CompositionSection(title="x", entry=[r4.Reference(reference=f"Condition/{self.patient}-1")])
                ],
            ),
        ]  # fmt: skip


@pytest_asyncio.fixture
async def case(database: Database, hospital: House) -> Case:
    made = Case()
    async with database.transaction(hospital.key) as tx:
        await store.load(tx, hospital.loader, made.records())
    return made


ADDRESSES = (
    "Condition?patient={p}", "Condition?patient={p}&_total=accurate&_count=1", "Condition?_id={p}-0,{p}-1",
    "Condition?_security=HIV&_count=1000", "Condition?code:text=kín", "Condition?_content=kín&subject=Patient/{p}",
    "Patient?_id={p}&_revinclude=Condition:patient", "Composition?_id={p}-2&_include=Composition:entry",
    "Composition?_id={p}-2&_include=*", "Patient/{p}/$everything", "Patient/{p}/Condition", "Patient/{p}/*",
    "Condition/_history?_count=1000", "_history?_count=1000", "?_type=Condition,Patient&_id={p}-0,{p}-1,{p}",
    "Condition?patient={p}&_sort=-_lastUpdated", "Condition?patient.gender:missing=true&patient={p}",
)  # fmt: skip
REFUSED = (
    "Condition/{p}-1", "Condition/{p}-1/_history", "Condition/{p}-1/_history/1", "Composition/{p}-2/$document",
    "Condition/{p}-1/$meta",
)  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
async def test_a_list_leaves_a_labelled_record_out(program: Program, case: Case, address: str) -> None:
    asked = address.format(p=case.patient)
    closed, opened = await program("system/*.cruds"), await program(WITH_SCOPE)
    answer = await closed.get(asked)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text and f'"{case.patient}-1"' not in answer.text
    assert SECRET in (await opened.get(asked)).text


@pytest.mark.parametrize("address", REFUSED)
async def test_a_labelled_record_is_refused_with_the_rule_and_without_the_label(
    program: Program, case: Case, address: str
) -> None:
    asked = address.format(p=case.patient)
    answer = await (await program("system/*.cruds")).get(asked)
    assert answer.status_code == 403, answer.text
    assert SECRET not in answer.text and "HIV" not in answer.text
    assert (await (await program(WITH_SCOPE)).get(asked)).status_code == 200


async def test_totals_do_not_count_it(program: Program, case: Case) -> None:
    async def counted(scopes: str, asked: str) -> int:
        answer = await (await program(scopes)).get(asked)
        total: int = answer.json()["total"]
        return total

    for asked in (
        f"Condition?patient={case.patient}&_summary=count",
        f"Condition?_id={case.patient}-1&_total=accurate",
    ):
        assert await counted("system/*.rs", asked) == await counted("system/*.rs labelled/read", asked) - 1


async def test_it_is_neither_written_nor_taken_over(program: Program, case: Case) -> None:
    closed = await program("system/*.cruds")
    body = {"resourceType": "Condition", "id": f"{case.patient}-1", "subject": {"reference": f"Patient/{case.patient}"}}
    for answer in (
        await closed.put(f"Condition/{case.patient}-1", json=body),
        await closed.delete(f"Condition/{case.patient}-1"),
        await closed.patch(
            f"Condition/{case.patient}-1", json=[{"op": "remove", "path": "/meta"}],
            headers={"Content-Type": "application/json-patch+json"},
        ),
        await closed.post("", json=_batch(f"Condition/{case.patient}-1")),
    ):  # fmt: skip
        assert SECRET not in answer.text
        assert answer.status_code == 403 or answer.json()["entry"][0]["response"]["status"].startswith("403"), (
            answer.text
        )


def _batch(asked: str) -> dict[str, Any]:
    return {
        "resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": asked}}],
    }  # fmt: skip


async def test_the_feed_does_not_name_it(program: Program, case: Case, database: Database) -> None:
    await settled(database)

    async def told(one: httpx.AsyncClient) -> set[str]:
        found: set[str] = set()
        since = ""
        while True:
            page = (await one.get(f"_changes?_type=Condition&_count=1000{since}")).json()
            found |= {change["id"] for change in page["changes"]}
            since = f"&since={page['position']}"
            if not page["more"]:
                return found

    closed, opened = await told(await program("system/*.rs")), await told(await program("system/*.rs labelled/read"))
    assert f"{case.patient}-0" in closed and f"{case.patient}-1" not in closed
    assert f"{case.patient}-1" in opened


async def test_what_a_read_was_allowed_by_stands_in_the_audit(
    program: Program, case: Case, database: Database, hospital: House
) -> None:
    await (await program(WITH_SCOPE)).get(f"Condition/{case.patient}-1")
    await (await program("system/*.rs")).get(f"Condition/{case.patient}-1")
    async with database.transaction(hospital.key) as tx:
        rows = await tx.fetch(
            "select action, allowed, rule from audit where id = $1 and action = 'read'", f"{case.patient}-1"
        )
        refused = await tx.fetchval(
            "select count(*) from audit where action = 'refused' and detail like $1", f"%{case.patient}-1"
        )
    assert [(row["allowed"], row["rule"]) for row in rows] == [(True, "scope system/*.r")]
    assert refused == 1
