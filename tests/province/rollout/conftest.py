"""A Department of its own for the tracker, with a leader, an officer, a verifier and a reporter."""

from __future__ import annotations

from collections.abc import Callable

import pytest_asyncio

from benhan.core.db import Database
from benhan.simulator import House, build_province


@pytest_asyncio.fixture(scope="session")
async def department(database: Database, dsn: Callable[..., str], hospital: House) -> House:
    """Where the tests of doors and entries write; nothing is counted here."""
    return await build_province(database, dsn(), code="79810", name="Sở Y tế Sông Tiền")
