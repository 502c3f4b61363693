"""Several records at once: the entries of a transaction, and new records that many programs send at the same moment.

New records go to PostgreSQL in one call (`put_all`, migration 0013): row, history, index, uniqueness, change feed. A
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
from benhan.core.store.bodies import hidden, is_hidden
from benhan.core.store.columns import NEXT, PUT_ALL, index_texts
from benhan.core.store.records import NUMBERS, new_id, now, permit, stamped
from benhan.core.store.rows import INDEX_VERSION, Rows
from benhan.core.store.write import TAKEN, AlreadyExists, create, put
from benhan.core.vault import Keys, keys_of

#: Types that more than `put_all` is to be done for: their concepts, their plan, what they define and demand.
BY_THEMSELVES: Final = frozenset(
    {"CodeSystem", "Subscription", "SearchParameter", "StructureDefinition", "CapabilityStatement"}
)
#: Records in one call of `put_all`.
MOST: Final = 500
_PUT_ALL: Final = f"select {PUT_ALL}"
#: Verified, put and audited in one statement; a record that was not kept leaves no trace of having been.
_PUT_ALONE: Final = (
    f"with kept as materialized (select {PUT_ALL} as rids {entered(NEXT)}), noted as ("
    + inserting(NEXT + 2, "(select rids from kept)")
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
    address: str | None


async def write_all(tx: Transaction, who: Subject, writes: Sequence[Write]) -> list[Outcome]:
    """Keep all of them; gives each record as it is kept and whether it is new, or what is wrong with the first bad one.

    Raises:
        AlreadyExists: something that may exist once exists already.
    """
    kept: list[Outcome] = []
    await conformance.rules_of(tx, who)
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
    await conformance.rules_of(tx, who)
    if tx.entry is None or not tx.only_looks or not _is_plain(who, Write(resource, new=True)):
        return await create(tx, who, resource)
    made = _made(who, await keys_of(tx, who.facility), Write(resource, new=True), now())
    rid = await tx.alone("create", _Asked(made, who, tx.entry, tx.address), _put_alone)
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
    moment, made, keys = now(), [], await keys_of(tx, who.facility)
    for write in writes:
        try:
            made.append(_made(who, keys, write, moment))
        except Problem as problem:
            return [*((one.resource, True) for one in made), problem]
    tx.wrote = True
    for first in range(0, len(made), MOST):
        some = made[first : first + MOST]
        try:
            rids = await tx.fetchval(_PUT_ALL, who.facility, *_arguments(some))
        except asyncpg.PostgresError as error:
            raise _taken(error) from None
        for one, rid in zip(some, rids, strict=True):
            if rid is None:
                return [*kept, _in_use(one)]
            record(tx, who, one.event)
            kept.append((one.resource, True))
    return kept


def _made(who: Subject, keys: Keys, write: Write, moment: datetime) -> _Made:
    """Permission, stamp, rules, index: everything that is done before the database is asked."""
    name = codec.type_name(write.resource)
    decision = permit(who, Interaction.CREATE, name)
    resource = stamped(write.resource, write.resource.id or new_id(), 1, moment)
    check(resource)
    rows = parameters.rows(keys, resource)
    if decision.only_patient is not None and decision.only_patient != rows.patient:
        raise Forbidden(_("%(name)s này không thuộc hồ sơ của bạn.", name=name), where=name)
    if write.claims:
        rows.once = [*rows.once, *write.claims]
    event = Event("create", name, resource.id, rows.patient, True, decision.rule)
    assert resource.id
    body = codec.encode(resource)
    if is_hidden(name, rows):
        body = hidden(keys, NUMBERS[name], resource.id, 1, body)
    return _Made(resource, name, moment, rows, body, who.account, event)


async def _put_alone(database: Database, facility: int, asked: Sequence[_Asked]) -> Sequence[int | None]:
    """What arrived together, in one statement that is its own transaction."""
    callers = list({one.entry: None for one in asked})
    audit = [
        list(column) for column in zip(*(row_of(one.who, one.made.event, one.address) for one in asked), strict=True)
    ]
    try:
        rows = await database.ask(
            _PUT_ALONE, facility, *_arguments([one.made for one in asked]),
            [one.token for one in callers], [one.stamp for one in callers], *audit,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        raise _taken(error) from None
    rids: Sequence[int | None] = rows[0]["rids"]
    return rids


def _arguments(made: Sequence[_Made]) -> tuple[Any, ...]:
    """The arguments of `put_all` after the facility."""
    return (
        [NUMBERS[one.name] for one in made], [one.resource.id for one in made], [one.moment for one in made],
        [one.rows.patient for one in made], [one.body for one in made], [one.account for one in made],
        *index_texts([one.rows for one in made]), INDEX_VERSION, min(one.rows.generation for one in made),
    )  # fmt: skip


def _taken(error: asyncpg.PostgresError) -> Exception:
    return AlreadyExists(str(error)) if error.sqlstate == TAKEN else error


def _in_use(made: _Made) -> Conflict:
    return Conflict(
        _("%(name)s/%(id)s đã tồn tại.", name=made.name, id=made.resource.id),
        where=f"{made.name}.id", advice=_("Cập nhật bản ghi đã có."),
    )  # fmt: skip
