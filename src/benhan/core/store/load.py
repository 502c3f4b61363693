"""Many new records at once: the one engine of import, `benhan load` and the simulator.

`batch_of` is the work of a processor (validation, index rows, bytes) and may be done in another process; `put_batch`
is one statement. Same permission, validation, index, uniqueness, history, feed and audit as every write.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid, Problem
from benhan.core.fhir.validation import check
from benhan.core.language import _
from benhan.core.store import conformance, parameters, terms_index
from benhan.core.store.bodies import hidden, is_hidden
from benhan.core.store.columns import PUT_ALL, index_texts
from benhan.core.store.records import NAMES, NUMBERS, new_id, now, permit, stamped
from benhan.core.store.rows import INDEX_VERSION, Rows, rows_of
from benhan.core.store.write import TAKEN, AlreadyExists
from benhan.core.vault import keys_of

#: Types that have an index of their own beside the rows of every record.
_FURTHER = frozenset({NUMBERS["CodeSystem"], NUMBERS["SearchParameter"]})
#: What the bytes of a record hold that claims a profile, or must be understood by whoever reads it.
_CLAIMS = (b'"profile":[', b'"modifierExtension":[')


class Batch(msgspec.Struct):
    """Records ready to be written: columns for `put_all`. `faults` are (place in what was given, what is wrong)."""

    moment: datetime
    types: list[int]
    ids: list[str]
    patients: list[str | None]
    bodies: list[bytes]
    index: tuple[str, ...]
    #: Where each stood in what was given.
    places: list[int]
    faults: list[tuple[int, Problem]]
    #: Which bodies are encrypted before they are written.
    hidden: list[bool] = []
    #: Of the search parameters it was indexed by (`store/parameters.py`); 1: R4's and ours only.
    generation: int = 1


def batch_of(
    resources: Sequence[r4.Resource], moment: datetime, facility: int | None = None, key: bytes = b"",
    others: tuple[bytes, ...] = (),
) -> Batch:  # fmt: skip
    """Validate, index and encode new records; ids must be set and different. Pure: no database, no policy.

    Without the facility its own search parameters are not indexed; the rows are then marked and indexed again later.
    `key` and `others`: as `rows_of`.
    """
    batch = Batch(moment, [], [], [], [], (), [], [], [])
    if facility is not None:
        batch.generation = parameters.generation()
    rows: list[Rows] = []
    for place, resource in enumerate(resources):
        assert resource.id
        one = stamped(resource, resource.id, 1, moment)
        try:
            check(one)
            own = () if facility is None else parameters.further(facility, codec.type_name(one))
            found = rows_of(one, own, key, others)
        except Problem as problem:
            batch.faults.append((place, problem))
            continue
        rows.append(found)
        batch.types.append(NUMBERS[codec.type_name(one)])
        batch.ids.append(resource.id)
        batch.patients.append(found.patient)
        batch.bodies.append(codec.encode(one))
        batch.hidden.append(is_hidden(codec.type_name(one), found))
        batch.places.append(place)
    batch.index = index_texts(rows)
    return batch


async def put_batch(tx: Transaction, who: Subject, batch: Batch) -> list[int | None]:
    """Write a batch; gives the key of each record, None where its id was there already (it is left as it is).

    Raises:
        Forbidden, Invalid, AlreadyExists: nothing of the batch is kept.
    """
    if not batch.ids:
        return []
    for number in set(batch.types):
        permit(who, Interaction.CREATE, NAMES[number])
    await _conform(tx, who, batch)
    stored = await _stored(tx, who, batch)
    try:
        tx.wrote = True
        keys: list[int | None] = await tx.fetchval(
            f"select {PUT_ALL}", who.facility, batch.types, batch.ids, [batch.moment] * len(batch.ids), batch.patients,
            stored, [who.account] * len(batch.ids), *batch.index, INDEX_VERSION, batch.generation,
        )  # fmt: skip
    except asyncpg.PostgresError as error:
        if error.sqlstate == TAKEN:
            raise AlreadyExists(str(error)) from None
        raise
    for key, number, body in zip(keys, batch.types, batch.bodies, strict=True):
        if key is not None and number in _FURTHER:
            one = codec.kept(body, codec.resource_type(NAMES[number]))
            await terms_index.written(tx, who, one, key, 1)
            await parameters.written(tx, who, one)
    for number in set(batch.types):
        conformance.forget(who, NAMES[number])
    return keys


async def _stored(tx: Transaction, who: Subject, batch: Batch) -> list[bytes]:
    """The bodies as they are written."""
    keys = await keys_of(tx, who.facility)
    columns = zip(batch.types, batch.ids, batch.bodies, batch.hidden, strict=True)
    return [hidden(keys, number, id_, 1, body) if secret else body for number, id_, body, secret in columns]


async def _conform(tx: Transaction, who: Subject, batch: Batch) -> None:
    """Profiles that records claim or their facility demands; most records have none, and are not read again for it.

    Raises:
        Invalid: a record breaks one.
    """
    demanded = (await conformance.rules_of(tx, who)).demanded
    for number, body in zip(batch.types, batch.bodies, strict=True):
        if NAMES[number] in demanded or any(claim in body for claim in _CLAIMS):
            one = codec.kept(body, codec.resource_type(NAMES[number]))
            await conformance.held(tx, who, one, body)


async def load(tx: Transaction, who: Subject, resources: Sequence[r4.Resource]) -> int:
    """Keep many new records in one statement; gives how many were new.

    A record whose id is there already is left as it is (so a load can be run twice), and not looked at.

    Raises:
        Forbidden, Invalid, AlreadyExists: nothing of this call is kept.
    """
    given: dict[tuple[str, str], r4.Resource] = {}
    for resource in resources:
        name, id_ = codec.type_name(resource), resource.id or new_id()
        permit(who, Interaction.CREATE, name)
        if (name, id_) in given:
            raise Invalid(
                _("%(name)s/%(id)s có hai lần trong cùng một lần nạp.", name=name, id=id_), where=f"{name}.id"
            )
        given[name, id_] = resource if resource.id else msgspec.structs.replace(resource, id=id_)
    own = await keys_of(tx, who.facility)
    there = await _there(tx, who, list(given))
    new_ones = [resource for key, resource in given.items() if key not in there]
    batch = batch_of(new_ones, now(), who.facility, own.index, own.others)
    if batch.faults:
        raise batch.faults[0][1]
    keys = await put_batch(tx, who, batch)
    new = len(keys) - keys.count(None)
    loaded(tx, who, f"{new} records")
    return new


async def _there(tx: Transaction, who: Subject, asked: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these (type, id) the facility has: a demo that starts again brings the same four thousand records."""
    found = await tx.fetch(
        "select type, id from resource where facility = $1"
        " and (type, id) in (select * from unnest($2::smallint[], $3::text[]))",
        who.facility, [NUMBERS[name] for name, _id in asked], [id_ for _name, id_ in asked],
    )  # fmt: skip
    return {(NAMES[row["type"]], row["id"]) for row in found}


def loaded(tx: Transaction, who: Subject, what: str) -> None:
    """Leave the trace of a load."""
    record(tx, who, Event("load", rule=f"role {'+'.join(sorted(who.roles))}", detail=what))
