"""A database of each test's own, and a program without keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from benhan.core.db.embedded import EmbeddedPostgres
from tests.core.store.elsewhere import Elsewhere, elsewhere


@pytest_asyncio.fixture
async def place(postgres: EmbeddedPostgres, dsn: Callable[..., str]) -> AsyncIterator[Elsewhere]:
    """A database of each test's own, its hospital with keys."""
    async with elsewhere(postgres.dsn) as made:
        yield made


@pytest.fixture
def without_master(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program from before there were keys."""
    monkeypatch.setattr("benhan.core.vault.keyring._master", None)
