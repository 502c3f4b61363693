"""A deliverer as a process of its own, to be killed: python -m tests.core.store.subscriptions.deliver_alone DSN."""

from __future__ import annotations

import asyncio
import sys

from benhan.core.db import Database
from benhan.core.store.subscriptions import endpoints
from benhan.core.store.subscriptions.deliverer import Deliverer
from benhan.core.store.subscriptions.follower import Follower
from benhan.core.store.subscriptions.outbox import Pace
from benhan.core.vault import master_of, use


async def main(dsn: str) -> None:
    """Follow and deliver until killed. A killed one keeps a subscription for five seconds."""
    use(master_of("env:BENHAN_TEST_MASTER"))
    endpoints.allow(["127.0.0.0/8"])
    database = await Database.connect(dsn, size=6)
    for task in (Follower(database), Deliverer(database, Pace(first=0.01, longest=0.1, lease=5.0, idle=0.01))):
        await task.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
