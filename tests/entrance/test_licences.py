"""Practice licences: kept in the record with the account, told before they end, and asked for where the house asks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, licences
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.access.staff import Person
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.simulator import House
from benhan.simulator.house import found_facility
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.core.access.staff_people import Somebody, session_of, somebody
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/quan-tri/tai-khoan"
LICENCES = f"{PATH}/giay-phep"
TODAY = date(2026, 11, 22)


@pytest_asyncio.fixture(scope="session")
async def strict(database: Database, dsn: Callable[..., str]) -> House:
    """A hospital of these tests alone: what it asks for, nobody else's people meet."""
    return House(key=await found_facility(dsn(), "79311", "BV Giấy Phép", "79"), code="79311", name="BV Giấy Phép")


async def browser_of(client: Client, database: Database, one: Somebody) -> httpx.AsyncClient:
    browser = await client(None)
    browser.cookies.set(COOKIE, await session_of(database, one))
    return browser


async def has(
    database: Database, one: Somebody, number: str, issued: int | None = None, ends: int | None = None
) -> None:
    """Her licence, in days from today."""
    days = [None if n is None else clock.today() + timedelta(days=n) for n in (issued, ends)]
    async with database.transaction(one.facility) as tx:
        await tx.execute(
            "update account set licence = $2, licence_issued = $3, licence_ends = $4 where id = $1",
            one.id, number, *days,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("number", "ends", "said"),
    [
        ("", None, "missing"), ("1/GPHN", None, "valid"), ("1/GPHN", TODAY - timedelta(days=1), "ended"),
        ("1/GPHN", TODAY, "ending"), ("1/GPHN", TODAY + timedelta(days=60), "ending"),
        ("1/GPHN", TODAY + timedelta(days=61), "valid"),
    ],
)  # fmt: skip
async def test_a_licence_holds_on_its_last_day_and_is_told_sixty_days_before(
    number: str, ends: date | None, said: str
) -> None:
    assert licences.state(Person(name="Én", roles=frozenset(), licence=number, licence_ends=ends), TODAY) == said


@pytest.mark.parametrize(
    ("number", "issued", "ends", "holds"),
    [("", None, None, False), ("1/GPHN", None, None, True), ("1/GPHN", -30, 0, True), ("1/GPHN", -30, -1, False),
     ("1/GPHN", 0, 30, True), ("1/GPHN", 1, 30, False)],
)  # fmt: skip
async def test_a_house_that_asks_is_answered_by_the_session_itself(
    client: Client, database: Database, strict: House, number: str, issued: int | None, ends: int | None, *, holds: bool
) -> None:
    """One browser, met before: what is asked for, and what she has, hold from her next request on."""
    admin = await browser_of(client, database, await somebody(database, strict.key, Role.ADMINISTRATOR))
    one = await somebody(database, strict.key, Role.DOCTOR)
    async with database.transaction(strict.key) as tx:
        visit = await people.visit(tx, strict, await people.patient(tx, strict))
    browser, path = await browser_of(client, database, one), f"/kham/{visit.id}"

    async def consults() -> bool:
        page = await browser.get(path)
        assert page.status_code == 200
        assert ("giấy phép của bạn thiếu" in page.text) is ("Bắt đầu khám" not in page.text)
        return "Bắt đầu khám" in page.text

    assert (await admin.post(LICENCES, data={})).status_code == 303
    await has(database, one, number, issued, ends)
    assert await consults()  # nobody asks
    assert (await admin.post(LICENCES, data={"asked": "1"})).status_code == 303
    assert await consults() is holds
    await has(database, one, "2/GPHN", -10, 10)
    assert await consults()


async def test_without_one_nothing_is_diagnosed_prescribed_or_signed_and_it_says_why(
    client: Client, database: Database, strict: House
) -> None:
    admin = await browser_of(client, database, await somebody(database, strict.key, Role.ADMINISTRATOR))
    await admin.post(LICENCES, data={})
    async with database.transaction(strict.key) as tx:
        visit = await people.visit(tx, strict, await people.patient(tx, strict))
    one = await somebody(database, strict.key, Role.DOCTOR)
    browser = await browser_of(client, database, one)
    [version] = re.findall(r'name="version" value="([^"]*)"', (await browser.get(f"/kham/{visit.id}")).text)
    await admin.post(LICENCES, data={"asked": "1"})  # while her page stands open
    answer = await browser.post(f"/kham/{visit.id}/ghi-chep", data={"reason": "ho", "version": version})
    assert answer.status_code == 403
    assert "giấy phép của bạn thiếu hoặc đã hết hạn" in answer.text and "licence-needed" in answer.text
    async with database.transaction(strict.key) as tx:
        refused = await tx.fetchval("select rule from audit where account = $1 and action = 'refused'", one.id)
        kept = await tx.fetchval("select detail from audit where facility = $1 and action = 'licence-rule'"
            " order by xid desc, seq desc limit 1",
                                 strict.key)  # fmt: skip
    assert (refused, kept) == ("licence-needed", "asked")


