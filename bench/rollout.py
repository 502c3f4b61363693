"""How fast the rollout tracker answers: any view p95 ≤ 150 ms at the server, an import of 11,266 facilities ≤ 20 s.

    python bench/rollout.py --facilities 1000 11266

Issue 7. The facilities are brought in as a Department brings them; then ten years of entries (thirty each) are written
beside them, so that each page reads what it would have to.

Seen on 23/11/2026 alone on 2 cores, p95 in ms at 1,000 / 11,266 facilities (397,230 entries): overview 68 / 177 (median
33 / 120: over the aim; its sums, days and waves are asked one after the other), two days 39 / 134, report 34 / 104,
vendors and costs 23 / 86, tiles 17 / 63, public page 15 / 62, searched 12 / 54, late ones 21 / 39, list 18 / 33,
reminders 18 / 31, a facility 20 / 16, its PDF 14 / 14, visit 12 / 11, tasks 6 / 5. Import 0.4 / 4.9 s, its preview
0.2 / 1.6 s.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.province import pages
from benhan.app import create_app
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.kit import clock, codes
from benhan.province.rollout import bringing, imports, lists
from benhan.province.rollout.evidence import Evidence
from benhan.province.rollout.pages import LIST, PATH
from benhan.settings import Settings
from benhan.simulator import House, build_province
from benhan.simulator.rollout import Sort, made_up

_HISTORY = """
insert into rollout_entry (facility, site, what, said, holds, account, name)
select facility, id, 'note', jsonb_build_object('note', 'đã xem lần ' || n), current_date - n * 120, 'bench', 'Bench'
from rollout_site, generate_series(1, 30) n
"""


async def bring(database: Database, department: House, facilities: int) -> None:
    """The import, as the leader's confirmation does it: read, checked, compared, written."""
    public, private = facilities * 2 // 3, facilities - facilities * 2 // 3
    sorts = (Sort("public", public, public // 2, public // 4), Sort("private", private, private // 3, private // 6))
    made = made_up(clock.today(), sorts, [one.code for one in codes.wards()], early=50, begun=200)
    began = time.perf_counter()
    who, file = department.subject(Role.PROVINCE), Evidence(None, "bench.csv", "text/csv", made)
    checked = lists.check(lists.read(made, "bench.csv"), clock.today())
    async with database.transaction(department.key) as tx:
        await bringing.compare(tx, who, checked)
    preview = time.perf_counter() - began
    async with database.transaction(department.key) as tx:
        job = await imports.begin(tx, who, file, verified=True)
    began = time.perf_counter()
    await imports.step(database)
    took = time.perf_counter() - began
    async with database.transaction(department.key) as tx:
        done = await imports.look(tx, who, job)
    assert done.result.new == facilities, done
    print(f"  import of {facilities:,}: {took:.1f} s, beside the requests; its preview {preview:.1f} s")


async def measure(postgres: EmbeddedPostgres, facilities: int) -> None:
    """One size: its own database."""
    name = f"rollout_{facilities}"
    await create_database(postgres.dsn(database="postgres"), name)
    await migrate(postgres.dsn(database=name))
    database = await Database.connect(postgres.dsn("benhan_app", name), statement_seconds=120)
    department = await build_province(database, postgres.dsn(database=name))
    print(f"\n{facilities:,} facilities, ten years")
    await bring(database, department, facilities)
    owner = await asyncpg.connect(postgres.dsn(database=name))
    await owner.execute(_HISTORY)
    await owner.execute("vacuum analyze rollout_site, rollout_entry")
    site = await owner.fetchval("select id from rollout_site order by id limit 1")
    entries = await owner.fetchval("select count(*) from rollout_entry")
    await owner.close()
    print(f"  {entries:,} entries")
    app = create_app(Settings(mode="demo", secure_cookies=False), database)
    app.state.followers = []
    async with app.router.lifespan_context(app):
        who = department.subject(Role.PROVINCE)
        async with database.transaction(who.facility) as tx:
            token = await open_session(tx, who.facility, account=who.account, hours=1)
        asked = [PATH, f"{PATH}?nhom=tat-ca", f"{PATH}/ban-do?nhom=tat-ca", f"{PATH}/ban-do?nhom=tat-ca&noi=01",
                 f"{PATH}/so-sanh?nhom=tat-ca", f"{PATH}/dau-tu?nhom=tat-ca", f"{PATH}/viec", f"{PATH}/nhac", LIST,
                 f"{LIST}?q=mau+so+99", f"{LIST}?tinh-trang=late", f"{LIST}/{site}",
                 f"{LIST}/{site}/di-tham", f"{LIST}/{site}/di-tham.pdf", f"{PATH}/bao-cao.pdf?nhom=tat-ca",
                 "/tien-do-so-hoa/01000"]  # fmt: skip
        for address, taken in (await pages(app, token, asked)).items():
            p95 = statistics.quantiles(taken, n=20)[-1]
            shown = re.sub(r"\w{20}", "…", address)
            print(f"  {shown:44} median {statistics.median(taken):6.1f} ms   p95 {p95:6.1f} ms")
    await database.close()


def main() -> None:
    """Start PostgreSQL, measure each size, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facilities", type=int, nargs="+", default=[1000, 11_266])
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="benhan-bench-"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    try:
        for facilities in asked.facilities:
            asyncio.run(measure(postgres, facilities))
    finally:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
