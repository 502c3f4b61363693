"""The hospitals that are measured: one of 10,000 patients by the simulator, and the same ten times over.

The simulator writes a year of visits through the store at some hundred visits a second; 100,000 patients would take an
hour on two busy cores. So the larger hospital is the smaller one with nine more sets of people, copied inside
PostgreSQL under ids of their own: records and index rows, no history and no change feed; encrypted bodies (people,
labelled records) by this program under their new places and under earlier keys, as who came before. This morning is not
copied: both hospitals have the same people waiting. Whom a run leaves waiting goes home before the next one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec

from benhan.core import store
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4
from benhan.core.fhir.search import PARAMETERS
from benhan.core.kit.clock import today
from benhan.core.store.bodies import body_of, hidden, opened_one
from benhan.core.store.records import NAMES
from benhan.core.store.rows import CONSENTED, MARK, hash64
from benhan.core.vault import Keys, master_of, ring_of, use
from benhan.core.vault.master import make_master
from benhan.simulator import House, build_house, build_province, fill
from benhan.simulator.fill import SEED, VISITS_A_PERSON

SMALL, LARGE = 10_000, 100_000
#: Ids of people and visits begin so; a copy has another number there.
MARKS = (f"bn{SEED}-", f"lk{SEED}-")
_RELOAD = "select pg_reload_conf()"
VACUUM = "vacuum (analyze) resource, token, word, span, quantity, history, feed, once"
#: What is asked most comes last and stays; the rows of `word` stand in its index, too.
_WARM = """
select pg_prewarm(c.oid, 'read') from pg_class c left join pg_index i on i.indexrelid = c.oid
join pg_class t on t.oid = coalesce(i.indrelid, c.oid) cross join
unnest(array['token', 'span', 'quantity', 'word', 'resource']) with ordinality of(name, n)
where of.name = t.relname and c.relkind in ('r', 'i') and c.relname <> 'word'
and t.relnamespace = 'public'::regnamespace order by c.relkind = 'i', of.n
"""

#: The keys of the simulated hospital begin here: whoever is copied has been there before, under keys below.
FIRST_KEY = 10_000_000
#: What a run leaves: the type, when it began, in which states, and what becomes of it.
_LEFT: tuple[tuple[type[Any], str, str, str], ...] = (
    (r4.Task, "authored-on", "requested,ready,in-progress,on-hold", "cancelled"),
    (r4.ServiceRequest, "authored", "active,on-hold", "revoked"),
    (r4.Encounter, "date", "planned,arrived,triaged,in-progress,onleave", "cancelled"),
)

Say = Callable[[str], None]


class World(msgspec.Struct):
    """A hospital that stands, with its PostgreSQL running."""

    patients: int
    postgres: EmbeddedPostgres
    house: House

    @property
    def master_key(self) -> str:
        """Where the master key of its people is, as BENHAN_MASTER_KEY names it."""
        return master_key(self.postgres.folder)

    @property
    def dsn(self) -> str:
        """The role that serves requests."""
        return self.postgres.dsn("benhan_app")

    def somebody(self, chance: Random) -> str:
        """The id of one of its patients."""
        copy = chance.randrange(max(1, self.patients // SMALL))
        return f"bn{SEED + 1000 * copy}-{chance.randrange(min(self.patients, SMALL)):06d}"

    def warm(self) -> None:
        """Read records and index into the machine's memory, as far as they fit: as after a day at work."""
        asyncio.run(_as_owner(self.postgres, "create extension if not exists pg_prewarm", _WARM))

    async def go_home(self) -> int:
        """Send home whom the runs before left: visits, tickets and orders of today; gives how many records changed.

        The people of the simulator's own morning stay.
        """
        database, changed = await Database.connect(self.dsn, size=1), 0
        for type_, when, states, over in _LEFT:
            asked = {when: f"ge{today().isoformat()}T00:00:00+07:00", "status": states, "_count": "500"}
            after: str | None = ""
            while after is not None:
                async with database.transaction(self.house.key) as tx:
                    page = await store.search(
                        tx, self.house.loader, type_, asked | ({"_after": after} if after else {})
                    )
                    for one in page.resources:
                        if not any(mark in (one.id or "") for mark in MARKS):
                            done = msgspec.structs.replace(one, status=over)
                            await store.update(tx, self.house.loader, done, if_match=None)
                            changed += 1
                after = page.next
        await database.close()
        return changed

    @contextmanager
    def steady(self, milliseconds: float) -> Iterator[None]:
        """Its log (WAL) in memory, and every commit waits so long: a disk that flushes steadily.

        0 leaves the log on its own disk. Afterwards it lies there again.
        """
        if not milliseconds:
            yield
            return
        log, memory = self.postgres.cluster / "pg_wal", Path(tempfile.mkdtemp(prefix="bench-wal-", dir="/dev/shm"))
        memory.chmod(0o711)
        self.stop()
        self._move(log, memory / "pg_wal")
        log.symlink_to(memory / "pg_wal")
        self.postgres.start()
        wait = f"alter system set commit_delay = {milliseconds * 1000:.0f}", "alter system set commit_siblings = 0"
        asyncio.run(_as_owner(self.postgres, *wait, _RELOAD))
        try:
            yield
        finally:
            forget = "alter system reset commit_delay", "alter system reset commit_siblings"
            asyncio.run(_as_owner(self.postgres, *forget))
            self.stop()
            log.unlink()
            self._move(memory / "pg_wal", log)
            memory.rmdir()

    def _move(self, folder: Path, to: Path) -> None:
        """Also to another disk."""
        shutil.copytree(folder, to)
        shutil.rmtree(folder)
        _same_owner(self.postgres.cluster, to)

    def stop(self) -> None:
        """Stop its PostgreSQL; the data stays."""
        self.postgres.stop()


