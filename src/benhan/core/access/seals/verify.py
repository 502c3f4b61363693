"""Verification: the audit as it lies there, its seals and what the outside keeper knows, compared row by row.

Streams in the order of the seals, with the memory of a page of them. It trusts the public keys and the keeper, nothing
in the database. Rows that are written meanwhile stand behind the last seal it looks at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benhan.core.access.seals import findings as found
from benhan.core.access.seals.compare import differences
from benhan.core.access.seals.findings import Fault, Finding, Verdict
from benhan.core.access.seals.gather import last_seal, signed_of
from benhan.core.access.seals.keeper import Damaged, Keeper
from benhan.core.access.seals.merkle import Edge, Whole
from benhan.core.access.seals.rows import AT, COLUMNS, SEQ, Leaf, leaf_of, pack, unpack
from benhan.core.access.seals.statement import NOTHING, Signed, Statement
from benhan.core.db import PLATFORM, Database, Transaction

#: Seals that are read at once.
PAGE: Final = 20
#: Rows more than a seal covers that are still looked at one by one.
BEYOND: Final = 1_000
#: A row is written at most so long before it can be sealed (a transaction that writes takes minutes at most).
LATE: Final = timedelta(hours=1)

#: Tells how far the verification of a facility is: facility, rows looked at, rows there are.
Progress = Callable[[int, int, int], None]
Place = tuple[int, int]

_FACILITIES = """
with recursive written as (
    (select facility from audit order by facility limit 1)
    union all
    select (select a.facility from audit a where a.facility > w.facility order by a.facility limit 1)
    from written w where w.facility is not null
)
select facility from written where facility is not null union select key from facility order by 1
"""
_SEALS = """
select facility, number, first, size, xid::text as xid, seq, at, digest, root, previous, key, signature, leaves
from seal where facility = $1 and number > $2 and number <= $3 order by number limit $4
"""
_ROWS = f"""
select {COLUMNS} from audit where facility = $1 and (audit.xid, audit.seq) > ($2::text::xid8, $3)
    and (audit.xid, audit.seq) <= ($4::text::xid8, $5) order by audit.xid, audit.seq limit $6
