"""One record over HTTP: conditions, patches, preferences, history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from benhan.core.db import Database
from benhan.core.kit.clock import day_of
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
SYSTEM = "urn:interactions"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


def person(number: str | None = None, **more: Any) -> dict[str, Any]:
    identifier = [{"system": SYSTEM, "value": number or uuid4().hex}]
    return {"resourceType": "Patient", "identifier": identifier, "name": [{"text": "Giang Thị Thử"}], **more}


def weight(value: str = "1.10") -> bytes:
    return (
        b'{"resourceType":"Observation","status":"final","code":{"text":"w"},"valueQuantity":{"value":%s,"unit":"kg"}}'
        % value.encode()
    )


async def made(fhir: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await fhir.post("Patient", json=person(**more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


# ── conditions ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_of_many_who_create_under_one_condition_at_once_one_does(program: Program, database: Database) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    condition = {"If-None-Exist": f"identifier={SYSTEM}|{number}"}
    answers = await asyncio.gather(
        *(fhir.post("Patient", json=person(number, gender="male"), headers=condition) for _ in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = (await fhir.get("Patient", params={"identifier": number, "_total": "accurate"})).json()
    assert found["total"] == 1


async def test_what_was_created_under_a_condition_is_not_created_again_even_where_it_does_not_meet_it(
    program: Program,
) -> None:
    fhir = await program("system/*.cruds")
    condition = {"If-None-Exist": f"identifier={uuid4().hex}"}
    first = await fhir.post("Patient", json=person(), headers=condition)
    second = await fhir.post("Patient", json=person(), headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


async def test_a_condition_belongs_to_one_hospital(program: Program, other_hospital: House) -> None:
    number = uuid4().hex
    condition = {"If-None-Exist": f"identifier={number}"}
    for house in (None, other_hospital):
        fhir = await program("system/*.cruds", at=house)
        assert (await fhir.post("Patient", json=person(number), headers=condition)).status_code == 201


async def test_a_condition_that_several_meet_changes_none(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    for _ in range(2):
        await made(fhir, number=number)
    where = f"Patient?identifier={number}"
    headers = {"If-None-Exist": f"identifier={number}"}
    for answer in (
        await fhir.post("Patient", json=person(number), headers=headers),
        await fhir.put(where, json=person(number)),
        await fhir.patch(where, json=[{"op": "add", "path": "/gender", "value": "male"}], headers=JSON_PATCH),
        await fhir.delete(where),
        await fhir.delete(f"{where}&_count=1"),
    ):
        assert answer.status_code == 412, answer.text
        assert answer.json()["issue"][0]["code"] == "multiple-matches"
    assert len((await fhir.get(where)).json()["entry"]) == 2


async def test_several_are_deleted_where_the_caller_says_how_many(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    for _ in range(3):
        await made(fhir, number=number)
    assert (await fhir.delete(f"Patient?identifier={number}&_count=5")).status_code == 200
    assert "entry" not in (await fhir.get(f"Patient?identifier={number}")).json()


@pytest.mark.parametrize("where", ["Patient", "Patient?_count=5", "Patient?khong-co=1", "Patient?identifier="])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_no_condition_or_an_unknown_one_is_not_all_records(program: Program, method: str, where: str) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir)
    patch = method == "PATCH"
    body = [{"op": "remove", "path": "/name"}] if patch else person()
    headers = JSON_PATCH if patch else {}
    answer = await fhir.request(method, where, json=None if method == "DELETE" else body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert (await fhir.get(f"Patient/{kept['id']}")).json() == kept


async def test_a_record_that_did_not_change_is_not_sent_again(program: Program) -> None:
    fhir = await program("system/*.cruds")
    place = f"Patient/{(await made(fhir))['id']}"
    first = await fhir.get(place)
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-None-Match": 'W/"7", "1"'},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        again = await fhir.get(place, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    assert (await fhir.get(place, headers={"If-None-Match": 'W/"2"'})).status_code == 200
    old = {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}
    assert (await fhir.get(place, headers=old)).status_code == 200


async def test_part_of_a_record_is_read_and_says_that_it_is_a_part(program: Program) -> None:
    fhir = await program("system/*.cruds")
    place = f"Patient/{(await made(fhir, gender='male', contact=[{'name': {'text': 'Mẹ'}}]))['id']}"
    short = (await fhir.get(place, params={"_elements": "gender"})).json()
    assert short.keys() == {"resourceType", "id", "meta", "gender"}
    assert short["meta"]["tag"][0]["code"] == "SUBSETTED"
    summary = await fhir.get(f"{place}/_history/1", params={"_summary": "true"})
    assert "name" in summary.json()
    assert "contact" not in summary.json()
    assert (await fhir.get(place, params={"_summary": "count"})).status_code == 400
    as_xml = await fhir.get(place, params={"_elements": "gender", "_format": "xml"})
    assert b'<gender value="male"/>' in as_xml.content


async def test_put_makes_a_record_only_where_there_is_none_yet(program: Program) -> None:
    fhir = await program("system/*.cruds")
    id_ = str(uuid4())
    first = await fhir.put(f"Patient/{id_}", json=person(id=id_), headers={"If-None-Match": "*"})
    second = await fhir.put(f"Patient/{id_}", json=person(id=id_), headers={"If-None-Match": "*"})
    assert (first.status_code, second.status_code) == (201, 412)


async def test_a_put_that_changes_nothing_makes_no_version(program: Program) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir)
    again = await fhir.put(f"Patient/{kept['id']}", json=kept)
    assert (again.status_code, again.headers["ETag"]) == (200, 'W/"1"')
    assert again.json() == kept


async def test_deleting_what_is_not_there_is_no_error(program: Program) -> None:
    fhir = await program("system/*.cruds")
    assert (await fhir.delete(f"Patient/{uuid4()}")).status_code == 204
    assert (await fhir.delete("Khongco/1")).status_code == 404


# ── patches ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_json_patch_leaves_the_digits_it_does_not_touch(program: Program) -> None:
    fhir = await program("system/*.cruds")
    id_ = (await fhir.post("Observation", content=weight())).json()["id"]
    operations = b'[{"op":"test","path":"/valueQuantity/value","value":1.1},' \
        b'{"op":"add","path":"/referenceRange","value":[{"low":{"value":0.50}}]}]'  # fmt: skip
    answer = await fhir.patch(f"Observation/{id_}", content=operations, headers=JSON_PATCH)
    assert answer.status_code == 200, answer.text
    assert b'"value":1.10' in answer.content
    assert b'"value":0.50' in answer.content
    assert answer.headers["ETag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("operations", "status"),
    [
        ([{"op": "test", "path": "/gender", "value": "female"}], 409),
        ([{"op": "remove", "path": "/birthDate"}], 422),
        ([{"op": "add", "path": "/name/9", "value": {"text": "x"}}], 422),
        ([{"op": "add", "path": "/gender", "value": "nam"}], 422),
        ([{"op": "add", "path": "/id", "value": "khac"}], 422),
        ([{"op": "replace", "path": "", "value": {"resourceType": "Group"}}], 422),
        ([{"op": "add", "path": "gender", "value": "male"}], 400),
        ([{"op": "bay", "path": "/gender"}], 400),
        ([{"op": "move", "from": "/name", "path": "/name/0/text"}], 400),
        ({"op": "remove", "path": "/gender"}, 400),
        ([{"op": "copy", "from": "", "path": f"/x{n}"} for n in range(40)], 400),
        ([], 400),
    ],
)
async def test_a_patch_that_cannot_be_is_refused_and_changes_nothing(
    program: Program, operations: Any, status: int
) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir, gender="male")
    answer = await fhir.patch(f"Patient/{kept['id']}", json=operations, headers=JSON_PATCH)
    assert answer.status_code == status, answer.text
    assert (await fhir.get(f"Patient/{kept['id']}")).json() == kept


def path_patch(*operations: dict[str, Any]) -> dict[str, Any]:
    def part(name: str, value: Any) -> dict[str, Any]:
        if isinstance(value, dict):
            return {"name": name, **value}
        kind = "valueInteger" if isinstance(value, int) else "valueCode" if name == "type" else "valueString"
        return {"name": name, kind: value}

    parameters = [{"name": "operation", "part": [part(*item) for item in one.items()]} for one in operations]
    return {"resourceType": "Parameters", "parameter": parameters}


async def test_a_fhirpath_patch_adds_inserts_replaces_moves_and_deletes(program: Program) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir, gender="male", name=[{"given": ["B", "C"]}], birthDate="1980-01-01")
    contact = {"part": [{"name": "gender", "valueCode": "female"}, {"name": "name", "valueHumanName": {"text": "Mẹ"}}]}
    patch = path_patch(
        {"type": "add", "path": "Patient", "name": "deceased", "value": {"valueBoolean": False}},
        {"type": "add", "path": "Patient", "name": "contact", "value": contact},
        {"type": "insert", "path": "Patient.name[0].given", "index": 0, "value": {"valueString": "A"}},
        {"type": "move", "path": "Patient.name[0].given", "source": 2, "destination": 0},
        {"type": "replace", "path": "Patient.gender", "value": {"valueCode": "other"}},
        {"type": "delete", "path": "Patient.birthDate"},
        {"type": "delete", "path": "Patient.maritalStatus"},
    )
    answer = await fhir.patch(f"Patient/{kept['id']}", json=patch)
    assert answer.status_code == 200, answer.text
    now = answer.json()
    assert now["deceasedBoolean"] is False
    assert now["contact"] == [{"gender": "female", "name": {"text": "Mẹ"}}]
    assert now["name"][0]["given"] == ["C", "A", "B"]
    assert now["gender"] == "other"
    assert "birthDate" not in now


@pytest.mark.parametrize(
    ("operation", "status"),
    [
        ({"type": "add", "path": "Patient", "name": "gender", "value": {"valueCode": "male"}}, 422),
        ({"type": "add", "path": "Patient", "name": "la", "value": {"valueCode": "male"}}, 422),
        ({"type": "add", "path": "Patient.name", "name": "text", "value": {"valueInteger": 3}}, 422),
        ({"type": "replace", "path": "Patient.birthDate", "value": {"valueDate": "2000-01-01"}}, 422),
        ({"type": "insert", "path": "Patient.name", "index": 9, "value": {"valueHumanName": {"text": "x"}}}, 422),
        ({"type": "add", "path": "Patient.(", "name": "gender", "value": {"valueCode": "male"}}, 400),
        ({"type": "add", "path": "Patient"}, 400),
        ({"type": "quay", "path": "Patient"}, 400),
    ],
)
async def test_a_fhirpath_patch_that_cannot_be_is_refused(
    program: Program, operation: dict[str, Any], status: int
) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir, gender="male")
    answer = await fhir.patch(f"Patient/{kept['id']}", json=path_patch(operation))
    assert answer.status_code == status, answer.text
    assert (await fhir.get(f"Patient/{kept['id']}")).json() == kept


async def test_a_patch_on_an_old_version_is_refused(program: Program) -> None:
    fhir = await program("system/*.cruds")
    place = f"Patient/{(await made(fhir))['id']}"
    operations = [{"op": "add", "path": "/active", "value": True}]
    headers = {**JSON_PATCH, "If-Match": 'W/"1"'}
    assert (await fhir.patch(place, json=operations, headers=headers)).status_code == 200
    assert (await fhir.patch(place, json=operations, headers=headers)).status_code == 412
    assert (await fhir.patch("Patient/khong-co", json=operations, headers=JSON_PATCH)).status_code == 404


async def test_a_patch_asks_to_read_and_to_update(program: Program) -> None:
    place = f"Patient/{(await made(await program('system/*.cruds')))['id']}"
    operations = [{"op": "add", "path": "/active", "value": True}]
    for scope in ("system/Patient.u", "system/Patient.r"):
        fhir = await program(scope)
        assert (await fhir.patch(place, json=operations, headers=JSON_PATCH)).status_code == 403


async def test_many_patches_at_once_are_all_kept(program: Program) -> None:
    fhir = await program("system/*.cruds")
    place = f"Patient/{(await made(fhir))['id']}"
    answers = await asyncio.gather(
        *(
            fhir.patch(place, json=[{"op": "add", "path": "/name/-", "value": {"text": f"n{n}"}}], headers=JSON_PATCH)
            for n in range(6)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 6
    assert len((await fhir.get(place)).json()["name"]) == 7


# ── history ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def pages(fhir: httpx.AsyncClient, path: str) -> list[list[dict[str, Any]]]:
    found = []
    while path:
        page = (await fhir.get(path)).json()
        found.append(page.get("entry", []))
        path = next((link["url"].partition("/fhir/")[2] for link in page["link"] if link["relation"] == "next"), "")
    return found


async def test_the_history_of_a_type_comes_in_pages_without_gaps_while_others_write(program: Program) -> None:
    fhir = await program("system/*.cruds")
    ids = [(await fhir.post("Basic", json={"resourceType": "Basic", "code": {"text": "h"}})).json()["id"]
           for _ in range(3)]  # fmt: skip
    await fhir.delete(f"Basic/{ids[0]}")
    first = (await fhir.get("Basic/_history?_count=2")).json()
    assert [entry["request"]["method"] for entry in first["entry"]] == ["DELETE", "POST"]
    await fhir.post("Basic", json={"resourceType": "Basic", "code": {"text": "h"}})
    following = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("/fhir/")[2]
    rest = await pages(fhir, following)
    assert [entry["fullUrl"].rpartition("/")[2] for page in rest for entry in page][:2] == [ids[1], ids[0]]


async def test_the_history_of_the_system_shows_what_each_program_may_read(program: Program) -> None:
    fhir, narrow = await program("system/*.cruds"), await program("system/Basic.r")
    await made(fhir)
    await fhir.post("Basic", json={"resourceType": "Basic", "code": {"text": "h"}})
    everything = (await fhir.get("_history?_count=2")).json()
    assert [entry["resource"]["resourceType"] for entry in everything["entry"]] == ["Basic", "Patient"]
    theirs = (await narrow.get("_history?_count=20")).json()
    assert {entry["fullUrl"].split("/")[-2] for entry in theirs["entry"]} == {"Basic"}
    assert (await narrow.get("Patient/_history")).status_code == 403


async def test_another_hospital_sees_no_history_of_ours(program: Program, other_hospital: House) -> None:
    fhir, theirs = await program("system/*.cruds"), await program("system/*.cruds", at=other_hospital)
    id_ = (await made(fhir))["id"]
    assert (await theirs.get(f"Patient/{id_}/_history")).status_code == 404
    assert (await theirs.get(f"Patient/{id_}/_history/1")).status_code == 404
    assert id_ not in (await theirs.get("Patient/_history?_count=1000")).text
    assert id_ not in (await theirs.get("_history?_count=1000")).text


async def test_history_since_and_at_a_moment(program: Program) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir)
    place = f"Patient/{kept['id']}"
    versions = [kept["meta"]["lastUpdated"]]
    for gender in ("male", "female"):
        await asyncio.sleep(0.003)
        answer = await fhir.put(place, json={**kept, "gender": gender})
        versions.append(answer.json()["meta"]["lastUpdated"])

    async def seen(**asked: str) -> list[str]:
        page = (await fhir.get(f"{place}/_history", params=asked)).json()
        return [entry["resource"]["meta"]["versionId"] for entry in page.get("entry", [])]

    assert await seen() == ["3", "2", "1"]
    assert await seen(_since=versions[1]) == ["3", "2"]
    assert await seen(_at=versions[1]) == ["2"]
    assert await seen(_at=str(day_of(versions[0]))) == ["3", "2", "1"]
    assert await seen(_at="2001-01-01") == []
    whole = await pages(fhir, f"{place}/_history?_count=1")
    assert [entry["resource"]["meta"]["versionId"] for page in whole for entry in page] == ["3", "2", "1"]
    for wrong in ("_count=0", "_since=hom-qua", "_after=x", "name=1"):
        assert (await fhir.get(f"{place}/_history?{wrong}")).status_code == 400


async def test_a_former_version_is_read_by_its_number(program: Program) -> None:
    fhir = await program("system/*.cruds")
    kept = await made(fhir)
    place = f"Patient/{kept['id']}"
    await fhir.put(place, json={**kept, "gender": "male"})
    await fhir.delete(place)
    first = await fhir.get(f"{place}/_history/1")
    assert (first.json(), first.headers["ETag"]) == (kept, 'W/"1"')
    assert (await fhir.get(f"{place}/_history/1", headers={"If-None-Match": 'W/"1"'})).status_code == 304
    assert (await fhir.get(f"{place}/_history/3")).status_code == 410
    for version in ("4", "0", "x", "99999999999999999999"):
        assert (await fhir.get(f"{place}/_history/{version}")).status_code == 404
