"""One subscription on one websocket: where it stands, what is new for it, what it was told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from benhan.core.access.standing import standing
from benhan.core.db import Transaction
from benhan.core.store.bodies import body_of
from benhan.core.store.subscriptions import outbox
from benhan.core.store.subscriptions.notifications import Event
from benhan.core.store.subscriptions.plan import Plan, plan_of
from benhan.core.store.subscriptions.told import Bound, may_still

#: Events told in one go.
BATCH: Final = 50

_SUBSCRIPTION: Final = """
select s.owner, s.plan, s.status, s.events, coalesce(s.ends <= now(), false) as ended,
    coalesce(s.sent + s.heartbeat * interval '1 second' <= now(), false) as heartbeat_due,
    (select min(number) from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'w')
        as waiting
from subscription s where s.facility = $1 and s.id = $2 and s.channel = 'websocket'
"""
_EVENTS: Final = f"""
select d.*, {body_of("h")} from (select * from delivery where facility = $1 and subscription = $2 and number > $3
    order by number limit $4) d
left join history h on (h.facility, h.type, h.id, h.version) = (d.facility, d.type, d.id, d.version) order by d.number
"""
_TOLD: Final = """
update delivery set state = 'd', done = now(), tries = tries + 1
where facility = $1 and subscription = $2 and number = any($3::bigint[]) and state = 'w'
"""
_SENT: Final = "update subscription set sent = now() where facility = $1 and id = $2"


class Ear(msgspec.Struct):
    """One subscription on one socket, and up to which event it was told."""

    facility: int
    account: str
    id: str
    plan: Plan
    last: int
    events: int


class News(msgspec.Struct, frozen=True):
    """What is to be told now."""

    events: list[Event]
    heartbeat: bool


async def ear(tx: Transaction, bound: Bound, id_: str) -> Ear | None:
    """Where to begin: with what waited, else with what comes. None where there is nothing to hear."""
    row = await tx.fetchrow(_SUBSCRIPTION, bound.facility, id_)
    if row is None or row["status"] == "off" or row["owner"] != bound.account:
        return None
    last = row["waiting"] - 1 if row["waiting"] is not None else row["events"]
    plan = plan_of(tx, bound.facility, id_, row["plan"])
    return Ear(bound.facility, bound.account, id_, plan, last, row["events"])


async def news(tx: Transaction, one: Ear) -> News | None:
    """What is new, traced as shown to the owner; None when it may hear nothing more."""
    row = await tx.fetchrow(_SUBSCRIPTION, one.facility, one.id)
    owner = await standing(tx, one.facility, one.account)
    if row is None or row["status"] == "off" or row["ended"] or row["owner"] != one.account or owner is None:
        return None
    one.plan, one.events = plan_of(tx, one.facility, one.id, row["plan"]), row["events"]
    if not may_still(owner, one.plan.type):
        return None
    found = []
    rows = await tx.fetch(_EVENTS, one.facility, one.id, one.last, BATCH)
    shown = await outbox.still_open(tx, owner, one.id, rows)
    if rows and not shown:
        one.last = rows[-1]["number"]
    for event in shown:
        found.append(outbox.event(event, event["body"] if one.plan.content == "full-resource" else None))
        outbox.trace(tx, owner, one.id, found[-1])
    return News(found, not found and bool(row["heartbeat_due"]))


async def heard(tx: Transaction, one: Ear, events: Sequence[Event]) -> None:
    """Note what was sent."""
    if events:
        await tx.execute(_TOLD, one.facility, one.id, [event.number for event in events])
        one.last = events[-1].number
    await tx.execute(_SENT, one.facility, one.id)
