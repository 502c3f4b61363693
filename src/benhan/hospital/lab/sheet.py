"""The result sheet of a visit on paper: what was released, with ranges and flags. Source: TT 32/2023/TT-BYT."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.hospital import orders_print
from benhan.hospital.lab.entry import Entry, Line, Sheet

TEMPLATE: Final = Path(__file__).with_name("sheet.typ")
#: On paper a flag is a word or an arrow, never a colour.
_MARKS: Final = {"H": "↑", "L": "↓", "HH": "↑↑ nguy kịch", "LL": "↓↓ nguy kịch", "A": "bất thường"}


async def printed(tx: Transaction, who: Subject, entry: Entry) -> bytes:
    """The PDF of all released results of a visit.

    Raises:
        NotFound: nothing is released yet.
    """
    released = [one for one in entry.sheets if one.released and one.report]
    if not released:
        raise NotFound(_("Chưa có kết quả nào để in."), advice=_("In được sau khi trả kết quả."))
    reports = [one.report for one in released if one.report]
    by = next((p.display or "" for one in reports for p in one.resultsInterpreter or one.performer or []), "")
    data = {
        **orders_print.heading(who, entry.visit, "Khoa Xét nghiệm"),
        "patient": orders_print.patient_block(entry.patient),
        "groups": [_group(one) for one in released],
        "signer": by,
    }
    return await orders_print.made(tx, who, TEMPLATE, data, reports)


def _group(one: Sheet) -> dict[str, Any]:
    report = one.report
    assert report is not None
    issued = clock.vn_datetime(report.issued)
    taken = clock.vn_datetime(report.effectiveDateTime)
    return {
        "title": one.title,
        "about": f"Lấy mẫu {taken} · trả kết quả {issued}" + (" · đã sửa" if report.status == "corrected" else ""),
        "rows": [_row(line) for line in one.lines if line.value is not None],
        "comment": one.comment,
        "notes": [note for line in one.lines for note in line.notes if note.startswith("Sửa kết quả")],
    }


def _row(line: Line) -> list[str]:
    return [line.name, line.shown, _MARKS.get(line.flag, ""), line.unit, line.range]
