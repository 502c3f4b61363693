"""Several records at once: the entries of a transaction, and new records that many programs send at the same moment.

New records go to PostgreSQL in one call (`put_many`, migration 0009): row, history, index, uniqueness, change feed. A
new record that is all its request writes is put together with those of other requests, each with its own audit event,
its own caller verified, and its own outcome: if one of them cannot be kept, each is tried alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.access.audit import Event, inserting, record, row_of
from benhan.core.db import Database, Entry, Transaction, entered
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Conflict, Forbidden, Problem
from benhan.core.fhir.validation import check
from benhan.core.language import _
from benhan.core.store import conformance, parameters
from benhan.core.store.records import NUMBERS, new_id, now, permit, stamped
from benhan.core.store.rows import INDEX_VERSION, Rows
from benhan.core.store.write import TAKEN, AlreadyExists, create, put

#: Types that more than `put_many` is to be done for: their concepts, their plan, what they define and demand.
BY_THEMSELVES: Final = frozenset(
    {"CodeSystem", "Subscription", "SearchParameter", "StructureDefinition", "CapabilityStatement"}
)
#: Records in one call of `put_many`.
MOST: Final = 500
_TYPES: Final = (
    "smallint[]", "text[]", "timestamptz[]", "text[]", "bytea[]", "text[]",
    "int[]", "smallint[]", "bigint[]", "int[]", "smallint[]", "text[]", "text[]",
    "int[]", "smallint[]", "timestamptz[]", "timestamptz[]",
    "int[]", "smallint[]", "bigint[]", "float8[]", "float8[]", "int[]", "text[]", "smallint", "int",
)  # fmt: skip
_CALL: Final = f"put_many($1::int, {', '.join(f'${n}::{kind}' for n, kind in enumerate(_TYPES, 2))})"
_PUT_MANY: Final = f"select {_CALL}"
_NEXT: Final = len(_TYPES) + 2
#: Verified, put and audited in one statement; a record that was not kept leaves no trace of having been.
_PUT_ALONE: Final = (
    f"with kept as materialized (select {_CALL} as rids {entered(_NEXT)}), noted as ("
    + inserting(_NEXT + 2, "(select rids from kept)")
    + ") select rids from kept"
)


#: A record as it is kept and whether it is new, or what is wrong with it.
Outcome = tuple[r4.Resource, bool] | Problem


class Write(msgspec.Struct):
    """One record to keep: new, or replacing what is there (of the version `if_match`, where that is said)."""

    resource: r4.Resource
    new: bool = False
    if_match: str | None = None
    claims: list[str] = []


class _Made(msgspec.Struct):
    """A new record, checked and indexed, that only needs to be put."""

    resource: r4.Resource
    name: str
    moment: datetime
    rows: Rows
    body: bytes
    account: str
    event: Event


class _Asked(msgspec.Struct):
    """The one new record of a request, and who asks."""

    made: _Made
    who: Subject
    entry: Entry


async def write_all(tx: Transaction, who: Subject, writes: Sequence[Write]) -> list[Outcome]:
    """Keep all of them; gives each record as it is kept and whether it is new, or what is wrong with the first bad one.

    Raises:
        AlreadyExists: something that may exist once exists already.
    """
    kept: list[Outcome] = []
    for plain, alike in groupby(writes, key=lambda write: _is_plain(who, write)):
        some = list(alike)
        kept += await (_create_all(tx, who, some) if plain else _each(tx, who, some))
        if kept and isinstance(kept[-1], Problem):
            break
    return kept


async def create_alone(tx: Transaction, who: Subject, resource: r4.R) -> r4.R:
    """Keep a new record that is all this request writes: it is committed when this returns, and nothing may follow.

    Raises:
        Forbidden, Invalid, AlreadyExists, Conflict: as `create`.
    """
    if tx.entry is None or not tx.only_looks or not _is_plain(who, Write(resource, new=True)):
        return await create(tx, who, resource)
    made = _made(who, Write(resource, new=True), now())
    rid = await tx.alone("create", _Asked(made, who, tx.entry), _put_alone)
    if rid is None:
        raise _in_use(made)
    assert isinstance(made.resource, type(resource))
    return made.resource


def _is_plain(who: Subject, write: Write) -> bool:
    by_itself = codec.type_name(write.resource) in BY_THEMSELVES
    return write.new and not by_itself and conformance.at_ease(who, write.resource)


async def _each(tx: Transaction, who: Subject, writes: Sequence[Write]) -> list[Outcome]:
    kept: list[Outcome] = []
    for write in writes:
        try:
            if write.new:
                kept.append((await create(tx, who, write.resource, claims=write.claims), True))
            else:
                kept.append(await put(tx, who, write.resource, if_match=write.if_match))
        except AlreadyExists:
            raise
        except Problem as problem:
            return [*kept, problem]
    return kept


async def _create_all(tx: Transaction, who: Subject, writes: Sequence[Write]) -> list[Outcome]:
    kept: list[Outcome] = []
    moment, made = now(), []
    for write in writes:
        try:
            made.append(_made(who, write, moment))
        except Problem as problem:
            return [*((one.resource, True) for one in made), problem]
    tx.wrote = True
    for first in range(0, len(made), MOST):
        some = made[first : first + MOST]
        try:
            rids = await tx.fetchval(_PUT_MANY, who.facility, *_columns(some))
        except asyncpg.PostgresError as error:
            raise _taken(error) from None
        for one, rid in zip(some, rids, strict=True):
            if rid is None:
                return [*kept, _in_use(one)]
            record(tx, who, one.event)
            kept.append((one.resource, True))
    return kept


def _made(who: Subject, write: Write, moment: datetime) -> _Made:
    """Permission, stamp, rules, index: everything that is done before the database is asked."""
    name = codec.type_name(write.resource)
    decision = permit(who, Interaction.CREATE, name)
    resource = stamped(write.resource, write.resource.id or new_id(), 1, moment)
    check(resource)
    rows = parameters.rows(who.facility, resource)
    if decision.only_patient is not None and decision.only_patient != rows.patient:
        raise Forbidden(_("%(name)s này không thuộc hồ sơ của bạn.", name=name), where=name)
    if write.claims:
        rows.once = [*rows.once, *write.claims]
    event = Event("create", name, resource.id, rows.patient, True, decision.rule)
    return _Made(resource, name, moment, rows, codec.encode(resource), who.account, event)


async def _put_alone(database: Database, facility: int, asked: Sequence[_Asked]) -> Sequence[int | None]:
    """What arrived together, in one statement that is its own transaction."""
    callers = list({one.entry: None for one in asked})
    audit = [list(column) for column in zip(*(row_of(one.who, one.made.event) for one in asked), strict=True)]
    try:
        rows = await database.ask(
            _PUT_ALONE, facility, *_columns([one.made for one in asked]),
            [one.token for one in callers], [one.stamp for one in callers], *audit,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise _taken(error) from None
    rids: Sequence[int | None] = rows[0]["rids"]
    return rids


def _columns(made: Sequence[_Made]) -> tuple[Any, ...]:
    """The arguments of `put_many` after the facility."""
    all_rows = [one.rows for one in made]
    return (
        [NUMBERS[one.name] for one in made], [one.resource.id for one in made], [one.moment for one in made],
        [one.rows.patient for one in made], [one.body for one in made], [one.account for one in made],
        *_table([rows.tokens for rows in all_rows], 2), *_table([rows.words for rows in all_rows], 3),
        *_table([rows.spans for rows in all_rows], 3), *_table([rows.quantities for rows in all_rows], 4),
        *_table([[(what,) for what in rows.once] for rows in all_rows], 1), INDEX_VERSION,
        min((rows.generation for rows in all_rows), default=1),
    )  # fmt: skip


def _table(rows: Sequence[Sequence[tuple[Any, ...]]], width: int) -> list[list[Any]]:
    """Rows of one index table as columns, the first says whose they are."""
    flat = [(n, *row) for n, some in enumerate(rows, 1) for row in some]
    return [list(column) for column in zip(*flat, strict=True)] if flat else [[] for _ in range(width + 1)]


def _taken(error: asyncpg.PostgresError) -> Exception:
    return AlreadyExists(str(error)) if error.sqlstate == TAKEN else error


def _in_use(made: _Made) -> Conflict:
    return Conflict(
        _("%(name)s/%(id)s đã tồn tại.", name=made.name, id=made.resource.id),
        where=f"{made.name}.id", advice=_("Cập nhật bản ghi đã có."),
    )  # fmt: skip
