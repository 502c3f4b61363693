"""Which condition of a search leads: the rarest one; and whichever leads, the same records are found."""

from __future__ import annotations

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Decision, Subject
from benhan.core.db import Database, Transaction
from benhan.core.store.lead import Lead, leading
from benhan.core.store.query import IndexClause, Query, parse
from benhan.core.store.query.clauses import Spans, Tokens, Words
from benhan.core.store.statement import Statement
from tests.core.store.people import cccd, person

ALLOWED = Decision(True, "test")


async def test_a_number_leads_before_a_name_and_a_date(database: Database, loader: Subject) -> None:
    asked = {"name": "tam", "birthdate": "1980", "identifier": "001080000001"}
    async with database.transaction(loader.facility) as tx:
        lead = await leading(tx, loader.facility, parse("Patient", asked), ALLOWED)
    assert lead and isinstance(lead.clause, Tokens)


async def test_what_nobody_meets_leads_before_what_many_meet(database: Database, loader: Subject) -> None:
    asked = {"gender": "female", "name": "khongaimangtennay"}
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, person("Có Một Người"))
        lead = await leading(tx, loader.facility, parse("Patient", asked), ALLOWED)
    assert lead and lead.few and isinstance(lead.clause, Words)


@pytest.mark.parametrize("asked", [{"patient": "Patient/x", "status": "final"}, {"_id": "x", "status": "final"}, {}])
async def test_a_patient_ids_and_no_condition_at_all_need_no_lead(
    database: Database, loader: Subject, asked: dict[str, str]
) -> None:
    async with database.transaction(loader.facility) as tx:
        assert await leading(tx, loader.facility, parse("Observation", asked), ALLOWED) is None


async def test_the_same_records_are_found_whichever_condition_leads(database: Database, loader: Subject) -> None:
    name = "Dẫn Đầu " + "".join(chr(97 + int(digit)) for digit in cccd())
    query = parse("Patient", {"name": name, "birthdate": "1980-02-03", "gender": "female,male", "_sort": "birthdate"})
    async with database.transaction(loader.facility) as tx:
        made = [(await store.create(tx, loader, person(name))).id for _ in range(3)]
        found = []
        for clause in (None, *query.clauses):
            assert clause is None or isinstance(clause, IndexClause)
            lead = Lead(clause, few=True) if clause else None
            found.append(await _ids(tx, loader, query, lead))
    assert any(isinstance(clause, Spans) for clause in query.clauses)
    assert found == [made] * 4


@pytest.mark.parametrize("some", [20_000, 1])
async def test_the_same_records_are_found_along_a_walk_within_the_days_of_a_date(
    database: Database, loader: Subject, monkeypatch: pytest.MonkeyPatch, some: int
) -> None:
    name = "Dẫn Bước " + "".join(chr(97 + int(digit)) for digit in cccd())
    asked = parse("Patient", {"gender": "female", "birthdate": "1980-02-03", "name:missing": "false"})
    async with database.transaction(loader.facility) as tx:
        made = [(await store.create(tx, loader, person(name))).id for _ in range(3)]
        for _ in range(3):
            await store.create(tx, loader, msgspec.structs.replace(person(name), birthDate="1991-05-06"))
        led = await _ids(tx, loader, asked, await leading(tx, loader.facility, asked, ALLOWED))
        monkeypatch.setattr("benhan.core.store.lead.FEW", 0)
        monkeypatch.setattr("benhan.core.store.lead.SOME", some)
        lead = await leading(tx, loader.facility, asked, ALLOWED)
        walked = await _ids(tx, loader, asked, lead)
    assert lead and not lead.few and (isinstance(lead.within, Spans) or some == 1)
    assert set(made) <= set(walked) == set(led)


async def _ids(tx: Transaction, who: Subject, query: Query, lead: Lead | None) -> list[str]:
    statement = Statement(who.facility, query, ALLOWED, lead)
    return [row["id"] for row in await tx.fetch(statement.page(50), *statement.values)]


def test_conditions_on_the_record_itself_do_not_lead() -> None:
    query = parse("Task", {"patient": "Patient/x", "_id": "x", "_lastUpdated": "ge2026", "status:not": "draft"})
    assert not [clause for clause in query.clauses if isinstance(clause, IndexClause)]
