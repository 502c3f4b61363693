"""Requests of patients: their terms, their life, the reasons to refuse."""

from __future__ import annotations

from datetime import date

import pytest

from benhan.core.access.rights import DAYS, OPEN, REASONS, STEPS, Kind, State, Step, deadlines


@pytest.mark.parametrize(
    ("kind", "done"),
    [
        (Kind.VIEW, date(2026, 11, 19)), (Kind.COPY, date(2026, 11, 19)), (Kind.CORRECT, date(2026, 11, 19)),
        (Kind.RESTRICT, date(2026, 11, 24)), (Kind.DELETE, date(2026, 11, 30)), (Kind.COMPLAIN, None),
    ],
)  # fmt: skip
def test_the_terms_of_each_kind(kind: Kind, done: date | None) -> None:
    found = deadlines(kind, date(2026, 11, 9))
    assert found.answer.day == date(2026, 11, 11)
    assert (found.done.day if found.done else None) == done
    assert found.next(State.FILED) == found.answer and found.next(State.ANSWERED) == found.done
    assert [found.next(state) for state in State if state not in OPEN] == [None, None, None]


def test_what_is_over_stays_over_and_what_is_open_can_end() -> None:
    for (before, _step), after in STEPS.items():
        assert before in OPEN and after is not State.FILED
    for state in OPEN:
        assert {step for (before, step) in STEPS if before is state} >= {Step.DO, Step.REFUSE, Step.TAKE_BACK}


def test_every_kind_can_be_refused_for_a_reason_that_names_its_law() -> None:
    assert set(DAYS) == set(Kind) - {Kind.COMPLAIN}
    for kind in Kind:
        assert [one for one in REASONS.values() if kind in one.kinds and one.law and one.text]
    assert Kind.VIEW not in REASONS["retention"].kinds
