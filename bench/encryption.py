"""What encrypting people costs: `python bench/encryption.py [patients]`.

Claim (issue 4, item 8): a read by id costs at most 15 % more; records other than people are not touched. Two databases
alike in one PostgreSQL, one under a master key and one without, asked the same in turns, each question its own
transaction as in a request; CPU of Python and PostgreSQL.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import asyncpg

from bench.cpu import spent
from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.access.scopes import parse_scopes
from benhan.core.db import Database, Transaction, create_database, migrate
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.fhir import r4, systems
from benhan.core.store.search import find
from benhan.core.vault import ring_of, use
from benhan.core.vault.master import HeldMaster

PATIENTS = 2_000
ROUNDS, EACH = 5, 600
FACILITY = 1
Work = Callable[[Transaction, Subject, int], Awaitable[object]]


def _patient(n: int, id_: str | None) -> r4.Patient:
    return r4.Patient(
        id=id_, active=True, gender="female", birthDate=f"{1940 + n % 80}-03-07",
        identifier=[
            r4.Identifier(system=systems.CCCD, value=f"079{n:09d}"),
            r4.Identifier(system=systems.BHYT, value=f"DN4{n:012d}"),
        ],
        name=[r4.HumanName(text=f"Nguyễn Thị {n}", family="Nguyễn", given=["Thị", f"Hoa{n % 50}"])],
        telecom=[r4.ContactPoint(system="phone", value=f"09{n:08d}")],
        address=[r4.Address(line=["12 đường Hoa Ban"], city="Xã Mường Thanh", state="Điện Biên", country="VN")],
    )  # fmt: skip


def _reading(n: int) -> r4.Observation:
    code = r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="8867-4")])
    return r4.Observation(
        id=f"o{n}", status="final", code=code, subject=r4.Reference(reference=f"Patient/p{n}"),
        effectiveDateTime="2026-11-22", valueQuantity=r4.Quantity(value=Decimal(80), unit="/min"),
    )  # fmt: skip


async def read_patient(tx: Transaction, who: Subject, n: int) -> object:
    """A person by id."""
    return await store.read(tx, who, r4.Patient, f"p{n}")


async def read_observation(tx: Transaction, who: Subject, n: int) -> object:
    """A record that is not encrypted, by id."""
    return await store.read(tx, who, r4.Observation, f"o{n}")


async def by_identifier(tx: Transaction, who: Subject, n: int) -> object:
    """A person by her citizen number."""
    return await find(tx, who, ["Patient"], {"identifier": f"{systems.CCCD}|079{n:09d}"})


async def by_phone(tx: Transaction, who: Subject, n: int) -> object:
    """A person by her telephone."""
    return await find(tx, who, ["Patient"], {"phone": f"09{n:08d}"})


async def page_by_name(tx: Transaction, who: Subject, n: int) -> object:
    """Twenty people of one name."""
    return await find(tx, who, ["Patient"], {"given": f"hoa{n % 50}", "_count": "20"})


async def create_patient(tx: Transaction, who: Subject, n: int) -> object:
    """A new person."""
    _fresh[id(tx.database)] = fresh = _fresh.get(id(tx.database), 10_000_000) + 1
    return await store.create(tx, who, _patient(fresh, None))


async def update_patient(tx: Transaction, who: Subject, n: int) -> object:
    """A person's record changed."""
    _fresh[id(tx.database)] = fresh = _fresh.get(id(tx.database), 10_000_000) + 1
    return await store.update(tx, who, _patient(fresh, f"p{n}"), if_match=None)


_fresh: dict[int, int] = {}
WORKS: tuple[Work, ...] = (
    read_patient, read_observation, page_by_name, by_identifier, by_phone, create_patient, update_patient,
)  # fmt: skip


async def measure(bases: dict[str, Database], patients: int, pid: int) -> None:
    """Both databases in turn, work by work."""
    who = Subject(
        account="client:bench", name="", facility=FACILITY, facility_name="", roles=frozenset({Role.CLIENT}),
        scopes=parse_scopes("system/*.cruds labelled/read"),
    )  # fmt: skip
    for work in WORKS:
        cost: dict[str, list[float]] = {name: [] for name in bases}
        for turn in range(ROUNDS):
            for name, database in bases.items():
                before = spent(os.getpid(), pid)
                for n in range(EACH):
                    async with database.transaction(FACILITY) as tx:
                        await work(tx, who, (turn * EACH + n) % patients)
                used = spent(os.getpid(), pid).since(before)
                cost[name].append((used.python + used.postgres) / EACH)
        plain, hidden = (min(cost[name]) * 1e6 for name in ("plain", "encrypted"))
        print(
            f"{work.__name__:<17} {plain:>7.0f} µs of CPU plain, {hidden:>7.0f} µs encrypted: {hidden / plain - 1:+.0%}"
        )


async def _filled(postgres: EmbeddedPostgres, name: str, patients: int) -> Database:
    """A database with a hospital and its patients."""
    await create_database(postgres.dsn(database="postgres"), name)
    await migrate(postgres.dsn(database=name))
    owner = await asyncpg.connect(postgres.dsn(database=name))
    await owner.execute("insert into facility (key, code, name) values (1, 'B1', '')")
    database = await Database.connect(postgres.dsn("benhan_app", name))
    ring_of(database)  # under the master key there is now
    made: list[r4.Resource] = [_patient(n, f"p{n}") for n in range(patients)]
    made += [_reading(n) for n in range(patients)]
    for first in range(0, len(made), 1_000):
        async with database.transaction(FACILITY) as tx:
            await store.load(tx, service(Role.LOADER, FACILITY), made[first : first + 1_000])
    await owner.execute("vacuum (analyze)")
    await owner.close()
    return database


async def main() -> None:
    """A PostgreSQL of its own, the two databases, the works."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    with tempfile.TemporaryDirectory(prefix="bench.encryption-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - PostgreSQL runs as somebody else
        postgres = EmbeddedPostgres(Path(folder), durable=False)
        postgres.start()
        try:
            use(None)
            bases = {"plain": await _filled(postgres, "plain", patients)}
            use(HeldMaster(os.urandom(32)))
            bases["encrypted"] = await _filled(postgres, "encrypted", patients)
            pid = postgres.pid()
            assert pid
            await measure(bases, patients, pid)
            for one in bases.values():
                await one.close()
        finally:
            postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
