"""What the departments' tests share."""

from __future__ import annotations

import pytest

from benhan.core.db import Database
from benhan.simulator import House
from tests.hospital.orders_day import Day


@pytest.fixture
def day(database: Database, hospital: House) -> Day:
    """A day with orders, for laboratory and imaging."""
    return Day(database, hospital)
