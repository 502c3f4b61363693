"""Encrypting what is there already: rows from before there were keys, and those under an older key, while all goes on.

An operator's work (`benhan keys encrypt`), as the owner of the tables: who serves requests cannot touch history. Batch
by batch, each in a transaction with the position behind it, so that a killed run is simply run again. Requests write
with the newest key meanwhile; passes are repeated until one finds nothing left, and identifiers are found by both
hashes until every record has the keyed one.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import asyncpg
import msgspec

from benhan.core.db import Database, Transaction
from benhan.core.fhir import codec, r4
from benhan.core.store import reindex
from benhan.core.store.bodies import DEFINITIONS, ENCRYPTED, DamagedRecord, body_of, hidden, opened_one
from benhan.core.store.guarding import version_labels
from benhan.core.store.records import NAMES, NUMBERS
from benhan.core.store.rows import INDEX_VERSION, PEOPLE, hidden_claim, says_who
from benhan.core.vault import Column, Keys, ring_of
from benhan.core.vault.envelope import MARK, key_of
from benhan.core.vault.keyring import INDEX, TEXT_MARK
from benhan.core.vault.refreshing import REFRESH_SECONDS

#: Rows of one transaction: those who wait for one of them wait for some hundredths of a second.
BATCH: Final = 200
PARTS: Final = ("resource", "history")
_START: Final = """
insert into encryption (facility, key, part) values ($1, $2, $3) on conflict (facility) do update
set key = $2, part = $3, after = '', seen = 0, changed = 0, began = now(), ended = null
where encryption.key <> $2 or encryption.ended is not null
"""
_ROWS: Final = """
select r.type, r.id, r.version, r.body as stored, {body} from {table} r
where r.facility = $1 and (r.type, r.id, r.version) > ($2::smallint, $3, $4::int) and r.body is not null
    and (r.type = any($5::smallint[]) or substr(r.body, 1, 1) = '\\x01'::bytea
        or position('"security":'::bytea in r.body) > 0 or position('"contained":'::bytea in r.body) > 0)
