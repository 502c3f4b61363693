"""A doctor fills in a record, without scripts too; nobody is shut out; two who write see each other's words."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import expect

from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.hospital.chart.records.sections import section_of
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.hospital.chart.stays import Answer, Stay, stay

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def bed(database: Database, hospital: House) -> Stay:
    """A record that was opened."""
    made = await stay(database, hospital)
    await made.opens()
    return made


async def page_of(bed: Stay, link: str) -> int:
    there = await bed.record()
    found = section_of(there.form, link)
    assert found is not None
    return found.number


async def test_the_record_keeps_itself_while_a_doctor_types(
    open_page: OpenPage, axe: Axe, address: str, client: Client, bed: Stay
) -> None:
    cookies = {COOKIE: (await client("doctor")).cookies[COOKIE]}
    number = await page_of(bed, "outcome")
    page = await open_page(f"{address}{bed.address}?muc={number}", cookies=cookies)
    assert await axe(page) == []
    died = page.locator("[name='died']")
    await expect(died).to_be_hidden()
    await page.check("[name='outcome'][value='5']", force=True)
    await expect(died).to_be_visible()
    await died.fill("7h30 21/11/2026")
    await expect(page.locator("[data-saved-state='']")).to_have_attribute("data-state", "saved")
    assert await bed.said("outcome") == ["5"]
    assert await bed.said("died") == ["2026-11-21T07:30:00+07:00"]
    await died.fill("hôm qua")
    await expect(page.locator("#record-problems .error-summary")).to_be_visible()
    assert await bed.said("died") == ["2026-11-21T07:30:00+07:00"]
    await died.fill("7h30 21/11/2026")
    await page.locator("[name='death-cause']").press_sequentially("viem phoi")
    await page.keyboard.press("Enter")
    await expect(page.locator("[name='death-cause']")).to_have_value(re.compile("^J"))
    async with page.expect_navigation():
        await page.keyboard.press("Control+s")
    assert (await bed.said("death-cause"))[0].startswith("J")


@pytest.mark.parametrize(("size", "dark"), [(DESK, True), (PHONE, False)])
async def test_the_screens_are_open_to_everybody(
    open_page: OpenPage, axe: Axe, address: str, client: Client, bed: Stay, size: tuple[int, int], dark: bool
) -> None:
    cookies = {COOKIE: (await client("doctor")).cookies[COOKIE]}
    page = await open_page(f"{address}/benh-an", size=size, dark=dark, cookies=cookies)
    paths = [f"{bed.address}?muc={n}" for n in (2, 6, 7)] + [f"{bed.address}/kiem-tra", f"{bed.address}?mau=doi"]
    for path in ("/benh-an", "/benh-an/tre-han", *paths):
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await page.goto(address + path)
        if "muc=" in path:  # a field that lies half under the bar is too small to touch until it is scrolled free
            await page.set_viewport_size({"width": size[0], "height": 4000})
        assert await axe(page) == [], path
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


async def test_without_scripts_it_is_filled_in_and_what_is_known_is_taken(
    open_page: OpenPage, address: str, client: Client, bed: Stay
) -> None:
    cookies = {COOKIE: (await client("doctor")).cookies[COOKIE]}
    number = await page_of(bed, "pulse")
    await bed.writes("pulse", [Answer(valueInteger=120)])
    page = await open_page(f"{address}{bed.address}?muc={number}", javascript=False, cookies=cookies)
    await page.fill("[name='reason']", "Đau đầu")
    await page.fill("[name='illness']", "Ba ngày nay")
    async with page.expect_navigation():
        await page.click("button[name='lay'][value='pulse']")
    assert await bed.said("pulse") == ["88"]
    assert (await bed.said("reason"), await bed.said("illness")) == (["Đau đầu"], ["Ba ngày nay"])
    await page.click("text=Lưu, sang mục sau")
    await page.wait_for_url(f"**?muc={number + 1}")


async def test_two_at_one_field_choose(open_page: OpenPage, axe: Axe, address: str, client: Client, bed: Stay) -> None:
    cookies = {COOKIE: (await client("doctor")).cookies[COOKIE]}
    page = await open_page(f"{address}{bed.address}?muc={await page_of(bed, 'reason')}", cookies=cookies)
    await bed.writes("reason", [Answer(valueString="Chóng mặt")])
    await bed.writes("illness", [Answer(valueString="Từ sáng")])
    await page.fill("[name='reason']", "Đau đầu")
    chosen = page.locator("#record-problems form")
    await expect(chosen).to_contain_text("Chóng mặt")
    assert await axe(page) == []
    assert await bed.said("reason") == ["Chóng mặt"]
    await chosen.locator("button").click()
    await expect(chosen).to_have_count(0)
    await expect(page.locator("#record [name='reason']")).to_have_value("Đau đầu")
    await expect(page.locator("#record [name='illness']")).to_have_value("Từ sáng")
    assert await bed.said("illness") == ["Từ sáng"]  # nobody's words are lost beside it


async def test_two_save_themselves_on_the_same_page(client: Client, bed: Stay) -> None:
    doctor = await client("doctor")
    number = await page_of(bed, "reason")
    at, keeps = f"{bed.address}/ghi?muc={number}", {"benhan-autosave": "1"}
    version = _version((await doctor.get(f"{bed.address}?muc={number}")).text)
    await bed.writes("illness", [Answer(valueString="Từ sáng")])  # a colleague, on the same page
    for words in ("Đau", "Đau đầu"):  # her page still shows an empty illness, and sends it each time
        sent = {"reason": words, "illness": "", "version": version}
        answer = await doctor.post(at, data=sent, headers=keeps)
        assert answer.status_code == 204
        version = answer.headers["etag"].removeprefix('W/"').rstrip('"')
    assert (await bed.said("reason"), await bed.said("illness")) == (["Đau đầu"], ["Từ sáng"])


async def test_tables_take_rows_and_lose_them(client: Client, database: Database, hospital: House) -> None:
    bed = await stay(database, hospital)
    await bed.opens("10/BV1")
    there = await bed.record()
    table = there.tables["operations"]
    number = await page_of(bed, "operations")
    doctor = await client("doctor")
    first, second = table.items[0].link, table.items[1].link
    sent = {"operations": "", f"{first}@0": "", f"{first}@1": "08:00 20/11/2026", f"{second}@1": "Cắt ruột thừa"}
    version = _version((await doctor.get(f"{bed.address}?muc={number}")).text)
    answer = await doctor.post(f"{bed.address}/ghi?muc={number}", data={**sent, "version": version})
    assert answer.status_code == 303
    said = (await bed.record()).said
    assert [one.valueString for one in said[f"{second}@0"]] == ["Cắt ruột thừa"]
    version = _version((await doctor.get(f"{bed.address}?muc={number}")).text)
    gone = {"operations": "", f"{first}@0": "", f"{second}@0": "", "version": version}
    assert (await doctor.post(f"{bed.address}/ghi?muc={number}", data=gone)).status_code == 303
    assert f"{second}@0" not in (await bed.record()).said
    bad = await doctor.post(f"{bed.address}/ghi?muc={number}", data={"operations": "", f"{first}@0": "hôm qua"})
    assert bad.status_code == 422


def _version(html: str) -> str:
    found = re.search(r'name="version" value="([^"]*)"', html)
    assert found
    return found[1]
