"""Connecting an Official Account, and its tokens: one refresh at a time, kept before use, never lost in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit.outside import NoAnswer
from benhan.patient.oa import connecting
from benhan.patient.oa.accounts import LOST, REFUSED, Accounts, App, Tokens, oa_app
from benhan.patient.oa.pages import DOORS, PATH
from benhan.simulator import House
from tests.patient.oa import official
from tests.settled import PATIENCE
from tests.standins.zalo import FIRST_ACCESS, OA, ZaloStandIn, zalo_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
TOKEN = "/v4/oa/access_token"
SPENT = timedelta(minutes=-1)


async def row(database: Database, house: House) -> dict[str, Any]:
    async with database.transaction(house.key) as tx:
        found = await tx.fetchrow("select * from oa_connection where facility = $1", house.key)
    return dict(found or {})


async def acts(database: Database, house: House, action: str) -> list[tuple[bool, str]]:
    async with database.transaction(house.key) as tx:
        rows = await tx.fetch(
            "select allowed, rule from audit where facility = $1 and action = $2 order by at, seq", house.key, action
        )
    return [(one["allowed"], one["rule"]) for one in rows]


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_only_who_administers_a_facility_connects_its_account(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    nobody, desk, elsewhere = (
        await client(None),
        await client("reception"),
        await client("administrator", other_hospital),
    )
    for door in DOORS:
        for method in door.methods:
            assert (await nobody.request(method, door.path)).headers["location"].startswith("/dang-nhap")
            assert (await desk.request(method, door.path)).status_code == 403
    async with official.account(database, hospital):
        assert OA in (await (await client("administrator")).get(PATH)).text
        assert OA not in (await elsewhere.get(PATH)).text
        with pytest.raises(Conflict):
            async with database.transaction(other_hospital.key) as tx:
                who = other_hospital.subject(Role.ADMINISTRATOR)
                await connecting.connect(tx, who, OA, "", Tokens("a", "b", timedelta(1)))
        assert (await elsewhere.post(f"{PATH}/ngat")).status_code == 303  # hers, of which there is none
        assert OA in (await (await client("administrator")).get(PATH)).text


async def test_where_the_operator_named_no_app_the_page_says_so(client: Client) -> None:
    admin = await client("administrator")
    assert "BENHAN_ZALO_APP_ID" in (await admin.get(PATH)).text
    assert (await admin.post(f"{PATH}/noi")).status_code == 404


async def test_an_administrator_connects_sets_templates_and_lets_go(
    client: Client, app: Starlette, database: Database, hospital: House
) -> None:
    admin, there = await client("administrator"), ZaloStandIn()
    with zalo_stand_in(there) as base:
        app.state.oa = App(official.settings(base))
        try:
            back = await at_zalo(admin)
            elsewhere = await client("administrator")  # the same account in another browser: another session
            assert "không phải của bạn" in (await elsewhere.get(back)).text
            back = await at_zalo(admin)
            assert (await admin.get(back)).headers["location"] == f"{PATH}?xong=noi"
            assert "đã cũ" in (await admin.get(back)).text  # once
            forged = (await at_zalo(admin)).replace("code=", "code=x")
            assert "Nối lại từ đầu" in (await admin.get(forged)).text
        finally:
            app.state.oa = None
    page = (await admin.get(PATH)).text
    assert OA in page and "Phải nối lại" not in page
    kept = await row(database, hospital)
    assert kept["access"].startswith("encrypted:") and kept["refresh"].startswith("encrypted:")
    assert (await admin.post(f"{PATH}/mau", data={"code": "412345"})).status_code == 303
    assert 'value="412345"' in (await admin.get(PATH)).text
    assert (await admin.post(f"{PATH}/ngat")).status_code == 303
    assert await row(database, hospital) == {}
    connected = await acts(database, hospital, "oa-connect")
    assert (True, OA) in connected and (False, "refused: -14019") in connected


async def at_zalo(admin: httpx.AsyncClient) -> str:
    """She goes to Zalo by the link of the page and says yes; gives where Zalo sends her back, on this server."""
    page = (await admin.post(f"{PATH}/noi")).text
    address = page.split('href="http')[1].split('"')[0].replace("&amp;", "&")
    async with httpx.AsyncClient() as zalo:
        answer = await zalo.get(f"http{address}")
    parts = urlsplit(answer.headers["location"])
    return f"{parts.path}?{parts.query}"


# ── its tokens ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_refresh_token_is_used_once_however_many_ask(database: Database, hospital: House) -> None:
    async with official.account(database, hospital, SPENT) as (there, settings):
        app = oa_app(settings)
        assert app
        processes = [Accounts(app, database) for _process in range(3)]
        there.faults[TOKEN] = "slow"
        first = asyncio.create_task(processes[0].held(hospital.key))
        async with asyncio.timeout(PATIENCE):
            while TOKEN not in there.asked:  # noqa: ASYNC110 - the stand-in has no event for a question
                await asyncio.sleep(0.02)
        for one in processes[1:]:
            with pytest.raises(NoAnswer):  # it is being refreshed
                await one.held(hospital.key)
        there.hurry.set()
        assert (await first).access in there.access
        assert (there.refreshed, there.asked.count(TOKEN)) == (1, 1)
        there.faults.clear()
        held = await processes[0].held(hospital.key)
        assert held.access in there.access and held.access != FIRST_ACCESS
        await processes[1].not_taken(held)  # Zalo took it back before its time
        again = await processes[2].held(hospital.key)
        assert (there.refreshed, again.access != held.access) == (2, True)
        await processes[1].not_taken(held)  # of an older one nothing follows
        assert (await processes[0].held(hospital.key)).access == again.access


async def test_a_lost_answer_is_said_on_the_page_and_connecting_again_heals_it(
    client: Client, database: Database, hospital: House
) -> None:
    async with official.account(database, hospital, SPENT) as (there, settings):
        app = oa_app(settings)
        assert app
        accounts = Accounts(app, database)
        there.faults[TOKEN] = "lost"
        for _twice in range(2):  # the second asks nothing: the first may have been answered
            with pytest.raises(NoAnswer):
                await accounts.held(hospital.key)
        assert there.refreshed == 1
        there.faults.clear()
        async with database.transaction(hospital.key) as tx:
            await tx.execute("update oa_connection set refreshing = refreshing - interval '61 s'")
        with pytest.raises(NoAnswer, match="connected again: lost"):
            await accounts.held(hospital.key)
        assert (await row(database, hospital))["trouble"] == LOST
        page = (await (await client("administrator")).get(PATH)).text
        assert "Phải nối lại: câu trả lời của lần làm mới trước bị mất" in page
        assert [said for _allowed, said in await acts(database, hospital, "oa-refresh")][-1].startswith("lost: refused")
        await official.connect(database, hospital)
        assert "Phải nối lại" not in (await (await client("administrator")).get(PATH)).text
        assert (await accounts.held(hospital.key)).access == FIRST_ACCESS


async def test_what_zalo_refuses_is_not_asked_again_and_what_it_never_heard_is(
    database: Database, hospital: House
) -> None:
    async with official.account(database, hospital, SPENT) as (there, settings):
        app = oa_app(settings)
        assert app
        away = App(official.settings("http://127.0.0.1:1"))
        with pytest.raises(NoAnswer, match="no token"):
            await Accounts(away, database).held(hospital.key)
        assert (await Accounts(app, database).held(hospital.key)).access in there.access
        there.refresh.clear()
        async with database.transaction(hospital.key) as tx:
            await tx.execute("update oa_connection set access_ends = now()")
        for _twice in range(2):
            with pytest.raises(NoAnswer, match=REFUSED):
                await Accounts(app, database).held(hospital.key)
        assert there.asked.count(TOKEN) == 2


async def test_a_facility_without_one_uses_the_account_that_the_operator_named(
    database: Database, hospital: House, other_hospital: House
) -> None:
    async with official.account(database, hospital) as (_there, settings):
        with pytest.raises(NoAnswer, match="no account"):
            await Accounts(App(settings), database).held(other_hospital.key)
        shared = App(official.settings(settings.zalo_oauth, zalo_shared_facility=hospital.code))
        assert (await Accounts(shared, database).held(other_hospital.key)).facility == hospital.key
