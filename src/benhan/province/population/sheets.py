"""The figures of a period as a table to take away: CSV and Excel, with the same small counts hidden."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from benhan.core.kit.clock import vn_date
from benhan.core.language import _
from benhan.hospital.visit import OUTCOMES
from benhan.province.population import rules
from benhan.province.population.figures import Figures, Waiting

Cell = str | int | float
Table = tuple[str, list[str], list[list[Cell]]]
"""A title, the heads of its columns, its rows."""


def tables(figures: Figures) -> Iterator[Table]:
    """Every table of the page, in its order."""
    span = f"{vn_date(figures.period.first)} – {vn_date(figures.period.last)}"
    waiting = [_("Chờ trung vị (phút)"), _("90 % chờ không quá (phút)")]
    yield (
        _("Theo cơ sở"),
        [_("Kỳ"), _("Mã cơ sở"), _("Cơ sở"), _("Lượt khám"), _("Đặt trực tuyến"), _("Đặt qua điện thoại, tại quầy"),
         _("Đến trực tiếp"), _("Đặt trực tuyến (%)"), *waiting],
        [
            [span, one.facility.code, one.facility.name, one.channels.visits, one.channels.online,
             one.channels.booked, one.channels.walk_in, _percent(one.channels.online_percent), *_minutes(one.waiting)]
            for one in figures.places
        ],
    )  # fmt: skip
    yield (
        _("Chẩn đoán chính"),
        [_("Kỳ"), "ICD-10", _("Tên bệnh"), _("Lượt khám")],
        [[span, one.code, one.name, _count(one.n)] for one in figures.diagnoses],
    )
    yield (
        _("Chờ khám theo giờ đến"),
        [_("Kỳ"), _("Giờ đến"), *waiting],
        [[span, f"{hour:02d}:00", *_minutes(one)] for hour, one in figures.by_hour.items()],
    )
    yield (
        _("Kết thúc khám"),
        [_("Kỳ"), _("Hướng xử trí"), _("Lượt khám")],
        [[span, _(OUTCOMES.get(key, key)), _count(n)] for key, n in sorted(figures.outcomes.items())],
    )


def as_csv(figures: Figures) -> bytes:
    """All tables one under another, UTF-8 with a byte order mark so that Excel reads the accents."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for title, heads, rows in tables(figures):
        writer.writerows([[title], heads, *rows, []])
    return buffer.getvalue().encode("utf-8-sig")


def as_excel(figures: Figures) -> bytes:
    """One sheet for each table, heads frozen, columns as wide as what they hold."""
    book = Workbook(write_only=False)
    book.remove(book.active)
    for title, heads, rows in tables(figures):
        sheet = book.create_sheet(title[:31])
        sheet.append(heads)
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        for row in rows:
            sheet.append(row)
        sheet.freeze_panes = "A2"
        for column, head in enumerate(heads, 1):
            widest = max([len(head), *(len(str(row[column - 1])) for row in rows)])
            sheet.column_dimensions[get_column_letter(column)].width = min(widest + 2, 60)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _count(n: int) -> Cell:
    said = rules.shown(n)
    return int(said) if said.isdigit() else said


def _percent(value: float | None) -> Cell:
    return "" if value is None else round(value, 1)


def _minutes(one: Waiting) -> list[Cell]:
    return ["" if value is None else value for value in (one.median, one.p90)]
