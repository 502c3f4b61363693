"""Sheets that people bring: Excel (.xlsx) or CSV, read as rows of values, bounded. What they mean is their reader's."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any, Final

from openpyxl import load_workbook
from openpyxl.worksheet.formula import ArrayFormula, DataTableFormula

from benhan.core.fhir.outcome import Malformed, TooLarge
from benhan.core.kit.text import nfc
from benhan.core.language import _

MOST_COLUMNS: Final = 60
MOST_CELL: Final = 300
_MERGED: Final = re.compile(rb'<(?:\w+:)?mergeCell [^>]*ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
#: Read of a sheet's XML at a time; a merge that lies across two pieces is found in the overlap.
_PIECE: Final = 1 << 20
_OVERLAP: Final = 100


def is_excel(content: bytes) -> bool:
    """Whether the bytes begin like an .xlsx (a ZIP)."""
    return content[:4] == b"PK\x03\x04"


def excel_rows(content: bytes, *, most_unpacked: int, formulas: bool = False) -> Iterator[list[Any]]:
    """The rows of the first sheet: what cells show, or with `formulas` what stands in them ("=A1+1").

    Raises:
        TooLarge: it unfolds to more than `most_unpacked` bytes. Malformed: it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > most_unpacked:
                raise TooLarge(_("Tệp Excel bung ra quá lớn."), advice=_("Lưu lại chỉ với trang danh sách."))
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=not formulas)
        for row in book.worksheets[0].iter_rows(max_col=MOST_COLUMNS, values_only=True):
            yield list(row)
        book.close()
    except TooLarge:
        raise
    except Exception as error:  # openpyxl raises whatever a broken file makes it
        raise Malformed(_("Không đọc được tệp Excel này."), advice=_("Lưu lại dạng .xlsx hoặc CSV.")) from error


def merged_rows(content: bytes) -> list[tuple[str, int, int]]:
    """The merged cells of all sheets of an .xlsx: how each is written ("A5:A7"), its first and its last row."""
    found: dict[str, tuple[str, int, int]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for one in packed.namelist():
            if not re.fullmatch(r"xl/worksheets/[^/]+\.xml", one):
                continue
            with packed.open(one) as file:
                before = b""
                while piece := file.read(_PIECE):
                    for left, top, right, bottom in _MERGED.findall(before + piece):
                        said = (left + top + b":" + right + bottom).decode()
                        found[said] = (said, int(top), int(bottom))
                    before = piece[-_OVERLAP:]
    return list(found.values())


def csv_rows(content: bytes, filename: str) -> Iterator[list[str]]:
    """The rows of a CSV, whichever separator it has.

    Raises:
        Malformed: it is no text, or an .xls of former days.
    """
    if filename.lower().endswith(".xls") or content[:4] == b"\xd0\xcf\x11\xe0":
        raise Malformed(_("Tệp .xls đời cũ chưa đọc được."), advice=_("Mở bằng Excel và lưu lại dạng .xlsx."))
    text = decoded(content)
    heading = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(";\t,|", key=heading.count)
    try:
        for row in csv.reader(io.StringIO(text), delimiter=separator):
            yield row[:MOST_COLUMNS]
    except csv.Error as error:
        raise Malformed(_("Không đọc được tệp CSV này."), advice=str(error)) from error


def decoded(content: bytes) -> str:
    """Text of a file in UTF-8, UTF-16 with its mark, or windows-1258 (Excel in Vietnamese), composed (NFC).

    Raises:
        Malformed: it is no text.
    """
    if b"\0" in content[:1000] and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        low, high = sorted((content[:200:2].count(0), content[1:200:2].count(0)))
        if low == 0 and high > 50:  # every other byte: the upper halves of letters
            raise Malformed(_("Tệp UTF-16 thiếu dấu đầu tệp (BOM)."), advice=_("Lưu lại dạng CSV UTF-8."))
        raise Malformed(_("Tệp không phải văn bản CSV hay Excel .xlsx."))
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1258"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Malformed(_("Không nhận ra bảng mã của tệp."), advice=_("Lưu lại dạng CSV UTF-8."))


def text_of(value: object) -> str:
    """A cell as text: composed, bounded; a whole number without its ".0", a formula over several cells as "="."""
    if value is None:
        return ""
    if isinstance(value, ArrayFormula | DataTableFormula):
        return "="
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return nfc(str(value))[:MOST_CELL]
