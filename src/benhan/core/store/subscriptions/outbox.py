"""What waits to be told: taking a subscription in hand, preparing its next notification, noting how it went.

A deliverer holds a subscription by a lease, so that its notifications go out one after another in the order of their
numbers. Killed, it leaves the lease to run out, and another goes on with the first that was not noted as delivered.
Every preparation asks the policy for the owner's rights of now and leaves a trace, before anything is sent.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.access.audit import Event as Trace
from benhan.core.access.audit import record
from benhan.core.access.standing import standing
from benhan.core.db import Transaction
from benhan.core.store import guarding
from benhan.core.store.bodies import body_of, whole
from benhan.core.store.records import NAMES
from benhan.core.store.subscriptions import states
from benhan.core.store.subscriptions.notifications import Event
from benhan.core.store.subscriptions.plan import Plan, plan_of


class Pace(msgspec.Struct, frozen=True):
    """How patiently deliveries are tried. Seconds."""

    #: Then the event is a dead letter; with the others this is some forty minutes.
    tries: int = 12
    first: float = 1.0
    longest: float = 600.0
    #: How long a deliverer that says nothing keeps a subscription.
    lease: float = 40.0
    idle: float = 0.5
    #: So many dead letters in a row, and the subscription is off.
    given_up: int = 100

    def rest(self, tries: int) -> float:
        """How long to wait after so many failures: twice as long each time, with jitter."""
        return min(self.longest, self.first * 2.0 ** min(tries - 1, 30)) * random.uniform(0.5, 1.5)  # noqa: S311


class Held(msgspec.Struct):
    """A subscription in hand."""

    facility: int
    id: str
    claim: str
    owner: str
    plan: Plan
    status: str
    shaken: bool
    events: int
    tries: int
    given_up: int
    error: str | None
    heartbeat_due: bool
    ended: bool


#: Materialized: a subquery might be asked again for each row, and each time lock another one.
_TAKE: Final = """
with due as materialized (
    select facility, id from subscription u
    where status in ('requested', 'active', 'error') and next_try <= now() and (claimed is null or claimed < now())
        and (ends <= now() or status = 'requested' or channel = 'rest-hook' and shaken and (
            sent + heartbeat * interval '1 second' <= now()
            or exists (select from delivery d
                where d.facility = u.facility and d.subscription = u.id and d.state = 'w')))
    order by next_try limit 1 for update skip locked
)
update subscription s set claim = $1, claimed = now() + $2 * interval '1 second' from due
where (s.facility, s.id) = (due.facility, due.id)
returning s.*, coalesce(sent + heartbeat * interval '1 second' <= now(), false) as heartbeat_due,
    coalesce(ends <= now(), false) as ended
"""
_HOLD: Final = """
update subscription set claimed = now() + $4 * interval '1 second' where facility = $1 and id = $2 and claim = $3
    and claimed > now() returning status, events
"""
_WAITING: Final = f"""
select d.*, {body_of("h")} from (select * from delivery where facility = $1 and subscription = $2 and state = 'w'
    order by number limit $3) d
left join history h on (h.facility, h.type, h.id, h.version) = (d.facility, d.type, d.id, d.version) order by d.number
"""
_SHUT: Final = """
update delivery set state = 'x', done = now(), error = $4
where facility = $1 and subscription = $2 and number = any($3::bigint[]) and state = 'w'
"""
_DONE: Final = """
update delivery set state = 'd', done = now(), error = null, tries = tries + 1
where facility = $1 and subscription = $2 and number = any($3::bigint[])
"""
_FAILED: Final = """
update delivery set tries = tries + 1, error = $4, done = case when tries + 1 >= $5 then now() end,
    state = case when tries + 1 >= $5 then 'x'::"char" else state end
