"""What an operator does with keys, as the owner of the tables: a new data key, another master key, how things stand."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final, Literal

import msgspec

from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.vault.envelope import KEY_ID
from benhan.core.vault.keyring import DATA, INDEX, place_of_key, ring_of
from benhan.core.vault.master import BYTES, Master

_STANDING: Final = """
select f.code, f.name, count(*) filter (where k.purpose = 'data') as keys,
    max(k.made) filter (where k.purpose = 'data') as newest, string_agg(distinct k.master, ', ') as master,
    bool_and(k.complete) filter (where k.purpose = 'index') as findable,
    e.part, coalesce(e.changed, 0) as changed, e.ended,
    coalesce(e.key = (array_agg(k.id order by k.number desc) filter (where k.purpose = 'data'))[1], false) as current
from data_key k join facility f on f.key = k.facility left join encryption e on e.facility = f.key
group by f.key, f.code, f.name, e.part, e.changed, e.ended, e.key order by f.code
"""


class NotEncryptedYet(ValueError):  # noqa: N818 - what the records are
    """There are records that are found by plain hashes."""


class Standing(msgspec.Struct, frozen=True):
    """The keys of a facility, and how far its rows are encrypted with the newest."""

    facility: str
    name: str
    keys: int
    newest: datetime | None
    master: str
    findable: bool
    part: str | None
    changed: int
    ended: datetime | None
    current: bool


async def rotate(database: Database, master: Master, facility: int) -> None:
    """A new data key: whoever writes from now on uses it, as soon as her process has heard of it."""
    await ring_of(database).of(facility)
    async with database.transaction(facility) as tx:
        await _add(tx, master, facility, DATA, writes=True)
    await ring_of(database).refresh()


async def add_index(database: Database, master: Master, facility: int) -> None:
    """A new index key that nobody writes with yet; none where one is being exchanged already.

    Raises:
        NotEncryptedYet: there are records from before the first one.
    """
    await ring_of(database).of(facility)
    async with database.transaction(facility) as tx:
        rows = await tx.fetch(
            "select complete from data_key where facility = $1 and purpose = $2 order by number for update",
            facility, INDEX,
        )  # fmt: skip
        if not any(row["complete"] for row in rows):
            raise NotEncryptedYet("what was there before there were keys is not encrypted yet: benhan keys encrypt")
        if rows[-1]["complete"]:
            await _add(tx, master, facility, INDEX, writes=False)


async def note_index(database: Database, facility: int, what: Literal["writes", "complete"]) -> None:
    """The newest index key is the one that is written with; every record is found by it."""
    async with database.transaction(facility) as tx:
        await tx.execute(
            f"update data_key set {what} = true where facility = $1 and purpose = $2 and number ="
            " (select max(number) from data_key where facility = $1 and purpose = $2)",
            facility, INDEX,
        )  # fmt: skip


async def _add(tx: Transaction, master: Master, facility: int, purpose: str, *, writes: bool) -> None:
    id_ = secrets.token_bytes(KEY_ID)
    wrapped = master.wrap(secrets.token_bytes(BYTES), place_of_key(id_, facility))
    await tx.execute(
        "insert into data_key (id, facility, purpose, number, wrapped, master, writes)"
        " select $1, $2, $3, max(number) + 1, $4, $5, $6 from data_key where facility = $2 and purpose = $3",
        id_, facility, purpose, wrapped, master.id, writes,
    )  # fmt: skip


async def wrap(database: Database, old: Master, new: Master) -> int:
    """Wrap every key with another master key; gives how many. The records are not touched.

    Raises:
        Damaged: a key does not open under the old one; nothing was changed.
    """
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select id, facility, wrapped from data_key where master = $1 for update", old.id)
        for row in rows:
            place = place_of_key(row["id"], row["facility"])
            wrapped = new.wrap(old.unwrap(row["wrapped"], place), place)
            await tx.execute("update data_key set wrapped = $2, master = $3 where id = $1", row["id"], wrapped, new.id)
        return len(rows)


async def standing(database: Database) -> list[Standing]:
    """Every facility that has keys."""
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(_STANDING)
        return [Standing(*row.values()) for row in rows]
