"""Working days: weekends, holidays, exchanged days, and what is not known."""

from __future__ import annotations

from datetime import date

import pytest

from benhan.core.kit.working_days import End, after, after_days, is_working, years

D = date.fromisoformat


@pytest.mark.parametrize(
    ("day", "working"),
    [
        ("2026-11-20", True), ("2026-11-21", False), ("2026-11-22", False), ("2026-01-01", False),
        ("2026-01-02", False), ("2026-01-10", True), ("2026-02-13", True), ("2026-02-16", False),
        ("2026-02-20", False), ("2026-02-23", True), ("2026-04-27", False), ("2026-04-30", False),
        ("2026-05-01", False), ("2026-08-22", True), ("2026-08-31", False), ("2026-09-01", False),
        ("2026-09-02", False), ("2026-09-03", True), ("2031-05-01", False), ("2031-05-02", True),
    ],
)  # fmt: skip
def test_which_days_are_worked(day: str, working: bool) -> None:
    assert is_working(D(day)) is working


@pytest.mark.parametrize(
    ("day", "count", "last"),
    [
        ("2026-11-20", 2, "2026-11-24"),  # Friday: Monday, Tuesday
        ("2026-11-21", 2, "2026-11-24"), ("2026-11-23", 2, "2026-11-25"),
        ("2026-02-13", 2, "2026-02-24"),  # the last day before Tết
        ("2026-08-28", 2, "2026-09-04"), ("2026-08-21", 1, "2026-08-22"), ("2026-01-09", 1, "2026-01-10"),
        ("2026-11-23", 0, "2026-11-23"),
    ],
)  # fmt: skip
def test_a_term_in_working_days(day: str, count: int, last: str) -> None:
    assert after(D(day), count) == End(D(last), sure=True)


@pytest.mark.parametrize(
    ("day", "count", "last"),
    [
        ("2026-11-10", 10, "2026-11-20"), ("2026-11-11", 10, "2026-11-23"),  # the 21st is a Saturday
        ("2026-02-06", 10, "2026-02-23"),  # the 16th lies in Tết
        ("2026-04-20", 10, "2026-05-04"), ("2026-11-10", 20, "2026-11-30"),
    ],
)  # fmt: skip
def test_a_term_in_days_that_would_end_on_a_day_off_ends_on_the_next_working_day(
    day: str, count: int, last: str
) -> None:
    assert after_days(D(day), count) == End(D(last), sure=True)


def test_of_a_year_whose_holidays_are_not_known_it_says_so() -> None:
    unknown = max(years()) + 1
    assert after(date(unknown - 1, 12, 31), 2).sure is False
    assert after_days(date(unknown, 2, 1), 10).sure is False
    assert after(date(unknown - 1, 11, 2), 2).sure is True


def test_every_year_names_its_source_and_days_of_that_year() -> None:
    for year, known in years().items():
        assert known.source
        assert {day.year for day in known.closed | known.open} == {year}
        assert not known.closed & known.open
        assert all(day.weekday() >= 5 for day in known.open), "a day that is worked against the rule is a weekend"
        assert all(day.weekday() < 5 for day in known.closed), "a weekend is closed by the rule"
