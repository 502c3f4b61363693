"""Batches and transactions, as another hospital's software sends them."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from benhan.core.db import Database
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]
HERE = "http://test/fhir"


def entry(method: str, url: str, resource: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    request = {"method": method, "url": url, **{k: more.pop(k) for k in ("ifNoneExist", "ifMatch") if k in more}}
    return {**more, **({"resource": resource} if resource else {}), "request": request}


def person(number: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:bundles", "value": number or uuid4().hex}],
        **more,
    }


def visit(subject: str, **more: Any) -> dict[str, Any]:
    reference = {"reference": subject}
    return {"resourceType": "Encounter", "status": "arrived", "class": {"code": "AMB"}, "subject": reference, **more}


async def sent(fhir: httpx.AsyncClient, kind: str, *entries: dict[str, Any], **headers: str) -> httpx.Response:
    return await fhir.post(HERE, json={"resourceType": "Bundle", "type": kind, "entry": entries}, headers=headers)


async def answers(fhir: httpx.AsyncClient, kind: str, *entries: dict[str, Any], **headers: str) -> list[dict[str, Any]]:
    answer = await sent(fhir, kind, *entries, **headers)
    assert answer.status_code == 200, answer.text[:2000]
    body = answer.json()
    assert body["type"] == f"{kind}-response"
    found: list[dict[str, Any]] = body["entry"]
    return found


def statuses(entries: list[dict[str, Any]]) -> list[str]:
    return [one["response"]["status"] for one in entries]


async def test_a_transaction_does_every_kind_of_request_in_the_order_of_the_standard(program: Program) -> None:
    fhir = await program("system/*.cruds")
    old = (await fhir.post("Patient", json=person(number := uuid4().hex))).json()["id"]
    kept = (await fhir.post("Patient", json=person(gender="male"))).json()["id"]
    new = str(uuid4())
    found = await answers(
        fhir,
        "transaction",
        entry("GET", f"Patient?identifier={number}"),
        entry("GET", f"Patient/{kept}"),
        entry(
            "PATCH",
            f"Patient/{kept}",
            {
                "resourceType": "Binary",
                "contentType": "application/json-patch+json",
                "data": b64encode(b'[{"op":"replace","path":"/gender","value":"female"}]').decode(),
            },
        ),
        entry("PUT", f"Patient/{new}", person(id=new)),
        entry("POST", "Patient", person(number)),
        entry("DELETE", f"Patient/{old}"),
    )
    assert statuses(found) == ["200", "200", "200", "201", "201", "204"]
    assert [one["resource"]["id"] for one in found[0]["resource"]["entry"]] == [found[4]["resource"]["id"]]
    assert found[1]["resource"]["gender"] == "female"
    assert found[4]["response"]["location"] == f"Patient/{found[4]['resource']['id']}/_history/1"
    assert found[4]["response"]["etag"] == 'W/"1"'


async def test_entries_point_at_each_other_wherever_a_reference_or_an_address_may_stand(program: Program) -> None:
    fhir = await program("system/*.cruds")
    who, when, other = (f"urn:uuid:{uuid4()}" for _ in range(3))
    text = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{who}">mẹ</a></div>'
    made = await answers(
        fhir,
        "transaction",
        entry(
            "POST",
            "Encounter",
            visit(
                who,
                text={"status": "additional", "div": text},
                extension=[
                    {"url": "urn:x", "valueUri": who},
                    {"url": "urn:x", "valueCanonical": who},
                    {"url": "urn:x", "valueString": who},
                    {"url": "urn:x", "valueReference": {"reference": other}},
                ],
            ),
            fullUrl=when,
        ),
        entry("POST", "Patient", person(), fullUrl=who),
        entry(
            "POST", "Patient", person(link=[{"other": {"reference": "Patient/cu"}, "type": "seealso"}]), fullUrl=other
        ),
        entry("POST", "Patient", person(), fullUrl="http://noi.khac/fhir/Patient/cu"),
    )
    encounter, patient, second, third = (one["resource"] for one in made)
    place = f"Patient/{patient['id']}"
    assert encounter["subject"]["reference"] == place
    assert f'href="{place}"' in encounter["text"]["div"]
    uri, canonical, string, reference = encounter["extension"]
    assert (uri["valueUri"], canonical["valueCanonical"], string["valueString"]) == (place, who, who)
    assert reference["valueReference"]["reference"] == f"Patient/{second['id']}"
    assert second["link"][0]["other"]["reference"] == f"Patient/{third['id']}"


async def test_a_conditional_reference_finds_a_stored_record_or_one_of_the_same_transaction(program: Program) -> None:
    fhir = await program("system/*.cruds")
    old = (await fhir.post("Patient", json=person(number := uuid4().hex))).json()["id"]
    fresh = uuid4().hex
    made = await answers(
        fhir,
        "transaction",
        entry("POST", "Encounter", visit(f"Patient?identifier={number}")),
        entry("POST", "Encounter", visit(f"Patient?identifier={fresh}")),
        entry("POST", "Patient", person(fresh)),
    )
    assert made[0]["resource"]["subject"]["reference"] == f"Patient/{old}"
    assert made[1]["resource"]["subject"]["reference"] == f"Patient/{made[2]['resource']['id']}"
    lost = await sent(fhir, "transaction", entry("POST", "Encounter", visit("Patient?identifier=khong-ai")))
    assert lost.status_code == 412
    assert "Bundle.entry[0]" in lost.text


async def test_conditional_entries_create_or_take_what_is_there(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    where = f"identifier={number}"
    asked = (
        entry("POST", "Encounter", visit("urn:uuid:p")),
        entry("POST", "Patient", person(number), fullUrl="urn:uuid:p", ifNoneExist=where),
        entry(
            "PUT", f"Basic?{where}", {"resourceType": "Basic", "code": {"text": "b"}, "identifier": [{"value": number}]}
        ),
    )
    first, second = await answers(fhir, "transaction", *asked), await answers(fhir, "transaction", *asked)
    assert statuses(first) == ["201", "201", "201"]
    assert statuses(second) == ["201", "200", "200"]
    assert first[1]["resource"]["id"] == second[1]["resource"]["id"]
    assert second[0]["resource"]["subject"]["reference"] == f"Patient/{first[1]['resource']['id']}"
    gone = await answers(fhir, "transaction", entry("DELETE", f"Basic?{where}"))
    assert statuses(gone) == ["204"]


async def test_of_many_transactions_with_one_condition_at_once_one_creates(program: Program) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    asked = entry("POST", "Patient", person(number), ifNoneExist=f"identifier={number}")
    found = await asyncio.gather(*(answers(fhir, "transaction", asked) for _ in range(8)))
    assert sorted(status for one in found for status in statuses(one)) == ["200"] * 7 + ["201"]
    assert len({one[0]["resource"]["id"] for one in found}) == 1


async def test_the_same_record_twice_in_a_transaction_is_refused(program: Program) -> None:
    fhir = await program("system/*.cruds")
    id_ = str(uuid4())
    put = entry("PUT", f"Patient/{id_}", person(id=id_))
    for twice in (
        (put, put),
        (put, entry("DELETE", f"Patient/{id_}")),
        (entry("POST", "Patient", person(), fullUrl="urn:uuid:a"), entry("POST", "Basic", {
            "resourceType": "Basic", "code": {"text": "x"}}, fullUrl="urn:uuid:a")),
    ):  # fmt: skip
        answer = await sent(fhir, "transaction", *twice)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "duplicate")
    assert (await fhir.get(f"Patient/{id_}")).status_code == 404


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry("POST", "Patient", person(gender="nam")), 422),
        (entry("POST", "Encounter", person()), 400),
        (entry("PUT", "Patient/a", person(id="b")), 422),
        (entry("PUT", f"Patient/{uuid4()}", person(), ifMatch='W/"x"'), 422),
        (entry("PATCH", "Patient/khong-co", {"resourceType": "Parameters"}), 400),
        (entry("GET", "Patient/khong-co"), 404),
        (entry("GET", "Khongco/1"), 404),
        (entry("POST", "/", {"resourceType": "Bundle", "type": "batch"}), 400),
        (entry("GET", "http://noi.khac/Patient"), 400),
        ({"resource": person()}, 422),
    ],
)  # fmt: skip
async def test_one_bad_entry_undoes_the_whole_transaction_and_is_named(
    program: Program, bad: dict[str, Any], status: int
) -> None:
    fhir = await program("system/*.cruds")
    number = uuid4().hex
    answer = await sent(fhir, "transaction", entry("POST", "Patient", person(number)), bad)
    assert answer.status_code == status, answer.text
    assert "Bundle.entry[1]" in json.dumps(answer.json())
    assert "entry" not in (await fhir.get(f"Patient?identifier={number}")).json()


async def test_in_a_batch_every_entry_stands_alone(program: Program, database: Database, hospital: House) -> None:
    fhir = await program("system/Patient.cruds")
    number = uuid4().hex
    found = await answers(
        fhir,
        "batch",
        entry("POST", "Patient", person(number)),
        entry("POST", "Patient", person(gender="nam")),
        entry("GET", f"Patient?identifier={number}"),
        entry("GET", "Encounter?status=arrived"),
        entry("GET", "metadata"),
        entry("GET", "Patient/khong-co"),
        entry("POST", "Patient/_search?gender=male"),
        {"request": {"method": "GET", "url": "Patient/_history?_count=1"}},
        {"fullUrl": "urn:uuid:x"},
    )
    assert statuses(found) == ["201", "422", "200", "403", "200", "404", "400", "200", "422"]
    assert found[2]["resource"]["entry"][0]["resource"]["id"] == found[0]["resource"]["id"]
    assert found[1]["response"]["outcome"]["issue"][0]["expression"] == ["Patient.gender"]
    async with database.transaction(hospital.key) as tx:
        refused = await tx.fetchval(
            "select count(*) from audit where action = 'refused' and detail like 'GET Encounter%'"
        )
    assert refused >= 1


async def test_prefer_minimal_leaves_the_bodies_out(program: Program) -> None:
    fhir = await program("system/*.cruds")
    for kind in ("batch", "transaction"):
        found = await answers(fhir, kind, entry("POST", "Patient", person()), Prefer="return=minimal")
        assert "resource" not in found[0]
        assert found[0]["response"]["location"].startswith("Patient/")


async def test_a_transaction_writes_nothing_that_the_program_may_not(program: Program, other_hospital: House) -> None:
    fhir = await program("system/Patient.cruds")
    answer = await sent(
        fhir,
        "transaction",
        entry("POST", "Patient", person(number := uuid4().hex)),
        entry("POST", "Encounter", visit("Patient/x")),
    )
    assert answer.status_code == 403
    assert "entry" not in (await fhir.get(f"Patient?identifier={number}")).json()
    theirs = await program("system/*.cruds", at=other_hospital)
    id_ = (await fhir.post("Patient", json=person())).json()["id"]
    assert (await sent(theirs, "transaction", entry("GET", f"Patient/{id_}"))).status_code == 404


@pytest.mark.parametrize("kind", ["collection", "history", None])
async def test_only_batches_and_transactions_are_carried_out(program: Program, kind: str | None) -> None:
    fhir = await program("system/*.cruds")
    body = {"resourceType": "Bundle", **({"type": kind} if kind else {})}
    assert (await fhir.post(HERE, json=body)).status_code == 422


async def test_transactions_that_change_the_same_records_in_another_order_do_not_stop_each_other(
    program: Program,
) -> None:
    fhir = await program("system/*.cruds")
    ids = [(await fhir.post("Patient", json=person())).json()["id"] for _ in range(4)]

    def changes(order: list[str], n: int) -> list[dict[str, Any]]:
        return [entry("PUT", f"Patient/{id_}", person(id=id_, birthDate=f"19{50 + n}-01-01")) for id_ in order]

    orders = [ids, ids[::-1]] * 4
    found = await asyncio.gather(*(answers(fhir, "transaction", *changes(order, n)) for n, order in enumerate(orders)))
    assert all(set(statuses(one)) == {"200"} for one in found)
    dates = {(await fhir.get(f"Patient/{id_}")).json()["birthDate"] for id_ in ids}
    assert len(dates) == 1
