"""What `bench.fhir` measured, as a section of docs/why/speed.md and a plot beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.peers import AIMS, ASKED, PEERS

PAGE = Path("docs/why/speed.md")
PLOT = Path("docs/why/speed-fhir.svg")
CURVE = Path("docs/why/speed-memory.svg")
BEGIN, END = "<!-- bench.fhir: begin -->", "<!-- bench.fhir: end -->"
COLOURS = ("#206bc4", "#8a97a8", "#b5bfcc", "#d5dbe3")
COLOURS_OF_LINES = ("#206bc4", "#2fb344", "#f76707")
DASHES = ("", "6 3", "2 2")
#: The plot: width of a bar at its longest, height of one bar, room for names.
LONG, BAR, NAMES = 420, 11, 250

Row = dict[str, Any]


def write(results: Path) -> None:
    """Replace the section in the page; draw the plot anew."""
    found: Row = msgspec.json.decode(results.read_bytes())
    page = PAGE.read_text("utf-8")
    if BEGIN not in page:
        page += f"\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{section(found)}\n{END}{after}", "utf-8")
    PLOT.write_text(plot(found["rows"], found["bulk"]), "utf-8")
    CURVE.write_text(curve(found["bulk"]), "utf-8")


def section(found: Row) -> str:
    """The tables."""
    machine = found["machine"]
    on = f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, Python {machine['python']}"
    load = ", ".join(map(str, found["load after"]))
    lines = [
        f"Measured on {found['date']}: {on}; load average {machine['load before']} before, {load} after each size."
        " Generator, server and PostgreSQL share the cores. Access rules and audit are on. `2 w`: two processes.",
        "", *_contest(found["rows"], found["bulk"]), "", "![The record store beside its peers](speed-fhir.svg)", "",
        *_costs(found["rows"]), "", *_growth(found["rows"]), "", *_bulk(found["bulk"]),
    ]  # fmt: skip
    return "\n".join(lines)


def _best(rows: Sequence[Row], operation: str, clients: int = 8, size: int | None = None) -> Row | None:
    """The fastest run of an operation, whatever the number of processes; at the smallest size unless one is named."""
    size = size or min((row["size"] for row in rows), default=0)
    some = [row for row in rows if (row["operation"], row["clients"], row["size"]) == (operation, clients, size)]
    return max(some, key=lambda row: row["per_second"], default=None)


def _contest(rows: Sequence[Row], bulk: Sequence[Row]) -> Iterator[str]:
    yield f"| 20,000 records, 8 clients: per second | Benhan | aim | {' | '.join(PEERS)} |"
    yield "|---|" + "---:|" * (2 + len(PEERS))
    for operation, aim in AIMS.items():
        ours = _best(rows, operation) or next((row for row in bulk if row["operation"] == operation), None)
        peers = [str(peer.get(operation, "")) for peer in PEERS.values()]
        said = "not measured"
        if ours:
            by = f" ({ours['workers']} w)" if "workers" in ours else ""
            said = f"{ours['per_second']:.0f}{by}"
        yield f"| {ASKED.get(operation, operation)} | {said} | {aim} | {' | '.join(peers)} |"


def _costs(rows: Sequence[Row]) -> Iterator[str]:
    heads = "records, operation", "w", "clients", "per second", "p50 ms", "p95 ms"
    yield f"| {' | '.join(heads)} | Python µs | PostgreSQL µs | generator µs | refused |"
    yield "|---|" + "---:|" * 9
    for row in rows:
        yield (
            f"| {row['size']:,} {ASKED.get(row['operation'], row['operation'])} | {row['workers']} | {row['clients']} |"
            f" {row['per_second']:.0f} | {row['p50']} | {row['p95']} | {row['python_us']:.0f} |"
            f" {row['postgres_us']:.0f} | {row['caller_us']:.0f} | {row['refused'] or ''} |"
        )


def _growth(rows: Sequence[Row]) -> Iterator[str]:
    sizes = sorted({row["size"] for row in rows})
    if len(sizes) < 2:
        return
    yield f"| p50 ms at 1 client | {' | '.join(f'{size:,}' for size in sizes)} | times |"
    yield "|---|" + "---:|" * (len(sizes) + 1)
    for operation in dict.fromkeys(row["operation"] for row in rows):
        found = [_best(rows, operation, 1, size) for size in sizes]
        if all(found):
            p50 = [row["p50"] for row in found if row]
            cells = " | ".join(map(str, p50))
            yield f"| {ASKED.get(operation, operation)} | {cells} | {p50[-1] / p50[0]:.1f} |"


def _bulk(bulk: Sequence[Row]) -> Iterator[str]:
    if not bulk:
        return
    yield "| bulk | records | per second | Python µs | PostgreSQL µs | memory MiB before | at most |"
    yield "|---|" + "---:|" * 6
    for row in bulk:
        yield (
            f"| {row['operation']} into or from {row['size']:,} | {row['records']:,} | {row['per_second']:.0f} |"
            f" {row['python_us']:.0f} | {row['postgres_us']:.0f} | {row['memory_before_mb']:.0f} |"
            f" {row['memory_most_mb']:.0f} |"
        )
    yield from ("", "![The server's memory while records go in and out](speed-memory.svg)")


def plot(rows: Sequence[Row], bulk: Sequence[Row]) -> str:
    """Bars for us and each peer, an operation a group, on a logarithmic scale; the aim is a line."""
    top = 20_000
    names = ["Benhan", *PEERS]
    group = BAR * len(names) + 10
    parts, y = [], 30
    for n, name in enumerate(names):
        parts.append(text(NAMES + n * 150, 16, name, COLOURS[n]))
    for operation, aim in AIMS.items():
        ours = _best(rows, operation) or next((row for row in bulk if row["operation"] == operation), None)
        values = [ours["per_second"] if ours else 0.0, *(float(peer[operation]) for peer in PEERS.values())]
        parts.append(text(4, y + group / 2, ASKED.get(operation, operation).replace("`", ""), "#182433"))
        for n, value in enumerate(values):
            wide = _wide(value, top)
            parts.append(
                f'<rect x="{NAMES}" y="{y + n * BAR}" width="{wide:.1f}" height="{BAR - 2}" fill="{COLOURS[n]}"/>'
                + text(NAMES + wide + 4, y + n * BAR + 8, f"{value:.0f}", "#667382", 9)
            )
        at = NAMES + _wide(aim, top)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{y}" y2="{y + group - 12}" stroke="#d63939"/>')
        y += group
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {NAMES + LONG + 160} {y}" font-family="sans-serif">'
        f"<title>Requests a second at 8 clients, logarithmic; red: the aim</title>{''.join(parts)}</svg>\n"
    )


def curve(bulk: Sequence[Row]) -> str:
    """The server's memory over each of the bulk operations: a line each, from its begin to its end."""
    high = 100 * math.ceil(max((row["memory_most_mb"] for row in bulk), default=100) / 100)
    names = list(dict.fromkeys(row["operation"] for row in bulk))
    sizes = sorted({row["size"] for row in bulk})
    tall, left = 240, 60
    parts = [
        text(4, tall - tall * mib / high + 14, f"{mib} MiB", "#667382", 9)
        + f'<line x1="{left}" x2="{left + LONG}" y1="{tall - tall * mib / high + 10:.0f}"'
        f' y2="{tall - tall * mib / high + 10:.0f}" stroke="#e6e7e9"/>'
        for mib in range(0, high + 1, 100)
    ]
    for n, row in enumerate(bulk):
        last = max(1, len(row["curve"]) - 1)
        points = " ".join(
            f"{left + LONG * i / last:.1f},{tall - tall * mib / high + 10:.1f}" for i, mib in enumerate(row["curve"])
        )
        colour, dash = COLOURS_OF_LINES[names.index(row["operation"])], DASHES[sizes.index(row["size"])]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-dasharray="{dash}"/>')
        parts.append(text(left + LONG + 8, 20 + 14 * n, f"{row['operation']}, {row['size']:,}", colour))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + LONG + 180} {tall + 20}"'
        ' font-family="sans-serif"><title>Memory of the server process from begin to end; solid, dashed, dotted:'
        f" the sizes from small to large</title>{''.join(parts)}</svg>\n"
    )


def _wide(value: float, top: float) -> float:
    return LONG * math.log10(max(value, 1)) / math.log10(top)


def text(x: float, y: float, said: str, colour: str, size: int = 11) -> str:
    """Words in a plot."""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{colour}">{said}</text>'
