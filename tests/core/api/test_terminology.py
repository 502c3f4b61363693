"""The terminology doors, as another hospital's software and the staff's screens meet them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.simulator import House
from tests.core.store.terms import BASE, code_system, concept, diseases, value_set

Client = Callable[..., Awaitable[httpx.AsyncClient]]
Program = Callable[..., Awaitable[httpx.AsyncClient]]
SYSTEM = f"{BASE}/CodeSystem/hoi"
READ = "system/ValueSet.r system/CodeSystem.r system/ConceptMap.r"


@pytest_asyncio.fixture
async def here(database: Database, loader: Subject) -> None:
    """Diseases, a value set of them and a map, at the hospital."""
    inside = {"system": SYSTEM, "filter": [{"property": "concept", "op": "is-a", "value": "J00-J99"}]}
    made: list[r4.Resource] = [
        diseases("hoi"), code_system("dich", concept("A", "Viêm phổi"), concept("B", "Hen")),
        value_set("hoi", inside), value_set("it", {"system": SYSTEM, "concept": [{"code": "J18"}, {"code": "J45"}]}),
        concept_map(),
    ]  # fmt: skip
    async with database.transaction(loader.facility) as tx:
        for one in made:
            await store.update(tx, loader, one, if_match=None)


def concept_map() -> r4.ConceptMap:
    body = {
        "resourceType": "ConceptMap", "id": "doi", "url": f"{BASE}/ConceptMap/doi", "status": "active",
        "sourceUri": f"{BASE}/ValueSet/hoi", "targetUri": f"{BASE}/ValueSet/dich",
        "group": [{
            "source": SYSTEM, "target": f"{BASE}/CodeSystem/dich", "unmapped": {"mode": "fixed", "code": "B"},
            "element": [{"code": "J18.9", "target": [{"code": "A", "equivalence": "wider", "display": "Viêm phổi"}]}],
        }],
    }  # fmt: skip
    return codec.decode(json.dumps(body).encode(), r4.ConceptMap)


def parameters(**given: Any) -> dict[str, Any]:
    """A Parameters resource; the kind of value is read off the name."""
    kinds = {"codeableConcept": "valueCodeableConcept", "valueSet": "resource", "url": "valueUri"}
    rows = []
    for name, value in given.items():
        kind = kinds.get(name, "valueString")
        if name.startswith("coding"):
            kind = "valueCoding"
        rows.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": rows}


def said(answer: httpx.Response) -> dict[str, Any]:
    """What a Parameters answer says, by name; repeated names keep the last."""
    assert answer.status_code == 200, answer.text
    return {
        one["name"]: next((v for k, v in one.items() if k.startswith("value")), one.get("part"))
        for one in answer.json()["parameter"]
    }


def parts(one: dict[str, Any]) -> dict[str, Any]:
    """The parts of a parameter, by name."""
    return {part["name"]: next(v for k, v in part.items() if k != "name") for part in one["part"]}


def codes(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["code"] for one in answer.json()["expansion"].get("contains", [])]


async def test_nobody_a_stranger_and_a_wrong_scope_learn_nothing(
    here: None, client: Client, program: Program, other_hospital: House
) -> None:
    asked = f"ValueSet/$expand?url={BASE}/ValueSet/hoi"
    assert (await (await client(None)).get(f"/fhir/{asked}")).status_code == 401
    assert (await (await program("system/Patient.r")).get(asked)).status_code == 403
    assert (await (await program("system/CodeSystem.r")).get(asked)).status_code == 403
    assert (await (await program(READ, other_hospital)).get(asked)).status_code == 404
    assert (await (await program(READ, other_hospital)).get("ValueSet/hoi/$expand")).status_code == 404
    looked = await (await program(READ, other_hospital)).get(f"CodeSystem/$lookup?system={SYSTEM}&code=J18")
    assert looked.status_code == 404


async def test_staff_may_ask_and_leave_a_trace(here: None, client: Client, database: Database, subject: Any) -> None:
    doctor = await client("doctor")
    answer = await doctor.get(f"/fhir/CodeSystem/$lookup?system={SYSTEM}&code=J18.9")
    assert said(answer)["display"] == "Viêm phổi, không đặc hiệu"
    who = subject("doctor")
    async with database.transaction(who.facility) as tx:
        detail = await tx.fetchval("select detail from audit where account = $1 order by seq desc limit 1", who.account)
    assert detail == f"$lookup {SYSTEM}|J18.9"


async def test_a_text_without_accents_in_any_order_finds_the_best_first(here: None, program: Program) -> None:
    fhir = await program(READ)
    url = f"ValueSet/$expand?url={BASE}/ValueSet/hoi&count=10&filter="
    assert codes(await fhir.get(url + "viem phoi")) == ["J18", "J18.9", "J18.0"]
    assert codes(await fhir.get(url + "phoi vi")) == ["J18", "J18.0", "J18.9"]
    assert codes(await fhir.get(url + "đau họng")) == ["J02.9"]
    assert codes(await fhir.get(url + "sung phoi")) == ["J18.9"]
    assert codes(await fhir.get(url + "j18")) == ["J18", "J18.0", "J18.9"]
    assert codes(await fhir.get(url + "J18.9")) == ["J18.9"]
    assert codes(await fhir.get(url + "khong co gi")) == []
    assert codes(await fhir.get("ValueSet/it/$expand?filter=hen")) == ["J45"]


async def test_pages_are_cut_without_gap_or_repeat_and_count_all(here: None, program: Program) -> None:
    fhir = await program(READ)
    whole = codes(await fhir.get("ValueSet/hoi/$expand"))
    assert whole == ["J00-J99", "J18", "J18.0", "J18.9", "J02", "J02.9", "J45"]
    pages = [await fhir.get(f"ValueSet/hoi/$expand?offset={start}&count=3") for start in (0, 3, 6, 9)]
    assert [code for page in pages for code in codes(page)] == whole
    assert {page.json()["expansion"]["total"] for page in pages} == {7}
    listed = [codes(await fhir.get(f"ValueSet/hoi/$expand?filter=viem&offset={n}&count=1")) for n in range(6)]
    assert [one for page in listed for one in page] == codes(await fhir.get("ValueSet/hoi/$expand?filter=viem"))


async def test_an_expansion_says_what_is_abstract_inactive_and_how_else_it_is_called(
    here: None, program: Program
) -> None:
    fhir = await program(READ)
    shown = (await fhir.get("ValueSet/hoi/$expand?includeDesignations=true")).json()["expansion"]["contains"]
    by_code = {one["code"]: one for one in shown}
    assert by_code["J00-J99"]["abstract"] is True
    assert by_code["J45"]["inactive"] is True
    assert by_code["J02.9"]["designation"] == [{"language": "vi", "value": "đau họng"}]
    active = codes(await fhir.get("ValueSet/hoi/$expand?activeOnly=true&excludeNotForUI=true"))
    assert active == ["J18", "J18.0", "J18.9", "J02", "J02.9"]


async def test_a_value_set_may_come_in_the_body_or_be_implied_by_its_code_system(here: None, program: Program) -> None:
    fhir = await program(READ)
    inline = codec.encode(value_set("tam", {"system": SYSTEM, "concept": [{"code": "J02", "display": "Họng"}]}))
    given = parameters(valueSet={})
    given["parameter"][0]["resource"] = json.loads(inline)
    answer = await fhir.post("ValueSet/$expand", json=given)
    assert answer.json()["expansion"]["contains"][0]["display"] == "Họng"
    assert len(codes(await fhir.get(f"ValueSet/$expand?url={SYSTEM}?fhir_vs"))) == 7
    branch = await fhir.get("ValueSet/$expand", params={"url": f"{SYSTEM}?fhir_vs=isa/J18"})
    assert codes(branch) == ["J18", "J18.0", "J18.9"]


async def test_too_large_an_expansion_is_refused_with_advice(
    here: None, program: Program, database: Database, loader: Subject
) -> None:
    many = code_system("nhieu", *(concept(f"M{n}", f"Mã số {n}") for n in range(1005)))
    async with database.transaction(loader.facility) as tx:
        await store.update(tx, loader, many, if_match=None)
    fhir = await program(READ)
    asked = f"ValueSet/$expand?url={BASE}/CodeSystem/nhieu?fhir_vs"
    refused = await fhir.get(asked)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["code"] == "too-costly"
    assert "filter" in refused.json()["issue"][0]["diagnostics"]
    page = (await fhir.get(asked + "&count=5&offset=1000")).json()["expansion"]
    assert ([one["code"] for one in page["contains"]], page["total"]) == ([f"M{n}" for n in range(1000, 1005)], 1005)


async def test_lookup_tells_names_properties_parents_and_children(here: None, program: Program) -> None:
    fhir = await program(READ)
    for answer in (
        await fhir.get(f"CodeSystem/$lookup?system={SYSTEM}&code=J18.9"),
        await fhir.post("CodeSystem/$lookup", json=parameters(coding={"system": SYSTEM, "code": "J18.9"})),
    ):
        given = answer.json()["parameter"]
        assert {"language": "vi", "value": "sưng phổi"} in [parts(one) for one in given if one["name"] == "designation"]
        told = [parts(one) for one in given if one["name"] == "property"]
        assert {"code": "everyday", "value": True} in told
        assert {"code": "parent", "value": "J18", "description": "Viêm phổi, tác nhân không xác định"} in told
    children = (await fhir.get(f"CodeSystem/$lookup?system={SYSTEM}&code=J18&property=child")).json()["parameter"]
    assert [one["part"][1]["valueCode"] for one in children if one["name"] == "property"] == ["J18.0", "J18.9"]
    assert (await fhir.get(f"CodeSystem/$lookup?system={SYSTEM}&code=J99.9")).status_code == 404


async def test_validate_code_checks_membership_and_the_name(here: None, program: Program) -> None:
    fhir = await program(READ)
    url = f"ValueSet/$validate-code?url={BASE}/ValueSet/it&system={SYSTEM}"
    assert said(await fhir.get(url + "&code=J18"))["result"] is True
    assert said(await fhir.get(url + "&code=J18&display=VIEM PHOI, tác nhân không xác định"))["result"] is True
    wrong = said(await fhir.get(url + "&code=J18&display=Hen"))
    assert wrong["result"] is False
    assert "Viêm phổi, tác nhân không xác định" in wrong["message"]
    assert said(await fhir.get(url + "&code=J18.9"))["result"] is False
    concept_ = {"coding": [{"system": SYSTEM, "code": "J18.9"}, {"system": SYSTEM, "code": "J45"}]}
    posted = await fhir.post("ValueSet/it/$validate-code", json=parameters(codeableConcept=concept_))
    assert said(posted)["result"] is True
    assert said(await fhir.get(f"CodeSystem/$validate-code?url={SYSTEM}&code=J02.9"))["result"] is True
    assert said(await fhir.get(f"CodeSystem/$validate-code?url={SYSTEM}&code=J02.8"))["result"] is False
    assert said(await fhir.get("CodeSystem/hoi/$validate-code?code=J45&display=Hen [suyen]"))["result"] is True


async def test_a_heading_is_no_code_for_a_record_unless_asked(here: None, program: Program) -> None:
    fhir = await program(READ)
    url = f"ValueSet/hoi/$validate-code?system={SYSTEM}&code=J00-J99"
    assert said(await fhir.get(url))["result"] is False
    assert said(await fhir.get(url + "&abstract=true"))["result"] is True
    shown = (await fhir.get("ValueSet/hoi/$expand?includeDefinition=true&count=1")).json()
    assert shown["compose"]["include"][0]["system"] == SYSTEM


async def test_an_input_that_is_not_understood_is_refused_by_name(here: None, program: Program) -> None:
    fhir = await program(READ)
    refused = await fhir.get("ValueSet/hoi/$expand?exclude-system=urn:x")
    assert refused.status_code == 400
    assert "exclude-system" in refused.text
    assert (await fhir.get("ValueSet/$validate-code?code=J18")).status_code == 400
    assert (await fhir.get("ValueSet/hoi/$validate-code")).status_code == 400


async def test_odd_input_is_refused_and_breaks_nothing(here: None, program: Program) -> None:
    fhir = await program(READ)
    odd = ("a%00b", "%F0%9F%98%80", "%25'", "%5C", "x" * 3000, "|", "-1", "1e9", "99999999999")
    for path in (
        "ValueSet/$expand?url={}", "ValueSet/hoi/$expand?filter={}", "ValueSet/hoi/$expand?offset={}&count={}",
        "ValueSet/{}/$expand", "CodeSystem/$lookup?system={}&code={}", f"CodeSystem/$lookup?system={SYSTEM}&code={{}}",
        "CodeSystem/$validate-code?url=http://unitsofmeasure.org&code={}", "ValueSet/hoi/$validate-code?coding={}",
        "ConceptMap/$translate?system={}&code={}",
    ):  # fmt: skip
        for one in odd:
            assert (await fhir.get(path.replace("{}", one))).status_code < 500, (path, one)
    for pattern, status in (("(", 400), ("((a*)*)*b", 200)):
        chosen = {"system": SYSTEM, "filter": [{"property": "code", "op": "regex", "value": pattern}]}
        given = parameters(valueSet=json.loads(codec.encode(value_set("tam", chosen))))
        assert (await fhir.post("ValueSet/$expand", json=given)).status_code == status


async def test_units_are_good_by_their_grammar(program: Program) -> None:
    fhir = await program(READ)
    url = "CodeSystem/$validate-code?url=http://unitsofmeasure.org&code="
    assert said(await fhir.get(url + "mmol/L"))["result"] is True
    assert said(await fhir.get(url + "mmol//L"))["result"] is False


async def test_subsumes_knows_the_wider_code(here: None, program: Program) -> None:
    fhir = await program(READ)
    for a, b, outcome in (
        ("J18", "J18.9", "subsumes"), ("J18.9", "J00-J99", "subsumed-by"), ("J18", "J18", "equivalent"),
        ("J18.0", "J18.9", "not-subsumed"),
    ):  # fmt: skip
        assert said(await fhir.get(f"CodeSystem/$subsumes?system={SYSTEM}&codeA={a}&codeB={b}"))["outcome"] == outcome
    both = parameters(codingA={"system": SYSTEM, "code": "J18"}, codingB={"system": SYSTEM, "code": "J02"})
    assert said(await fhir.post("CodeSystem/hoi/$subsumes", json=both))["outcome"] == "not-subsumed"


async def test_translate_goes_both_ways(here: None, program: Program) -> None:
    fhir = await program(READ)
    there = said(await fhir.get(f"ConceptMap/$translate?system={SYSTEM}&code=J18.9"))
    assert there["result"] is True
    match = parts({"part": there["match"]})
    assert (match["equivalence"], match["concept"]["code"]) == ("wider", "A")
    back = said(await fhir.get(f"ConceptMap/doi/$translate?system={BASE}/CodeSystem/dich&code=A&reverse=true"))
    match = parts({"part": back["match"]})
    assert (match["equivalence"], match["concept"]["code"]) == ("narrower", "J18.9")
    fixed = said(await fhir.get(f"ConceptMap/$translate?url={BASE}/ConceptMap/doi&system={SYSTEM}&code=J02"))
    assert {one["name"] for one in fixed["match"]} == {"equivalence", "concept", "source"}
    assert said(await fhir.get("ConceptMap/$translate?system=urn:none&code=x"))["result"] is False


async def test_the_platforms_terminology_is_written_by_the_platform_only(program: Program, database: Database) -> None:
    platform = service(Role.LOADER, 0)
    async with database.transaction(0) as tx:
        await store.update(tx, platform, code_system("cua-nen-tang", concept("1", "Một")), if_match=None)
    fhir = await program("system/*.cruds")
    url = f"{BASE}/CodeSystem/cua-nen-tang"
    assert said(await fhir.get(f"CodeSystem/$lookup?system={url}&code=1"))["display"] == "Một"
    await fhir.delete("CodeSystem/cua-nen-tang")  # there is none of this id at the hospital
    mine = codec.encode(code_system("cua-nen-tang", concept("1", "Của tôi")))
    own = await fhir.put("CodeSystem/cua-nen-tang", content=mine)
    assert own.status_code == 201
    assert said(await fhir.get(f"CodeSystem/$lookup?system={url}&code=1"))["display"] == "Của tôi"
    async with database.transaction(0) as tx:
        assert await tx.fetchval("select count(*) from concept where facility = 0 and display = 'Một'") == 1


async def test_a_code_system_in_a_transaction_can_be_asked_at_once(program: Program) -> None:
    fhir = await program("system/*.cruds")
    given = codec.encode(code_system("trong-goi", concept("1", "Một"))).decode()
    entry = {"resource": json.loads(given), "request": {"method": "PUT", "url": "CodeSystem/trong-goi"}}
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert (await fhir.post("http://test/fhir", json=sent)).status_code == 200
    answer = await fhir.get(f"CodeSystem/$lookup?system={BASE}/CodeSystem/trong-goi&code=1")
    assert said(answer)["display"] == "Một"
