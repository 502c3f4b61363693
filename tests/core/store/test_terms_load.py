"""The platform's own terminology: brought in part by part, once, and gone on with after a kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date

import pytest
import pytest_asyncio

from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import systems
from benhan.core.kit import codes
from benhan.core.store import terms, terms_ask, terms_expand, terms_find, terms_load
from benhan.core.store.terms_carried import Carried, carried
from benhan.core.store.terms_load import Package

#: Lists that are loaded in a moment; the long ones are tried by `bench/terms.py`.
SHORT = ("dan-toc", "khoa", "loinc-dung")


@pytest_asyncio.fixture
async def wanted(dsn: Callable[..., str], database: Database) -> AsyncIterator[None]:
    """The platform's terminology is wanted; afterwards no more, or the servers of other tests would load it."""
    await terms_load.want(dsn())
    yield
    async with database.transaction(0) as tx:
        await tx.execute("delete from terms_loaded")


def few() -> list[Carried]:
    return [one for one in carried() if one.id in SHORT]


def packages(edition: str = "1", fail_at: int | None = None) -> list[Package]:
    """The short lists as a package; a part may fail as if the process had been killed."""

    def parts() -> list[terms_load.Part]:
        made = [terms_load._list_part(one, edition) for one in few()]

        async def killed(*_given: object) -> None:
            raise KeyboardInterrupt

        return made if fail_at is None else [*made[:fail_at], killed, *made[fail_at + 1 :]]

    return [Package("carried", lambda: edition, parts)]


async def test_a_killed_load_goes_on_where_it_stopped_and_a_second_one_adds_nothing(
    database: Database, wanted: None, monkeypatch: pytest.MonkeyPatch, loader: Subject
) -> None:
    monkeypatch.setattr(terms_load, "packages", lambda: packages(fail_at=1))
    with pytest.raises(KeyboardInterrupt):
        await terms_load.load_all(database)
    async with database.transaction(0) as tx:
        row = await tx.fetchrow("select edition, loading, done from terms_loaded where package = 'carried'")
    assert row is not None
    assert tuple(row) == ("", "1", 1)
    monkeypatch.setattr(terms_load, "packages", packages)
    assert await terms_load.load_all(database) == len(SHORT) - 1
    assert await terms_load.load_all(database) == 0
    async with database.transaction(loader.facility) as tx:
        known = await terms_ask.lookup(tx, loader, systems.ETHNICITY, "01")
        assert known.display == "Kinh"
        listed = await terms.codes_in(tx, loader, f"{systems.BENHAN}/ValueSet/dan-toc")
        assert len(listed) == len(codes.ethnic_groups())
        assert (await terms_ask.validate_in_system(tx, loader, systems.LOINC, "8867-4")).display == "Mạch"
        unknown = await terms_ask.validate_in_system(tx, loader, systems.LOINC, "2-9")
        assert unknown.message is not None
        assert "một phần" in unknown.message


async def test_two_processes_load_side_by_side_and_each_part_once(
    database: Database, wanted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms_load, "packages", lambda: packages("2"))
    monkeypatch.setattr(terms_load, "REST_SECONDS", 0.01)
    took = await asyncio.gather(terms_load.load_all(database), terms_load.load_all(database))
    assert sum(took) == len(SHORT)


async def test_every_carried_list_is_a_sound_code_system() -> None:
    ids = [one.id for one in carried()]
    assert len(ids) == len(set(ids))
    for one in few():
        concepts = one.concepts()
        record = one.record(concepts)
        assert record.count == len(concepts)
        assert record.concept == concepts


async def test_a_diagnosis_lies_below_its_block_and_keeps_its_everyday_names(database: Database) -> None:
    icd = next(one for one in carried() if one.id == "icd-10-vn")
    by_code = {one.code: one for one in icd.concepts()}
    assert len(by_code) == len(codes.icd10(date(2026, 11, 22))) + 212 + 22
    parents = {one.valueCode for one in by_code["J18.9"].property or () if one.code == "parent"}
    assert parents == {"J18"}
    assert {one.valueCode for one in by_code["J18"].property or () if one.code == "parent"} == {"J09-J18"}
    assert "cao huyết áp" in [one.value for one in by_code["I10"].designation or ()]


async def test_hl7s_own_value_sets_can_be_loaded_and_expanded(database: Database, loader: Subject) -> None:
    lines = [line for line in terms_load._hl7_lines() if b'"administrative-gender"' in line or b'"mg/dL"' in line]
    platform = service(Role.LOADER, 0)
    async with database.transaction(0) as tx:
        await terms_load._records_part(lines)(tx, platform)
        await terms_load._records_part(lines)(tx, platform)
    async with database.transaction(loader.facility) as tx:
        found = await terms_find.value_set(tx, loader, "http://hl7.org/fhir/ValueSet/administrative-gender")
        assert found
        shown = await terms_expand.expand(tx, loader, found, terms_expand.Asked())
        assert shown.expansion
        assert [one.code for one in shown.expansion.contains or ()] == ["male", "female", "other", "unknown"]
        unit = await terms_ask.lookup(tx, loader, systems.UCUM, "mg/dL")
        assert unit.display == "milligram per deciliter"
