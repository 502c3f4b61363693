"""One's own account, as a browser meets it: second factors set and used, sessions ended, and who may not come near."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pyotp
import pytest
from playwright.async_api import Page, expect
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.access import Role
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.entrance.sign_in import STEP_COOKIE
from benhan.settings import Settings
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, serve
from tests.core.access.authenticator import Authenticator
from tests.core.access.staff_people import PASSWORD, Somebody, session_of, somebody

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
ORIGIN = "http://127.0.0.1:8400"


async def signed_in(client: Client, one: Somebody) -> httpx.AsyncClient:
    browser = await client(None)
    answer = await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return browser


def secret_in(page: str) -> str:
    found = re.search(r"<dd>([A-Z2-7]{32})</dd>", page)
    assert found, page
    return found[1]


def step_in(page: str) -> str:
    found = re.search(r'name="step" value="([\w-]{43})"', page)
    assert found
    return found[1]


def now_code(secret: str, later: int = 0) -> str:
    """The code of now; `later` steps on, which the window takes too."""
    return pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=30 * later))


async def with_application(browser: httpx.AsyncClient) -> tuple[str, list[str]]:
    """Secret and recovery codes of an application that was just set up."""
    page = (await browser.post("/tai-khoan/ung-dung")).text
    secret = secret_in(page)
    assert 'class="qr"' in page
    done = await browser.post("/tai-khoan/ung-dung/xac-nhan", data={"step": step_in(page), "code": now_code(secret)})
    codes = re.findall(r"<code>([0-9A-Z]{5}-[0-9A-Z]{5})</code>", done.text)
    assert len(codes) == 10
    own = (await browser.get("/tai-khoan")).text
    assert secret not in own and codes[0] not in own
    return secret, codes


async def test_an_application_is_set_up_and_asked_for_from_then_on(
    client: Client, database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    secret, codes = await with_application(await signed_in(client, one))
    browser = await client(None)
    answer = await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD, "next": "/tiep-don"})
    assert answer.headers["location"] == "/dang-nhap/buoc-hai?next=/tiep-don"
    assert COOKIE not in browser.cookies and STEP_COOKIE in browser.cookies
    step = browser.cookies[STEP_COOKIE]
    assert (await browser.get("/tiep-don")).status_code == 303
    posing = await client(None)
    posing.cookies.set(COOKIE, step)
    assert (await posing.get("/tiep-don")).status_code == 303  # a step is no session
    wrong = await browser.post("/dang-nhap/buoc-hai", data={"code": "000000", "next": "/tiep-don"})
    assert wrong.status_code == 422 and COOKIE not in browser.cookies
    right = await browser.post("/dang-nhap/buoc-hai", data={"code": now_code(secret, 1), "next": "/tiep-don"})
    assert right.headers["location"] == "/tiep-don"
    assert browser.cookies[COOKIE] not in (step, "")
    assert (await browser.get("/tiep-don")).status_code == 200
    again = await client(None)
    await again.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})
    assert (await again.post("/dang-nhap/buoc-hai", data={"code": codes[3]})).status_code == 303
    assert "còn 9 mã" in (await again.get("/tai-khoan")).text


async def test_without_a_step_the_second_page_leads_back_to_the_password(client: Client) -> None:
    browser = await client(None)
    answer = await browser.post("/dang-nhap/buoc-hai", data={"code": "123456"})
    assert answer.status_code == 422 and 'name="password"' in answer.text
    assert (await browser.get("/dang-nhap/lap-ung-dung")).status_code == 422


async def test_a_session_somebody_else_chose_is_never_taken_over(
    client: Client, database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key)
    browser = await client(None)
    browser.cookies.set(COOKIE, "chosen-by-somebody-else")
    answer = await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})
    given = answer.cookies[COOKIE]
    assert given != "chosen-by-somebody-else" and len(given) >= 43
    first = (await (await signed_in(client, one)).get("/tai-khoan")).request.headers["cookie"]
    assert given not in first  # each sign-in makes its own


async def test_a_changed_password_ends_the_other_sessions_and_renews_this_one(
    client: Client, database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    here, there = await signed_in(client, one), await signed_in(client, one)
    before = here.cookies[COOKIE]
    new = "bốn con mèo đen ngủ"
    wrong = await here.post("/tai-khoan/mat-khau", data={"current": "sai rồi", "password": new, "again": new})
    assert wrong.status_code == 422 and 'href="#f-current"' in wrong.text
    done = await here.post("/tai-khoan/mat-khau", data={"current": PASSWORD, "password": new, "again": new})
    assert done.status_code == 303 and done.cookies[COOKIE] != before
    assert (await here.get("/tiep-don")).status_code == 200
    assert (await there.get("/tiep-don")).status_code == 303
    stale = await client(None)
    stale.cookies.set(COOKIE, before)
    assert (await stale.get("/tiep-don")).status_code == 303
    again = await client(None)
    assert (await again.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})).status_code == 422


async def test_own_sessions_are_listed_and_ended_and_nobody_elses(
    client: Client, database: Database, hospital: House
) -> None:
    one, other = await somebody(database, hospital.key), await somebody(database, hospital.key, Role.RECEPTION)
    here, there = await signed_in(client, one), await signed_in(client, one)
    others = await signed_in(client, other)
    theirs = hashed(others.cookies[COOKIE]).hex()[:16]
    await here.post("/tai-khoan/phien", data={"phien": theirs})
    assert (await others.get("/tiep-don")).status_code == 200
    page = (await here.get("/tai-khoan")).text
    assert page.count('name="phien"') == 1 and theirs not in page and "phiên này" in page
    await here.post("/tai-khoan/phien", data={"phien": hashed(there.cookies[COOKIE]).hex()[:16]})
    assert (await there.get("/tai-khoan")).status_code == 303
    third = await signed_in(client, one)
    await here.post("/tai-khoan/phien")
    assert (await third.get("/tai-khoan")).status_code == 303
    assert (await here.get("/tai-khoan")).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/ung-dung", "/ung-dung/go", "/khoa-truy-cap", "/khoa-truy-cap/go", "/khoa-truy-cap/bat-dau", "/ma-du-phong"],
)
async def test_what_changes_how_she_is_known_asks_for_the_password_again(
    client: Client, database: Database, hospital: House, path: str
) -> None:
    one = await somebody(database, hospital.key)
    browser = await client(None)
    browser.cookies.set(COOKIE, await session_of(database, one))
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update session set proved = now() - interval '11 minutes' where account = $1", one.id)
    answer = await browser.post(f"/tai-khoan{path}", data={"khoa": "00", "step": "x", "credential": "{}"})
    asked = answer.json()["go"] if path.endswith("bat-dau") else answer.headers["location"]
    assert asked.startswith("/tai-khoan/xac-nhan")
    wrong = await browser.post("/tai-khoan/xac-nhan", data={"password": "không phải"})
    assert wrong.status_code == 422
    assert (await browser.post("/tai-khoan/xac-nhan", data={"password": PASSWORD})).status_code == 303
    assert (await browser.post("/tai-khoan/ung-dung")).status_code == 200


async def test_a_passkey_is_added_named_used_alone_and_removed(
    client: Client, database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    browser, device = await signed_in(client, one), Authenticator(ORIGIN, "127.0.0.1")
    asked = (await browser.post("/tai-khoan/khoa-truy-cap/bat-dau")).json()
    assert asked["options"]["authenticatorSelection"]["userVerification"] == "required"
    said = {"step": asked["step"], "credential": device.create(asked["options"]), "name": "Điện thoại"}
    assert "Mã dự phòng của bạn" in (await browser.post("/tai-khoan/khoa-truy-cap", data=said)).text
    page = (await browser.get("/tai-khoan")).text
    id_ = re.search(r'name="khoa" value="([0-9a-f]+)"', page)
    assert id_ and "Điện thoại" in page
    await browser.post("/tai-khoan/khoa-truy-cap/ten", data={"khoa": id_[1], "name": "Máy ở nhà"})
    assert "Máy ở nhà" in (await browser.get("/tai-khoan")).text
    fresh = await client(None)
    question = (await fresh.post("/dang-nhap/khoa-truy-cap/bat-dau")).json()
    assert question["options"]["allowCredentials"] == []  # tells nobody who has passkeys
    shown = {"step": question["step"], "credential": device.get(question["options"]), "next": "/tiep-don"}
    assert (await fresh.post("/dang-nhap/khoa-truy-cap", data=shown)).headers["location"] == "/tiep-don"
    assert (await fresh.get("/tiep-don")).status_code == 200
    replayed = await (await client(None)).post("/dang-nhap/khoa-truy-cap", data=shown)
    assert replayed.status_code == 422
    await browser.post("/tai-khoan/khoa-truy-cap/go", data={"khoa": id_[1]})
    assert "Máy ở nhà" not in (await browser.get("/tai-khoan")).text


async def test_nobody_removes_or_renames_anothers_passkey(client: Client, database: Database, hospital: House) -> None:
    one, other = await somebody(database, hospital.key), await somebody(database, hospital.key)
    browser, device = await signed_in(client, one), Authenticator(ORIGIN, "127.0.0.1")
    asked = (await browser.post("/tai-khoan/khoa-truy-cap/bat-dau")).json()
    said = {"step": asked["step"], "credential": device.create(asked["options"]), "name": "Của tôi"}
    await browser.post("/tai-khoan/khoa-truy-cap", data=said)
    stranger = await signed_in(client, other)
    for path in ("go", "ten"):
        answer = await stranger.post(f"/tai-khoan/khoa-truy-cap/{path}", data={"khoa": device.id.hex(), "name": "Lấy"})
        assert answer.status_code == 422
    assert "Của tôi" in (await browser.get("/tai-khoan")).text


@asynccontextmanager
async def _house(database: Database, **settings: Any) -> AsyncIterator[Starlette]:
    made = create_app(Settings(mode="demo", secure_cookies=False, **settings), database)
    async with made.router.lifespan_context(made):
        yield made


async def test_where_a_role_must_have_a_second_factor_she_sets_it_up_at_the_door(
    database: Database, hospital: House
) -> None:
    one = await somebody(database, hospital.key, Role.RECEPTION)
    async with (
        _house(database, require_second_factor="reception administrator") as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as browser,
    ):
        answer = await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD, "next": "/tiep-don"})
        assert answer.headers["location"] == "/dang-nhap/lap-ung-dung?next=/tiep-don"
        secret = secret_in((await browser.get(answer.headers["location"])).text)
        assert (await browser.post("/dang-nhap/lap-ung-dung", data={"code": "000000"})).status_code == 422
        assert (await browser.get("/tiep-don")).status_code == 303
        done = await browser.post("/dang-nhap/lap-ung-dung", data={"code": now_code(secret), "next": "/tiep-don"})
        assert "Mã dự phòng của bạn" in done.text
        assert (await browser.get("/tiep-don")).status_code == 200
        assert "cần lớp bảo vệ" in html.unescape((await browser.post("/tai-khoan/ung-dung/go")).text)


async def test_a_passkey_in_a_real_browser(open_page: OpenPage, database: Database, hospital: House, axe: Axe) -> None:
    """Chromium's own authenticator, over its debugging protocol: add, sign out, come back without a password."""
    one = await somebody(database, hospital.key, Role.RECEPTION)
    async with _house(database) as app, serve(app) as base:
        site = base.replace("127.0.0.1", "localhost")  # a passkey belongs to a name, never to a number
        app.state.settings.public_url = site
        page = await open_page(f"{site}/dang-nhap?next=/tai-khoan")
        try:
            await _virtual_device(page)
            await page.fill("#login", one.login)
            await page.fill("#password", PASSWORD)
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"{site}/tai-khoan")
            assert await axe(page) == []
            await page.fill('[data-passkey="create"] [name="name"]', "Máy trực")
            await page.keyboard.press("Enter")
            await expect(page.locator("h1", has_text="Mã dự phòng của bạn")).to_be_visible()
            assert await axe(page) == []
            await page.goto(f"{site}/tai-khoan")
            await expect(page.locator('input[value="Máy trực"]')).to_be_visible()
            await page.context.clear_cookies()
            await page.goto(f"{site}/dang-nhap?next=/tai-khoan")
            assert await axe(page) == []
            await page.get_by_role("button", name="Dùng khoá truy cập").press("Enter")
            await page.wait_for_url(f"{site}/tai-khoan")
        finally:
            await page.context.close()  # the server waits for its last connection


async def test_at_an_address_of_numbers_no_passkey_is_offered(open_page: OpenPage, address: str) -> None:
    """Browsers refuse them there; a button that cannot work is not shown."""
    for site, offered in ((address.replace("127.0.0.1", "localhost"), True), (address, False)):
        page = await open_page(f"{site}/dang-nhap")
        await expect(page.get_by_role("button", name="Dùng khoá truy cập")).to_be_visible(visible=offered)


async def _virtual_device(page: Page) -> None:
    wire = await page.context.new_cdp_session(page)
    await wire.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    await wire.send("WebAuthn.addVirtualAuthenticator", {"options": options})


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_pages_are_accessible(
    open_page: OpenPage, address: str, database: Database, hospital: House, axe: Axe, size: tuple[int, int]
) -> None:
    one = await somebody(database, hospital.key)
    page = await open_page(f"{address}/", size=size, cookies={COOKIE: await session_of(database, one)})
    for path in ("/tai-khoan", "/tai-khoan/xac-nhan", "/dang-nhap", "/dang-nhap/buoc-hai"):
        await page.goto(f"{address}{path}")
        assert await axe(page) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
