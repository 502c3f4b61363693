"""A locked screen: nothing answers but what unlocks it, and what was being typed is there again afterwards."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import expect

from benhan.core.access import Role
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.access.sessions import Terms, Visitor, open_for
from benhan.core.db import Database
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.core.access.authenticator import Authenticator
from tests.core.access.staff_people import PASSWORD, Somebody, session_of, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PIN = "294817"
LOCK = "/khoa-man-hinh"


@pytest.fixture
async def one(database: Database, hospital: House) -> Somebody:
    return await somebody(database, hospital.key, Role.RECEPTION)


async def at_work(client: Client, database: Database, one: Somebody) -> httpx.AsyncClient:
    """Her browser, her PIN chosen, her page seen."""
    browser = await client(None)
    await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})
    answer = await browser.post("/tai-khoan/pin", data={"pin": PIN, "again": PIN})
    assert answer.headers["location"] == "/tai-khoan?xong=pin"
    assert (await browser.get("/tiep-don")).status_code == 200
    return browser


async def test_a_locked_session_answers_nothing_but_what_unlocks_it(
    client: Client, database: Database, one: Somebody
) -> None:
    browser = await at_work(client, database, one)
    other_window = await client(None)
    other_window.cookies.set(COOKIE, browser.cookies[COOKIE])
    assert (await browser.post(LOCK, data={"next": "/tiep-don"})).headers["location"] == f"{LOCK}?next=/tiep-don"
    for window in (browser, other_window):
        answer = await window.get("/tiep-don")
        assert (answer.status_code, answer.headers["location"]) == (303, f"{LOCK}?next=/tiep-don")
    for path in ("/tiep-don", "/tai-khoan/mat-khau", LOCK):
        assert (await browser.post(path, data={"q": "Vừ"})).headers["location"].startswith(LOCK)
    part = await browser.get("/tiep-don", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["benhan-locked"]) == (401, "1")
    assert "hx-redirect" not in part.headers
    assert (await browser.get("/live", params={"types": "Task"})).status_code == 303
    page = await browser.get(LOCK)
    assert "Lò Thị Mẩy" in page.text and 'name="pin"' in page.text
    assert "Lò Thị Mẩy" not in (await browser.get("/")).text  # elsewhere she is nobody


@pytest.mark.parametrize("how", [{"pin": PIN}, {"password": PASSWORD}])
async def test_pin_or_password_unlocks_and_the_session_gets_another_token(
    client: Client, database: Database, one: Somebody, how: dict[str, str]
) -> None:
    browser = await at_work(client, database, one)
    before = browser.cookies[COOKIE]
    await browser.post(LOCK)
    wrong = await browser.post(f"{LOCK}/mo", data=dict.fromkeys(how, "000999"))
    assert wrong.status_code == 422 and (await browser.get("/tiep-don")).status_code == 303
    answer = await browser.post(f"{LOCK}/mo", data=how | {"next": "/tiep-don"})
    assert answer.headers["location"] == "/tiep-don" and browser.cookies[COOKIE] != before
    assert (await browser.get("/tiep-don")).status_code == 200
    stale = await client(None)
    stale.cookies.set(COOKIE, before)
    assert (await stale.get("/tiep-don")).headers["location"].startswith("/dang-nhap")


async def test_a_passkey_unlocks_its_own_holders_screen_only(
    client: Client, database: Database, hospital: House, one: Somebody
) -> None:
    browser, device = await at_work(client, database, one), Authenticator("http://127.0.0.1:8400", "127.0.0.1")
    stranger = await at_work(client, database, await somebody(database, hospital.key, Role.RECEPTION))
    other = Authenticator("http://127.0.0.1:8400", "127.0.0.1")
    for window, key in ((browser, device), (stranger, other)):
        asked = (await window.post("/tai-khoan/khoa-truy-cap/bat-dau")).json()
        said = {"step": asked["step"], "credential": key.create(asked["options"])}
        assert (await window.post("/tai-khoan/khoa-truy-cap", data=said)).status_code == 200
    await browser.post(LOCK)
    for key, code in ((other, 422), (device, 303)):
        asked = (await browser.post(f"{LOCK}/khoa")).json()
        said = {"step": asked["step"], "credential": key.get(asked["options"])}
        assert (await browser.post(f"{LOCK}/mo", data=said)).status_code == code
    assert (await browser.get("/tiep-don")).status_code == 200


async def test_the_fifth_wrong_pin_ends_the_session(client: Client, database: Database, one: Somebody) -> None:
    browser = await at_work(client, database, one)
    await browser.post(LOCK)
    for _ in range(4):
        assert (await browser.post(f"{LOCK}/mo", data={"pin": "000999"})).status_code == 422
    await browser.post(f"{LOCK}/mo", data={"pin": "000999"})
    assert (await browser.post(f"{LOCK}/mo", data={"pin": PIN, "next": "/tiep-don"})).headers["location"] == "/tiep-don"
    assert (await browser.get("/tiep-don")).headers["location"].startswith("/dang-nhap")


async def test_nothing_is_asked_for_minutes_and_the_server_locks_by_itself(
    client: Client, database: Database, one: Somebody
) -> None:
    browser = await at_work(client, database, one)
    for seen, expected in (("9 minutes", 200), ("11 minutes", 303)):
        async with database.transaction(one.facility) as tx:
            await tx.execute(
                f"update session set lock_after = '10 minutes', seen = now() - interval '{seen}' where token_hash = $1",
                hashed(browser.cookies[COOKIE]),
            )
        assert (await browser.get("/tiep-don")).status_code == expected
    assert (await browser.post(f"{LOCK}/mo", data={"pin": PIN})).status_code == 303
    assert (await browser.get("/tiep-don")).status_code == 200


async def test_the_house_says_how_soon_and_a_display_is_never_locked(
    client: Client, database: Database, other_hospital: House
) -> None:
    admin = await client("administrator", other_hospital)
    assert (await admin.post("/quan-tri/tai-khoan/khoa-man-hinh", data={"minutes": "2"})).status_code == 422
    for minutes, expected in ((7, 7), (0, 0)):
        await admin.post("/quan-tri/tai-khoan/khoa-man-hinh", data={"minutes": str(minutes)})
        assert f'value="{minutes}"' in (await admin.get("/quan-tri/tai-khoan")).text
        for role, its in ((Role.NURSE, expected), (Role.DISPLAY, 0)):
            who = other_hospital.subject(role)
            async with database.transaction(who.facility) as tx:
                token = await open_for(tx, who.facility, who.account, Terms(hours=1, lock_minutes=10), Visitor())
                row = await tx.fetchrow("select lock_minutes from holder($1, false)", hashed(token))
            assert row and row["lock_minutes"] == its


@pytest.mark.parametrize("pin", ["12345", "1234567", "12a456", "000000", "123456", "987654", "121212", "123123"])
async def test_a_pin_that_anybody_would_try_is_not_taken(
    client: Client, database: Database, one: Somebody, pin: str
) -> None:
    browser = await client(None)
    browser.cookies.set(COOKIE, await session_of(database, one))
    assert (await browser.post("/tai-khoan/pin", data={"pin": pin, "again": pin})).status_code == 422


async def test_who_is_not_signed_in_finds_nothing_locked(client: Client) -> None:
    browser = await client(None)
    assert (await browser.get(LOCK)).headers["location"] == "/"
    assert (await browser.post(f"{LOCK}/mo", data={"pin": PIN})).status_code == 303
    assert (await browser.post(LOCK)).headers["location"].startswith("/dang-nhap")


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_cover_keeps_what_was_typed_in_every_window(
    open_page: OpenPage, address: str, client: Client, database: Database, one: Somebody, axe: Axe,
    size: tuple[int, int],
) -> None:  # fmt: skip
    browser = await at_work(client, database, one)
    page = await open_page(f"{address}/tiep-don", size=size, cookies={COOKIE: browser.cookies[COOKIE]})
    other = await page.context.new_page()
    await other.goto(f"{address}/tai-khoan")
    await page.bring_to_front()
    await page.keyboard.type("Giàng Thị Dở Dang")
    await page.keyboard.press("Alt+l")
    for window in (page, other):
        await expect(window.locator("#lock h1")).to_have_text("Màn hình đã khoá")
        await expect(window.locator("h1").first).to_be_hidden()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await expect(page.locator("#lock-pin")).to_be_focused()
    await page.keyboard.type("000999")
    await page.keyboard.press("Enter")
    await expect(page.locator("#lock-error")).to_be_visible()
    await page.keyboard.type(PIN)
    await page.keyboard.press("Enter")
    for window in (page, other):
        await expect(window.locator("#lock")).to_have_count(0)
    await expect(page.locator("#q")).to_have_value("Giàng Thị Dở Dang")
    await expect(other.locator("h1").first).to_be_visible()
