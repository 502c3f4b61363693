"""What leaves a record by an address of its own: papers, a copy of everything, a share with a doctor elsewhere."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.accounts import open_session
from benhan.core.access.shares import MINUTES, MOST_GUESSES, MOST_OPEN
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.hospital import papers
from benhan.hospital.clinic import conclusion, prescribing
from benhan.hospital.visit import concept
from benhan.patient import whole
from benhan.simulator import House
from tests.hospital.clinic.rooms import HOME, Room, room, stocked, twice
from tests.patient import people, telephones
from tests.patient.app.phone import Phone
from tests.settled import PATIENCE
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
Client = Callable[..., Awaitable[httpx.AsyncClient]]
SON_BORN = "1985-08-15"


@pytest.fixture
async def concluded(database: Database, loader: Subject, subject: Callable[..., Subject], hospital: House) -> Room:
    """A visit that is signed, with a prescription, a result and an allergy."""
    medicines = await stocked(database, loader)
    made = await room(database, loader, subject("doctor"))
    async with database.transaction(hospital.key) as tx:
        await prescribing.add(tx, made.doctor, made.visit, medicines["Paracetamol"], twice(4))
        await people.glucose(tx, hospital, await store.read(tx, loader, r4.Encounter, made.visit), "7.1")
        await store.create(tx, loader, r4.AllergyIntolerance(
            patient=r4.Reference(reference=f"Patient/{made.patient}"), code=r4.CodeableConcept(text="Penicillin"),
            clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        ))  # fmt: skip
    shown = await made.seal()
    async with database.transaction(hospital.key) as tx:
        await conclusion.sign(tx, made.doctor, made.visit, HOME, shown, hospital.password)
    return made


async def holding(database: Database, hospital: House, phone: Phone, patient: str) -> Phone:
    """The phone with a session of this patient's."""
    async with database.transaction(hospital.key) as tx:
        phone.token = await open_session(tx, hospital.key, patient=patient, hours=1)
    return phone


async def traces(database: Database, hospital: House, patient: str, action: str) -> list[tuple[bool, str]]:
    """What the audit says of these acts on her record: allowed, by which rule."""
    async with database.transaction(hospital.key) as tx:
        rows = await tx.fetch(
            "select allowed, rule from audit where facility = $1 and patient = $2 and action = $3 order by seq",
            hospital.key, patient, action,
        )  # fmt: skip
    return [(row["allowed"], row["rule"]) for row in rows]


