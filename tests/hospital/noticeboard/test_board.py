"""The page of the house: what everybody sees of it, when, and how the planning office writes it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import httpx
import pytest
import pytest_asyncio

from benhan.core.access import Role
from benhan.core.db import PLATFORM, Database
from benhan.core.kit import clock
from benhan.hospital.noticeboard.rules import News, State
from benhan.simulator import House, build_house
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
HOUSE = {
    "gioi-thieu": "Bệnh viện hạng I <b>", "dia-chi": "1 Sông Hồng, Hà Nội", "dien-thoai": "024 3333 4444",
    "days1": ["mon", "tue"], "start1": "7:00", "end1": "11:30", "vi-do": "21,028511", "kinh-do": "105,804817",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(database: Database, dsn: Callable[..., str]) -> House:
    return await build_house(database, dsn(), code="79562", name="BVĐK Bảng Tin", days=1)


async def test_where_and_when_is_written_undone_and_read_by_everybody(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    office, anybody = await client(Role.PLANNING, house), Phone(await client(None))
    path = f"/facilities/{house.code}/board"
    assert (await anybody.read(path))["address"] == ""
    for wrong in ({"end1": "6:00"}, {"kinh-do": ""}, {"vi-do": "200"}):
        assert (await office.post("/trang-co-so", data=HOUSE | wrong)).status_code == 422
    saved = await office.post("/trang-co-so", data=HOUSE)
    assert saved.status_code == 303
    board = await anybody.read(path)
    assert (board["address"], board["phone"]) == ("1 Sông Hồng, Hà Nội", "02433334444")
    assert board["hours"] == [{"days": ["T2", "T3"], "start": "07:00", "end": "11:30"}]
    assert board["position"] == {"latitude": 21.028511, "longitude": 105.804817}
    assert "Bệnh viện hạng I &lt;b&gt;" in (await office.get("/trang-co-so")).text
    await office.post("/trang-co-so", data=HOUSE | {"dia-chi": "2 Sông Hồng"})
    assert "/trang-co-so/hoan-tac" in (await office.get("/trang-co-so?xong=luu")).text
    assert (await office.post("/trang-co-so/hoan-tac")).status_code == 303
    assert (await anybody.read(path))["address"] == "1 Sông Hồng, Hà Nội"
    assert (await anybody.read(f"/facilities/{other_hospital.code}/board"))["address"] == ""
    for role in (Role.DOCTOR, Role.RECEPTION, Role.NURSE):
        assert (await (await client(role, house)).post("/trang-co-so", data=HOUSE)).status_code == 403
    async with database.transaction(PLATFORM) as tx:
        writers = await tx.fetch(
            "select distinct account from audit where id = 'co-so' and action = 'update' and facility = $1", house.key
        )
    assert [row["account"] for row in writers] == [house.subject(Role.PLANNING).account]


async def test_news_are_drafts_until_published_shown_on_their_days_and_taken_back(
    client: Client, house: House, other_hospital: House
) -> None:
    office, anybody = await client(Role.PLANNING, house), Phone(await client(None))
    today = clock.today()
    said = {
        "tieu-de": "Nghỉ lễ", "noi-dung": "Khám cấp cứu vẫn mở.", "tu": clock.vn_date(today),
        "den": clock.vn_date(today + timedelta(days=3)),
    }  # fmt: skip
    assert (await office.post("/trang-co-so/tin", data=said | {"den": "01/01/2020"})).status_code == 422
    at = (await office.post("/trang-co-so/tin", data=said)).headers["location"].partition("?")[0]
    assert await _titles(anybody, house) == []
    assert (await office.post(f"{at}/dang")).headers["location"].startswith("/trang-co-so?xong=dang")
    assert await _titles(anybody, house) == ["Nghỉ lễ"]
    later = said | {"tieu-de": "Tuần sau", "tu": clock.vn_date(today + timedelta(days=2))}
    await office.post(at, data=later)
    assert await _titles(anybody, house) == []
    await office.post(at, data=said)
    assert await _titles(anybody, house) == ["Nghỉ lễ"]
    assert await _titles(anybody, other_hospital) == []
    gone = await office.post(f"{at}/go")
    assert await _titles(anybody, house) == []
    assert f"{at}/dang" in (await office.get(gone.headers["location"])).text
    elsewhere = await client(Role.PLANNING, other_hospital)
    assert (await elsewhere.get(at)).status_code == 404
    assert (await elsewhere.post(f"{at}/dang")).status_code == 404


async def test_doctors_are_told_with_their_hours(client: Client, house: House) -> None:
    anybody = Phone(await client(None))
    found = (await anybody.read(f"/facilities/{house.code}/doctors"))["doctors"]
    assert {"Nội tổng quát"} <= {one["service"] for one in found}
    assert all(one["name"] and one["room"] for one in found)
    assert found == sorted(found, key=lambda one: (one["service"], one["name"]))


async def test_news_hold_from_their_first_day_to_their_last() -> None:
    first = date(2026, 11, 23)
    one = News(id="1", state=State.OUT, title="", words="", first=first, last=first + timedelta(days=1))
    assert [one.shown(first + timedelta(days=n)) for n in (-1, 0, 1, 2)] == [False, True, True, False]


async def _titles(anybody: Phone, at: House) -> list[str]:
    return [one["title"] for one in (await anybody.read(f"/facilities/{at.code}/board"))["news"]]
