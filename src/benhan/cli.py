"""`benhan`: every task of an operator, one command each."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from benhan.cli_chart import chart
from benhan.cli_doors import doors
from benhan.cli_form import form
from benhan.cli_keys import keys
from benhan.cli_pack import pack
from benhan.cli_store import MASTER_KEY, AnyFacility, Data, OneFacility, facility_of, master_source, served, use_master
from benhan.cli_token import invite, token
from benhan.core.db import Database, WallOpen
from benhan.settings import Settings

cli = typer.Typer(no_args_is_help=True, add_completion=False, help="Benhan: hệ thống bệnh án điện tử mở.")
audit = typer.Typer(no_args_is_help=True, help="Sổ vết truy cập: kiểm tra niêm phong, xuất cho thanh tra.")
cli.add_typer(audit, name="audit")
cli.add_typer(keys, name="keys")
cli.add_typer(chart, name="chart")
cli.add_typer(pack, name="pack")
cli.command()(token)
cli.command()(invite)
cli.command()(doors)
cli.command()(form)
console = Console(highlight=False)

Port = Annotated[int, typer.Option("--port", min=1, max=65535, help="Cổng.")]


def main() -> None:
    """Entry point of the `benhan` command."""
    try:
        cli()
    except WallOpen as error:
        console.print(f"[red]✗[/] {error}")
        sys.exit(2)


@cli.command()
def demo(
    port: Port = 8400,
    data: Data = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Xoá dữ liệu cũ và làm lại từ đầu.")] = False,
    scale: Annotated[int, typer.Option("--scale", min=0, max=436_000, help="Số lượt khám mô phỏng.")] = 3000,
    workers: Annotated[int, typer.Option("--workers", min=1, max=16)] = 1,
) -> None:
    """Everything up on this machine: assets, PostgreSQL, a populated demo province, the web server."""
    from benhan.cli_audit import AUDIT_KEEPER, AUDIT_KEY
    from benhan.core.access.seals.statement import make_key
    from benhan.core.db.embedded import EmbeddedPostgres, default_folder
    from benhan.core.vault.master import make_master

    _refuse_taken(port)
    folder = (data or default_folder()).resolve()
    if fresh:
        _forget(folder)
    postgres = EmbeddedPostgres(folder / "postgres")
    make_master(folder / MASTER_KEY)
    use_master(folder)
    with _progress() as progress:
        step = progress.add_task("Giao diện", total=None)
        _build(lambda text: progress.update(step, description=text))
        progress.update(step, description="PostgreSQL")
        postgres.start()
        progress.update(step, description="Dữ liệu mẫu")
        accounts = asyncio.run(_prepare_demo(postgres.dsn, scale, progress))
        progress.remove_task(step)
    make_key(folder / AUDIT_KEY)
    settings = Settings(
        mode="demo", host="127.0.0.1", port=port, data=folder, workers=workers, secure_cookies=False,
        dsn=SecretStr(postgres.dsn("benhan_app")), public_url=f"http://localhost:{port}",
        session_idle_minutes=0, idle_account_days=0, lock_minutes=0,
        master_key=master_source(folder), audit_key=folder / AUDIT_KEY, audit_keeper=folder / AUDIT_KEEPER,
    )  # fmt: skip
    with postgres.watched():
        _serve(settings, lambda: _welcome(settings, accounts))


@cli.command()
def up(
    settings_file: Annotated[Path | None, typer.Option("--settings", exists=True, help="Tệp TOML.")] = None,
    migrate_first: Annotated[bool, typer.Option("--migrate", help="Nâng cấp cơ sở dữ liệu trước khi chạy.")] = False,
) -> None:
    """The server for production, on a PostgreSQL of your own; refuses insecure settings."""
    if settings_file:
        os.environ["BENHAN_FILE"] = str(settings_file.resolve())
    settings = Settings()
    if problems := settings.insecurities():
        for problem in problems:
            console.print(f"[red]✗[/] {problem}")
        raise typer.Exit(2)
    if not settings.master_key.startswith("pkcs11:"):  # a module is opened by the process that serves: no fork keeps it
        use_master(None)
    if migrate_first:
        migrate()
    asyncio.run(_refuse_open_wall(settings))
    _build()
    _serve(settings, lambda: console.print(f"READY {settings.public_url}"))


@cli.command()
def migrate(
    contract: Annotated[
        bool, typer.Option("--contract", help="Bỏ những gì chỉ bản cũ cần; chỉ dùng khi không còn tiến trình cũ.")
    ] = False,
) -> None:
    """Bring the database of BENHAN_OWNER_DSN up to this program."""
    from benhan.core.db import migrate as run
    from benhan.core.db.migrate import contract as finish
    from benhan.core.store import terms_load

    owner = Settings().owner_dsn.get_secret_value()
    names = asyncio.run(run(owner)) + (asyncio.run(finish(owner)) if contract else [])
    asyncio.run(terms_load.want(owner))
    console.print("\n".join(names) or "Không có gì để nâng cấp.")


@cli.command()
def load(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="NDJSON, Bundle hoặc thư mục JSON.")],
    facility: OneFacility = None,
    rejects: Annotated[Path, typer.Option("--rejects", help="Tệp ghi những bản ghi bị từ chối.")] = Path(
        "rejects.ndjson"
    ),
    data: Data = None,
) -> None:
    """Load FHIR R4 records; running it again adds nothing twice."""
    from benhan.core.access import Role, service
    from benhan.core.store.bulk import load_paths

    async def run(dsn: str) -> int:
        database = await Database.connect(dsn, statement_seconds=600)
        async with database.transaction() as tx:
            to = await facility_of(tx, facility)
        with _progress() as progress:
            step = progress.add_task("Nạp", total=None)

            def show(text: str, done: int, total: int) -> None:
                progress.update(step, description=text, completed=done, total=total or None)

            tally = await load_paths(
                database, service(Role.LOADER, to.key, to.name), paths, rejects=rejects, progress=show
            )
        await database.close()
        console.print(
            f"Mới {tally.created} · cập nhật {tally.updated} · đã có {tally.unchanged} · từ chối {tally.rejected}"
            + (f" (xem {rejects})" if tally.rejected else "")
        )
        return 1 if tally.rejected else 0

    with served(data) as dsn:
        raise typer.Exit(asyncio.run(run(dsn)))


@audit.command("verify")
def audit_verify(
    keeper: Annotated[Path | None, typer.Option("--keeper", help="Thư mục của nơi giữ bên ngoài.")] = None,
    key: Annotated[Path | None, typer.Option("--key", exists=True, help="Tệp PEM của khoá (công khai là đủ).")] = None,
    facility: AnyFacility = None,
    data: Data = None,
) -> None:
    """Compare the audit with its seals and with the outside keeper; exit code 1 when something was changed."""
    from benhan.cli_audit import places, verified

    with served(data) as dsn, _progress() as progress:
        keeper, key = places(data, keeper, key)
        raise typer.Exit(asyncio.run(verified(dsn, keeper, key, facility, progress)))


@audit.command("export")
def audit_export(
    out: Annotated[Path, typer.Argument(help="Thư mục nhận tệp.")],
    since: Annotated[datetime | None, typer.Option("--from", help="Từ ngày.", formats=["%Y-%m-%d"])] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Hết ngày.", formats=["%Y-%m-%d"])] = None,
    facility: OneFacility = None,
    data: Data = None,
) -> None:
    """The audit for an inspector: FHIR AuditEvents as NDJSON, and CSV; taking it out is itself in the audit."""
    from benhan.cli_audit import exported

    with served(data) as dsn, _progress() as progress:
        asyncio.run(exported(dsn, out, facility, since, until, progress))


@audit.command("key")
def audit_key(path: Annotated[Path, typer.Argument(help="Tệp PEM sẽ được tạo.")]) -> None:
    """Make the key that seals the audit; prints its public half, for whoever verifies."""
    from benhan.core.access.seals.statement import make_key, public_pem

    print(public_pem(make_key(path).public).decode(), end="")


@cli.command("assets")
def build_assets() -> None:
    """Build the browser assets."""
    _build(console.print)


@cli.command("miniapp")
def pack_miniapp(
    out: Annotated[Path, typer.Argument(help="Tệp zip sẽ được tạo.")],
    backend: Annotated[str, typer.Option("--backend", help="Địa chỉ công khai (https) của hệ thống này.")],
) -> None:
    """The patient's app as a zip to upload to Zalo."""
    from benhan.patient import miniapp

    miniapp.APP.build(console.print)
    out.write_bytes(miniapp.packed(backend))
    console.print(f"{out} · {out.stat().st_size / 1e6:.1f} MB")


