"""The screens of the Official Account in a real browser: open to everybody, by keyboard, in both languages."""

from __future__ import annotations

import pytest

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.callers import COOKIE
from benhan.core.db import Database
from benhan.patient.message_pages import PATH as CHOICE
from benhan.patient.oa import talk
from benhan.patient.oa.accounts import LOST
from benhan.patient.oa.inbox import PATH as INBOX
from benhan.patient.oa.pages import PATH
from benhan.simulator import House
from tests.browser import PHONE, Axe, OpenPage
from tests.patient import people, telephones
from tests.patient.oa import official

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_administrator_sees_what_rests_and_keeps_templates_by_keyboard(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=hospital.subject(Role.ADMINISTRATOR).account, hours=1)
    async with official.account(database, hospital):
        async with database.transaction(hospital.key) as tx:
            await tx.execute("update oa_connection set trouble = $1 where facility = $2", LOST, hospital.key)
            await tx.execute(
                "insert into oa_rest values ($1, 'phone', 'results', now() + interval '1 hour', 'template -131')",
                hospital.key,
            )
        page = await open_page(f"{address}{PATH}", cookies={COOKIE: token})
        assert await axe(page) == []
        assert "mẫu tin chưa được duyệt" in await page.inner_text("main")
        await page.focus("#f-revisit")
        await page.keyboard.type("9")
        await page.keyboard.press("Control+Enter")
        await page.wait_for_url("**?xong=mau")
        assert await page.input_value("#f-revisit") == "9412350"
        await page.goto(f"{address}{PATH}?lang=en")
        assert "Connect again: the answer of the last renewal was lost" in await page.inner_text("main")


async def test_she_chooses_her_messages_on_her_telephone(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    person = await telephones.patient(database, hospital, telephones.number())
    link = await people.link(database, hospital, person)
    page = await open_page(f"{address}/nguoi-benh/{link}", size=PHONE)
    await page.fill("#f-birth", "03/02/1956")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".me-tabs")
    await page.goto(f"{address}{CHOICE}")
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await page.uncheck("#f-turn")
    await page.press("#f-turn", "Enter")
    await page.wait_for_url("**?xong=luu")
    assert [await page.is_checked(f"#f-{kind}") for kind in ("reminder", "turn")] == [True, False]


async def test_the_front_office_answers_by_keyboard(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House
) -> None:
    user = "u-tren-man-hinh"
    async with official.account(database, hospital):
        async with database.transaction(hospital.key) as tx:
            await tx.execute("insert into oa_user (facility, id, spoke) values ($1, $2, now())", hospital.key, user)
            await talk.heard(tx, hospital.key, user, "text", "Tôi để quên ô ở phòng chờ")
            token = await open_session(tx, hospital.key, account=hospital.subject(Role.RECEPTION).account, hours=1)
        page = await open_page(f"{address}{INBOX}", cookies={COOKIE: token})
        assert await axe(page) == []
        await page.click(f"text=Zalo …{user[-4:]}")
        await page.wait_for_selector("#f-text")
        assert await axe(page) == []
        await page.focus("#f-text")
        await page.keyboard.type("Ô của bạn ở quầy 2.")
        await page.keyboard.press("Control+Enter")
        await page.wait_for_selector("text=Ô của bạn ở quầy 2.")
        await page.goto(f"{address}{INBOX}?lang=en")
        assert "waits since" in await page.inner_text("main")
