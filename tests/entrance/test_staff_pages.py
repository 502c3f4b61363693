"""The administrator's page of accounts: from the invitation to the last day, and who may not come near."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from openpyxl import load_workbook
from playwright.async_api import expect

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.core.access.staff_people import PASSWORD, Somebody, session_of, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/quan-tri/tai-khoan"


async def invited(admin: httpx.AsyncClient, name: str = "Quàng Thị Én", **more: object) -> tuple[str, str]:
    """Login and link of somebody who was just invited."""
    login = f"en{uuid4().hex[:10]}"
    said = {"name": name, "login": login, "roles": ["reception", "cashier"], "departments": ["khoa-k39"], **more}
    answer = await admin.post(f"{PATH}/moi", data=said)
    assert answer.status_code == 200, answer.text
    link = re.search(r"https?://[^/]+(/loi-moi/[\w-]{43})", answer.text)
    assert link and 'class="qr"' in answer.text
    return login, link[1]


async def test_from_the_invitation_to_the_first_page_of_work(client: Client) -> None:
    admin, herself = await client("administrator"), await client(None)
    login, link = await invited(admin)
    assert "Chờ đặt mật khẩu" in (await admin.get(PATH, params={"q": "quang en", "tinh-trang": "invited"})).text
    assert "Quàng Thị Én" in (await herself.get(link)).text
    short = await herself.post(link, data={"password": "ngắn", "again": "ngắn"})
    assert short.status_code == 422 and "14 ký tự" in short.text
    differs = await herself.post(link, data={"password": PASSWORD, "again": PASSWORD + "!"})
    assert differs.status_code == 422 and "khác nhau" in differs.text
    taken = await herself.post(link, data={"password": PASSWORD, "again": PASSWORD})
    assert taken.status_code == 303
    assert (await herself.get(link)).status_code == 404
    answer = await herself.post("/dang-nhap", data={"login": login, "password": PASSWORD})
    assert answer.status_code == 303
    assert (await herself.get("/tiep-don")).status_code == 200


async def test_what_cannot_be_accepted_is_told_beside_its_field(client: Client) -> None:
    admin = await client("administrator")
    login, _link = await invited(admin)
    for said, field in (
        ({"name": "Én", "login": login, "roles": ["nurse"]}, "f-login"),
        ({"name": "Én", "login": "Có Dấu", "roles": ["nurse"]}, "f-login"),
        ({"name": "", "login": "en.moi", "roles": ["nurse"]}, "f-name"),
        ({"name": "Én", "login": "en.moi", "roles": ["province"]}, "f-roles"),
    ):
        answer = await admin.post(f"{PATH}/moi", data=said)
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.text


async def test_the_list_is_filtered_by_role_department_and_state(client: Client, database: Database) -> None:
    admin = await client("administrator")
    name = f"Sìn{uuid4().hex[:6]}"
    await invited(admin, f"{name} Một", roles=["doctor"], departments=["khoa-k39"])
    await invited(admin, f"{name} Hai", roles=["nurse"], departments=[])

    async def shown(**asked: str) -> set[str]:
        page = (await admin.get(PATH, params={"q": name, **asked})).text
        return {found for found in ("Một", "Hai") if f"{name} {found}" in page}

    assert await shown() == {"Một", "Hai"}
    assert await shown(**{"vai-tro": "doctor"}) == {"Một"}
    assert await shown(khoa="khoa-k39") == {"Một"}
    assert await shown(**{"tinh-trang": "stopped"}) == set()


async def test_a_stop_has_a_reason_and_is_taken_back(client: Client, database: Database, hospital: House) -> None:
    admin = await client("administrator")
    one = await somebody(database, hospital.key)
    assert (await admin.post(f"{PATH}/{one.id}/ngung", data={"reason": " "})).status_code == 422
    answer = await admin.post(f"{PATH}/{one.id}/ngung", data={"reason": "nghỉ phép dài"})
    page = (await admin.get(answer.headers["location"])).text
    assert "nghỉ phép dài" in page
    undo = re.search(r'action="([^"]*/mo-lai)"', page)
    assert undo
    await admin.post(undo[1])
    assert "Đang dùng" in (await admin.get(f"{PATH}/{one.id}")).text


async def test_hours_and_grants_are_kept_and_shown(client: Client, database: Database, hospital: House) -> None:
    admin = await client("administrator")
    one = await somebody(database, hospital.key)
    hours = {"days": ["0", "1", "2"], "opens": "7h", "closes": "16:30"}
    assert (await admin.post(f"{PATH}/{one.id}/gio", data=hours)).status_code == 303
    grant = {"role": "doctor", "purpose": "Trực thay bác sĩ Sa", "starts_day": "01/01/2031", "starts_time": "07:00",
             "ends_day": "02/01/2031", "ends_time": "07:00"}  # fmt: skip
    assert (await admin.post(f"{PATH}/{one.id}/quyen-tam", data=grant)).status_code == 303
    page = (await admin.get(f"{PATH}/{one.id}")).text
    assert "T2, T3, T4 · 07:00–16:30" in page and "Trực thay bác sĩ Sa" in page and "chưa bắt đầu" in page
    backwards = await admin.post(f"{PATH}/{one.id}/quyen-tam", data=grant | {"ends_day": "31/12/2030"})
    assert backwards.status_code == 422 and 'href="#f-ends_day"' in backwards.text
    no_day = await admin.post(f"{PATH}/{one.id}/gio", data={"opens": "07:00"})
    assert no_day.status_code == 422


async def test_an_administrator_ends_a_session(client: Client, database: Database, hospital: House) -> None:
    admin, herself = await client("administrator"), await client(None)
    one = await somebody(database, hospital.key, Role.RECEPTION)
    herself.cookies.set(COOKIE, await session_of(database, one))
    assert (await herself.get("/tiep-don")).status_code == 200
    page = (await admin.get(f"{PATH}/{one.id}")).text
    found = re.search(r'name="phien" value="([0-9a-f]{16})"', page)
    assert found
    await admin.post(f"{PATH}/{one.id}/phien", data={"phien": found[1]})
    assert (await herself.get("/tiep-don")).status_code == 303


async def test_the_review_is_noted_taken_back_and_taken_away(
    client: Client, database: Database, hospital: House
) -> None:
    admin = await client("administrator")
    one = await somebody(database, hospital.key, name="=Rà Soát Ơi")
    await _was_made(database, one, "200 days")
    assert "đến hạn" in (await admin.get(f"{PATH}/{one.id}")).text
    answer = await admin.post(f"{PATH}/ra-soat", data={"tai-khoan": one.id})
    assert "đến hạn" not in (await admin.get(f"{PATH}/{one.id}")).text
    page = (await admin.get(answer.headers["location"])).text
    undo = re.search(r'action="([^"]*hoan-tac)"', page)
    assert undo
    await admin.post(undo[1], data={"tai-khoan": one.id, "ngay": ""})
    assert "đến hạn" in (await admin.get(f"{PATH}/{one.id}")).text
    sheet = await admin.get(f"{PATH}/ra-soat.csv")
    assert "'=Rà Soát Ơi" in sheet.content.decode("utf-8-sig")  # no formula
    book = load_workbook(io.BytesIO((await admin.get(f"{PATH}/ra-soat.xlsx")).content))
    assert "'=Rà Soát Ơi" in [row[0].value for row in book.active.iter_rows()]


async def _was_made(database: Database, one: Somebody, ago: str) -> None:
    async with database.transaction(one.facility) as tx:
        await tx.execute(f"update account set created = now() - interval '{ago}' where id = $1", one.id)


async def test_another_hospital_finds_nobody_and_other_roles_nothing(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    one = await somebody(database, hospital.key, name="Người Nhà Này")
    stranger = await client("administrator", other_hospital)
    assert "Người Nhà Này" not in (await stranger.get(PATH)).text
    for path in ("", "/ngung", "/dat-lai", "/mo-lai", "/phien"):
        answer = await stranger.post(f"{PATH}/{one.id}{path}", data={"name": "Ai", "roles": "nurse", "reason": "phá"})
        assert answer.status_code == 404, path
    assert (await stranger.get(f"{PATH}/{one.id}")).status_code == 404
    assert (await (await client("doctor")).get(PATH)).status_code == 403
    assert (await (await client(None)).get(PATH)).status_code == 303


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_pages_are_accessible_and_need_no_mouse(
    open_page: OpenPage, address: str, database: Database, hospital: House, axe: Axe, size: tuple[int, int]
) -> None:
    admin = hospital.subject(Role.ADMINISTRATOR)
    mark = uuid4().hex[:8]
    one = await somebody(database, hospital.key, name=f"Tìm Thấy {mark}")
    async with database.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=admin.account, hours=1)
    page = await open_page(f"{address}{PATH}", size=size, cookies={COOKIE: token})
    assert await axe(page) == []
    await page.keyboard.press("/")
    await page.keyboard.type(f"tim {mark}")
    await expect(page.locator("#accounts tbody tr")).to_have_count(1)
    await page.goto(f"{address}{PATH}/{one.id}")
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for path in ("/moi", "/ra-soat"):
        await page.goto(f"{address}{PATH}{path}")
        assert await axe(page) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
