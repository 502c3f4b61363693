"""How fast the audit is sealed and verified: `python bench/seals.py [rows …]`.

Claim (issue 4, item 10): at least 100,000 audit rows a second are gathered under seals. On a PostgreSQL of its own with
fsync on, one gatherer, rows as a busy day leaves them; then all of it is verified. At two sizes, so that a cost that
grows with the tree would show. And what the index that gathering reads by adds to the writing of a row.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.cpu import spent
from benhan.core.access.seals.gather import Edges, gather
from benhan.core.access.seals.keeper import Directory
from benhan.core.access.seals.statement import make_key
from benhan.core.access.seals.verify import verify
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres

SIZES = (200_000, 2_000_000)
#: Rows of one transaction while filling.
TOGETHER = 10_000
_FILL = """
insert into audit (facility, account, session, action, type, id, patient, allowed, rule, detail)
select $1, 'a1b2c3d4e5f60718', '0123456789abcdef', (array['read', 'search', 'create', 'update'])[1 + n % 4],
    (array['Observation', 'Encounter', 'Patient'])[1 + n % 3], md5(n::text)::uuid::text,
    md5((n / 20)::text)::uuid::text, true, 'role doctor: r Observation', ''
from generate_series(1, $2::int) n
"""


async def measure(postgres: EmbeddedPostgres, rows: int, folder: Path) -> None:
    """One size: fill, gather, verify. CPU time too: the machine may be shared, and then the wall clock says little."""
    pid = postgres.pid()
    assert pid
    connection = await asyncpg.connect(postgres.dsn())
    facility = await connection.fetchval(
        "insert into facility (key, code, name)"
        " values ((select max(key) + 1 from facility), $1, 'Bench') returning key",
        f"B{rows}",
    )
    for _n in range(rows // TOGETHER):
        await connection.execute(_FILL, facility, TOGETHER)
    await connection.execute("vacuum (analyze) audit")
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    key, edges, keeper = make_key(folder / "key.pem"), Edges(), Directory(folder / "keeper")
    began, cpu, sealed, last = time.perf_counter(), spent(os.getpid(), pid), 0, None
    while signed := await gather(database, facility, key, edges):
        last = signed
        sealed = signed.statement.size
    took, cost = time.perf_counter() - began, spent(os.getpid(), pid).since(cpu)
    assert sealed == rows // TOGETHER * TOGETHER and last
    keeper.keep(last)
    verifying = time.perf_counter()
    async for verdict in verify(database, keeper, {key.id: key.public}, lambda *_: None, [facility]):
        assert verdict.findings == [], verdict.findings
    checked = time.perf_counter() - verifying
    kept = await connection.fetchval("select sum(octet_length(leaves)) from seal where facility = $1", facility)
    print(
        f"{rows:>10,} rows  gathered {sealed / took:>10,.0f}/s , CPU a row: Python {cost.python / sealed * 1e6:.1f} µs,"
        f" PostgreSQL {cost.postgres / sealed * 1e6:.1f} µs"
        f"  verified {sealed / checked:>10,.0f}/s  leaves {kept / sealed:.0f} bytes a row"
    )
    await database.close()
    await connection.close()


async def writing(owner: str) -> None:
    """What the primary key in the order of gathering costs whoever writes: 20 audit rows, as requests leave them."""
    connection = await asyncpg.connect(owner)
    for said, change in (
        ("as it is", "select 1"),
        ("as it was", "alter table audit drop constraint audit_pkey, add primary key (facility, seq)"),
        ("as it is, again", "alter table audit drop constraint audit_pkey, add primary key (facility, xid, seq)"),
    ):  # fmt: skip
        await connection.execute(change)
        await connection.execute("checkpoint")
        statement, taken = await connection.prepare(_FILL), []
        for _n in range(2_000):
            began = time.perf_counter()
            async with connection.transaction():
                await statement.fetch(0, 20)
                taken.append(time.perf_counter() - began)
        print(f"  a statement of 20 audit rows, {said:16} p50 {sorted(taken)[1000] * 1e6:7.0f} µs")
    await connection.close()


async def all_of(postgres: EmbeddedPostgres, sizes: list[int], folder: Path) -> None:
    """All sizes on one fresh cluster."""
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    for rows in sizes:
        await measure(postgres, rows, folder)
    await writing(postgres.dsn())


def main(sizes: list[int]) -> None:
    """Measure."""
    with tempfile.TemporaryDirectory(prefix="benhan-seals-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = EmbeddedPostgres(folder / "postgres")
        postgres.start()
        try:
            asyncio.run(all_of(postgres, sizes, folder))
        finally:
            postgres.stop()


if __name__ == "__main__":
    main([int(one) for one in sys.argv[1:]] or list(SIZES))
