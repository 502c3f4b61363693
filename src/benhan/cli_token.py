"""What `benhan token` and `benhan invite` do: who may come in, by a secret that is shown once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from benhan.cli_store import Data, OneFacility, facility_of, served
from benhan.core.db import Database, Transaction
from benhan.settings import Settings


def token(
    client: Annotated[str, typer.Option("--client", help="Tên chương trình.")],
    scopes: Annotated[str, typer.Option("--scopes", help='Ví dụ "system/*.cruds".')],
    facility: OneFacility = None,
    data: Data = None,
) -> None:
    """A bearer token for a program; it is shown once."""
    from benhan.core.access.accounts import create_client
    from benhan.core.access.scopes import parse_scopes

    try:
        parse_scopes(scopes)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--scopes") from None
    print(_made(data, facility, lambda tx, key: create_client(tx, key, client, scopes)))


def invite(
    login: Annotated[str, typer.Option("--login", help="Tên đăng nhập.")],
    name: Annotated[str, typer.Option("--name", help="Họ và tên.")],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="administrator; hoặc province, rollout-officer, rollout-verifier, rollout-reporter cho Sở Y tế.",
        ),
    ] = "administrator",
    facility: OneFacility = None,
    data: Data = None,
) -> None:
    """An invitation for the first administrator of a facility; its link is shown once. She invites the others."""
    from benhan.core.access import Role, service, staff
    from benhan.core.access.roles import PROVINCE_ROLES

    if role not in (Role.ADMINISTRATOR, *PROVINCE_ROLES):
        raise typer.BadParameter(f"administrator, {', '.join(PROVINCE_ROLES)}", param_hint="--role")

    async def invited(tx: Transaction, key: int) -> str:
        person = staff.Person(name=name, roles=frozenset({Role(role)}))
        return (await staff.invite(tx, service(Role.ADMINISTRATOR, key), login, person, givable=(Role(role),)))[1]

    print(f"{Settings().public_url.rstrip('/')}/loi-moi/{_made(data, facility, invited)}")


def _made(data: Path | None, code: str | None, make: Callable[[Transaction, int], Awaitable[str]]) -> str:
    """A secret made at a facility."""

    async def run(dsn: str) -> str:
        database = await Database.connect(dsn)
        async with database.transaction() as tx:
            key = (await facility_of(tx, code)).key
            await tx.reach(key)
            made = await make(tx, key)
        await database.close()
        return made

    with served(data) as dsn:
        return asyncio.run(run(dsn))
