"""Bringing into the audit who opened a pack while the server was away: each line once, with the time it happened.

The audit's own time is that of the bringing in; when it was opened, on which computer, of when the pack was, the trace
says. A log that was changed or cut is told there too, once. Source: TT 13/2025/TT-BYT Đ5.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.kit import clock
from benhan.core.vault import Damaged
from benhan.hospital.chart.packs import book
from benhan.hospital.chart.packs.book import Line, Opened
from benhan.hospital.chart.packs.folder import LOG, Folder

#: What the audit calls what was done with a pack; reading is reading.
_ACTS: Final = {"signed-in": "pack-opened", "refused": "pack-refused", "list": "pack-listed"}


async def bring(tx: Transaction, who: Subject, department: str, private: bytes, folder: Folder) -> int:
    """Bring in what is new in the logs of a pack; gives how many lines that were."""
    count = 0
    for path in await asyncio.to_thread(lambda: sorted((folder.path / LOG).glob("*.log"))):
        count += await _one(tx, who, department, private, path)
    return count


async def _one(tx: Transaction, who: Subject, department: str, private: bytes, path: Path) -> int:
    name = f"{department}/{path.name}"
    row = await tx.fetchrow(
        "select lines, chain, broken from ward_pack_log where facility = $1 and name = $2 for update",
        who.facility, name,
    )  # fmt: skip
    if row and row["broken"]:
        return 0
    after, chain = (row["lines"], row["chain"]) if row else (0, book.first(path.name))
    found, broken = await asyncio.to_thread(_read, path, department, private, after, chain)
    for opened, line in found:
        _trace(tx, who, department, opened)
        after, chain = line.number, line.chain
    if broken:
        record(tx, who, Event("pack-log-broken", "Organization", department, allowed=False, detail=broken))
    if found or broken or row is None:
        await tx.execute(
            "insert into ward_pack_log (facility, name, lines, chain, broken) values ($1, $2, $3, $4, $5)"
            " on conflict (facility, name) do update set lines = $3, chain = $4, broken = $5",
            who.facility, name, after, chain, bool(broken),
        )  # fmt: skip
    return len(found)


def _read(
    path: Path, department: str, private: bytes, after: int, chain: bytes
) -> tuple[list[tuple[Opened, Line]], str]:  # fmt: skip
    """The new lines, up to the one that is wrong; and what is wrong with it."""
    found: list[tuple[Opened, Line]] = []
    try:
        for one in book.read(path, department, private, after, chain):
            found.append(one)
    except Damaged as wrong:
        return found, str(wrong)
    return found, ""


def _trace(tx: Transaction, who: Subject, department: str, one: Opened) -> None:
    reader = Subject(
        account=one.account or "unknown", name=one.name, facility=who.facility, facility_name=who.facility_name,
        roles=frozenset(),
    )  # fmt: skip
    said = (
        f"opened {clock.fhir_instant(one.at)} on {one.device}, pack of {clock.fhir_instant(one.written)}"
        f"{': ' + one.what if one.what else ''}"
    )
    refused = one.act == "refused"
    action, type_ = _ACTS.get(one.act, "read"), "Encounter" if one.stay else "Organization"
    event = Event(action, type_, one.stay or department, one.patient or None, not refused, "ward-pack", said)
    record(tx, reader, event)
