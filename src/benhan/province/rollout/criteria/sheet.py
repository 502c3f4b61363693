"""The self-assessment to take away: an Excel form of all criteria, their answers, and what the Department said."""

from __future__ import annotations

import io
from typing import Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font

from benhan.core.kit.clock import vn_date, vn_datetime
from benhan.core.language import _
from benhan.province.rollout.criteria import grid, readings
from benhan.province.rollout.criteria.rules import NAMES, Answer, assessment_of
from benhan.province.rollout.sheets import safe
from benhan.province.rollout.sites import Kept

_WIDTHS: Final = (14, 60, 34, 16, 40, 14, 40)


def as_excel(found: Kept) -> bytes:
    """The file."""
    now, book = assessment_of(found.entries), Workbook()
    page = book.active
    assert page is not None
    page.title = _("Tự đánh giá")
    page.append([safe(found.site.name), found.site.code or "", found.site.place])
    sent, approved = now.sent, now.approved
    page.append([_(NAMES[now.standing]),
                 _("gửi: %(at)s", at=vn_datetime(sent.at) if sent else "–"),
                 _("duyệt: %(at)s", at=f"{vn_datetime(approved.at)} {approved.name}" if approved else "–"),
                 ])  # fmt: skip
    page.append([_("Mã"), _("Tiêu chí"), _("Nguồn"), _("Tự đánh giá"), _("Ghi chú"), _("Minh chứng"), _("Sở")])
    for group in grid.groups():
        page.append([str(group)])
        for one in (one for one in grid.criteria().values() if one.group == group.code):
            page.append([one.code, str(one), one.source, *_answered(now.answers.get(one.code))])
    reading = readings.last(found.entries)
    page.append([_("Số liệu từ nền tảng"), vn_date(reading.said["day"]) if reading else "–"])
    for figure in readings.shown(reading):
        page.append(["", figure.name, figure.how, figure.value])
    for at, width in enumerate(_WIDTHS):
        page.column_dimensions["ABCDEFG"[at]].width = width
    for row in page.iter_rows():
        for cell in row:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for cell in (*page[1], *page[3]):
        cell.font = Font(bold=True)
    page.freeze_panes = "A4"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _answered(one: Answer | None) -> list[str]:
    if one is None:
        return ["", "", "", ""]
    review = one.review
    judged = (
        (_("nhận") if review.said["good"] else _("trả lại: %(what)s", what=review.said["remark"])) if review else ""
    )
    proof = _("có") if one.entry.evidence else ""
    said = grid.ANSWERS[one.entry.said["answer"]]
    return [_(said), str(safe(one.entry.said["remark"])), proof, str(safe(judged))]
