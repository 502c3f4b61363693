"""Bulk import, export and a long search over HTTP: records a second, their cost, and the memory of the server."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from bench.cpu import memory, spent
from bench.fhir_world import COPIED_UP_TO, World
from bench.ward import EACH, SMALLEST, Ward

PATIENCE_SECONDS = 900
EVERY_SECONDS = 0.1
POINTS = 100
#: Records of a page, and pages, of the long search.
PAGE, MOST_PAGES = 200, 500


class BulkRow(msgspec.Struct, frozen=True):
    """One way in or out."""

    size: int
    operation: str
    records: int
    per_second: float
    python_us: float
    postgres_us: float
    memory_before_mb: float
    memory_most_mb: float
    #: MiB from begin to end, at most POINTS of them at equal distances.
    curve: list[int]


def bulk(place: World, port: int, pid: int) -> Iterator[BulkRow]:
    """Import 20,000 new records (not where they would stay), export all there are, turn a search's pages."""
    if place.size <= COPIED_UP_TO:
        yield _measured(place, pid, "$import", lambda: _import(place, port))
    yield _measured(place, pid, "$export", lambda: _export(place, port))
    yield _measured(place, pid, "long search", lambda: _turn(place, port))


def _measured(place: World, pid: int, name: str, work: Callable[[], int]) -> BulkRow:
    postgres = place.postgres.pid()
    assert postgres
    rest, before, began = memory(pid), spent(pid, postgres), time.perf_counter()
    with _watched(pid) as most:
        records = work()
    seconds, cost = time.perf_counter() - began, spent(pid, postgres).since(before)
    return BulkRow(
        place.size, name, records, round(records / seconds, 1), round(cost.python / records * 1e6),
        round(cost.postgres / records * 1e6), round(rest), round(max(most)),
        [round(one) for one in most[:: max(1, len(most) // POINTS)]],
    )  # fmt: skip


@contextmanager
def _watched(pid: int) -> Iterator[list[float]]:
    """Memory of the server while the block runs."""
    seen, over = [memory(pid)], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS):
            seen.append(memory(pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _import(place: World, port: int) -> int:
    ward = Ward(place.size, seed=11)
    numbers = range(ward.people, ward.people + SMALLEST // EACH)
    body = b"\n".join(msgspec.json.encode(one) for number in numbers for one in ward.person(number))
    answer, found = _ask(place, port, "POST", "/fhir/$import", body, {"Content-Type": "application/fhir+ndjson"})
    if answer.status != 200:
        raise RuntimeError(f"$import: {answer.status} {found[:300]!r}")
    return int(json.loads(found)["extension"]["created"])


def _export(place: World, port: int) -> int:
    answer, found = _ask(place, port, "GET", "/fhir/$export", None, {"Prefer": "respond-async"})
    status = answer.getheader("Content-Location")
    if status is None:
        raise RuntimeError(f"$export: {answer.status} {found[:300]!r}")
    path, until = status[status.index("/fhir") :], time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        answer, found = _ask(place, port, "GET", path)
        if answer.status == 200:
            files = [one["url"] for one in json.loads(found)["output"]]
            return sum(_lines(place, port, url[url.index("/fhir") :]) for url in files)
        time.sleep(EVERY_SECONDS)
    raise TimeoutError("$export")


def _turn(place: World, port: int) -> int:
    """All Observations page by page, as its `next` links lead, up to MOST_PAGES."""
    path, found = f"/fhir/Observation?_sort=-date&_count={PAGE}", 0
    for _ in range(MOST_PAGES):
        answer, body = _ask(place, port, "GET", path)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:300]!r}")
        page = json.loads(body)
        found += len(page.get("entry", ()))
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        if following is None:
            break
        path = following[following.index("/fhir") :]
    return found


def _lines(place: World, port: int, path: str) -> int:
    return _ask(place, port, "GET", path)[1].count(b"\n")


def _ask(
    place: World, port: int, method: str, path: str, body: bytes | None = None, more: dict[str, str] | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers: dict[str, Any] = {"Authorization": f"Bearer {place.token}", "Accept": "*/*", **(more or {})}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.read()
    connection.close()
    return answer, found
