"""Why somebody opened her record, as the patient reads it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec

from benhan.core.access.audit import Opening
from benhan.patient.whys import why

AT = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
OPENING = Opening("lan", "Lan", ("doctor",), AT, AT, ("Encounter",), False, False)


def test_an_opening_around_a_visit_is_for_it() -> None:
    found = why(OPENING, [date(2026, 11, 1), date(2026, 11, 20), date(2025, 1, 1)])
    assert (found.text, found.strange) == ("khám, điều trị – lượt khám ngày 20/11/2026", False)


def test_an_opening_without_a_visit_is_strange_unless_something_was_written() -> None:
    assert why(OPENING, [date(2026, 1, 1)]).strange
    assert why(OPENING, []).text == "khám, điều trị – không có lượt khám nào quanh ngày này"
    assert not why(msgspec.structs.replace(OPENING, wrote=True), []).strange


def test_a_program_and_a_closed_account_are_named_as_such() -> None:
    assert "phần mềm" in why(msgspec.structs.replace(OPENING, account="client:lab", roles=()), []).text
    assert "tài khoản đã đóng" in why(msgspec.structs.replace(OPENING, roles=()), []).text