def master_key(place: Path) -> str:
    """The master key that lies beside a hospital's data; made when it is not there yet."""
    make_master(place / "master.key")
    return f"file:{place / 'master.key'}"


async def world(folder: Path, patients: int, say: Say) -> World:
    """The hospital of this size in a folder; made when it is not there yet.

    Raises:
        ValueError: another size than SMALL (or fewer) and LARGE.
    """
    if patients > SMALL and patients != LARGE:
        raise ValueError(f"up to {SMALL} patients are simulated, {LARGE} copied; not {patients}")
    place = folder / str(patients)
    postgres = EmbeddedPostgres(place)
    if not (place / "done").exists():
        if patients == LARGE:
            await _copied(folder, place, say)
        else:
            await _simulated(place, patients, say)
        (place / "done").touch()
    use(master_of(master_key(place)))
    postgres.start()
    await migrate(postgres.dsn())
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    house = await build_house(database, postgres.dsn())
    await database.close()
    return World(patients, postgres, house)


async def _simulated(place: Path, patients: int, say: Say) -> None:
    use(master_of(master_key(place)))
    postgres = EmbeddedPostgres(place)
    postgres.start()
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    await _as_owner(postgres, f"select setval(pg_get_serial_sequence('resource', 'key'), {FIRST_KEY})")
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    house = await build_house(database, postgres.dsn())
    await build_province(database, postgres.dsn())

    def show(text: str, done: int, total: int) -> None:
        say(f"{patients}: {text} {done}/{total}")

    await fill(database, house, visits=int(patients * VISITS_A_PERSON), progress=show)
    await database.close()
    await _as_owner(postgres, VACUUM)
    postgres.stop()


async def _copied(folder: Path, place: Path, say: Say) -> None:
    small = await world(folder, SMALL, say)
    small.stop()
    shutil.copytree(small.postgres.folder, place, ignore=shutil.ignore_patterns("socket", "postmaster.pid", "done"))
    _same_owner(small.postgres.cluster, place / "pg18")
    postgres = EmbeddedPostgres(place, durable=False)
    postgres.start()
    connection = await asyncpg.connect(postgres.dsn(), statement_cache_size=0)
    await connection.execute("set work_mem = '1GB'; set maintenance_work_mem = '1GB'")
    await connection.execute(_RENAMED)
    await _name_copies(connection)
    await _hide_copies(connection, postgres.dsn("benhan_app"), small.house.key)
    indexes = await _without_indexes(connection)
    identifiers = _identifiers()
    for step in (*_COPY, *indexes, VACUUM):
        began = time.monotonic()
        await connection.execute(step.format(identifiers=identifiers))
        say(f"{LARGE}: {step.split(' (')[0][:60]} in {time.monotonic() - began:.0f} s")
    await connection.close()
    postgres.stop()


