"""Bringing a list in: which row is which facility, what would change, and then all of it in one transaction.

A row is matched by its code of 5 characters, else by its 13 digits, else by name and ward. The file itself is the
evidence of the decisions it tells of; whether they count at once is said by the leader, who answers for the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec

from benhan.core.access import Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, Invalid
from benhan.core.kit import clock
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.province.rollout import evidence, facts, sites
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.lists import Checked, Line, RowError
from benhan.province.rollout.rules import Entry, State, What, standing, state_of
from benhan.province.rollout.sites import Site

_NEEDED: Final = ("name", "kind", "owner", "province")


#: A row with the site that it is (None: a new one) and its facts.
Placed = tuple[Line, Site | None, dict[str, Any]]


class Change(msgspec.Struct, frozen=True):
    """What a row adds to a site (`site` is None: a new one), before its entries have numbers."""

    row: int
    name: str
    site: str | None
    said: tuple[tuple[What, dict[str, Any], date], ...]


class Progress:
    """How far bringing a list in is: in which of its steps, and how many of how many rows of that one are done."""

    STEPS: Final = 4

    def __init__(self) -> None:
        self.step, self.done, self.whole = 1, 0, 0

    def begin(self, step: int) -> None:
        """Go on to a step: 1 read, 2 compare, 3 write what was said, 4 write what it comes to."""
        self.step, self.done, self.whole = step, 0, 0

    def tell(self, done: int, whole: int) -> None:
        """Note how far the step is."""
        self.done, self.whole = done, whole


class Plan(msgspec.Struct, frozen=True):
    """What bringing a list in would do."""

    new: list[Change]
    changed: list[Change]
    same: int
    unplaced: list[RowError]
    #: Rows whose old ward was divided: the likeliest ward of today was taken.
    unsure: list[RowError]

    @property
    def decisions(self) -> int:
        """How many "paperless" decisions it tells of."""
        return sum(_is_decision(what, said) for one in [*self.new, *self.changed] for what, said, _day in one.said)


async def compare(tx: Transaction, who: Subject, checked: Checked, progress: Progress | None = None) -> Plan:
    """What the list would do. Rows are compared in a thread: thousands of them take seconds.

    Raises:
        Forbidden: not the leader.
    """
    if not who.may(Permission.ROLLOUT_LEAD):
        raise Forbidden(_("Chỉ lãnh đạo Sở nhập danh sách."))
    plan = Plan([], [], 0, [], [])
    known = await sites.every(tx, who)
    placed = await asyncio.to_thread(_placed, checked.lines, known, plan)
    said = await sites.entries(tx, who, [site.id for _line, site, _facts in placed if site])
    return await asyncio.to_thread(_planned, placed, said, plan, progress or Progress())


def _placed(lines: Sequence[Line], known: Iterable[Site], plan: Plan) -> list[Placed]:
    by = _Known(known)
    return [(line, *place) for line in lines if (place := _place(line, by, plan)) is not None]


def _planned(placed: Sequence[Placed], said: Mapping[str, list[Entry]], plan: Plan, progress: Progress) -> Plan:
    taken: dict[str, int] = {}
    same = 0
    progress.begin(2)
    for at, (line, site, told) in enumerate(placed):
        progress.tell(at, len(placed))
        if site and taken.setdefault(site.id, line.row) != line.row:
            plan.unplaced.append(RowError(line.row, _("cùng một cơ sở với dòng %(n)s", n=taken[site.id])))
            continue
        change = _change(line, site, told, said.get(site.id, []) if site else [], plan)
        if change.said:
            (plan.changed if site else plan.new).append(change)
        else:
            same += 1
    return msgspec.structs.replace(plan, same=same, unplaced=sorted(plan.unplaced, key=lambda one: one.row))


async def bring(
    tx: Transaction, who: Subject, checked: Checked, file: Evidence, *, verified: bool, progress: Progress | None = None
) -> Plan:
    """Write what the list says. `verified`: the Department has looked at the decisions it tells of.

    Raises:
        Forbidden: not the leader. Invalid: rows of the list are wrong.
    """
    if checked.wrong:
        raise Invalid(_("Danh sách còn dòng sai, chưa nhập gì."), where="file")
    progress = progress or Progress()
    plan = await compare(tx, who, checked, progress)
    kept = await evidence.keep(tx, who, None, file)
    changes = [*plan.new, *plan.changed]
    decisions = plan.decisions if verified else 0
    ids = iter(await sites.numbers(tx, sum(len(one.said) for one in changes) + decisions))
    added = {one.site or sites.new_id(): _entries(one, ids, kept, verified=verified) for one in changes}
    before = await sites.entries(tx, who, [one.site for one in plan.changed if one.site])
    progress.begin(3)
    await sites.add(tx, who, added, progress.tell)
    states = await asyncio.to_thread(_states, added, before)
    progress.begin(4)
    await sites.keep(tx, who, states, progress.tell)
    detail = f"{file.name}: {len(plan.new)} new, {len(plan.changed)} changed, {decisions} verified, evidence {kept}"
    record(tx, who, Event("import", "Site", rule="permission rollout-lead", detail=detail))
    return plan


def _states(added: Mapping[str, list[Entry]], before: Mapping[str, list[Entry]]) -> dict[str, State]:
    return {site: state_of([*before.get(site, []), *new]) for site, new in added.items()}


def _entries(change: Change, ids: Any, kept: str, *, verified: bool) -> list[Entry]:
    made: list[Entry] = []
    for what, said, holds in change.said:
        decision = _is_decision(what, said)
        entry = Entry(id=next(ids), what=what, said=said, holds=holds, evidence=kept if decision else None)
        made.append(entry)
        if decision and verified:
            judged = {"of": entry.id, "remark": _("theo danh sách của Sở")}
            made.append(Entry(id=next(ids), what=What.VERIFIED, said=judged, holds=clock.today()))
    return made


def _is_decision(what: What, said: dict[str, Any]) -> bool:
    return what is What.STAGE and said["stage"] == "decided"


class _Known:
    """The sites there are, by what rows name them with."""

    def __init__(self, found: Iterable[Site]) -> None:
        self.by_code: dict[str, Site] = {}
        self.by_gln: dict[str, Site] = {}
        self.by_name: dict[tuple[str, str], list[Site]] = {}
        for one in found:
            if one.code:
                self.by_code[one.code] = one
            if one.gln:
                self.by_gln[one.gln] = one
            self.by_name.setdefault((fold(one.name), one.ward), []).append(one)


def _place(line: Line, known: _Known, plan: Plan) -> tuple[Site | None, dict[str, Any]] | None:
    """Which site a row is (None: a new one) with its facts; None for a row that cannot be placed, which is noted."""
    told = dict(line.facts)
    named = [str(told.pop(name, "")) for name in ("ward", "district", "province")]
    where = facts.where(*named)
    if any(named) and where is None:
        plan.unplaced.append(
            RowError(line.row, _("không tìm thấy nơi “%(where)s”", where=", ".join(filter(None, named))))
        )
        return None
    if where:
        told |= {"ward": where.ward, "province": where.province} | ({"old_ward": where.old} if where.old else {})
        if where.unsure:
            plan.unsure.append(RowError(line.row, _("“%(old)s” nay là nhiều xã: lấy %(now)s", old=where.old,
                                                    now=sites.place_name(where.ward, where.province))))  # fmt: skip
    site = known.by_code.get(told.get("code", "")) or known.by_gln.get(told.get("gln", ""))
    if site is None:
        alike = known.by_name.get((fold(told["name"]), told.get("ward", "")), [])
        alike = [one for one in alike if not (one.code and told.get("code"))]
        if len(alike) > 1:
            plan.unplaced.append(RowError(line.row, _("%(n)s cơ sở cùng tên ở cùng xã: ghi mã", n=len(alike))))
            return None
        site = alike[0] if alike else None
    other = known.by_gln.get(told.get("gln", ""))
    if other and site and other.id != site.id:
        plan.unplaced.append(RowError(line.row, _("mã 13 số đang là của %(name)s", name=other.name)))
        return None
    missing = [name for name in _NEEDED if not told.get(name)] if site is None else []
    if missing:
        needed = ", ".join(facts.label(name).lower() for name in missing)
        plan.unplaced.append(RowError(line.row, _("cơ sở mới, thiếu %(what)s", what=needed)))
        return None
    return site, told


def _change(line: Line, site: Site | None, told: dict[str, Any], said: Sequence[Entry], plan: Plan) -> Change:
    state = state_of(said) if site else State(facts={})
    today = clock.today()
    found: list[tuple[What, dict[str, Any], date]] = []
    if patch := {name: value for name, value in told.items() if state.facts.get(name) != value}:
        found.append((What.FACTS, patch, today))
    if line.begun and state.begun is None:
        found.append((What.STAGE, {"stage": "survey"}, line.begun))
    decided = next((one for one in standing(said) if _is_decision(one.what, one.said)), None)
    if line.decided and decided is None:
        found.append((What.STAGE, {"stage": "decided", "number": line.number}, line.decided))
    elif line.decided and decided and decided.holds != line.decided:
        plan.unplaced.append(RowError(line.row, _("ngày quyết định khác ngày đang ghi (%(day)s): sửa ở trang của cơ sở",
                                                  day=clock.vn_date(decided.holds))))  # fmt: skip
    if line.planned and state.plan.get("decided") != line.planned:
        found.append((What.PLAN, {"stage": "decided", "day": line.planned.isoformat()}, today))
    if line.delay and state.delay.get("reason") != line.delay:
        found.append((What.DELAY, {"reason": line.delay}, today))
    if line.scope and state.scope.get("scope") != line.scope:
        found.append((What.SCOPE, {**state.scope, "scope": line.scope}, today))
    told_of = {"way": line.way, "emr": line.emr, "price": line.price, "months": line.months}
    means = {name: value for name, value in told_of.items() if value}
    if means and {**state.means, **means} != state.means:
        found.append((What.MEANS, {**state.means, **means}, today))
    return Change(line.row, told["name"], site.id if site else None, tuple(found))
