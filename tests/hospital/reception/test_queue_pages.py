"""Queues on screen: the staff call by key or click, the hall sees numbers and initials, and only who may."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest
import pytest_asyncio

from benhan.core.db import Database
from benhan.hospital.visit import ticket_number
from benhan.simulator import House, build_house
from tests.hospital.reception.queue_people import text_of, waits

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
FRAGMENT = {"HX-Request": "true"}


@pytest_asyncio.fixture(scope="session")
async def hospital(database: Database, dsn: Callable[..., str], hospital: House) -> House:
    """A hospital of its own: who waits, and how long, is what these tests are about."""
    return await build_house(database, dsn(), code="79003", name="BVĐK Hàng Đợi", days=0)


@pytest.mark.parametrize("path", ["/hang-doi", "/hang-doi/phong-pk03", "/man-hinh", "/man-hinh/phong-pk03"])
async def test_the_three_who_may_not(client: Client, other_hospital: House, path: str, database: Database) -> None:
    nobody = await (await client(None)).get(path)
    assert nobody.status_code == 303 and nobody.headers["location"].startswith("/dang-nhap")
    assert (await (await client("province")).get(path)).status_code == 403
    assert (await (await client("nurse")).get(path)).status_code == 200


async def test_another_hospital_does_not_see_who_waits(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    await waits(database, hospital, "phong-pk12", "Vương Thị Ẵng")
    stranger = await client("nurse", other_hospital)
    for path in ("/hang-doi/phong-pk12", "/man-hinh/phong-pk12"):
        assert "Vương" not in (await stranger.get(path)).text
    theirs = await stranger.post("/hang-doi/phong-pk12/goi-tiep")
    assert theirs.headers["location"].endswith("viec=het"), "nobody waits in their own room of that name"
    assert "Vương Thị Ẵng" in (await (await client("nurse")).get("/hang-doi/phong-pk12")).text


async def test_reception_sees_the_queue_but_does_not_call(client: Client, database: Database, hospital: House) -> None:
    desk = await client("reception")
    assert "Gọi người tiếp theo" not in (await desk.get("/hang-doi/phong-pk13")).text
    assert (await desk.post("/hang-doi/phong-pk13/goi-tiep")).status_code == 403


async def test_a_nurse_calls_skips_undoes_starts_and_finishes(
    client: Client, database: Database, hospital: House
) -> None:
    number = ticket_number(await waits(database, hospital, "phong-pk13", "Đặng Thị Tâm"))
    nurse = await client("nurse")
    called = await nurse.get((await nurse.post("/hang-doi/phong-pk13/goi-tiep")).headers["location"])
    assert f"Đã gọi số {number}" in text_of(called) and "Hoàn tác" in text_of(called)

    async def press(page: httpx.Response, verb: str) -> httpx.Response:
        form = rf'action="(/hang-doi/phong-pk13/[\w-]+/{verb})"><input type="hidden" name="version" value="(\d+)"'
        action, version = re.findall(form, page.text)[0]
        done = await nurse.post(action, data={"version": version})
        return await nurse.get(done.headers["location"])

    skipped = await press(called, "bo-qua")
    assert "Đã bỏ qua: 1" in text_of(skipped)
    back = await press(skipped, "tra-lai")
    assert "Đang chờ: 1" in text_of(back)
    serving = await press(await press(back, "goi"), "bat-dau")
    assert "bắt đầu" in text_of(serving)
    assert "Chưa gọi ai" in text_of(await press(serving, "xong"))


async def test_a_button_pressed_on_an_old_page_changes_nothing(
    client: Client, database: Database, hospital: House
) -> None:
    ticket = await waits(database, hospital, "phong-pk14", "Lê Hoàng Nam")
    one, two = await client("nurse"), await client("doctor")
    path = f"/hang-doi/phong-pk14/{ticket.id}"
    assert (await one.post(f"{path}/goi", data={"version": "1"})).status_code == 303
    late = await two.post(f"{path}/bo-qua", data={"version": "1"})
    assert late.status_code == 412 and "Người khác vừa làm việc" in text_of(late)
    assert (await two.post(f"/hang-doi/phong-pk13/{ticket.id}/xong", data={})).status_code == 404
    assert (await two.post(f"{path}/bay", data={})).status_code == 404


async def test_the_hall_shows_numbers_rooms_and_initials_only(
    client: Client, database: Database, hospital: House
) -> None:
    called = await waits(database, hospital, "phong-pk06", "Nguyễn Ngọc Ẵng")
    waiting = await waits(database, hospital, "phong-pk06", "Phùng Thị Thắm")
    await (await client("nurse")).post("/hang-doi/phong-pk06/goi-tiep")
    wall = await client("display")
    for path in ("/man-hinh?phong=phong-pk06", "/man-hinh/phong-pk06"):
        page = await wall.get(path)
        assert ticket_number(called) in page.text and ticket_number(waiting) in page.text
        assert "Nguyễn N. Ẵ." in page.text
        assert "Ngọc" not in page.text and "Phùng Thị" not in page.text
        assert 'sse-connect="/live?types=Task"' in page.text
        fragment = await wall.get(path, headers=FRAGMENT)
        assert "<html" not in fragment.text and ticket_number(called) in fragment.text
    said = f"Mời số {ticket_number(called).replace('-', ' ')}, Nguyễn N. Ẵ., vào Phòng khám 6"
    assert said in text_of(page), "what a voice can read out"


async def test_the_door_tells_how_long_one_waits(client: Client, database: Database, hospital: House) -> None:
    for name in ("Một Văn A", "Hai Văn B", "Ba Văn C"):
        await waits(database, hospital, "phong-ha02", name, kind="imaging")
    page = text_of(await (await client("display")).get("/man-hinh/phong-ha02"))
    said = re.search(r"Còn (\d+) người, khoảng (\d+) phút", page)
    assert said
    people, minutes = int(said[1]), int(said[2])
    assert people >= 3
    assert minutes == 8 * people, "8 minutes each until the room has served three today"
