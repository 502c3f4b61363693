"""The page of the department of health: who may open it, what it tells, what can be taken away."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Awaitable, Callable

import httpx
import openpyxl
import pytest

from benhan.core.access import Subject
from benhan.core.db import PLATFORM, Database
from benhan.province.population.pages import _changed, _events
from benhan.simulator import House
from tests.province import visits
from tests.settled import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATHS = ("/so-y-te", "/so-y-te/so-lieu.csv", "/so-y-te/so-lieu.xlsx", "/so-y-te/truc-tiep")


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_signed_in_sees_nothing(client: Client, path: str) -> None:
    assert (await (await client(None)).get(path)).status_code == 303


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["doctor", "reception", "administrator", "planning"])
async def test_no_hospital_sees_the_figures_of_all(client: Client, path: str, role: str) -> None:
    assert (await (await client(role)).get(path)).status_code == 403


async def test_a_day_is_told_with_small_counts_hidden(client: Client, database: Database, hospital: House) -> None:
    day = visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for code in ("J06.9", "J06.9", "J06.9", "B20"):
            await visits.whole(tx, hospital, day, 20, code)
    await visits.counted(database)
    browser = await client("province")
    asked = f"?ky=ngay&ngay={day:%d/%m/%Y}"
    page = (await browser.get(f"/so-y-te{asked}")).text
    assert "BVĐK Sông Hồng" in page and "Nhiễm trùng đường hô hấp trên" in page
    row = page.split("B20", 1)[1].split("</tr>", 1)[0]
    assert "&lt; 3" in row and "%" not in row
    sheet = (await browser.get(f"/so-y-te/so-lieu.csv{asked}")).content.decode("utf-8-sig")
    assert "J06.9" in sheet and "<3" in next(line for line in sheet.splitlines() if "B20" in line)
    book = openpyxl.load_workbook(io.BytesIO((await browser.get(f"/so-y-te/so-lieu.xlsx{asked}")).content))
    async with database.transaction(PLATFORM) as tx:
        taken = await tx.fetch(
            "select detail from audit where action = 'export' and rule = 'permission province-figures'"
        )
    assert {row["detail"].rpartition(".")[2] for row in taken} == {"csv", "xlsx"}
    assert book.sheetnames == ["Theo cơ sở", "Chẩn đoán chính", "Chờ khám theo giờ đến", "Kết thúc khám"]
    assert book["Theo cơ sở"]["D2"].value == 4
    assert {cell.value for cell in book["Chẩn đoán chính"]["D"]} == {"Lượt khám", 3, "<3"}


async def test_one_facility_can_be_looked_at_alone(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    day = visits.a_day()
    for house in (hospital, other_hospital):
        async with database.transaction(house.key) as tx:
            await visits.arrive(tx, house, day)
    await visits.counted(database)
    browser = await client("province")
    one = await browser.get(f"/so-y-te?ngay={day:%d/%m/%Y}&co-so={other_hospital.code}", headers={"HX-Request": "true"})
    assert "BVĐK Cửu Long" in one.text and "BVĐK Sông Hồng" not in one.text
    assert "<html" not in one.text


@pytest.mark.parametrize(
    ("asked", "status"),
    [("ky=the-ky", 422), ("ngay=31/02/2026", 422), ("ngay=abc", 422), ("co-so=xyz", 404), ("ngay=0001-01-01", 422),
     ("ky=nam", 200), ("ky=tuan&ngay=2026-12-31", 200), ("ky=thang&ngay=", 200)],
)  # fmt: skip
async def test_odd_addresses_get_an_answer(client: Client, asked: str, status: int) -> None:
    assert (await (await client("province")).get(f"/so-y-te?{asked}")).status_code == status


async def test_an_open_page_hears_of_a_new_visit(
    client: Client, database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    app = (await client(None))._transport.app  # type: ignore[attr-defined]
    await visits.counted(database)
    who = subject("province")
    seen = await _changed(app, who)
    events = _events(app, who, seen.isoformat())
    assert (await anext(events)).startswith("retry")
    async with database.transaction(hospital.key) as tx:
        await visits.arrive(tx, hospital, visits.a_day())
    told = await asyncio.wait_for(anext(events), PATIENCE)
    assert re.fullmatch(r"id: \S+\nevent: figures\ndata: {}\n\n", told)
    await events.aclose()


async def test_the_readiness_tells_how_far_a_reader_lags(client: Client, database: Database) -> None:
    browser = await client(None)
    before = (await browser.get("/readyz")).json()["feed_lag_seconds"]
    async with database.transaction(PLATFORM) as tx:
        oldest = await tx.fetchval("select extract(epoch from now() - min(at))::float8 from feed")
        await tx.execute("insert into feed_reader (name) values ('đọc từ đầu')")
    behind = (await browser.get("/readyz")).json()["feed_lag_seconds"]
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("delete from feed_reader where name = 'đọc từ đầu'")
    assert behind >= oldest - 1 >= before - 1


async def test_it_speaks_english(client: Client) -> None:
    page = (await (await client("province")).get("/so-y-te?lang=en")).text
    assert "Whole province" in page and "Toàn địa bàn" not in page
