"""Programs with their own key: both launches, backend services, what scopes leave of a right, and cutting off."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.accounts import open_session, sign_out
from benhan.core.access.doors import COOKIE
from benhan.core.access.programs import registry
from benhan.core.access.programs.registry import Draft, Program
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid
from benhan.simulator import House
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import HERE, REDIRECT, allowed, back, bearer, for_code, for_itself, for_refresh
from tests.core.store.people import person

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]
READS = "openid fhirUser launch/patient online_access patient/Patient.rs patient/Observation.rs user/Practitioner.rs"


async def acts(database: Database, program: Program, action: str) -> list[Any]:
    """The traces of what a program did."""
    async with database.transaction(program.facility) as tx:
        return await tx.fetch(
            "select * from audit where facility = $1 and id = $2 and action = $3 order by seq",
            program.facility, program.id, action,
        )  # fmt: skip


async def patient_with(database: Database, loader: Subject, name: str, *categories: str) -> str:
    """A patient with an Observation of each category; gives her id."""
    async with database.transaction(loader.facility) as tx:
        made = await store.create(tx, loader, person(name))
        for one in categories:
            await store.create(tx, loader, observation(made.id or "", one))
    return made.id or ""


def observation(patient: str, category: str) -> r4.Observation:
    """One of a category."""
    return r4.Observation(
        status="final", subject=r4.Reference(reference=f"Patient/{patient}"),
        code=r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="8867-4")]),
        category=[r4.CodeableConcept(coding=[r4.Coding(system=CATEGORIES, code=category)])],
    )  # fmt: skip


CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"


async def tokens(web: httpx.AsyncClient, doctor: httpx.AsyncClient, program: Program, **how: Any) -> dict[str, Any]:
    """A whole standalone launch."""
    code = (await allowed(doctor, program, **how))["code"]
    answer = await web.post("/oauth/token", data=for_code(program, code))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_discovery_and_metadata_say_where_programs_come_in(client: Client) -> None:
    web = await client(None)
    said = (await web.get("/fhir/.well-known/smart-configuration")).json()
    assert said["token_endpoint"] == f"{HERE}/oauth/token" and said["issuer"] == f"{HERE}/fhir"
    assert said["code_challenge_methods_supported"] == ["S256"]
    assert {"launch-ehr", "launch-standalone", "permission-v2", "client-confidential-asymmetric"} <= {
        *said["capabilities"]
    }
    security = (await web.get("/fhir/metadata")).json()["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    assert f"{HERE}/oauth/authorize" in json.dumps(security)


async def test_a_backend_service_signs_gets_minutes_and_does_what_is_registered(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, admin = await client(None), subject("administrator")
    program = await kit.registered(database, admin, "backend", "system/Patient.rs system/Observation.r")
    patient = await patient_with(database, loader, "Hồ Thị Nền")
    for key in (kit.ec_key(), kit.rsa_key()):
        form = for_itself(program, "system/Patient.cruds system/Encounter.rs", **kit.proof(program, key))
        answer = await web.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert said["scope"] == "system/Patient.rs" and said["expires_in"] <= 300 and "refresh_token" not in said
        assert answer.headers["cache-control"] == "no-store"
        headers = bearer(said["access_token"])
        assert (await web.get(f"/fhir/Patient/{patient}", headers=headers)).status_code == 200
        assert (await web.get("/fhir/Observation", headers=headers)).status_code == 403
        assert (await web.delete(f"/fhir/Patient/{patient}", headers=headers)).status_code == 403
        assert (await web.get("/quan-tri/ung-dung", headers=headers)).status_code == 403
    assert len(await acts(database, program, "program-token")) == 2


async def test_a_standalone_launch_reads_the_chosen_patient_and_nobody_else(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, doctor = await client(None), await client("doctor")
    program = await kit.registered(database, subject("administrator"), "public", READS)
    mine = await patient_with(database, loader, "Vừ Thị Chọn", "laboratory")
    other = await patient_with(database, loader, "Vừ Thị Khác", "laboratory")
    page = await doctor.get("/oauth/authorize", params={**kit.question(program), "tim": "Vừ Thị Chọn"})
    assert page.status_code == 200 and mine in page.text and "Cho phép" in page.text
    assert page.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    said = await tokens(web, doctor, program, patient=mine, nonce="n-1")
    assert said["patient"] == mine
    keys = KeySet.import_key_set((await web.get("/oauth/jwks.json")).json())
    told = jwt.decode(said["id_token"], keys, algorithms=["RS256"]).claims
    practitioner = subject("doctor").practitioner
    assert (told["iss"], told["aud"], told["nonce"]) == (f"{HERE}/fhir", program.id, "n-1")
    assert told["fhirUser"] == f"{HERE}/fhir/Practitioner/{practitioner}"
    headers = bearer(said["access_token"])
    assert (await web.get(f"/fhir/Patient/{mine}", headers=headers)).status_code == 200
    assert (await web.get(f"/fhir/Patient/{other}", headers=headers)).status_code == 404
    found = (await web.get("/fhir/Observation", headers=headers)).json()
    assert {one["resource"]["subject"]["reference"] for one in found["entry"]} == {f"Patient/{mine}"}
    assert (await web.get("/fhir/Encounter", headers=headers)).status_code == 403
    for path in ("/kham", "/tai-khoan", "/quan-tri/tai-khoan"):
        assert (await web.get(path, headers=headers)).status_code == 403, path
    async with database.transaction(program.facility) as tx:
        row = await tx.fetchrow(
            "select account, session, rule from audit where id = $1 and type = 'Patient' and account = $2"
            " and session like 'app:%' limit 1",
            mine, subject("doctor").account,
        )  # fmt: skip
    assert row and f"program {program.name}: scope patient/" in row["rule"]


async def test_a_program_is_started_from_the_record_and_comes_back_with_its_patient(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, doctor = await client(None), await client("doctor")
    start = "https://app.example.vn/mo"
    program = await kit.registered(
        database, subject("administrator"), "key", "launch patient/Patient.rs", launch_url=start
    )
    patient = await patient_with(database, loader, "Sùng Thị Mở")
    page = await doctor.get("/ung-dung", params={"nguoi-benh": patient})
    assert program.name in page.text and "https://app.example.vn" in page.headers["content-security-policy"]
    gone = await doctor.post(f"/ung-dung/{program.id}/mo", data={"nguoi-benh": patient})
    assert gone.headers["location"].startswith(f"{start}?iss=")
    launch = back(gone)
    assert launch["iss"] == f"{HERE}/fhir"
    said = await tokens(web, doctor, program, launch=launch["launch"])
    assert said["patient"] == patient
    again = await doctor.get("/oauth/authorize", params=kit.question(program, launch=launch["launch"]))
    assert back(again)["error"] == "invalid_request"


async def test_a_refresh_token_is_good_once_and_its_second_showing_cuts_the_family(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, doctor = await client(None), await client("doctor")
    program = await kit.registered(database, subject("administrator"), "public", READS)
    patient = await patient_with(database, loader, "Lý Thị Xoay")
    first = await tokens(web, doctor, program, patient=patient)
    second = (await web.post("/oauth/token", data=for_refresh(program, first["refresh_token"]))).json()
    assert second["refresh_token"] != first["refresh_token"] and second["patient"] == patient
    less = for_refresh(program, second["refresh_token"], scope="patient/Patient.r")
    third = (await web.post("/oauth/token", data=less)).json()
    assert third["scope"] == "patient/Patient.r"
    headers = bearer(third["access_token"])
    assert (await web.get(f"/fhir/Patient/{patient}", headers=headers)).status_code == 200
    assert (await web.get("/fhir/Observation", headers=headers)).status_code == 403
    stolen = await web.post("/oauth/token", data=for_refresh(program, first["refresh_token"]))
    assert stolen.json()["error"] == "invalid_grant"
    assert (await web.get(f"/fhir/Patient/{patient}", headers=headers)).status_code == 401
    late = await web.post("/oauth/token", data=for_refresh(program, third["refresh_token"]))
    assert late.json()["error"] == "invalid_grant"
    [trace] = await acts(database, program, "program-reuse")
    assert not trace["allowed"] and "shown twice" in trace["rule"]


async def test_a_scope_with_a_category_holds_in_searches_reads_includes_chains_and_everything(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, admin = await client(None), subject("administrator")
    laboratory = f"system/Observation.rs?category={CATEGORIES}|laboratory"
    rights = f"{laboratory} system/Patient.rs"
    program = await kit.registered(database, admin, "backend", rights)
    patient = await patient_with(database, loader, "Thào Thị Loại", "laboratory", "vital-signs")
    async with database.transaction(loader.facility) as tx:
        found = await store.search(tx, loader, r4.Observation, {"patient": patient})
    kinds = {one.category[0].coding[0].code: one.id for one in found.resources}  # type: ignore[index]
    token = (await web.post("/oauth/token", data=for_itself(program, rights))).json()
    assert set(token["scope"].split()) == set(rights.split())
    web.headers.update(bearer(token["access_token"]))

    async def ids(address: str) -> set[str]:
        answer = await web.get(address)
        assert answer.status_code == 200, answer.text
        return {one["resource"]["id"] for one in answer.json().get("entry", [])}

    assert await ids(f"/fhir/Observation?patient={patient}") == {kinds["laboratory"]}
    assert await ids(f"/fhir/Observation?patient={patient}&_sort=date") <= {kinds["laboratory"]}
    assert await ids(f"/fhir/Observation?patient={patient}&category=vital-signs") == set()
    assert (await web.get(f"/fhir/Observation?patient={patient}&_summary=count")).json()["total"] == 1
    assert (await web.get(f"/fhir/Observation/{kinds['laboratory']}")).status_code == 200
    assert (await web.get(f"/fhir/Observation/{kinds['vital-signs']}")).status_code == 404
    assert await ids(f"/fhir/Patient?_id={patient}&_revinclude=Observation:patient") == {patient, kinds["laboratory"]}
    assert await ids(f"/fhir/Patient/{patient}/Observation") == {kinds["laboratory"]}
    chained = await web.get(f"/fhir/Patient?_id={patient}&_has:Observation:patient:code=8867-4")
    assert chained.status_code == 403
    everything = await web.get(f"/fhir/Patient/{patient}/$everything")
    assert kinds["vital-signs"] not in everything.text
    for address in (f"Observation/{kinds['vital-signs']}/_history", "Observation/_history", "_history", "$changes"):
        answer = await web.get(f"/fhir/{address}")
        assert kinds["vital-signs"] not in answer.text, address
    assert (await web.get("/fhir/$export", headers={"Prefer": "respond-async"})).status_code in (403, 404)
    members = [r4.Reference(reference=f"Observation/{id_}") for id_ in kinds.values()]
    panel = msgspec.structs.replace(observation(patient, "laboratory"), hasMember=members)
    async with database.transaction(loader.facility) as tx:
        panel = await store.create(tx, loader, panel)
    along = f"/fhir/Observation?_id={panel.id}&_include=Observation:has-member"
    assert await ids(along) == {panel.id, kinds["laboratory"]}


async def test_what_she_may_not_do_no_scope_lets_a_program_do(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, cashier = await client(None), await client("cashier")
    everything = "user/*.cruds patient/*.cruds launch/patient"
    program = await kit.registered(database, subject("administrator"), "public", everything)
    patient = await patient_with(database, loader, "Giàng Thị Hẹp", "laboratory")
    said = await tokens(web, cashier, program, patient=patient)
    headers = bearer(said["access_token"])
    assert (await web.get(f"/fhir/Patient/{patient}", headers=headers)).status_code == 200
    for address in ("Observation", "Composition", "AuditEvent", "$export", "Condition"):
        assert (await web.get(f"/fhir/{address}", headers=headers)).status_code == 403, address
    written = await web.post("/fhir/Patient", headers=headers, json={"resourceType": "Patient"})
    assert written.status_code == 403


async def test_a_patient_allows_a_program_her_own_record_and_nothing_else(
    client: Client, database: Database, subject: Who, loader: Subject, hospital: House
) -> None:
    web, herself = await client(None), await client(None)
    mine = await patient_with(database, loader, "Mùa Thị Tự", "laboratory")
    other = await patient_with(database, loader, "Mùa Thị Lạ", "laboratory")
    async with database.transaction(hospital.key) as tx:
        herself.cookies.set(COOKIE, await open_session(tx, hospital.key, patient=mine, hours=1))
    scopes = "openid fhirUser launch/patient offline_access patient/*.rs user/*.rs"
    program = await kit.registered(database, subject("administrator"), "public", scopes)
    said = await tokens(web, herself, program, patient=other)
    assert said["patient"] == mine
    headers = bearer(said["access_token"])
    assert (await web.get(f"/fhir/Patient/{mine}", headers=headers)).status_code == 200
    assert (await web.get(f"/fhir/Patient/{other}", headers=headers)).status_code == 404
    found = (await web.get("/fhir/Observation", headers=headers)).json()
    assert {one["resource"]["subject"]["reference"] for one in found["entry"]} == {f"Patient/{mine}"}
    herself.cookies.clear()
    async with database.transaction(hospital.key) as tx:
        await tx.execute("delete from session where patient = $1", mine)
    assert (await web.get(f"/fhir/Patient/{mine}", headers=headers)).status_code == 401


async def test_signing_out_locking_and_cutting_off_end_what_a_program_holds(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, admin = await client(None), subject("administrator")
    program = await kit.registered(database, admin, "public", READS)
    patient = await patient_with(database, loader, "Cứ Thị Hết")
    address = f"/fhir/Patient/{patient}"

    async def fresh() -> tuple[httpx.AsyncClient, dict[str, Any]]:
        doctor = await client("doctor")
        said = await tokens(web, doctor, program, patient=patient)
        assert (await web.get(address, headers=bearer(said["access_token"]))).status_code == 200
        return doctor, said

    async def is_over(said: dict[str, Any]) -> None:
        assert (await web.get(address, headers=bearer(said["access_token"]))).status_code == 401
        again = await web.post("/oauth/token", data=for_refresh(program, said["refresh_token"]))
        assert again.json()["error"] in ("invalid_grant", "invalid_client")

    doctor, said = await fresh()
    async with database.transaction(program.facility) as tx:
        await sign_out(tx, subject("doctor"), doctor.cookies[COOKIE])
    await is_over(said)
    doctor, said = await fresh()
    await doctor.post("/khoa-man-hinh/khoa", headers={"Sec-Fetch-Site": "same-origin"})
    async with database.transaction(program.facility) as tx:
        await tx.execute("update session set locked = now() where account = $1", subject("doctor").account)
    await is_over(said)
    doctor, said = await fresh()
    narrower = Draft(name=program.name, kind="public", scopes="patient/Observation.rs", redirects=(REDIRECT,))
    async with database.transaction(program.facility) as tx:
        await registry.change(tx, admin, program.id, narrower)
    assert (await web.get(address, headers=bearer(said["access_token"]))).status_code == 403
    async with database.transaction(program.facility) as tx:
        await registry.cut_off(tx, admin, program.id, "thử")
    await is_over(said)
    page = await (await client("doctor")).get("/oauth/authorize", params=kit.question(program))
    assert page.status_code == 400 and "location" not in page.headers


async def test_introspection_and_revocation_speak_of_ones_own_tokens_only(
    client: Client, database: Database, subject: Who, loader: Subject
) -> None:
    web, doctor, admin = await client(None), await client("doctor"), subject("administrator")
    scopes = "openid launch/patient offline_access patient/Patient.rs"
    program, stranger = [await kit.registered(database, admin, "key", scopes) for _n in range(2)]
    patient = await patient_with(database, loader, "Hảng Thị Hỏi")
    said = await tokens(web, doctor, program, patient=patient)

    async def asked(who: Program, token: str) -> dict[str, Any]:
        found: dict[str, Any] = (await web.post("/oauth/introspect", data={"token": token, **kit.proof(who)})).json()
        return found

    told = await asked(program, said["access_token"])
    assert told["active"] and told["patient"] == patient and told["client_id"] == program.id
    assert await asked(stranger, said["access_token"]) == {"active": False}
    assert await asked(program, "không có") == {"active": False}
    refused = await web.post("/oauth/revoke", data={"token": said["refresh_token"], **kit.proof(stranger)})
    assert refused.json()["error"] == "invalid_grant"
    assert (await asked(program, said["access_token"]))["active"]
    done = await web.post("/oauth/revoke", data={"token": said["refresh_token"], **kit.proof(program)})
    assert done.status_code == 200
    assert await asked(program, said["access_token"]) == {"active": False}
    assert (await web.post("/oauth/revoke", data={"token": "?", **kit.proof(program)})).status_code == 200
    assert await acts(database, program, "program-revoke")


async def test_the_first_questions_of_every_door(
    client: Client, database: Database, subject: Who, other_hospital: House
) -> None:
    program = await kit.registered(database, subject("administrator"), "public", READS)
    nobody, elsewhere = await client(None), await client("doctor", other_hospital)
    asked = await nobody.get("/oauth/authorize", params=kit.question(program))
    assert asked.status_code == 303 and asked.headers["location"].startswith("/dang-nhap?next=")
    said = {**kit.question(program), "answer": "allow", "patient": "x"}
    assert (await nobody.post("/oauth/authorize", data=said)).headers["location"].startswith("/dang-nhap")
    for answer in (
        await elsewhere.get("/oauth/authorize", params=kit.question(program)),
        await elsewhere.post("/oauth/authorize", data=said),
    ):
        assert answer.status_code == 400 and "location" not in answer.headers
    admin = await client("administrator", other_hospital)
    assert (await admin.get(f"/quan-tri/ung-dung/{program.id}")).status_code == 404
    for path in ("ngat", "mo-lai", "ngat-quyen", ""):
        data = {"reason": "thử", "quyen": "x", "scopes": "patient/*.rs"}
        answer = await admin.post(f"/quan-tri/ung-dung/{program.id}/{path}".rstrip("/"), data=data)
        assert answer.status_code == 404, path
    for path in ("token", "introspect", "revoke"):
        answer = await nobody.post(f"/oauth/{path}", data={"grant_type": "client_credentials", "token": "x"})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x"}, {"scopes": ""}, {"scopes": "openid"}, {"scopes": "system/*.rs"}, {"scopes": "patient/x.rs"},
        {"scopes": "patient/Observation.sr"}, {"scopes": "patient/Observation.rs?value=1"},
        {"scopes": "patient/Observation.cruds?category=laboratory"}, {"scopes": "patient/*.rs?category=laboratory"},
        {"scopes": "patient/Observation.rs?category="}, {"redirects": ()}, {"redirects": ("http://app.vn/",)},
        {"redirects": ("https://app.vn/*",)}, {"redirects": ("https://app.vn/#a",)}, {"redirects": ("javascript:x",)},
        {"redirects": ("https://a@app.vn/",)}, {"redirects": ("https://app.vn/", "//app.vn")}, {"keys": "{}"},
        {"kind": "key"}, {"kind": "key", "keys": "{}"}, {"kind": "key", "keys": '{"keys": []}'},
        {"kind": "key", "keys": json.dumps({"keys": [kit.ec_key().as_dict(private=True)]})},
        {"kind": "key", "keys": json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "x"}]})},
        {"kind": "key", "keys_url": "http://app.vn/jwks"}, {"kind": "key", "keys": kit.jwks(), "keys_url": "https://a.vn"},
        {"kind": "backend", "keys": kit.jwks()},
        {"kind": "backend", "keys": kit.jwks(), "redirects": (), "scopes": "system/*.rs openid"},
        {"launch_url": "http://app.vn/"},
    ],
)  # fmt: skip
async def test_what_cannot_be_registered(changes: dict[str, Any]) -> None:
    draft = {"name": "máy thử", "kind": "public", "scopes": "patient/*.rs", "redirects": (REDIRECT,), **changes}
    with pytest.raises(Invalid):
        registry.check(Draft(**draft))


async def test_keys_are_fetched_from_the_registered_address_and_bounded(
    client: Client, database: Database, subject: Who, receiver: Any, hook: str
) -> None:
    web, admin = await client(None), subject("administrator")
    program = await kit.registered(database, admin, "backend", "system/Patient.rs", keys_url="https://127.0.0.1:1/jwks")
    answer = await web.post("/oauth/token", data=for_itself(program, "system/Patient.rs"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "cannot be read" in answer.json()["error_description"]
