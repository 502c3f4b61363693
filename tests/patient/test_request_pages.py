"""Her requests on her own page: filed, taken back, the restriction ended; by nobody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.access import Role
from benhan.core.access.rights import OPEN, Kind, Step
from benhan.core.db import Database
from benhan.core.store import rights
from benhan.simulator import House
from tests.browser import PHONE, Axe, OpenPage, looks
from tests.patient import people
from tests.patient.test_consent_pages import enter, person_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
ROOT = "/nguoi-benh/yeu-cau"


async def test_nobody_and_no_staff_comes_in(client: Client) -> None:
    assert (await (await client(None)).get(ROOT)).headers["location"].startswith("/nguoi-benh/mo-lai")
    for role in ("doctor", "planning"):
        staff = await client(role)
        assert (await staff.get(ROOT)).status_code == 403
        for path in (ROOT, f"{ROOT}/x/rut", f"{ROOT}/mo-lai-ho-so"):
            assert (await staff.post(path)).status_code == 403


async def test_she_files_reads_the_deadline_and_takes_it_back(
    client: Client, database: Database, hospital: House
) -> None:
    person, other = await person_of(database, hospital), await person_of(database, hospital)
    mine = await enter(client, database, hospital, person)
    theirs = await enter(client, database, hospital, other)
    assert (await mine.post(ROOT, data={"viec": "copy", "noi-dung": ""})).status_code == 422
    assert (await mine.post(ROOT, data={"viec": "everything", "noi-dung": "x"})).status_code == 422
    assert (await mine.post(ROOT, data={"viec": "copy", "noi-dung": "Xin bản sao"})).status_code == 303
    page = (await mine.get(ROOT)).text
    assert "Xin bản sao" in page and "mới nhận" in page and "hạn " in page
    async with database.transaction(hospital.key) as tx:
        (one,) = await rights.of_patient(tx, hospital.loader, person.id or "")
    assert (await theirs.post(f"{ROOT}/{one.id}/rut")).status_code in (403, 404)
    assert "Xin bản sao" not in (await theirs.get(ROOT)).text
    assert (await mine.post(f"{ROOT}/{one.id}/rut")).status_code == 303
    assert "người bệnh rút" in (await mine.get(ROOT)).text


async def test_a_restriction_is_shown_to_her_and_ends_when_she_says_so(
    client: Client, database: Database, hospital: House
) -> None:
    person = await person_of(database, hospital)
    browser = await enter(client, database, hospital, person)
    await browser.post(ROOT, data={"viec": "restrict", "noi-dung": "Chỉ để chữa bệnh"})
    assert "Hồ sơ đang hạn chế" not in (await browser.get(ROOT)).text
    office = hospital.subject(Role.PLANNING)
    async with database.transaction(hospital.key) as tx:
        found = await rights.worklist(tx, office, OPEN)
        number = next(one.id for one, _person in found if one.patient == person.id)
        await rights.step(tx, office, number, Step.DO, "Đã hạn chế.")
    assert "Hồ sơ đang hạn chế" in (await browser.get(ROOT)).text
    assert (await browser.post(f"{ROOT}/mo-lai-ho-so")).status_code == 303
    assert "Hồ sơ đang hạn chế" not in (await browser.get(ROOT)).text


async def test_her_page_is_open_to_everybody(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    person = await person_of(database, hospital)
    async with database.transaction(hospital.key) as tx:
        await rights.file(tx, hospital.subject(Role.RECEPTION), person.id or "", Kind.COMPLAIN, "Chờ quá lâu")
    page = await open_page(
        f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=PHONE, javascript=False
    )
    await page.fill("#f-birth", "03/02/1956")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{address}/nguoi-benh")
    seen = await open_page(f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=PHONE)
    await seen.fill("#f-birth", "03/02/1956")
    await seen.keyboard.press("Enter")
    await seen.wait_for_url(f"{address}/nguoi-benh")
    await seen.goto(address + ROOT)
    async for look in looks(seen, (PHONE, False), (PHONE, True)):
        assert await axe(seen) == [], look
        assert await seen.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), look
    await page.goto(address + ROOT)
    await page.select_option("#f-viec", "correct")
    await page.fill("#f-noi-dung", "Sai ngày sinh")
    await page.click("main .pub-send")
    await page.wait_for_url(f"{address}{ROOT}?xong=gui")
    assert "Sai ngày sinh" in (await page.text_content("main") or "")
