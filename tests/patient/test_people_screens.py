"""Signing in and relatives in a real browser: on a phone, light and dark, by keyboard, and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Page
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.callers import COOKIE
from benhan.core.db import Database
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.patient import telephones
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


async def clean(page: Page, axe: Axe) -> None:
    """Open to everybody on a phone, light and dark, and nothing wider than the screen."""
    async for look in looks(page, (PHONE, True), (PHONE, False)):
        assert await axe(page) == [], (page.url, look)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url


async def enter(page: Page, gateway: GatewayStandIn, phone: str, birth: str) -> None:
    """All steps by keyboard; each page's first field has the focus."""
    await page.keyboard.type(phone)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/dang-nhap/ma**")
    await page.wait_for_selector("#f-code:focus")
    await page.keyboard.type(await telephones.code_in(gateway, phone))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/xac-nhan**")
    await page.wait_for_selector("#f-birth:focus")
    await page.keyboard.type(birth)
    await page.keyboard.press("Enter")


async def test_she_signs_in_names_her_son_and_he_reads(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone, his_phone = telephones.number(), telephones.number()
    await telephones.patient(database, hospital, phone)
    hers = await open_page(f"{address}{telephones.ENTRY}?co-so={hospital.code}", size=PHONE)
    await clean(hers, axe)
    await enter(hers, gateway, phone, "03021956")
    await hers.wait_for_url(f"{address}/nguoi-benh")
    await clean(hers, axe)
    await hers.click("text=Ai thay mặt tôi?")
    await clean(hers, axe)
    for name, value in (("name", "Đặng Văn Sơn"), ("phone", his_phone), ("birth", "15/08/1985")):
        await hers.fill(f"#f-{name}", value)
    await hers.check('input[value="results"]')
    await hers.click("text=Cử người này")
    await hers.wait_for_selector("text=chờ người ấy nhận lời")
    await clean(hers, axe)

    his = await open_page(f"{address}{telephones.ENTRY}?co-so={hospital.code}", size=PHONE)
    await enter(his, gateway, his_phone, "15081985")
    await his.wait_for_url("**/nguoi-benh/chon")
    await clean(his, axe)
    await his.click("text=Nhận lời thay mặt")
    await his.click("text=Mở hồ sơ của Đặng Thị Tâm")
    await his.wait_for_url("**/nguoi-benh/ket-qua")
    assert await his.is_visible("text=Bạn đang thay mặt")
    await clean(his, axe)
    for path in ("/nguoi-benh/thuoc", "/nguoi-benh/tai-khoan", "/nguoi-benh/chon"):
        await his.goto(address + path)
        await clean(his, axe)


async def test_without_scripts_she_signs_in_the_same(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    page = await open_page(f"{address}{telephones.ENTRY}?co-so={hospital.code}", size=PHONE, javascript=False)
    await page.fill("#f-phone", phone)
    await page.click("main .btn-primary")
    await page.fill("#f-code", "abc")
    await page.click("main .btn-primary")
    assert "Mã không đúng" in (await page.text_content("main") or "")
    await page.fill("#f-code", await telephones.code_in(gateway, phone))
    await page.click("main .btn-primary")
    await page.fill("#f-birth", "03/02/1956")
    await page.click("main .btn-primary")
    assert page.url == f"{address}/nguoi-benh"


async def test_the_desk_records_a_guardian(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    person = await telephones.patient(database, hospital, telephones.number(), "Đỗ Bé Na", "2019-05-06")
    who = hospital.subject(Role.RECEPTION)
    async with database.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=who.account, hours=1)
    page = await open_page(f"{address}/nguoi-benh/than-nhan/{person.id}", size=DESK, cookies={COOKIE: token})
    await clean(page, axe)
    await page.select_option("#f-kind", "guardian")
    for name, value in (
        ("seen", "Giấy khai sinh 12/2019"), ("name", "Đỗ Thị Mẹ"), ("phone", telephones.number()),
        ("birth", "15/08/1990"),
    ):  # fmt: skip
        await page.fill(f"#f-{name}", value)
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_selector("text=đến trước ngày 06/05/2037")
    await clean(page, axe)
