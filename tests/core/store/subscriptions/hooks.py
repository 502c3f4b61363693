"""A subscriber with its receiver, as the tests of subscriptions need it: no waiting for clocks, each step is taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import codec, r4
from benhan.core.store.subscriptions.deliverer import Deliverer
from benhan.core.store.subscriptions.follower import Follower
from benhan.core.store.subscriptions.outbox import Pace
from tests.settled import settled

#: Tries at once, gives up soon.
QUICK = Pace(tries=3, first=0.0, longest=0.0, lease=30.0, idle=0.01)


async def subscribe(database: Database, who: Subject, criteria: str, endpoint: str, **more: Any) -> r4.Subscription:
    """A subscription of `who`, taken in and turned active."""
    async with database.transaction(who.facility) as tx:
        return await store.create(tx, who, subscription(criteria, endpoint, **more))


def subscription(criteria: str, endpoint: str, **channel: Any) -> r4.Subscription:
    """A Subscription over rest-hook, with whole records unless said otherwise."""
    given: dict[str, Any] = {"type": "rest-hook", "endpoint": endpoint, "payload": "application/fhir+json", **channel}
    made = {
        "resourceType": "Subscription", "status": "requested", "reason": "thử", "criteria": criteria, "channel": given,
    }  # fmt: skip
    if filters := given.pop("filters", None):
        url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria"
        made["_criteria"] = {"extension": [{"url": url, "valueString": one} for one in filters]}
    if content := given.pop("content", None):
        url = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content"
        given["_payload"] = {"extension": [{"url": url, "valueCode": content}]}
    if end := given.pop("end", None):
        made["end"] = end
    if given["payload"] is None:
        del given["payload"]
    return codec.decode(json.dumps(made).encode(), r4.Subscription)


async def deliver(database: Database, pace: Pace = QUICK) -> None:
    """Everything committed so far is told, as far as receivers take it: the feed is followed to its end, then sent."""
    await settled(database)
    follower = Follower(database)
    while await follower.read():
        continue
    deliverer = Deliverer(database, pace)
    while await deliverer.turn():
        continue


async def until(true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for what another thread or process brings about."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the other side has no event for it
            await asyncio.sleep(0.01)


async def state(database: Database, who: Subject, id_: str | None) -> tuple[str | None, str | None]:
    """The state a Subscription says, and its error."""
    async with database.transaction(who.facility) as tx:
        kept = await store.read(tx, who, r4.Subscription, id_ or "")
    return kept.status, kept.error
