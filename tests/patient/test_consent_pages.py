"""Her consents on her own page: read, given, withdrawn, printed; by nobody else."""

from __future__ import annotations

import html
import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.store import consents
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
ROOT = "/nguoi-benh/dong-y"


async def person_of(database: Database, house: House, birth: str = people.BIRTH) -> r4.Patient:
    async with database.transaction(house.key) as tx:
        return await people.patient(tx, house, birth=birth)


async def enter(client: Client, database: Database, house: House, person: r4.Patient) -> httpx.AsyncClient:
    browser = await client(None)
    await people.opened(browser, await people.link(database, house, person), person.birthDate or "")
    return browser


async def kept(database: Database, house: House, person: r4.Patient) -> list[r4.Consent]:
    async with database.transaction(house.key) as tx:
        return list(await consents.of_patient(tx, house.loader, person.id or ""))


def hash_in(page: str) -> str:
    return re.findall(r'name="van-ban" value="([0-9a-f]{64})"', page)[0]


async def test_nobody_and_no_staff_opens_it(client: Client) -> None:
    for path in (ROOT, f"{ROOT}/cho/contact", f"{ROOT}/x"):
        assert (await (await client(None)).get(path)).headers["location"].startswith("/nguoi-benh/mo-lai")
        for role in ("doctor", "reception", "planning"):
            assert (await (await client(role)).get(path)).status_code == 403
            assert (await (await client(role)).post(f"{ROOT}/x/rut")).status_code == 403


