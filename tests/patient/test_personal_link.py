"""The way in: a link and a birth date, both or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.access import Door, Permission
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.simulator import House
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
OWN_PAGES = ("/nguoi-benh", "/nguoi-benh/ket-qua", "/nguoi-benh/luot-kham", "/nguoi-benh/ai-da-mo")


async def somebody(database: Database, house: House, **of: str | None) -> tuple[r4.Patient, str]:
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house, **of)  # type: ignore[arg-type]
    return person, await people.link(database, house, person)


@pytest.mark.parametrize("path", OWN_PAGES)
async def test_without_a_session_no_record_opens(client: Client, path: str) -> None:
    answer = await (await client(None)).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(("/dang-nhap", "/nguoi-benh/mo-lai"))


@pytest.mark.parametrize("path", OWN_PAGES)
@pytest.mark.parametrize("role", ["reception", "doctor", "administrator", "province"])
async def test_staff_have_no_page_of_their_own_here(client: Client, path: str, role: str) -> None:
    assert (await (await client(role)).get(path)).status_code == 403


async def test_the_link_and_the_birth_date_open_her_day(client: Client, database: Database, hospital: House) -> None:
    _person, token = await somebody(database, hospital)
    browser = await client(None)
    asked = await browser.get(f"/nguoi-benh/{token}")
    assert asked.status_code == 200
    assert "Đặng Thị Tâm" not in asked.text  # the link alone tells nothing
    answer = await people.opened(browser, token)
    assert (answer.status_code, answer.headers["location"]) == (303, "/nguoi-benh")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "Đặng Thị Tâm" in (await browser.get("/nguoi-benh")).text


async def test_a_year_is_enough_where_only_the_year_is_known(
    client: Client, database: Database, hospital: House
) -> None:
    _person, token = await somebody(database, hospital, birth="1951")
    assert (await people.opened(await client(None), token, "01/01/1951")).status_code == 303


@pytest.mark.parametrize("typed", ["", "04/02/1956", "31/02/1956", "x" * 500, "' or 1=1 --", "00000000"])
async def test_anything_else_opens_nothing(client: Client, database: Database, hospital: House, typed: str) -> None:
    _person, token = await somebody(database, hospital)
    browser = await client(None)
    answer = await people.opened(browser, token, typed)
    assert answer.status_code == 422
    assert COOKIE not in answer.cookies
    assert "is-invalid" in answer.text


async def test_a_guessed_link_is_not_there(client: Client) -> None:
    browser = await client(None)
    for guess in ("a", "0" * 32, "%00", "é" * 40):
        assert (await browser.get(f"/nguoi-benh/{guess}")).status_code in (303, 404)
        assert (await people.opened(browser, guess)).status_code in (303, 404, 405)


async def test_ten_wrong_dates_lock_the_link_even_for_the_right_one(
    client: Client, database: Database, hospital: House
) -> None:
    _person, token = await somebody(database, hospital)
    browser = await client(None)
    for day in range(10, 20):
        assert (await people.opened(browser, token, f"{day}/05/1956")).status_code == 422
    assert (await people.opened(browser, token)).status_code == 403
    assert (await browser.get(f"/nguoi-benh/{token}")).status_code == 403


async def test_an_ended_link_is_gone(client: Client, database: Database, hospital: House) -> None:
    person, token = await somebody(database, hospital)
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update personal_link set ends = now() - interval '1 second' where patient = $1", person.id)
    assert (await people.opened(await client(None), token)).status_code == 404


async def test_the_session_ends_with_its_time_and_with_leaving(
    client: Client, database: Database, hospital: House
) -> None:
    person, token = await somebody(database, hospital)
    browser = await client(None)
    await people.opened(browser, token)
    kept = browser.cookies[COOKIE]
    left = await browser.post("/nguoi-benh/thoat")
    assert left.headers["location"] == "/nguoi-benh/mo-lai"
    browser.cookies.set(COOKIE, kept)
    assert (await browser.get("/nguoi-benh")).status_code == 303
    browser.cookies.clear()
    await people.opened(browser, token)
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update session set ends = now() where patient = $1", person.id)
    assert (await browser.get("/nguoi-benh")).status_code == 303


async def test_no_door_of_the_staff_opens_to_a_patient(client: Client, database: Database, hospital: House) -> None:
    _person, token = await somebody(database, hospital)
    browser = await client(None)
    await people.opened(browser, token)
    doors = browser._transport.app.state.doors  # type: ignore[attr-defined]
    tried = 0
    for door in doors:
        if door.permission in (
            Permission.ANYONE,
            Permission.OWN_RECORD,
            Permission.NAME_RELATIVES,
            Permission.OWN_RIGHTS,
        ):
            continue
        method = door.methods[0] if isinstance(door, Door) else "GET"
        path = door.path.replace("{", "").replace("}", "").split(":")[0]
        answer = await browser.request(method, path)
        told = (401,) if door.app else (403, 404)  # the app's doors look at no cookie
        assert answer.status_code in told, (method, path, answer.status_code)
        tried += 1
    assert tried > 30


async def test_the_desk_makes_a_link_that_opens(client: Client, database: Database, hospital: House) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
    shown = await (await client("reception")).post(f"/nguoi-benh/lien-ket/{person.id}")
    assert shown.status_code == 200
    assert 'class="qr"' in shown.text
    token = shown.text.split("/nguoi-benh/", 1)[1].split('"', 1)[0].split("<", 1)[0]
    assert (await people.opened(await client(None), token)).status_code == 303


async def test_a_link_is_made_by_staff_of_this_hospital_only(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
    path = f"/nguoi-benh/lien-ket/{person.id}"
    assert (await (await client(None)).post(path)).status_code == 303
    assert (await (await client("reception", other_hospital)).post(path)).status_code == 404
    assert (await (await client("cashier")).post(path)).status_code == 403


async def test_without_a_birth_date_there_is_no_link_but_a_reason(
    client: Client, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital, birth=None)
    refused = await (await client("reception")).post(f"/nguoi-benh/lien-ket/{person.id}")
    assert refused.status_code == 422
    assert "chưa có ngày sinh" in refused.text
