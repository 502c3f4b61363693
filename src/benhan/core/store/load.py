"""Many records at once: import and the simulator. Same permission, validation, index, history, feed and audit."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from benhan.core.access import Interaction, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.fhir.validation import check
from benhan.core.store.records import NUMBERS, new_id, now, permit, stamped
from benhan.core.store.rows import rows_of
from benhan.core.store.write import AlreadyExists, _what

_INSERT = """
insert into resource (facility, type, id, version, updated, patient, body)
select $1, t, i, 1, $2, p, b from unnest($3::smallint[], $4::text[], $5::text[], $6::bytea[]) u(t, i, p, b)
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
    )  # fmt: skip
    keys = {(row["type"], row["id"]): row["key"] for row in new}
    f = who.facility
    try:
        await tx.copy("once", ("facility", "what", "rid"), [(f, w, k) for p, k in keys.items() for w in rows[p].once])
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists(_what(error)) from None
    await tx.copy(
        "token", ("facility", "param", "hash", "rid"), [(f, *t, k) for p, k in keys.items() for t in rows[p].tokens]
    )
    await tx.copy(
        "word", ("facility", "param", "word", "whole", "rid"), [(f, *w, k) for p, k in keys.items() for w in rows[p].words]
    )
    await tx.copy(
        "span", ("facility", "param", "lo", "hi", "rid"), [(f, *s, k) for p, k in keys.items() for s in rows[p].spans]
    )
    await tx.copy(
        "history", ("facility", "type", "id", "version", "updated", "action", "account", "body"),
        [(f, *p, 1, moment, b"c", who.account, bodies[p]) for p in keys],
    )  # fmt: skip
    await tx.copy(
        "feed", ("facility", "type", "id", "version", "action", "patient"),
        [(f, *p, 1, b"c", rows[p].patient) for p in keys],
    )  # fmt: skip
    record(tx, who, Event("load", rule=f"role {'+'.join(sorted(who.roles))}", detail=f"{len(keys)} records"))
    return len(keys)