async def test_she_sees_and_withdraws_none_of_another_and_none_of_another_hospital(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    person, other = await person_of(database, hospital), await person_of(database, hospital)
    browser = await enter(client, database, hospital, other)
    page = (await browser.get(f"{ROOT}/cho/contact")).text
    await browser.post(f"{ROOT}/cho/contact", data={"van-ban": hash_in(page), "dong-y": "1"})
    theirs = (await kept(database, hospital, other))[0].id
    for house, who in ((hospital, person), (other_hospital, await person_of(database, other_hospital))):
        stranger = await enter(client, database, house, who)
        assert (await stranger.get(f"{ROOT}/{theirs}")).status_code in (403, 404)
        assert (await stranger.post(f"{ROOT}/{theirs}/rut")).status_code in (403, 404)
        assert theirs not in (await stranger.get(ROOT)).text
    assert (await kept(database, hospital, other))[0].status == "active"


async def test_nothing_is_ticked_before_and_nothing_is_kept_without_a_tick(
    client: Client, database: Database, hospital: House
) -> None:
    person = await person_of(database, hospital)
    browser = await enter(client, database, hospital, person)
    for purpose in ("facilities", "research", "contact", "labelled"):
        page = (await browser.get(f"{ROOT}/cho/{purpose}")).text
        assert "checked" not in page and "selected" not in page, purpose
    page = (await browser.get(f"{ROOT}/cho/research")).text
    answer = await browser.post(f"{ROOT}/cho/research", data={"van-ban": hash_in(page)})
    assert answer.status_code == 422 and "Đánh dấu nếu đồng ý" in answer.text
    assert await kept(database, hospital, person) == []


async def test_what_is_kept_is_the_text_that_was_shown(client: Client, database: Database, hospital: House) -> None:
    person = await person_of(database, hospital)
    browser = await enter(client, database, hospital, person)
    page = (await browser.get(f"{ROOT}/cho/contact", params={"lang": "en"})).text
    stale = await browser.post(f"{ROOT}/cho/contact", data={"van-ban": "0" * 64, "dong-y": "1"})
    assert stale.status_code == 200 and "checked" not in stale.text, "another text than was shown: read it first"
    answer = await browser.post(f"{ROOT}/cho/contact", data={"van-ban": hash_in(page), "dong-y": "1"})
    assert answer.status_code == 303
    (one,) = await kept(database, hospital, person)
    assert one.sourceAttachment and one.sourceAttachment.language == "en"
    sheet = (await browser.get(f"{ROOT}/{one.id}")).text
    assert hash_in(page) in sheet and "Zalo and the telephone company receive the number" in html.unescape(sheet)
    text = re.findall(r'id="van-ban">(.*?)</div>', page, re.S)[0]
    assert "Messages by Zalo or SMS" in text


async def test_she_opens_labelled_records_to_a_department_and_takes_it_back(
    client: Client, database: Database, hospital: House
) -> None:
    person = await person_of(database, hospital)
    browser = await enter(client, database, hospital, person)
    page = (await browser.get(f"{ROOT}/cho/labelled")).text
    doctor = hospital.subject(Role.DOCTOR)
    assert f"Practitioner/{doctor.practitioner}" in page
    chosen = {"nguoi-nhan": f"Practitioner/{doctor.practitioner}", "nhom": ["HIV", "PSY"]}
    text = await browser.post(f"{ROOT}/cho/labelled", data=chosen)
    assert text.status_code == 200 and "HIV, Sức khoẻ tâm thần" in text.text
    answer = await browser.post(f"{ROOT}/cho/labelled", data={**chosen, "van-ban": hash_in(text.text), "dong-y": "1"})
    assert answer.status_code == 303
    async with database.transaction(hospital.key) as tx:
        hidden = r4.Observation(
            status="final", code=r4.CodeableConcept(text="x"), subject=r4.Reference(reference=f"Patient/{person.id}"),
            meta=r4.Meta(security=[r4.Coding(code="HIV")]), effectiveDateTime="2026-02-01",
        )  # fmt: skip
        made = await store.create(tx, hospital.loader, hidden)
    async with database.transaction(hospital.key) as tx:
        assert await store.read(tx, doctor, r4.Observation, made.id or "")
    (one,) = await kept(database, hospital, person)
    assert (await browser.post(f"{ROOT}/{one.id}/rut")).status_code == 303
    shown = (await browser.get(ROOT)).text
    assert "đã rút" in shown and "rút lúc" in shown
    async with database.transaction(hospital.key) as tx:
        page_ = await store.search(tx, doctor, r4.Observation, {"_id": made.id or ""})
        assert page_.resources == []


async def test_who_is_not_of_age_is_sent_to_the_desk(client: Client, database: Database, hospital: House) -> None:
    young = (clock.today().replace(day=1)).replace(year=clock.today().year - 15).isoformat()
    person = await person_of(database, hospital, young)
    browser = await enter(client, database, hospital, person)
    assert "Người dưới 18 tuổi" in (await browser.get(ROOT)).text
    page = (await browser.get(f"{ROOT}/cho/contact")).text
    answer = await browser.post(f"{ROOT}/cho/contact", data={"van-ban": hash_in(page), "dong-y": "1"})
    assert answer.status_code == 403
    assert await kept(database, hospital, person) == []


async def test_what_is_no_purpose_is_not_there(client: Client, database: Database, hospital: House) -> None:
    browser = await enter(client, database, hospital, await person_of(database, hospital))
    assert (await browser.get(f"{ROOT}/cho/treatment")).status_code == 404
    assert (await browser.post(f"{ROOT}/cho/treatment")).status_code == 404


async def test_the_uses_without_consent_are_told_with_their_law(
    client: Client, database: Database, hospital: House
) -> None:
    browser = await enter(client, database, hospital, await person_of(database, hospital))
    page = (await browser.get(ROOT)).text
    for law in ("Luật KCB 15/2023 Đ69k3", "TT 15/2026/TT-BYT", "TT 33/2025/TT-BYT"):
        assert law in page


@pytest.mark.parametrize("size", [PHONE, DESK])
async def test_she_does_it_with_the_keyboard_alone_and_without_scripts(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House, size: tuple[int, int]
) -> None:
    person = await person_of(database, hospital)
    page = await open_page(
        f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=size, javascript=False
    )
    await page.focus("#f-birth")
    await page.keyboard.type("03021956")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{address}/nguoi-benh")
    await page.goto(f"{address}{ROOT}/cho/labelled")
    await page.focus("#f-nguoi-nhan")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#van-ban")
    await page.focus("#f-dong-y")
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{address}{ROOT}?xong=cho")
    (one,) = await kept(database, hospital, person)
    seen = await open_page(f"{address}/nguoi-benh/{await people.link(database, hospital, person)}", size=size)
    await seen.fill("#f-birth", "03/02/1956")
    await seen.keyboard.press("Enter")
    await seen.wait_for_url(f"{address}/nguoi-benh")
    for path in (ROOT, f"{ROOT}/cho/labelled", f"{ROOT}/cho/contact", f"{ROOT}/{one.id}"):
        await seen.goto(address + path)
        async for look in looks(seen, (size, False), (size, True)):
            assert await axe(seen) == [], (path, look)
            assert await seen.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, look)
