"""A morning at the hospital under load: `python -m bench.visit --size 10000 --size 100000`.

Claim (issue 2): with 50 users on 2 cores, patient search p95 ≤ 150 ms, check-in p95 ≤ 300 ms, any staff page
p95 ≤ 150 ms, at the server. Measured: milliseconds from a request's arrival at the ASGI application to the last byte
of its answer (`serving.StopWatch`), in a run where everybody pauses, then in one where nobody does (the most it can
do). The generator, Granian and PostgreSQL share the machine. Server times of the paused run decide. Every view is kept
before it is answered, so a disk that stalls is in every figure; `--steady 2` measures as on one that does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from random import Random

import msgspec

from bench.browser import Browser
from bench.figures import Figure, by_label, flushes, machine, table
from bench.serving import server
from bench.shifts import PEOPLE, Desk, Sample, arrive, work
from bench.world import World, world
from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.hospital.visit import full_name, identifier, phone_of

SEARCH, CHECK_IN, PAGE = 150.0, 300.0, 150.0
SAMPLED = 1000
#: Seconds in which answers asked for in time still come in, and between two lines of progress.
GRACE, EVERY = 2.0, 10


class Run(msgspec.Struct, frozen=True):
    """What one run gave: figures at the server and at the users, and requests a second."""

    server: dict[str, Figure]
    user: dict[str, Figure]
    rate: float


def say(text: str) -> None:
    """Tell at once, also where nobody watches but a file."""
    print(text, flush=True)


def main() -> None:
    """Measure each size; print the tables, write everything as JSON."""
    asked = _arguments()
    results: dict[str, dict[str, Run]] = {}
    asked.data.mkdir(parents=True, exist_ok=True)
    steadily = f"{asked.steady}, always" if asked.steady else flushes(asked.data)
    about = machine() | {"flush of the disk, ms": steadily}
    say(json.dumps(about))
    for size in asked.size or [10_000]:
        say(f"{size}: the hospital and its PostgreSQL")
        place = asyncio.run(world(asked.data, size, say))
        try:
            if asked.warm:
                say(f"{size}: into memory")
                place.warm()
            with place.steady(asked.steady):
                results[str(size)] = _measure(place, asked)
        finally:
            place.stop()
        for name, run in results[str(size)].items():
            say(f"{size} {name}: {run.rate:.0f} requests/s")
            say(table({f"{size} {name}": run.server}))
    columns = {f"{size} {name}": run.server for size, runs in results.items() for name, run in runs.items()}
    say(f"\nAt the server, ms\n\n{table(columns)}\n")
    for size, runs in results.items():
        print(size, {name: f"{run.rate:.0f} requests/s" for name, run in runs.items()}, _verdict(runs["paused"]))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(msgspec.json.format(msgspec.json.encode({"machine": about, "runs": results})))


def _measure(place: World, asked: argparse.Namespace) -> dict[str, Run]:
    runs = {}
    kinds = (("paused", asked.pause, asked.seconds), ("saturated", 0.0, asked.saturated))
    for name, pause, seconds in (one for one in kinds if one[2]):
        say(f"{place.patients} {name}: {asyncio.run(place.go_home())} records of those whom a run left")
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as notes,
            server(place.dsn, asked.port, asked.workers, Path(notes), master_key=place.master_key),
        ):
            sample = asyncio.run(_sample(place))
            say(f"{place.patients} {name}: {asked.settle:.0f} s to settle, then {seconds:.0f} s")
            times = asyncio.run(_everybody(place, sample, asked, pause, seconds))
            rows = [row for path in Path(notes).glob("*.tsv") for row in _notes(path)]
        runs[name] = Run(by_label(rows), by_label(times), len(times) / seconds)
    return runs


async def _everybody(
    place: World, sample: Sample, asked: argparse.Namespace, pause: float, seconds: float
) -> list[tuple[str, int, float]]:
    times: list[tuple[str, int, float]] = []
    run = time.time_ns()  # other people come in every run: who was received in the one before is not received again
    desks = []
    for count, shift, logins in PEOPLE:
        for number in range(count):
            chance = Random(f"{shift.__name__} {number} {run}")
            desk = Desk(Browser(asked.port, times), chance, pause, place.house, sample)
            desks.append((desk, shift, logins[number % len(logins)]))
    for count, (desk, shift, login) in enumerate(desks, 1):
        await arrive(desk, shift, login)
        if count % EVERY == 0:
            say(f"  {count} of {len(desks)} are at their desks")
    working = [asyncio.create_task(work(desk, shift)) for desk, shift, _ in desks]
    for measured, length in ((False, asked.settle), (True, seconds), (False, GRACE)):
        for desk, _shift, _login in desks:
            desk.browser.measured = measured
        await _passes(length, working, times)
    for task in working:
        task.cancel()
    await asyncio.gather(*working, return_exceptions=True)
    for desk, _, _ in desks:
        await desk.browser.close()
    return times


async def _passes(seconds: float, working: list[asyncio.Task[None]], times: list[tuple[str, int, float]]) -> None:
    """Let everybody work so long, and tell how it goes.

    Raises:
        Exception: somebody could not go on.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while (left := until - clock()) > 0:
        done, _ = await asyncio.wait(working, timeout=min(left, EVERY), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
        say(f"  {max(0, until - clock()):.0f} s left, {len(times)} answers")


async def _sample(place: World) -> Sample:
    """People as they come to the desk: any of the hospital's, read through the store."""
    database, chance = await Database.connect(place.dsn, size=2), Random(place.patients)
    async with database.transaction(place.house.key) as tx:
        found = await store.read_many(
            tx, place.house.loader, r4.Patient, [place.somebody(chance) for _ in range(SAMPLED)]
        )
    await database.close()
    people = list(found.values())
    return Sample(
        names=[full_name(one) for one in people],
        numbers=[number for one in people if (number := identifier(one, systems.CCCD))],
        phones=[phone for one in people if (phone := phone_of(one))],
        ids=list(found),
    )


def _notes(path: Path) -> list[tuple[str, int, float]]:
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    return [(label, int(status), float(spent)) for label, status, spent in rows]


def _verdict(run: Run) -> dict[str, bool]:
    """Which of the three claims hold at the server."""

    def holds(start: str, most: float) -> bool:
        return all(one.p95 <= most for label, one in run.server.items() if label.startswith(start))

    return {"patient search": holds("search", SEARCH), "check-in": holds("check-in", CHECK_IN),
            "staff pages": holds("page", PAGE)}  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, action="append", help="patients: up to 10000, or 100000; may be repeated")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "benhan-bench")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--saturated", type=float, default=20, help="seconds without pauses; 0: only with them")
    parser.add_argument(
        "--warm", action="store_true", help="read records and index into memory before, as far as it goes"
    )
    parser.add_argument(
        "--steady", type=float, default=0, help="milliseconds of a flush, the log in memory; 0: on the disk as it is"
    )
    parser.add_argument("--settle", type=float, default=30, help="seconds of the same work before the clock runs")
    parser.add_argument("--pause", type=float, default=5.0, help="seconds a user pauses between steps, on average")
    parser.add_argument("--workers", type=int, default=1, help="server processes, as BENHAN_WORKERS")
    parser.add_argument("--port", type=int, default=8497)
    parser.add_argument("--output", type=Path, default=Path("bench/results/visit.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
