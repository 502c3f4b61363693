"""The ages of the law, and how long a relation lasts at most."""

from __future__ import annotations

from datetime import date

import pytest

from benhan.core.access.acting import Kind, birthday, ends_soon, last_end, opens_own

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("birth", "years", "day"),
    [
        (date(2008, 11, 22), 18, date(2026, 11, 22)),
        (date(2008, 2, 29), 18, date(2026, 3, 1)),
        (date(2008, 2, 29), 20, date(2028, 2, 29)),
    ],
)
def test_a_birthday(birth: date, years: int, day: date) -> None:
    assert birthday(birth, years) == day


def test_a_minors_guardian_is_none_from_the_eighteenth_birthday_on() -> None:
    assert last_end(Kind.GUARDIAN, date(2008, 11, 23), TODAY) == date(2026, 11, 23)
    for grown in (date(2008, 11, 22), date(1990, 1, 1), None):
        with pytest.raises(ValueError, match="minor"):
            last_end(Kind.GUARDIAN, grown, TODAY)


def test_a_court_guardian_ends_by_somebodys_word_and_whom_she_named_after_a_year() -> None:
    assert last_end(Kind.COURT_GUARDIAN, None, TODAY) is None
    assert last_end(Kind.NAMED, None, TODAY) == date(2027, 11, 23)


def test_from_fifteen_on_a_record_opens_to_its_patient_alone() -> None:
    assert opens_own(date(2011, 11, 22), TODAY)
    assert not opens_own(date(2011, 11, 23), TODAY)
    assert opens_own(None, TODAY)


def test_both_are_told_before_it_ends() -> None:
    assert ends_soon(date(2026, 12, 22), TODAY)
    assert not ends_soon(date(2026, 12, 23), TODAY)
    assert not ends_soon(None, TODAY)
