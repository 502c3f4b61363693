"""The change feed: every committed write, once, in an order nothing can slip in behind.

A reader keeps its own position (xid, seq) and reads only below the oldest transaction still running, because a
transaction with a lower number may commit later. Readers are idempotent: after a crash a change may come again.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from benhan.core.db import Transaction
from benhan.core.store.records import NAMES

_AFTER = """
select xid::text as xid, seq, facility, type, id, version, action, patient, at from feed
where (xid, seq) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by feed.xid, feed.seq limit $3
"""


class Position(msgspec.Struct, frozen=True):
    """Up to where a reader has read."""

    xid: int = 0
    seq: int = 0


class Change(msgspec.Struct, frozen=True):
    """One committed write."""

    position: Position
    facility: int
    type: str
    id: str
    version: int
    action: str
    patient: str | None
    at: datetime


async def changes(tx: Transaction, after: Position, limit: int = 1000) -> list[Change]:
    """The next changes after a position, oldest first, of the facilities this transaction reaches."""
    rows = await tx.fetch(_AFTER, str(after.xid), after.seq, limit)
    return [
        Change(
            Position(int(row["xid"]), row["seq"]), row["facility"], NAMES[row["type"]], row["id"], row["version"],
            row["action"].decode(), row["patient"], row["at"],
        )
        for row in rows
    ]  # fmt: skip


async def end(tx: Transaction) -> Position:
    """The position behind everything committed so far: where a screen that opens now begins."""
    row = await tx.fetchrow(
        "select xid::text as xid, seq from feed where xid < pg_snapshot_xmin(pg_current_snapshot())"
        " order by feed.xid desc, feed.seq desc limit 1"
    )
    return Position(int(row["xid"]), row["seq"]) if row else Position()


async def position(tx: Transaction, reader: str) -> Position:
    """Where a named reader stands; its row is locked, so one process at a time reads under a name."""
    await tx.execute("insert into feed_reader (name) values ($1) on conflict do nothing", reader)
    row = await tx.fetchrow("select xid::text as xid, seq from feed_reader where name = $1 for update", reader)
    assert row
    return Position(int(row["xid"]), row["seq"])


async def advance(tx: Transaction, reader: str, to: Position) -> None:
    """Note that a reader has dealt with everything up to here, in the transaction that dealt with it."""
    await tx.execute(
        "update feed_reader set xid = $2::text::xid8, seq = $3, at = now() where name = $1",
        reader,
        str(to.xid),
        to.seq,
    )


async def lag_seconds(tx: Transaction) -> float:
    """Age of the oldest change that some named reader has not dealt with; 0 when all are up to date."""
    lag = await tx.fetchval(
        "select extract(epoch from now() - min(next.at)) from feed_reader r cross join lateral"
        " (select f.at from feed f where (f.xid, f.seq) > (r.xid, r.seq) order by f.xid, f.seq limit 1) next"
    )
    return float(lag or 0)
