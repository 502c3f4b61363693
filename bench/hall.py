"""A morning in the hall: `python -m bench.hall`.

Claim (issue 5): 500 patients check in on their phones within 30 minutes while 5,000 watch the queues (server-sent
events), on 2 cores: p95 of a check-in ≤ 300 ms, of a change of her place on her phone ≤ 2 s. Measured: from sending
`POST /app/bookings/…/arrival` to its answer; and from the commit that calls somebody into a room to the answer of
`GET /app/place` on the phone of each who waits there, the wait of up to half a second before it asks included. Doctors
call as fast as people come. The phones, Granian and PostgreSQL share the machine. `--minutes 3 --arrivals 50` is as
fast and shorter.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from bench.browser import Browser
from bench.figures import Figure, by_label, machine, table
from bench.serving import server
from bench.world import master_key
from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.db import Database, Transaction, create_database, migrate
from benhan.core.db.embedded import DATABASE, EmbeddedPostgres
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.vault import master_of, use
from benhan.hospital import queue
from benhan.hospital.booking_code import new_code
from benhan.hospital.reception import arrival
from benhan.hospital.visit import human_name, stamp
from benhan.simulator import House, build_house

CHECK_IN, PLACE = 300.0, 2000.0
#: Phones ask again after up to so long; over so many connections here.
JITTER, CONNECTIONS = 0.5, 24
#: Records made in one transaction, streams opened at once, seconds for answers still on their way.
TOGETHER, AT_ONCE, GRACE = 100, 100, 5.0
ROOMS = [f"phong-pk{n:02d}" for n in range(1, 15)]


class Someone(msgspec.Struct):
    """Somebody with the app: her token; the room in which she waits, or the booking with which she comes."""

    token: str
    room: str = ""
    code: str = ""
    #: The call of her room that she has heard of.
    heard: float = 0.0


class Hall(msgspec.Struct):
    """What is being measured: when each room was called last, and the times so far."""

    port: int
    called: dict[str, float]
    times: list[tuple[str, int, float]]
    chance: Random
    measured: bool = False
    open: int = 0
    heard: int = 0


def main() -> None:
    """Measure; print the table."""
    asked = _arguments()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(json.dumps(machine()), flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-hall-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        use(master_of(master_key(place)))
        postgres = EmbeddedPostgres(place)
        postgres.start()
        try:
            house, watching, coming = asyncio.run(_people(postgres, asked.watching, asked.arrivals))
            dsn = postgres.dsn("benhan_app")
            with server(dsn, asked.port, asked.workers, place, master_key=master_key(place)):
                figures = asyncio.run(_morning(dsn, house, watching, coming, asked))
        finally:
            postgres.stop()
    print(f"\n{table({f'{asked.watching} watch': figures})}\n")
    held = {"check-in": CHECK_IN, "place": PLACE}
    print({label: figures[label].p95 <= most for label, most in held.items() if label in figures})


async def _people(postgres: EmbeddedPostgres, watching: int, coming: int) -> tuple[House, list[Someone], list[Someone]]:
    await create_database(postgres.dsn(database="postgres"), DATABASE)
    await migrate(postgres.dsn())
    database = await Database.connect(postgres.dsn("benhan_app"), statement_seconds=600)
    house = await build_house(database, postgres.dsn())
    waiting: list[Someone] = []
    while len(waiting) < watching:
        async with database.transaction(house.key) as tx:
            count = min(TOGETHER, watching - len(waiting))
            waiting += [await _waits(tx, house, ROOMS[n % len(ROOMS)]) for n in range(count)]
    print(f"{len(waiting)} wait", flush=True)
    async with database.transaction(house.key) as tx:
        booked = [await _booked(tx, house, ROOMS[n % len(ROOMS)]) for n in range(coming)]
    await database.close()
    return house, waiting, booked


async def _person(tx: Transaction, house: House) -> tuple[r4.Patient, str]:
    somebody = r4.Patient(active=True, name=[human_name("Đặng Thị Tâm")], birthDate="1980-02-03")
    made = await store.create(tx, house.loader, somebody)
    return made, await open_session(tx, house.key, patient=made.id, hours=12)


async def _waits(tx: Transaction, house: House, room: str) -> Someone:
    person, token = await _person(tx, house)
    visit = await store.create(
        tx, house.loader,
        r4.Encounter(
            status="arrived", class_=r4.Coding(system=systems.ACT_CODE, code="AMB"), subject=store.reference(person),
            period=r4.Period(start=stamp(clock.now())),
        ),
    )  # fmt: skip
    place = await store.read(tx, house.loader, r4.Location, room)
    await queue.issue(tx, house.loader, store.reference(person, "Đặng Thị Tâm"), store.reference(visit), place)
    return Someone(token, room)


async def _booked(tx: Transaction, house: House, room: str) -> Someone:
    person, token = await _person(tx, house)
    code, at = new_code(), stamp(clock.now())
    named = [store.reference(person, "Đặng Thị Tâm"), r4.Reference(reference=f"Location/{room}")]
    await store.create(
        tx, house.loader,
        r4.Appointment(
            status="booked", start=at, end=at, identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=code)],
            participant=[r4.AppointmentParticipant(actor=one, status="accepted") for one in named],
        ),
    )  # fmt: skip
    return Someone(token, code=code)


async def _morning(
    dsn: str, house: House, watching: Sequence[Someone], coming: Sequence[Someone], asked: argparse.Namespace
) -> dict[str, Figure]:
    database = await Database.connect(dsn, size=4)
    hall = Hall(asked.port, {}, [], Random(1))
    pool: asyncio.Queue[Browser] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        pool.put_nowait(Browser(asked.port, []))
    gate = asyncio.Semaphore(AT_ONCE)
    streams = [asyncio.create_task(_watch(hall, one, pool, gate)) for one in watching]
    while hall.open < len(watching):
        await asyncio.sleep(1)
        print(f"  {hall.open} watch", flush=True)
    await asyncio.sleep(asked.settle)
    hall.measured = True
    pause = asked.minutes * 60 / len(coming)
    calling = asyncio.create_task(_call(hall, database, house, pause))
    arrivals = []
    for one in coming:
        arrivals.append(asyncio.create_task(_arrive(hall, database, house, one)))
        await asyncio.sleep(pause)
    calling.cancel()
    await asyncio.gather(*arrivals)
    await asyncio.sleep(GRACE)
    for stream in streams:
        stream.cancel()
    await asyncio.gather(*streams, return_exceptions=True)
    await database.close()
    print(f"  {hall.heard} events were heard", flush=True)
    return by_label(hall.times)


async def _watch(hall: Hall, one: Someone, pool: asyncio.Queue[Browser], gate: asyncio.Semaphore) -> None:
    """Listen; when the queue has moved ask for the place, a little later than others."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", hall.port)
        writer.write(f"GET /app/live HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {one.token}\r\n\r\n".encode())
        await reader.readuntil(b"retry:")
        hall.open += 1
    asking: set[asyncio.Task[None]] = set()
    try:
        while line := await reader.readline():
            if line.startswith(b"event: ") and hall.measured:
                hall.heard += 1
                task = asyncio.create_task(_ask(hall, one, pool))
                asking.add(task)
                task.add_done_callback(asking.discard)
    finally:
        writer.close()


