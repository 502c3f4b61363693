"""What the guard of labelled records costs: `python bench/policy.py [patients]`.

Claim (issue 4): at most 15 % of a read, 25 % of a write. Two programs ask the same of one hospital, where one patient
in a hundred is labelled: one whose every record is asked (`system/*.cruds`), one with the scope that asks nothing more
(`labelled/read`). They take turns, each question its own transaction as in a request; CPU of Python and PostgreSQL.
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
from benhan.core.access.subject import parse_scopes
from benhan.core.db import Database, Transaction, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4
from benhan.core.store.search import find

PATIENTS, READINGS = 2_000, 10
ROUNDS, EACH = 10, 100
_CODE = r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="8867-4")])
Work = Callable[[Transaction, Subject, int], Awaitable[object]]


def records(patients: int) -> list[r4.Resource]:
    """Patients and their readings; everything of every hundredth is closed by a label on the Patient."""
    label = r4.Meta(security=[r4.Coding(code="R")])
    made: list[r4.Resource] = [r4.Patient(id=f"p{n}", meta=None if n % 100 else label) for n in range(patients)]
    return made + [_reading(f"p{n}", f"o{n}-{turn}") for n in range(patients) for turn in range(READINGS)]


def _reading(patient: str, id_: str | None) -> r4.Observation:
    return r4.Observation(
        id=id_, status="final", code=_CODE, subject=r4.Reference(reference=f"Patient/{patient}"),
        effectiveDateTime="2026-11-22", valueQuantity=r4.Quantity(value=Decimal(80), unit="/min"),
    )  # fmt: skip


async def read(tx: Transaction, who: Subject, n: int) -> object:
    """One record by id."""
    return await store.read(tx, who, r4.Observation, f"o{n}-3")


async def of_patient(tx: Transaction, who: Subject, n: int) -> object:
    """The records of one patient."""
    return await find(tx, who, ["Observation"], {"patient": f"p{n}"})


async def newest(tx: Transaction, who: Subject, n: int) -> object:
    """A page of fifty of the newest of a code."""
    return await find(tx, who, ["Observation"], {"code": "8867-4", "_count": "50"})


async def count(tx: Transaction, who: Subject, n: int) -> object:
    """How many there are of a code: every one of them is counted."""
    return await find(tx, who, ["Observation"], {"code": "8867-4", "_summary": "count"})


async def create(tx: Transaction, who: Subject, n: int) -> object:
    """A new record."""
    return await store.create(tx, who, _reading(f"p{n}", None))


async def update(tx: Transaction, who: Subject, n: int) -> object:
    """A new version."""
    return await store.update(tx, who, _reading(f"p{n}", f"o{n}-5"), if_match=None)


async def measure(database: Database, facility: int, patients: int, pid: int) -> None:
    """Both programs in turn, work by work."""
    guarded, free = (
        Subject(
            account="client:bench", name="", facility=facility, facility_name="", roles=frozenset({Role.CLIENT}),
            scopes=parse_scopes(scopes),
        )
        for scopes in ("system/*.cruds", "system/*.cruds labelled/read")
    )  # fmt: skip
    works: tuple[tuple[Work, int], ...] = (
        (read, EACH), (of_patient, EACH), (newest, EACH), (count, EACH // 10), (create, EACH), (update, EACH),
    )  # fmt: skip
    for work, each in works:
        cost: dict[str, list[float]] = {"guarded": [], "free": []}
        for turn in range(ROUNDS):
            for name, who in (("guarded", guarded), ("free", free)):
                before = spent(os.getpid(), pid)
                for n in range(each):
                    place = 1 + (turn * each + n) % (patients - 1)
                    async with database.transaction(facility) as tx:
                        await work(tx, who, place if place % 100 else place + 1)
                used = spent(os.getpid(), pid).since(before)
                cost[name].append((used.python + used.postgres) / each)
        low = {name: min(found) * 1e6 for name, found in cost.items()}
        print(
            f"{work.__name__:<12} {low['free']:>8.0f} µs of CPU without, {low['guarded']:>8.0f} µs with:"
            f" {low['guarded'] / low['free'] - 1:+.0%}"
        )


async def main() -> None:
    """A PostgreSQL of its own, a hospital, the works."""
    patients = int(sys.argv[1]) if len(sys.argv) > 1 else PATIENTS
    with tempfile.TemporaryDirectory(prefix="bench-policy-") as folder:
        os.chmod(folder, 0o755)  # noqa: PTH101 - PostgreSQL runs as somebody else
        postgres = EmbeddedPostgres(Path(folder), durable=False)
        postgres.start()
        try:
            await create_database(postgres.dsn(database="postgres"), DATABASE)
            await migrate(postgres.dsn())
            connection = await asyncpg.connect(postgres.dsn())
            facility = await connection.fetchval(
                "insert into facility (key, code, name) values (1, 'B1', '') returning key"
            )
            database = await Database.connect(postgres.dsn("benhan_app"))
            made = records(patients)
            for first in range(0, len(made), 2_000):
                async with database.transaction(facility) as tx:
                    await store.load(tx, service(Role.LOADER, facility), made[first : first + 2_000])
            await connection.execute("vacuum (analyze)")
            pid = postgres.pid()
            assert pid
            await measure(database, facility, patients, pid)
            await database.close()
            await connection.close()
        finally:
            postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
