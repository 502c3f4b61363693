"""Who may open the doors of imaging, and what stands on the work list."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.simulator import House
from tests.hospital.orders_day import Day

Client = Callable[..., Awaitable[httpx.AsyncClient]]
DOORS = ["/chan-doan-hinh-anh", "/chan-doan-hinh-anh/{order}", "/chan-doan-hinh-anh/{order}/phieu.pdf"]
POSTS = ["/chan-doan-hinh-anh/goi", "/chan-doan-hinh-anh/phieu", "/chan-doan-hinh-anh/{order}"]
EVERY = [("GET", path) for path in DOORS] + [("POST", path) for path in POSTS]


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_nobody_signed_in_is_sent_to_sign_in(day: Day, client: Client, method: str, path: str) -> None:
    sent = await day.sends("18.119")
    answer = await (await client(None)).request(method, path.format(order=sent.orders[0].id))
    assert answer.status_code == 303 and answer.headers["location"].startswith("/dang-nhap")


@pytest.mark.parametrize(("method", "path"), EVERY)
@pytest.mark.parametrize("role", ["reception", "laboratory"])
async def test_another_role_is_refused(day: Day, client: Client, method: str, path: str, role: str) -> None:
    sent = await day.sends("18.119")
    answer = await (await client(role)).request(method, path.format(order=sent.orders[0].id))
    assert answer.status_code in (403, 404), answer.text  # the laboratory may print, but finds nothing released
    assert sent.patient.name and "Đặng Thị Tâm" not in answer.text.replace("ĐẶNG THỊ TÂM", "Đặng Thị Tâm")


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_another_hospital_sees_nothing_of_ours(
    day: Day, client: Client, other_hospital: House, method: str, path: str
) -> None:
    sent = await day.sends("18.119", name="Lò Văn Kín")
    [ticket] = await day.tickets(sent)
    stranger = await client("imaging", at=other_hospital)
    data = {"room": "phong-ha01", "ticket": ticket.id or "", "action": "goi"} if method == "POST" else None
    answer = await stranger.request(method, path.format(order=sent.orders[0].id), data=data)
    assert answer.status_code in (200, 404, 409), answer.text
    assert "Lò Văn Kín" not in answer.text and "LÒ VĂN KÍN" not in answer.text
    assert [one.status for one in await day.tickets(sent)] == ["requested"]


async def test_an_order_appears_with_ticket_room_and_service(day: Day, client: Client) -> None:
    sent = await day.sends("18.119", name="Quách Thị Ổi")
    [ticket] = await day.tickets(sent)
    page = await (await client("imaging")).get("/chan-doan-hinh-anh", params={"q": "oi quach"})
    number = (ticket.identifier or [])[0].value or ""
    assert "Quách Thị Ổi" in page.text and number.rpartition("/")[2] in page.text
    assert "Chụp X-quang ngực" in page.text and "Phòng X-quang" in page.text


async def test_somebody_is_found_by_ticket_and_order_number(day: Day, client: Client) -> None:
    sent = await day.sends("18.119", name="Sùng A Dính")
    reader = await client("imaging")
    [ticket] = await day.tickets(sent)
    order = (sent.orders[0].identifier or [])[0].value or ""
    for query in ((ticket.identifier or [])[0].value.rpartition("/")[2].lower(), order):  # type: ignore[union-attr]
        assert "Sùng A Dính" in (await reader.get("/chan-doan-hinh-anh", params={"q": query})).text, query


async def test_an_urgent_order_says_so(day: Day, client: Client) -> None:
    await day.sends("18.119", name="Mùa Thị Gấp", urgent=True)
    page = await (await client("imaging")).get("/chan-doan-hinh-anh", params={"q": "mua gap"})
    assert ">gấp<" in page.text


async def test_call_start_and_finish_move_the_ticket(day: Day, client: Client) -> None:
    sent = await day.sends("18.119")
    reader = await client("imaging")
    [ticket] = await day.tickets(sent)
    for action, state in (("goi", "ready"), ("bat-dau", "in-progress"), ("xong", "completed")):
        answer = await reader.post("/chan-doan-hinh-anh/phieu", data={"ticket": ticket.id or "", "action": action})
        assert answer.status_code == 303
        assert [one.status for one in await day.tickets(sent)] == [state]


@pytest.mark.parametrize("address", ["https://xau.example/", "//xau.example", "/quan-tri"])
async def test_a_verb_never_leads_away_from_the_department(day: Day, client: Client, address: str) -> None:
    sent = await day.sends("18.119")
    [ticket] = await day.tickets(sent)
    data = {"ticket": ticket.id or "", "action": "goi", "back": address}
    answer = await (await client("imaging")).post("/chan-doan-hinh-anh/phieu", data=data)
    assert answer.headers["location"] == "/chan-doan-hinh-anh"


async def test_finished_visits_leave_the_list_and_are_found_under_done(day: Day, client: Client) -> None:
    sent = await day.sends("18.119", name="Bàn Thị Xong")
    reader = await client("imaging")
    data = {"version": "0", "findings": "Tốt", "conclusion": "Bình thường", "action": "release"}
    await reader.post(f"/chan-doan-hinh-anh/{sent.orders[0].id}", data=data)
    assert "Bàn Thị Xong" not in (await reader.get("/chan-doan-hinh-anh")).text
    assert "Bàn Thị Xong" in (await reader.get("/chan-doan-hinh-anh", params={"loc": "xong"})).text
    assert "Bàn Thị Xong" in (await reader.get("/chan-doan-hinh-anh", params={"q": "ban xong"})).text
