"""Signing in through a provider elsewhere: a real one, on loopback. Linked by her, then as with a password."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pyotp
import pytest
from playwright.async_api import expect
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core.access import Role, staff
from benhan.core.access.accounts import hashed
from benhan.core.access.doors import COOKIE
from benhan.core.access.hours import Hours
from benhan.core.db import PLATFORM, Database
from benhan.core.kit import clock
from benhan.entrance.outside import exchanges
from benhan.settings import Settings
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, serve
from tests.core.access.staff_people import PASSWORD, Somebody, session_of, somebody
from tests.outside_provider import Register, signs_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
BASE = "http://benhan.test"
WAY = "/dang-nhap/qua/so-y-te"
BACK = f"{BASE}{WAY}/ve"
#: Nobody listens there.
NOWHERE = {"issuer": "http://127.0.0.1:9", "client_id": "x", "secret": "x"}


class Front:
    """A house with a provider, and browsers at its door."""

    def __init__(self, app: Starlette, stack: AsyncExitStack) -> None:
        self.app = app
        self._stack = stack

    async def browser(self, session: str | None = None) -> httpx.AsyncClient:
        """A browser of its own."""
        made = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=BASE)
        await self._stack.enter_async_context(made)
        if session:
            made.cookies.set(COOKIE, session)
        return made

    async def link(self, database: Database, one: Somebody, elsewhere: str) -> httpx.Response:
        """She links who she is elsewhere; gives the last answer."""
        browser = await self.browser(await session_of(database, one))
        page = await browser.post("/tai-khoan/noi/so-y-te")
        return await browser.get(await signs_in(address_in(page.text), elsewhere))

    async def comes(self, elsewhere: str, *, ways: str = "", target: str = "/") -> tuple[httpx.AsyncClient, Any]:
        """Somebody signs in by the button; her browser and the last answer."""
        browser = await self.browser()
        answer = await browser.get(f"{WAY}?next={target}")
        assert answer.status_code == 303, answer.text
        return browser, await browser.get(await signs_in(answer.headers["location"], elsewhere, ways=ways))


def address_in(page: str) -> str:
    found = re.search(r'href="(http://127[^"]+/auth[^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


def settings_with(tmp_path: Path, registered: dict[str, Any], **more: Any) -> Settings:
    """Settings of a house with one provider, as an operator writes them."""
    secret = tmp_path / f"secret-{uuid4().hex}"
    secret.write_text(registered.get("secret", "") + "\n")
    house = {name: more.pop(name) for name in list(more) if name in Settings.model_fields}
    provider = {
        "name": "so-y-te", "issuer": registered["issuer"], "client_id": registered["client_id"],
        "secret_file": secret, "label": "Sở Y tế", "label_english": "Department of Health", **more,
    }  # fmt: skip
    usual: dict[str, Any] = {"mode": "demo", "secure_cookies": False, "public_url": BASE}
    return Settings(**usual | house, sign_in_providers=[provider])


@asynccontextmanager
async def opened(database: Database, tmp_path: Path, registered: dict[str, Any], **more: Any) -> AsyncIterator[Front]:
    app = create_app(settings_with(tmp_path, registered, **more), database)
    async with app.router.lifespan_context(app), AsyncExitStack() as stack:
        yield Front(app, stack)


@pytest.fixture
async def front(database: Database, register: Register, tmp_path: Path) -> AsyncIterator[Front]:
    async with opened(database, tmp_path, register(BACK)) as made:
        yield made


@pytest.fixture
async def one(database: Database, hospital: House) -> Somebody:
    return await somebody(database, hospital.key, Role.RECEPTION)


def elsewhere() -> str:
    return f"may-{uuid4().hex[:10]}"


async def acts(database: Database, one: Somebody, action: str) -> list[tuple[bool, str]]:
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select * from audit where account = $1 and action = $2 order by seq", one.id, action)
    return [(row["allowed"], row["rule"]) for row in rows]


async def test_linked_by_its_owner_it_opens_her_account_and_nobody_elses(
    front: Front, database: Database, one: Somebody
) -> None:
    there = elsewhere()
    _browser, stranger = await front.comes(there)
    assert stranger.status_code == 422 and "chưa nối với tài khoản nào" in stranger.text
    assert COOKIE not in stranger.cookies
    linked = await front.link(database, one, there)
    assert (linked.status_code, linked.headers["location"]) == (303, "/tai-khoan?xong=noi")
    browser, answer = await front.comes(there, target="/tiep-don")
    assert (answer.status_code, answer.headers["location"]) == (303, "/tiep-don")
    assert (await browser.get("/tiep-don")).status_code == 200
    own = (await browser.get("/tai-khoan")).text
    assert f"{there}@elsewhere" in own and "tài khoản ngoài" in own
    assert await acts(database, one, "provider-link") == [(True, "linked")]
    assert await acts(database, one, "sign-in") == [(True, "provider")]
    _other, other = await front.comes(elsewhere())
    assert other.status_code == 422


async def test_the_sign_in_page_offers_it_in_both_languages(front: Front) -> None:
    browser = await front.browser()
    assert "Đăng nhập bằng Sở Y tế" in (await browser.get("/dang-nhap")).text
    assert "Sign in with Department of Health" in (await browser.get("/dang-nhap?lang=en")).text


@pytest.mark.parametrize("alg", ["ES256", "PS256"])
async def test_other_signatures_of_the_list_are_taken(
    database: Database, register: Register, tmp_path: Path, one: Somebody, alg: str
) -> None:
    there = elsewhere()
    async with opened(database, tmp_path, register(BACK, alg)) as front:
        assert (await front.link(database, one, there)).status_code == 303
        assert (await front.comes(there))[1].status_code == 303


async def test_a_program_without_a_secret_is_known_by_pkce_alone(
    database: Database, register: Register, tmp_path: Path, one: Somebody
) -> None:
    there, public = elsewhere(), register(BACK, token_endpoint_auth_method="none")
    async with opened(database, tmp_path, public, secret_file=None) as front:
        assert (await front.link(database, one, there)).status_code == 303
        assert (await front.comes(there))[1].status_code == 303


async def test_what_ends_an_account_ends_this_way_in_too(
    front: Front, database: Database, hospital: House, one: Somebody
) -> None:
    there, admin = elsewhere(), hospital.subject(Role.ADMINISTRATOR)
    await front.link(database, one, there)
    yesterday = Hours(days=1 << (clock.today() - timedelta(days=1)).weekday())
    async with database.transaction(hospital.key) as tx:
        await staff.set_hours(tx, admin, one.id, yesterday)
    assert "Ngoài giờ" in (await front.comes(there))[1].text
    async with database.transaction(hospital.key) as tx:
        await staff.set_hours(tx, admin, one.id, Hours())
        await staff.stop(tx, admin, one.id, "nghỉ việc")
    assert "nghỉ việc" in (await front.comes(there))[1].text
    async with database.transaction(hospital.key) as tx:
        await staff.restart(tx, admin, one.id)
    assert (await front.comes(there))[1].status_code == 303
    async with database.transaction(hospital.key) as tx:
        await staff.reset(tx, admin, one.id)
    assert "chưa nối" in (await front.comes(there))[1].text
    tried = [rule for allowed, rule in await acts(database, one, "sign-in") if not allowed]
    assert tried == ["hours", "stopped"]
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from session where account = $1", one.id) == 0
        assert await tx.fetchval("select true from audit where action = 'provider-unlink' and id = $1", one.id)


async def test_her_second_factor_is_asked_unless_the_operator_takes_that_of_the_provider(
    database: Database, register: Register, tmp_path: Path, one: Somebody
) -> None:
    there, secret, registered = elsewhere(), pyotp.random_base32(), register(BACK)
    async with database.transaction(one.facility) as tx:
        await tx.execute("update account set totp_secret = $2 where id = $1", one.id, secret)
    async with opened(database, tmp_path, registered) as front:
        await front.link(database, one, there)
        browser, answer = await front.comes(there, ways="pwd mfa", target="/tiep-don")
        assert answer.headers["location"] == "/dang-nhap/buoc-hai?next=/tiep-don"
        assert (await browser.get("/tiep-don")).status_code == 303
        code = pyotp.TOTP(secret).now()
        entered = await browser.post("/dang-nhap/buoc-hai", data={"code": code, "next": "/tiep-don"})
        assert entered.headers["location"] == "/tiep-don"
    async with opened(database, tmp_path, registered, second_factor=["mfa"]) as front:
        assert (await front.comes(there, ways="pwd"))[1].headers["location"].startswith("/dang-nhap/buoc-hai")
        assert (await front.comes(there, ways="pwd mfa"))[1].headers["location"] == "/"
    assert [rule for _ok, rule in await acts(database, one, "sign-in")] == [
        "provider+code", "provider, its second factor",
    ]  # fmt: skip


async def test_where_her_role_needs_a_second_factor_she_sets_one_up_on_the_way(
    database: Database, register: Register, tmp_path: Path, one: Somebody
) -> None:
    there = elsewhere()
    async with opened(database, tmp_path, register(BACK), require_second_factor="reception") as front:
        await front.link(database, one, there)
        browser, answer = await front.comes(there)
        assert answer.headers["location"].startswith("/dang-nhap/lap-ung-dung")
        assert "Ứng dụng" in (await browser.get(answer.headers["location"])).text


async def test_linking_asks_for_a_fresh_password_and_comes_from_our_own_page(
    front: Front, database: Database, one: Somebody
) -> None:
    browser = await front.browser(await session_of(database, one))
    forged = await browser.post("/tai-khoan/noi/so-y-te", headers={"Sec-Fetch-Site": "cross-site"})
    assert forged.status_code == 403
    assert (await browser.get("/tai-khoan/noi/so-y-te")).status_code == 405
    async with database.transaction(one.facility) as tx:
        await tx.execute("update session set proved = now() - interval '11 minutes' where account = $1", one.id)
    for path, said in (("/tai-khoan/noi/so-y-te", {}), ("/tai-khoan/go-noi", {"noi": "x"})):
        answer = await browser.post(path, data=said)
        assert answer.headers["location"].startswith("/tai-khoan/xac-nhan"), path


async def test_an_answer_links_only_in_the_session_that_asked(
    front: Front, database: Database, hospital: House, one: Somebody
) -> None:
    """Neither does an answer of hers link somebody else's account, nor one of somebody else's link hers."""
    other = await somebody(database, hospital.key, Role.RECEPTION)
    hers, theirs = [await front.browser(await session_of(database, whose)) for whose in (one, other)]
    page = await hers.post("/tai-khoan/noi/so-y-te")
    back = await signs_in(address_in(page.text), elsewhere())
    assert (await theirs.get(back)).status_code == 422  # no question of hers
    hers.cookies.set(COOKIE, theirs.cookies[COOKIE])
    assert (await hers.get(back)).status_code == 422  # somebody else sits there by now
    assert await acts(database, one, "provider-link") == []
    assert await acts(database, other, "provider-link") == []
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select count(*) from outside_link where account = any($1)", [one.id, other.id]) == 0


async def test_an_identity_belongs_to_one_account_and_an_account_has_one_of_each_provider(
    front: Front, database: Database, hospital: House, one: Somebody
) -> None:
    there, other = elsewhere(), await somebody(database, hospital.key, Role.RECEPTION)
    await front.link(database, one, there)
    for who, whom in ((other, there), (one, elsewhere())):
        answer = await front.link(database, who, whom)
        assert answer.status_code == 422 and "đã nối ở đây" in answer.text
        assert (await acts(database, who, "provider-link"))[-1] == (False, "taken")
    browser = await front.browser(await session_of(database, one))
    found = re.search(r'name="noi" value="([^"]+)"', (await browser.get("/tai-khoan")).text)
    assert found
    answer = await browser.post("/tai-khoan/go-noi", data={"noi": found[1]})
    assert answer.headers["location"] == "/tai-khoan?xong=go-noi"
    assert "chưa nối" in (await front.comes(there))[1].text
    assert (await acts(database, one, "provider-unlink")) == [(True, "")]


async def test_whoever_holds_the_invitation_links_first_and_chooses_a_password_then(
    front: Front, database: Database, hospital: House
) -> None:
    there, admin, login = elsewhere(), hospital.subject(Role.ADMINISTRATOR), f"moi{uuid4().hex[:8]}"
    async with database.transaction(hospital.key) as tx:
        person = staff.Person(name="Quàng Thị Én", roles=frozenset({Role.RECEPTION}))
        account, token = await staff.invite(tx, admin, login, person)
    browser = await front.browser()
    assert f"/loi-moi/{token}/qua/so-y-te" in (await browser.get(f"/loi-moi/{token}")).text
    away = await browser.get(f"/loi-moi/{token}/qua/so-y-te")
    answer = await browser.get(await signs_in(away.headers["location"], there))
    assert answer.headers["location"] == f"/loi-moi/{token}"
    assert f"{there}@elsewhere" in (await browser.get(f"/loi-moi/{token}")).text
    assert "đặt mật khẩu trước" in (await front.comes(there))[1].text
    await browser.post(f"/loi-moi/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert (await front.comes(there))[1].status_code == 303
    assert (await browser.get(f"/loi-moi/{token}/qua/so-y-te")).status_code == 404
    admins = await front.browser(await session_of(database, Somebody(admin.account, "", hospital.key)))
    assert f"{there}@elsewhere" in (await admins.get(f"/quan-tri/tai-khoan/{account}")).text


async def test_a_provider_of_one_hospital_opens_no_account_of_another(
    database: Database, register: Register, tmp_path: Path, hospital: House, other_hospital: House, one: Somebody
) -> None:
    there, registered = elsewhere(), register(BACK)
    stranger = await somebody(database, other_hospital.key, Role.RECEPTION)
    async with opened(database, tmp_path, registered) as front:
        await front.link(database, one, there)
    async with opened(database, tmp_path, registered, facility="79002") as front:
        assert "chưa nối" in (await front.comes(there))[1].text
        hers = await front.browser(await session_of(database, one))
        assert (await hers.post("/tai-khoan/noi/so-y-te")).status_code == 404
        assert (await front.link(database, stranger, elsewhere())).status_code == 303
        browser = await front.browser()
        assert "Sở Y tế" not in (await browser.get(f"/dang-nhap?co-so={hospital.code}")).text
        assert "Sở Y tế" in (await browser.get("/dang-nhap?co-so=79002")).text


async def test_she_changes_her_mind_there_and_nothing_happens_here(front: Front) -> None:
    browser = await front.browser()
    away = await browser.get(WAY)
    answer = await browser.get(await signs_in(away.headers["location"], "ai", cancels=True))
    assert answer.status_code == 422 and "Bạn đã huỷ" in answer.text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example"])
async def test_it_never_leads_to_another_site(front: Front, database: Database, one: Somebody, target: str) -> None:
    there = elsewhere()
    await front.link(database, one, there)
    assert (await front.comes(there, target=target))[1].headers["location"] == "/"


async def test_an_answer_is_taken_once_and_only_where_it_was_asked(
    front: Front, database: Database, one: Somebody
) -> None:
    there = elsewhere()
    await front.link(database, one, there)
    browser, other = await front.browser(), await front.browser()
    away = await browser.get(WAY)
    back = await signs_in(away.headers["location"], there)
    assert (await other.get(back)).status_code == 422  # another browser
    kept = dict(browser.cookies)
    assert (await browser.get(back)).status_code == 303
    other.cookies.update(kept)
    again = await other.get(back)
    assert again.status_code == 422 and "Bắt đầu lại" in again.text


async def test_a_session_that_came_this_way_ends_as_others_do(front: Front, database: Database, one: Somebody) -> None:
    there = elsewhere()
    await front.link(database, one, there)
    browser, _answer = await front.comes(there)
    token = browser.cookies[COOKIE]
    await browser.post("/dang-xuat")
    async with database.transaction(PLATFORM) as tx:
        assert await tx.fetchval("select true from session where token_hash = $1", hashed(token)) is None


async def test_a_provider_that_is_away_is_told_and_a_password_still_opens(
    database: Database, tmp_path: Path, one: Somebody
) -> None:
    async with opened(database, tmp_path, NOWHERE) as front:
        browser = await front.browser()
        answer = await browser.get(WAY)
        assert answer.status_code == 422 and "Không nối được tới Sở Y tế" in answer.text
        entered = await browser.post("/dang-nhap", data={"login": one.login, "password": PASSWORD})
        assert entered.status_code == 303


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_way_there_and_back_in_a_real_browser(
    open_page: OpenPage, database: Database, register: Register, tmp_path: Path, one: Somebody, axe: Axe,
    size: tuple[int, int],
) -> None:  # fmt: skip
    """Keyboard only, from the password to linking, and in again by the button."""
    async with opened(database, tmp_path, NOWHERE) as front, serve(front.app) as base:
        settings = settings_with(tmp_path, register(f"{base}{WAY}/ve"), public_url=base)
        front.app.state.settings, front.app.state.providers = settings, exchanges(settings)
        page = await open_page(f"{base}/dang-nhap?next=/tai-khoan", size=size)
        try:
            assert await axe(page) == []
            await page.fill("#login", one.login)
            await page.fill("#password", PASSWORD)
            await page.keyboard.press("Enter")
            await page.get_by_role("button", name="Nối với Sở Y tế").press("Enter")
            await expect(page.get_by_role("heading", name="Nối với Sở Y tế")).to_be_visible()
            assert await axe(page) == []
            await page.get_by_role("link", name="Sang Sở Y tế").press("Enter")
            await page.get_by_label("Name").fill(f"may-{size[0]}-{one.id}")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("status", name="")).to_contain_text("Đã nối tài khoản ngoài")
            assert await axe(page) == []
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            await page.context.clear_cookies()
            await page.goto(f"{base}/dang-nhap?next=/tai-khoan")
            await page.get_by_role("link", name="Đăng nhập bằng Sở Y tế").press("Enter")
            await page.get_by_label("Name").fill(f"may-{size[0]}-{one.id}")
            await page.keyboard.press("Enter")
            await page.wait_for_url(f"{base}/tai-khoan")
        finally:
            await page.context.close()  # the server waits for its last connection
