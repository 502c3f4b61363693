"""Zalo, against its stand-in: who somebody is, her telephone, and signing in through it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access.callers import COOKIE
from benhan.core.db import Database
from benhan.core.kit.outside import NoAnswer
from benhan.patient.zalo import Zalo
from benhan.simulator import House
from tests.patient import telephones
from tests.patient.telephones import ENTRY
from tests.standins.zalo import SECRET, ZaloStandIn, zalo_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def there() -> ZaloStandIn:
    return ZaloStandIn()


@pytest.fixture
def address(there: ZaloStandIn) -> Iterator[str]:
    with zalo_stand_in(there) as base:
        yield base
        there.hurry.set()


async def test_who_she_is_and_her_telephone(there: ZaloStandIn, address: str) -> None:
    phone_token = there.person("uat-1", "3368637342326461234", "84912345678")
    line = Zalo(address, SECRET)
    assert await line.id_of("uat-1") == "3368637342326461234"
    assert await line.phone_of("uat-1", phone_token) == "0912345678"
    with pytest.raises(NoAnswer, match="refused: -1"):
        await line.phone_of("uat-1", phone_token)  # once


async def test_what_zalo_does_not_vouch_for_is_refused(there: ZaloStandIn, address: str) -> None:
    mine, hers = there.person("uat-1", "1", "84912345678"), there.person("uat-2", "2", "84987654321")
    with pytest.raises(NoAnswer, match="refused: 452"):
        await Zalo(address, SECRET).id_of("uat-9")
    with pytest.raises(NoAnswer, match="refused: -242"):
        await Zalo(address, "another secret").id_of("uat-1")
    with pytest.raises(NoAnswer, match="refused: -1"):
        await Zalo(address, SECRET).phone_of("uat-1", hers)
    with pytest.raises(NoAnswer, match="refused: token"):
        await Zalo(address, SECRET).id_of("uat\r\nx: y")
    there.people["uat-1"] = "1", "not a number"
    with pytest.raises(NoAnswer, match="unreadable"):
        await Zalo(address, SECRET).phone_of("uat-1", mine)


@pytest.mark.parametrize(("fault", "kind"), [("slow", "slow"), ("500", "down"), ("garbage", "unreadable")])
async def test_trouble_with_zalo_is_told_by_its_kind(there: ZaloStandIn, address: str, fault: str, kind: str) -> None:
    there.person("uat-1", "1", "84912345678")
    there.fault = fault  # type: ignore[assignment]
    with pytest.raises(NoAnswer) as trouble:
        await Zalo(address, SECRET, seconds=0.2).id_of("uat-1")
    assert trouble.value.kind == kind


# Signing in through it


@pytest.fixture
def linked(app: Starlette, address: str) -> Iterator[None]:
    app.state.zalo = Zalo(address, SECRET)
    yield
    app.state.zalo = None


async def come(browser: httpx.AsyncClient, house: House, **said: str) -> httpx.Response:
    return await browser.post(f"{ENTRY}/zalo", params={"co-so": house.code}, data=said)


@pytest.mark.usefixtures("linked")
async def test_zalo_and_the_birth_date_open_her_record_and_then_zalo_alone(
    client: Client, database: Database, hospital: House, there: ZaloStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    phone_token = there.person("uat-1", "z-1", telephones.international(phone))
    browser = await client(None)
    assert (await come(browser, hospital, access_token="uat-1")).json() == {"needs": "phone_token"}
    answer = await come(browser, hospital, access_token="uat-1", phone_token=phone_token)
    assert answer.json()["next"].startswith(f"{ENTRY}/xac-nhan")
    assert (await browser.get("/nguoi-benh")).status_code == 303  # Zalo's word opens no record
    assert (await telephones.told(browser, hospital, "03/02/1956")).headers["location"] == "/nguoi-benh"
    there.people["uat-2"] = there.people["uat-1"]
    again = await client(None)
    assert (await come(again, hospital, access_token="uat-2")).json() == {"next": "/nguoi-benh"}
    assert "Đặng Thị Tâm" in (await again.get("/nguoi-benh")).text
    await again.post("/nguoi-benh/tai-khoan/zalo")
    assert (await come(await client(None), hospital, access_token="uat-2")).json() == {"needs": "phone_token"}


@pytest.mark.usefixtures("linked")
async def test_an_id_or_a_number_that_the_client_says_is_not_believed(
    client: Client, hospital: House, there: ZaloStandIn
) -> None:
    browser = await client(None)
    answer = await come(browser, hospital, access_token="forged", phone_token="0912345678", id="z-1")
    assert answer.status_code == 422
    assert COOKIE not in browser.cookies
    assert (await come(browser, hospital)).status_code == 422


async def test_where_no_app_is_set_up_zalo_opens_nothing(client: Client, hospital: House) -> None:
    assert (await come(await client(None), hospital, access_token="uat-1")).status_code == 404
