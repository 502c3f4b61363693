"""Whether one version of a record meets a search, by the store's own parser and SQL.

The version's index rows are laid over the index tables by name, for one statement: what a search would have found
while that version was the newest. So criteria mean the same here and in a search, whatever has happened since.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.store import parameters
from benhan.core.store.pending import settle
from benhan.core.store.query import Query, parse
from benhan.core.store.records import NUMBERS, permit
from benhan.core.store.rows import Rows
from benhan.core.store.subscriptions.topics import Ask
from benhan.core.vault import Keys

#: Records of the store beside the one version, for conditions on other records (chains, `_has`); the version's own
#: rows carry the key -1, which no record has.
_OVERLAY = """
with token as {fence} (select $1::int as facility, t.*, -1::bigint as rid
        from unnest($2::smallint[], $3::bigint[]) t(param, hash){token}),
    word as {fence} (select $1::int as facility, t.*, -1::bigint as rid
        from unnest($4::smallint[], $5::text[], $6::text[]) t(param, word, whole){word}),
    span as {fence} (select $1::int as facility, t.*, -1::bigint as rid
        from unnest($7::smallint[], $8::timestamptz[], $9::timestamptz[]) t(param, lo, hi){span}),
    quantity as {fence} (select $1::int as facility, t.*, -1::bigint as rid
        from unnest($10::smallint[], $11::bigint[], $12::float8[], $13::float8[]) t(param, unit, lo, hi){quantity}),
    resource as {fence} (select -1::bigint as key, $1::int as facility, $14::smallint as type, $15::text as id,
        $16::timestamptz as updated, $17::text as patient, ''::bytea as body{resource})
select {meets} from resource r where r.key = -1
"""
_ALONE = dict.fromkeys(("token", "word", "span", "quantity", "resource"), "")
_BESIDE = {
    "token": " union all select facility, param, hash, rid from public.token",
    "word": " union all select facility, param, word, whole, rid from public.word",
    "span": " union all select facility, param, lo, hi, rid from public.span",
    "quantity": " union all select facility, param, unit, lo, hi, rid from public.quantity",
    "resource": " union all select key, facility, type, id, updated, patient, body from public.resource",
}


class State(msgspec.Struct):
    """One version of a record, with its index rows."""

    type: str
    id: str
    updated: datetime
    rows: Rows


def state_of(keys: Keys, body: bytes) -> State:
    """The state that these bytes of a facility are."""
    resource: r4.Resource = codec.kept(body, r4.Resource)
    assert resource.id and resource.meta and resource.meta.lastUpdated
    updated = datetime.fromisoformat(resource.meta.lastUpdated).astimezone(UTC)
    name = codec.type_name(resource)
    return State(name, resource.id, updated, parameters.rows(keys, resource))


async def understood(tx: Transaction, who: Subject, ask: Ask) -> Query:
    """A search as the store's parser reads it, every type in it asked of the policy.

    Raises:
        Malformed: it cannot be read; Forbidden: a type may not be searched.
    """
    permit(who, Interaction.SEARCH, ask.type)
    may = partial(permit, who, Interaction.SEARCH)
    query = parse(ask.type, ask.grouped(), may, facility=who.facility)
    await settle(tx, who, query)
    return query


async def meets(tx: Transaction, who: Subject, state: State, ask: Ask) -> bool:
    """Whether `who` would have found this state with this search.

    Raises:
        Malformed, Forbidden: as `understood`.
    """
    if ask.type != state.type:
        return False
    only = permit(who, Interaction.SEARCH, ask.type).only_patient
    if only is not None and only != state.rows.patient:
        return False
    query = await understood(tx, who, ask)
    if not query.clauses:
        return True
    values = _values(who.facility, state)

    def value(one: Any) -> str:
        values.append(one)
        return f"${len(values)}"

    conditions = " and ".join(clause.sql(value) for clause in query.clauses)
    return bool(await tx.fetchval(_statement(_links(query)).format(meets=conditions), *values))


def _links(query: Query) -> bool:
    """Whether a condition looks at other records."""
    return any(" resource r" in clause.sql(lambda _value: "$1") for clause in query.clauses)


@lru_cache
def _statement(links: bool) -> str:
    parts = _BESIDE if links else _ALONE
    return _OVERLAY.format(fence="not materialized" if links else "materialized", meets="{meets}", **parts)


def _values(facility: int, state: State) -> list[Any]:
    rows = state.rows
    return [
        facility,
        *([row[n] for row in rows.tokens] for n in range(2)),
        *([row[n] for row in rows.words] for n in range(3)),
        *([row[n] for row in rows.spans] for n in range(3)),
        *([row[n] for row in rows.quantities] for n in range(4)),
        NUMBERS[state.type], state.id, state.updated, rows.patient,
    ]  # fmt: skip
