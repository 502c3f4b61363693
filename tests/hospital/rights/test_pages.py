"""At the hospital: consents taken at the desk with the patient, and the office's list of requests."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.doors import COOKIE
from benhan.core.access.rights import OPEN, Kind
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.store import consents, rights
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
DESK_ROOT, OFFICE = "/quyen-rieng-tu", "/yeu-cau-du-lieu"


async def person_of(database: Database, house: House, birth: str = people.BIRTH) -> str:
    async with database.transaction(house.key) as tx:
        return (await people.patient(tx, house, "Ngô Thị Quyền", birth)).id or ""


async def kept(database: Database, house: House, patient: str) -> list[r4.Consent]:
    async with database.transaction(house.key) as tx:
        return list(await consents.of_patient(tx, house.loader, patient))


async def filed(database: Database, house: House, patient: str, kind: Kind = Kind.COPY) -> str:
    async with database.transaction(house.key) as tx:
        return (await rights.file(tx, house.subject(Role.RECEPTION), patient, kind, "Xin bản sao")).id


def hash_in(page: str) -> str:
    return re.findall(r'name="van-ban" value="([0-9a-f]{64})"', page)[0]


async def test_nobody_and_the_wrong_role_come_through_no_door(
    client: Client, database: Database, hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    desk = [f"{DESK_ROOT}/{id_}", f"{DESK_ROOT}/{id_}/dong-y/contact"]
    office = [OFFICE, f"{OFFICE}/tai-ve.csv", f"{OFFICE}/{await filed(database, hospital, id_)}"]
    for path in [*desk, *office]:
        assert (await (await client(None)).get(path)).status_code == 303, path
    for role in ("cashier", "laboratory", "reviewer", "administrator", "province"):
        assert {(await (await client(role)).get(path)).status_code for path in [*desk, *office]} == {403}, role
        assert (await (await client(role)).post(f"{DESK_ROOT}/{id_}/rut-tat-ca")).status_code == 403
    for role in ("doctor", "reception", "nurse"):
        assert {(await (await client(role)).get(path)).status_code for path in office} == {403}, role
        assert {(await (await client(role)).get(path)).status_code for path in desk} == {200}, role


async def test_another_hospital_finds_nothing(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    number = await filed(database, hospital, id_)
    reception, office = await client("reception", other_hospital), await client("planning", other_hospital)
    for path in (f"{DESK_ROOT}/{id_}", f"{DESK_ROOT}/{id_}/dong-y/contact"):
        assert (await reception.get(path)).status_code == 404
    assert (await reception.post(f"{DESK_ROOT}/{id_}/rut-tat-ca")).status_code == 404
    assert (
        await reception.post(f"{DESK_ROOT}/{id_}/yeu-cau", data={"viec": "view", "noi-dung": "x"})
    ).status_code == 404
    assert (await office.get(f"{OFFICE}/{number}")).status_code == 404
    assert number not in (await office.get(OFFICE)).text


async def test_a_consent_is_taken_at_the_desk_with_a_witness_printed_and_withdrawn(
    client: Client, database: Database, hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    desk = await client("reception")
    form = (await desk.get(f"{DESK_ROOT}/{id_}/dong-y/facilities")).text
    assert "checked" not in form
    path = f"{DESK_ROOT}/{id_}/dong-y/facilities"
    assert (await desk.post(path, data={})).status_code == 422
    text = (await desk.post(path, data={"nguoi-cho": "patient"})).text
    assert "checked" not in text and "làm chứng" in text
    said = {"nguoi-cho": "patient", "van-ban": hash_in(text)}
    assert (await desk.post(path, data=said)).status_code == 422
    assert (await desk.post(path, data={**said, "dong-y": "1"})).status_code == 303
    (one,) = await kept(database, hospital, id_)
    witness = hospital.subject(Role.RECEPTION).name
    sheet = (await desk.get(f"{DESK_ROOT}/{id_}/bang-chung/{one.id}")).text
    assert witness in sheet and hash_in(text) in sheet and "Ngô Thị Quyền" in sheet
    assert "đúng từng chữ" in sheet
    async with database.transaction(hospital.key) as tx:
        printed = await tx.fetchval(
            "select count(*) from audit where action = 'print' and type = 'Consent' and id = $1", one.id
        )
    assert printed == 1
    assert (await desk.post(f"{DESK_ROOT}/{id_}/rut/{one.id}")).status_code == 303
    assert (await kept(database, hospital, id_))[0].status == "inactive"
    assert "đã rút" in (await desk.get(f"{DESK_ROOT}/{id_}")).text


async def test_for_a_child_the_representative_is_named(client: Client, database: Database, hospital: House) -> None:
    id_ = await person_of(database, hospital, "2023-01-05")
    desk, path = await client("nurse"), f"{DESK_ROOT}/{id_}/dong-y/research"
    assert "người cho phải là" in (await desk.post(path, data={"nguoi-cho": "patient"})).text
    assert (await desk.post(path, data={"nguoi-cho": "representative"})).status_code == 422
    said = {"nguoi-cho": "representative", "dai-dien": "Ngô Văn Cha", "quan-he": "cha, giấy khai sinh"}
    text = (await desk.post(path, data=said)).text
    assert (await desk.post(path, data={**said, "van-ban": hash_in(text), "dong-y": "1"})).status_code == 303
    assert "Ngô Văn Cha (cha, giấy khai sinh)" in (await desk.get(f"{DESK_ROOT}/{id_}")).text


async def test_all_are_withdrawn_on_her_wish_also_those_the_desk_may_not_see(
    client: Client, database: Database, hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    desk, path = await client("reception"), f"{DESK_ROOT}/{id_}/dong-y/labelled"
    doctor = hospital.subject(Role.DOCTOR)
    said = {"nguoi-cho": "patient", "nguoi-nhan": f"Practitioner/{doctor.practitioner}", "nhom": ["HIV"]}
    text = (await desk.post(path, data=said)).text
    assert (await desk.post(path, data={**said, "van-ban": hash_in(text), "dong-y": "1"})).status_code == 303
    (one,) = await kept(database, hospital, id_)
    assert one.id not in (await desk.get(f"{DESK_ROOT}/{id_}")).text
    assert (await desk.post(f"{DESK_ROOT}/{id_}/rut-tat-ca")).status_code == 303
    assert (await kept(database, hospital, id_))[0].status == "inactive"


async def test_a_consent_of_another_patient_is_not_hers(client: Client, database: Database, hospital: House) -> None:
    mine, other = await person_of(database, hospital), await person_of(database, hospital)
    desk, path = await client("reception"), f"{DESK_ROOT}/{other}/dong-y/contact"
    text = (await desk.post(path, data={"nguoi-cho": "patient"})).text
    await desk.post(path, data={"nguoi-cho": "patient", "van-ban": hash_in(text), "dong-y": "1"})
    (one,) = await kept(database, hospital, other)
    assert (await desk.post(f"{DESK_ROOT}/{mine}/rut/{one.id}")).status_code == 404
    assert (await desk.get(f"{DESK_ROOT}/{mine}/bang-chung/{one.id}")).status_code == 404


async def test_the_office_answers_and_refuses_with_a_reason_that_she_reads(
    client: Client, database: Database, hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    desk, office = await client("reception"), await client("planning")
    sent = await desk.post(f"{DESK_ROOT}/{id_}/yeu-cau", data={"viec": "delete", "noi-dung": "Xoá hồ sơ của tôi"})
    assert sent.status_code == 303
    assert (await desk.post(f"{DESK_ROOT}/{id_}/yeu-cau", data={"viec": "delete"})).status_code == 422
    page = (await office.get(OFFICE)).text
    assert "Ngô Thị Quyền" in page and "Xoá dữ liệu" in page and "gửi tại quầy" in page
    async with database.transaction(hospital.key) as tx:
        found = await rights.worklist(tx, hospital.subject(Role.PLANNING), OPEN)
    number = next(one.id for one, _person in found if one.patient == id_)
    assert "Phần mềm không xoá" in (await office.get(f"{OFFICE}/{number}")).text
    answer = {"buoc": "request-refused", "tra-loi": "Hồ sơ giữ đến 2036."}
    assert (await office.post(f"{OFFICE}/{number}", data=answer)).status_code == 422
    assert (await office.post(f"{OFFICE}/{number}", data={**answer, "ly-do": "retention"})).status_code == 303
    browser = await client(None)
    async with database.transaction(hospital.key) as tx:
        person = await store.read(tx, hospital.loader, r4.Patient, id_)
    await people.opened(browser, await people.link(database, hospital, person), people.BIRTH)
    hers = (await browser.get("/nguoi-benh/yeu-cau")).text
    assert "Hồ sơ giữ đến 2036." in hers and "TT 33/2025/TT-BYT" in hers and "từ chối" in hers
    assert number not in (await office.get(OFFICE)).text
    assert number in (await office.get(OFFICE, params={"xem": "xong"})).text


async def test_the_list_is_taken_out_as_csv_and_that_is_an_act(
    client: Client, database: Database, hospital: House
) -> None:
    id_ = await person_of(database, hospital)
    await filed(database, hospital, id_)
    async with database.transaction(hospital.key) as tx:
        before = await tx.fetchval("select count(*) from audit where action = 'export' and type = 'Communication'")
    answer = await (await client("planning")).get(f"{OFFICE}/tai-ve.csv")
    assert answer.status_code == 200 and answer.text.startswith("\ufeffNhận lúc,Việc")
    async with database.transaction(hospital.key) as tx:
        after = await tx.fetchval("select count(*) from audit where action = 'export' and type = 'Communication'")
    assert after == before + 1


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_pages_are_open_to_everybody(
    open_page: OpenPage, axe: Axe, address: str, client: Client, database: Database, hospital: House,
    size: tuple[int, int],
) -> None:  # fmt: skip
    id_ = await person_of(database, hospital)
    number = await filed(database, hospital, id_, Kind.RESTRICT)
    cookies = {COOKIE: (await client("planning")).cookies[COOKIE]}
    page = await open_page(f"{address}{OFFICE}", size=size, cookies=cookies)
    paths = [f"{DESK_ROOT}/{id_}", f"{DESK_ROOT}/{id_}/dong-y/labelled", OFFICE, f"{OFFICE}/{number}"]
    for path in paths:
        await page.goto(address + path)
        async for look in looks(page, (size, False), (size, True)):
            assert await axe(page) == [], (path, look)
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, look)
    await page.goto(f"{address}{DESK_ROOT}/{id_}/dong-y/contact")
    await page.check("input[name=nguoi-cho][value=patient]")
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_selector("#van-ban")
    async for look in looks(page, (size, False), (size, True)):
        assert await axe(page) == [], look
    await page.focus("#f-dong-y")
    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_url(f"{address}{DESK_ROOT}/{id_}?xong=cho")
    (one,) = await kept(database, hospital, id_)
    await page.goto(f"{address}{DESK_ROOT}/{id_}/bang-chung/{one.id}")
    assert await axe(page) == []
