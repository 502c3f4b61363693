"""After a visit: asked once, under no name, and the months of the board."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import httpx
import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.accounts import open_session
from benhan.core.access.acting import Kind, Part, Relation
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital.feedback import survey
from benhan.hospital.feedback.survey import Answers
from benhan.hospital.visit import stamp
from benhan.simulator import House, build_house
from tests.patient import people
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(database: Database, dsn: Callable[..., str]) -> House:
    return await build_house(database, dsn(), code="79563", name="BVĐK Khảo Sát", days=0)


async def _visit(database: Database, house: House, person: r4.Patient, ended: timedelta | None) -> r4.Encounter:
    """A visit that ended so long ago; None: not yet."""
    async with database.transaction(house.key) as tx:
        begun = await people.visit(tx, house, person)
        if ended is None:
            return begun
        period = r4.Period(start=stamp(clock.now() - ended - timedelta(hours=1)), end=stamp(clock.now() - ended))
        done = msgspec.structs.replace(begun, status="finished", period=period)
        return await store.update(tx, house.loader, done, if_match=None)


async def _signed_in(client: Client, database: Database, house: House) -> tuple[r4.Patient, Phone]:
    phone = Phone(await client(None))
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
        phone.token = await open_session(tx, house.key, patient=person.id, hours=1)
    return person, phone


async def test_a_visit_is_answered_for_once_and_the_answers_are_nobodys(
    client: Client, database: Database, house: House
) -> None:
    person, hers = await _signed_in(client, database, house)
    ended = await _visit(database, house, person, timedelta(hours=3))
    other = [await _visit(database, house, person, ago) for ago in (None, timedelta(days=31))]
    asked = await hers.read("/surveys")
    assert [one["id"] for one in asked["visits"]] == [ended.id]
    assert [one["code"] for one in asked["questions"]] == list(survey.QUESTIONS)
    path = f"/surveys/{ended.id}"
    assert (await hers.post(path, {"words": "chỉ có lời"})).status_code == 422
    assert (await hers.post(path, {"waiting": "6"})).status_code == 422
    for one in other:
        assert (await hers.post(f"/surveys/{one.id}", {"waiting": "5"})).status_code == 409
    said = {"waiting": "2", "staff": "5", "words": "Chờ lâu <b>"}
    assert (await hers.post(path, said)).json()["visits"] == []
    assert (await hers.post(path, {"waiting": "5"})).status_code == 200  # twice is once
    _someone, stranger = await _signed_in(client, database, house)
    assert (await stranger.post(path, {"waiting": "5"})).status_code == 404

    page = (await (await client(Role.PLANNING, house)).get("/gop-y")).text
    assert "Chờ lâu &lt;b&gt;" in page and "3,5" in page and "Đặng Thị Tâm" not in page
    behind = service(Role.FEEDBACK_SERVICE, house.key)
    async with database.transaction(house.key) as tx:
        [kept] = (await store.search(tx, behind, r4.QuestionnaireResponse, {})).resources
        assert (kept.subject, kept.encounter, kept.author, kept.source) == (None, None, None, None)
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select account, session, address from audit where id = $1", kept.id)
    assert {tuple(row.values()) for row in rows} == {("service:feedback-service", None, None)}
    for role in (Role.DOCTOR, Role.RECEPTION):
        assert (await (await client(role, house)).get("/gop-y")).status_code == 403


async def test_who_may_not_know_of_visits_is_asked_for_none(database: Database, house: House) -> None:
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
    await _visit(database, house, person, timedelta(hours=1))
    part = Relation("r-1", Kind.NAMED, frozenset({Part.MEDICINES}), labelled=False)
    some = Subject(
        account="person:p-2", name="Ai đó", facility=house.key, facility_name="", person="p-2",
        roles=frozenset({Role.RELATIVE}), patient=person.id, relation=part,
    )  # fmt: skip
    async with database.transaction(house.key) as tx:
        assert await survey.pending(tx, some) == []


async def test_months_tell_how_content_people_were_with_each_thing() -> None:
    found = [
        Answers(date(2026, 10, 30), {"waiting": 1, "staff": 5}, ""), Answers(date(2026, 11, 2), {"waiting": 4}, "tốt"),
        Answers(date(2026, 11, 3), {"waiting": 2}, ""), Answers(date(2026, 11, 3), {}, "không chấm"),
    ]  # fmt: skip
    october, november = survey.by_month(found)
    assert (october.mean, october.count, october.means["staff"]) == (3.0, 1, 5.0)
    assert (november.mean, november.count, november.means["waiting"], november.means["staff"]) == (3.0, 2, 3.0, None)
