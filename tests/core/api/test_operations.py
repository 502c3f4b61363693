"""Operations on records, as another hospital's software meets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import NotFound
from benhan.core.store.everything import Bounds, everything
from benhan.simulator import House
from tests.core.store.people import cccd

Program = Callable[..., Awaitable[httpx.AsyncClient]]
WEIGHT, PULSE = "29463-7", "8867-4"


async def keep(fhir: httpx.AsyncClient, type_: str, **content: Any) -> dict[str, Any]:
    made = await fhir.post(type_, json={"resourceType": type_, **content})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def person(fhir: httpx.AsyncClient, **more: Any) -> str:
    given = {"name": [{"text": f"Lò Văn Xuyến {uuid4().hex[:6]}"}], **more}
    return str((await keep(fhir, "Patient", **given))["id"])


async def measured(fhir: httpx.AsyncClient, who: str, code: str, when: str, **more: Any) -> str:
    made = await keep(
        fhir, "Observation", status="final", subject={"reference": f"Patient/{who}"}, effectiveDateTime=when,
        code={"coding": [{"system": "http://loinc.org", "code": code}]}, **more,
    )  # fmt: skip
    return str(made["id"])


def ids(bundle: httpx.Response, mode: str = "match") -> list[str]:
    assert bundle.status_code == 200, bundle.text
    return [one["resource"]["id"] for one in bundle.json().get("entry", []) if one["search"]["mode"] == mode]


async def test_everything_of_a_patient_comes_with_what_it_points_at_and_nothing_of_others(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine, other = await person(fhir), await person(fhir)
    doctor = (await keep(fhir, "Practitioner", name=[{"text": "Hoàng Thị Khám"}]))["id"]
    pulse = await measured(fhir, mine, PULSE, "2026-03-01", performer=[{"reference": f"Practitioner/{doctor}"}])
    await measured(fhir, other, PULSE, "2026-03-01")
    found = await fhir.get(f"Patient/{mine}/$everything")
    assert sorted(ids(found)) == sorted([mine, pulse])
    assert ids(found, "include") == [doctor]
    assert all("/fhir/" in one["fullUrl"] for one in found.json()["entry"])


async def test_everything_comes_in_pages_without_repeating_or_missing_one(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    expected = [mine, *[await measured(fhir, mine, PULSE, f"2026-03-{day:02d}") for day in range(1, 8)]]
    seen, address = [], f"Patient/{mine}/$everything?_count=3"
    while address:
        page = await fhir.get(address)
        seen += ids(page)
        following = [one["url"] for one in page.json()["link"] if one["relation"] == "next"]
        address = following[0].partition("/fhir/")[2] if following else ""
    assert seen == expected


async def test_everything_within_dates_of_care_keeps_what_has_no_date(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    await measured(fhir, mine, PULSE, "2026-02-28")
    march = await measured(fhir, mine, PULSE, "2026-03-31")
    found = await fhir.get(f"Patient/{mine}/$everything?start=2026-03-01&end=2026-03-31")
    assert sorted(ids(found)) == sorted([mine, march])
    only = await fhir.get(f"Patient/{mine}/$everything?_type=Observation&start=2026-03-01")
    assert ids(only) == [march]


async def test_everything_since_a_moment(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    written = await keep(fhir, "Flag", status="active", code={"text": "x"}, subject={"reference": f"Patient/{mine}"})
    found = await fhir.get(f"Patient/{mine}/$everything", params={"_since": written["meta"]["lastUpdated"]})
    assert ids(found) == [written["id"]]


async def test_everything_of_all_patients_begins_with_the_oldest(program: Program) -> None:
    fhir = await program("system/*.cruds")
    await person(fhir)
    found = await fhir.get("Patient/$everything?_type=Patient&_count=2")
    assert len(ids(found)) == 2
    assert any(one["relation"] == "next" for one in found.json()["link"])


async def test_everything_of_a_visit(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    visit = (
        await keep(
            fhir, "Encounter", status="in-progress", subject={"reference": f"Patient/{mine}"},
            **{"class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}},
        )
    )["id"]  # fmt: skip
    inside = await measured(fhir, mine, PULSE, "2026-03-01", encounter={"reference": f"Encounter/{visit}"})
    await measured(fhir, mine, PULSE, "2026-03-01")
    assert sorted(ids(await fhir.get(f"Encounter/{visit}/$everything"))) == sorted([visit, inside])


async def test_everything_shows_only_types_the_caller_may_read(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    await measured(fhir, mine, PULSE, "2026-03-01")
    narrow = await program("system/Patient.rs")
    assert ids(await narrow.get(f"Patient/{mine}/$everything")) == [mine]
    assert (await narrow.get(f"Patient/{mine}/$everything?_type=Observation")).status_code == 403
    assert (await (await program("system/Observation.rs")).get(f"Patient/{mine}/$everything")).status_code == 403


async def test_a_patient_gets_everything_of_herself_and_nothing_of_another(
    database: Database, hospital: House, loader: Subject
) -> None:
    async with database.transaction(hospital.key) as tx:
        mine, other = [await store.create(tx, loader, r4.Patient(name=[r4.HumanName(text="Lò Thị Bản")])) for _ in "ab"]
        await store.create(
            tx, loader,
            r4.Observation(
                status="final", code=r4.CodeableConcept(text="x"), subject=store.reference(other),
                performer=[store.reference(mine)],
            ),
        )  # fmt: skip
        herself = Subject(
            account=f"patient:{mine.id}", name="", facility=hospital.key, facility_name="", patient=mine.id,
            roles=frozenset({Role.PATIENT}),
        )  # fmt: skip
        page = await everything(tx, herself, "Patient", mine.id, Bounds())
        assert [one.id for one in page.resources] == [mine.id]
        assert [one.id for one in (await everything(tx, herself, "Patient", None, Bounds())).resources] == [mine.id]
        with pytest.raises(NotFound):
            await everything(tx, herself, "Patient", other.id, Bounds())


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "Patient/$everything"), ("GET", "Patient/x/$everything"), ("POST", "Patient/$match"),
        ("GET", "Encounter/x/$everything"), ("GET", "Composition/x/$document"), ("GET", "Observation/$lastn"),
        ("GET", "Patient/x/$meta"), ("POST", "Patient/x/$meta-add"), ("POST", "Patient/x/$meta-delete"),
    ],
)  # fmt: skip
async def test_nobody_signed_in_is_asked_to(client: Callable[..., Any], method: str, address: str) -> None:
    nobody = await client(None)
    assert (await nobody.request(method, f"/fhir/{address}")).status_code == 401


async def test_another_hospital_sees_nothing_of_ours(program: Program, other_hospital: House) -> None:
    fhir, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    number = cccd()
    mine = await person(fhir, identifier=[{"system": systems.CCCD, "value": number}])
    assert (await theirs.get(f"Patient/{mine}/$everything")).status_code == 404
    assert (await theirs.get(f"Patient/{mine}/$meta")).status_code == 404
    assert await matches(theirs, identifier=[{"system": systems.CCCD, "value": number}]) == []


async def matches(
    fhir: httpx.AsyncClient, *, more: dict[str, Any] | None = None, **given: Any
) -> list[tuple[str, str]]:
    """Id and grade of each match, the likeliest first."""
    parameters = [{"name": "resource", "resource": {"resourceType": "Patient", **given}}]
    parameters += [{"name": name, **value} for name, value in (more or {}).items()]
    answer = await fhir.post("Patient/$match", json={"resourceType": "Parameters", "parameter": parameters})
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    assert all(0 < one["search"]["score"] <= 1 for one in entries)
    return [(one["resource"]["id"], one["search"]["extension"][0]["valueCode"]) for one in entries]


async def test_match_grades_by_number_name_birth_and_telephone(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number, name, phone = (
        cccd(),
        f"Giàng Thị {uuid4().hex[:6].translate(str.maketrans('0123456789', 'ghijklmnop'))}",
        "0900123457",
    )
    known = await person(
        fhir, identifier=[{"system": systems.CCCD, "value": number}], name=[{"text": name}], birthDate="1985-02-11",
        telecom=[{"system": "phone", "value": phone}],
    )  # fmt: skip
    turned = " ".join(reversed(name.split()))
    assert await matches(fhir, identifier=[{"system": systems.CCCD, "value": number}]) == [(known, "certain")]
    assert (known, "probable") in await matches(fhir, name=[{"text": turned}], birthDate="1985-02-11")
    assert (known, "possible") in await matches(fhir, name=[{"text": name}], birthDate="1985-11-02")
    assert await matches(fhir, name=[{"text": f"{name}x zz"}], birthDate="1971-01-01") == []


async def test_match_asked_for_certainty_gives_one_or_none(program: Program) -> None:
    fhir = await program("system/*.cruds")
    name = f"Vàng Seo {uuid4().hex[:6].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    for _ in range(2):
        await person(fhir, name=[{"text": name}], birthDate="1990-05-06")
    assert len(await matches(fhir, name=[{"text": name}], birthDate="1990-05-06")) == 2
    certain = {"onlyCertainMatches": {"valueBoolean": True}}
    assert await matches(fhir, name=[{"text": name}], birthDate="1990-05-06", more=certain) == []
    assert (
        len(await matches(fhir, name=[{"text": name}], birthDate="1990-05-06", more={"count": {"valueInteger": 1}}))
        == 1
    )


async def test_match_needs_the_right_to_search_and_something_to_match(program: Program) -> None:
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": {"resourceType": "Patient", "gender": "male"}}],
    }
    fhir = await program("system/*.cruds")
    assert (await fhir.post("Patient/$match", json=body)).status_code == 422
    body["parameter"][0]["resource"]["name"] = [{"text": "Giàng A Páo"}]  # type: ignore[index]
    assert (await (await program("system/Patient.r")).post("Patient/$match", json=body)).status_code == 403


async def test_a_document_brings_everything_the_paper_speaks_of(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    house = (await keep(fhir, "Organization", name="Khoa Khám"))["id"]
    doctor = (await keep(fhir, "PractitionerRole", organization={"reference": f"Organization/{house}"}))["id"]
    pulse = await measured(fhir, mine, PULSE, "2026-03-01")
    paper = await keep(
        fhir, "Composition", status="final", type={"text": "Bệnh án"}, date="2026-03-01", title="Bệnh án",
        subject={"reference": f"Patient/{mine}"}, author=[{"reference": f"PractitionerRole/{doctor}"}],
        section=[{"title": "Sinh hiệu", "entry": [{"reference": f"Observation/{pulse}"}]}],
    )  # fmt: skip
    made = (await fhir.get(f"Composition/{paper['id']}/$document")).json()
    assert (made["type"], made["identifier"]["system"]) == ("document", "urn:ietf:rfc:3986")
    assert next(one["resource"]["id"] for one in made["entry"]) == paper["id"]
    assert {one["resource"]["id"] for one in made["entry"]} == {paper["id"], mine, doctor, pulse, house}
    assert (await fhir.get(f"Composition/{paper['id']}/$document?persist=true")).status_code == 400
    kept = (await fhir.post(f"Composition/{paper['id']}/$document?persist=true")).json()
    assert (await fhir.get(f"Bundle/{kept['id']}")).json()["entry"][0]["resource"]["id"] == paper["id"]
    narrow = await program("system/Composition.r system/Patient.r")
    assert (await narrow.get(f"Composition/{paper['id']}/$document")).status_code == 403


async def test_lastn_gives_the_newest_of_each_code(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    pulses = [await measured(fhir, mine, PULSE, f"2026-03-{day:02d}") for day in (1, 2, 3)]
    weight = await measured(fhir, mine, WEIGHT, "2025-01-01")
    assert ids(await fhir.get(f"Observation/$lastn?patient={mine}")) == [pulses[2], weight]
    assert ids(await fhir.get(f"Observation/$lastn?patient={mine}&max=2")) == [pulses[2], pulses[1], weight]
    assert ids(await fhir.get(f"Observation/$lastn?patient={mine}&code=http://loinc.org|{WEIGHT}")) == [weight]
    assert (await fhir.get("Observation/$lastn?max=2")).status_code == 400
    assert (await fhir.get(f"Observation/$lastn?patient={mine}&max=0")).status_code == 400


async def test_labels_are_added_once_and_taken_away_each_in_a_version_of_its_own(program: Program) -> None:
    fhir = await program("system/*.cruds")
    mine = await person(fhir)
    tag = {"system": "urn:tags", "code": "theo-doi"}

    def labels(name: str) -> dict[str, Any]:
        return {"resourceType": "Parameters", "parameter": [{"name": name, "valueMeta": {"tag": [tag]}}]}

    for _ in range(2):
        added = (await fhir.post(f"Patient/{mine}/$meta-add", json=labels("meta"))).json()["parameter"][0]["valueMeta"]
        assert (added["tag"], added["versionId"]) == ([tag], "2")
    assert (await fhir.get(f"Patient/{mine}")).json()["meta"]["tag"] == [tag]
    gone = (await fhir.post(f"Patient/{mine}/$meta-delete", json=labels("meta"))).json()["parameter"][0]["valueMeta"]
    assert ("tag" in gone, gone["versionId"]) == (False, "3")
    assert (await fhir.get(f"Patient/{mine}/$meta")).json()["parameter"][0]["valueMeta"]["versionId"] == "3"
    stale = await fhir.post(f"Patient/{mine}/$meta-add", json=labels("meta"), headers={"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    assert (await fhir.post(f"Patient/{mine}/$meta-add", json=labels("x"))).status_code == 400
    reader = await program("system/Patient.r")
    assert (await reader.post(f"Patient/{mine}/$meta-add", json=labels("meta"))).status_code == 403


async def test_operations_stand_in_the_capability_statement(program: Program) -> None:
    said = (await (await program("system/*.r")).get("metadata")).json()["rest"][0]["resource"]
    named = {one["type"]: {op["name"] for op in one.get("operation", [])} for one in said}
    assert {"everything", "match", "meta"} <= named["Patient"]
    assert "lastn" in named["Observation"]


async def test_an_address_with_a_slash_at_its_end_is_the_same_address(program: Program) -> None:
    fhir = await program("system/*.cruds")
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Patient/x"}}]}
    assert (await fhir.post("http://test/fhir/", json=batch)).status_code == 200
    assert (await fhir.get("Patient/?_count=1")).status_code == 200
