"""A hospital's own medicine list from Excel or CSV: read, columns matched, checked row by row, compared, kept.

Nothing is written until somebody has seen what would happen. A list that is imported twice changes nothing the
second time: a line is known by its code.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, Malformed, TooLarge
from benhan.core.kit import tables
from benhan.core.kit.money import figures
from benhan.core.kit.tables import MOST_COLUMNS
from benhan.core.kit.tables import text_of as _cell
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import medicines
from benhan.hospital import visit as words
from benhan.hospital.medicines import Medicine

MOST_BYTES: Final = 5 * 1024 * 1024
MOST_ROWS: Final = 20_000
#: Rows that are looked at, the empty ones among them: a sheet may claim a million.
MOST_SCANNED: Final = 200_000
LOADED: Final = 250
#: What a packed table may unfold to.
MOST_UNPACKED: Final = 40 * 1024 * 1024

#: Field → name on screens, whether every row needs it, words that a heading may carry (folded).
COLUMNS: Final[dict[str, tuple[str, bool, tuple[str, ...]]]] = {
    "code": (later("Mã thuốc"), True, ("ma thuoc", "ma", "ma noi bo", "ma hang", "code", "ma vt")),
    "name": (later("Hoạt chất"), True, ("hoat chat", "ten hoat chat", "ten thuoc", "ten", "inn", "ten chung", "name")),
    "brand": (later("Tên thương mại"), False, ("ten thuong mai", "biet duoc", "ten biet duoc", "brand")),
    "strength": (later("Hàm lượng"), True, ("ham luong", "nong do", "nong do ham luong", "strength")),
    "form": (later("Dạng bào chế"), True, ("dang bao che", "dang", "dang thuoc", "form")),
    "unit": (later("Đơn vị tính"), True, ("don vi tinh", "don vi", "dvt", "unit")),
    "route": (later("Đường dùng"), False, ("duong dung", "duong", "route")),
    "pack_ml": (later("Thể tích (ml)"), False, ("the tich", "dung tich", "the tich ml", "ml", "pack ml")),
    "kind": (later("Loại đơn"), False, ("loai don", "loai", "nhom kiem soat", "thuoc kiem soat dac biet", "kind")),
    "atc": (later("Mã ATC"), False, ("atc", "ma atc")),
}  # fmt: skip
_KIND_WORDS: Final = {
    **dict.fromkeys(("", "c", "thuong"), "C"),
    **dict.fromkeys(("n", "gay nghien"), "N"),
    **dict.fromkeys(("h", "huong than", "tien chat", "huong than tien chat"), "H"),
}


class Table(msgspec.Struct, frozen=True):
    """A sheet as read: its heading, its rows as text without the empty ones, and their numbers in the file."""

    heading: list[str]
    rows: list[list[str]]
    numbers: list[int]


class RowError(msgspec.Struct, frozen=True):
    """What is wrong with one row: "dòng 14: hàm lượng trống"."""

    row: int
    message: str

    def __str__(self) -> str:
        return _("dòng %(n)s: %(what)s", n=self.row, what=self.message)


class Checked(msgspec.Struct, frozen=True):
    """A table read by its columns: the lines that can be kept, and the rows that cannot."""

    medicines: list[Medicine]
    errors: list[RowError]


class Comparison(msgspec.Struct, frozen=True):
    """What an import would do."""

    new: list[Medicine]
    changed: list[Medicine]
    same: int


# ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────


def read(content: bytes, filename: str) -> Table:
    """A file as a table.

    Raises:
        TooLarge: more bytes or rows than is taken; Malformed: neither Excel (.xlsx) nor CSV text, or empty.
    """
    if len(content) > MOST_BYTES:
        raise TooLarge(_("Tệp lớn hơn %(n)s MB.", n=MOST_BYTES // 1024 // 1024), advice=_("Chia thành nhiều tệp."))
    excel = tables.is_excel(content)
    sheet = tables.excel_rows(content, most_unpacked=20 * MOST_BYTES) if excel else tables.csv_rows(content, filename)
    return _table([_cell(value) for value in row] for row in sheet)


def _table(rows: Iterator[list[str]]) -> Table:
    """The heading is the first row in which a code and a name are named, else the first that is not empty."""
    seen: list[tuple[int, list[str]]] = []
    for number, row in enumerate(rows, 1):
        if any(row):
            seen.append((number, row))
        if len(seen) > MOST_ROWS + 20:
            raise TooLarge(_("Tệp có hơn %(n)s dòng.", n=figures(MOST_ROWS)), advice=_("Chia thành nhiều tệp."))
        if number >= MOST_SCANNED:
            break
    if not seen:
        raise Malformed(_("Tệp không có dòng nào."))
    at = next((i for i, (_n, row) in enumerate(seen[:20]) if {"code", "name"} <= set(match(row))), 0)
    width = max(len(row) for _n, row in seen[at:])
    heading = [text or _("cột %(n)s", n=i) for i, text in enumerate(_padded(seen[at][1], width), 1)]
    body = [_padded(row, width) for _n, row in seen[at + 1 :]]
    return Table(heading, body, [number for number, _row in seen[at + 1 :]])


def _padded(row: list[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


# ── Columns ────────────────────────────────────────────────────────────────────────────────────────────────────


def match(heading: Sequence[str]) -> dict[str, int]:
    """Which column is which field, as far as the headings tell."""
    folded = [fold(text) for text in heading]
    found: dict[str, int] = {}
    for field, (_label, _needed, names) in COLUMNS.items():
        free = [place for place in range(len(folded)) if place not in found.values()]
        exact = next((p for name in names for p in free if folded[p] == fold(name)), None)
        close = next((p for name in names for p in free if len(name) > 4 and folded[p].startswith(fold(name))), None)
        if (place := exact if exact is not None else close) is not None:
            found[field] = place
    return found


def check(table: Table, columns: Mapping[str, int]) -> Checked:
    """Every row as a medicine, or what is wrong with it.

    Raises:
        Invalid: a column that every row needs is not chosen.
    """
    for field, (label, needed, _names) in COLUMNS.items():
        if needed and field not in columns:
            raise Invalid(_("Chọn cột %(name)s", name=_(label).lower()), where=field)
    found: dict[str, Medicine] = {}
    errors: list[RowError] = []
    for number, row in zip(table.numbers, table.rows, strict=True):
        values = {field: row[place] for field, place in columns.items() if place < len(row)}
        medicine = _medicine(values)
        if isinstance(medicine, str):
            errors.append(RowError(number, medicine))
        elif medicine.code in found:
            errors.append(RowError(number, _("mã %(code)s đã có ở dòng trên", code=medicine.code)))
        else:
            found[medicine.code] = medicine
    return Checked(list(found.values()), errors)


def _medicine(values: Mapping[str, str]) -> Medicine | str:
    for field, (label, needed, _names) in COLUMNS.items():
        if needed and not values.get(field, ""):
            return _("%(field)s trống", field=_(label).lower())
    kind = _KIND_WORDS.get(fold(values.get("kind", "")))
    if kind is None:
        return _("loại đơn “%(what)s” không hiểu: ghi N, H hoặc để trống", what=values["kind"][:30])
    pack: Decimal | None = None
    if written := values.get("pack_ml", "").lower().removesuffix("ml").strip():
        try:
            pack = Decimal(written.replace(",", "."))
        except InvalidOperation:
            return _("thể tích “%(what)s” không phải số ml", what=written[:30])
        if not pack.is_finite() or not 0 < pack <= 10_000:
            return _("thể tích phải lớn hơn 0 và không quá 10 lít")
    return Medicine(
        code=values["code"][:64], name=values["name"], brand=values.get("brand", ""), strength=values["strength"],
        form=values["form"], unit=values["unit"].lower(), route=values.get("route") or "Uống", pack_ml=pack, kind=kind,
        atc=values.get("atc", "").upper()[:7],
    )  # fmt: skip


# ── Comparing and keeping ──────────────────────────────────────────────────────────────────────────────────────


async def compare(tx: Transaction, who: Subject, lines: Sequence[Medicine]) -> Comparison:
    """What is new, what is different and what is the same as on the hospital's list."""
    known = await _stored(tx, who, [one.code for one in lines])
    new, changed, same = [], [], 0
    for line in lines:
        stored = known.get(line.code)
        if stored is None:
            new.append(line)
        elif _content(_kept(line, stored)) != _content(stored):
            changed.append(line)
        else:
            same += 1
    return Comparison(new, changed, same)


