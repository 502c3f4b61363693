"""What `benhan chart` does: a month of closed records out of the house; verifying what came out of one."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benhan.cli_store import Data, OneFacility, facility_of, served

console = Console(highlight=False)
chart = typer.Typer(no_args_is_help=True, help="Hồ sơ bệnh án: xuất một tháng, kiểm một gói.")


@chart.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Thư mục nhận gói; chạy lại thì làm tiếp.")],
    month: Annotated[datetime, typer.Option("--month", formats=["%Y-%m"], help="Tháng đóng hồ sơ, ví dụ 2026-10.")],
    facility: OneFacility = None,
    pdf: Annotated[bool, typer.Option("--pdf/--no-pdf", help="Kèm bản in PDF của mẫu (chậm hơn nhiều).")] = False,
    data: Data = None,
) -> None:
    """Every record closed in a month, each a package (HoSoBenhAn, FHIR, PDF), its export traced; goes on if stopped."""
    from benhan.core.access import Role, service
    from benhan.core.db import Database
    from benhan.hospital.chart.exchange.make import Way
    from benhan.hospital.chart.exchange.month import export as run_month
    from benhan.settings import Settings

    async def run(dsn: str) -> int:
        settings = Settings()
        database = await Database.connect(dsn, statement_seconds=600)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        try:
            async with database.transaction() as tx:
                at = await facility_of(tx, facility)
            with Progress(*columns, console=console, transient=True) as progress:
                step = progress.add_task("Xuất", total=None)
                who = service(Role.LOADER, at.key, at.name)
                done = await run_month(
                    database, who, month.date(), folder, Way(settings.public_url, settings.cv365_mapping, pdf),
                    lambda now, all_: progress.update(step, completed=now, total=all_),
                )  # fmt: skip
        finally:
            await database.close()
        console.print(f"Mới {done.made} · đã có {done.there} · không xuất được {len(done.refused)}")
        for one in done.refused[:20]:
            console.print(f"[red]✗[/] {one}")
        return 1 if done.refused else 0

    with served(data) as dsn:
        raise typer.Exit(asyncio.run(run(dsn)))


@chart.command()
def verify(
    package: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Gói hồ sơ (zip).")],
    key: Annotated[str, typer.Option("--key", help="Khoá công khai của cơ sở (base64), nếu biết trước.")] = "",
) -> None:
    """Hold a package against its hashes and signatures; exit code 1 when anything was changed. Needs no server."""
    from benhan.hospital.chart.exchange.package import verified

    report = verified(package, key)
    for one in report.right:
        console.print(f"[green]✓[/] {one}", soft_wrap=True)
    for one in report.wrong:
        console.print(f"[red]✗[/] {one}", soft_wrap=True)
    raise typer.Exit(0 if report.good else 1)


@chart.command()
def check(
    document: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="HoSoBenhAn: JSON hoặc XML.")],
) -> None:
    """Hold a HoSoBenhAn, ours or another hospital's, against its fields; keeps nothing of it."""
    from benhan.core.fhir.outcome import Problem
    from benhan.hospital.chart.exchange import tree

    try:
        found = tree.wrong(tree.read(document.read_bytes()))
    except Problem as refused:
        console.print(f"[red]✗[/] {refused.where or ''} {refused.message}", soft_wrap=True)
        raise typer.Exit(1) from None
    for one in found:
        console.print(f"[red]✗[/] {one.where}: {one.what}", soft_wrap=True)
    if not found:
        console.print("[green]✓[/] HoSoBenhAn")
    raise typer.Exit(1 if found else 0)
