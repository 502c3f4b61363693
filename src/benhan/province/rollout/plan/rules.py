"""What the entries of a plan come to: its items, the gate, trainings, devices, forms by phase. Pure.

An item is said anew as it moves; the last entry counts. A judgement is of one entry: whatever is said of the item
afterwards was looked at by nobody. The gate opens when everything it asks for is done, has evidence, and was verified
by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

import msgspec

from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _, later
from benhan.province.rollout.plan.words import PHASES, STATES, kinds
from benhan.province.rollout.rules import Entry, What, standing

#: Circular 32/2023: so many forms of records and sheets.
MOST: Final = {"forms": 29, "sheets": 53}
LACKS: Final = {
    "done": later("chưa xong"), "evidence": later("thiếu minh chứng"), "returned": later("bị trả lại"),
    "verified": later("chưa xác minh"),
}  # fmt: skip


class Work(msgspec.Struct, frozen=True):
    """An item as it stands: its last entry, and the judgement of that one."""

    entry: Entry
    check: Entry | None = None

    @property
    def code(self) -> str:
        """What other items and the address call it."""
        code: str = self.entry.said["item"]
        return code

    @property
    def state(self) -> str:
        """One of `STATES`."""
        state: str = self.entry.said["state"]
        return state

    @property
    def due(self) -> date | None:
        """Until when."""
        due = self.entry.said.get("due")
        return date.fromisoformat(due) if due else None

    @property
    def gate(self) -> bool:
        """Whether the gate asks for it."""
        return bool(self.entry.said.get("gate"))

    @property
    def verified(self) -> bool:
        """Whether somebody else looked at what was said last, and it was good."""
        return self.check is not None and bool(self.check.said["good"])

    @property
    def returned(self) -> bool:
        """Whether it came back with a remark."""
        return self.check is not None and not self.check.said["good"]

    @property
    def lack(self) -> str:
        """What the gate lacks of it; empty: nothing."""
        if self.state != "done":
            return "done"
        if not self.entry.evidence:
            return "evidence"
        return "" if self.verified else "returned" if self.returned else "verified"

    def late(self, today: date) -> bool:
        """Whether its day is over and it is not done."""
        return self.state != "done" and self.due is not None and self.due < today


class Gate(msgspec.Struct, frozen=True):
    """The go-live gate: what it asks for, and what is left."""

    asked: list[Work]
    left: list[Work]

    @property
    def standing(self) -> str:
        """Shut or open; empty where nothing is asked for."""
        return ("shut" if self.left else "open") if self.asked else ""


class Plan(msgspec.Struct, frozen=True):
    """A plan as it stands."""

    works: Mapping[str, Work]
    trainings: list[Entry]
    devices: Mapping[str, Entry]
    phases: Mapping[str, Entry]

    @property
    def gate(self) -> Gate:
        """The go-live gate."""
        asked = [one for one in self.works.values() if one.gate]
        return Gate(asked, [one for one in asked if one.lack])

    @property
    def blocked(self) -> list[Work]:
        """Items that cannot go on."""
        return [one for one in self.works.values() if one.state == "blocked"]

    @property
    def done(self) -> int:
        """How many items are done."""
        return sum(one.state == "done" for one in self.works.values())

    def waits_for(self, one: Work) -> Work | None:
        """The item that must be done before this one and is not."""
        before = self.works.get(one.entry.said.get("after", ""))
        return before if before and before.state != "done" else None


def plan_of(entries: Iterable[Entry]) -> Plan:
    """What the entries of a site say of its plan."""
    last: dict[str, Entry] = {}
    checks: dict[int, Entry] = {}
    trainings: list[Entry] = []
    devices: dict[str, Entry] = {}
    phases: dict[str, Entry] = {}
    for one in sorted(standing(entries), key=lambda one: one.id):
        match one.what:
            case What.WORK:
                last[one.said["item"]] = one
            case What.CHECKED:
                checks[one.said["of"]] = one
            case What.TRAINING:
                trainings.append(one)
            case What.DEVICE:
                devices[one.said["kind"]] = one
            case What.PHASE:
                phases[one.said["phase"]] = one
    order = list(kinds())
    works = sorted(last.values(), key=lambda one: (order.index(one.said["kind"]), one.said.get("due") or "~", one.id))
    return Plan({one.said["item"]: Work(one, checks.get(one.id)) for one in works}, trainings, devices, phases)


def must_work(plan: Plan, said: Mapping[str, Any]) -> None:
    """Refuse an item that cannot be said so.

    Raises:
        Invalid: about the field.
    """
    if said["state"] not in STATES or said["kind"] not in kinds():
        raise Invalid(_("Chọn loại việc và tình trạng trong danh sách."), where="state")
    if said["state"] == "blocked" and not said.get("reason"):
        raise Invalid(_("Bị chặn: ghi vì sao."), where="reason")
    after, item = said.get("after", ""), said["item"]
    seen = {item}
    while after:
        if after in seen:
            raise Invalid(_("Hai việc chờ nhau thì không việc nào xong."), where="after")
        seen.add(after)
        if after not in plan.works:
            raise Invalid(_("Không có việc này trong kế hoạch."), where="after")
        after = plan.works[after].entry.said.get("after", "")


def must_check(plan: Plan, item: str, of: int, *, good: bool, remark: str) -> Work:
    """The item that may be judged.

    Raises:
        Conflict: something else was said of it since, or it is not done. Invalid: no evidence, or no remark.
    """
    found = plan.works.get(item)
    if found is None or found.entry.id != of or found.state != "done" or found.check:
        raise Conflict(_("Việc này không còn chờ xác minh."), advice=_("Tải lại trang."))
    if good and not found.entry.evidence:
        raise Invalid(_("Chưa có minh chứng nên chưa xác minh được."), where="remark")
    if not good and not remark:
        raise Invalid(_("Ghi cần bổ sung gì."), where="remark")
    return found


def must_phase(plan: Plan, said: Mapping[str, Any]) -> None:
    """Refuse more forms or sheets than there are, over the three phases.

    Raises:
        Invalid: about the field.
    """
    if said["phase"] not in PHASES:
        raise Invalid(_("Chọn pha trong danh sách."), where="phase")
    for name, most in MOST.items():
        others = sum(one.said[name] for code, one in plan.phases.items() if code != said["phase"])
        if others + said[name] > most:
            raise Invalid(_("Ba pha cộng lại nhiều nhất %(n)s.", n=most), where=name)
