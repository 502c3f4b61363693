"""Waiting for the change feed: it shows a change once no older transaction of the whole cluster is still running.

The other worker's tests share the cluster, so a change just committed may be held back for a moment.
"""

from __future__ import annotations

import asyncio

from benhan.core.db import PLATFORM, Database

PATIENCE = 30.0


async def settled(database: Database) -> None:
    """Wait until everything committed so far can be read from the feed."""
    async with database.transaction(PLATFORM) as tx:
        until = await tx.fetchval("select pg_snapshot_xmax(pg_current_snapshot())::text")
    async with asyncio.timeout(PATIENCE):
        while True:
            async with database.transaction(PLATFORM) as tx:
                if await tx.fetchval("select pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8", until):
                    return
            await asyncio.sleep(0.02)
