"""Exchanging the key by which identifiers and telephones are found, while everybody works (`benhan keys rotate`).

In steps, each begun when every process has heard of the one before: all look for the new key too; all write with it,
and what may exist once by both; every record is indexed again, its claims and the telephones of relatives are kept by
it; nobody looks for the old one any more; its claims go. Killed, it is run again and goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.store import reindex
from benhan.core.store.bodies import DAMAGED, body_of, told
from benhan.core.store.records import NAMES, NUMBERS
from benhan.core.store.rows import PEOPLE, claims
from benhan.core.vault import Keys, Master, keys_of, ring_of, rotating
from benhan.core.vault.refreshing import REFRESH_SECONDS

#: Rows of one transaction.
BATCH: Final = 200
_PEOPLE: Final = f"""
select r.key, r.facility, r.type, r.id, {body_of("r")} from resource r
where r.facility = $1 and r.type = any($2::smallint[]) and r.key > $3 and r.body is not null
order by r.key limit $4 for update
"""
_CLAIM: Final = """
insert into once (facility, what, rid) select $1, * from unnest($2::text[], $3::bigint[]) on conflict do nothing
"""
_FORMER: Final = """
delete from once where facility = $1 and rid = any($2) and what ~ $3 and what <> all($4::text[])
"""
_KEYED: Final = f"^({'|'.join(sorted(PEOPLE))}) [^|]*\\|#[0-9a-f]{{16}}$"
_RELATIONS: Final = f"""
select l.id as relation, l.phone_hash, r.facility, r.type, r.id, {body_of("r")} from relation l
left join resource r on (r.facility, r.type, r.id) = (l.facility, $2, l.id)
where l.facility = $1 and l.ended is null and l.id > $3 order by l.id limit $4 for update of l
"""


async def all_heard() -> None:
    """Wait until every process has read the keys again."""
    await asyncio.sleep(2 * REFRESH_SECONDS)


async def exchange(
    database: Database, master: Master, facilities: Sequence[int], heard: Callable[[], Awaitable[None]] = all_heard
) -> list[str]:
    """A new index key for these facilities; gives what could not be kept by it (`Type/id`), as it does not open.

    Raises:
        NotEncryptedYet: there are records from before the first key.
    """
    for one in facilities:
        await rotating.add_index(database, master, one)
    await heard()
    for one in facilities:
        await rotating.note_index(database, one, "writes")
    await heard()
    await ring_of(database).refresh()
    left = [name for one in facilities for name in await _indexed(database, one)]
    for one in facilities:
        await rotating.note_index(database, one, "complete")
    await heard()
    await ring_of(database).refresh()
    for one in facilities:
        await _each_person(database, one, _former_gone)
    return left


async def _indexed(database: Database, facility: int) -> list[str]:
    async with database.transaction(facility) as tx:
        job = await reindex.again(tx, facility)
    while not await _ended(database, facility, job):
        if not await reindex.step(database):
            await asyncio.sleep(reindex.IDLE_SECONDS)  # others have the last parts in hand
    left = await _each_person(database, facility, _claimed)
    return left + await _relations(database, facility)


async def _ended(database: Database, facility: int, job: int) -> bool:
    async with database.transaction(facility) as tx:
        return bool(await tx.fetchval("select ended is not null from reindex where job = $1", job))


async def _each_person(
    database: Database, facility: int, do: Callable[[Transaction, Keys, list[Any]], Awaitable[None]]
) -> list[str]:
    """Walk over the records of people, locked batch by batch; gives those that do not open."""
    left, after = [], 0
    numbers = [NUMBERS[name] for name in sorted(PEOPLE)]
    while True:
        try:
            async with database.transaction(facility) as tx:
                rows = told(tx, await tx.fetch(_PEOPLE, facility, numbers, after, BATCH))
                await do(tx, await keys_of(tx, facility), [row for row in rows if row["body"] != DAMAGED])
        except asyncpg.DeadlockDetectedError:
            await asyncio.sleep(0)  # somebody wrote several of these in another order: she goes first
            continue
        left += [f"{NAMES[row['type']]}/{row['id']}" for row in rows if row["body"] == DAMAGED]
        if len(rows) < BATCH:
            return left
        after = rows[-1]["key"]


async def _claimed(tx: Transaction, keys: Keys, rows: list[Any]) -> None:
    """What they say that may exist once, by the new key."""
    said = [(what, row["key"]) for row in rows for what in claims(_record(row), keys.index)]
    await tx.execute(_CLAIM, keys.facility, [what for what, _key in said], [key for _what, key in said])


async def _former_gone(tx: Transaction, keys: Keys, rows: list[Any]) -> None:
    said = [what for row in rows for what in claims(_record(row), keys.index)]
    await tx.execute(_FORMER, keys.facility, [row["key"] for row in rows], _KEYED, said)


def _record(row: Any) -> r4.Resource:
    return codec.kept(row["body"], codec.resource_type(NAMES[row["type"]]))


async def _relations(database: Database, facility: int) -> list[str]:
    """The telephones of who acts for a patient: they stand in the RelatedPerson of the same id."""
    left, after = [], ""
    while True:
        async with database.transaction(facility) as tx:
            rows = await tx.fetch(_RELATIONS, facility, NUMBERS["RelatedPerson"], after, BATCH)
            keys = await keys_of(tx, facility)
            for row in rows:
                if not await _kept_by(tx, keys, row):
                    left.append(f"RelatedPerson/{row['relation']}")
        if len(rows) < BATCH:
            return left
        after = rows[-1]["relation"]


async def _kept_by(tx: Transaction, keys: Keys, row: Any) -> bool:
    """Whether the telephone of a relation is kept by the new key now: one of its record by which it was kept before."""
    if row["body"] is None:
        return False
    [row] = told(tx, [row])
    if row["body"] == DAMAGED:
        return False
    said = [one.value for one in codec.kept(row["body"], r4.RelatedPerson).telecom or () if one.value]
    phone = next((one for one in said if row["phone_hash"] in keys.digests(f"phone:{one}")), None)
    if phone is None:
        return False
    await tx.execute(
        "update relation set phone_hash = $2 where id = $1", row["relation"], keys.digest(f"phone:{phone}")
    )
    return True
