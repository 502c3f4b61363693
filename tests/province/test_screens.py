"""The figures in a real browser: readable by everybody, and live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage, looks
from tests.province import visits

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_figures_are_open_to_everybody(
    open_page: OpenPage, axe: Axe, client: Client, address: str, database: Database, hospital: House,
    size: tuple[int, int],
) -> None:  # fmt: skip
    async def violations() -> list[str]:
        return [one async for _look in looks(page, (size, False), (size, True)) for one in await axe(page)]

    day = visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for hour in (0, 1):
            for wait in (5, 15, 25, 60):
                await visits.whole(
                    tx, hospital, day.replace(hour=7 + hour), wait, "J06.9", "web" if wait == 5 else None
                )
    await visits.counted(database)
    cookies = {COOKIE: (await client("province")).cookies[COOKIE]}
    page = await open_page(f"{address}/so-y-te?ngay={day:%d/%m/%Y}", size=size, cookies=cookies)
    assert await violations() == []
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    for kind in ("Tuần", "Tháng", "Năm"):
        await page.click(f".pv-choose >> text={kind}")
        assert await violations() == [], kind


async def test_a_new_visit_is_counted_before_the_eyes(
    open_page: OpenPage, client: Client, address: str, database: Database, hospital: House
) -> None:
    await visits.counted(database)
    cookies = {COOKIE: (await client("province")).cookies[COOKIE]}
    page = await open_page(f"{address}/so-y-te", cookies=cookies)
    before = int((await page.text_content(".pv-stat .big") or "0").replace(".", ""))
    async with database.transaction(hospital.key) as tx:
        await visits.arrive(tx, hospital, clock.now())
    await page.wait_for_function(
        "n => parseInt(document.querySelector('.pv-stat .big').textContent.replace('.', '')) > n", arg=before
    )