async def keep(tx: Transaction, who: Subject, lines: Sequence[Medicine]) -> Comparison:
    """Write new and changed lines; those that are the same are left alone. Safe to run twice."""
    result = await compare(tx, who, lines)
    known = await _stored(tx, who, [one.code for one in result.changed])
    for start in range(0, len(result.new), LOADED):  # in portions, so that others are served between them
        await store.load(tx, who, [medicines.resource(one) for one in result.new[start : start + LOADED]])
    for line in result.changed:
        stored = known[line.code]
        await store.update(tx, who, _kept(line, stored), if_match=version_of(stored))
    return result


async def _stored(tx: Transaction, who: Subject, wanted: Sequence[str]) -> dict[str, r4.Medication]:
    found: dict[str, r4.Medication] = {}
    for start in range(0, len(wanted), medicines.CHUNK):
        part = wanted[start : start + medicines.CHUNK]
        tokens = ",".join(f"{systems.MEDICINE_CODE}|{medicines.escaped(code)}" for code in part)
        page = await store.search(tx, who, r4.Medication, {"identifier": tokens, "_count": str(medicines.CHUNK)})
        found |= {words.identifier(one, systems.MEDICINE_CODE) or "": one for one in page.resources}
    return found


def _kept(line: Medicine, stored: r4.Medication) -> r4.Medication:
    """The line under the id of the record that stands for its code."""
    return medicines.resource(msgspec.structs.replace(line, id=stored.id or ""))


