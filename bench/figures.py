"""Times as figures: percentiles, a table, JSON, and the name of the machine they were taken on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """How long one kind of step took (milliseconds), how often it was done, how often it was refused."""

    n: int
    p50: float
    p95: float
    p99: float
    worst: float
    refused: int = 0


def figure(times: Iterable[float], refused: int = 0) -> Figure:
    """The percentiles of some times; at least one must be given."""
    ordered = sorted(times)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)

    return Figure(len(ordered), at(0.5), at(0.95), at(0.99), round(ordered[-1], 1), refused)


def by_label(rows: Iterable[tuple[str, int, float]]) -> dict[str, Figure]:
    """(label, status, milliseconds) → figures by label; an answer from 400 on counts as refused."""
    times: dict[str, list[float]] = {}
    refused: dict[str, int] = {}
    for label, status, spent in rows:
        times.setdefault(label, []).append(spent)
        refused[label] = refused.get(label, 0) + (status >= 400)
    return {label: figure(times[label], refused[label]) for label in sorted(times)}


def table(columns: Mapping[str, Mapping[str, Figure]]) -> str:
    """Figures of several runs side by side, as Markdown: n, p50, p95 each, refusals where there are any."""
    labels = sorted({label for figures in columns.values() for label in figures})
    lines = ["| step | " + " | ".join(f"{name}: n | p50 | p95" for name in columns) + " |"]
    lines.append("|---|" + "---:|---:|---:|" * len(columns))
    for label in labels:
        cells = [_cells(figures.get(label)) for figures in columns.values()]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(one: Figure | None) -> str:
    if one is None:
        return " | | "
    refused = f" ({one.refused} refused)" if one.refused else ""
    return f"{one.n}{refused} | {one.p50} | {one.p95}"


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    models = [line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory) / 1024**2:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def flushes(folder: Path, count: int = 400) -> str:
    """How long the disk takes to have a page for sure, as PostgreSQL asks of it at every commit (milliseconds)."""
    times, page = [], os.urandom(8192)
    with NamedTemporaryFile(dir=folder) as file:
        file.write(page * count)
        file.flush()
        os.fsync(file.fileno())
        for n in range(count):
            os.pwrite(file.fileno(), page, 8192 * n)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
            time.sleep(0.01)
    one = figure(times)
    return f"{one.p50} p95 {one.p95} p99 {one.p99} worst {one.worst}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