async def _ask(hall: Hall, one: Someone, pool: asyncio.Queue[Browser]) -> None:
    since = hall.called.get(one.room, 0.0)
    first, one.heard = since > one.heard, since  # what moves later is another's doing: time itself, who came
    await asyncio.sleep(hall.chance.random() * JITTER)
    browser = await pool.get()
    try:
        answer = await browser.ask_app("place", "/app/place", one.token)
    finally:
        pool.put_nowait(browser)
    if first:
        hall.times.append(("place", answer.status, (time.perf_counter() - since) * 1000))


async def _arrive(hall: Hall, database: Database, house: House, one: Someone) -> None:
    async with database.transaction(house.key) as tx:
        door = await arrival.code_now(tx, house.subject(Role.DISPLAY), clock.now())
    phone = Browser(hall.port, hall.times)
    said = json.dumps({"door": door, "group": ""}).encode()
    await phone.ask_app("check-in", f"/app/bookings/{one.code}/arrival", one.token, said)
    await phone.close()


async def _call(hall: Hall, database: Database, house: House, pause: float) -> None:
    """Doctors call, room after room."""
    while True:
        for room in ROOMS:
            async with database.transaction(house.key) as tx:
                await queue.call_next(tx, house.subject(Role.DOCTOR), room)
            hall.called[room] = time.perf_counter()
            await asyncio.sleep(pause)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watching", type=int, default=5000, help="phones that watch")
    parser.add_argument("--arrivals", type=int, default=500, help="people who check in")
    parser.add_argument("--minutes", type=float, default=30, help="within so long")
    parser.add_argument("--settle", type=float, default=10, help="seconds from the last stream to the first arrival")
    parser.add_argument("--workers", type=int, default=1, help="server processes, as BENHAN_WORKERS")
    parser.add_argument("--port", type=int, default=8498)
    return parser.parse_args()


if __name__ == "__main__":
    main()
