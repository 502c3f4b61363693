"""A platform where nobody else delivers: a database of its own, so that each step of a delivery is the test's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
import pytest_asyncio

from benhan.core.access import Role, Subject, service
from benhan.core.access.accounts import create_client
from benhan.core.access.standing import standing
from benhan.core.db import Database
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.store.subscriptions import deliverer, endpoints
from tests.conftest import TEMPLATE
from tests.standins.hook_receiver import Receiver, hook_receiver

FACILITY, OTHER = 1, 2


@pytest_asyncio.fixture(scope="session")
async def quiet_dsn(postgres: EmbeddedPostgres, dsn: Callable[..., str]) -> str:
    """Where it is, for the role that serves."""
    name = f"benhan_quiet_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    connection = await asyncpg.connect(postgres.dsn(database="postgres"))
    await connection.execute(f"create database {name} template {TEMPLATE}")
    await connection.close()
    connection = await asyncpg.connect(postgres.dsn(database=name))
    await connection.execute("insert into facility (key, code, name) values (1, 'q1', 'Một'), (2, 'q2', 'Hai')")
    await connection.close()
    return postgres.dsn("benhan_app", name)


@pytest_asyncio.fixture(scope="session")
async def quiet(quiet_dsn: str) -> AsyncIterator[Database]:
    """The record store of two facilities without people."""
    made = await Database.connect(quiet_dsn, size=6)
    yield made
    await made.close()


@pytest.fixture
def staff() -> Subject:
    """Whoever writes records at the first facility."""
    return service(Role.LOADER, FACILITY)


@pytest_asyncio.fixture
async def program(quiet: Database, request: pytest.FixtureRequest) -> Subject:
    """A program of the first facility that may read everything and subscribe."""
    return await enrolled(quiet, f"máy {request.node.name}")


async def enrolled(quiet: Database, name: str, scopes: str = "system/*.cruds", facility: int = FACILITY) -> Subject:
    """A program with these scopes, as it stands now."""
    async with quiet.transaction(facility) as tx:
        await create_client(tx, facility, name, scopes)
        found = await standing(tx, facility, f"client:{name}")
    assert found
    return found


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[str]:
    """The subscriber's address on loopback, which deliveries may go to."""
    deliverer.serve_as("https://benhan.test/fhir")
    endpoints.allow(["127.0.0.0/8"])
    with hook_receiver(receiver) as address:
        yield address
