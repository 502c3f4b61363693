"""The hospital of the cashier's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest_asyncio

from benhan.core.db import Database
from benhan.simulator import House, build_house


@pytest_asyncio.fixture(scope="session")
async def house(database: Database, dsn: Callable[..., str], hospital: House) -> House:
    """A hospital with a price, an account and a merchant, as its administrator sets them up."""
    return await build_house(database, dsn(), code="79061", name="BVĐK Thu Trước", days=0)
