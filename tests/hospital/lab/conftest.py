"""The laboratory's tests work on a day with orders."""

from __future__ import annotations

import pytest

from benhan.core.db import Database
from benhan.simulator import House
from tests.hospital.orders_day import Day


@pytest.fixture
def day(database: Database, hospital: House) -> Day:
    """A day with orders."""
    return Day(database, hospital)
