"""A list of facilities from Excel or CSV, read: its columns matched, every row checked. Pure; nothing is written here.

A row that is wrong makes the file wrong, because whoever keeps the list must mend it. What is merely not known
here (a place, which of two facilities) is for `bringing` to leave out and to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any, Final

import msgspec

from benhan.core.fhir.outcome import Invalid, Malformed, TooLarge
from benhan.core.kit import clock, tables
from benhan.core.kit.money import figures
from benhan.core.kit.oldletters import is_garbled, old_letters
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.province.rollout import facts
from benhan.province.rollout.words import meant

MOST_BYTES: Final = 12 * 1024 * 1024
MOST_UNPACKED: Final = 120 * 1024 * 1024
MOST_ROWS: Final = 20_000
#: Rows that are looked at, the empty ones among them: a sheet may claim a million.
MOST_SCANNED: Final = 100_000

#: What a list may say of the way beside the facts, as `facts.COLUMNS`.
WAY: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "begun": (later("Ngày bắt đầu"), ("ngay bat dau", "ngay khoi dong", "bat dau")),
    "decided": (later("Ngày quyết định bỏ giấy"), ("ngay quyet dinh", "ngay bo giay", "ngay qd")),
    "number": (later("Số quyết định"), ("so quyet dinh", "so qd")),
    "planned": (later("Ngày dự kiến"), ("ngay du kien", "du kien hoan thanh", "du kien")),
    "delay": (later("Lý do chậm"), ("ly do cham", "ly do", "vuong mac")),
    "scope": (later("Phạm vi"), ("pham vi", "pham vi trien khai")),
    "way": (later("Cách đầu tư"), ("cach dau tu", "hinh thuc dau tu", "phuong thuc")),
    "emr": (later("Nhà cung cấp"), ("nha cung cap", "nha cung cap emr", "don vi cung cap")),
    "price": (later("Giá (đồng)"), ("gia", "gia hop dong", "gia tri hop dong", "gia goi thau")),
    "months": (later("Thời hạn (tháng)"), ("thoi han", "so thang", "thoi gian thue")),
}  # fmt: skip
COLUMNS: Final = {**facts.COLUMNS, **WAY}
#: What Excel shows where a formula went wrong.
_CELL_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_DAYS: Final = ("closed", "begun", "decided", "planned")
#: Whole numbers, and how many digits they have at most.
_DIGITS: Final = {**dict.fromkeys(facts.NUMBERS, 9), "price": 15, "months": 3}
_CHOSEN: Final = (*facts.CHOSEN, "delay", "scope", "way")


class Table(msgspec.Struct, frozen=True):
    """A sheet as read: its heading, its rows without the empty ones, their numbers in the file, merged cells."""

    heading: list[str]
    rows: list[list[Any]]
    numbers: list[int]
    merged: list[tuple[str, int, int]] = []


class RowError(msgspec.Struct, frozen=True):
    """What is wrong with one row, or why it could not be placed."""

    row: int
    message: str


class Line(msgspec.Struct, frozen=True):
    """One row: what it says of a facility and of its way."""

    row: int
    facts: dict[str, Any]
    begun: date | None = None
    decided: date | None = None
    number: str = ""
    planned: date | None = None
    delay: str = ""
    scope: str = ""
    way: str = ""
    emr: str = ""
    price: int | None = None
    months: int | None = None


class Checked(msgspec.Struct, frozen=True):
    """The rows that can be used, what is wrong with others, and which columns were understood."""

    lines: list[Line]
    wrong: list[RowError]
    columns: dict[str, str]


def read(content: bytes, filename: str) -> Table:
    """A file as a table.

    Raises:
        TooLarge: more bytes or rows than is taken. Malformed: neither Excel (.xlsx) nor CSV text, or without rows.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(_("Tệp lớn hơn %(n)s MB.", n=MOST_BYTES // 1024**2), advice=_("Chia thành nhiều tệp."))
    if tables.is_excel(content):
        rows: Iterator[list[Any]] = tables.excel_rows(content, most_unpacked=MOST_UNPACKED, formulas=True)
        return _table(rows, content)
    return _table(tables.csv_rows(content, filename), b"")


def _table(rows: Iterator[list[Any]], content: bytes) -> Table:
    """The heading is the first row in which a name is named with something else."""
    seen: list[tuple[int, list[Any]]] = []
    for number, row in enumerate(islice(rows, MOST_SCANNED), 1):
        if any(cell not in (None, "") for cell in row):
            seen.append((number, row))
        if len(seen) > MOST_ROWS + 20:
            raise TooLarge(_("Tệp có hơn %(n)s dòng.", n=figures(MOST_ROWS)), advice=_("Chia thành nhiều tệp."))
    at = next((i for i, (_n, row) in enumerate(seen[:20]) if len(found := match(row)) > 1 and "name" in found), None)
    if at is None and any(len(found := match([old_letters(cell) for cell in row])) > 1 and "name" in found
                          for _n, row in seen[:20]):  # fmt: skip
        raise Malformed(
            _("Tệp viết bằng bảng mã cũ TCVN3 (ABC), phông .VnTime."),
            advice=_("Đổi sang Unicode (UniKey: Ctrl + Shift + F6, TCVN3 → Unicode) rồi lưu lại dạng CSV UTF-8."),
        )
    if at is None:
        raise Malformed(
            _("Không thấy dòng tiêu đề có cột “Tên cơ sở”."),
            advice=_("Dùng tiêu đề như tệp mẫu; tệp CSV lưu bằng UTF-8."),
        )
    body = seen[at + 1 :]
    merged = [one for one in tables.merged_rows(content) if one[2] >= seen[at][0]] if content else []
    return Table(
        [tables.text_of(cell) for cell in seen[at][1]], [row for _n, row in body], [n for n, _row in body], merged
    )


def match(heading: Sequence[Any]) -> dict[str, int]:
    """Which column is which field, as far as the headings tell."""
    folded = [fold(tables.text_of(cell)) for cell in heading]
    found: dict[str, int] = {}
    for field, (name, names) in COLUMNS.items():
        for wanted in (fold(name), *names):
            if wanted in folded and folded.index(wanted) not in found.values():
                found[field] = folded.index(wanted)
                break
    return found


def check(table: Table, today: date, tell: Callable[[int, int], None] | None = None) -> Checked:
    """Every row as a line, or what is wrong with it; `tell` hears how many of how many rows were looked at."""
    columns = match(table.heading)
    wrong = [RowError(top, _("ô gộp %(cells)s: bỏ gộp rồi điền từng ô", cells=said)) for said, top, _b in table.merged]
    lines: list[Line] = []
    known: dict[tuple[str, str], int] = {}
    for at, (number, row) in enumerate(zip(table.numbers, table.rows, strict=True)):
        if tell:
            tell(at, len(table.rows))
        values = {field: row[at] for field, at in columns.items() if at < len(row)}
        try:
            line = _line(number, values, today)
            for field in ("code", "gln"):
                if code := line.facts.get(field):
                    first = known.setdefault((field, code), number)
                    if first != number:
                        raise Invalid(_("mã %(code)s đã có ở dòng %(n)s", code=code, n=first))
            lines.append(line)
        except Invalid as problem:
            wrong.append(RowError(number, problem.message))
    names = {field: table.heading[at] for field, at in columns.items()}
    return Checked(lines, sorted(wrong, key=lambda one: one.row), names)


def _line(number: int, values: Mapping[str, Any], today: date) -> Line:
    read_: dict[str, Any] = {}
    for field, value in values.items():
        text = tables.text_of(value)
        if text in _CELL_ERRORS:
            raise Invalid(_("%(field)s là ô báo lỗi %(what)s của Excel", field=_name(field), what=text))
        if is_garbled(text):
            raise Invalid(_("%(field)s “%(what)s” không phải tiếng Việt Unicode (TCVN3?)", field=_name(field),
                            what=text[:40]))  # fmt: skip
        if text.startswith("="):
            raise Invalid(_("%(field)s là công thức: dán lại thành giá trị", field=_name(field)))
        if text:
            read_[field] = _value(field, value, text)
    if not read_.get("name"):
        raise Invalid(_("trống tên cơ sở"))
    if len(read_.get("wave", "")) > facts.MOST_WAVE:
        raise Invalid(_("tên đợt dài hơn %(n)s ký tự", n=facts.MOST_WAVE))
    facts.must_be_codes(read_)
    way = {field: read_.pop(field) for field in WAY if field in read_}
    _must_be_in_order(way, today)
    if "closed" in read_:
        read_["closed"] = read_["closed"].isoformat()
    return Line(row=number, facts=read_, **way)


def _value(field: str, value: Any, text: str) -> Any:
    if field in _DAYS:
        return _day(field, value, text)
    if field in _CHOSEN:
        if code := meant(field, text):
            return code
        raise Invalid(_("%(field)s “%(what)s” không hiểu", field=_name(field), what=text[:40]))
    if most := _DIGITS.get(field):
        digits = text.replace(".", "").replace(",", "").replace(" ", "")
        if not digits.isascii() or not digits.isdigit() or len(digits) > most:
            raise Invalid(_("%(field)s “%(what)s” không phải số nguyên", field=_name(field), what=text[:40]))
        return int(digits)
    return text.upper() if field == "code" else text


def _day(field: str, value: Any, text: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        found = clock.parse_date(text)
    except Invalid:
        found = None
    if found is None or not 1990 <= found.year <= 2100:
        raise Invalid(_("%(field)s “%(what)s” không phải ngày có thật", field=_name(field), what=text[:40]))
    return found


def _must_be_in_order(way: Mapping[str, Any], today: date) -> None:
    begun, decided = way.get("begun"), way.get("decided")
    if (begun and begun > today) or (decided and decided > today):
        raise Invalid(_("ngày ở tương lai: ngày chưa tới ghi vào cột “Ngày dự kiến”"))
    if begun and decided and begun > decided:
        raise Invalid(_("ngày bắt đầu sau ngày quyết định"))
    if decided and not way.get("number"):
        raise Invalid(_("có ngày quyết định mà không có số quyết định"))


def _name(field: str) -> str:
    return _(COLUMNS[field][0]).lower()
