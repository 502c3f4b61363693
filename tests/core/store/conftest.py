"""The hospital that the tests of search share."""

from __future__ import annotations

from collections.abc import Callable

import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.simulator.house import found_facility
from tests.core.store import ward
from tests.core.store.ward import Ward


@pytest_asyncio.fixture(scope="session")
async def clinic(database: Database, dsn: Callable[..., str]) -> Ward:
    key = await found_facility(dsn(), "79777", "Phòng khám Tìm Kiếm", "79")
    who = service(Role.LOADER, key, "Phòng khám Tìm Kiếm")
    records = ward.records()
    async with database.transaction(key) as tx:
        await store.load(tx, who, records)
    return Ward(who, records)
