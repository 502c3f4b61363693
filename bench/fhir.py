"""The record store over HTTP, access rules and audit on: `python -m bench.fhir`.

Requests a second, milliseconds, and what a request costs the server in CPU microseconds: Python, PostgreSQL and the
load generator apart. `--report` writes the section of docs/why/speed.md and its plot.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import msgspec

from bench.bulk import BulkRow, bulk
from bench.caller import Plan, Seen, call
from bench.cpu import Spent, memory, settle, spent
from bench.fhir_world import SIZES, World, world
from bench.figures import machine
from bench.serving import server
from bench.ward import MADE, Ward

READING = (
    "read", "identifier", "family", "sorted", "include", "chained", "total", "one row", "half of all", "both",
)  # fmt: skip
WRITING = ("ward", "create Patient", "create Observation", "transaction of 50")
#: Requests made before the clock, where one of them is large.
FEWER = {"transaction of 50": 300}


class Row(msgspec.Struct, frozen=True):
    """One operation at one number of clients."""

    size: int
    operation: str
    workers: int
    clients: int
    per_second: float
    p50: float
    p95: float
    python_us: float
    postgres_us: float
    caller_us: float
    refused: int
    found: float
    memory_mb: float


def measured(
    place: World, operation: str, workers: int, clients: int, asked: argparse.Namespace, pid: int
) -> Row | str:
    """Play one operation; a row, or why there is none."""
    ward = Ward(place.size, seed=7 + clients)
    supply = ward.requests(place.token)[operation]()
    requests = list(itertools.islice(supply, FEWER.get(operation, MADE)))
    postgres = place.postgres.pid()
    assert postgres
    call(Plan(asked.port, requests[: len(requests) // 2], clients, asked.seconds / 4, 0.0))
    before = spent(pid, postgres)
    seen = call(Plan(asked.port, requests, clients, asked.seconds, 0.0))
    cost = spent(pid, postgres).since(before)
    if not seen.times or seen.refused == len(seen.times):
        return seen.sample
    return _row(place.size, operation, workers, clients, seen, cost, memory(pid))


def _row(size: int, operation: str, workers: int, clients: int, seen: Seen, cost: Spent, megabytes: float) -> Row:
    times, n = sorted(seen.times), len(seen.times)
    p50, p95 = round(times[n // 2], 2), round(times[int(n * 0.95)], 2)
    return Row(
        size, operation, workers, clients, round(seen.per_second, 1), p50, p95,
        round(cost.python / n * 1e6), round(cost.postgres / n * 1e6), round(seen.cpu_seconds / n * 1e6),
        seen.refused, round(seen.found / seen.looked, 2) if seen.looked else 0.0, round(megabytes),
    )  # fmt: skip


async def _world(size: int, asked: argparse.Namespace) -> tuple[list[Row], list[BulkRow]]:
    rows: list[Row] = []
    ways: list[BulkRow] = []
    chosen = [one for one in READING + WRITING if not asked.only or one in asked.only]
    in_bulk = not asked.only or "bulk" in asked.only
    async with world(asked.data, size, lambda text: print(text, flush=True)) as place:
        for workers in asked.workers:
            notes = Path(tempfile.mkdtemp(prefix="bench-"))
            with server(place.dsn, asked.port, workers, notes, pool=asked.pool, master_key=place.master_key) as pid:
                settle(pid)
                for operation, clients in itertools.product(chosen, asked.clients):
                    row = await asyncio.to_thread(measured, place, operation, workers, clients, asked, pid)
                    print(_line(row) if isinstance(row, Row) else f"{operation}: {row[:900]}", flush=True)
                    rows += [row] if isinstance(row, Row) else []
                if in_bulk and workers == asked.workers[0]:
                    for way in bulk(place, asked.port, pid):
                        print(way, flush=True)
                        ways.append(way)
            shutil.rmtree(notes)
    return rows, ways


def _line(row: Row) -> str:
    refused = f"  REFUSED {row.refused}" if row.refused else ""
    return (
        f"{row.size:>8} {row.operation:20} w={row.workers} c={row.clients}  {row.per_second:8.1f}/s  p50 {row.p50:7.2f}"
        f"  p95 {row.p95:7.2f} ms  CPU µs: Python {row.python_us:6.0f}  PostgreSQL {row.postgres_us:6.0f}"
        f"  generator {row.caller_us:4.0f}  found {row.found:.2f}{refused}"
    )


def main() -> None:
    """Measure, print, write JSON and, if asked, the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, action="append", choices=SIZES, help="records (default 20000)")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "benhan-bench")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", type=int, action="append", help="default 1 and 8")
    parser.add_argument("--only", action="append", help="operations to measure")
    parser.add_argument("--workers", type=int, action="append", help="server processes, one run for each (default 1)")
    parser.add_argument("--pool", type=int, default=0, help="connections of one; 0: as `benhan up`")
    parser.add_argument("--port", type=int, default=8497)
    parser.add_argument("--output", type=Path, default=Path("bench/results/fhir.json"))
    parser.add_argument("--report", action="store_true", help="write the section of docs/why/speed.md and its plot")
    asked = parser.parse_args()
    asked.size, asked.clients = asked.size or [SIZES[0]], asked.clients or [1, 8]
    asked.workers = asked.workers or [1]
    on, load = machine(), []
    rows: list[Row] = []
    ways: list[BulkRow] = []
    for size in asked.size:
        more, bulks = asyncio.run(_world(size, asked))
        rows, ways = rows + more, ways + bulks
        load.append(round(os.getloadavg()[0], 1))
    kept = {"machine": on, "date": f"{date.today():%d/%m/%Y}", "load after": load, "rows": rows, "bulk": ways}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    if asked.report:
        from bench.report import write

        write(asked.output)


if __name__ == "__main__":
    main()
