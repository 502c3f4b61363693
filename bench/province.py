"""How fast the province's page answers at a year of data, and how fast the feed is counted.

    python bench/province.py --hospitals 1 20

Claims: page ≤ 150 ms p95 (issue 2, any staff page at the server); figures are counted faster than 100 visits a second.
The year is written as facts and sums by the program's own rules; the feed is counted through the real follower.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from benhan.app import create_app
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.kit import codes
from benhan.core.store import feed
from benhan.province.population import rules
from benhan.province.population.follower import Follower
from benhan.province.population.rules import Facts
from benhan.settings import Settings
from benhan.simulator import House, build_house, build_province
from benhan.simulator.fill import fill
from benhan.simulator.house import found_facility

VISITS_A_YEAR = 436_000
ROUNDS = 60


def year_of(chance: random.Random, visits: int, diagnoses: list[str]) -> Counter[rules.Cell]:
    """The sums of a hospital's year: arrivals, channels, waiting times and diagnoses as varied as real ones."""
    sums: Counter[rules.Cell] = Counter()
    first = date(2026, 1, 1)
    weights = [1 / (n + 3) for n in range(len(diagnoses))]
    codes_ = chance.choices(diagnoses, weights, k=visits)
    for code in codes_:
        channel = chance.choices((rules.ONLINE, rules.BOOKED, rules.WALK_IN), (6, 3, 91))[0]
        wait = min(int(chance.lognormvariate(3.3, 0.7)), 240)
        day = first + timedelta(days=chance.randrange(365))
        sums.update(rules.cells(Facts(day, chance.randint(5, 18), channel, wait, code, "home")))
    return sums


async def write(connection: asyncpg.Connection[asyncpg.Record], facility: int, sums: Counter[rules.Cell]) -> None:
    """Into `figure`, and on top of the sums of the province."""
    rows = [(1, facility, *cell, n) for cell, n in sums.items()]
    await connection.copy_records_to_table(
        "figure", records=rows, columns=["province", "facility", "grain", "measure", "start", "key", "n"]
    )


async def pages(app: object, token: str, addresses: list[str]) -> dict[str, list[float]]:
    """Milliseconds a request, by address."""
    taken: dict[str, list[float]] = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench") as client:
        client.cookies.set(COOKIE, token)
        for address in addresses:
            (await client.get(address)).raise_for_status()
            for _ in range(ROUNDS):
                began = time.perf_counter()
                await client.get(address)
                taken.setdefault(address, []).append(1000 * (time.perf_counter() - began))
    return taken


async def count_feed(database: Database, house: House) -> None:
    """Fill some thousand visits and let the follower catch up."""
    await fill(database, house, visits=2000)
    follower, changes, began = Follower(database), 0, time.perf_counter()
    while read := await follower.read():
        changes += read
    took = time.perf_counter() - began
    async with database.transaction(-1) as tx:
        visits = await tx.fetchval("select count(*) from visit_fact")
        lag = await feed.lag_seconds(tx)
    print(f"counted {visits} visits ({changes} changes) in {took:.1f} s: {visits / took:.0f} visits/s; lag {lag:.1f} s")


async def measure(postgres: EmbeddedPostgres, hospitals: int, count: bool) -> None:
    """One size: its own database."""
    name = f"province_{hospitals}"
    await create_database(postgres.dsn(database="postgres"), name)
    await migrate(postgres.dsn(database=name))
    database = await Database.connect(postgres.dsn("benhan_app", name), statement_seconds=120)
    owner = await asyncpg.connect(postgres.dsn(database=name))
    province = await build_province(database, postgres.dsn(database=name))
    chance = random.Random(2026)
    diagnoses = [code.code for code in list(codes.icd10(date(2026, 11, 1)))[::9]]
    total: Counter[rules.Cell] = Counter()
    for number in range(hospitals):
        key = await found_facility(postgres.dsn(database=name), f"99{number:03d}", f"Bệnh viện {number + 1}", "01")
        sums = year_of(chance, VISITS_A_YEAR, diagnoses)
        await write(owner, key, sums)
        total.update(sums)
    await write(owner, 0, total)
    await owner.execute("vacuum analyze figure")
    rows = await owner.fetchval("select count(*) from figure")
    size = await owner.fetchval("select pg_size_pretty(pg_total_relation_size('figure'))")
    print(f"\n{hospitals} × {VISITS_A_YEAR:,} visits: {rows:,} rows of sums, {size}")
    app = create_app(Settings(mode="demo", secure_cookies=False), database)
    app.state.followers = []
    async with app.router.lifespan_context(app):
        who = province.subject(Role.PROVINCE)
        async with database.transaction(who.facility) as tx:
            token = await open_session(tx, who.facility, account=who.account, hours=1)
        kinds = [f"/so-y-te?ky={kind}&ngay=2026-07-15" for kind in ("ngay", "tuan", "thang", "nam")]
        for address, taken in (
            await pages(app, token, [*kinds, "/so-y-te?ky=nam&ngay=2026-07-15&co-so=99000"])
        ).items():
            p95 = statistics.quantiles(taken, n=20)[-1]
            print(f"  {address:52} median {statistics.median(taken):6.1f} ms   p95 {p95:6.1f} ms")
    if count:
        await count_feed(database, await build_house(database, postgres.dsn(database=name)))
    await owner.close()
    await database.close()


async def run(postgres: EmbeddedPostgres, sizes: list[int]) -> None:
    """All sizes asked for; the feed is counted at the first."""
    for number, hospitals in enumerate(sizes):
        await measure(postgres, hospitals, count=number == 0)


def main() -> None:
    """A database of its own, gone afterwards."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hospitals", type=int, nargs="+", default=[1, 20])
    sizes = parser.parse_args().hospitals
    folder = Path(tempfile.mkdtemp(prefix="benhan-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder, durable=False)
    postgres.start()
    try:
        asyncio.run(run(postgres, sizes))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