order by r.type, r.id, r.version limit {batch} for update
"""
_WRITE: Final = """
update {table} r set body = u.body
from unnest($2::smallint[], $3::text[], $4::int[], $5::bytea[]) u(type, id, version, body)
where r.facility = $1 and (r.type, r.id, r.version) = (u.type, u.id, u.version)
"""
_PLAIN: Final = "what ~ $2 and facility = $1"
_PLAIN_CLAIM: Final = f"^({'|'.join(sorted(PEOPLE))}) [^|]*\\|(?!#[0-9a-f]{{16}}$)"
_PLAN: Final = Column("subscription", "plan")
#: Columns of text that are encrypted: table, column, and what of the row they are bound to.
_TEXTS: Final = (
    ("account", "totp_secret", "id"), ("signing_key", "private_key", "id"),
    ("broken_glass", "shown", "patient"), ("broken_glass", "words", "id"),
    ("phone_step", "phone", "encode(token_hash, 'hex')"), ("bulk_job", "request", "id"), ("bulk_job", "asked", "id"),
    ("oa_connection", "access", "facility::text"), ("oa_connection", "refresh", "facility::text"),
    ("oa_event", "body", "id"), ("oa_line", "text", "id"), ("payee", "key", "facility::text"),
    ("payee", "secret", "facility::text"),
)  # fmt: skip


class Progress(msgspec.Struct):
    """How far it has come: which part, rows looked at, rows encrypted, and what could not be opened."""

    part: str
    seen: int = 0
    changed: int = 0
    damaged: list[str] = []


async def encrypt(database: Database, facility: int, told: Callable[[Progress], None]) -> Progress:
    """Encrypt everything of a facility with its newest key; ends when nothing is left to do.

    Raises:
        MasterError: the master key is not here.
    """
    keys = await ring_of(database).of(facility)
    if keys.data is None:
        raise ValueError("no master key: nothing can be encrypted")
    all_of_it = Progress("")
    while True:
        changed = 0
        async for turn in _one_pass(database, keys):
            told(turn)
            changed += turn.changed
            all_of_it.seen += turn.seen
            all_of_it.changed += turn.changed
            all_of_it.damaged += [one for one in turn.damaged if one not in all_of_it.damaged]
        if not changed:
            break
    await _complete(database, keys)
    return all_of_it


async def _one_pass(database: Database, keys: Keys) -> AsyncIterator[Progress]:
    """One walk over all there is, from where the last one was left."""
    async with database.transaction(keys.facility) as tx:
        await tx.execute(_START, keys.facility, keys.id, PARTS[0])
        changed = await _small_tables(tx, keys)
    yield Progress("secrets", changed, changed)
    while (turn := await _batch(database, keys)) is not None:
        yield turn


async def _batch(database: Database, keys: Keys) -> Progress | None:
    """The next rows; None at the end."""
    while True:
        try:
            async with database.transaction(keys.facility) as tx:
                return await _rows(tx, keys)
        except asyncpg.DeadlockDetectedError:
            await asyncio.sleep(0)  # somebody wrote several of these in another order: she goes first


async def _rows(tx: Transaction, keys: Keys) -> Progress | None:
    at = await tx.fetchrow("select part, after, ended from encryption where facility = $1 for update", keys.facility)
    if at is None or at["ended"] is not None:
        return None
    type_, id_, version = at["after"].split("/") if at["after"] else ("0", "", "0")
    sql = _ROWS.format(table=at["part"], body=body_of("r"), batch=BATCH)
    rows = await tx.fetch(
        sql, keys.facility, int(type_), id_, int(version), [NUMBERS[name] for name in sorted(ENCRYPTED)]
    )
    turn = Progress(at["part"], len(rows))
    found = [(row, new) for row in rows if (new := _again(tx, keys, row, turn)) is not None]
    if found:
        columns = [[row[name] for row, _new in found] for name in ("type", "id", "version")]
        await tx.execute(_WRITE.format(table=at["part"]), keys.facility, *columns, [new for _row, new in found])
    turn.changed = len(found)
    await _noted(tx, keys, turn, rows[-1] if len(rows) == BATCH else None)
    return turn


def _again(tx: Transaction, keys: Keys, row: Any, turn: Progress) -> bytes | None:
    """The body of a row under the newest key; None where it is to stay as it is."""
    stored, name = row["stored"], NAMES[row["type"]]
    if stored.startswith(MARK) and key_of(stored) == keys.id:
        return None
    try:
        body = opened_one(tx, row)["body"]
    except DamagedRecord as damaged:
        turn.damaged.append(damaged.where or "")
        return None
    if not (stored.startswith(MARK) or name in ENCRYPTED or (name not in DEFINITIONS and _secret(body))):
        return None
    return hidden(keys, row["type"], row["id"], row["version"], body)


def _secret(body: bytes) -> bool:
    return bool(version_labels(body)) or says_who(codec.kept(body, r4.Resource))


async def _noted(tx: Transaction, keys: Keys, turn: Progress, last: Any) -> None:
    """The position behind the last row; the next part behind the last one of all."""
    part, after, ended = turn.part, "", False
    if last is not None:
        after = f"{last['type']}/{last['id']}/{last['version']}"
    elif (following := PARTS.index(part) + 1) < len(PARTS):
        part = PARTS[following]
    else:
        ended = True
    await tx.execute(
        "update encryption set part = $2, after = $3, seen = seen + $4, changed = changed + $5,"
        " ended = case when $6 then now() end where facility = $1",
        keys.facility, part, after, turn.seen, turn.changed, ended,
    )  # fmt: skip


async def _small_tables(tx: Transaction, keys: Keys) -> int:
    """Whatever is encrypted beside the records: few rows, done at once."""
    changed = 0
    for table, column, bound in _TEXTS:
        secret = Column(table, column)
        rows = await tx.fetch(
            f"select ctid, {bound} as row, {column} as kept from {table} where facility = $1 for update", keys.facility
        )
        for row in rows:
            if row["kept"] is None or _is_new(keys, row["kept"]):
                continue
            plain = secret.show(tx, keys.facility, row["row"], row["kept"])
            new = await secret.hide(tx, keys.facility, row["row"], plain)
            await tx.execute(f"update {table} set {column} = $2 where ctid = $1", row["ctid"], new)
            changed += 1
    for row in await tx.fetch("select id, plan from subscription where facility = $1 for update", keys.facility):
        if not (row["plan"].startswith(MARK) and key_of(row["plan"]) == keys.id):
            plan = _PLAN.show_bytes(tx, keys.facility, row["id"], row["plan"])
            kept = await _PLAN.hide_bytes(tx, keys.facility, row["id"], plan)
            await tx.execute(
                "update subscription set plan = $3 where facility = $1 and id = $2", keys.facility, row["id"], kept
            )
            changed += 1
    return changed


def _is_new(keys: Keys, text: str) -> bool:
    return text.startswith(TEXT_MARK) and key_of(_unpacked(text)) == keys.id


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(TEXT_MARK))


async def _complete(database: Database, keys: Keys) -> None:
    """Every record has the keyed hash: the plain ones go, and are looked for no more."""
    while await reindex.step(database):
        pass
    async with database.transaction(keys.facility) as tx:
        for row in await tx.fetch(f"select what, rid from once where {_PLAIN}", keys.facility, _PLAIN_CLAIM):
            await tx.execute(
                "insert into once (facility, what, rid) values ($1, $2, $3) on conflict do nothing",
                keys.facility, hidden_claim(row["what"], keys.index), row["rid"],
            )  # fmt: skip
        behind = await tx.fetchval(
            "select exists(select from resource where facility = $1 and indexed < $2)", keys.facility, INDEX_VERSION
        )
        if behind:
            return
        now = await tx.fetchval(
            "update data_key set complete = true where facility = $1 and purpose = $2 and number = 1 and not complete"
            " returning true",
            keys.facility, INDEX,
        )  # fmt: skip
    if now:  # until every process has heard of it, some still write both
        await asyncio.sleep(2 * REFRESH_SECONDS)
    async with database.transaction(keys.facility) as tx:
        await tx.execute(f"delete from once where {_PLAIN}", keys.facility, _PLAIN_CLAIM)
