"""What the ward's tests share."""

from __future__ import annotations

import pytest

from benhan.core.db import Database
from benhan.simulator import House
from tests.hospital.ward.house import Inside


@pytest.fixture
def inside(database: Database, hospital: House) -> Inside:
    """The hospital's wards."""
    return Inside(database, hospital)
