"""What entries come to, what may follow what, and what the pace says. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.province.rollout import facts, rules, words
from benhan.province.rollout.forecast import forecast
from benhan.province.rollout.rules import Entry, What, state_of

DAY = date(2026, 5, 1)
FACTS = {"name": "BV mẫu", "kind": "general", "owner": "public", "province": "01"}


def said(id_: int, what: What, on: date = DAY, corrects: int | None = None, **more: Any) -> Entry:
    return Entry(id=id_, what=what, said=more, holds=on, corrects=corrects, account="a")


def on_the_way(*more: Entry) -> rules.State:
    return state_of([said(1, What.FACTS, **FACTS), said(2, What.STAGE, stage="parallel"), *more])


DECIDED = said(3, What.STAGE, DAY + timedelta(days=10), stage="decided", number="1/QĐ")


def test_a_decision_counts_from_its_day_once_somebody_verified_it() -> None:
    waiting = on_the_way(DECIDED)
    assert waiting.waiting == DECIDED and not waiting.paperless
    verified = on_the_way(DECIDED, said(4, What.VERIFIED, DAY + timedelta(days=40), of=3))
    assert verified.paperless == ((DECIDED.holds, None),) and verified.waiting is None
    returned = on_the_way(DECIDED, said(4, What.RETURNED, of=3, remark="mờ"))
    assert returned.returned and not returned.paperless and returned.waiting is None


def test_a_correction_stands_for_what_it_corrects_and_is_verified_anew() -> None:
    entries = (
        DECIDED,
        said(4, What.VERIFIED, of=3),
        said(5, What.STAGE, DAY + timedelta(days=20), corrects=3, stage="decided", number="2/QĐ"),
    )
    state = on_the_way(*entries)
    assert state.waiting and state.waiting.said["number"] == "2/QĐ" and not state.paperless
    assert on_the_way(*entries, said(6, What.WITHDRAWN, corrects=5)).stage == "parallel"


def test_who_goes_back_to_paper_was_paperless_until_then() -> None:
    back = said(5, What.STAGE, DAY + timedelta(days=30), stage="paused")
    state = on_the_way(DECIDED, said(4, What.VERIFIED, of=3), back)
    assert state.paperless == ((DECIDED.holds, back.holds),) and not state.is_paperless


def test_a_task_is_open_until_it_is_done_and_a_reminder_until_it_is_read() -> None:
    later, sooner = [
        said(id_, What.TASK, task="mua", whom="CNTT", until=until)
        for id_, until in ((3, "2026-09-01"), (4, "2026-08-01"))
    ]
    told = on_the_way(later, sooner, said(5, What.REMINDER, text="nộp"), said(6, What.NOTE, note="đã tới", visit=True))
    assert told.tasks == (sooner, later) and len(told.unread) == 1 and told.reminded == told.visited == DAY
    ended = on_the_way(
        later, sooner, said(5, What.REMINDER, text="nộp"), said(7, What.DONE, of=4), said(8, What.SEEN, of=5)
    )
    assert ended.tasks == (later,) and not ended.unread and ended.reminded == DAY
    again = on_the_way(later, sooner, said(7, What.DONE, of=4), said(9, What.WITHDRAWN, corrects=7))
    assert again.tasks == (sooner, later)  # it was not done after all


@pytest.mark.parametrize(
    ("stage", "given", "on", "problem"),
    [
        ("decided", {"number"}, DAY, Invalid),
        ("decided", {"evidence"}, DAY, Invalid),
        ("published", {"number"}, DAY, Conflict),
        ("no-such", set(), DAY, Invalid),
        ("assessed", {"evidence"}, DAY + timedelta(days=99), Invalid),
        ("assessed", {"evidence"}, DAY - timedelta(days=1), Invalid),
        ("paused", set(), DAY, Invalid),
    ],
)
def test_a_step_needs_what_it_needs(stage: str, given: set[str], on: date, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        rules.must_follow(on_the_way(), stage, given, on, DAY + timedelta(days=50))


def test_a_step_with_its_paper_follows() -> None:
    rules.must_follow(on_the_way(), "decided", {"evidence", "number"}, DAY, DAY)
    verified = on_the_way(DECIDED, said(4, What.VERIFIED, of=3))
    with pytest.raises(Invalid):  # back to paper, and no reason
        rules.must_follow(verified, "parallel", set(), DECIDED.holds, DECIDED.holds)


def test_every_stage_leads_to_stages_that_there_are() -> None:
    known = words.stages()
    assert all(set(one.next) <= set(known) and set(one.needs) <= set(rules.NEED_NAMES) for one in known.values())
    assert {code for one in known.values() for code in one.next} == set(known) - {"not-started"}


def test_a_place_is_told_by_old_and_new_names_and_codes() -> None:
    now = facts.where("Ba Đình", "", "TP Hà Nội")
    assert now and now == facts.where(now.ward, "", "") and now.province == "01"
    old = facts.where("Phúc Xá", "Ba Đình", "Hà Nội")
    assert old and old.ward and old.old.startswith("Phúc Xá") and facts.where("Không có", "", "Hà Nội") is None


def test_the_forecast_follows_the_pace_and_says_how_sure_it_is() -> None:
    today = date(2026, 6, 1)
    paced = [((today - timedelta(days=1 + at), None),) for at in range(50)]
    told = forecast([*paced, *([()] * 50)], today, today + timedelta(days=180))
    assert told and told.now == 50 and told.low < told.likely < told.high <= 100
    later = forecast([*paced, *([()] * 50)], today, today + timedelta(days=360))
    assert later and told.likely < later.likely
    few = [*paced[:4], *([()] * 4)]
    rare = forecast(few, today, today + timedelta(days=180))
    assert rare and (rare.high - rare.low) / rare.whole > (told.high - told.low) / told.whole
    assert forecast([*paced[:2], ()], today, today + timedelta(days=9)) is None
    assert forecast(paced, today, today) is None
