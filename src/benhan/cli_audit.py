"""What `benhan audit …` does, and how it tells it: Vietnamese, English beneath."""

from __future__ import annotations

import asyncio
import csv
import getpass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.progress import Progress

from benhan.cli_store import Facility, facility_of
from benhan.core.access import Subject
from benhan.core.access.acts import Asked, all_acts
from benhan.core.access.audit import Event, record
from benhan.core.access.audit_event import audit_event
from benhan.core.access.seals.findings import Finding, Verdict
from benhan.core.access.seals.keeper import Directory
from benhan.core.access.seals.statement import key_id, read_public
from benhan.core.access.seals.verify import verify
from benhan.core.db import PLATFORM, Database
from benhan.core.db.embedded import default_folder
from benhan.core.fhir import codec
from benhan.settings import Settings

#: What a demo keeps in its folder beside the database.
AUDIT_KEY, AUDIT_KEEPER = "audit-key.pem", "audit-keeper"
#: A statement of the verification reads one seal's rows; an old disk may take its time.
STATEMENT_SECONDS: Final = 600
_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PAGE: Final = 1_000
_CSV: Final = (
    "key", "at", "account", "name", "session", "address", "action", "type", "id", "patient", "allowed", "rule",
    "detail",
)  # fmt: skip
console = Console(highlight=False, soft_wrap=True)


def places(data: Path | None, keeper: Path | None, key: Path | None) -> tuple[Path | None, Path | None]:
    """Keeper and key: as asked, as the settings say, or the demo's in the data folder; None where there is none."""
    settings, folder = Settings(), (data or default_folder()).resolve()
    wanted = keeper or settings.audit_keeper or folder / AUDIT_KEEPER, key or settings.audit_key or folder / AUDIT_KEY
    return wanted[0] if wanted[0].exists() else None, wanted[1] if wanted[1].exists() else None


async def verified(dsn: str, keeper: Path | None, key: Path | None, code: str | None, progress: Progress) -> int:
    """Verify, and say what was found; gives the exit code.

    Raises:
        typer.BadParameter: there is no public key to verify with, or no facility of this code.
    """
    outside = Directory(keeper) if keeper else None
    keys = _keys(outside, key)
    if not keys:
        raise typer.BadParameter("không có khoá nào để kiểm tra chữ ký (no key to verify with)", param_hint="--key")
    if outside is None:
        console.print("[yellow]![/] Không có nơi giữ bên ngoài: sổ bị cắt đuôi thì không biết được.")
        console.print("  No outside keeper: an audit whose end was cut off cannot be told from a whole one.")
    database = await Database.connect(dsn, statement_seconds=STATEMENT_SECONDS)
    try:
        return await _verified(database, outside, keys, code, progress)
    finally:
        await database.close()


def _keys(outside: Directory | None, key: Path | None) -> dict[bytes, Ed25519PublicKey]:
    """The public keys to verify with: those of the keeper, and the one that was given."""
    given = [read_public(key.read_bytes())] if key else []
    return (outside.keys() if outside else {}) | {key_id(public): public for public in given}


async def _verified(
    database: Database, outside: Directory | None, keys: dict[bytes, Ed25519PublicKey], code: str | None,
    progress: Progress,
) -> int:  # fmt: skip
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch("select key, code, name from facility order by key")
    names = {row["key"]: f"{row['code']} {row['name']}" for row in rows}
    only = [row["key"] for row in rows if row["code"] == code] if code else None
    if only == []:
        raise typer.BadParameter(f"không có cơ sở {code}", param_hint="--facility")
    step = progress.add_task("Kiểm tra sổ vết", total=None)

    def show(facility: int, done: int, total: int) -> None:
        progress.update(step, description=names.get(facility, str(facility)), completed=done, total=total)

    wrong = False
    async for verdict in verify(database, outside, keys, show, only):
        _say(verdict, names.get(verdict.facility, f"[{verdict.facility}]"))
        wrong = wrong or bool(verdict.findings)
    return 1 if wrong else 0


def _say(verdict: Verdict, name: str) -> None:
    mark = "[red]✗[/]" if verdict.findings else "[green]✓[/]"
    console.print(
        f"{mark} [bold]{name}[/]: {verdict.rows} dòng, {verdict.seals} niêm phong, {verdict.handed} lần gửi ra ngoài, "
        f"{verdict.waiting} dòng đang chờ niêm phong"
    )
    console.print(
        f"  [dim]{verdict.rows} rows, {verdict.seals} seals, {verdict.handed} handed over, {verdict.waiting} waiting[/]"
    )
    for finding in verdict.findings:
        console.print(f"  [red]•[/] {finding.said('vi')}{_when(finding)}")
        console.print(f"    [dim]{finding.said('en')}[/]")
    if verdict.further:
        console.print(f"  … và {verdict.further} chỗ khác (and {verdict.further} more)")


def _when(finding: Finding) -> str:
    said = [_moment(one) for one in (finding.since, finding.until) if one]
    return f" [{' – '.join(said)}]".replace("[", r"\[", 1) if said else ""


def _moment(moment: datetime) -> str:
    return moment.astimezone(_ZONE).strftime("%d/%m/%Y %H:%M:%S")


async def exported(
    dsn: str, out: Path, code: str | None, since: datetime | None, until: datetime | None, progress: Progress
) -> None:
    """Write a facility's audit (days from `since` to the end of `until`, local) as NDJSON and CSV, the newest first.

    Raises:
        typer.BadParameter: no facility of this code; OSError: the files cannot be written.
    """
    await asyncio.to_thread(out.mkdir, parents=True, exist_ok=True)
    database = await Database.connect(dsn, statement_seconds=STATEMENT_SECONDS)
    try:
        async with database.transaction(PLATFORM) as tx:
            facility = await facility_of(tx, code)
        asked = Asked(since=_start(since), until=_start(until + timedelta(days=1) if until else None))
        await _exported(database, facility, asked, out, progress)
    finally:
        await database.close()


async def _exported(database: Database, facility: Facility, asked: Asked, out: Path, progress: Progress) -> None:
    names = [out / f"audit-{facility.code}.{kind}" for kind in ("ndjson", "csv")]
    step, after, rows = progress.add_task(facility.name, total=None), None, 0
    with names[0].open("wb") as events, names[1].open("w", encoding="utf-8-sig", newline="") as table:
        sheet = csv.writer(table)
        sheet.writerow(_CSV)
        while True:
            async with database.transaction(facility.key) as tx:
                page = await all_acts(tx, facility.key, asked, after, PAGE)
            for act in page.acts:
                events.write(codec.encode(audit_event(act, facility.code, facility.name)) + b"\n")
                sheet.writerow([_cell(getattr(act, name)) for name in _CSV])
            rows, after = rows + len(page.acts), page.next
            progress.update(step, completed=rows)
            if after is None:
                break
    detail = f"{rows} rows, {asked.said()} to {out}"
    async with database.transaction(facility.key) as tx:
        record(tx, _operator(facility), Event("export-audit", "AuditEvent", rule="command line", detail=detail))
    console.print(f"{rows} dòng → {names[0]}, {names[1]}")


def _operator(facility: Facility) -> Subject:
    """Who sits at the command line, by the name of the operating system."""
    return Subject(
        account=f"operator:{getpass.getuser()}", name="", facility=facility.key, facility_name=facility.name,
        roles=frozenset(),
    )  # fmt: skip


def _cell(value: object) -> str:
    """A cell that a spreadsheet shows and does not run. Source: OWASP, CSV injection."""
    text = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _start(day: datetime | None) -> datetime | None:
    return day.replace(tzinfo=_ZONE) if day else None