def _build(progress: Callable[[str], None] = lambda _: None) -> None:
    """Both bundles of browser assets."""
    from benhan.core.kit import assets
    from benhan.patient import miniapp

    assets.build(progress)
    miniapp.APP.build(progress)


def serving_app() -> object:
    """The ASGI application of one server process (settings come from the environment)."""
    from benhan.app import create_app

    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    return create_app(Settings())


def _end_with(parent: int) -> None:
    """A server process whose parent was killed must not go on serving beside its successor."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _serve(settings: Settings, when_ready: Callable[[], None]) -> None:
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    for name, value in settings.model_dump(exclude_none=True).items():
        plain = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        os.environ[f"BENHAN_{name.upper()}"] = str(plain)
    threading.Thread(target=_announce, args=(settings, when_ready), daemon=True).start()
    _may_hold(settings.connections)
    Granian(
        "benhan.cli:serving_app", factory=True, interface=Interfaces.ASGI, address=settings.host, port=settings.port,
        workers=settings.workers, loop=Loops.uvloop, log_level=LogLevels.warning, workers_kill_timeout=3,
        backpressure=settings.connections, respawn_failed_workers=True, websockets=True,
    ).serve()  # fmt: skip


def _may_hold(connections: int) -> None:
    """Let this process and those it starts hold so many connections open, as far as the system allows."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, connections + 1024)), most))


