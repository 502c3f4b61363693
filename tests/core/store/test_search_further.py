"""Finding by text, address, value set and list: what takes more than one row or one question."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed
from tests.core.store.people import person
from tests.core.store.ward import LOINC, Ward

BASE = "http://thuvien.example/fhir/bang"


async def found(database: Database, who: Subject, type_name: str, params: dict[str, Any]) -> set[str | None]:
    async with database.transaction(who.facility) as tx:
        page = await store.search(tx, who, codec.resource_type(type_name), {**params, "_count": "1000"})
    return {one.id for one in page.resources}


async def keep(database: Database, who: Subject, *records: r4.Resource) -> None:
    async with database.transaction(who.facility) as tx:
        for one in records:
            await store.update(tx, who, one, if_match=None)


@pytest.fixture
def librarian(clinic: Ward) -> Subject:
    return service(Role.LOADER, clinic.who.facility, "Thư viện")


async def test_words_of_the_narrative_and_of_the_whole_record(database: Database, librarian: Subject) -> None:
    said = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Bệnh nhân <b>khoẻ mạnhqzx</b></p></div>'
    note = r4.Basic(
        id="ghi-chu", code=r4.CodeableConcept(text="Ghi chú vềqzx"), text=r4.Narrative(status="generated", div=said)
    )
    await keep(database, librarian, note)
    for params, finds in (
        ({"_text": "manhqzx"}, True),
        ({"_text": "khoe manhqzx"}, True),
        ({"_text": "veqzx"}, False),
        ({"_content": "veqzx"}, True),
        ({"_content": "veqzx manhqzx"}, True),
        ({"_content": "veqzx khongqzx"}, False),
        ({"_content": "khongqzx,manhqzx"}, True),
    ):
        assert (await found(database, librarian, "Basic", params) == {"ghi-chu"}) is finds, params


async def test_addresses_above_and_below(database: Database, librarian: Subject) -> None:
    urls = {"goc": BASE, "con": f"{BASE}/con", "chau": f"{BASE}/con/chau", "em": f"{BASE}-khac"}
    kind = r4.CodeableConcept(text="x")
    await keep(
        database, librarian, *(r4.Library(id=id_, url=url, status="active", type=kind) for id_, url in urls.items())
    )
    for params, ids in (
        ({"url": BASE}, {"goc"}),
        ({"url": f"{BASE}/con,{BASE}-khac"}, {"con", "em"}),
        ({"url:below": BASE}, {"goc", "con", "chau"}),
        ({"url:below": f"{BASE}/con/"}, {"con", "chau"}),
        ({"url:above": f"{BASE}/con/chau"}, {"goc", "con", "chau"}),
        ({"url:above": f"{BASE}/con/chau/khac"}, {"goc", "con", "chau"}),
    ):
        assert await found(database, librarian, "Library", params) == ids, params


async def test_codes_of_a_value_set(database: Database, clinic: Ward, librarian: Subject) -> None:
    chosen = r4.ValueSetComposeInclude(
        system=LOINC, concept=[r4.ValueSetComposeIncludeConcept(code=code) for code in ("8867-4", "2345-7")]
    )
    values = r4.ValueSet(
        id="chi-so", url=f"{BASE}/ValueSet/chi-so", status="active", compose=r4.ValueSetCompose(include=[chosen])
    )
    await keep(database, librarian, values)
    expected = {o.id for o in clinic.of("Observation") if o.code.coding[0].code in ("8867-4", "2345-7")}
    everything = {o.id for o in clinic.of("Observation")}
    assert await found(database, librarian, "Observation", {"code:in": values.url}) == expected
    assert await found(database, librarian, "Observation", {"code:not-in": values.url}) == everything - expected
    assert await found(database, librarian, "Encounter", {"_has:Observation:encounter:code:in": values.url})


async def test_members_of_a_list(database: Database, librarian: Subject) -> None:
    entries = [
        r4.ListEntry(item=r4.Reference(reference="Patient/nb-3")),
        r4.ListEntry(item=r4.Reference(reference="Patient/nb-4"), deleted=True),
        r4.ListEntry(item=r4.Reference(reference="Encounter/lk-3")),
    ]
    await keep(database, librarian, r4.List(id="theo-doi", status="current", mode="changes", entry=entries))
    assert await found(database, librarian, "Patient", {"_list": "theo-doi"}) == {"nb-3"}
    assert await found(database, librarian, "Encounter", {"_list": "theo-doi"}) == {"lk-3"}
    with pytest.raises(Malformed):
        await found(database, librarian, "Patient", {"_list": "khong-co"})


async def test_several_patients_of_one_appointment(database: Database, librarian: Subject) -> None:
    people = [
        r4.AppointmentParticipant(actor=r4.Reference(reference=f"Patient/nb-{n}"), status="accepted") for n in (3, 4)
    ]
    await keep(database, librarian, r4.Appointment(id="hen-chung", status="proposed", participant=people))
    for n in (3, 4):
        assert "hen-chung" in await found(database, librarian, "Appointment", {"patient": f"Patient/nb-{n}"})


async def test_names_that_sound_alike(database: Database, loader: Subject) -> None:
    record = person("Đặng Trọng Dungqzx")
    record.id = "nghe-giong"
    await keep(database, loader, record)
    assert "nghe-giong" in await found(database, loader, "Patient", {"phonetic": "Zungqzx"})


async def test_what_is_deleted_is_found_in_no_way(database: Database, clinic: Ward, librarian: Subject) -> None:
    await keep(database, librarian, r4.Basic(id="xoa-di", code=r4.CodeableConcept(text="Xoá điqzx")))
    program = msgspec.structs.replace(librarian, roles=frozenset({Role.CLIENT}), scopes=parse_scopes("system/*.cruds"))
    async with database.transaction(librarian.facility) as tx:
        await store.delete(tx, program, r4.Basic, "xoa-di")
    for params in ({}, {"_id": "xoa-di"}, {"_content": "xoaqzx"}, {"_lastUpdated": "ge2026"}, {"code:missing": "true"}):
        assert "xoa-di" not in await found(database, librarian, "Basic", params)
