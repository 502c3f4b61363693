"""Somebody at her telephone: a gateway that takes her codes, and the steps of signing in as she goes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import msgspec
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.patient.messages import ShortMessage
from benhan.simulator import House
from tests.patient import people
from tests.settled import PATIENCE
from tests.standins.sms_gateway import TOKEN, GatewayStandIn, sms_gateway

ENTRY = "/nguoi-benh/dang-nhap"


def number() -> str:
    """A telephone that nobody had before."""
    return f"09{uuid4().int % 10**8:08d}"


def international(phone: str) -> str:
    """As messages are addressed."""
    return f"84{phone[1:]}"


@contextmanager
def messages_to(app: Starlette) -> Iterator[GatewayStandIn]:
    """The application sends its codes to a gateway's stand-in."""
    gateway = GatewayStandIn()
    with sms_gateway(gateway) as address:
        app.state.senders = [ShortMessage(address, TOKEN, "BENHVIEN")]
        yield gateway
        app.state.senders = []


async def code_in(gateway: GatewayStandIn, phone: str | None = None) -> str:
    """The code that comes (to this telephone): a message leaves after the answer that a browser waits for."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if any(phone is None or one["to"] == international(phone) for one in gateway.sent[-1:]):
                return gateway.code()
            await asyncio.sleep(0.02)


async def patient(
    database: Database, house: House, phone: str, name: str = "Đặng Thị Tâm", birth: str | None = people.BIRTH
) -> r4.Patient:
    """A record at the hospital with this telephone."""
    async with database.transaction(house.key) as tx:
        made = await people.patient(tx, house, name, birth)
        made = msgspec.structs.replace(made, telecom=[r4.ContactPoint(system="phone", value=phone)])
        return await store.update(tx, house.loader, made, if_match=made.meta.versionId if made.meta else None)


async def asked(browser: httpx.AsyncClient, house: House, phone: str) -> httpx.Response:
    """She asks for a code."""
    return await browser.post(ENTRY, params={"co-so": house.code}, data={"phone": phone})


async def proved(browser: httpx.AsyncClient, house: House, gateway: GatewayStandIn, phone: str) -> None:
    """She asks for a code and shows it."""
    before = len(gateway.sent)
    assert (await asked(browser, house, phone)).status_code == 303
    assert [one["to"] for one in gateway.sent[before:]] == [international(phone)]
    answer = await browser.post(f"{ENTRY}/ma", params={"co-so": house.code}, data={"code": gateway.code()})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, f"{ENTRY}/xac-nhan")


async def told(browser: httpx.AsyncClient, house: House, birth: str, name: str = "") -> httpx.Response:
    """She gives a birth date, and a name where it is asked."""
    asked = {"birth": birth} | ({"name": name} if name else {})
    extra = {"ten": ""} if name else {}
    return await browser.post(f"{ENTRY}/xac-nhan", params={"co-so": house.code, **extra}, data=asked)


async def signed_in(
    browser: httpx.AsyncClient, house: House, gateway: GatewayStandIn, phone: str, birth: str = "03/02/1956"
) -> httpx.Response:
    """All of it; gives the last answer."""
    await proved(browser, house, gateway, phone)
    return await told(browser, house, birth)
