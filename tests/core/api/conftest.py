"""Programs of other hospitals' software: clients with a bearer token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import httpx
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core.access.accounts import create_client
from benhan.core.db import Database
from benhan.simulator import House

Program = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest_asyncio.fixture
async def program(app: Starlette, database: Database, hospital: House) -> AsyncIterator[Program]:
    """`await program("system/*.cruds")`: a program with a token of the hospital; `at=other_hospital` elsewhere."""
    opened: list[httpx.AsyncClient] = []

    async def make(scopes: str, at: House | None = None) -> httpx.AsyncClient:
        house = at or hospital
        async with database.transaction(house.key) as tx:
            token = await create_client(tx, house.key, f"thử {uuid4()}", scopes)
        made = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://test/fhir/",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"},
        )  # fmt: skip
        opened.append(made)
        return made

    yield make
    for one in opened:
        await one.aclose()