def path(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return urlsplit(answer.json()["address"]).path


async def test_a_paper_opens_once_as_the_hospital_prints_it_and_only_for_her(
    a_phone: NewPhone, client: Client, database: Database, hospital: House, concluded: Room
) -> None:
    hers = await holding(database, hospital, await a_phone(), concluded.patient)
    visit = f"/visits/{concluded.visit}"
    listed = [one["id"] for one in (await hers.read(visit))["papers"]]
    assert listed == [papers.VISIT_SHEET, papers.PRESCRIPTION]
    browser = await client(None)
    for id_ in (papers.VISIT_SHEET, papers.PRESCRIPTION):
        address = path(await hers.post(f"{visit}/papers/{id_}"))
        assert (await browser.head(address)).status_code == 200  # a preview uses nothing up
        opened = await browser.get(address)
        assert opened.content.startswith(b"%PDF") and opened.headers["content-disposition"].startswith("attachment")
        assert (await browser.get(address)).status_code == 410
    handed = await traces(database, hospital, concluded.patient, "hand-out")
    assert [rule for allowed, rule in handed if not allowed] == ["used", "used"]
    assert {rule for _, rule in await traces(database, hospital, concluded.patient, "print")} == {"patient-copies-own"}

    late, orphan = [path(await hers.post(f"{visit}/papers/{papers.VISIT_SHEET}")) for _ in range(2)]
    async with database.transaction(hospital.key) as tx:
        await tx.execute(
            "update handout set ends = now() - interval '1 second' where token_hash = sha256($1::bytea)",
            late.rpartition("/")[2].encode(),
        )
    assert (await browser.get(late)).status_code == 410
    other = await people_phone(a_phone, database, hospital)
    assert (await other.post(f"{visit}/papers/{papers.VISIT_SHEET}")).status_code in (403, 404)
    assert (await hers.post(f"{visit}/papers/hinh-anh.x")).status_code == 404
    await hers.delete("/session")
    assert (await browser.get(orphan)).status_code in (404, 410)
    assert (await browser.post(f"/app{visit}/papers/{papers.VISIT_SHEET}")).status_code == 401


async def people_phone(a_phone: NewPhone, database: Database, hospital: House) -> Phone:
    """Somebody else's phone."""
    async with database.transaction(hospital.key) as tx:
        somebody = await people.patient(tx, hospital, "Người Khác")
    return await holding(database, hospital, await a_phone(), somebody.id or "")


async def test_a_copy_of_everything_is_made_for_who_asked_and_for_nobody_else(
    a_phone: NewPhone, client: Client, database: Database, hospital: House, concluded: Room
) -> None:
    hers = await holding(database, hospital, await a_phone(), concluded.patient)
    begun = await hers.post("/copies")
    assert begun.status_code == 202, begun.text
    done = await finished(hers)
    assert (done["state"], done["seen"]) == ("done", done["total"])
    browser = await client(None)
    data = await browser.get(path(await hers.post(f"/copies/{done['id']}/bundle")))
    bundle = msgspec.json.decode(data.content)
    kinds = {one["resource"]["resourceType"] for one in bundle["entry"]}
    assert {"Patient", "Encounter", "MedicationRequest", "Observation", "AllergyIntolerance", "Provenance"} <= kinds
    named = {one["resource"]["id"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient"}
    assert named == {concluded.patient}
    async with database.transaction(hospital.key) as tx:
        her = msgspec.structs.replace(
            hospital.subject(Role.DOCTOR), roles=frozenset({Role.PATIENT}), patient=concluded.patient, practitioner=None
        )
        few = (await whole.bundle_of(tx, her, "https://benhan.example", most=2)).entry or []
    assert isinstance(few[-1].resource, r4.OperationOutcome) and "OperationOutcome" not in kinds
    paper = await browser.get(path(await hers.post(f"/copies/{done['id']}/paper")))
    assert paper.content.startswith(b"%PDF")
    other = await people_phone(a_phone, database, hospital)
    assert (await other.post(f"/copies/{done['id']}/paper")).status_code == 404
    assert (await other.read("/copies"))["copies"] == []

    await hers.post("/copies")
    await hers.delete("/session")  # with her session goes what was made under it
    async with database.transaction(hospital.key) as tx:
        kept = await tx.fetchval("select count(*) from own_copy where patient = $1", concluded.patient)
    assert kept == 0


async def finished(phone: Phone) -> Any:
    async with asyncio.timeout(PATIENCE):
        while True:
            [one, *_] = (await phone.read("/copies"))["copies"]
            if one["state"] in ("done", "failed"):
                return one
            await asyncio.sleep(0.05)


async def said(browser: httpx.AsyncClient, address: str, code: str) -> httpx.Response:
    """A doctor elsewhere says the code and who she is."""
    return await browser.post(address, data={"name": "BS Trần Văn Xa", "place": "BV Chợ Rẫy", "code": code})


async def test_a_doctor_elsewhere_reads_what_is_shared_and_the_patient_sees_it_and_ends_it(
    a_phone: NewPhone, client: Client, database: Database, hospital: House, concluded: Room
) -> None:
    hers = await holding(database, hospital, await a_phone(), concluded.patient)
    async with database.transaction(hospital.key) as tx:
        earlier = await people.visit(tx, hospital, await store.read(tx, hospital.loader, r4.Patient, concluded.patient))
        await people.note(tx, hospital, earlier, "Lời dặn lần trước", "final")
    opens = (await hers.post("/shares", {"visit": concluded.visit, "minutes": "60"})).json()
    address = urlsplit(opens["address"]).path
    elsewhere = await client(None)
    asked = await elsewhere.get(address)
    assert asked.status_code == 200 and "Penicillin" not in asked.text and "Đặng" not in asked.text
    assert (await elsewhere.get(f"{address}/ho-so")).status_code == 303
    assert (await elsewhere.get(f"{address}/ho-so.json")).status_code == 303
    entered = await said(elsewhere, address, opens["code"])
    assert entered.status_code == 303 and "HttpOnly" in entered.headers["set-cookie"]
    shown = await elsewhere.get(f"{address}/ho-so")
    assert shown.status_code == 200
    assert all(word in shown.text for word in ("Đặng Thị Tâm", "Penicillin", "Paracetamol", "7,1", "J18.9"))
    assert "Lời dặn lần trước" not in shown.text  # one visit was shared
    english = await elsewhere.get(f"{address}/ho-so?lang=en")
    assert "Reading only" in english.text
    bundle = msgspec.json.decode((await elsewhere.get(f"{address}/ho-so.json")).content)
    visits = [one["resource"]["id"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Encounter"]
    assert visits == [concluded.visit]

    [listed] = (await hers.read("/shares"))["shares"]
    assert (listed["state"], listed["readers"]) == ("open", ["BS Trần Văn Xa · BV Chợ Rẫy"])
    [seen] = [one for one in (await hers.read("/openings"))["openings"] if "Xa" in one["name"]]
    assert seen["strange"] is False and seen["printed"] and not seen["wrote"]

    assert (await hers.post(f"/shares/{opens['id']}/end")).json()["shares"][0]["state"] == "ended"
    for gone in (address, f"{address}/ho-so", f"{address}/ho-so.json"):
        assert (await elsewhere.get(gone)).status_code == 410
    assert (False, "ended") in await traces(database, hospital, concluded.patient, "share-opened")
    other = await people_phone(a_phone, database, hospital)
    assert (await other.post("/shares", {"visit": concluded.visit, "minutes": "60"})).status_code in (403, 404)
    assert (await other.post(f"/shares/{opens['id']}/end")).status_code == 404
    assert (await elsewhere.get("/chia-se/nobody-knows-it")).status_code == 404


async def test_guesses_end_a_share_and_so_does_the_clock(
    a_phone: NewPhone, client: Client, database: Database, hospital: House
) -> None:
    hers = await people_phone(a_phone, database, hospital)
    first = (await hers.post("/shares", {"visit": "", "minutes": str(MINUTES[0])})).json()
    address, elsewhere = urlsplit(first["address"]).path, await client(None)
    wrong = f"{(int(first['code']) + 1) % 10**6:06d}"
    for _ in range(MOST_GUESSES):
        assert (await said(elsewhere, address, wrong)).status_code == 422
    assert (await said(elsewhere, address, first["code"])).status_code == 410
    assert (await hers.read("/shares"))["shares"][0]["state"] == "guessed"
    second = (await hers.post("/shares", {"visit": "", "minutes": str(MINUTES[-1])})).json()
    address = urlsplit(second["address"]).path
    assert (await said(elsewhere, address, first["code"])).status_code == 422 or first["code"] == second["code"]
    assert (await said(elsewhere, address, second["code"])).status_code == 303
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update share set ends = $2 where id = $1", second["id"], people.clock.now() - timedelta(1))
    assert (await elsewhere.get(f"{address}/ho-so")).status_code == 410
    assert (await hers.post("/shares", {"visit": "", "minutes": "99999"})).status_code == 422
    for _ in range(MOST_OPEN):
        assert (await hers.post("/shares", {"visit": "", "minutes": "15"})).status_code == 201
    assert (await hers.post("/shares", {"visit": "", "minutes": "15"})).status_code == 409


async def test_a_relative_shares_while_she_acts_and_what_she_may_see(
    a_phone: NewPhone, client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    number, sons = telephones.number(), telephones.number()
    person = await telephones.patient(database, hospital, number)
    async with database.transaction(hospital.key) as tx:
        about = await people.visit(tx, hospital, person)
        await people.note(tx, hospital, about, "Uống nhiều nước", "final")
        secret = r4.AllergyIntolerance(
            patient=r4.Reference(reference=f"Patient/{person.id}"), code=r4.CodeableConcept(text="Efavirenz"),
            clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
            meta=r4.Meta(security=[r4.Coding(system=systems.ACT_CODE, code="HIV")]),
        )  # fmt: skip
        await store.create(tx, hospital.loader, secret)
    hers, his = await a_phone(), await a_phone()
    await hers.come(hospital, gateway, number)
    naming = {"name": "Đặng Văn Sơn", "phone": sons, "birthDate": SON_BORN, "labelled": False, "ends": None}
    await hers.post("/relatives", {**naming, "parts": ["chart"]})
    await his.come(hospital, gateway, sons, SON_BORN)
    [record] = (await his.read("/records"))["records"]
    await his.post("/records/accept", {"key": record["key"]})
    await his.change(record["key"])
    opens = (await his.post("/shares", {"visit": "", "minutes": "60", "labelled": True})).json()
    address, elsewhere = urlsplit(opens["address"]).path, await client(None)
    assert (await said(elsewhere, address, opens["code"])).status_code == 303
    shown = (await elsewhere.get(f"{address}/ho-so")).text
    assert "Uống nhiều nước" in shown and "Efavirenz" not in shown  # she let him see no labelled records
    assert "Efavirenz" not in (await elsewhere.get(f"{address}/ho-so.json")).text
    daughter, her_number = await a_phone(), telephones.number()
    await hers.post("/relatives", {**naming, "phone": her_number, "parts": ["visits"]})
    await daughter.come(hospital, gateway, her_number, SON_BORN)
    [record] = (await daughter.read("/records"))["records"]
    await daughter.post("/records/accept", {"key": record["key"]})
    await daughter.change(record["key"])  # a part of the record is read, and not handed on
    assert (await daughter.post("/shares", {"visit": "", "minutes": "60"})).status_code == 403
    assert (await daughter.post("/copies")).status_code == 403
    assert (await daughter.read(f"/visits/{about.id}"))["papers"] == []
    assert (await daughter.read("/shares"))["shares"] == []
    relative = next(one for one in (await hers.read("/relatives"))["relatives"] if one["parts"] == ["chart"])
    await hers.post("/relatives/end", {"id": relative["id"]})
    assert (await elsewhere.get(f"{address}/ho-so")).status_code == 410
    assert (await hers.read("/shares"))["shares"][0]["state"] == "relation"
    assert (False, "relation") in await traces(database, hospital, person.id or "", "share-opened")


async def test_pictures_of_released_reports_and_values_of_years_are_hers_alone(
    a_phone: NewPhone, database: Database, hospital: House
) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        visit = await people.visit(tx, hospital, person)
        for days in (3000, 2000, 1000, 0):
            await people.glucose(tx, hospital, visit, f"{6 + days / 1000:.1f}", days_ago=days)
        media = [await store.create(tx, hospital.loader, picture(visit, content)) for content in (png, png, b"<svg/>")]
        for one, status in zip(media, ("final", "preliminary", "final"), strict=True):
            await store.create(tx, hospital.loader, r4.DiagnosticReport(
                status=status, code=r4.CodeableConcept(text="X-quang ngực"), subject=visit.subject,
                encounter=store.reference(visit), category=[concept(systems.DIAGNOSTIC_SERVICE, "RAD")],
                conclusion="Không thấy tổn thương", media=[r4.DiagnosticReportMedia(link=store.reference(one))],
            ))  # fmt: skip
    hers = await holding(database, hospital, await a_phone(), person.id or "")
    findings = (await hers.read("/results"))["findings"]
    assert sorted(one["pictures"] for one in findings) == sorted([[media[0].id], [media[2].id]])
    shown = await hers.get(f"/pictures/{media[0].id}")
    assert (shown.content, shown.headers["content-type"]) == (png, "image/png")
    assert [(await hers.get(f"/pictures/{one.id}")).status_code for one in media[1:]] == [404, 404]
    curve = (await hers.read("/results/2345-7"))["curve"]
    assert [one["value"] for one in curve["values"]] == ["9", "8", "7", "6"]
    other = await people_phone(a_phone, database, hospital)
    assert (await other.get(f"/pictures/{media[0].id}")).status_code == 404
    assert (await other.get("/results/2345-7")).status_code == 404


def picture(visit: r4.Encounter, content: bytes) -> r4.Media:
    """A picture as another program brings it in."""
    kept = r4.Attachment(contentType="image/png", data=base64.b64encode(content).decode())
    return r4.Media(status="completed", subject=visit.subject, encounter=store.reference(visit), content=kept)
