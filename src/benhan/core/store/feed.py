"""The change feed: every committed write, once, in an order nothing can slip in behind.

A reader keeps its own position (xid, seq) and reads only below the oldest transaction still running, because a
transaction with a lower number may commit later. Readers are idempotent: after a crash a change may come again.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store import guarding
from benhan.core.store.records import NAMES, NUMBERS

_AFTER = """
select xid::text as xid, seq, facility, type, id, version, action, patient, at from feed
where (xid, seq) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot())
order by feed.xid, feed.seq limit $3
"""
#: The next rows of one facility (or of all), those of the wanted types among them, and the last row looked at.
_PAGE = """
with seen as materialized (
    select xid, seq, facility, type, id, version, action, patient, at from feed
    where (xid, seq) > ($1::text::xid8, $2) and xid < pg_snapshot_xmin(pg_current_snapshot()) and {reach}
    order by xid, seq limit $3
), wanted as (select * from seen where type = any($4::smallint[]) order by xid, seq limit $5)
select xid::text as xid, seq, facility, type, id, version, action, patient, at, 0 as looked from wanted
union all
(select xid::text, seq, facility, type, id, version, action, patient, at, (select count(*) from seen)
    from seen order by seen.xid desc, seen.seq desc limit 1)
"""
#: Earlier versions of the records in a batch that stand behind its end: their transaction began later and committed
#: first. ($1 $2) is the end of the batch, $3 the highest seq in it; then facility, type, id, version, as arrays.
_EARLIER = """
select f.xid::text as xid, f.seq, f.facility, f.type, f.id, f.version, f.action, f.patient, f.at
from unnest($4::int[], $5::smallint[], $6::text[], $7::int[]) b(facility, type, id, version)
join feed f on (f.facility, f.type, f.id) = (b.facility, b.type, b.id) and f.version < b.version
where (f.xid, f.seq) > ($1::text::xid8, $2) and f.seq < $3
"""
#: The next row alone is looked at, in the order of the index: its transaction is the lowest. The position is a column
#: behind a fence: `coalesce` is not leakproof, so under row-level security the index could not be entered by it.
NEWS = """
select exists (
    select from (select coalesce(max(xid), '0') as xid, coalesce(max(seq), 0) as seq from feed_reader where name = $1) r
    cross join lateral (
        select f.xid from feed f where (f.xid, f.seq) > (r.xid, r.seq) order by f.xid, f.seq limit 1) next
    where next.xid < pg_snapshot_xmin(pg_current_snapshot()))
