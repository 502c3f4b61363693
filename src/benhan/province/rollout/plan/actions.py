"""What is done about a plan: begun from the list, items said and verified, trainings, devices, forms by phase.

Source: practice (`plan.toml`). The facility says, somebody else verifies; each is an entry, row and trace.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from benhan.core.access import Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, Forbidden, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.province.rollout import evidence, progress, reach, sites
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.plan import rules
from benhan.province.rollout.plan.rules import Plan, plan_of
from benhan.province.rollout.plan.words import devices, first_items
from benhan.province.rollout.rules import Entry, What, standing
from benhan.province.rollout.sites import Kept

#: Items of one plan.
MOST_ITEMS: Final = 300
_HERS: Final = frozenset({What.WORK, What.TRAINING, What.DEVICE, What.PHASE})


async def begin(tx: Transaction, who: Subject, site: str, live: date) -> Kept:
    """Begin a plan with the list, each item due so many weeks before the first day without paper.

    Raises:
        NotFound, Forbidden: not hers. Conflict: there is a plan. Invalid: that day is over.
    """
    before, plan = await _opened(tx, who, site)
    if plan.works:
        raise Conflict(_("Cơ sở đã có kế hoạch."), advice=_("Tải lại trang."))
    if live < clock.today():
        raise Invalid(_("Chọn một ngày từ hôm nay trở đi."), where="live")
    numbers = await sites.numbers(tx, len(first_items()))
    made = [
        Entry(id=number, what=What.WORK, holds=clock.today(), said={
            "item": one.code, "kind": one.kind, "title": one.vi, "state": "todo", "owner": "",
            "reason": "", "gate": one.gate, "after": one.after, "due": (live - timedelta(weeks=one.weeks)).isoformat(),
        })
        for number, one in zip(numbers, first_items(), strict=True)
    ]  # fmt: skip
    return await progress.write(tx, who, before, *made)


async def work(
    tx: Transaction, who: Subject, site: str, item: str | None, said: Mapping[str, Any], file: Evidence | None
) -> Kept:
    """Say how an item stands, or add one (`item` is None). Evidence goes along until other evidence comes.

    Raises:
        NotFound, Forbidden: not hers, or no such item. Invalid: it cannot be said so.
    """
    before, plan = await _opened(tx, who, site)
    if item is not None and item not in plan.works:
        raise NotFound(_("Không có việc này trong kế hoạch."))
    if item is None and len(plan.works) >= MOST_ITEMS:
        raise Invalid(_("Một kế hoạch có nhiều nhất %(n)s việc.", n=MOST_ITEMS), where="title")
    told = {**said, "item": item or _code(plan, said["title"])}
    rules.must_work(plan, told)
    kept = plan.works[item].entry.evidence if item else None
    if file:
        kept = await evidence.keep(tx, who, site, file)
    return await progress.write(tx, who, before, await progress.new(tx, What.WORK, told, evidence=kept))


async def check(
    tx: Transaction, who: Subject, site: str, item: str, of: int, *, good: bool, remark: str
) -> Kept:  # fmt: skip
    """Verify an item that is done, or return it with a remark. Not by who said so: four eyes.

    Raises:
        Forbidden: no verifier, or her own word. NotFound: not hers to see. Conflict, Invalid: `rules.must_check`.
    """
    if not who.may(Permission.ROLLOUT_VERIFY):
        raise Forbidden(_("Chỉ người xác minh của Sở được làm việc này."))
    before = await sites.locked(tx, who, site)
    await reach.must_see(tx, who, before.site)
    found = rules.must_check(plan_of(before.entries), item, of, good=good, remark=remark)
    if found.entry.account == who.account:
        raise Forbidden(_("Người ghi không tự xác minh được."), advice=_("Nhờ một người xác minh khác."))
    said = {"item": item, "of": of, "good": good, "remark": remark}
    return await progress.write(tx, who, before, await progress.new(tx, What.CHECKED, said))


async def count(tx: Transaction, who: Subject, site: str, what: What, said: Mapping[str, Any]) -> Kept:
    """Say of trainings, devices, or forms by phase; what was said of a device or phase before stays to be read.

    Raises:
        NotFound, Forbidden: not hers. Invalid: it cannot be so.
    """
    before, plan = await _opened(tx, who, site)
    former: Entry | None = None
    if what is What.DEVICE:
        if said["kind"] not in devices():
            raise Invalid(_("Chọn loại thiết bị trong danh sách."), where="kind")
        former = plan.devices.get(said["kind"])
    elif what is What.PHASE:
        rules.must_phase(plan, said)
        former = plan.phases.get(said["phase"])
    elif said["came"] > said["people"]:
        raise Invalid(_("Số người đã học nhiều hơn số cần học."), where="came")
    corrects = former.id if former else None
    return await progress.write(tx, who, before, await progress.new(tx, what, dict(said), corrects=corrects))


async def take_back(tx: Transaction, who: Subject, site: str, entry: int, why: str) -> Kept:
    """Take back what was said; it stays to be read. Of an item, what was said before counts again.

    Raises:
        NotFound, Forbidden: not hers. Invalid: no reason, or it does not count any more.
    """
    before, _plan = await _opened(tx, who, site)
    former = next((one for one in standing(before.entries) if one.id == entry and one.what in _HERS), None)
    if former is None:
        raise Invalid(_("Mục này đã được sửa hoặc rút lại."), advice=_("Tải lại trang."))
    if not why:
        raise Invalid(_("Ghi vì sao rút."), where="why")
    gone = await progress.new(tx, What.WITHDRAWN, {}, corrects=entry, why=why)
    return await progress.write(tx, who, before, gone)


async def _opened(tx: Transaction, who: Subject, site: str) -> tuple[Kept, Plan]:
    before = await sites.locked(tx, who, site)
    await reach.must_write(tx, who, before.site)
    return before, plan_of(before.entries)


def _code(plan: Plan, title: str) -> str:
    """A code for a new item, of its title."""
    base = re.sub(r"[^a-z0-9]+", "-", fold(title)).strip("-")[:40] or "viec"
    n = 1
    while (code := base if n == 1 else f"{base}-{n}") in plan.works:
        n += 1
    return code
