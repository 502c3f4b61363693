"""Days, hours and ages as the hospital writes them."""

from datetime import UTC, date, datetime

import pytest

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock

DAY = date(2026, 11, 21)


@pytest.mark.parametrize("typed", ["21/11/1978", "21-11-1978", "21.11.1978", "21 11 1978", "21111978", "1978-11-21"])
def test_a_day_may_be_typed_in_many_ways(typed: str) -> None:
    assert clock.fhir_date(typed) == "1978-11-21"
    assert clock.parse_date(typed) == date(1978, 11, 21)


def test_of_a_partial_date_only_what_is_known_is_kept() -> None:
    assert clock.fhir_date("1951") == "1951"
    assert clock.fhir_date("4/1951") == "1951-04"
    assert clock.vn_date("1951") == "1951"
    assert clock.vn_date("1951-04") == "04/1951"
    assert clock.fhir_date_bounds("1951") == (date(1951, 1, 1), date(1952, 1, 1))
    assert clock.fhir_date_bounds("1951-12") == (date(1951, 12, 1), date(1952, 1, 1))


@pytest.mark.parametrize("typed", ["31/02/2020", "00/01/2000", "1/1/1066", "hôm nay", "", "2020-13-01", "9" * 400])
def test_a_day_that_does_not_exist_is_refused(typed: str) -> None:
    with pytest.raises(Problem, match="không đúng"):
        clock.fhir_date(typed)


def test_a_whole_day_is_asked_for_where_it_is_needed() -> None:
    with pytest.raises(Problem, match="thiếu ngày"):
        clock.parse_date("1951")


def test_moments_are_shown_in_the_zone_of_the_hospital() -> None:
    moment = datetime(2026, 11, 20, 18, 5, tzinfo=UTC)
    assert clock.vn_time(moment) == "01:05"
    assert clock.vn_date(moment) == "21/11/2026"
    assert clock.vn_datetime("2026-11-20T18:05:00Z") == "01:05 21/11/2026"
    assert clock.fhir_instant(moment) == "2026-11-21T01:05:00.000+07:00"
    assert clock.now().utcoffset() == datetime.now(clock.ZONE).utcoffset()


def test_a_leap_second_is_the_second_before_it() -> None:
    for written in ("2016-12-31T23:59:60Z", "2017-01-01T06:59:60+07:00"):
        assert clock.fhir_instant(clock.local(written)) == "2017-01-01T06:59:59.000+07:00"
    assert clock.vn_datetime("2017-01-01T06:59:60.250+07:00") == "06:59 01/01/2017"
    assert clock.minutes_between("2016-12-31T23:58:60Z", "2016-12-31T23:59:60Z") == 1
    for wrong in ("2017-01-01T06:59:61+07:00", "2017-01-01T06:60:00+07:00"):
        with pytest.raises(ValueError, match=r"second|minute"):
            clock.local(wrong)


@pytest.mark.parametrize(
    ("birth", "shown"),
    [
        ("2026-11-21", "0 ngày tuổi"),
        ("2026-10-22", "30 ngày tuổi"),
        ("2026-10-21", "1 tháng tuổi"),
        ("2020-11-22", "71 tháng tuổi"),
        ("2020-11-21", "6 tuổi"),
        ("1978-11-22", "47 tuổi"),
        ("1978", "48 tuổi"),
        ("", ""),
    ],
)
def test_ages_are_said_in_days_then_months_then_years(birth: str, shown: str) -> None:
    assert clock.age(birth, DAY) == shown


def test_age_in_months_and_years() -> None:
    assert clock.age_months("2024-11-22", DAY) == 23
    assert clock.age_years(date(1978, 11, 22), DAY) == 47
    assert clock.age_months("2030-01-01", DAY) == 0


def test_waiting_is_said_in_minutes_then_hours() -> None:
    assert [clock.waiting(minutes) for minutes in (0, 12, 60, 65)] == [
        "vừa tới",
        "12 phút",
        "1 giờ",
        "1 giờ 05",
    ]
    assert clock.minutes_between("2026-11-21T07:00:00+07:00", "2026-11-21T00:12:59Z") == 12


def test_a_form_ends_with_the_day_in_words() -> None:
    assert clock.vn_date_in_words(date(2026, 2, 3)) == "ngày 03 tháng 02 năm 2026"
    assert clock.vn_date_in_words(DAY) == "ngày 21 tháng 11 năm 2026"
    assert clock.vn_weekday(DAY) == "Thứ bảy"


def test_a_day_begins_at_midnight_in_the_hospital() -> None:
    first, after = clock.day_bounds(DAY)
    assert first.isoformat() == "2026-11-21T00:00:00+07:00"
    assert after.isoformat() == "2026-11-22T00:00:00+07:00"
    assert clock.utc(first).isoformat() == "2026-11-20T17:00:00+00:00"
