"""What the guard of labelled and archived records costs: `python bench/policy.py [patients] [archived]`.

Claim (issue 4): at most 15 % of a read, 25 % of a write. One program (`system/*.cruds`) asks one hospital, where one
patient in a hundred is labelled, with the rules that deny and without them. They take turns, ten requests at a time,
through the whole application; CPU of Python and PostgreSQL. `archived`: every patient has a former visit in the
archive, to which none of the readings asked for belongs.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from benhan.app import create_app
from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.access.accounts import create_client
from benhan.core.access.labels import KEPT, RECORD_FILE
from benhan.core.access.policy import POLICY
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import codec, r4, systems
from benhan.core.kit import assets
from benhan.patient import miniapp
from benhan.settings import Settings

PATIENTS, READINGS = 2_000, 10
ROUNDS, EACH = 150, 10
_CODE = r4.CodeableConcept(coding=[r4.Coding(system="http://loinc.org", code="8867-4")])
#: Method, address, body.
Asked = tuple[str, str, bytes]


def records(patients: int, *, archived: bool) -> list[r4.Resource]:
    """Patients and their readings; everything of every hundredth is closed by a label on the Patient."""
    label = r4.Meta(security=[r4.Coding(code="R")])
    made: list[r4.Resource] = [r4.Patient(id=f"p{n}", meta=None if n % 100 else label) for n in range(patients)]
    made += [_reading(f"p{n}", f"o{n}-{turn}") for n in range(patients) for turn in range(READINGS)]
    return made + [_archived(f"p{n}", f"v{n}") for n in range(patients) if archived]


def _archived(patient: str, visit: str) -> r4.Resource:
    kind = r4.CodeableConcept(coding=[r4.Coding(system=systems.RECORD_FILE, code=RECORD_FILE)])
    return r4.DocumentManifest(
        id=visit, status=KEPT, subject=r4.Reference(reference=f"Patient/{patient}"), type=kind,
        content=[r4.Reference(reference=f"Encounter/{visit}")],
    )  # fmt: skip


@contextmanager
def without(denied: bool) -> Iterator[None]:
    """What is asked inside meets no rule that denies."""
    closing = POLICY.closing
    if denied:
        POLICY.closing = lambda *_asked: ()  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        POLICY.closing = closing  # type: ignore[method-assign]


def _reading(patient: str, id_: str | None, value: int = 80) -> r4.Observation:
    return r4.Observation(
        id=id_, status="final", code=_CODE, subject=r4.Reference(reference=f"Patient/{patient}"),
        effectiveDateTime="2026-11-22", valueQuantity=r4.Quantity(value=Decimal(value), unit="/min"),
    )  # fmt: skip


def works() -> dict[str, tuple[int, Callable[[int, int], Asked]]]:
    """What is asked: how often a round, and the request about one of the patients."""

    def get(address: str) -> Callable[[int, int], Asked]:
        return lambda n, _turn: ("GET", f"/fhir/Observation{address.format(n=n)}", b"")

    def body(n: int, id_: str | None, turn: int) -> bytes:
        return codec.encode(_reading(f"p{n}", id_, turn))

    return {
        "read": (EACH, get("/o{n}-3")),
        "of a patient": (EACH, get("?patient=p{n}")),
        "newest 50": (EACH, get("?code=8867-4&_count=50")),
        "include": (EACH, get("?patient=p{n}&_include=Observation:patient")),
        "count": (1, get("?code=8867-4&_summary=count")),
        "create": (EACH, lambda n, turn: ("POST", "/fhir/Observation", body(n, None, turn))),
        "update": (EACH, lambda n, turn: ("PUT", f"/fhir/Observation/o{n}-5", body(n, f"o{n}-5", turn))),
    }


async def ask(app: Any, token: str, asked: Asked) -> None:
    """One request and its answer, without a socket between."""
    method, address, body = asked
    path, _mark, query = address.partition("?")
    headers = {"host": "bench", "authorization": f"Bearer {token}", "content-type": "application/fhir+json"}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 4000), "server": ("bench", 80),
    }  # fmt: skip
    status = 0

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    assert status in (200, 201), (asked, status)


async def measure(app: Any, token: str, patients: int, pid: int) -> None:
    """With and without in turn, a few requests at a time, so that whatever else the machine does falls on both."""
    for name, (each, asked) in works().items():
        cost = dict.fromkeys(("guarded", "free"), 0.0)
        for turn in range(-4, ROUNDS * len(cost)):
            how = list(cost)[turn % len(cost)]
            backends = [one.pid for one in psutil.Process(pid).children()]
            before = _spent(backends)
            with without(how == "free"):
                for n in range(each):
                    place = 1 + (turn * each + n) % (patients - 1)
                    await ask(app, token, asked(place if place % 100 else place + 1, turn))
            if turn >= 0:  # before that everything is asked to be ready
                cost[how] += (_spent(backends) - before) / each / ROUNDS
        free, guarded = cost["free"] * 1e6, cost["guarded"] * 1e6
        said = f"{name:<14} {free:>8.0f} µs of CPU without, {guarded:>8.0f} µs with: {guarded / free - 1:+.0%}"
        print(said, flush=True)


def _spent(backends: list[int]) -> float:
    """CPU seconds of this process and of PostgreSQL's, to the microsecond (proc_pid_schedstat)."""
    ran = 0
    for pid in backends:
        with suppress(OSError):
            ran += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    return time.process_time() + ran / 1e9


async def main() -> None:
    """A PostgreSQL of its own, a hospital, the works."""
    patients = int(next((one for one in sys.argv[1:] if one.isdigit()), PATIENTS))
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
            made = records(patients, archived="archived" in sys.argv[1:])
            for first in range(0, len(made), 2_000):
                async with database.transaction(facility) as tx:
                    await store.load(tx, service(Role.LOADER, facility), made[first : first + 2_000])
            await connection.execute("vacuum (analyze)")
            pid = postgres.pid()
            assert pid
            async with database.transaction(facility) as tx:
                token = await create_client(tx, facility, "bench", "system/*.cruds")
            assets.build(print)
            miniapp.APP.build(print)
            app = create_app(Settings(mode="demo", secure_cookies=False), database)
            async with app.router.lifespan_context(app):
                await measure(app, token, patients, pid)
            await database.close()
            await connection.close()
        finally:
            postgres.stop()


if __name__ == "__main__":
    asyncio.run(main())
