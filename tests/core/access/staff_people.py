"""Somebody who works here, made for one test: nobody else's tests meet her."""

from __future__ import annotations

from uuid import uuid4

import msgspec

from benhan.core.access import Role
from benhan.core.access.accounts import create_account, open_session
from benhan.core.db import Database

PASSWORD = "ba con ngựa đi chợ"


class Somebody(msgspec.Struct, frozen=True):
    """Her account."""

    id: str
    login: str
    facility: int


async def somebody(database: Database, facility: int, *roles: Role, name: str = "Lò Thị Mẩy") -> Somebody:
    """A new account with a password."""
    login = f"nv{uuid4().hex[:12]}"
    async with database.transaction(facility) as tx:
        id_ = await create_account(tx, facility, login, PASSWORD, name, roles or (Role.NURSE,))
    return Somebody(id_, login, facility)


async def session_of(database: Database, one: Somebody) -> str:
    """A session of hers, as a cookie."""
    async with database.transaction(one.facility) as tx:
        return await open_session(tx, one.facility, account=one.id, hours=1)
