"""The bed board of a house: `python -m bench.beds [200 2400 …]`.

Claim (issue 6): at 2,400 beds board and move stay at p95 ≤ 200 ms. Measured: milliseconds of what the doors ask of the
store in a transaction of their own (the map of the house, the board of a department of 40 beds, a move to a free bed),
one after another, 85 % of the beds taken. No HTTP, no template.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg

from bench.figures import Figure, figure, table
from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database, Transaction, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import admission
from benhan.hospital import stay as words
from benhan.hospital.visit import human_name
from benhan.hospital.ward import board, moves, places

SIZES, A_DEPARTMENT, TAKEN, TURNS = (200, 2400), 40, 0.85, 60


async def filled(database: Database, loader: Subject, nurse: Subject, beds: int) -> dict[str, list[str]]:
    """Departments with their beds, most of them taken; gives the stays by department."""
    above = r4.Reference(reference="Organization/house")
    stays: dict[str, list[str]] = {}
    for first in range(0, beds, A_DEPARTMENT):
        async with database.transaction(loader.facility) as tx:
            made = r4.Organization(active=True, name=f"Khoa {first}", partOf=above)
            department = await store.create(tx, loader, made)
            count = min(A_DEPARTMENT, beds - first)
            free = await places.make(tx, loader, department, "P1", "Buồng 1", count)
            here = stays.setdefault(department.id or "", [])
            for bed in free[: int(count * TAKEN)]:
                name = human_name("Nguyễn Thị Bình")
                person = await store.create(tx, loader, r4.Patient(active=True, name=[name], birthDate="1960-01-01"))
                asked = await admission.ask(tx, nurse, admission.Request(
                    patient=store.reference(person), department=store.reference(department, department.name),
                    source="emd", reason="Viêm phổi",
                ))  # fmt: skip
                await moves.place(tx, nurse, asked.id or "", bed.id)
                here.append(asked.id or "")
    return stays


async def measured(database: Database, nurse: Subject, stays: dict[str, list[str]]) -> dict[str, Figure]:
    """How long each takes."""
    departments = list(stays)

    async def looks(tx: Transaction, turn: int) -> None:
        await board.of_department(tx, nurse, departments[turn % len(departments)])

    async def maps(tx: Transaction, turn: int) -> None:
        await board.house(tx, nurse)

    async def moved(tx: Transaction, turn: int) -> None:
        at = departments[turn % len(departments)]
        free = next(one for one in await places.beds(tx, nurse, at) if one.state in words.READY)
        await moves.place(tx, nurse, stays[at][turn % len(stays[at])], free.id)

    works: dict[str, tuple[int, Callable[[Transaction, int], Awaitable[None]]]] = {
        "map of the house": (TURNS, maps), "board of a department": (TURNS, looks),
        "move to a free bed": (min(TURNS, 5 * len(departments)), moved),
    }  # fmt: skip
    figures = {}
    for name, (turns, work) in works.items():
        times = []
        for turn in range(-3 if work is not moved else 0, turns):
            began = time.perf_counter()
            async with database.transaction(nurse.facility) as tx:
                await work(tx, turn)
            times += [1000 * (time.perf_counter() - began)] if turn >= 0 else []
        figures[name] = figure(times)
    return figures


async def main() -> None:
    """A PostgreSQL of its own for each size."""
    columns = {}
    for beds in [int(one) for one in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-beds-") as folder:
            os.chmod(folder, 0o755)  # noqa: PTH101 - PostgreSQL runs as somebody else
            postgres = EmbeddedPostgres(Path(folder), durable=True)
            postgres.start()
            try:
                await create_database(postgres.dsn(database="postgres"), DATABASE)
                await migrate(postgres.dsn())
                connection = await asyncpg.connect(postgres.dsn())
                made = "insert into facility (key, code, name) values (1, 'B1', '') returning key"
                key = await connection.fetchval(made)
                database = await Database.connect(postgres.dsn("benhan_app"))
                nurse = Subject(
                    account="n", name="Điều dưỡng", facility=key, facility_name="", roles=frozenset({Role.NURSE})
                )
                stays = await filled(database, service(Role.LOADER, key), nurse, beds)
                await connection.execute("vacuum (analyze)")
                columns[f"{beds} beds"] = await measured(database, nurse, stays)
                await database.close()
                await connection.close()
            finally:
                postgres.stop()
    print(f"{clock.vn_date(clock.today())}, ms\n\n{table(columns)}")


if __name__ == "__main__":
    asyncio.run(main())
