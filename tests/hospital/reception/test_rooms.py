"""The way to a room in words: written once by the administrator, shown wherever somebody is told to go there."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from html import unescape

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.hospital.visit import LABORATORY, concept, stamp, ticket_identifier
from benhan.patient import rules
from benhan.simulator import House
from tests.hospital.reception.queue_people import waits
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/lich-kham/phong"
WORDS = "Tầng 4 nhà D: qua <cầu>, rẽ trái"


async def filled(browser: httpx.AsyncClient) -> dict[str, str]:
    """The form as it stands on the page."""
    page = await browser.get(PATH)
    assert page.status_code == 200
    found = (dict(re.findall(r'(name|value)="([^"]*)"', one)) for one in re.findall(r"<input[^>]*>", page.text))
    return {
        one["name"]: unescape(one.get("value", "")) for one in found if re.match("duong-|ban-", one.get("name", ""))
    }


async def kept(database: Database, house: House, room: str) -> str | None:
    async with database.transaction(house.key) as tx:
        return (await store.read(tx, house.loader, r4.Location, room)).description


async def test_words_of_the_administrator_stand_where_somebody_is_sent(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        room = await people.fresh_room(tx, hospital)
    assert (await (await client(None)).get(PATH)).status_code == 303
    for role in (Role.RECEPTION, Role.DOCTOR, Role.PLANNING):
        browser = await client(role)
        assert {(await browser.get(PATH)).status_code, (await browser.post(PATH)).status_code} == {403}
    administrator, colleague = await client(Role.ADMINISTRATOR), await client(Role.ADMINISTRATOR)
    assert f"duong-{room}" not in await filled(await client(Role.ADMINISTRATOR, other_hospital))

    form, stale = await filled(administrator), await filled(colleague)
    assert form["duong-phong-pk03"].startswith("Tầng 1 nhà B") and form[f"duong-{room}"] == ""
    long = await administrator.post(PATH, data=form | {f"duong-{room}": "x" * 121})
    assert long.status_code == 422 and await kept(database, hospital, room) is None
    saved = await administrator.post(PATH, data=form | {f"duong-{room}": WORDS})
    assert saved.headers["location"] == f"{PATH}?xong=1"

    ticket = await waits(database, hospital, room, "Đặng Thị Lối")
    async with database.transaction(hospital.key) as tx:
        await queue.call(tx, hospital.loader, ticket)
    said = "Tầng 4 nhà D: qua &lt;cầu&gt;, rẽ trái"
    assert said in (await (await client(Role.RECEPTION)).get(f"/tiep-don/phieu/{ticket.id}")).text
    assert said in (await administrator.get(f"/man-hinh?phong={room}")).text

    # Somebody who began before does not write over it, and keeps nothing of what she wrote.
    clash = await colleague.post(PATH, data=stale | {f"duong-{room}": "Tầng 5", "duong-phong-td02": "Khác"})
    assert clash.status_code == 422 and f"Vừa có người sửa thành: {said}" in clash.text
    assert await kept(database, hospital, room) == WORDS
    assert await kept(database, hospital, "phong-td02") != "Khác"
    gone = await administrator.post(PATH, data=await filled(administrator) | {f"duong-{room}": " "})
    assert gone.status_code == 303 and await kept(database, hospital, room) is None


async def test_after_orders_each_place_is_told_until_she_has_been_there() -> None:
    begun = stamp(clock.now())
    visit = r4.Encounter(status="in-progress", class_=r4.Coding(code="AMB"), period=r4.Period(start=begun))
    order = r4.ServiceRequest(
        status="active", intent="order", subject=r4.Reference(), category=[concept("x", LABORATORY)]
    )
    there = r4.Task(
        status="requested", intent="order", location=r4.Reference(reference="Location/xn", display="Lấy mẫu 1"),
        identifier=[ticket_identifier(clock.today(), "X-007")], authoredOn=begun,
    )  # fmt: skip
    steps = rules.steps(visit, [there], [order], {"xn": "Nhà C"})
    assert [(one.text.partition(" · ")[0], one.way) for one in steps[1:]] == [
        ("Khám", ""), ("Xét nghiệm", "Nhà C"), ("Kết luận và đơn thuốc", ""),
    ]  # fmt: skip
    there.status, order.status = "completed", "completed"
    assert not any(one.way for one in rules.steps(visit, [there], [order], {"xn": "Nhà C"}))
