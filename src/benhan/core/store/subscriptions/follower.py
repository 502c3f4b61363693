"""The reader of the change feed that finds the events of subscriptions.

Changes → events, numbered for each subscription, in the transaction that advances the reader: a crash repeats a batch,
and a version that was told already is not told again. A record's versions are told in their order (`feed.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.access.standing import standing
from benhan.core.db import PLATFORM, Transaction, background
from benhan.core.fhir.outcome import Problem
from benhan.core.language import speaking
from benhan.core.store import feed
from benhan.core.store.bodies import body_of, whole
from benhan.core.store.feed import Change
from benhan.core.store.records import NUMBERS
from benhan.core.store.subscriptions.matching import State, meets, state_of
from benhan.core.store.subscriptions.plan import Plan, plan_of
from benhan.core.store.subscriptions.topics import Topic
from benhan.core.vault import keys_of

READER: Final = "subscriptions"
BATCH: Final = 300
IDLE_SECONDS: Final = 0.2

_LISTENING = """
select facility, id, owner, plan, born::text as born from subscription
where status = 'requested' or shaken and status in ('active', 'error') order by facility, id
"""
_BODIES = f"""
select h.type, h.id, h.version, {body_of("h")} from unnest($2::smallint[], $3::text[], $4::int[]) w(type, id, version)
join history h on h.facility = $1 and (h.type, h.id, h.version) = (w.type, w.id, w.version) where h.body is not null
"""
_KNOWN = """
select d.type, d.id, d.version from unnest($3::smallint[], $4::text[], $5::int[]) w(type, id, version)
join delivery d on (d.facility, d.subscription, d.type, d.id, d.version) = ($1, $2, w.type, w.id, w.version)
"""
_COUNT = "update subscription set events = events + $3 where facility = $1 and id = $2 returning events"
_KEEP = """
insert into delivery (facility, subscription, number, type, id, version, action, patient, at, state, error)
select $1, $2, * from unnest($3::bigint[], $4::smallint[], $5::text[], $6::int[], $7::"char"[], $8::text[],
    $9::timestamptz[], $10::"char"[], $11::text[])
