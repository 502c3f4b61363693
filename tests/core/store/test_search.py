"""Finding records: names without accents in any order, tokens, dates, pages; and what is refused."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Malformed
from tests.core.store.people import cccd, person

TAM = "Đặng Thị Tâmxyz"


@pytest.mark.parametrize(
    "query",
    ["Dang Thi Tamxyz", "tamxyz dang", "Đặng  Thị Tâmxyz", unicodedata.normalize("NFD", TAM), "tamx", "DANG TAMXYZ"],
)
async def test_a_name_is_found_however_it_is_typed(database: Database, loader: Subject, query: str) -> None:
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person(TAM))
        page = await store.search(tx, loader, r4.Patient, {"name": query, "_count": "1000"})
        assert kept.id in [patient.id for patient in page.resources]


@pytest.mark.parametrize("query", ["dang van tamxyz", "tamxyzz", "thi dang tamxyz nguyen"])
async def test_a_name_with_a_word_too_many_is_not_found(database: Database, loader: Subject, query: str) -> None:
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, person(TAM))
        assert not (await store.search(tx, loader, r4.Patient, {"name": query})).resources


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("1980-02-03", True), ("1980-02", True), ("1980", True), ("1980-02-04", False), ("ge1980-02-03", True),
        ("gt1980-02-03", False), ("lt1980-02-04", True), ("lt1980-02-03", False), ("le1980-02-03", True),
        ("sa1980-02-02", True), ("eb1980-02-04", True), ("eb1980-02-03", False), ("ne1980-02-03", False),
    ],
)  # fmt: skip
async def test_dates_compare_as_the_standard_says(database: Database, loader: Subject, query: str, found: bool) -> None:
    number = cccd()
    async with database.transaction(loader.facility) as tx:
        await store.create(tx, loader, person("Ngày Sinh", number))
        page = await store.search(tx, loader, r4.Patient, {"identifier": number, "birthdate": query})
        assert bool(page.resources) is found


async def test_changed_values_are_found_and_former_ones_are_not(database: Database, loader: Subject) -> None:
    old, new = cccd(), cccd()
    async with database.transaction(loader.facility) as tx:
        kept = await store.create(tx, loader, person("Đổi Số", old))
        changed = msgspec.structs.replace(kept, identifier=person("Đổi Số", new).identifier)
        await store.update(tx, loader, changed, if_match="1")
        assert not (await store.search(tx, loader, r4.Patient, {"identifier": old})).resources
        assert (await store.search(tx, loader, r4.Patient, {"identifier": new})).resources


async def test_pages_neither_repeat_nor_skip_while_others_write(database: Database, loader: Subject) -> None:
    name = "Trang " + "".join(chr(97 + int(c)) for c in cccd())
    async with database.transaction(loader.facility) as tx:
        made = {(await store.create(tx, loader, person(name))).id for _ in range(25)}
    seen: list[str | None] = []
    after: dict[str, str] = {}
    while True:
        async with database.transaction(loader.facility) as tx:
            page = await store.search(tx, loader, r4.Patient, {"name": name, "_count": "10", **after})
            await store.create(tx, loader, person(name))  # a newcomer stands before the first page
        seen += [patient.id for patient in page.resources]
        if page.next is None:
            break
        after = {"_after": page.next}
    assert len(seen) == len(set(seen))
    assert set(seen) == made


async def test_a_total_is_given_when_asked_for(database: Database, loader: Subject) -> None:
    name = "Tong " + "".join(chr(97 + int(c)) for c in cccd())
    async with database.transaction(loader.facility) as tx:
        for _ in range(3):
            await store.create(tx, loader, person(name))
        page = await store.search(tx, loader, r4.Patient, {"name": name, "_count": "1", "_total": "accurate"})
        assert (page.total, len(page.resources)) == (3, 1)


async def test_included_records_come_along(database: Database, loader: Subject) -> None:
    async with database.transaction(loader.facility) as tx:
        patient = await store.create(tx, loader, person("Đi Cùng"))
        visit = r4.Encounter(
            status="arrived", class_=r4.Coding(code="AMB"), subject=r4.Reference(reference=f"Patient/{patient.id}")
        )
        await store.create(tx, loader, visit)
        page = await store.search(
            tx, loader, r4.Encounter, {"patient": f"Patient/{patient.id}", "_include": "Encounter:patient"}
        )
        assert page.included == [patient]


@pytest.mark.parametrize(
    "params",
    [
        {"tên": "x"}, {"name:khác": "x"}, {"birthdate": "32/13/2026"}, {"name": ""}, {"_sort": "name; drop table"},
        {"_count": "-1"}, {"_after": "rác"}, {"general-practitioner.khong": "x"}, {"birthdate": "xx2026"},
        {"gender": "a,,b"}, {"name": ["x"] * 50},
    ],
)  # fmt: skip
async def test_what_cannot_be_searched_is_refused_by_name(
    database: Database, loader: Subject, params: dict[str, str]
) -> None:
    async with database.transaction(loader.facility) as tx:
        with pytest.raises(Malformed):
            await store.search(tx, loader, r4.Patient, params)