where facility = $1 and subscription = $2 and number = any($3::bigint[]) returning state
"""
_WENT_WELL: Final = """
update subscription set tries = 0, given_up = 0, sent = now(), error = null, next_try = now(), shaken = true
where facility = $1 and id = $2
"""
_WENT_BADLY: Final = """
update subscription set tries = $3, given_up = $4, error = $5, next_try = now() + $6 * interval '1 second'
where facility = $1 and id = $2
"""


async def take(tx: Transaction, claim: str, pace: Pace) -> Held | None:
    """The next subscription with something to do that nobody else has in hand."""
    row = await tx.fetchrow(_TAKE, claim, pace.lease)
    if row is None:
        return None
    return Held(
        row["facility"], row["id"], claim, row["owner"], plan_of(tx, row["facility"], row["id"], row["plan"]),
        row["status"], row["shaken"], row["events"], row["tries"], row["given_up"], row["error"],
        row["heartbeat_due"], row["ended"],
    )  # fmt: skip


async def hold(tx: Transaction, held: Held, pace: Pace) -> bool:
    """Keep it in hand a while longer; False when somebody else has it, or its owner stopped it."""
    row = await tx.fetchrow(_HOLD, held.facility, held.id, held.claim, pace.lease)
    if row is None or row["status"] == "off":
        return False
    held.status, held.events = row["status"], row["events"]
    return True


async def release(tx: Transaction, held: Held) -> None:
    """Give it back."""
    await tx.execute(
        "update subscription set claim = null, claimed = null where facility = $1 and id = $2 and claim = $3",
        held.facility, held.id, held.claim,
    )  # fmt: skip


async def waiting(tx: Transaction, held: Held) -> list[Event] | None:
    """The next events to tell, their records as they were; traced as shown to the owner.

    None where the owner may not read them any more: what waited is a dead letter then, and nothing is told.
    """
    owner = await standing(tx, held.facility, held.owner)
    if owner is None or not decide(owner, Interaction.READ, held.plan.type).allowed:
        await _cut_off(tx, held)
        return None
    rows = await tx.fetch(_WAITING, held.facility, held.id, held.plan.most)
    return [_shown(tx, held, owner, row) for row in await still_open(tx, owner, held.id, rows)]


async def open_rows(tx: Transaction, who: Subject, rows: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """The rows of `delivery` whose records she may read now."""
    names = {(NAMES[row["type"]], row["id"]) for row in rows}
    shown: set[tuple[str, str]] = set()
    for name in {name for name, _id in names}:
        decision = decide(who, Interaction.READ, name)
        shown |= await guarding.open_among(tx, decision, who.facility, [one for one in names if one[0] == name])
    return whole(tx, [row for row in rows if (NAMES[row["type"]], row["id"]) in shown])


async def still_open(
    tx: Transaction, owner: Subject, subscription: str, rows: Sequence[asyncpg.Record]
) -> list[asyncpg.Record]:
    """Those of them that may be told to the owner; what waited of the others is a dead letter."""
    shown = await open_rows(tx, owner, rows)
    if closed := sorted({row["number"] for row in rows} - {row["number"] for row in shown}):
        await tx.execute(_SHUT, owner.facility, subscription, closed, states.OWNER_GONE)
    return shown


def event(row: asyncpg.Record, body: bytes | None = None) -> Event:
    """A row of `delivery`."""
    return Event(
        row["number"],
        NAMES[row["type"]],
        row["id"],
        row["version"],
        row["action"].decode(),
        row["at"],
        row["patient"],
        row["tries"],
        body,
    )


def _shown(tx: Transaction, held: Held, owner: Subject, row: asyncpg.Record) -> Event:
    one = event(row, row["body"] if held.plan.content == "full-resource" else None)
    trace(tx, owner, held.id, one)
    return one


def trace(tx: Transaction, owner: Subject, subscription: str, one: Event) -> None:
    """Leave the trace of a record named or shown to a subscriber."""
    rule = decide(owner, Interaction.READ, one.type).rule
    detail = f"Subscription/{subscription} event {one.number} version {one.version}"
    record(tx, owner, Trace("notify", one.type, one.id, one.patient, True, rule, detail))


async def _cut_off(tx: Transaction, held: Held) -> None:
    await tx.execute(
        "update delivery set state = 'x', done = now(), error = $3"
        " where facility = $1 and subscription = $2 and state = 'w'",
        held.facility, held.id, states.OWNER_GONE,
    )  # fmt: skip


async def went_well(tx: Transaction, held: Held, numbers: list[int]) -> None:
    """Note that a notification arrived."""
    await tx.execute(_DONE, held.facility, held.id, numbers)
    await tx.execute(_WENT_WELL, held.facility, held.id)
    held.tries = held.given_up = 0


async def went_badly(tx: Transaction, held: Held, numbers: list[int], error: str, pace: Pace) -> tuple[str, str] | None:
    """Note that a notification did not arrive; after the last try it is a dead letter and the next one's turn comes.

    Gives the state to say of the subscription, and why, where it has changed.
    """
    rows = await tx.fetch(_FAILED, held.facility, held.id, numbers, error, pace.tries)
    dead = sum(row["state"] == b"x" for row in rows)
    held.tries = 0 if dead else held.tries + 1
    held.given_up += dead
    rest = 0.0 if dead else pace.rest(held.tries)
    await tx.execute(_WENT_BADLY, held.facility, held.id, held.tries, held.given_up, error, rest)
    if held.given_up >= pace.given_up:
        return "off", states.TOO_MANY
    hopeless = not held.shaken and held.tries >= pace.tries
    return ("error", error) if dead or hopeless else None


async def tidy(tx: Transaction, days: int = 7) -> None:
    """Forget what was delivered long ago, and tokens that have run out. The transaction reaches the platform."""
    await tx.execute("delete from delivery where state in ('d', 'o') and done < now() - $1 * interval '1 day'", days)
    await tx.execute("delete from socket_token where ends < now()")
