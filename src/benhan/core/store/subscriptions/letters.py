"""What an administrator sees of the subscriptions of her facility, and what she may do with dead letters.

She sees that a record was to be told of, never what it holds. Every act leaves a trace.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.language import _
from benhan.core.store.records import NAMES
from benhan.core.store.subscriptions.plan import Plan, plan_of

#: Dead letters shown at once; `most` of `letters`.
PAGE: Final = 50

_OVERVIEW = """
select s.id, s.owner, s.plan, s.status, s.error, s.events, s.ends, s.next_try > now() and s.tries > 0 as resting,
    (select done from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'd'
        order by done desc limit 1) as delivered,
    (select count(*) from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'w')
        as waiting,
    (select at from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'w'
        order by number limit 1) as oldest,
    (select count(*) from delivery d where d.facility = s.facility and d.subscription = s.id and d.state = 'x') as dead
from subscription s where s.facility = $1 order by s.status = 'off', s.id limit 500
"""
_LETTERS = """
select subscription, number, type, id, version, at, tries, done, error from delivery
where facility = $1 and state = 'x' and ($2::text is null or subscription = $2)
    and ($3::text is null or (subscription, number) > ($3, $4)) order by subscription, number limit $5
"""
_MOVE = """
update delivery set state = $5, tries = case when $5 = 'w'::"char" then 0 else tries end
where facility = $1 and state = $4 and ($2::text is null or subscription = $2) and ($3::bigint is null or number = $3)
    and ($5 <> 'w'::"char" or exists (select from subscription s where s.facility = delivery.facility
        and s.id = delivery.subscription and s.status <> 'off'))
returning subscription
"""
WAITING, DEAD, DROPPED = b"w", b"x", b"o"


class Overview(msgspec.Struct, frozen=True):
    """One subscription at a glance."""

    id: str
    owner: str
    about: str
    channel: str
    host: str
    status: str
    error: str | None
    events: int
    ends: datetime | None
    resting: bool
    delivered: datetime | None
    waiting: int
    oldest: datetime | None
    dead: int


class Letter(msgspec.Struct, frozen=True):
    """An event that could not be told."""

    subscription: str
    number: int
    type: str
    id: str
    version: int
    at: datetime
    tries: int
    done: datetime | None
    error: str


async def overview(tx: Transaction, who: Subject) -> list[Overview]:
    """The subscriptions of the facility, those that are off last.

    Raises:
        Forbidden: the caller does not administer.
    """
    who.must_administer("Subscription")
    rows = await tx.fetch(_OVERVIEW, who.facility)
    record(tx, who, Event("read-subscriptions", "Subscription", rule="administer"))
    found = []
    for row in rows:
        plan = plan_of(tx, who.facility, row["id"], row["plan"])
        found.append(
            Overview(
                row["id"], row["owner"].removeprefix("client:"), _about(plan), plan.channel,
                urlsplit(plan.endpoint).netloc, row["status"], row["error"], row["events"], row["ends"],
                bool(row["resting"]), row["delivered"], row["waiting"], row["oldest"], row["dead"],
            )
        )  # fmt: skip
    return found


async def letters(
    tx: Transaction, who: Subject, subscription: str | None = None, after: tuple[str, int] | None = None
) -> list[Letter]:
    """Dead letters, of one subscription or of all, `PAGE` and one more; `after` is the last one seen.

    Raises:
        Forbidden: the caller does not administer.
    """
    who.must_administer("Subscription")
    rows = await tx.fetch(_LETTERS, who.facility, subscription, *(after or (None, None)), PAGE + 1)
    return [
        Letter(
            row["subscription"], row["number"], NAMES[row["type"]], row["id"], row["version"], row["at"], row["tries"],
            row["done"], row["error"] or "",
        )
        for row in rows
    ]  # fmt: skip


async def replay(tx: Transaction, who: Subject, subscription: str | None = None, number: int | None = None) -> int:
    """Have dead letters tried again (one, those of a subscription, or all); gives how many.

    Raises:
        Forbidden; NotFound: there is none; Conflict: their subscription is off.
    """
    moved = await _move(tx, who, "replay", subscription, number, DEAD, WAITING)
    if not moved:
        if await letters(tx, who, subscription):
            raise Conflict(_("Đăng ký này đã tắt nên không gửi lại được."), advice=_("Bên nhận cần đăng ký lại trước."))
        raise NotFound(_("Không còn thư không gửi được nào như vậy."))
    await tx.execute(
        "update subscription set next_try = now(), tries = 0, given_up = 0 where facility = $1 and id = any($2)",
        who.facility, sorted(set(moved)),
    )  # fmt: skip
    return len(moved)


async def drop(tx: Transaction, who: Subject, subscription: str, number: int) -> None:
    """Give a dead letter up for good; `restore` takes it back.

    Raises:
        Forbidden; NotFound: there is none.
    """
    if not await _move(tx, who, "drop", subscription, number, DEAD, DROPPED):
        raise NotFound(_("Không còn thư không gửi được nào như vậy."))


async def restore(tx: Transaction, who: Subject, subscription: str, number: int) -> None:
    """Take back a dead letter that was dropped.

    Raises:
        Forbidden; NotFound: there is none.
    """
    if not await _move(tx, who, "restore", subscription, number, DROPPED, DEAD):
        raise NotFound(_("Không còn thư không gửi được nào như vậy."))


async def _move(
    tx: Transaction, who: Subject, act: str, subscription: str | None, number: int | None, was: bytes, becomes: bytes
) -> list[str]:
    who.must_administer("Subscription")
    rows = await tx.fetch(_MOVE, who.facility, subscription, number, was, becomes)
    detail = f"{len(rows)} events" if number is None else f"event {number}"
    record(tx, who, Event(f"{act}-notification", "Subscription", subscription, rule="administer", detail=detail))
    return [row["subscription"] for row in rows]


def _about(plan: Plan) -> str:
    if plan.topic:
        return _(plan.topic.title) or plan.topic.url
    query = "&".join(f"{name}={value}" for name, value in plan.asks[0].params)
    return f"{plan.type}?{query}" if query else plan.type
