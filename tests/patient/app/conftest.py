"""A gateway that takes codes, and phones with the app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette

from tests.patient import telephones
from tests.patient.app.phone import Phone
from tests.standins.sms_gateway import GatewayStandIn


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


@pytest.fixture
def a_phone(client: Callable[..., Awaitable[httpx.AsyncClient]]) -> Callable[[], Awaitable[Phone]]:
    """`await a_phone()`: a phone with the app, nobody signed in."""

    async def made() -> Phone:
        return Phone(await client(None))

    return made
