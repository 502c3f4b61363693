"""The stage of a journey: the whole program, every role at a screen of her own, and a booking still free today."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit.clock import now
from benhan.hospital.visit import stamp
from benhan.simulator import House
from benhan.simulator.accounts import DEMO_PASSWORD
from tests.browser import OpenPage
from tests.journeys.people import Person

Cast = Callable[..., Awaitable[Person]]


@pytest.fixture
def cast(open_page: OpenPage, address: str, province: House) -> Cast:
    """`await cast("bacsi")`: somebody signed in at her screen; `await cast(None, size=PHONE)`: a patient's phone."""

    async def enter(login: str | None, **how: Any) -> Person:
        person = Person(await open_page(f"{address}/dang-nhap", **how), address)
        if login and how.get("javascript", True):
            await person.signs_in(login, DEMO_PASSWORD)
        elif login:
            await person.page.fill("#login", login)
            await person.page.fill("#password", DEMO_PASSWORD)
            await person.page.click("main button")
        return person

    return enter


@pytest_asyncio.fixture
async def free_time(database: Database, loader: Subject) -> datetime:
    """A time still free today with the doctor of the account `bacsi`, whatever the hour."""
    start = now().replace(second=0, microsecond=0) + timedelta(minutes=3)
    async with database.transaction(loader.facility) as tx:
        page = await store.search(tx, loader, r4.Slot, {"schedule": "Schedule/lich-bs01", "_count": "1"})
        while True:
            taken = await store.search(tx, loader, r4.Slot, {"schedule": "Schedule/lich-bs01", "start": stamp(start)})
            if not taken.resources:
                break
            start += timedelta(minutes=1)
        slot = msgspec.structs.replace(
            page.resources[0], id=None, meta=None, status="free", start=stamp(start),
            end=stamp(start + timedelta(minutes=1)),
        )  # fmt: skip
        await store.create(tx, loader, slot)
    return start


@pytest.fixture
def shots() -> Path | None:
    """Where a journey leaves its pictures, for whoever wants some (BENHAN_SHOTS=folder)."""
    folder = os.environ.get("BENHAN_SHOTS")
    return Path(folder) if folder else None
