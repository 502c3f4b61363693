"""Partial dates mean the whole span they name, in Vietnam's time when no zone is written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benhan.core.fhir.moments import EARLIEST, LATEST, moment_range
from benhan.core.fhir.outcome import Malformed


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026", _utc(2025, 12, 31, 17), _utc(2026, 12, 31, 17)),
        ("2026-12", _utc(2026, 11, 30, 17), _utc(2026, 12, 31, 17)),
        ("2028-02", _utc(2028, 1, 31, 17), _utc(2028, 2, 29, 17)),
        ("2026-11-21", _utc(2026, 11, 20, 17), _utc(2026, 11, 21, 17)),
        ("2026-11-21T07:30", _utc(2026, 11, 21, 0, 30), _utc(2026, 11, 21, 0, 31)),
        ("2026-11-21T07:30:15Z", _utc(2026, 11, 21, 7, 30, 15), _utc(2026, 11, 21, 7, 30, 16)),
        (
            "2026-11-21T07:30:15.25-02:00",
            _utc(2026, 11, 21, 9, 30, 15, 250_000),
            _utc(2026, 11, 21, 9, 30, 15, 260_000),
        ),
        ("9999-12-31", _utc(9999, 12, 30, 17), LATEST),
        ("0001-01-01", EARLIEST, _utc(1, 1, 1, 17)),
    ],
)
def test_a_date_is_a_half_open_range_of_utc(text: str, start: datetime, end: datetime) -> None:
    assert moment_range(text) == (start, end)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13", "21/11/2026", "", "2026-11-21T25:00", "hôm nay"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        moment_range(text)