async def _name_copies(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Two tables for joining: each record's keys in the copies, and the tokens by which others refer to them."""
    await connection.execute("create temp table twin (old bigint, copy int, mark text, key bigint)")
    await connection.execute("create temp table target (old bigint, copy int, new bigint)")
    rows = await connection.fetch(_TO_COPY, *_patterns(today()))
    copies = range(1, LARGE // SMALL)
    first = FIRST_KEY - len(rows) * len(copies)
    await connection.copy_records_to_table(
        "twin",
        records=(
            (row["key"], copy, str(SEED + 1000 * copy), first + len(rows) * (copy - 1) + n)
            for copy in copies
            for n, row in enumerate(rows)
        ),
    )
    await connection.copy_records_to_table(
        "target",
        records=(
            (hash64(name), copy, hash64(_renamed(name, copy)))
            for row in rows
            for name in [f"{NAMES[row['type']]}/{row['id']}"]
            for copy in copies
        ),
    )
    await connection.execute("analyze twin; analyze target")


async def _hide_copies(connection: asyncpg.Connection[asyncpg.Record], dsn: str, facility: int) -> None:
    """A third table: the bodies that are encrypted, opened, renamed and encrypted again."""
    await connection.execute("create temp table sealed (key bigint, body bytea)")
    database = await Database.connect(dsn, size=1)
    keys = await ring_of(database).of(facility)
    rows = await connection.fetch(_ENCRYPTED)
    await connection.copy_records_to_table(
        "sealed", records=((row["twin"], _hidden_copy(database, keys, row)) for row in rows)
    )
    await database.close()
    await connection.execute("analyze sealed")


def _hidden_copy(database: Database, keys: Keys, row: asyncpg.Record) -> bytes:
    body = _renamed(opened_one(database, row)["body"].decode(), row["copy"])
    return hidden(keys, row["type"], _renamed(row["id"], row["copy"]), row["version"], body.encode())


def _patterns(day: date) -> tuple[str, str]:
    """What is copied (LIKE) and what of it is not: the visits of this morning."""
    return f"%{SEED}-%", f"%{MARKS[1]}{day:%Y%m%d}%"


def _renamed(text: str, number: int) -> str:
    """The same in Python, for the hashes of references."""
    for mark in MARKS:
        text = text.replace(mark, mark.replace(str(SEED), str(SEED + 1000 * number)))
    return text


def _identifiers() -> str:
    """Numbers of the search parameters whose tokens are one person's or one visit's own."""
    numbers = {one.id for table in PARAMETERS.values() for code, one in table.items() if "identifier" in code}
    return ",".join(map(str, sorted(numbers)))


_TO_COPY = (
    "select key, type, id from resource"
    " where id like $1 and id not like $2 and (id like 'bn%' or id like 'lk%' or id like '%-bn%') order by key"
)
_ENCRYPTED = f"""
select r.type, r.id, r.version, {body_of("r")}, w.copy, w.key as twin
from twin w join resource r on r.key = w.old where substr(r.body, 1, 1) = '\\x01'::bytea
"""
_RENAMED = f"""
create function pg_temp.renamed(name text, mark text) returns text language sql immutable as $$
    select replace(replace(name, 'bn{SEED}-', 'bn' || mark || '-'), 'lk{SEED}-', 'lk' || mark || '-')
$$"""
_COPY = (
    "insert into resource (key, facility, type, id, version, updated, indexed, patient, body) overriding system value"
    " select w.key, r.facility, r.type, pg_temp.renamed(r.id, w.mark), r.version, r.updated, r.indexed,"
    " pg_temp.renamed(r.patient, w.mark),"
    " coalesce(s.body, convert_to(pg_temp.renamed(convert_from(r.body, 'UTF8'), w.mark), 'UTF8'))"
    " from twin w join resource r on r.key = w.old left join sealed s on s.key = w.key order by w.key",
    "insert into token select t.facility, t.param,"
    " case when t.param in ({identifiers}) then t.hash # w.copy else coalesce(g.new, t.hash) end, w.key"
    " from twin w join token t on t.rid = w.old left join target g on g.old = t.hash and g.copy = w.copy"
    " order by w.key",
    f"insert into word select t.facility, t.param, case when t.param in ({MARK}, {CONSENTED})"
    " then pg_temp.renamed(t.word, w.mark) else t.word end, w.key, t.whole"
    " from twin w join word t on t.rid = w.old order by w.key",
    "insert into span select t.facility, t.param, t.lo, t.hi, w.key"
    " from twin w join span t on t.rid = w.old order by w.key",
    "insert into quantity (facility, param, unit, lo, hi, rid)"
    " select t.facility, t.param, t.unit, t.lo, t.hi, w.key"
    " from twin w join quantity t on t.rid = w.old order by w.key",
)


async def _without_indexes(connection: asyncpg.Connection[asyncpg.Record]) -> list[str]:
    """Drop the indexes that are only for reading (building them at the end is faster); gives how to make them."""
    rows = await connection.fetch(
        "select c.relname, pg_get_indexdef(i.indexrelid) as made from pg_index i"
        " join pg_class c on c.oid = i.indexrelid"
        " where i.indrelid = any(array['resource', 'token', 'word', 'span', 'quantity']::regclass[])"
        " and not i.indisunique"
    )
    for row in rows:
        await connection.execute(f"drop index {row['relname']}")
    return [row["made"] for row in rows]


async def _as_owner(postgres: EmbeddedPostgres, *statements: str) -> None:
    connection = await asyncpg.connect(postgres.dsn())
    for sql in statements:
        await connection.execute(sql)
    await connection.close()


def _same_owner(model: Path, place: Path) -> None:
    """The server's user owns its files, also in the copy."""
    owner = model.stat()
    for path in (place, *place.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o700 if path.is_dir() else 0o600)
