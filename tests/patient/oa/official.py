"""A facility with an Official Account at the stand-in, as its administrator left it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from benhan.core.access import Role
from benhan.core.db import Database
from benhan.patient.oa import connecting
from benhan.patient.oa.accounts import Tokens
from benhan.settings import Settings
from benhan.simulator import House
from tests.standins.sms_gateway import TOKEN
from tests.standins.zalo import APP, FIRST_ACCESS, FIRST_REFRESH, OA, SECRET, ZaloStandIn, zalo_stand_in

TEMPLATES = {
    "code": "412345", "glass": "412346", "reminder": "412347", "turn": "412348", "results": "412349",
    "revisit": "412350", "changed": "412351", "medicine": "412359", "answer": "412352", "survey": "412353",
}  # fmt: skip


def settings(base: str, **more: Any) -> Settings:
    """An installation whose Zalo is at this address."""
    hosts = dict.fromkeys(("zalo_graph", "zalo_oauth", "zalo_openapi", "zalo_messages"), base)
    named = {"zalo_app_id": APP, "zalo_app_secret": SECRET}
    return Settings(mode="demo", secure_cookies=False, **hosts, **named, **more)


def with_gateway(given: Settings, address: str) -> Settings:
    """And with a gateway of short messages."""
    return Settings(**given.model_dump() | {"sms_gateway": address, "sms_token": TOKEN, "sms_sender": "BENHVIEN"})


async def connect(database: Database, house: House, lasts: timedelta = timedelta(hours=25)) -> None:
    """The account is the facility's, with a template for every kind."""
    who = house.subject(Role.ADMINISTRATOR)
    async with database.transaction(house.key) as tx:
        await connecting.connect(tx, who, OA, "Bệnh viện", Tokens(FIRST_ACCESS, FIRST_REFRESH, lasts))
        await connecting.set_templates(tx, who, TEMPLATES)


@asynccontextmanager
async def account(
    database: Database, house: House, lasts: timedelta = timedelta(hours=25)
) -> AsyncIterator[tuple[ZaloStandIn, Settings]]:
    """The stand-in, and an installation that knows it; afterwards the facility has no account again."""
    there = ZaloStandIn()
    with zalo_stand_in(there) as base:
        await connect(database, house, lasts)
        try:
            yield there, settings(base)
        finally:
            there.hurry.set()
            async with database.transaction(house.key) as tx:
                await connecting.let_go(tx, house.subject(Role.ADMINISTRATOR))