"""


class Listening(msgspec.Struct):
    """A subscription that may have events."""

    facility: int
    id: str
    plan: Plan
    born: str
    owner: Subject | None

    def precedes(self, xid: int) -> bool:
        """Whether a transaction had committed when this subscription was made (`pg_visible_in_snapshot`)."""
        xmin, xmax, running = self.born.split(":")
        return xid < int(xmin) or (xid < int(xmax) and str(xid) not in running.split(","))


class Found(msgspec.Struct, frozen=True):
    """A change that is an event; `error` says why it could not be judged: it becomes a dead letter."""

    change: Change
    error: str | None = None


class Follower(background.Follower):
    """Finds events for as long as the process runs."""

    failure = "subscriptions: a batch of the change feed could not be read"
    batch, idle_seconds = BATCH, IDLE_SECONDS

    async def turn(self) -> float:
        """One batch; what is noted of a problem is in English."""
        with speaking("en"):
            return await super().turn()

    async def read(self) -> int:
        """Find the events of one batch of changes; gives how many changes it held."""
        async with self._database.transaction(PLATFORM) as tx:
            if not await feed.has_news(tx, READER):
                return 0
            position = await feed.position(tx, READER)
            end = await feed.end(tx)
            if not await tx.fetchval(f"select exists ({_LISTENING})"):
                if await feed.changes(tx, position, 1):
                    await feed.advance(tx, READER, end)
                return 0
            # The changes first, then who listens: whoever subscribed before one of them was committed is among those.
            changes, behind = await feed.in_version_order(tx, position, BATCH)
            if changes:
                await _tell(tx, await _listening(tx), changes)
                await tx.reach(PLATFORM)
                await feed.advance(tx, READER, behind)
        return len(changes)


async def _listening(tx: Transaction) -> list[Listening]:
    found, owners = [], dict[tuple[int, str], Subject | None]()
    for row in await tx.fetch(_LISTENING):
        key = (row["facility"], row["owner"])
        if key not in owners:
            owners[key] = await standing(tx, *key)
        plan = plan_of(tx, row["facility"], row["id"], row["plan"])
        found.append(Listening(row["facility"], row["id"], plan, row["born"], owners[key]))
    return found


async def _tell(tx: Transaction, listening: Sequence[Listening], changes: Sequence[Change]) -> None:
    """Keep the events among these changes, facility by facility."""
    watched = {(one.facility, one.plan.type) for one in listening}
    concerned = [change for change in changes if (change.facility, change.type) in watched and change.action != "d"]
    for facility in sorted({change.facility for change in concerned}):
        await tx.reach(facility)
        mine = [change for change in concerned if change.facility == facility]
        states = await _states(tx, facility, mine)
        for one in listening:
            if one.facility == facility:
                await _keep(tx, one, [event for change in mine if (event := await _event(tx, one, change, states))])


async def _event(
    tx: Transaction, one: Listening, change: Change, states: dict[tuple[str, str, int], State]
) -> Found | None:
    """The change as an event of this subscription, if it is one and its owner may know of it."""
    if change.type != one.plan.type or one.precedes(change.position.xid) or one.owner is None:
        return None
    state = states.get((change.type, change.id, change.version))
    decision = decide(one.owner, Interaction.READ, change.type)
    hers = decision.allowed and decision.only_patient in (None, change.patient)
    if state is None or not hers or not await feed.open_to(tx, one.owner, [change]):
        return None
    before = states.get((change.type, change.id, change.version - 1))
    try:
        async with tx.savepoint():
            if one.plan.topic and not await _fires(tx, one.owner, one.plan.topic, state, before):
                return None
            for ask in one.plan.asks:
                if not await meets(tx, one.owner, state, ask):
                    return None
    except (Problem, asyncpg.DataError, asyncpg.QueryCanceledError) as problem:
        return Found(change, str(problem))  # one subscription that cannot be judged holds up no other
    return Found(change)


async def _fires(tx: Transaction, owner: Subject, topic: Topic, state: State, before: State | None) -> bool:
    """Whether the topic's trigger is met by a record that was so before (None: it is new) and is so now."""
    if ("update" if before else "create") not in topic.on:
        return False
    tests = []
    if topic.previous:
        tests.append(await meets(tx, owner, before, topic.previous) if before else topic.on_create)
    if topic.current and (topic.both or not any(tests)):
        tests.append(await meets(tx, owner, state, topic.current))
    return all(tests) if topic.both else any(tests) or not tests


async def _states(tx: Transaction, facility: int, changes: Sequence[Change]) -> dict[tuple[str, str, int], State]:
    """The versions that were written, and those before them."""
    wanted = {(one.type, one.id, version) for one in changes for version in (one.version, one.version - 1) if version}
    columns = list(zip(*((NUMBERS[name], id_, version) for name, id_, version in wanted), strict=True))
    rows = await tx.fetch(_BODIES, facility, *map(list, columns))
    states = {}
    keys = await keys_of(tx, facility)
    for row in whole(tx, rows):
        state = state_of(keys, row["body"])
        states[(state.type, state.id, row["version"])] = state
    return states


async def _keep(tx: Transaction, one: Listening, found: Iterable[Found]) -> None:
    events = list({(event.change.type, event.change.id, event.change.version): event for event in found}.values())
    names = [(NUMBERS[event.change.type], event.change.id, event.change.version) for event in events]
    if not names:
        return
    known = await tx.fetch(_KNOWN, one.facility, one.id, *(list(column) for column in zip(*names, strict=True)))
    told = {(row["type"], row["id"], row["version"]) for row in known}
    fresh = [event for event, name in zip(events, names, strict=True) if name not in told]
    if not fresh:
        return
    last = await tx.fetchval(_COUNT, one.facility, one.id, len(fresh))
    if last is None:
        return  # deleted meanwhile
    rows = [
        (
            last - len(fresh) + n, NUMBERS[event.change.type], event.change.id, event.change.version,
            event.change.action.encode(), event.change.patient, event.change.at, b"x" if event.error else b"w",
            event.error,
        )
        for n, event in enumerate(fresh, 1)
    ]  # fmt: skip
    await tx.execute(_KEEP, one.facility, one.id, *(list(column) for column in zip(*rows, strict=True)))
