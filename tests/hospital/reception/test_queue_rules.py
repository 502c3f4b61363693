"""The order of a queue, as it hangs on the wall: emergencies, priority, bookings at their time, nobody starves."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit.clock import ZONE
from benhan.hospital import queue_rules as rules
from benhan.hospital.queue_rules import Event, in_order, next_state
from benhan.hospital.visit import TICKET, WAITING, stamp, ticket_identifier, ticket_number

#: These rules are pure; on a machine that does much else only the clock would fail them.
NINE = datetime(2026, 11, 23, 9, 0, tzinfo=ZONE)


def ticket(number: str, minutes: int = 0, priority: str = "routine", booked: int | None = None) -> r4.Task:
    """A ticket given `minutes` after nine, booked for `booked` minutes after nine."""
    wanted = r4.Period(start=stamp(NINE + timedelta(minutes=booked))) if booked is not None else None
    return r4.Task(
        id=number,
        identifier=[ticket_identifier(NINE.date(), number)],
        status=WAITING,
        intent="order",
        code=TICKET,
        priority=priority,
        authoredOn=stamp(NINE + timedelta(minutes=minutes)),
        restriction=r4.TaskRestriction(period=wanted) if wanted else None,
    )


def order(tickets: Sequence[r4.Task], minutes: int) -> list[str]:
    """The numbers in the order they would be called so many minutes after nine."""
    return [ticket_number(one) for one in in_order(tickets, NINE + timedelta(minutes=minutes))]


def test_an_emergency_goes_before_everybody() -> None:
    assert order([ticket("N-001"), ticket("U-001", 1, "urgent"), ticket("C-001", 30, "stat")], 30) == [
        "C-001", "U-001", "N-001",
    ]  # fmt: skip


def test_people_without_priority_are_called_as_they_came() -> None:
    assert order([ticket("N-002", 5), ticket("N-001", 0), ticket("N-003", 9)], 10) == ["N-001", "N-002", "N-003"]


def test_a_priority_group_is_counted_an_hour_earlier_and_no_more() -> None:
    assert order([ticket("N-001", 0), ticket("U-001", 59, "urgent")], 60) == ["U-001", "N-001"]
    assert order([ticket("N-001", 0), ticket("U-001", 61, "urgent")], 70) == ["N-001", "U-001"]


def test_a_booked_person_is_called_around_her_time() -> None:
    waiting = [ticket("N-001", -15), ticket("N-002", -10, booked=40)]
    assert order(waiting, 0) == ["N-001", "N-002"], "too early: her time is at 9:40"
    assert order(waiting, 25) == ["N-002", "N-001"], "from a quarter of an hour before her time she is first"


def test_a_booked_person_is_called_early_when_nobody_else_waits() -> None:
    assert order([ticket("N-002", 0, booked=60)], 5) == ["N-002"]


def test_who_comes_later_than_a_quarter_of_an_hour_has_lost_the_booking() -> None:
    assert rules.on_time(NINE, NINE + timedelta(minutes=15)) == NINE
    assert rules.on_time(NINE, NINE + timedelta(minutes=16)) is None


def someone(n: int, minutes: int, priority: str, booked: int | None) -> r4.Task:
    """A ticket; `booked` is counted from when it was given."""
    return ticket(f"N-{n:03d}", minutes, priority, None if booked is None else minutes + booked)


people = st.tuples(
    st.integers(0, 300),
    st.sampled_from(["routine", "routine", "routine", "urgent", "stat"]),
    st.none() | st.integers(-15, 120),
)
crowds = st.lists(people, min_size=1, max_size=25).map(
    lambda crowd: [someone(n, minutes, priority, booked) for n, (minutes, priority, booked) in enumerate(crowd)]
)


@given(crowds, st.integers(0, 400), st.randoms())
def test_the_order_does_not_depend_on_how_the_tickets_are_listed(
    crowd: list[r4.Task], minutes: int, chance: random.Random
) -> None:
    shuffled = chance.sample(crowd, len(crowd))
    assert order(crowd, minutes) == order(shuffled, minutes)


@given(crowds, st.integers(0, 400))
def test_nobody_is_passed_by_those_who_came_or_booked_an_hour_after_her(crowd: list[r4.Task], minutes: int) -> None:
    """Apart from emergencies. This is why nobody starves: who comes after that hour stands behind her for ever."""
    line = in_order(crowd, NINE + timedelta(minutes=minutes))
    for place, passed in enumerate(line):
        if passed.priority == "stat" or rules.early(passed, NINE + timedelta(minutes=minutes)):
            continue
        for ahead in line[:place]:
            wanted = min(rules.issued(ahead), rules.booked_for(ahead) or rules.issued(ahead))
            assert ahead.priority == "stat" or wanted <= rules.issued(passed) + rules.HEAD_START


@given(st.lists(st.sampled_from(["routine", "urgent"]), min_size=30, max_size=120), st.integers(2, 6))
def test_nobody_starves_while_others_keep_coming(kinds: list[str], pace: int) -> None:
    """One person is called every `pace` minutes, a new one comes every two: the first, a routine one, gets her turn."""
    waiting, now, first = [ticket("N-000", 0)], NINE, "N-000"
    calls = 0
    for n, priority in enumerate(kinds, 1):
        now = NINE + timedelta(minutes=2 * n)
        waiting.append(ticket(f"X-{n:03d}", 2 * n, priority))
        if 2 * n >= (calls + 1) * pace:
            waiting = in_order(waiting, now)
            called = waiting.pop(0)
            calls += 1
            if ticket_number(called) == first:
                return
    urgent_within_the_hour = sum(kind == "urgent" for kind in kinds[:30])
    assert calls <= urgent_within_the_hour, "she has been passed only by priority groups that came within an hour"


@pytest.mark.parametrize("event", list(Event))
def test_nothing_happens_any_more_to_a_cancelled_ticket(event: Event) -> None:
    cancelled = msgspec.structs.replace(ticket("N-001"), status="cancelled")
    if event is Event.CANCEL:
        assert next_state(cancelled, event) == "cancelled"
        return
    with pytest.raises(Conflict, match="N-001 đã huỷ"):
        next_state(cancelled, event)


def served(start: int, minutes: int | None) -> r4.Task:
    """Somebody who began to be served so many minutes after nine; without minutes she still is."""
    end = stamp(NINE + timedelta(minutes=start + minutes)) if minutes is not None else None
    period = r4.Period(start=stamp(NINE + timedelta(minutes=start)), end=end)
    state = "completed" if end else "in-progress"
    return msgspec.structs.replace(ticket("N-001"), status=state, executionPeriod=period)


def test_the_wait_is_told_from_the_median_of_those_served_today() -> None:
    today = [served(0, 2), served(60, 3), served(120, 40)]
    assert rules.pace(today) == 3
    assert rules.expected_minutes(3, rules.pace(today)) == 9
    assert rules.pace([served(0, 40)], "laboratory") == 3, "too few to tell: what is usual for such a room"


def test_somebody_away_at_the_laboratory_does_not_hold_up_the_queue() -> None:
    assert rules.pace([served(0, 90), served(5, None), served(11, 80), served(16, 3)]) == 5


def test_the_hall_reads_initials_only() -> None:
    assert rules.shown_name("Đặng Thị Tâm") == "Đặng T. T."
    assert rules.shown_name("Hoà") == "Hoà"
    assert rules.shown_name("") == ""


def test_a_ticket_says_by_its_letter_what_it_is_for() -> None:
    letters = [rules.series_of("clinic", p) for p in ("routine", "urgent", "stat")]
    assert [*letters, rules.series_of("laboratory", "urgent"), rules.series_of("imaging", "stat")] == list("NUCXH")
    assert systems.TICKET in {one.system for one in ticket("N-001").identifier or []}
