"""Programs of other software, as tests of the doors for machines need them."""

from __future__ import annotations

import secrets

import httpx

from benhan.core.access.accounts import create_client
from benhan.core.db import Database


async def token_of(database: Database, facility: int, scopes: str, name: str | None = None) -> str:
    """A bearer token of a new program (or of the named one) with these scopes."""
    async with database.transaction(facility) as tx:
        return await create_client(tx, facility, name or f"máy {secrets.token_hex(4)}", scopes)


def machine(address: str, token: str) -> httpx.AsyncClient:
    """A client over HTTP, at `address/fhir/`."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    return httpx.AsyncClient(base_url=f"{address}/fhir/", headers=headers, timeout=30)
