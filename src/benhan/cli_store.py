"""Which record store a command works on: the one of the settings, or the embedded one of a data folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from benhan.core.db import Transaction
from benhan.core.db.embedded import EmbeddedPostgres, default_folder
from benhan.core.vault import Master, MasterError, master_of, use
from benhan.settings import Settings

#: What a demo keeps in its folder beside the database.
MASTER_KEY: Final = "master.key"

Data = Annotated[
    Path | None, typer.Option("--data", help="Thư mục dữ liệu (mặc định .benhan; với root: /var/lib/benhan).")
]
OneFacility = Annotated[str | None, typer.Option("--facility", help="Mã cơ sở; mặc định: cơ sở đầu tiên.")]
AnyFacility = Annotated[str | None, typer.Option("--facility", help="Mã cơ sở; mặc định: mọi cơ sở.")]


class Facility(msgspec.Struct, frozen=True):
    """A facility as a command names it."""

    key: int
    code: str
    name: str


async def facility_of(tx: Transaction, code: str | None) -> Facility:
    """The facility of a code, or the first one.

    Raises:
        typer.BadParameter: there is none of this code.
    """
    row = await tx.fetchrow(
        "select key, code, name from facility where case when $1::text is null then key > 0 else code = $1 end"
        " order by key limit 1",
        code,
    )
    if row is None:
        raise typer.BadParameter(f"không có cơ sở {code or ''}", param_hint="--facility")
    return Facility(row["key"], row["code"], row["name"])


def master_source(data: Path | None) -> str:
    """Where the master key is: by the settings, or the demo's in its data folder; empty where there is none."""
    file = (data or default_folder()).resolve() / MASTER_KEY
    return Settings().master_key or (f"file:{file}" if file.exists() else "")


def use_master(data: Path | None) -> Master | None:
    """The master key of this process from now on; None where there is none.

    Raises:
        typer.BadParameter: it cannot be read.
    """
    source = master_source(data)
    try:
        found = master_of(source) if source else None
    except MasterError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="BENHAN_MASTER_KEY") from None
    use(found)
    return found


@contextmanager
def served(data: Path | None) -> Iterator[str]:
    """The record store as the role that serves (BENHAN_DSN), with its master key."""
    use_master(data)
    with _running("BENHAN_DSN", "benhan_app", data) as dsn:
        yield dsn


@contextmanager
def owned(data: Path | None) -> Iterator[str]:
    """The record store as the owner of its tables (BENHAN_OWNER_DSN)."""
    with _running("BENHAN_OWNER_DSN", "postgres", data) as dsn:
        yield dsn


@contextmanager
def _running(variable: str, user: str, data: Path | None) -> Iterator[str]:
    """By the environment's variable, or the embedded one of the data folder (left running if it was)."""
    if dsn := os.environ.get(variable):
        yield dsn
        return
    postgres = EmbeddedPostgres((data or default_folder()).resolve() / "postgres")
    if not postgres.exists():
        raise typer.BadParameter(
            f"chưa có dữ liệu trong {postgres.folder}; chạy `benhan demo` trước, hoặc đặt {variable}.",
            param_hint="--data",
        )
    was_running = postgres.pid() is not None
    postgres.start()
    try:
        yield postgres.dsn(user)
    finally:
        if not was_running:
            postgres.stop()