"""
_LABELLED = f"""
select n from unnest($1::int[], $2::text[]) with ordinality r(facility, patient, n) where {guarding.PROBE.format(r="r")}
"""
#: After every `seq` there is.
LAST = 2**63 - 1
#: Rows looked at for one page: what a caller who asks for a rare type costs at most.
MOST_SEEN = 10_000


class Position(msgspec.Struct, frozen=True, order=True):
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
    #: Whether records of this patient carry labels (where `with_labels` looked).
    labelled: bool = False


class Page(msgspec.Struct, frozen=True):
    """Some changes, the position behind them, and whether more is waiting already."""

    changes: list[Change]
    position: Position
    more: bool


async def changes(tx: Transaction, after: Position, limit: int = 1000) -> list[Change]:
    """The next changes after a position, oldest first, of the facilities this transaction reaches."""
    return [_change(row) for row in await tx.fetch(_AFTER, str(after.xid), after.seq, limit)]


async def page(tx: Transaction, facility: int | None, types: Iterable[str], after: Position, count: int) -> Page:
    """The next changes of these types at a facility (None: wherever this transaction reaches), oldest first.

    The position moves on over what was not wanted too, so that asking again never looks at it twice.
    """
    reach = "true" if facility is None else f"facility = {int(facility)}"
    numbers = [NUMBERS[name] for name in types]
    rows = await tx.fetch(_PAGE.format(reach=reach), str(after.xid), after.seq, MOST_SEEN, numbers, count + 1)
    found = [_change(row) for row in rows if not row["looked"]]
    if len(found) > count:
        return Page(found[:count], found[count - 1].position, True)
    last = next((row for row in rows if row["looked"]), None)
    if last is None:
        return Page([], after, False)
    return Page(found, _change(last).position, last["looked"] == MOST_SEEN)


async def open_to(tx: Transaction, who: Subject, found: Sequence[Change]) -> list[Change]:
    """Those of these changes whose records the caller may read now; she hears nothing of the others."""
    shown: set[tuple[int, str, str]] = set()
    for facility, name in {(one.facility, one.type) for one in found}:
        decision = decide(who, Interaction.READ, name)
        of_type = [one for one in found if (one.facility, one.type) == (facility, name)]
        names = sorted({(name, one.id) for one in of_type if decision.only_patient in (None, one.patient)})
        if decision.allowed:
            shown |= {(facility, *one) for one in await guarding.open_among(tx, decision, facility, names)}
    return [one for one in found if (one.facility, one.type, one.id) in shown]


async def with_labels(tx: Transaction, found: Sequence[Change]) -> list[Change]:
    """The changes, those of patients of whom a record is labelled marked as such."""
    if not found:
        return []
    rows = await tx.fetch(_LABELLED, [one.facility for one in found], [one.patient for one in found])
    marked = {row["n"] - 1 for row in rows}
    return [msgspec.structs.replace(one, labelled=True) if n in marked else one for n, one in enumerate(found)]


async def in_version_order(tx: Transaction, after: Position, limit: int) -> tuple[list[Change], Position]:
    """The next changes, each record's in the order of its versions, and the position behind the batch.

    The order of the feed is that of transactions, and one that began earlier may write a record later. An earlier
    version that stands behind the end of the batch (it is committed, or the later one could not be) is told with it,
    and again in its own place: readers are idempotent.
    """
    batch = await changes(tx, after, limit)
    if not batch:
        return [], after
    behind = batch[-1].position
    highest: dict[tuple[int, str, str], int] = {}
    for one in batch:
        key = (one.facility, one.type, one.id)
        highest[key] = max(one.version, highest.get(key, 0))
    columns = list(zip(*((f, NUMBERS[t], i, v) for (f, t, i), v in highest.items() if v > 1), strict=True))
    if columns:
        last = max(one.position.seq for one in batch)
        rows = await tx.fetch(_EARLIER, str(behind.xid), behind.seq, last, *map(list, columns))
        batch += [_change(row) for row in rows]
    return sorted(batch, key=lambda one: one.position.seq), behind


def _change(row: asyncpg.Record) -> Change:
    return Change(
        Position(int(row["xid"]), row["seq"]), row["facility"], NAMES[row["type"]], row["id"], row["version"],
        row["action"].decode(), row["patient"], row["at"],
    )  # fmt: skip


async def end(tx: Transaction) -> Position:
    """The position behind everything committed so far: where a screen that opens now begins."""
    xmin = await tx.fetchval("select pg_snapshot_xmin(pg_current_snapshot())::text")
    return Position(int(xmin) - 1, LAST)


def token(position: Position) -> str:
    """A position as programs and pages keep it: opaque to them, of a fixed length."""
    return urlsafe_b64encode(struct.pack(">QQ", position.xid, position.seq)).decode().rstrip("=")


def position_of(text: str) -> Position:
    """A token read back.

    Raises:
        Malformed: it is none of ours.
    """
    try:
        xid, seq = struct.unpack(">QQ", urlsafe_b64decode(text + "=="))
    except (ValueError, struct.error):
        xid = seq = LAST + 1
    if seq > LAST or xid > LAST:
        raise Malformed(
            _("Vị trí “%(given)s” không đọc được.", given=text[:60]), where="since",
            advice=_("Dùng position của lần đọc trước, hoặc since=now."),
        )  # fmt: skip
    return Position(xid, seq)


async def has_news(tx: Transaction, reader: str) -> bool:
    """Whether a named reader has something to deal with. Asking locks nothing, so it costs no flush of the disk."""
    found: bool = await tx.fetchval(NEWS, reader)
    return found


async def join(tx: Transaction, reader: str) -> None:
    """A reader that has no position yet begins behind everything committed so far, and not with the first write."""
    here = await end(tx)
    await tx.execute(
        "insert into feed_reader (name, xid, seq) values ($1, $2::text::xid8, $3) on conflict do nothing",
        reader, str(here.xid), here.seq,
    )  # fmt: skip


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
