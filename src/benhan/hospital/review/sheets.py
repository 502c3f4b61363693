"""The list that a reviewer takes out, as CSV or XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from openpyxl import Workbook

from benhan.core.kit.text import sheet_cell
from benhan.core.language import _, later
from benhan.hospital.review.gathering import Review, times
from benhan.hospital.review.words import doer, kinds_seen, what_done

KINDS: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_HEAD: Final = (
    later("Thời gian"), later("Người mở"), later("Tài khoản"), later("Người bệnh"), later("Số hồ sơ"), later("Việc"),
    later("Loại dữ liệu"), later("Số lần"), later("Lý do cần xem lại"),
)  # fmt: skip


def rows(review: Review) -> Iterator[list[str]]:
    """The list with its heading, a row an opening."""
    yield [_(head) for head in _HEAD]
    for judged in review.judged:
        one, face = judged.opening, review.patients.get(judged.opening.patient)
        yield [
            times(one), doer(one), one.account, face.name if face else one.patient, face.number if face else "",
            what_done(one), kinds_seen(one), str(one.acts), "; ".join(text for _reason, text in judged.reasons),
        ]  # fmt: skip


def written(review: Review, kind: str) -> bytes:
    """The file: "csv" (UTF-8 with a mark, as Excel wants it) or "xlsx"."""
    if kind == "csv":
        buffer = io.StringIO()
        csv.writer(buffer).writerows([sheet_cell(cell) for cell in row] for row in rows(review))
        return buffer.getvalue().encode("utf-8-sig")
    book = Workbook(write_only=True)
    sheet = book.create_sheet(_("Sổ vết"))
    for row in rows(review):
        sheet.append([sheet_cell(cell) for cell in row])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()
