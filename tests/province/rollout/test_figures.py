"""From records of single facilities, made up, the page tells the totals that were published (issue 7)."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections.abc import Awaitable, Callable

import httpx
import openpyxl
import pytest
from pypdf import PdfReader

from benhan.core.db import Database
from benhan.core.kit import clock, money
from benhan.simulator import House, build_province
from benhan.simulator.rollout import bring_hospitals, city, country

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_the_published_totals_of_the_city(
    client: Client, database: Database, dsn: Callable[..., str], hospital: House
) -> None:
    house = await build_province(database, dsn(), code="79811", name="Sở Y tế Thành phố Mẫu")
    made = city(clock.today())
    await bring_hospitals(database, house, made)
    browser = await client("province", at=house)
    raw = (await browser.get("/so-y-te/so-hoa")).text
    assert ">200</text>" in raw and ">100</text>" in raw and "mục tiêu: 164" in raw  # whole numbers beside the line
    page = words(raw)
    assert "153/164 93 %" in page
    for line in ("Công lập 60/60 100 %", "Bộ, ngành 13/14 93 %", "Tư nhân 80/90 89 %"):
        assert line in page
    assert "Công lập (cả bộ, ngành) 47/73 64 %" in page and "Tư nhân 52/80 65 %" in page
    assert "7 đã bỏ giấy, 33 (20 %) đã bắt đầu" in page
    assert (
        "Chưa bỏ giấy 11" in page
        and "Thiếu kinh phí" in page
        and re.search(r"Đến 01/01/2027: \d+ đến \d+ trên 164", page)
    )
    other = words((await browser.get("/so-y-te/so-hoa?nhom=khac")).text)
    assert "0/0" in other

    book = openpyxl.load_workbook(io.BytesIO((await browser.get("/so-y-te/so-hoa/tai-ve.xlsx")).content))
    assert [cell.value for cell in book["Tổng hợp"][2]][1:3] == [164, 153]
    assert book["Danh sách cơ sở"].max_row == 165

    land = words((await browser.get("/so-y-te/so-hoa/ban-do")).text)
    assert "153/164" in land and "không phải bản đồ ranh giới" in land
    compared = words((await browser.get("/so-y-te/so-hoa/so-sanh")).text)
    assert "7/164 4 %" in compared and "153/164 93 %" in compared and "+146" in compared and "+89 điểm" in compared
    costs = words((await browser.get("/so-y-te/so-hoa/dau-tu")).text)
    rented = [row for row in csv.DictReader(io.StringIO(made.decode("utf-8-sig"))) if row["Cách đầu tư"] == "rent"]
    prices = [int(row["Giá (đồng)"]) for row in rented if row["Giá (đồng)"]]
    beds = [int(row["Giá (đồng)"]) / int(row["Giường kế hoạch"]) for row in rented if row["Giá (đồng)"]]
    told = [money.figures(round(n / 1_000_000)) for n in (sum(prices), statistics.median(prices))]
    a_bed = f"{statistics.median(beds) / 1_000_000:.1f}".replace(".", ",")
    assert f"Thuê dịch vụ CNTT {len(prices)}/{len(rented)} {told[0]} {told[1]} {a_bed}" in costs
    assert re.search(r"Nhà cung cấp A \(mẫu\) .+? \d+/55 9\d %", costs)
    wave = words((await browser.get("/so-y-te/so-hoa?dot=Đợt 1")).text)
    first = sum(row["Đợt triển khai"] == "Đợt 1" for row in csv.DictReader(io.StringIO(made.decode("utf-8-sig"))))
    assert re.search(rf" \d+/{first} \d+ %", wave) and 0 < first < 164
    for paper in ("bao-cao", "trinh-chieu"):
        printed = await browser.get(f"/so-y-te/so-hoa/{paper}.pdf")
        said = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(printed.content)).pages)
        assert "153/164" in said and "93 %" in said and "Tư nhân" in said

    anybody = await client(None)
    public = words((await anybody.get("/tien-do-so-hoa/79811")).text)
    assert "153/164 93 %" in public and "số 1" not in public and "M0001" not in public
    async with database.transaction(house.key) as tx:
        seen = await tx.fetch(
            "select action from audit where facility = $1 and action in ('export', 'import')", house.key
        )
    assert {row["action"] for row in seen} == {"export", "import"}


async def test_the_published_totals_of_the_country(
    client: Client, database: Database, dsn: Callable[..., str], hospital: House
) -> None:
    house = await build_province(database, dsn(), code="79812", name="Bộ Y tế (mẫu)")
    await bring_hospitals(database, house, country(clock.today()))
    browser = await client("province", at=house)
    page = words((await browser.get("/so-y-te/so-hoa")).text)
    assert "566/1.700 33 %" in page and page.count("Tỉnh") + page.count("Thành phố") >= 30
    first = await browser.get("/so-y-te/so-hoa/co-so?tinh-trang=open")
    assert "1.134 cơ sở" in words(first.text)
    link = re.search(r'href="([^"]+)" rel="next"', first.text)
    assert link
    following = words((await browser.get(link[1].replace("&amp;", "&"))).text)
    shown = set(re.findall(r"Bệnh viện mẫu số \d+", words(first.text)))
    assert len(shown) == 50 and not shown & set(re.findall(r"Bệnh viện mẫu số \d+", following))
