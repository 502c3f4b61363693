"""How fast records come in: `python -m bench.fill [visits]`.

Claims (issue 2, item 19): the small demo (3,000 visits) is ready within 60 s on 2 cores; memory stays flat.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.simulator import Filled, House, build_house, fill
from benhan.simulator.fill import VISITS_A_PERSON, Progress
from benhan.simulator.house import analyze


async def bench_patients(database: Database, owner_dsn: str, patients: int, progress: Progress) -> House:
    """A hospital of so many patients with a year of visits, for benches."""
    house = await build_house(database, owner_dsn)
    await fill(database, house, visits=int(patients * VISITS_A_PERSON), progress=progress)
    await analyze(owner_dsn)
    return house


async def measured(postgres: EmbeddedPostgres, visits: int) -> tuple[Filled, float]:
    """What a fill brought, and in how many seconds."""
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    began = time.perf_counter()
    house = await build_house(database, postgres.dsn())
    filled = await fill(database, house, visits=visits, progress=_say)
    await analyze(postgres.dsn())
    taken = time.perf_counter() - began
    await database.close()
    return filled, taken


def _say(text: str, done: int, total: int) -> None:
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"\r{text:24}{done:>9}/{total:<9}{megabytes:>6} MB", end="", flush=True)


def main() -> None:
    """Fill a hospital in a folder of its own and print the throughput."""
    visits = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    folder = Path(tempfile.mkdtemp(prefix="benhan-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        filled, taken = asyncio.run(measured(postgres, visits))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
    cpu = time.process_time()
    print(f"\n{filled.visits} visits, {filled.records} records in {taken:.1f} s: {filled.records / taken:.0f}/s")
    print(f"of that {cpu:.1f} s in Python: {filled.records / cpu:.0f} records a second of processor time")


if __name__ == "__main__":
    main()
