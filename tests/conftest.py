"""What all tests stand on: one real PostgreSQL, a database for each worker, hospitals with people in them."""

from __future__ import annotations

import base64
import fcntl
import gc
import os
import random
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import asyncpg
import httpx
import hypothesis
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from benhan.app import COLLECTING, create_app
from benhan.core.access import Role, Subject, service
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database, create_database, migrate
from benhan.core.db.embedded import EmbeddedPostgres
from benhan.core.kit import assets
from benhan.core.vault import master_of, use
from benhan.patient import miniapp
from benhan.settings import Settings
from benhan.simulator import House, build_house, build_province
from tests.browser import axe, browser, open_page, serve  # noqa: F401 - fixtures
from tests.examples import official_examples  # noqa: F401 - a fixture
from tests.outside_provider import provider, register  # noqa: F401 - fixtures
from tests.softhsm import token  # noqa: F401 - a fixture
from tests.standins.hook_receiver import Receiver, hook_receiver

# What is tried is the same each time, so that nothing turns red by chance, and nothing is held to the speed of a busy
# machine. `pytest --hypothesis-profile=search` looks at random for what nobody thought of yet.
hypothesis.settings.register_profile("search", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("landing", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.load_profile("landing")

# Every test encrypts, in this process and in those it starts.
os.environ["BENHAN_TEST_MASTER"] = base64.b64encode(b"a master key for tests, no more.").decode()
os.environ["BENHAN_MASTER_KEY"] = "env:BENHAN_TEST_MASTER"
use(master_of(os.environ["BENHAN_MASTER_KEY"]))

CLUSTER = "BENHAN_TEST_CLUSTER"
TEMPLATE = "benhan_template"


#: Folders and files that take long, the longest first: a worker that met one of them last would end alone.
LONG = ("durability", "conformance", "journeys", "test_every_link.py", "simulator", "security")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones begin. A file stays on one worker (`--dist loadfile`): what its tests share is set up once."""
    items.sort(key=lambda item: next((n for n, name in enumerate(LONG) if name in item.path.parts), len(LONG)))


def pytest_collection_finish() -> None:
    """What is loaded by now stays: nobody looks through it for garbage again, as in a process that serves."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTING)


def pytest_configure(config: pytest.Config) -> None:
    """The controlling process starts PostgreSQL and builds the assets; the workers find them."""
    if os.environ.get(CLUSTER):
        return
    folder = Path(tempfile.mkdtemp(prefix="benhan-test-"))
    folder.chmod(0o755)
    os.environ[CLUSTER] = str(folder)
    with ThreadPoolExecutor() as pool:  # in a fresh clone each waits for npm
        list(pool.map(lambda build: build(print), (assets.build, miniapp.APP.build)))
    postgres = EmbeddedPostgres(folder, durable=False)
    postgres.start()

    def end() -> None:
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
        del os.environ[CLUSTER]

    config.add_cleanup(end)


@pytest.fixture(scope="session")
def postgres() -> EmbeddedPostgres:
    """The cluster that all workers share."""
    return EmbeddedPostgres(Path(os.environ[CLUSTER]), durable=False)


@pytest_asyncio.fixture(scope="session")
async def dsn(postgres: EmbeddedPostgres) -> Callable[..., str]:
    """Connection strings of this worker's own database: `dsn()` for the owner, `dsn("benhan_app")` to serve."""
    name = f"benhan_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with (Path(os.environ[CLUSTER]) / "template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        await create_database(postgres.dsn(database="postgres"), TEMPLATE)
        await migrate(postgres.dsn(database=TEMPLATE))
        connection = await asyncpg.connect(postgres.dsn(database="postgres"))
        await connection.execute(f"create database {name} template {TEMPLATE}")
        await connection.close()
    return lambda user="postgres": postgres.dsn(user, name)


@pytest_asyncio.fixture(scope="session")
async def database(dsn: Callable[..., str]) -> AsyncIterator[Database]:
    """The record store, as the role that serves requests."""
    made = await Database.connect(dsn("benhan_app"), size=24)
    yield made
    await made.close()


@pytest_asyncio.fixture(scope="session")
async def hospital(database: Database, dsn: Callable[..., str]) -> House:
    """A hospital with departments, rooms, people, schedules and one account per role; shared by a worker's tests."""
    return await build_house(database, dsn(), name="BVĐK Sông Hồng")


@pytest_asyncio.fixture(scope="session")
async def other_hospital(database: Database, dsn: Callable[..., str], hospital: House) -> House:
    """Another hospital on the same platform: its people have no business in the first."""
    return await build_house(database, dsn(), code="79002", name="BVĐK Cửu Long")


@pytest_asyncio.fixture(scope="session")
async def province(database: Database, dsn: Callable[..., str], hospital: House) -> House:
    """The department of health, with its account."""
    return await build_province(database, dsn())


@pytest.fixture
def subject(hospital: House, province: House) -> Callable[..., Subject]:
    """`subject("doctor")`: the first account of that role at the hospital; `at=other_hospital` elsewhere."""

    def find(role: str, at: House | None = None) -> Subject:
        house = at or (province if role == Role.PROVINCE else hospital)
        return house.subject(Role(role))

    return find


@pytest.fixture
def loader(hospital: House) -> Subject:
    """The loader's Subject: may bring in any record of the hospital."""
    return service(Role.LOADER, hospital.key, hospital.name)


@pytest_asyncio.fixture(scope="session")
async def app(database: Database, hospital: House) -> AsyncIterator[Starlette]:
    """The whole application, running its lifespan, on the worker's database."""
    made = create_app(Settings(mode="demo", secure_cookies=False, zalo_payment=""), database)
    async with made.router.lifespan_context(made):
        yield made


@pytest_asyncio.fixture
async def client(
    app: Starlette, database: Database, subject: Callable[..., Subject]
) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """`await client("reception")`: a browser signed in with that role; `await client(None)`: nobody signed in."""
    async with AsyncExitStack() as stack:

        async def enter(role: str | None, at: House | None = None) -> httpx.AsyncClient:
            made = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
            await stack.enter_async_context(made)
            if role:
                who = subject(role, at)
                async with database.transaction(who.facility) as tx:
                    made.cookies.set(COOKIE, await open_session(tx, who.facility, account=who.account, hours=1))
            return made

        yield enter


@pytest_asyncio.fixture(scope="session")
async def address(app: Starlette) -> AsyncIterator[str]:
    """The whole application on a real port of this machine, for the browser and other clients: its base URL."""
    async with serve(app) as base:
        yield base


@pytest.fixture
def receiver() -> Receiver:
    """How the subscriber of a stand-in behaves, and what it got."""
    return Receiver()


@pytest.fixture
def hook(receiver: Receiver) -> Iterator[str]:
    """The subscriber's address on loopback."""
    with hook_receiver(receiver) as address:
        yield address


def free_port() -> int:
    """A port nobody uses now, below those that Linux hands out to whoever connects: it is still free after a kill."""
    while True:
        port = random.randrange(12_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
