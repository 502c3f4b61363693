"""What a search must never show: another hospital's records, another patient's, a type the caller may not search."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Forbidden
from benhan.core.store.search import Within, find
from tests.core.store.asking import asked
from tests.core.store.ward import Ward

MINE, OTHER = "nb-3", "nb-7"


def herself(clinic: Ward, patient: str = MINE) -> Subject:
    """A patient who looks at her own record."""
    return Subject(
        account=f"patient:{patient}", name="", facility=clinic.who.facility, facility_name="",
        roles=frozenset({Role.PATIENT}), patient=patient,
    )  # fmt: skip


def program(clinic: Ward, scopes: str) -> Subject:
    """A program with these scopes."""
    return Subject(
        account="client:thử", name="", facility=clinic.who.facility, facility_name="",
        roles=frozenset({Role.CLIENT}), scopes=parse_scopes(scopes),
    )  # fmt: skip


async def found(database: Database, who: Subject, type_name: str, params: dict[str, Any]) -> list[Any]:
    answer = await asked(database, who, type_name, {"_count": "1000", **params})
    return [codec.kept(one.body, codec.resource_type(one.type)) for one in answer.found + answer.included]


def about(one: Any, patient: str) -> bool:
    subject = getattr(one, "subject", None)
    return (isinstance(one, r4.Patient) and one.id == patient) or (
        subject is not None and subject.reference == f"Patient/{patient}"
    )


@pytest.mark.parametrize(
    ("type_name", "params"),
    [
        ("Patient", {}),
        ("Patient", {"_id": f"{MINE},{OTHER}"}),
        ("Patient", {"_has:Observation:patient:status": "final,preliminary,amended"}),
        ("Patient", {"_has:Encounter:patient:_has:Observation:encounter:status": "final,preliminary,amended"}),
        ("Observation", {}),
        ("Observation", {"patient": f"{MINE},{OTHER}"}),
        ("Observation", {"patient.gender": "male,female,other"}),
        ("Observation", {"_sort": "-date,status"}),
        ("Observation", {"_include": ["Observation:patient", "Observation:encounter", "*"]}),
        ("Encounter", {"_revinclude": ["Observation:encounter", "*"]}),
        ("Encounter", {"_include": "Encounter:patient", "_revinclude:iterate": "Observation:patient"}),
        ("Practitioner", {"_revinclude": ["Encounter:participant", "Patient:general-practitioner"]}),
        ("Practitioner", {"_revinclude": "Patient:general-practitioner", "_revinclude:iterate": "Encounter:patient"}),
    ],
)  # fmt: skip
async def test_a_patient_is_shown_no_record_of_another(
    database: Database, clinic: Ward, type_name: str, params: dict[str, Any]
) -> None:
    shown = [one for one in await found(database, herself(clinic), type_name, params) if not isinstance(one, HOUSE)]
    assert all(about(one, MINE) for one in shown), [f"{type(one).__name__}/{one.id}" for one in shown]


HOUSE = (r4.Practitioner, r4.Organization)


@pytest.mark.parametrize(
    ("type_name", "params"),
    [
        # Her doctor treats the other patient too; nothing of that may be learnt by asking for it.
        ("Practitioner", {"_has:Patient:general-practitioner:_id": OTHER}),
        ("Practitioner", {"_has:Encounter:participant:patient": f"Patient/{OTHER}"}),
        ("Practitioner", {"_has:Observation:performer:patient": f"Patient/{OTHER}"}),
        ("Practitioner", {"_has:Observation:performer:patient.identifier": "NB007"}),
        ("Organization", {"_has:Patient:organization:identifier": "NB007"}),
        ("Organization", {"_has:Patient:organization:_id": OTHER}),
        ("Organization", {"_has:Encounter:service-provider:patient.identifier": "NB007"}),
    ],
)  # fmt: skip
async def test_a_patient_learns_nothing_of_another_through_a_link(
    database: Database, clinic: Ward, type_name: str, params: dict[str, Any]
) -> None:
    assert await found(database, herself(clinic), type_name, params) == []
    assert await found(database, clinic.who, type_name, params), "for the house the same question has an answer"


async def test_her_own_records_are_found_through_the_same_links(database: Database, clinic: Ward) -> None:
    mine = {"_has:Patient:general-practitioner:_id": MINE}
    assert [one.id for one in await found(database, herself(clinic), "Practitioner", mine)] == ["bs-0"]
    assert await found(database, herself(clinic), "Observation", {"patient.identifier": "NB003"})


@pytest.mark.parametrize(
    ("type_name", "params"),
    [
        ("Observation", {"patient.name": "tam"}),
        ("Observation", {"subject:Patient.name": "tam"}),
        ("Observation", {"encounter.status": "finished"}),
        ("Observation", {"patient._id": "nb-3"}),
        ("Observation", {"_has:Provenance:target:_id": "x"}),
    ],
)
async def test_a_link_to_a_type_one_may_not_search_is_refused(
    database: Database, clinic: Ward, type_name: str, params: dict[str, Any]
) -> None:
    with pytest.raises(Forbidden):
        await found(database, program(clinic, "system/Observation.rs"), type_name, params)


async def test_includes_leave_out_what_may_not_be_read_on_every_page(database: Database, clinic: Ward) -> None:
    who = program(clinic, "system/Observation.rs system/Encounter.rs")
    params = {"_include": ["Observation:patient", "Observation:encounter"], "_count": "40"}
    after: dict[str, str] = {}
    kinds: set[str] = set()
    for _page in range(4):
        page = await asked(database, who, "Observation", {**params, **after})
        kinds |= {one.type for one in page.included}
        after = {"_after": page.next or ""}
    assert kinds == {"Encounter"}


async def test_another_hospital_finds_nothing_in_any_way(database: Database, clinic: Ward, loader: Subject) -> None:
    for type_name, params in (
        ("Observation", {"patient.identifier": "NB003"}),
        ("Observation", {"patient": "nb-3"}),
        ("Patient", {"_has:Observation:patient:code": "2345-7", "identifier": "NB003"}),
        ("Patient", {"_id": "nb-3"}),
    ):
        assert await found(database, loader, type_name, params) == []


async def test_a_compartment_holds_what_belongs_to_it_and_no_more(database: Database, clinic: Ward) -> None:
    async with database.transaction(clinic.who.facility) as tx:
        answer = await find(tx, clinic.who, ["Observation"], {"_count": "1000"}, within=Within("Patient", MINE))
        own = await find(tx, herself(clinic), ["Observation"], {"_count": "1000"}, within=Within("Patient", OTHER))
    assert {one.id for one in answer.found} == {one.id for one in clinic.of("Observation") if about(one, MINE)}
    assert own.found == []


async def test_every_record_shown_leaves_its_trace(database: Database, clinic: Ward) -> None:
    reader = msgspec.structs.replace(service(Role.LOADER, clinic.who.facility), account="service:trace")
    async with database.transaction(reader.facility) as tx:
        await store.search(tx, reader, r4.Encounter, {"_id": "lk-3", "_include": "Encounter:patient"})
    async with database.transaction(reader.facility) as tx:
        rows = await tx.fetch("select action, type, patient from audit where account = 'service:trace'")
    patient = clinic.records["Encounter/lk-3"].subject.reference.removeprefix("Patient/")  # type: ignore[attr-defined]
    assert {(row["action"], row["type"], row["patient"]) for row in rows} == {
        ("search", "Encounter", None), ("read", "Encounter", patient), ("read", "Patient", patient),
    }  # fmt: skip
