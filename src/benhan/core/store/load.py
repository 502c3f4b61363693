"""Many records at once: import and the simulator. Same permission, validation, index, history, feed and audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benhan.core.access import Interaction, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.fhir.validation import check
from benhan.core.store import terms_index
from benhan.core.store.records import NUMBERS, new_id, now, permit, stamped
from benhan.core.store.rows import INDEX_VERSION, rows_of
from benhan.core.store.write import AlreadyExists

_INSERT = """
insert into resource (facility, type, id, version, updated, patient, body, indexed)
select $1, t, i, 1, $2, p, b,
 (select case when $7::smallint >= version and $8::int >= generation then $7::smallint else 0 end from search_rules)
from unnest($3::smallint[], $4::text[], $5::text[], $6::bytea[]) u(t, i, p, b)
on conflict (facility, type, id) do nothing
returning key, type, id
"""


async def load(tx: Transaction, who: Subject, resources: Sequence[r4.Resource]) -> int:
    """Keep many new records in a few statements; gives how many were new.

    A record whose id is there already is left as it is (so a load can be run twice).

    Raises:
        Forbidden, Invalid, AlreadyExists: nothing of this call is kept.
    """
    moment = now()
    kept: dict[tuple[int, str], r4.Resource] = {}
    for resource in resources:
        name = codec.type_name(resource)
        permit(who, Interaction.CREATE, name)
        one = stamped(resource, resource.id or new_id(), 1, moment)
        check(one)
        assert one.id
        if (NUMBERS[name], one.id) in kept:
            raise Invalid(f"{name}/{one.id} có hai lần trong cùng một lần nạp.", where=f"{name}.id")
        kept[NUMBERS[name], one.id] = one
    rows = {place: rows_of(one) for place, one in kept.items()}
    bodies = {place: codec.encode(one) for place, one in kept.items()}
    new = await tx.fetch(
        _INSERT, who.facility, moment,
        [t for t, _ in kept], [i for _, i in kept], [rows[place].patient for place in kept], list(bodies.values()),
        INDEX_VERSION, 1,
    )  # fmt: skip
    keys = {(row["type"], row["id"]): row["key"] for row in new}
    indexed = [(key, rows[place]) for place, key in keys.items()]
    await _hold(tx, who, [(w, k) for k, r in indexed for w in r.once])
    await _many(
        tx,
        who,
        "token",
        ("param smallint", "hash bigint", "rid bigint"),
        [(*t, k) for k, r in indexed for t in r.tokens],
    )
    await _many(
        tx, who, "word", ("param smallint", "word text", "whole text", "rid bigint"),
        [(*w, k) for k, r in indexed for w in r.words],
    )  # fmt: skip
    await _many(
        tx, who, "span", ("param smallint", "lo timestamptz", "hi timestamptz", "rid bigint"),
        [(*s, k) for k, r in indexed for s in r.spans],
    )  # fmt: skip
    await _many(
        tx, who, "quantity", ("param smallint", "unit bigint", "lo float8", "hi float8", "rid bigint"),
        [(*q, k) for k, r in indexed for q in r.quantities],
    )  # fmt: skip
    await tx.execute(
        "insert into history (facility, type, id, version, updated, action, account, body)"
        " select facility, type, id, version, updated, 'c', $2, body from resource where key = any($1)",
        list(keys.values()), who.account,
    )  # fmt: skip
    await tx.execute(
        "insert into feed (facility, type, id, version, action, patient)"
        " select facility, type, id, version, 'c', patient from resource where key = any($1) order by key",
        list(keys.values()),
    )
    for place, key in keys.items():
        await terms_index.written(tx, who, kept[place], key, 1)
    record(tx, who, Event("load", rule=f"role {'+'.join(sorted(who.roles))}", detail=f"{len(keys)} records"))
    return len(keys)


async def _hold(tx: Transaction, who: Subject, wanted: list[tuple[str, int]]) -> None:
    """Claim what may exist once.

    Raises:
        AlreadyExists: another record holds one of them.
    """
    taken = await tx.fetchval(
        "with asked as (select * from unnest($2::text[], $3::bigint[]) u(what, rid)),"
        " mine as (insert into once select $1, what, rid from asked on conflict do nothing returning what, rid)"
        " select what from asked where (what, rid) not in (select what, rid from mine) limit 1",
        who.facility, [what for what, _ in wanted], [rid for _, rid in wanted],
    )  # fmt: skip
    if taken is not None:
        raise AlreadyExists(taken)


async def _many(
    tx: Transaction, who: Subject, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    """Insert rows of one table by arrays (COPY is refused under row-level security)."""
    names = ", ".join(column.partition(" ")[0] for column in columns)
    arrays = ", ".join(f"${n}::{column.partition(' ')[2]}[]" for n, column in enumerate(columns, 2))
    values = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in columns]
    await tx.execute(
        f"insert into {table} (facility, {names}) select $1, * from unnest({arrays})", who.facility, *values
    )
