"""A list that is brought in: what is understood, what is wrong by row, what cannot be placed, what changes nothing."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import re
import unicodedata
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import httpx
import pytest
from openpyxl import Workbook
from openpyxl.worksheet.formula import ArrayFormula

from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir.outcome import Malformed
from benhan.province.rollout import imports, lists
from benhan.province.rollout.evidence import Evidence
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]
TODAY = date(2026, 11, 1)
HEADS = ["Mã CSKCB", "Tên cơ sở", "Loại hình", "Khối", "Xã/Phường", "Tỉnh", "Ngày quyết định", "Số QĐ"]
GOOD = ["L0001", "BV Danh Sách Một", "BVĐK", "công lập", "Ba Đình", "Hà Nội", "", ""]
NEW = "/so-y-te/so-hoa/nhap"


def sheet(*rows: list[Any], merge: str = "", heads: list[str] = HEADS) -> bytes:
    book = Workbook()
    page = book.active
    page.append(["DANH SÁCH CƠ SỞ"])
    page.merge_cells("A1:H1")
    for row in [heads, *rows]:
        page.append(row)
    if merge:
        page.merge_cells(merge)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def text(*rows: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=";").writerows([HEADS, *rows])
    return buffer.getvalue()


def checked(content: bytes, name: str = "a.xlsx") -> lists.Checked:
    return lists.check(lists.read(content, name), TODAY)


def but(**changed: Any) -> list[Any]:
    return [changed.get(name, value) for name, value in zip("abcdefgh", GOOD, strict=True)]


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (but(), "đã có ở dòng 3"),
        (but(a="L2", b="x"), "không đủ 5 ký tự"),
        (but(a=123, b="x"), "bỏ số 0"),
        (but(a="L0002", g="31/02/2026", h="1"), "không phải ngày có thật"),
        (but(a="L0002", g="01/01/2027", h="1"), "tương lai"),
        (but(a="L0002", g="01/01/2026"), "số quyết định"),
        (but(a="L0002", b='=CONCATENATE("a","b")'), "là công thức"),
        (but(a="L0002", c="tàu vũ trụ"), "không hiểu"),
        (but(a="L0002", b=None), "trống tên"),
        (but(a="L0002", b="#REF!"), "ô báo lỗi #REF!"),
        (but(a="L0002", b=ArrayFormula("B5", '=UPPER("a")')), "là công thức"),
        (but(a="L0002", b="BÖnh viÖn §a khoa"), "không phải tiếng Việt Unicode"),
        (but(a="L0002", b="BV\ufffdn"), "không phải tiếng Việt Unicode"),
    ],
)
def test_what_is_wrong_is_said_by_row(row: list[Any], wanted: str) -> None:
    found = checked(sheet(GOOD, row))
    assert [(one.row, wanted in one.message) for one in found.wrong] == [(4, True)]
    assert [one.facts["name"] for one in found.lines] == ["BV Danh Sách Một"]


def test_merged_cells_are_named_but_not_those_above_the_heading() -> None:
    found = checked(sheet(GOOD, but(a="L0002"), merge="B3:B4"))
    assert [(one.row, "B3:B4" in one.message) for one in found.wrong[:1]] == [(3, True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1258"])
def test_a_csv_may_be_written_in_any_of_these(encoding: str) -> None:
    found = checked(windows(text(GOOD)) if encoding == "cp1258" else text(GOOD).encode(encoding), "a.csv")
    assert not found.wrong and found.lines[0].facts["kind"] == "general"
    assert found.lines[0].facts["name"] == "BV Danh Sách Một"


def windows(said: str) -> bytes:
    """As Vietnamese Windows writes it: each letter with its hat, its tone after it."""
    tones = dict.fromkeys(map(ord, "\u0300\u0301\u0303\u0309\u0323"))
    apart = []
    for one in said:
        whole = unicodedata.normalize("NFD", one)
        letter = unicodedata.normalize("NFC", whole.translate(tones))
        apart.append(letter + "".join(sign for sign in whole if ord(sign) in tones))
    return "".join(apart).encode("cp1258")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_letters_of_former_fonts_are_told_from_rubbish(encoding: str) -> None:
    with pytest.raises(Malformed, match="TCVN3"):
        lists.read("Tªn c¬ së;Lo¹i h×nh\nBV;x\n".encode(encoding), "a.csv")
    with pytest.raises(Malformed, match="TCVN3"):
        lists.read(sheet(heads=["Tªn c¬ së", "Lo¹i h×nh"]), "a.xlsx")
    with pytest.raises(Malformed, match="BOM"):
        lists.read(text(GOOD).encode("utf-16-le"), "a.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"a,b\n1,2\n",
        b"PK\x03\x04 not really",
        b"\x00\x01\x02" * 50,
        b"\xd0\xcf\x11\xe0 old",
        "Tªn c¬ së,M·".encode(),
    ],
)
def test_what_is_no_list_is_said_to_be_none(content: bytes) -> None:
    with pytest.raises(Malformed):
        lists.read(content, "a.csv")


async def counted(database: Database, department: House) -> int:
    async with database.transaction(department.key) as tx:
        found: int = await tx.fetchval("select count(*) from rollout_entry where facility = $1", department.key)
        return found


async def send(browser: httpx.AsyncClient, content: bytes, **fields: str) -> httpx.Response:
    if not fields:
        return await browser.post(NEW, files={"file": ("a.xlsx", content)})
    said = {"packed": base64.b64encode(content).decode(), "name": "a.xlsx", "confirm": "1", **fields}
    return await browser.post(NEW, data=said, files={"none": ("", b"")})


@pytest.mark.asyncio(loop_scope="session")
async def test_a_list_is_looked_at_then_brought_in_once(client: Client, database: Database, department: House) -> None:
    browser = await client("province", at=department)
    before = await counted(database, department)
    wrong = await send(browser, sheet(GOOD, GOOD))
    assert wrong.status_code == 422 and "đã có ở dòng 3" in wrong.text and 'name="confirm"' not in wrong.text
    assert (await send(browser, sheet(GOOD, GOOD), verified="1")).status_code == 422
    assert (await browser.post(NEW, files={"file": ("a.xlsx", b"0" * 50_000_000)})).status_code == 413
    assert await counted(database, department) == before

    content = sheet(
        GOOD, but(a="", b="BV Danh Sách Hai", g="01/10/2025", h="9/QĐ"), but(a="L0003", b="BV Lạc", e="Xã Không Có"),
        but(a="L0004", b="Chưa rõ loại", c=""),
    )  # fmt: skip
    preview = await send(browser, content)
    assert preview.status_code == 200 and await counted(database, department) == before
    shown = re.sub(r"<[^>]+>", " ", preview.text)
    assert "không tìm thấy nơi “Xã Không Có, Hà Nội”" in shown and "thiếu loại hình" in shown
    done = await send(browser, content, verified="")
    assert done.status_code == 303 and "moi=2&sua=0&sot=2" in done.headers["location"]
    written = await counted(database, department)
    assert written > before
    again = await send(browser, content, verified="")
    assert "moi=0&sua=0" in again.headers["location"] and await counted(database, department) == written

    renamed = await send(browser, sheet(but(b="BV Danh Sách Một (mới)"), but(a="L0022", b="bv danh sach hai")))
    assert re.search(r"Cập nhật</span><span class=\"big\">2<", renamed.text)
    found = (await browser.get("/so-y-te/so-hoa/co-so?q=danh sach hai")).text
    assert "BV Danh Sách Hai" in found and "chờ xác minh" in found and "BV Danh Sách Một" not in found


def many(n: int, first: str) -> bytes:
    """A list of so many facilities, as CSV; the code of the first row is told."""
    rows = [but(a=first if at == 0 else f"N{at:04d}", b=f"BV Dài Số {at}") for at in range(n)]
    return text(*rows).encode()


async def watched(browser: httpx.AsyncClient, address: str) -> str:
    """What stands on the page of an import once it is over."""
    for _turn in range(2000):
        page = (await browser.get(address)).text
        assert "<progress" in page
        if 'http-equiv="refresh"' not in page:  # which browsers without scripts go by
            return page
        await asyncio.sleep(0.02)
    raise AssertionError(page)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_long_list_is_brought_in_beside_the_requests(
    client: Client, database: Database, department: House, province: House
) -> None:
    browser = await client("province", at=department)
    began = await send(browser, many(imports.AT_ONCE + 1, "N9999"), verified="")
    assert began.status_code == 303
    done = await watched(browser, began.headers["location"])
    assert f"{imports.AT_ONCE + 1} cơ sở mới" in done and 'value="100"' in done
    async with database.transaction(department.key) as tx:
        left = await tx.fetchval("select length(body) from rollout_import where facility = $1", department.key)
    assert left == 0  # it is kept as evidence now, and once
    elsewhere = await client("province", at=province)
    assert (await elsewhere.get(began.headers["location"])).status_code == 404

    before = await counted(database, department)
    file = Evidence(None, "a.csv", "text/csv", text(GOOD, GOOD).encode())
    async with database.transaction(department.key) as tx:  # as if it had become wrong since it was looked at
        job = await imports.begin(tx, department.subject(Role.PROVINCE), file, verified=False)
    failed = await watched(browser, f"{NEW}/{job}")
    assert "Chưa nhập gì" in failed and "còn dòng sai" in failed
    assert await counted(database, department) == before
