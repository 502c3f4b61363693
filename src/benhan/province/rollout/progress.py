"""Entries of the self-assessment and the plan are written here, with what they come to in the site's row.

Called by `criteria.actions` and `plan.actions`, which ask before whether they may.
"""

from __future__ import annotations

from typing import Any, Final

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.kit import clock
from benhan.province.rollout import sites
from benhan.province.rollout.criteria.rules import assessment_of
from benhan.province.rollout.plan.rules import plan_of
from benhan.province.rollout.rules import Entry, What
from benhan.province.rollout.sites import Kept

_KEEP: Final = "update rollout_site set assessment = $3, gate = $4, blocked = $5 where facility = $1 and id = $2"


async def write(tx: Transaction, who: Subject, before: Kept, *said: Entry) -> Kept:
    """Write entries of a locked site, and its row."""
    site, after = before.site.id, [*before.entries, *said]
    await sites.add(tx, who, {site: said})
    plan = plan_of(after)
    await tx.execute(_KEEP, who.facility, site, assessment_of(after).standing, plan.gate.standing, len(plan.blocked))
    for one in said:
        about = one.said.get("code") or one.said.get("item") or ""
        detail = f"{one.id} {about}".strip() + (f" corrects {one.corrects}" if one.corrects else "")
        record(tx, who, Event(f"rollout-{one.what}", "Site", site, detail=detail))
    return await sites.one(tx, who, site)


async def new(
    tx: Transaction, what: What, said: dict[str, Any], *, corrects: int | None = None, why: str = "",
    evidence: str | None = None,
) -> Entry:  # fmt: skip
    """An entry of today, with its number."""
    [number] = await sites.numbers(tx, 1)
    return Entry(
        id=number, what=what, said=said, holds=clock.today(), corrects=corrects, why=why, evidence=evidence
    )  # fmt: skip
