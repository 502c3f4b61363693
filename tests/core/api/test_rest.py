"""FHIR over HTTP, as another hospital's software meets it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from benhan.core.fhir import systems
from benhan.simulator import House
from tests.core.api.conftest import Program
from tests.core.store.people import cccd

Client = Callable[..., Awaitable[httpx.AsyncClient]]


def patient(number: str | None = None, **more: Any) -> dict[str, Any]:
    who: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": "Nguyễn Thị Máy"}], "gender": "female", **more}
    if number:
        who["identifier"] = [{"system": systems.CCCD, "value": number}]
    return who


async def test_a_record_is_created_read_changed_and_deleted(program: Program) -> None:
    fhir = await program("system/*.cruds")
    made = await fhir.post("Patient", json=patient(cccd()))
    assert made.status_code == 201
    assert made.headers["ETag"] == 'W/"1"'
    id_ = made.json()["id"]
    assert made.headers["Location"].endswith(f"/fhir/Patient/{id_}/_history/1")
    found = await fhir.get(f"Patient/{id_}")
    assert found.json() == made.json()
    assert (await fhir.get(f"Patient/{id_}", headers={"If-None-Match": 'W/"1"'})).status_code == 304
    changed = await fhir.put(f"Patient/{id_}", json=patient(id=id_, gender="male"), headers={"If-Match": 'W/"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    stale = await fhir.put(f"Patient/{id_}", json=patient(id=id_), headers={"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    assert (await fhir.get(f"Patient/{id_}/_history/1")).json()["gender"] == "female"
    assert (await fhir.delete(f"Patient/{id_}")).status_code == 204
    assert (await fhir.get(f"Patient/{id_}")).status_code == 410
    states = (await fhir.get(f"Patient/{id_}/_history")).json()
    assert [entry["request"]["method"] for entry in states["entry"]] == ["DELETE", "PUT", "POST"]


async def test_prefer_minimal_sends_no_body(program: Program) -> None:
    fhir = await program("system/*.cruds")
    made = await fhir.post("Patient", json=patient(), headers={"Prefer": "return=minimal"})
    assert (made.status_code, made.content) == (201, b"")


async def test_decimals_keep_their_digits(program: Program) -> None:
    fhir = await program("system/*.cruds")
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    made = await fhir.post("Observation", content=body)
    assert b'"value":1.10' in made.content
    assert b'"value":1.10' in (await fhir.get(f"Observation/{made.json()['id']}")).content


async def test_if_none_exist_gives_the_record_that_is_there(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = cccd()
    condition = {"If-None-Exist": f"identifier={systems.CCCD}|{number}"}
    first = await fhir.post("Patient", json=patient(number), headers=condition)
    second = await fhir.post("Patient", json=patient(number), headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


async def test_conditional_update_creates_then_updates(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = cccd()
    for status in (201, 200):
        answer = await fhir.put("Patient", params={"identifier": number}, json=patient(number))
        assert answer.status_code == status


async def test_search_answers_a_bundle_whose_next_page_can_be_followed(program: Program) -> None:
    fhir = await program("system/*.cruds")
    name = "Trangbundle"
    for _ in range(3):
        await fhir.post("Patient", json=patient(name=[{"text": f"Lê {name}"}]))
    page = (await fhir.get("Patient", params={"name": name, "_count": "2", "_total": "accurate"})).json()
    assert (page["type"], page["total"], len(page["entry"])) == ("searchset", 3, 2)
    next_ = next(link["url"] for link in page["link"] if link["relation"] == "next")
    rest = (await fhir.get(next_.partition("/fhir/")[2])).json()
    assert len(rest["entry"]) == 1
    posted = await fhir.post(
        "Patient/_search", content=f"name={name}", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert len(posted.json()["entry"]) == 3


async def test_a_transaction_happens_whole_with_its_references_joined(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = cccd()
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:2",
                "resource": {
                    "resourceType": "Encounter", "status": "arrived", "class": {"code": "AMB"},
                    "subject": {"reference": "urn:uuid:1"},
                },
                "request": {"method": "POST", "url": "Encounter"},
            },
            {
                "fullUrl": "urn:uuid:1",
                "resource": patient(number),
                "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={number}"},
            },
        ],
    }  # fmt: skip
    answer = await fhir.post("http://test/fhir", json=bundle)
    assert answer.status_code == 200, answer.text
    visit, person = (entry["resource"] for entry in answer.json()["entry"])
    assert visit["subject"]["reference"] == f"Patient/{person['id']}"
    again = (await fhir.post("http://test/fhir", json=bundle)).json()
    assert again["entry"][1]["response"]["status"] == "200"
    assert again["entry"][0]["resource"]["subject"]["reference"] == f"Patient/{person['id']}"


async def test_a_transaction_with_one_bad_entry_keeps_nothing_and_names_it(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = cccd()
    entries = [
        {"resource": patient(number), "request": {"method": "POST", "url": "Patient"}},
        {"resource": patient(gender="nam"), "request": {"method": "POST", "url": "Patient"}},
    ]
    answer = await fhir.post(
        "http://test/fhir", json={"resourceType": "Bundle", "type": "transaction", "entry": entries}
    )
    assert answer.status_code == 422
    assert "Patient.gender" in json.dumps(answer.json())
    assert "entry" not in (await fhir.get("Patient", params={"identifier": number})).json()
    batch = await fhir.post("http://test/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": entries})
    assert [entry["response"]["status"] for entry in batch.json()["entry"]] == ["201", "422"]


async def test_the_capability_statement_is_public_and_says_what_is_true(client: Client) -> None:
    anybody = await client(None)
    statement = (await anybody.get("/fhir/metadata")).json()
    patient_ = next(r for r in statement["rest"][0]["resource"] if r["type"] == "Patient")
    assert {"name", "identifier", "birthdate"} <= {p["name"] for p in patient_["searchParam"]}


async def test_nobody_signed_in_gets_nothing(client: Client) -> None:
    anybody = await client(None)
    for path in ("/fhir/Patient", "/fhir/Patient/x", "/fhir/Patient/x/_history"):
        answer = await anybody.get(path)
        assert answer.status_code == 401
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await anybody.get("/fhir/Patient", headers={"Authorization": "Bearer not-a-token"})).status_code == 401


async def test_a_program_of_another_hospital_finds_nothing(program: Program, other_hospital: House) -> None:
    ours, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    made = (await ours.post("Patient", json=patient(number := cccd()))).json()
    assert (await theirs.get(f"Patient/{made['id']}")).status_code == 404
    assert "entry" not in (await theirs.get("Patient", params={"identifier": number})).json()


async def test_a_program_does_only_what_its_scopes_say(program: Program) -> None:
    reader = await program("system/Patient.rs")
    assert (await reader.get("Patient", params={"_count": "1"})).status_code == 200
    assert (await reader.post("Patient", json=patient())).status_code == 403
    assert (await reader.get("Observation")).status_code == 403


async def test_a_doctors_session_is_no_key_to_the_machine_door(client: Client) -> None:
    doctor = await client("doctor")
    assert (await doctor.get("/fhir/Patient")).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("POST", "Patient", b"{", 400),
        ("POST", "Patient", b'{"resourceType":"Observation"}', 400),
        ("POST", "Patient", b'{"resourceType":"Patient","gender":"nam"}', 422),
        ("POST", "Patient", b'{"resourceType":"Patient","birthDate":"2026-02-30"}', 422),
        ("POST", "Patient", b'{"resourceType":"Patient","la":1}', 400),
        ("POST", "Khongco", b"{}", 404),
        ("PUT", "Patient/a", b'{"resourceType":"Patient","id":"b"}', 400),
        ("PUT", "Patient", b'{"resourceType":"Patient"}', 400),
        ("GET", "Patient?birthdate=khong", None, 400),
        ("GET", "Patient/khong-co", None, 404),
        ("POST", "Patient/_search", b"x", 400),
    ],
)
async def test_bad_input_is_refused_with_a_reason(
    program: Program, method: str, path: str, content: bytes | None, status: int
) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.request(method, path, content=content)
    assert answer.status_code == status, answer.text
    assert answer.json()["issue"][0]["details"]["text"]