"""
_BETWEEN = """
select count(*) from audit
where facility = $1 and (xid, seq) > ($2::text::xid8, $3) and (xid, seq) < ($4::text::xid8, $5)
"""
_TAIL = f"""
select {COLUMNS} from audit where facility = $1 and (audit.xid, audit.seq) > ($2::text::xid8, $3)
order by audit.xid, audit.seq limit {PAGE * BEYOND}
"""
_NODE = "select hash from seal_node where facility = $1 and height = $2 and place = $3"


async def verify(
    database: Database, keeper: Keeper | None, keys: Mapping[bytes, Ed25519PublicKey], progress: Progress,
    facilities: list[int] | None = None,
) -> AsyncIterator[Verdict]:  # fmt: skip
    """Look at each facility (or at these); a verdict without findings says that all is as it was sealed."""
    async with database.transaction(PLATFORM) as tx:
        there = {row["facility"] for row in await tx.fetch(_FACILITIES)}
    there |= set(keeper.facilities() if keeper else ())
    for facility in sorted(there if facilities is None else facilities):
        kept = keeper.kept(facility) if keeper else iter(())
        async with database.transaction(facility) as tx:
            yield await _Walk(tx, facility, keys, kept, progress).run()


class _Sealed(msgspec.Struct):
    """A seal with the leaves that are stored for it."""

    signed: Signed
    kept: bytes
    leaves: list[Leaf] | None


class _Walk:
    """One facility, from its first seal to its last."""

    def __init__(
        self, tx: Transaction, facility: int, keys: Mapping[bytes, Ed25519PublicKey],
        kept: Iterator[Signed | Damaged], progress: Progress,
    ) -> None:  # fmt: skip
        self.tx = tx
        self.facility = facility
        self.keys = keys
        self.progress = progress
        self.verdict = Verdict(facility)
        self.newest: Statement | None = None
        self.outside = self._digests(kept)
        self.edge: Edge | None = Edge()
        self.place: Place = (0, 0)
        self.before: Statement | None = None

    async def run(self) -> Verdict:
        """The verdict."""
        last = await last_seal(self.tx, self.facility)
        until, size = (last.statement.number, last.statement.size) if last else (0, 0)
        self.progress(self.facility, 0, size)
        async for sealed in self._seals(until):
            await self._look(sealed)
            self.progress(self.facility, sealed.signed.statement.size, size)
        self._look_outside()
        await self._look_behind()
        return self.verdict

    def _note(self, fault: Fault, about: Statement | None = None, /, **values: object) -> None:
        since = self.before.at if self.before else None
        said = {name: str(value) for name, value in values.items()}
        self.verdict.add(Finding(fault, self.facility, said, since, about.at if about else None))

    # ── the seals ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _seals(self, until: int) -> AsyncIterator[_Sealed]:
        number = 0
        while rows := await self.tx.fetch(_SEALS, self.facility, number, until, PAGE):
            for row in rows:
                number = row["number"]
                yield _Sealed(signed_of(row), row["leaves"], _leaves(row["leaves"]))

    async def _look(self, sealed: _Sealed) -> None:
        said = sealed.signed.statement
        await self._look_at_chain(sealed)
        rows = await self._rows(said)
        hashes = [leaf_of(row) for row in rows]
        true = await self._look_at_rows(sealed, rows, hashes)
        await self._look_at_tree(said, true)
        self._look_at_times(said, rows)
        if self.outside.get(said.number, said.digest()) != said.digest():
            self._note(Fault.REWRITTEN, said, seal=said.number)
        self.verdict.seals += 1
        self.verdict.rows += said.size - said.first
        self.place, self.before = (said.xid, said.seq), said

    async def _look_at_chain(self, sealed: _Sealed) -> None:
        said = sealed.signed.statement
        number, size = (self.before.number, self.before.size) if self.before else (0, 0)
        if said.number != number + 1:
            await self._look_over_gap(sealed, number)
        elif said.previous != (self.before.digest() if self.before else NOTHING) or said.first != size:
            self._note(Fault.SEAL_CHANGED, said, seal=said.number, why=found.BAD_CHAIN)
        if not sealed.signed.good(self.keys):
            self._note(Fault.SEAL_CHANGED, said, seal=said.number, why=found.BAD_SIGNATURE)

    async def _look_over_gap(self, sealed: _Sealed, number: int) -> None:
        """Seals are missing before this one: the rows that they covered belong to nobody."""
        said, first = sealed.signed.statement, next(iter(sealed.leaves or ()), None)
        behind = (first.xid, first.seq) if first else (said.xid, said.seq)
        bare = await self.tx.fetchval(
            _BETWEEN, self.facility, str(self.place[0]), self.place[1], str(behind[0]), behind[1]
        )
        missing = _span(number + 1, said.number - 1)
        self._note(Fault.SEAL_MISSING, said, seal=missing, count=bare)
        self.edge, self.place = None, (behind[0], behind[1] - 1)

    # ── their rows ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _rows(self, said: Statement) -> list[Any]:
        most = max(said.size - said.first, 0) + BEYOND
        return await self.tx.fetch(
            _ROWS, self.facility, str(self.place[0]), self.place[1], str(said.xid), said.seq, most
        )

    async def _look_at_rows(self, sealed: _Sealed, rows: list[Any], hashes: list[bytes]) -> list[bytes] | None:
        """Compare the table with the leaves; gives the hashes that were signed, where they can be known."""
        said, packed = sealed.signed.statement, pack(rows, hashes)
        stored_whole = sha256(sealed.kept).digest() == said.leaves and sealed.leaves is not None
        if stored_whole and packed == sealed.kept:
            return hashes
        if not stored_whole:
            table_whole = sha256(packed).digest() == said.leaves
            why = found.TABLE_WHOLE if table_whole else found.TABLE_TOO
            rows_said = _span(said.first + 1, said.size)
            self._note(Fault.TREE_CHANGED, said, seal=said.number, rows=rows_said, why=why)
            return hashes if table_whole else None
        assert sealed.leaves is not None
        for fault, values in differences(sealed.leaves, rows, hashes):
            self._note(fault, said, **values)
        return [one.hash for one in sealed.leaves]

    async def _look_at_tree(self, said: Statement, hashes: list[bytes] | None) -> None:
        if self.edge is None or hashes is None:
            self.edge = None
            return
        whole = self.edge.add(hashes)
        if self.edge.size != said.size or self.edge.root() != said.root:
            self._note(Fault.SEAL_CHANGED, said, seal=said.number, why=found.BAD_ROOT)
            self.edge = None
            return
        for one in whole:
            if await self._stored(one) != one.hash:
                self._note(
                    Fault.TREE_CHANGED, said, seal=said.number, why=found.TABLE_WHOLE,
                    rows=_span((one.place << one.height) + 1, (one.place + 1) << one.height),
                )  # fmt: skip

    async def _stored(self, one: Whole) -> bytes | None:
        kept: bytes | None = await self.tx.fetchval(_NODE, self.facility, one.height, one.place)
        return kept

    def _look_at_times(self, said: Statement | None, rows: list[Any]) -> None:
        if self.before is None:
            return
        for row in rows:
            if row[AT] < self.before.at - LATE:
                self._note(Fault.BACKDATED, said, rows=row[SEQ])

    # ── outside, and behind the last seal ────────────────────────────────────────────────────────────────────────

    def _digests(self, kept: Iterator[Signed | Damaged]) -> dict[int, bytes]:
        """What the keeper has: the digest of each statement by its number; the newest in `newest`."""
        found = {}
        for one in kept:
            if isinstance(one, Damaged):
                self._note_outside(str(one))
            elif one.statement.facility != self.facility or not one.good(self.keys):
                self._note_outside(f"{self.facility}.ndjson, {one.statement.number}")
            else:
                self.verdict.handed += 1
                self.newest = one.statement
                found[one.statement.number] = one.statement.digest()
        return found

    def _note_outside(self, why: str) -> None:
        self.verdict.add(Finding(Fault.KEEPER_DAMAGED, self.facility, {"why": why}))

    def _look_outside(self) -> None:
        """What the keeper knows and the database no longer does."""
        newest, known, size = self.newest, 0, 0
        if self.before:
            known, size = self.before.number, self.before.size
        if newest and newest.number > known:
            self._note(Fault.CUT, newest, seal=newest.number, to=newest.size, **{"from": size})

    async def _look_behind(self) -> None:
        """Rows behind the last seal: young ones wait for the next."""
        rows = await self.tx.fetch(_TAIL, self.facility, str(self.place[0]), self.place[1])
        now = datetime.now(UTC)
        self._look_at_times(None, rows)
        since = self.before.at - LATE if self.before else datetime.min.replace(tzinfo=UTC)
        forgotten = [row for row in rows if since <= row[AT] < now - LATE]
        if forgotten:
            self._note(Fault.UNSEALED, count=len(forgotten), rows=forgotten[0][SEQ])
        self.verdict.waiting = len(rows)


def _leaves(kept: bytes) -> list[Leaf] | None:
    """The stored leaves; None where they are no leaves any more."""
    return None if len(kept) % 48 else [*unpack(kept)]


def _span(first: int, last: int) -> str:
    return f"{first}–{last}" if last > first else str(first)
