"""The cashier's screens in a browser, by keyboard, with what a morning brings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from secrets import token_hex

import httpx
import pytest
from playwright.async_api import expect

from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.simulator import House
from tests.browser import Axe, OpenPage
from tests.hospital.cashier.test_notices import asked, told_by

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_cashier_places_money_by_keyboard(
    client: Callable[..., Awaitable[httpx.AsyncClient]], database: Database, house: House, open_page: OpenPage,
    axe: Axe, address: str,
) -> None:  # fmt: skip
    bank, mark = await told_by(client, house), token_hex(3).upper()
    payments = [await asked(client, database, house) for _ in range(4)]
    for n, words in enumerate(
        (payments[0][2], f"{payments[1][2]} lan 1", "nguyen thi hoa chuyen tien kham benh cho me")
    ):
        amount = 149_000 if n == 1 else 150_000
        assert await bank.send(bank.money(words, amount, f"FT26{mark}{n}"), clock.now()) == 200
    cookies = {COOKIE: (await client("cashier", house)).cookies[COOKIE]}
    page = await open_page(f"{address}/thu-ngan", cookies=cookies)
    assert await axe(page) == []
    await page.get_by_role("link", name=f"FT26{mark}2").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/chua-khop/**")
    assert await axe(page) == []
    await page.get_by_role("radio", name=payments[2][2]).press("Space")
    await page.keyboard.press("Shift+Enter")
    await page.wait_for_url(f"**/thu-ngan/{payments[2][2]}")
    await expect(page.get_by_text("đã thanh toán")).to_be_visible()
    assert await axe(page) == []
    await page.keyboard.press("Escape")
    await page.wait_for_url("**/thu-ngan")
    await expect(page.get_by_role("link", name=f"FT26{mark}2")).to_have_count(0)