def _content(medication: r4.Medication) -> r4.Medication:
    return msgspec.structs.replace(medication, meta=None)


# ── Between preview and confirmation ───────────────────────────────────────────────────────────────────────────


def packed(table: Table) -> str:
    """A table as text that the page carries from the preview to the confirmation; it is checked anew there."""
    raw = json.dumps([table.heading, table.numbers, table.rows], ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(raw.encode(), 9)).decode()


def unpacked(text: str) -> Table:
    """The table in a page that came back.

    Raises:
        Malformed: it is not what `packed` made.
    """
    try:
        opener = zlib.decompressobj()
        raw = opener.decompress(base64.b64decode(text, validate=True), MOST_UNPACKED)
        if opener.unconsumed_tail:
            raise ValueError("too long")
        heading, numbers, rows = msgspec.json.decode(raw, type=tuple[list[str], list[int], list[list[str]]])
    except (ValueError, zlib.error, msgspec.MsgspecError) as error:
        raise Malformed(_("Bản xem trước không còn dùng được."), advice=_("Tải tệp lên lại.")) from error
    if len(rows) > MOST_ROWS + 20 or len(rows) != len(numbers):
        raise TooLarge(_("Quá nhiều dòng."))
    return Table([_cell(one) for one in heading], [[_cell(one) for one in row[:MOST_COLUMNS]] for row in rows], numbers)


def export(lines: Sequence[Medicine]) -> bytes:
    """The list as CSV that Excel opens with its accents (UTF-8 with a mark), headed as the import reads it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([label for label, _needed, _names in COLUMNS.values()])
    for one in lines:
        row: list[Any] = [getattr(one, field) for field in COLUMNS]
        writer.writerow([_safe("" if value is None else f"{value}") for value in row])
    return buffer.getvalue().encode("utf-8-sig")


def _safe(text: str) -> str:
    """A cell that a spreadsheet shows and does not run. Source: OWASP, CSV injection."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text
