"""The reviewer's page: who may open it, what it shows first, what can be taken out."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
from openpyxl import load_workbook

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/quan-tri/nhat-ky"


async def opened(database: Database, house: House, name: str, *, visit: bool, account: str = "") -> str:
    """A patient whose record a doctor (of an account of her own) opened, with or without a visit; the record number."""
    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house, name)
        if visit:
            await people.visit(tx, house, person)
    assert person.id and person.identifier
    async with database.transaction(house.key) as tx:
        doctor = house.subject(Role.DOCTOR)
        doctor = msgspec.structs.replace(doctor, account=account or doctor.account)
        await store.read(tx, doctor, r4.Patient, person.id)
    return next(one.value or "" for one in person.identifier if one.system == systems.PATIENT_NUMBER)


async def traces(database: Database, house: House, action: str) -> int:
    async with database.transaction(house.key) as tx:
        found: int = await tx.fetchval("select count(*) from audit where action = $1", action)
    return found


async def test_only_who_reviews_access_opens_it(client: Client, database: Database, hospital: House) -> None:
    assert (await (await client(None)).get(PATH)).status_code == 303
    for role in ("doctor", "nurse", "reception", "province"):
        assert (await (await client(role)).get(PATH)).status_code == 403
    for role in ("reviewer", "administrator"):
        assert (await (await client(role)).get(PATH)).status_code == 200


async def test_another_hospital_sees_nothing_of_it(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    number = await opened(database, hospital, "Phan Thị Riêng", visit=False)
    stranger = await client("reviewer", other_hospital)
    page = (await stranger.get(PATH, params={"benh-nhan": number})).text
    assert "Phan Thị Riêng" not in page and "Không có lần mở nào" in page


async def test_an_opening_without_a_visit_stands_before_one_with_a_visit_and_says_why(
    client: Client, database: Database, hospital: House
) -> None:
    doctor = [one.id for one in hospital.accounts if one.role is Role.DOCTOR][-1]  # not whom the other tests read as
    await opened(database, hospital, "Vũ Thị Không Hẹn", visit=False, account=doctor)
    await opened(database, hospital, "Vũ Thị Có Hẹn", visit=True, account=doctor)
    page = (await (await client("reviewer")).get(PATH, params={"nguoi": doctor})).text
    assert page.index("Vũ Thị Không Hẹn") < page.index("Vũ Thị Có Hẹn")
    assert "Người bệnh không có lượt khám hay lịch hẹn quanh ngày này" in page


async def test_it_is_filtered_by_patient_kind_and_department(
    client: Client, database: Database, hospital: House
) -> None:
    number = await opened(database, hospital, "Hồ Văn Lọc", visit=False)
    reviewer = await client("reviewer")
    doctor = hospital.subject(Role.DOCTOR)
    async with database.transaction(hospital.key) as tx:
        page = await store.search(
            tx, hospital.loader, r4.PractitionerRole, {"practitioner": f"Practitioner/{doctor.practitioner}"}
        )
        departments = {"partof:missing": "false", "_count": "500"}
        every = await store.search(tx, hospital.loader, r4.Organization, departments)
    mine = {one.organization.reference.rpartition("/")[2] for one in page.resources if one.organization}  # type: ignore[union-attr]
    other = next(one.id for one in every.resources if one.id not in mine)

    async def shows(**filters: Any) -> bool:
        found = await reviewer.get(PATH, params={"benh-nhan": number, **filters})
        assert found.status_code == 200
        return "Hồ Văn Lọc" in found.text

    assert await shows()
    assert await shows(viec="xem") and not await shows(viec="in")
    assert await shows(khoa=next(iter(mine))) and not await shows(khoa=other)
    assert await shows(**{"ly-do": "no-visit"}) and not await shows(**{"ly-do": "colleague"})
    assert not await shows(tu="01/01/2020", den="02/01/2020")
    assert (await reviewer.get(PATH, params={"tu": "hôm kia"})).status_code == 422


async def test_looking_is_itself_in_the_audit(client: Client, database: Database, hospital: House) -> None:
    before = await traces(database, hospital, "read-audit")
    await (await client("reviewer")).get(PATH)
    assert await traces(database, hospital, "read-audit") == before + 1


async def test_what_is_filtered_is_taken_out_by_who_may_and_leaves_a_trace(
    client: Client, database: Database, hospital: House
) -> None:
    number = await opened(database, hospital, "=Tô Văn Xuất", visit=False)
    asked = {"benh-nhan": number}
    reviewer, before = await client("reviewer"), await traces(database, hospital, "export-audit")
    table = await reviewer.post(f"{PATH}/xuat", data=asked | {"dang": "csv"}, headers={"origin": "http://test"})
    assert table.status_code == 200 and table.content.startswith("\ufeff".encode())
    assert "'=Tô Văn Xuất" in table.text and "không có lượt khám" in table.text
    book = await reviewer.post(f"{PATH}/xuat", data=asked | {"dang": "xlsx"}, headers={"origin": "http://test"})
    cells = [cell for row in load_workbook(io.BytesIO(book.content)).active.values for cell in row]  # type: ignore[union-attr]
    assert "'=Tô Văn Xuất" in cells
    assert await traces(database, hospital, "export-audit") == before + 2
    for role in ("administrator", "doctor"):
        refused = await (await client(role)).post(
            f"{PATH}/xuat", data={"dang": "csv"}, headers={"origin": "http://test"}
        )
        assert refused.status_code == 403
    wrong = await reviewer.post(f"{PATH}/xuat", data={"dang": "exe"}, headers={"origin": "http://test"})
    assert wrong.status_code == 422
    assert await traces(database, hospital, "export-audit") == before + 2


async def test_by_keyboard_without_barriers_and_in_english(
    open_page: OpenPage, axe: Axe, address: str, client: Client, database: Database, hospital: House
) -> None:
    await opened(database, hospital, "Mạc Thị Phím", visit=False)
    cookies = {COOKIE: (await client("reviewer")).cookies[COOKIE]}
    page = await open_page(f"{address}{PATH}", size=DESK, cookies=cookies)
    assert await axe(page) == []
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "f-nguoi"
    await page.locator("#f-benh-nhan").focus()
    await page.keyboard.type("khong-co-ai")
    await page.keyboard.press("Enter")
    await page.get_by_text("Không có lần mở nào trong khoảng này").wait_for()
    phone = await open_page(f"{address}{PATH}", size=PHONE, cookies=cookies)
    assert await axe(phone) == []
    english = await open_page(f"{address}{PATH}?lang=en", cookies=cookies)
    assert await english.locator("h1").inner_text() == "Access log"


async def test_who_opens_a_well_known_persons_record_without_caring_for_her_stands_out(
    client: Client, database: Database, hospital: House
) -> None:
    """Reception reads whom a rule closes to others; the doctor named in the visit cares."""
    cared, stranger = hospital.subject(Role.DOCTOR), hospital.subject(Role.RECEPTION)
    named = r4.EncounterParticipant(individual=r4.Reference(reference=f"Practitioner/{cared.practitioner}"))
    for name, who in {"Ca Sĩ Không": stranger, "Ca Sĩ Có": cared}.items():
        async with database.transaction(hospital.key) as tx:
            person = await people.patient(tx, hospital, name)
            about = msgspec.structs.replace(await people.visit(tx, hospital, person), participant=[named])
            await store.update(tx, hospital.loader, about, if_match=None)
            known = msgspec.structs.replace(person, meta=r4.Meta(security=[r4.Coding(code="CEL")]))
            await store.update(tx, hospital.loader, known, if_match=None)
        async with database.transaction(hospital.key) as tx:
            await store.read(tx, who, r4.Patient, person.id or "")
    page = (await (await client("reviewer")).get(f"{PATH}?ly-do=known")).text
    assert "Ca Sĩ Không" in page and "Ca Sĩ Có" not in page
    assert "Hồ sơ của người nhiều người biết" in page
