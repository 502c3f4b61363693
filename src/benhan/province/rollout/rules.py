"""What the entries of a site come to: its state. And which entry may be added to it. Pure.

An entry is never changed. A correction names the entry it stands for; that one counts no more and stays to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _, later
from benhan.province.rollout.words import DECIDED, FIRST, Stage, deadline, is_hospital, said, stages


class What(StrEnum):
    """What an entry says."""

    FACTS = "facts"
    STAGE = "stage"
    PLAN = "plan"
    DELAY = "delay"
    SCOPE = "scope"
    MEANS = "means"
    NOTE = "note"
    TASK = "task"
    DONE = "done"
    REMINDER = "reminder"
    SEEN = "seen"
    VERIFIED = "verified"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    # The self-assessment (`criteria`) and the project plan (`plan`):
    CRITERION = "criterion"
    SENT = "sent"
    REVIEWED = "reviewed"
    APPROVED = "approved"
    READING = "reading"
    WORK = "work"
    CHECKED = "checked"
    TRAINING = "training"
    DEVICE = "device"
    PHASE = "phase"


WHAT_NAMES: Final = {
    What.FACTS: later("Thông tin cơ sở"),
    What.STAGE: later("Giai đoạn"),
    What.PLAN: later("Ngày dự kiến"),
    What.DELAY: later("Lý do chậm"),
    What.SCOPE: later("Phạm vi"),
    What.MEANS: later("Cách đầu tư"),
    What.NOTE: later("Ghi chú"),
    What.TASK: later("Việc cần làm"),
    What.DONE: later("Việc đã xong"),
    What.REMINDER: later("Nhắc"),
    What.SEEN: later("Đã đọc nhắc"),
    What.VERIFIED: later("Xác minh"),
    What.RETURNED: later("Trả lại"),
    What.WITHDRAWN: later("Rút lại"),
    What.CRITERION: later("Tiêu chí"),
    What.SENT: later("Gửi tự đánh giá"),
    What.REVIEWED: later("Xem tiêu chí"),
    What.APPROVED: later("Duyệt tự đánh giá"),
    What.READING: later("Số liệu từ nền tảng"),
    What.WORK: later("Việc"),
    What.CHECKED: later("Xác minh việc"),
    What.TRAINING: later("Đào tạo"),
    What.DEVICE: later("Thiết bị"),
    What.PHASE: later("Biểu mẫu theo pha"),
}
#: What has pages of its own beside the facility's: `criteria` and `plan`.
ELSEWHERE: Final = frozenset(
    {What.CRITERION, What.SENT, What.REVIEWED, What.APPROVED, What.READING, What.WORK, What.CHECKED, What.TRAINING,
     What.DEVICE, What.PHASE}
)  # fmt: skip
#: What a verifier says of a decision.
JUDGEMENTS: Final = (What.VERIFIED, What.RETURNED)
NEED_NAMES: Final = {
    "evidence": later("tệp minh chứng"),
    "number": later("số văn bản"),
    "why": later("lý do"),
}

Span = tuple[date, date | None]
"""From a day on, until the day before another; None: it still holds."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody said of a site."""

    id: int
    what: What
    said: dict[str, Any]
    holds: date
    at: datetime | None = None
    account: str = ""
    name: str = ""
    corrects: int | None = None
    why: str = ""
    evidence: str | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What a site has come to."""

    facts: dict[str, Any]
    stage: str = FIRST
    stage_on: date | None = None
    begun: date | None = None
    paperless: tuple[Span, ...] = ()
    #: The decision that waits for a verifier.
    waiting: Entry | None = None
    #: Its judgement, where it was returned.
    returned: Entry | None = None
    plan: dict[str, date] = {}
    delay: dict[str, Any] = {}
    scope: dict[str, Any] = {}
    means: dict[str, Any] = {}
    #: Tasks that nobody has said to be done, the earliest first.
    tasks: tuple[Entry, ...] = ()
    #: Reminders that the facility has not confirmed.
    unread: tuple[Entry, ...] = ()
    reminded: date | None = None
    visited: date | None = None

    @property
    def due(self) -> date:
        """Until when the law wants it paperless."""
        return deadline(hospital=is_hospital(self.facts.get("kind", ""))).day

    @property
    def is_paperless(self) -> bool:
        """Whether it works without paper now, and that was verified."""
        return bool(self.paperless) and self.paperless[-1][1] is None


def standing(entries: Iterable[Entry]) -> list[Entry]:
    """The entries that count: none that was corrected or withdrawn."""
    every = list(entries)
    gone = {one.corrects for one in every}
    return [one for one in every if one.id not in gone and one.what is not What.WITHDRAWN]


def state_of(entries: Iterable[Entry]) -> State:
    """What the entries of a site come to; the later day wins, of one day the later entry."""
    counting = sorted(standing(entries), key=lambda one: (one.holds, one.id))
    facts: dict[str, Any] = {}
    plan: dict[str, date] = {}
    last: dict[What, dict[str, Any]] = {}
    for one in counting:
        if one.what is What.FACTS:
            facts |= one.said
        elif one.what is What.PLAN:
            plan[one.said["stage"]] = date.fromisoformat(one.said["day"])
        last[one.what] = one.said
    way = [one for one in counting if one.what is What.STAGE]
    judged = {one.said["of"]: one for one in sorted(counting, key=lambda one: one.id) if one.what in JUDGEMENTS}
    answered = {one.said["of"] for one in counting if one.what in (What.DONE, What.SEEN)}
    reminders = [one for one in counting if one.what is What.REMINDER]
    begun = [one.holds for one in way if one.said["stage"] not in (FIRST, "paused")]
    decided = next((one for one in reversed(way) if stages()[one.said["stage"]].verified), None)
    judgement = judged.get(decided.id) if decided else None
    return State(
        facts={name: value for name, value in facts.items() if value not in (None, "")},
        stage=way[-1].said["stage"] if way else FIRST,
        stage_on=way[-1].holds if way else None,
        begun=min(begun, default=None),
        paperless=_spans(way, judged),
        waiting=decided if judgement is None else None,
        returned=judgement if judgement and judgement.what is What.RETURNED else None,
        plan=plan, delay=last.get(What.DELAY, {}), scope=last.get(What.SCOPE, {}), means=last.get(What.MEANS, {}),
        tasks=tuple(sorted(_open(counting, What.TASK, answered), key=lambda one: (one.said["until"], one.id))),
        unread=tuple(_open(reminders, What.REMINDER, answered)),
        reminded=max((one.holds for one in reminders), default=None),
        visited=max((one.holds for one in counting if one.what is What.NOTE and one.said.get("visit")), default=None),
    )  # fmt: skip


def _open(counting: Iterable[Entry], what: What, answered: set[int]) -> list[Entry]:
    return [one for one in counting if one.what is what and one.id not in answered]


def _spans(way: Sequence[Entry], judged: Mapping[int, Entry]) -> tuple[Span, ...]:
    """When it was paperless: from a verified decision until a stage that is not."""
    found: list[Span] = []
    since: date | None = None
    for one in way:
        stage = stages()[one.said["stage"]]
        judgement = judged.get(one.id)
        if since is None and stage.verified and judgement and judgement.what is What.VERIFIED:
            since = one.holds
        elif since is not None and not stage.counts:
            if one.holds > since:
                found.append((since, one.holds))
            since = None
    return (*found, (since, None)) if since else tuple(found)


def may_follow(state: State) -> list[Stage]:
    """The steps that may come next."""
    return [stages()[code] for code in stages()[state.stage].next]


def must_follow(before: State, stage: str, given: Iterable[str], on: date, today: date) -> None:
    """Refuse a step that may not follow, is not of the past, or lacks what it needs.

    Raises:
        Invalid: what is missing, or the day is wrong. Conflict: it does not follow.
    """
    _past(on, today)
    wanted = stages().get(stage)
    if wanted is None:
        raise Invalid(_("Chọn giai đoạn trong danh sách."), where="stage")
    if stage not in stages()[before.stage].next:
        raise Conflict(
            _("Từ “%(now)s” không sang “%(next)s” được.", now=said("stage", before.stage), next=wanted),
            where="stage", advice=_("Nếu giai đoạn đang ghi là sai, sửa mục đó trong lịch sử."),
        )  # fmt: skip
    if before.stage_on and on < before.stage_on:
        raise Invalid(_("Ngày này trước ngày của giai đoạn đang ghi (%(day)s).", day=f"{before.stage_on:%d/%m/%Y}"),
                      where="on")  # fmt: skip
    must_have(wanted, given)
    if stages()[before.stage].counts and not wanted.counts and "why" not in given:
        raise Invalid(_("Quay lại bản giấy cần ghi lý do."), where="why")


def must_have(stage: Stage, given: Iterable[str]) -> None:
    """Refuse a step without what it needs.

    Raises:
        Invalid: what is missing.
    """
    for need in stage.needs:
        if need not in given:
            raise Invalid(
                _("“%(stage)s” cần %(need)s.", stage=stage, need=_(NEED_NAMES[need])),
                where="file" if need == "evidence" else need,
            )


def _past(on: date, today: date) -> None:
    if on > today:
        raise Invalid(_("Ngày ở tương lai: ghi ngày đó vào kế hoạch."), where="on")


__all__ = [
    "DECIDED", "JUDGEMENTS", "NEED_NAMES", "WHAT_NAMES", "Entry", "Span", "State", "What", "may_follow", "must_follow",
    "must_have", "standing", "state_of",
]  # fmt: skip
