"""The place where it is tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.simulator import House
from tests.core.api import smart_kit as kit
from tests.core.api.token_abuses.place import Place
from tests.core.store.people import person

Client = Callable[..., Awaitable[httpx.AsyncClient]]
Who = Callable[..., Subject]
SCOPES = "openid launch/patient offline_access patient/Patient.rs patient/Observation.rs"


@pytest_asyncio.fixture(loop_scope="session")
async def place(client: Client, database: Database, subject: Who, loader: Subject, other_hospital: House) -> Place:
    """A hospital with three programs and a patient; another with a patient."""
    admin = subject("administrator")
    async with database.transaction(loader.facility) as tx:
        patient = (await store.create(tx, loader, person("Nông Thị Thử"))).id or ""
    there = msgspec.structs.replace(loader, facility=other_hospital.key)
    async with database.transaction(there.facility) as tx:
        foreign = (await store.create(tx, there, person("Nông Thị Nơi Khác"))).id or ""
    return Place(
        await client(None), await client("doctor"), database,
        await kit.registered(database, admin, "backend", "system/Patient.rs"),
        await kit.registered(database, admin, "key", SCOPES), await kit.registered(database, admin, "key", SCOPES),
        await kit.registered(database, admin, "public", SCOPES), patient, foreign,
    )  # fmt: skip
