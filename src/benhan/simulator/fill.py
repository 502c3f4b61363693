"""Fill what has been built: patients, a year of visits, and a morning that is under way."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from benhan.core.access.roles import ROLE_NAMES
from benhan.core.db import Database
from benhan.simulator.house import build_house, build_province

#: What is being done, how much of it is done, how much there is.
Progress = Callable[[str, int, int], None]


class Filled(msgspec.Struct, frozen=True):
    """How many records were new."""

    patients: int = 0
    visits: int = 0
    records: int = 0


async def fill_province(
    database: Database, owner_dsn: str, *, visits: int, progress: Progress
) -> list[tuple[str, str, str]]:
    """The demo province: a hospital with its year, and the department of health.

    Gives role, login and password of each account. Everything that is there already is left as it is.
    """
    house = await build_house(database, owner_dsn)
    province = await build_province(database, owner_dsn)
    return [
        (ROLE_NAMES[account.role], account.login, one.password) for one in (house, province) for account in one.accounts
    ]
