"""What she sees: her own, in plain words, and only what is signed or final."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.patient import live, position, rules
from benhan.simulator import House
from tests.patient import people
from tests.settled import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def enter(client: Client, database: Database, house: House, person: r4.Patient) -> httpx.AsyncClient:
    browser = await client(None)
    await people.opened(browser, await people.link(database, house, person))
    return browser


async def test_her_place_in_the_queue_without_a_word_about_the_others(
    client: Client, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        room = await people.fresh_room(tx, hospital)
        others = [await people.patient(tx, hospital, f"Người Khác {n}") for n in "ABC"]
        for other in others:
            await people.ticket(tx, hospital, other, await people.visit(tx, hospital, other), room)
        person = await people.patient(tx, hospital)
        mine = await people.ticket(tx, hospital, person, await people.visit(tx, hospital, person), room)
    browser = await enter(client, database, hospital, person)
    page = (await browser.get("/nguoi-benh")).text
    assert "Còn 3 người · khoảng 18 phút" in page
    assert (mine.identifier or [])[0].value.rpartition("/")[2] in page  # type: ignore[union-attr]
    assert "Người Khác" not in page
    async with database.transaction(hospital.key) as tx:
        doctor = hospital.subject(Role.DOCTOR)
        for _ in range(3):
            await queue.call_next(tx, doctor, room)
    position._rooms.clear()  # as when the few seconds are over
    assert "Bạn là người tiếp theo" in (await browser.get("/nguoi-benh")).text
    async with database.transaction(hospital.key) as tx:
        await queue.call_next(tx, doctor, room)
    assert "Mời vào" in (await browser.get("/nguoi-benh", headers={"HX-Request": "true"})).text


@pytest.mark.parametrize(
    ("now", "shown"), [("2026-11-23T00:02", True), ("2026-11-23T05:00", True), ("2026-11-23T09:00", False)]
)
async def test_a_visit_that_ended_before_midnight_is_hers_until_morning(now: str, shown: bool) -> None:
    over = r4.Encounter(
        status="finished",
        class_=r4.Coding(code="AMB"),
        period=r4.Period(start="2026-11-22T23:20:00+07:00", end="2026-11-22T23:59:00+07:00"),
    )
    assert (rules.current([over], clock.local(now)) is over) == shown


async def test_nothing_of_an_unsigned_note_and_no_result_before_it_is_final(
    client: Client, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        about = await people.visit(tx, hospital, person)
        draft = await people.note(tx, hospital, about, "Lời dặn còn nháp", "preliminary")
        await people.prescription(tx, hospital, about, "Thuốc còn nháp", "draft")
        await people.glucose(tx, hospital, about, "7.5", status="preliminary")
    browser = await enter(client, database, hospital, person)
    pages = [f"/nguoi-benh/luot-kham/{about.id}", "/nguoi-benh", "/nguoi-benh/ket-qua", "/nguoi-benh/luot-kham"]
    for path in pages:
        text = (await browser.get(path)).text
        assert "nháp" not in text and "Glucose" not in text, path
    async with database.transaction(hospital.key) as tx:
        draft.status = "final"
        await store.update(tx, hospital.loader, draft, if_match=None)
        await people.prescription(tx, hospital, about, "Metformin 500 mg", "active")
        await people.glucose(tx, hospital, about, "7.5")
    told = (await browser.get(pages[0])).text
    assert "Lời dặn còn nháp" in told  # signed now
    assert "Metformin 500 mg" in told and "1 viên" in told and "Thuốc còn nháp" not in told
    assert "7,5" in told and "cao hơn bình thường" in told and "3,9 – 6,1" in told


async def test_a_value_measured_before_has_a_curve(client: Client, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        about = await people.visit(tx, hospital, person)
        for days, value in ((200, "6.8"), (100, "6.2"), (0, "7.1")):
            await people.glucose(tx, hospital, about, value, days_ago=days)
    page = (await (await enter(client, database, hospital, person)).get("/nguoi-benh/ket-qua")).text
    assert "3 lần đo" in page
    assert 'class="series s1"' in page and 'class="band"' in page


async def test_another_patients_visit_is_not_there(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person, other = await people.patient(tx, hospital), await people.patient(tx, hospital, "Người Khác")
        theirs = await people.visit(tx, hospital, other)
    async with database.transaction(other_hospital.key) as tx:
        stranger = await people.patient(tx, other_hospital, "Người Ở Xa")
        elsewhere = await people.visit(tx, other_hospital, stranger)
    browser = await enter(client, database, hospital, person)
    for id_ in (theirs.id, elsewhere.id, "khong-co", "%2e%2e", "x" * 300):
        assert (await browser.get(f"/nguoi-benh/luot-kham/{id_}")).status_code == 404, id_
    for path in ("/fhir/Patient", f"/fhir/Encounter/{theirs.id}", f"/fhir/Patient/{other.id}"):
        assert (await browser.get(path)).status_code in (403, 404)


async def test_she_sees_who_opened_her_record_and_who_tried(
    client: Client, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        about = await people.visit(tx, hospital, person)
    doctor = hospital.subject(Role.DOCTOR)
    async with database.transaction(hospital.key) as tx:
        await store.read(tx, doctor, r4.Encounter, about.id or "")
        await store.search(tx, hospital.subject(Role.LABORATORY), r4.Patient, {"_count": "5"})  # a list, not an opening
    token = await people.link(database, hospital, person)
    await people.opened(await client(None), token, "09/09/1999")
    browser = await client(None)
    await people.opened(browser, token)
    page = (await browser.get("/nguoi-benh/ai-da-mo")).text
    assert doctor.name in page and "Bác sĩ" in page and "lượt khám" in page
    assert "Để khám, điều trị" in page.replace("\n", " ")
    assert hospital.subject(Role.LABORATORY).name not in page
    assert "1 lần có người mở liên kết của bạn mà nhập sai ngày sinh" in page


async def test_she_reads_it_in_english_too(client: Client, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        await people.ticket(tx, hospital, person, await people.visit(tx, hospital, person))
    page = (await (await enter(client, database, hospital, person)).get("/nguoi-benh?lang=en")).text
    assert "Your number" in page and "Who opened my record?" in page
    assert "Số của bạn" not in page


async def test_the_stream_says_that_something_changed_and_nothing_else(
    client: Client, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        about = await people.visit(tx, hospital, person)
    who = hospital.subject(Role.DOCTOR)
    herself = type(who)(
        account=f"patient:{person.id}", name="", facility=hospital.key, facility_name="",
        roles=frozenset({Role.PATIENT}), patient=person.id,
    )  # fmt: skip
    browser = await client(None)
    events = live.words(browser._transport.app, herself, moved="mine")  # type: ignore[attr-defined]
    assert (await anext(events)).startswith("retry")
    async with database.transaction(hospital.key) as tx:
        await people.ticket(tx, hospital, person, about)
    assert await asyncio.wait_for(anext(events), PATIENCE) == "event: mine\ndata: {}\n\n"
    await events.aclose()
