"""The Department's view to take away: one Excel sheet a table, one of the facilities, headed as the import reads it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from benhan.core.kit import codes
from benhan.core.kit.clock import vn_date
from benhan.core.language import _
from benhan.province.rollout.figures import Count, View
from benhan.province.rollout.lists import COLUMNS
from benhan.province.rollout.sites import Site
from benhan.province.rollout.words import said

#: Facilities in one file.
MOST: Final = 20_000
_WORDS: Final = ("kind", "owner", "level")


def as_excel(view: View, found: Sequence[Site]) -> bytes:
    """The file."""
    book = Workbook(write_only=True)
    for title, heads, rows in _tables(view):
        _sheet(book, title, heads, rows)
    _sheet(book, _("Danh sách cơ sở"), [*(_(name) for name, _also in COLUMNS.values()), _("Giai đoạn"), _("Từ ngày"),
                                        _("Hạn luật định")], [_row(one) for one in found])  # fmt: skip
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def template() -> bytes:
    """An empty list with the headings that the import reads."""
    book = Workbook(write_only=True)
    _sheet(book, _("Danh sách cơ sở"), [_(name) for name, _also in COLUMNS.values()], [])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _tables(view: View) -> Iterator[tuple[str, list[str], list[list[Any]]]]:
    heads = [_("Cơ sở"), _("Đã bỏ giấy"), "%", _("Đã bắt đầu"), _("Chờ xác minh"), _("Quá hạn"), _("Chậm kế hoạch")]
    total = [_("Tất cả"), *_numbers(view.total)]
    yield _("Tổng hợp"), [_("Ngày %(day)s", day=vn_date(view.day)), *heads], [total]
    for title, counts in (
        (_("Theo khối"), view.owners), (_("Theo loại hình"), view.kinds), (_("Theo địa bàn"), view.areas),
        (_("Theo giai đoạn"), view.stages), (_("Lý do chậm"), view.delays), (_("Cách đầu tư"), view.ways),
        (_("Nhà cung cấp"), view.vendors),
    ):  # fmt: skip
        yield title, [title, *heads], [[safe(one.name), *_numbers(one)] for one in counts]
    yield (
        _("Theo thời gian"), [_("Ngày"), _("Đã bỏ giấy"), _("Đã bắt đầu")],
        [[vn_date(one.day), one.done, one.begun] for one in [view.before, *view.line]],
    )  # fmt: skip


def _numbers(one: Count) -> list[Any]:
    return [one.n, one.done, one.percent, one.begun, one.waits, one.late, one.behind]


def _row(one: Site) -> list[Any]:
    facts = one.facts
    ward, province = codes.wards().get(one.ward), codes.provinces().get(one.province)
    told: dict[str, Any] = {
        **facts, **{name: said(name, facts.get(name, "")) for name in _WORDS}, "ward": ward.name if ward else "",
        "province": province.name if province else "", "district": "", "begun": vn_date(one.begun),
        "decided": "", "number": "", "planned": vn_date(one.planned), "delay": said("delay", one.delay),
        "scope": said("scope", one.scope), "way": said("way", one.way), "emr": one.vendor,
        "price": one.price or "", "months": one.months or "",
        "closed": vn_date(one.closed),
    }  # fmt: skip
    return [safe(told.get(name, "")) for name in COLUMNS] + [
        said("stage", one.stage), vn_date(one.stage_on), vn_date(one.due)
    ]  # fmt: skip


def _sheet(book: Workbook, title: str, heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    for column, head in enumerate(heads, 1):
        widest = max([len(head), *(len(str(row[column - 1])) for row in rows[:200])])
        sheet.column_dimensions[get_column_letter(column)].width = min(widest + 2, 60)
    bold = []
    for head in heads:
        cell = WriteOnlyCell(sheet, value=head)
        cell.font = Font(bold=True)
        bold.append(cell)
    sheet.append(bold)
    for row in rows:
        sheet.append(list(row))


def safe(value: Any) -> Any:
    """A name that begins like a formula must not be one in a spreadsheet. Source: OWASP, CSV injection."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
