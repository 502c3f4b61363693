"""`$validate` and profiles, as another hospital's software meets them."""

from __future__ import annotations

import json
from typing import Any

import httpx

from benhan.core.store import conformance
from benhan.simulator import House
from tests.core.api.conftest import Program
from tests.core.api.test_rest import Client, patient

VN = "http://fhir.ehealth.gov.vn/core/StructureDefinition"
SID = "http://fhir.ehealth.gov.vn/core/sid"
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def told(answer: httpx.Response) -> list[tuple[str, str, str]]:
    """(severity, code, element) of every issue."""
    assert answer.status_code == 200, answer.text
    issues = answer.json()["issue"]
    return [(one["severity"], one["code"], (one.get("expression") or [""])[0]) for one in issues]


def errors(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(code, where) for severity, code, where in told(answer) if severity == "error"]


async def test_nobody_is_answered_without_signing_in_and_scopes_hold(client: Client, program: Program) -> None:
    stranger = await client(None)
    assert (await stranger.post("/fhir/Patient/$validate", json=patient())).status_code == 401
    narrow = await program("system/Observation.r")
    assert (await narrow.post("Patient/$validate", json=patient())).status_code == 403


async def test_a_record_of_another_hospital_is_not_there_to_be_validated(
    program: Program, other_hospital: House
) -> None:
    ours = await program("system/*.cruds")
    id_ = (await ours.post("Patient", json=patient())).json()["id"]
    theirs = await program("system/*.cruds", other_hospital)
    assert (await theirs.get(f"Patient/{id_}/$validate")).status_code == 404
    assert told(await ours.get(f"Patient/{id_}/$validate"))


async def test_errors_are_told_with_their_element_and_nothing_is_kept(program: Program) -> None:
    fhir = await program("system/*.cruds")
    wrong = {**OBSERVATION, "valueString": "5", "dataAbsentReason": {"text": "x"}, "subject": {"reference": "#q"}}
    answer = await fhir.post("Observation/$validate", json=wrong)
    assert errors(answer) == [("invariant", "Observation.subject"), ("invariant", "Observation")]
    fine = await fhir.post("Observation/$validate", json={**OBSERVATION, "valueString": "5"})
    assert told(fine) == [("warning", "invariant", "Observation")]  # dom-6: a narrative is recommended


async def test_what_cannot_be_read_is_told_with_its_line(program: Program) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.post("Patient/$validate", content=b'{"resourceType":"Patient",\n "gender": male}')
    assert answer.json()["issue"][0]["location"] == ["line 2, column 12"]
    wrapped = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient(colour="x")}]}
    assert errors(await fhir.post("Patient/$validate", json=wrapped)) == [("structure", "Patient.colour")]
    assert errors(await fhir.post("Patient/$validate", json=OBSERVATION)) == [("structure", "Observation")]


async def test_the_mode_asks_whether_it_may_be_done(program: Program) -> None:
    reader = await program("system/Patient.r")
    answer = await reader.post("Patient/$validate?mode=create", json=patient())
    assert ("forbidden", "Patient") in errors(answer)
    fhir = await program("system/*.cruds")
    assert errors(await fhir.post("Patient/$validate?mode=update", json=patient())) == [("required", "Patient.id")]
    id_ = (await fhir.post("Patient", json=patient())).json()["id"]
    deleting = {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueCode": "delete"}]}
    assert errors(await fhir.post(f"Patient/{id_}/$validate", json=deleting)) == []
    assert (await fhir.post("Patient/$validate?mode=burn", json=patient())).status_code == 400


async def test_a_profile_is_asked_for_by_its_address(program: Program) -> None:
    fhir = await program("system/*.cruds")
    nameless = {"resourceType": "Patient", "name": [{"family": "Nguyễn"}]}
    answer = await fhir.post(f"Patient/$validate?profile={VN}/vn-core-patient", json=nameless)
    assert errors(answer) == [("required", "Patient.name[0].text")]
    unknown = await fhir.post("Patient/$validate?profile=http://x.example/p", json=patient())
    assert ("information", "not-found", "meta.profile") in told(unknown)


async def test_a_claimed_profile_holds_at_the_door(program: Program) -> None:
    fhir = await program("system/*.cruds")
    claim = {"profile": [f"{VN}/vn-core-patient"]}
    refused = await fhir.post("Patient", json={"resourceType": "Patient", "meta": claim, "name": [{"family": "An"}]})
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"] == ["Patient.name[0].text"]
    assert (await fhir.post("Patient", json=patient(meta=claim))).status_code == 201


async def test_a_facility_demands_a_profile_of_its_own_while_it_runs(program: Program, other_hospital: House) -> None:
    fhir = await program("system/*.cruds", other_hospital)
    url = "http://benvienkhac.example/StructureDefinition/co-gioi-tinh"
    definition = {
        "resourceType": "StructureDefinition", "url": url, "name": "CoGioiTinh", "status": "active", "kind": "resource",
        "abstract": False, "type": "Basic", "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Basic",
        "derivation": "constraint",
        "differential": {"element": [{"id": "Basic.author", "path": "Basic.author", "min": 1}]},
    }  # fmt: skip
    demand = {
        "resourceType": "CapabilityStatement", "status": "active", "date": "2026-11-22", "kind": "requirements",
        "fhirVersion": "4.0.1", "format": ["json"], "description": "Điều cơ sở này đòi hỏi",
        "rest": [{"mode": "server", "resource": [{"type": "Basic", "profile": url}]}],
    }  # fmt: skip
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    assert (await fhir.post("Basic", json=basic)).status_code == 201
    assert (await fhir.post("StructureDefinition", json=definition)).status_code == 201
    made = await fhir.post("CapabilityStatement", json=demand)
    assert made.status_code == 201
    refused = await fhir.post("Basic", json=basic)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["Basic.author"])
    elsewhere = await program("system/*.cruds")
    assert (await elsewhere.post("Basic", json=basic)).status_code == 201
    assert (await fhir.delete(f"CapabilityStatement/{made.json()['id']}")).status_code == 204


async def test_an_unknown_modifier_is_refused_and_other_extensions_as_the_operator_says(program: Program) -> None:
    fhir = await program("system/*.cruds")
    strange = {"url": "http://la.example/ext", "valueBoolean": True}
    refused = await fhir.post("Observation", json={**OBSERVATION, "modifierExtension": [strange]})
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (
        422,
        ["Observation.modifierExtension[0]"],
    )
    body = json.dumps({**OBSERVATION, "extension": [strange]})
    assert (await fhir.post("Observation", content=body)).status_code == 201
    assert ("warning", "extension", "Observation.extension[0]") in told(
        await fhir.post("Observation/$validate", content=body)
    )
    conformance.unknown_extensions("error")
    try:
        assert (await fhir.post("Observation", content=body)).status_code == 422
    finally:
        conformance.unknown_extensions("ignore")
