"""Gathering: audit rows that nothing can slip in before become leaves of their facility's tree, under a signed seal.

One transaction a seal: a process killed in it has sealed nothing, and the next one begins where the last seal ends.
Nobody who writes audit rows waits for it: it locks no row, only the right to gather (an advisory lock of the facility).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from benhan.core.access.seals.merkle import STEP, Edge, Whole, edge_places
from benhan.core.access.seals.rows import COLUMNS, SEQ, XID, leaf_of, pack, unpack
from benhan.core.access.seals.statement import NOTHING, Key, Signed, Statement
from benhan.core.db import PLATFORM, Database, Transaction

#: Rows under one seal at most.
MOST: Final = 10_000

_LOCK = "select pg_try_advisory_xact_lock(hashtextextended('seal ' || $1::int, 0))"
#: The next row of each facility alone is looked at. As in `store/feed.py`, the position is a column behind a fence.
NEWS = """
select f.key from facility f
cross join lateral (
    select coalesce(max(l.xid), '0') as xid, coalesce(max(l.seq), 0) as seq
    from (select s.xid, s.seq from seal s where s.facility = f.key order by s.number desc limit 1) l) sealed
cross join lateral (
    select a.xid from audit a where a.facility = f.key and (a.xid, a.seq) > (sealed.xid, sealed.seq)
    order by a.xid, a.seq limit 1) next
where next.xid < pg_snapshot_xmin(pg_current_snapshot())
order by f.key
"""
_ROWS = f"""
select {COLUMNS} from audit
where facility = $1 and (audit.xid, audit.seq) > ($2::text::xid8, $3)
    and audit.xid < pg_snapshot_xmin(pg_current_snapshot())
order by audit.xid, audit.seq limit $4
"""
_SEAL_COLUMNS = "facility, number, first, size, xid::text as xid, seq, at, digest, root, previous, key, signature"
_LAST = f"select {_SEAL_COLUMNS} from seal where facility = $1 order by number desc limit 1"
_ONE = f"select {_SEAL_COLUMNS} from seal where facility = $1 and number = $2"
_KEEP = """
insert into seal (facility, number, first, size, xid, seq, at, leaves, digest, root, previous, key, signature)
values ($1, $2, $3, $4, $5::text::xid8, $6, $7, $8, $9, $10, $11, $12, $13)
"""
_KEEP_NODES = (
    "insert into seal_node select $1, h, p, n from unnest($2::smallint[], $3::bigint[], $4::bytea[]) t(h, p, n)"
)
_NODES = "select hash from seal_node where facility = $1 and height = $2 and place >= $3 and place < $4 order by place"
_LEAVES = "select first, leaves from seal where facility = $1 and first < $3 and size > $2 order by first"


class Broken(RuntimeError):  # noqa: N818 - what it is, not that it failed
    """The stored tree of a facility is not the one that was signed: nothing may be built on it."""


class Edges:
    """The right edges of the trees this process gathered last, so that it reads none of them again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, Edge]] = {}

    async def at(self, tx: Transaction, facility: int, last: Signed | None) -> Edge:
        """The edge under this seal, for the caller to build on.

        Raises:
            Broken: what is stored does not give the root that was signed.
        """
        if last is None:
            return Edge()
        digest, known = self._known.get(facility, (b"", Edge()))
        if digest == last.statement.digest():
            return Edge(known.size, known.hashes)
        edge = await edge_of(tx, facility, last.statement.size)
        if edge.root() != last.statement.root:
            raise Broken(f"facility {facility}: the stored tree does not give the root of seal {last.statement.number}")
        return edge

    def keep(self, signed: Signed, edge: Edge) -> None:
        """Remember an edge that is committed."""
        self._known[signed.statement.facility] = signed.statement.digest(), edge


class _Batch(msgspec.Struct):
    """What a seal keeps of some rows."""

    leaves: bytes
    whole: list[Whole]
    signed: Signed


async def facilities_with_news(database: Database) -> list[int]:
    """The facilities that have rows to gather."""
    async with database.transaction(PLATFORM) as tx:
        return [row["key"] for row in await tx.fetch(NEWS)]