async def _refuse_open_wall(settings: Settings) -> None:
    """Say so before there are processes: one that refuses would be started again and again.

    Raises:
        WallOpen: the role could step around row-level security.
    """
    with suppress(OSError, asyncpg.PostgresError):  # a database that is still starting is the processes' to wait for
        database = await Database.connect(settings.dsn.get_secret_value(), size=1)
        await database.close()


def _refuse_taken(port: int) -> None:
    """Two servers on one port would share its requests, and strangers would meet at the wrong one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise typer.BadParameter(f"cổng {port} đang có chương trình khác dùng.", param_hint="--port") from None


def _announce(settings: Settings, when_ready: Callable[[], None]) -> None:
    address = f"http://127.0.0.1:{settings.port}/readyz"
    for _ in range(600):
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    when_ready()
                    sys.stdout.flush()
                    return
        except OSError:
            time.sleep(0.05)


def _welcome(settings: Settings, accounts: list[tuple[str, str, str]]) -> None:
    table = Table("Vai trò", "Tên đăng nhập", "Mật khẩu", box=None, pad_edge=False, header_style="bold")
    for row in accounts:
        table.add_row(*row)
    console.print(f"\n[bold]{settings.public_url}[/]   đặt khám: {settings.public_url}/dat-kham\n")
    console.print(table)
    console.print("\nREADY")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


async def _prepare_demo(dsn: Callable[..., str], scale: int, progress: Progress) -> list[tuple[str, str, str]]:
    """Migrate, and fill what is not there yet; gives role, login and password of each account."""
    from benhan.core.db import create_database, migrate
    from benhan.core.store import terms_load
    from benhan.simulator import fill_province

    await create_database(dsn(database="postgres"), "benhan")
    await migrate(dsn())
    await terms_load.want(dsn())
    database = await Database.connect(dsn("benhan_app"), statement_seconds=600)
    steps: dict[str, TaskID] = {}

    def show(text: str, done: int, total: int) -> None:
        if text not in steps:
            steps[text] = progress.add_task(text, total=total or None)
        progress.update(steps[text], completed=done)

    accounts = await fill_province(database, dsn(), visits=scale, progress=show)
    await database.close()
    return accounts


def _forget(folder: Path) -> None:
    """Remove an old demo, and only a demo: the folder must hold our cluster or nothing."""
    from benhan.core.db.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(folder / "postgres")
    if postgres.exists():
        postgres.stop()
        shutil.rmtree(postgres.folder)


if __name__ == "__main__":
    main()
