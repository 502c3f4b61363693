"""What `benhan keys …` does: the keys that encrypt identifiers, telephones and labelled records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from benhan.cli_store import AnyFacility, Data, owned, use_master
from benhan.core.db import Database
from benhan.core.store import index_key
from benhan.core.store.encrypting import Progress, encrypt
from benhan.core.vault import Master, MasterError, master_of, rotating
from benhan.core.vault.master import make_master
from benhan.core.vault.rotating import NotEncryptedYet

T = TypeVar("T")
keys = typer.Typer(no_args_is_help=True, help="Khoá mã hoá: tạo, gói lại, thay, mã hoá dữ liệu cũ, tình trạng.")
console = Console(highlight=False)


@keys.command("make")
def make(path: Annotated[Path, typer.Argument(help="Tệp khoá chính sẽ được tạo (chỉ chủ tệp đọc được).")]) -> None:
    """Make a master key. Keep a copy away from the database and its backups: lost, what is encrypted is lost."""
    make_master(path)
    console.print(f"BENHAN_MASTER_KEY=file:{path.resolve()}")
    console.print("Cất một bản sao ở nơi khác: mất khoá này là mất số giấy tờ, điện thoại và hồ sơ có nhãn mật.")


@keys.command("wrap")
def wrap(
    to: Annotated[str, typer.Option("--to", help="Khoá chính mới: file:…, env:… hoặc pkcs11:…")], data: Data = None
) -> None:
    """Wrap the keys of all facilities with another master key; then set BENHAN_MASTER_KEY to it and start again."""
    old = _needed(data)
    try:
        new = master_of(to)
    except MasterError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--to") from None
    done = _with_owner(data, lambda database: rotating.wrap(database, old, new))
    console.print(f"{done} khoá đã gói lại bằng {new.id}.")


@keys.command("rotate")
def rotate(
    facility: AnyFacility = None, data: Data = None,
    index: Annotated[bool, typer.Option("--index", help="Thay khoá tìm kiếm (số giấy tờ, điện thoại).")] = False,
) -> None:  # fmt: skip
    """A new data key for what is written from now on, and everything there is encrypted anew, while the server runs.

    With --index: a new key for the hashes by which identifiers and telephones are found, and all is indexed anew.
    """
    master = _needed(data)

    async def search(database: Database) -> None:
        found = await _facilities(database, facility)
        left = await index_key.exchange(database, master, [key for key, _code in found])
        for name in left:
            console.print(f"[red]✗[/] {name} không giải mã được, hoặc số điện thoại đã đổi.")
        console.print(f"{', '.join(code for _key, code in found)}: đã thay khoá tìm kiếm.")

    async def run(database: Database) -> None:
        for key, code in await _facilities(database, facility):
            await rotating.rotate(database, master, key)
            await _encrypted(database, key, code)

    try:
        _with_owner(data, search if index else run)
    except NotEncryptedYet as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--index") from None


@keys.command("encrypt")
def encrypt_all(facility: AnyFacility = None, data: Data = None) -> None:
    """Encrypt what is not encrypted with the newest key yet; goes on where it was stopped."""
    _needed(data)

    async def run(database: Database) -> None:
        for key, code in await _facilities(database, facility):
            await _encrypted(database, key, code)

    _with_owner(data, run)


@keys.command("status")
def status(data: Data = None) -> None:
    """The keys of each facility, and how far its rows are encrypted."""
    found = _with_owner(data, rotating.standing)
    table = Table("Cơ sở", "Khoá", "Mới nhất", "Khoá chính", "Dữ liệu", box=None, header_style="bold")
    for one in found:
        done = "xong" if one.ended and one.current else f"đang: {one.part} ({one.changed})" if one.current else "chưa"
        table.add_row(one.facility, str(one.keys), f"{one.newest:%d/%m/%Y}" if one.newest else "", one.master, done)
    console.print(table)


async def _encrypted(database: Database, facility: int, code: str) -> None:
    def told(turn: Progress) -> None:
        for name in turn.damaged:
            console.print(f"[red]✗[/] {code}: {name} không giải mã được.")

    done = await encrypt(database, facility, told)
    console.print(f"{code}: {done.changed} dòng đã mã hoá, {len(done.damaged)} dòng hỏng.")


async def _facilities(database: Database, code: str | None) -> list[tuple[int, str]]:
    async with database.transaction() as tx:
        rows = await tx.fetch("select key, code from facility where code = $1 or $1::text is null order by key", code)
    if not rows:
        raise typer.BadParameter(f"không có cơ sở {code}", param_hint="--facility")
    return [(row["key"], row["code"]) for row in rows]


def _needed(data: Path | None) -> Master:
    found = use_master(data)
    if found is None:
        raise typer.BadParameter("chưa có khoá chính; `benhan keys make`", param_hint="BENHAN_MASTER_KEY")
    return found


def _with_owner(data: Path | None, do: Callable[[Database], Awaitable[T]]) -> T:
    """Do something as the owner of the tables."""

    async def run(dsn: str) -> T:
        database = await Database.as_owner(dsn)
        try:
            return await do(database)
        finally:
            await database.close()

    with owned(data) as dsn:
        return asyncio.run(run(dsn))