async def gather(database: Database, facility: int, key: Key, edges: Edges, most: int = MOST) -> Signed | None:
    """Seal the next rows of a facility; None where there are none, or another process is gathering.

    Raises:
        Broken: the stored tree has been changed; asyncpg.PostgresError, OSError: the database is away.
    """
    async with database.transaction(facility) as tx:
        if not await tx.fetchval(_LOCK, facility):
            return None
        last = await last_seal(tx, facility)
        after = (str(last.statement.xid), last.statement.seq) if last else ("0", 0)
        rows = await tx.fetch(_ROWS, facility, *after, most)
        if not rows:
            return None
        edge = await edges.at(tx, facility, last)
        batch = await asyncio.to_thread(_batch, facility, last, edge, rows, key)
        await _keep(tx, batch)
    edges.keep(batch.signed, edge)
    return batch.signed


def _batch(facility: int, last: Signed | None, edge: Edge, rows: Sequence[Any], key: Key) -> _Batch:
    """Rows as leaves of the tree, and the statement about them; the edge moves on."""
    first = edge.size
    hashes = [leaf_of(row) for row in rows]
    whole, leaves = edge.add(hashes), pack(rows, hashes)
    statement = Statement(
        facility=facility, number=last.statement.number + 1 if last else 1, first=first, size=edge.size,
        xid=int(rows[-1][XID]), seq=rows[-1][SEQ], leaves=sha256(leaves).digest(), root=edge.root(),
        at=datetime.now(UTC), previous=last.statement.digest() if last else NOTHING,
    )  # fmt: skip
    return _Batch(leaves, whole, key.sign(statement))


async def _keep(tx: Transaction, batch: _Batch) -> None:
    said = batch.signed.statement
    await tx.execute(
        _KEEP, said.facility, said.number, said.first, said.size, str(said.xid), said.seq, said.at, batch.leaves,
        said.leaves, said.root, said.previous, batch.signed.key, batch.signed.signature,
    )  # fmt: skip
    if batch.whole:
        columns = zip(*((one.height, one.place, one.hash) for one in batch.whole), strict=True)
        await tx.execute(_KEEP_NODES, said.facility, *map(list, columns))


async def last_seal(tx: Transaction, facility: int) -> Signed | None:
    """The newest seal of a facility."""
    row = await tx.fetchrow(_LAST, facility)
    return signed_of(row) if row else None


async def one_seal(tx: Transaction, facility: int, number: int) -> Signed | None:
    """A seal by its number."""
    row = await tx.fetchrow(_ONE, facility, number)
    return signed_of(row) if row else None


def signed_of(row: Any) -> Signed:
    """A row of `seal` as what was signed."""
    statement = Statement(
        row["facility"], row["number"], row["first"], row["size"], int(row["xid"]), row["seq"], row["digest"],
        row["root"], row["at"].astimezone(UTC), row["previous"],
    )  # fmt: skip
    return Signed(statement, row["key"], row["signature"])


async def edge_of(tx: Transaction, facility: int, size: int) -> Edge:
    """The right edge of a facility's tree when it had this many leaves, from what is stored.

    Raises:
        Broken: leaves or nodes are missing.
    """
    return Edge(size, [await subtree(tx, facility, height, place) for height, place in edge_places(size)])


async def subtree(tx: Transaction, facility: int, height: int, place: int) -> bytes:
    """The hash of a whole subtree: built on what is kept at the height below it, or on leaves.

    Raises:
        Broken: leaves or nodes are missing.
    """
    base = height // STEP * STEP
    wide = 1 << height - base
    first, behind = place * wide, (place + 1) * wide
    if base:
        hashes = [row["hash"] for row in await tx.fetch(_NODES, facility, base, first, behind)]
    else:
        hashes = await leaves_of(tx, facility, first, behind)
    if len(hashes) != wide:
        raise Broken(f"facility {facility}: {wide - len(hashes)} hashes of the stored tree are missing")
    edge = Edge()
    edge.add(hashes)
    return edge.root()


async def leaves_of(tx: Transaction, facility: int, first: int, behind: int) -> list[bytes]:
    """The hashes of leaves [first, behind), as far as they are stored."""
    found: list[bytes] = []
    for row in await tx.fetch(_LEAVES, facility, first, behind):
        hashes = [one.hash for one in unpack(row["leaves"])]
        found += hashes[max(0, first - row["first"]) : behind - row["first"]]
    return found
