"""The access review as a table to take away and sign: CSV and Excel.

Source: TCVN 14423:2026 (who may do what is looked over every six months).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from benhan.core.access.roles import ROLE_NAMES
from benhan.core.access.staff import Staff
from benhan.core.kit.clock import vn_date, vn_datetime
from benhan.core.language import _
from benhan.entrance.staff_words import STATES

Table = list[list[str]]


def table(found: Sequence[Staff], departments: Mapping[str, str]) -> Table:
    """Heads, then one row for each account."""
    heads = [_("Họ và tên"), _("Tên đăng nhập"), _("Vai trò"), _("Khoa, phòng"), _("Giấy phép hành nghề"),
             _("Phạm vi hành nghề"), _("Hạn giấy phép"), _("Giờ được phép"), _("Tình trạng"), _("Đăng nhập lần cuối"),
             _("Rà soát ngày"), _("Giữ nguyên, sửa, bỏ")]  # fmt: skip
    return [heads, *(_row(one, departments) for one in found)]


def as_csv(rows: Table) -> bytes:
    """UTF-8 with a byte order mark, so that Excel reads the accents."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([[_safe(cell) for cell in row] for row in rows])
    return buffer.getvalue().encode("utf-8-sig")


def as_excel(rows: Table) -> bytes:
    """One sheet, its heads frozen, columns as wide as what they hold."""
    book = Workbook()
    sheet = book.active
    for row in rows:
        sheet.append([_safe(cell) for cell in row])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    for column in range(1, len(rows[0]) + 1):
        widest = max(len(row[column - 1]) for row in rows)
        sheet.column_dimensions[get_column_letter(column)].width = min(widest + 2, 60)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _row(one: Staff, departments: Mapping[str, str]) -> list[str]:
    person = one.person
    return [
        person.name, one.login, ", ".join(_(ROLE_NAMES[role]) for role in sorted(one.roles_now | person.roles)),
        ", ".join(departments.get(id_, id_) for id_ in sorted(person.departments)), person.licence,
        person.licence_scope, vn_date(person.licence_ends), one.hours.in_words(), _(STATES[one.state][0]),
        "" if one.invited else vn_datetime(one.used), vn_date(one.reviewed), "",
    ]  # fmt: skip


def _safe(cell: str) -> str:
    """A name that begins like a formula must not be one in a spreadsheet."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