async def test_only_the_administrator_of_the_house_says_what_it_asks_for(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    unknown = await client(None)
    for answer in (await unknown.get(LICENCES), await unknown.post(LICENCES, data={"asked": "1"})):
        assert answer.status_code == 303 and answer.headers["location"].startswith("/dang-nhap")
    for role in ("doctor", "nurse", "reviewer", "planning"):
        browser = await client(role)
        assert (await browser.get(LICENCES)).status_code == 403
        assert (await browser.post(LICENCES, data={"asked": "1"})).status_code == 403
    elsewhere = await client("administrator", at=other_hospital)
    await elsewhere.post(LICENCES, data={"asked": "1"})
    async with database.transaction(hospital.key) as tx:
        assert not await licences.asked_for(tx, hospital.key)
    await elsewhere.post(LICENCES, data={})


async def test_the_licence_of_the_account_stands_in_the_record_beside_what_else_she_has(
    client: Client, database: Database, hospital: House, loader: Subject
) -> None:
    admin, one, id_ = await client("administrator"), await somebody(database, hospital.key, Role.DOCTOR), uuid4().hex
    diploma = r4.PractitionerQualification(code=r4.CodeableConcept(text="Thạc sĩ y khoa"))
    async with database.transaction(hospital.key) as tx:
        record = r4.Practitioner(id=id_, name=[r4.HumanName(text="Sìn Thị Sa")], qualification=[diploma])
        await store.update(tx, loader, record, if_match=None)
    said = {"name": "Sìn Thị Sa", "roles": ["doctor"], "practitioner": id_, "licence": "0123/HNO-GPHN",
            "licence_scope": "Khám chữa bệnh nội khoa", "licence_issuer": "Sở Y tế Hà Nội",
            "licence_issued": "01/06/2024", "licence_ends": "01/06/2029"}  # fmt: skip
    assert (await admin.post(f"{PATH}/{one.id}", data=said)).status_code == 303
    assert "Sở Y tế Hà Nội" in (await admin.get(f"{PATH}/{one.id}")).text

    async def kept() -> list[r4.PractitionerQualification]:
        async with database.transaction(hospital.key) as tx:
            return (await store.read(tx, loader, r4.Practitioner, id_)).qualification or []

    other, licence = await kept()
    assert other.code.text == "Thạc sĩ y khoa"
    assert licence.identifier and licence.issuer and licence.period
    assert (licence.identifier[0].system, licence.identifier[0].value) == (
        systems.PRACTICE_CERTIFICATE, "0123/HNO-GPHN",
    )  # fmt: skip
    assert (licence.code.text, licence.issuer.display) == ("Khám chữa bệnh nội khoa", "Sở Y tế Hà Nội")
    assert (licence.period.start, licence.period.end) == ("2024-06-01", "2029-06-01")
    backwards = await admin.post(f"{PATH}/{one.id}", data=said | {"licence_ends": "01/06/2023"})
    assert backwards.status_code == 422 and 'href="#f-licence_ends"' in backwards.text
    assert len(await kept()) == 2
    gone = {name: value for name, value in said.items() if not name.startswith("licence")}
    await admin.post(f"{PATH}/{one.id}", data=gone)
    assert [one.code.text for one in await kept()] == ["Thạc sĩ y khoa"]


async def test_the_administrator_is_told_whose_licence_is_missing_over_or_soon_over(
    client: Client, database: Database, strict: House
) -> None:
    admin = await browser_of(client, database, await somebody(database, strict.key, Role.ADMINISTRATOR))
    mark = uuid4().hex[:6]
    ends = {"Thiếu": None, "Hết": -1, "Sắp": 59, "Còn": 400, "Thu ngân": None}
    for name, days in ends.items():
        role = Role.CASHIER if name == "Thu ngân" else Role.NURSE
        one = await somebody(database, strict.key, role, name=f"{name} {mark}")
        if days is not None:
            await has(database, one, "1/GPHN", None, days)
    page = (await admin.get(LICENCES)).text
    assert [name for name in ends if f"{name} {mark}" in page] == ["Thiếu", "Hết", "Sắp"]
    assert page.index(f"Thiếu {mark}") < page.index(f"Hết {mark}") < page.index(f"Sắp {mark}")
    assert "còn 59 ngày" in page
    assert LICENCES in (await admin.get(PATH)).text


async def test_the_list_is_accessible(
    open_page: OpenPage, address: str, database: Database, strict: House, axe: Axe
) -> None:
    admin = await somebody(database, strict.key, Role.ADMINISTRATOR)
    await somebody(database, strict.key, Role.NURSE)
    async with database.transaction(strict.key) as tx:
        token = await open_session(tx, strict.key, account=admin.id, hours=1)
    page = await open_page(f"{address}{LICENCES}", cookies={COOKIE: token})
    async for look in looks(page, (DESK, False), (PHONE, True)):
        assert await axe(page) == [], look
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), look
