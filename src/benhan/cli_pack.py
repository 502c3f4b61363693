"""What `benhan pack` does: write the pack of a ward by hand; open one where nothing else runs."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benhan.cli_store import Data, OneFacility, facility_of, served

console = Console(highlight=False)
pack = typer.Typer(no_args_is_help=True, help="Gói dự phòng của khoa: viết, mở khi mất hệ thống.")


@pack.command()
def write(
    folder: Annotated[Path, typer.Argument(help="Thư mục nhận gói (ổ đĩa của máy khoa, thư mục chung).")],
    department: Annotated[str, typer.Option("--department", help="Mã (id) của khoa: Organization.")],
    facility: OneFacility = None,
    data: Data = None,
) -> None:
    """Write the pack of a department now; what did not change is left as it lies."""
    from benhan.core.db import Database
    from benhan.hospital.chart.packs.folder import Folder
    from benhan.hospital.chart.packs.wards import write_one
    from benhan.hospital.chart.packs.writing import Ward

    async def run(dsn: str) -> int:
        database = await Database.connect(dsn)
        try:
            async with database.transaction() as tx:
                at = await facility_of(tx, facility)
            done = await write_one(database, Ward(at.key, at.code, at.name, department), Folder(folder))
        finally:
            await database.close()
        if not done.readers:
            console.print("[red]✗[/] Chưa ai của khoa đặt cụm mật khẩu dự phòng: không viết gói.")
            return 1
        console.print(f"{done.patients} người bệnh · viết lại {done.anew} · {done.readers} người mở được")
        return 0

    with served(data) as dsn:
        raise typer.Exit(asyncio.run(run(dsn)))


@pack.command("open")
def open_pack(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Thư mục có gói.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Cổng, chỉ trên máy này.")] = 8470,
    log: Annotated[Path | None, typer.Option("--log", help="Thư mục ghi sổ mở; mặc định: log trong gói.")] = None,
) -> None:
    """Open a pack in a browser on this computer: no server, no database, its own sign-in."""
    from benhan.core.vault import Damaged
    from benhan.hospital.chart.packs.viewer import create_viewer, serve

    try:
        viewer = create_viewer(folder, log)
    except (FileNotFoundError, Damaged) as wrong:
        raise typer.BadParameter(f"không có gói nào mở được trong {folder} ({wrong}).", param_hint="FOLDER") from None
    except OSError as wrong:
        raise typer.BadParameter(f"không ghi được sổ mở hồ sơ ({wrong}); chọn --log.") from None
    threading.Thread(target=_announce, args=(port,), daemon=True).start()
    asyncio.run(serve(viewer, port))


def _announce(port: int) -> None:
    """Say so when it answers."""
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                console.print(f"READY http://127.0.0.1:{port}")
                sys.stdout.flush()
                return
        except OSError:
            time.sleep(0.1)
