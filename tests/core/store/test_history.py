"""History and the policy: every version on every page is asked for on its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden, NotFound
from benhan.core.store.history import Span, of_record, of_types
from tests.core.store.people import person


def herself(loader: Subject, patient: str) -> Subject:
    """A patient looking at her own record."""
    return msgspec.structs.replace(
        loader, account=f"patient:{patient}", roles=frozenset({Role.PATIENT}), patient=patient
    )


def condition(patient: str, text: str) -> r4.Condition:
    return r4.Condition(subject=r4.Reference(reference=f"Patient/{patient}"), code=r4.CodeableConcept(text=text))


async def test_a_patient_sees_of_a_record_that_was_moved_to_her_only_what_is_hers(
    database: Database, loader: Subject
) -> None:
    async with database.transaction(loader.facility) as tx:
        one = (await store.create(tx, loader, person("Sử Thị Một"))).id or ""
        two = (await store.create(tx, loader, person("Sử Thị Hai"))).id or ""
        moved = await store.create(tx, loader, condition(one, "nhầm người"))
        id_ = moved.id or ""
        await store.update(tx, loader, msgspec.structs.replace(condition(two, "đúng người"), id=id_), if_match="1")
        await store.create(tx, loader, condition(one, "của người một"))
    async with database.transaction(loader.facility) as tx:
        second = herself(loader, two)
        assert [state.version for state in await store.history(tx, second, r4.Condition, id_)] == [2]
        with pytest.raises(NotFound):
            await store.vread(tx, second, r4.Condition, id_, "1")
        with pytest.raises(NotFound):
            await store.history(tx, herself(loader, one), r4.Condition, id_)
        shown: list[str] = []
        after = None
        while True:
            page = await of_types(tx, second, ["Patient", "Condition"], Span(count=1, after=after))
            shown += [codec.kept(state.body, r4.Resource).id or "" for state in page.states if state.body]
            after = page.next
            if after is None:
                break
        assert sorted(shown) == sorted([two, id_])


async def test_who_may_read_nothing_of_a_type_sees_no_history_of_it(
    database: Database, subject: Callable[..., Subject], loader: Subject
) -> None:
    who = subject("display")
    async with database.transaction(who.facility) as tx:
        with pytest.raises(Forbidden):
            await of_types(tx, who, ["Condition"], Span())
        page = await of_types(tx, who, None, Span(count=50))
        assert {state.type for state in page.states} <= {"Location", "Organization", "HealthcareService", "Task"}


async def test_versions_of_a_record_come_in_pages_without_gaps(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Sử Văn Ba"))
        for n in range(6):
            kept = await store.update(
                tx, loader, msgspec.structs.replace(kept, birthDate=f"198{n}-01-01"), if_match=str(n + 1)
            )
        seen, after = [], None
        while True:
            page = await of_record(tx, loader, r4.Patient, kept.id or "", Span(count=2, after=after))
            seen += [state.version for state in page.states]
            after = page.next
            if after is None:
                break
        assert seen == [7, 6, 5, 4, 3, 2, 1]
