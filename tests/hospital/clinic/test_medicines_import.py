"""A hospital brings its own medicine list; it sees what would happen before anything does."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Invalid, Malformed, Problem, TooLarge
from benhan.hospital import medicines
from benhan.hospital.clinic import medicines_import as sheets
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]
HEADING = [
    "Mã thuốc",
    "Tên hoạt chất",
    "Hàm lượng",
    "Dạng bào chế",
    "Đơn vị tính",
    "Đường dùng",
    "Dung tích",
    "Loại đơn",
]
ROWS = [
    ["IMP-1", "Cefixim", "200 mg", "Viên nang", "Viên", "Uống", "", ""],
    ["IMP-2", "Ambroxol", "15 mg/5 ml", "Siro", "Chai", "Uống", "60", ""],
    ["IMP-3", "Diazepam", "5 mg", "Viên nén", "Viên", "Uống", "", "hướng thần"],
]


def as_csv(rows: list[list[str]], separator: str = ";") -> str:
    return "\r\n".join(separator.join(row) for row in [HEADING, *rows])


def as_excel(rows: list[list[str]], title: str | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in [*([[title], []] if title else []), HEADING, *rows]:
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def read(content: bytes, name: str = "thuoc.csv") -> sheets.Checked:
    table = sheets.read(content, name)
    return sheets.check(table, sheets.match(table.heading))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1258", "utf-16"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_the_same_list_is_read_from_every_encoding_and_separator(encoding: str, separator: str) -> None:
    import unicodedata

    text = as_csv(ROWS, separator)
    if encoding == "cp1258":  # Excel writes the five tones as marks of their own
        text = "".join(
            c if c.encode("cp1258", "ignore") else unicodedata.normalize("NFD", c)
            for c in unicodedata.normalize("NFC", text)
        )
        text = re.sub("[ạậặẹệịọộợụựỵẠ]", lambda m: unicodedata.normalize("NFD", m[0]), text)
        content = _to_1258(text)
    else:
        content = text.encode(encoding)
    found = read(content)
    assert not found.errors
    assert [one.title for one in found.medicines] == ["Cefixim 200 mg", "Ambroxol 15 mg/5 ml", "Diazepam 5 mg"]
    assert found.medicines[1].pack_ml == Decimal(60)
    assert found.medicines[2].kind == "H"


def _to_1258(text: str) -> bytes:
    """As Windows does it: letters with their own code, tones as combining marks."""
    import unicodedata

    made = b""
    for letter in unicodedata.normalize("NFC", text):
        try:
            made += letter.encode("cp1258")
        except UnicodeEncodeError:
            base, *marks = unicodedata.normalize("NFD", letter)
            tones = [mark for mark in marks if mark in "\u0300\u0309\u0303\u0301\u0323"]
            shape = unicodedata.normalize("NFC", base + "".join(mark for mark in marks if mark not in tones))
            made += (shape + "".join(tones)).encode("cp1258")
    return made


def test_an_excel_sheet_with_a_title_above_its_heading_is_read() -> None:
    found = read(as_excel(ROWS, title="DANH MỤC THUỐC NĂM 2026"), "thuoc.xlsx")
    assert [one.code for one in found.medicines] == ["IMP-1", "IMP-2", "IMP-3"]


def test_errors_name_the_row_of_the_file_and_the_column() -> None:
    empty = ["", "", "", "", "", "", "", ""]
    found = read(as_excel([ROWS[0], empty, ["IMP-9", "Cefixim", "", "Viên", "viên", "", "", ""]]), "x.xlsx")
    assert [str(error) for error in found.errors] == ["dòng 4: hàm lượng trống"]
    assert [one.code for one in found.medicines] == ["IMP-1"]


def test_a_code_twice_a_strange_kind_and_a_wrong_volume_are_errors() -> None:
    strange = ["S", "X", "1", "Siro", "chai", "", "nhiều", ""]
    found = read(as_csv([ROWS[0], ROWS[0], strange, ["K", "X", "1", "Viên", "viên", "", "", "xanh"]]).encode())
    assert len(found.medicines) == 1
    assert [error.row for error in found.errors] == [3, 4, 5]


def test_a_missing_column_is_asked_for_by_name() -> None:
    table = sheets.read("Mã thuốc;Tên\nA;B".encode(), "x.csv")
    with pytest.raises(Invalid, match="Chọn cột hàm lượng"):
        sheets.check(table, sheets.match(table.heading))


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    try:
        sheets.read(content, "x.csv")
    except Problem as problem:
        assert problem.message


def test_broken_old_and_huge_files_are_refused_with_a_reason() -> None:
    with pytest.raises(Malformed):
        sheets.read(b"PK\x03\x04 not really", "x.xlsx")
    with pytest.raises(Malformed, match="xls"):
        sheets.read(b"\xd0\xcf\x11\xe0rest", "cu.xls")
    with pytest.raises(TooLarge):
        sheets.read(b"x" * (sheets.MOST_BYTES + 1), "x.csv")
    with pytest.raises(TooLarge):
        sheets.read("\n".join(["Mã;Tên", *["a;b"] * (sheets.MOST_ROWS + 30)]).encode(), "x.csv")


def test_a_table_comes_back_from_the_page_as_it_went() -> None:
    table = sheets.read(as_csv(ROWS).encode(), "x.csv")
    assert sheets.unpacked(sheets.packed(table)) == table
    with pytest.raises(Malformed):
        sheets.unpacked("AAAA")


def test_an_exported_list_is_read_back_as_it_was() -> None:
    found = read(as_csv(ROWS).encode())
    again = read(sheets.export(found.medicines))
    assert again == found


def test_a_cell_that_a_spreadsheet_would_run_is_only_shown() -> None:
    evil = medicines.Medicine(code="=1+1", name="X", strength="1", form="Viên", unit="viên")
    assert b"'=1+1" in sheets.export([evil])


async def test_importing_twice_changes_nothing_the_second_time(
    database: Database, subject: Callable[..., Subject]
) -> None:
    pharmacist = subject("pharmacy")
    lines = read(as_csv(ROWS).encode()).medicines
    async with database.transaction(pharmacist.facility) as tx:
        await sheets.keep(tx, pharmacist, lines)
    async with database.transaction(pharmacist.facility) as tx:
        again = await sheets.keep(tx, pharmacist, lines)
    assert (len(again.new), len(again.changed), again.same) == (0, 0, 3)
    stronger = read(as_csv([["IMP-1", "Cefixim", "400 mg", "Viên nang", "Viên", "Uống", "", ""]]).encode()).medicines
    async with database.transaction(pharmacist.facility) as tx:
        assert len((await sheets.keep(tx, pharmacist, stronger)).changed) == 1
        stored = await store.read(tx, pharmacist, r4.Medication, medicines.medicine_id("IMP-1"))
    assert medicines.of(stored).title == "Cefixim 400 mg"
    assert stored.meta and stored.meta.versionId == "2"


# The doors

PATHS = ["/thuoc", "/thuoc/nhap", "/thuoc/tai-ve.csv"]


@pytest.mark.parametrize("path", PATHS)
async def test_nobody_signed_in_is_sent_to_sign_in(path: str, client: Client) -> None:
    answer = await (await client(None)).get(path)
    assert answer.status_code == 303 and answer.headers["location"].startswith("/dang-nhap")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["reception", "doctor", "cashier"])
async def test_only_the_pharmacy_and_the_administrator_enter(path: str, role: str, client: Client) -> None:
    assert (await (await client(role)).get(path)).status_code == 403


async def test_another_hospital_sees_its_own_list(client: Client, other_hospital: House, database: Database) -> None:
    mine = await client("pharmacy")
    await _import(mine, as_csv([["OWN-1", "Thuốc riêng của ta", "1 mg", "Viên nén", "viên", "", "", ""]]))
    assert "Thuốc riêng của ta" in (await mine.get("/thuoc?thuoc=thuoc rieng")).text
    theirs = await client("pharmacy", other_hospital)
    assert "Thuốc riêng của ta" not in (await theirs.get("/thuoc?thuoc=thuoc rieng")).text
    assert "OWN-1" not in (await theirs.get("/thuoc/tai-ve.csv")).text


async def test_a_preview_writes_nothing_and_the_confirmation_does(client: Client) -> None:
    pharmacist = await client("pharmacy")
    preview = await _preview(pharmacist, as_csv([["PRE-1", "Thuốc xem trước", "1 mg", "Viên nén", "viên", "", "", ""]]))
    assert preview.status_code == 200
    assert "Ghi 1 thuốc" in preview.text
    assert "PRE-1" not in (await pharmacist.get("/thuoc?thuoc=thuoc xem truoc")).text
    done = await _confirm(pharmacist, preview.text)
    assert done.headers["location"] == "/thuoc?moi=1&sua=0&giu=0&loi=0"
    shown = await pharmacist.get("/thuoc?thuoc=thuoc xem truoc")
    assert "PRE-1" in shown.text


async def test_a_file_that_is_none_gets_a_clear_answer(client: Client) -> None:
    pharmacist = await client("pharmacy")
    answer = await pharmacist.post("/thuoc/nhap", files={"file": ("x.xlsx", b"PK\x03\x04rubbish")})
    assert answer.status_code == 400 and "Không đọc được tệp Excel" in answer.text
    assert (await pharmacist.post("/thuoc/nhap", data={"packed": ""})).status_code == 422


async def _preview(who: httpx.AsyncClient, text: str) -> httpx.Response:
    return await who.post("/thuoc/nhap", files={"file": ("thuoc.csv", text.encode())})


async def _confirm(who: httpx.AsyncClient, page: str) -> httpx.Response:
    fields = dict(re.findall(r'name="(packed)" value="([^"]*)"', page))
    for field, body in re.findall(r'name="(column-\w+)">(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="(\d+)" selected', body)
        fields[field] = chosen[1] if chosen else ""
    return await who.post("/thuoc/nhap", data={**fields, "confirm": "1"})


async def _import(who: httpx.AsyncClient, text: str) -> None:
    await _confirm(who, (await _preview(who, text)).text)
