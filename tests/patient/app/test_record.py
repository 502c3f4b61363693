"""Her record on the phone: the day with its ticket, what visits have brought, who looked; and what is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.subject import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.hospital import queue
from benhan.hospital.visit import concept, ticket_number
from benhan.patient import live
from benhan.patient.position import Position, differs
from benhan.simulator import House, plan
from tests.patient import people, telephones
from tests.patient.app.phone import Phone
from tests.settled import PATIENCE
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
#: Where nobody of other tests waits.
ROOM = "phong-pk05"


async def test_her_day_and_record_are_what_her_page_shows(
    a_phone: NewPhone, database: Database, hospital: House, other_hospital: House, gateway: GatewayStandIn
) -> None:
    number = telephones.number()
    person = await telephones.patient(database, hospital, number)
    async with database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
        ticket = await people.ticket(tx, hospital, person, visit, ROOM)
        await people.note(tx, hospital, visit, "Uống nhiều nước", "final")
        await people.glucose(tx, hospital, visit, "5.9", days_ago=400)
        await people.glucose(tx, hospital, visit, "7.1")
        await people.glucose(tx, hospital, visit, "9.9", status="preliminary")
        await people.prescription(tx, hospital, visit, "Metformin 500 mg", "active")
        await people.prescription(tx, hospital, visit, "Nháp", "draft")
        allergy = r4.AllergyIntolerance(
            patient=r4.Reference(reference=f"Patient/{person.id}"), criticality="high",
            code=r4.CodeableConcept(text="Penicillin"), clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        )  # fmt: skip
        await store.create(tx, hospital.loader, allergy)
        hers_alone = await people.visit(tx, hospital, await people.patient(tx, hospital, "Người Khác"))
    async with database.transaction(other_hospital.key) as tx:
        elsewhere = await people.visit(tx, other_hospital, await people.patient(tx, other_hospital))
    hers = await a_phone()
    await hers.come(hospital, gateway, number)

    day = await hers.read("/day")
    assert day["person"]["birthDate"] == people.BIRTH
    assert day["person"]["qr"]["text"] == day["person"]["number"]
    assert day["ticket"] == {
        "number": ticket_number(ticket), "room": "Phòng khám 5", "way": plan.WAYS["PK05"], "state": "waiting",
    }  # fmt: skip
    assert day["place"]["ahead"] >= 0
    assert [step["state"] for step in day["steps"]] == ["done", "on", ""]
    assert (await hers.read("/place"))["ticket"] == day["ticket"]
    told = await hers.read(f"/visits/{visit.id}")
    assert told == day["visit"]
    assert (told["advice"], told["open"]) == ("Uống nhiều nước", True)
    [curve] = told["results"]
    assert [one["value"] for one in curve["values"]] == ["5,9", "7,1"]
    assert (curve["last"]["plain"], curve["last"]["tone"]) == ("cao hơn bình thường", "warn")
    [medicine] = (await hers.read("/medicines"))["medicines"]
    assert (medicine["title"], medicine["doses"]) == (
        "Metformin 500 mg", [{"time": "MORN", "name": "sáng", "dose": "1 viên"}],
    )  # fmt: skip
    assert (await hers.read("/allergies"))["allergies"] == [{"name": "Penicillin", "severe": True, "since": None}]
    assert [one["id"] for one in (await hers.read("/visits"))["visits"]] == [visit.id]
    assert {one["name"] for one in (await hers.read("/openings"))["openings"]} <= {hospital.loader.name, ""}
    for not_hers in (hers_alone, elsewhere):
        assert (await hers.get(f"/visits/{not_hers.id}")).status_code in (403, 404)


async def test_a_wait_that_is_about_the_same_is_no_news() -> None:
    told = Position(ahead=3, minutes=20, inside="N-001")
    same = [told, Position(3, 23, "N-001"), Position(3, 16, "N-001")]
    other = [None, Position(2, 20, "N-001"), Position(3, 20, "N-002"), Position(3, 25, "N-001")]
    assert not any(differs(told, one) for one in same)
    assert all(differs(told, one) for one in other) and not differs(None, None)


async def test_when_the_queue_moves_everybody_in_it_hears_so_and_nothing_else(
    app: Starlette, database: Database, hospital: House
) -> None:
    listening = []
    for name in ("Trần Thị Một", "Trần Thị Hai"):
        async with database.transaction(hospital.key) as tx:
            person = await people.patient(tx, hospital, name)
            await people.ticket(tx, hospital, person, await people.visit(tx, hospital, person), ROOM)
        words = live.words(app, _herself(hospital, person), moved="place")
        assert (await anext(words)).startswith("retry")
        listening.append((person, words))
    (first, hers), (_second, after) = listening
    heard = [asyncio.ensure_future(_until(words, word)) for words, word in ((hers, "mine"), (after, "place"))]
    async with database.transaction(hospital.key) as tx:
        doctor = hospital.subject(Role.DOCTOR)
        ticket = await store.first(tx, hospital.loader, r4.Task, {"patient": f"Patient/{first.id}"})
        assert ticket
        await queue.call(tx, doctor, ticket)
    for one in heard:
        said = await asyncio.wait_for(one, PATIENCE)
        assert {line for word in said for line in word.splitlines()} <= {"event: mine", "event: place", "data: {}", ""}
    for _person, words in listening:
        await words.aclose()


async def _until(words: object, event: str) -> list[str]:
    """What is heard up to an event."""
    heard: list[str] = []
    async for word in words:  # type: ignore[attr-defined]
        heard.append(word)
        if word.startswith(f"event: {event}"):
            return heard
    return heard


def _herself(house: House, person: r4.Patient) -> Subject:
    return Subject(
        account=f"patient:{person.id}", name="", facility=house.key, facility_name="",
        roles=frozenset({Role.PATIENT}), patient=person.id,
    )  # fmt: skip
