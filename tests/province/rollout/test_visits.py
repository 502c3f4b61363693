"""A visit with photographs and a task, who has done it; a reminder to many, which its facility confirms."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest

from benhan.core.kit import clock
from benhan.province.rollout import facts, visits
from benhan.province.rollout.pages import LIST, PATH
from benhan.simulator import House
from tests.province.rollout.test_doors import PHOTO, WARD, made, share
from tests.province.rollout.test_figures import words

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_a_visit_leaves_photographs_and_a_task_until_it_is_done(client: Client, department: House) -> None:
    site = await made(client, department, "V0001", "BV Đón Đoàn")
    assert (await share(client, department, "rollout-officer", WARD, "")).status_code == 303
    assert (await share(client, department, "rollout-reporter", "", "V0001")).status_code == 303
    officer, reporter = await client("rollout-officer", at=department), await client("rollout-reporter", at=department)
    today, until = clock.today(), clock.today() - timedelta(days=1)
    said = {"on": clock.vn_date(today), "note": "máy chủ chưa có dự phòng"}
    task = {"task": "Mua máy chủ dự phòng", "whom": "Trưởng phòng CNTT"}
    brief = words((await officer.get(f"{site}/di-tham")).text)
    assert "Ghi buổi thăm" in brief and "30/09/2025" in brief
    assert (await officer.post(f"{site}/tham", data={**said, **task})).status_code == 422  # until when?
    future = {**said, "on": clock.vn_date(today + timedelta(days=1))}
    assert (await officer.post(f"{site}/tham", data=future)).status_code == 422
    nothing = {"photo1": ("a.png", b"\x89PNG")}
    assert (await officer.post(f"{site}/tham", data=said, files=nothing)).status_code == 422
    assert (await reporter.post(f"{site}/tham", data=said)).status_code == 403  # the facility does not visit itself
    assert "Mua máy chủ" not in (await officer.get(site)).text

    photos = {"photo1": ("a.jpg", PHOTO), "photo3": ("b.jpg", PHOTO)}
    whole = {**said, **task, "until": clock.vn_date(until)}
    assert (await officer.post(f"{site}/tham", data=whole, files=photos)).status_code == 303
    page = (await officer.get(site)).text
    files = set(re.findall(rf"{PATH}/minh-chung/\w+", page))
    assert len(files) == 2 and "máy chủ chưa có dự phòng" in page
    for file in files:
        assert b"chez" not in (await reporter.get(file)).content
    assert "Mua máy chủ dự phòng" in (await officer.get(f"{PATH}/viec")).text
    assert "Mua máy chủ dự phòng" in (await reporter.get(f"{PATH}/viec")).text
    assert "1 việc mở" in words((await officer.get(f"{LIST}?tinh-trang=tasks&q=V0001")).text)
    assert (await officer.get(f"{site}/di-tham.pdf")).content[:5] == b"%PDF-"

    number = re.search(rf"{site}/giao-viec/(\d+)", page)
    assert number
    assert (await reporter.post(f"{site}/rut/{number[1]}", data={"why": "không làm"})).status_code == 403
    assert (await reporter.post(f"{site}/giao-viec/999999999", data={})).status_code == 409
    assert (
        await reporter.post(number[0], data={"note": "đã mua"}, files={"file": ("c.jpg", PHOTO)})
    ).status_code == 303
    assert (await reporter.post(number[0], data={})).status_code == 409
    after = words((await officer.get(site)).text)
    assert "đã mua" in after and "Việc đang mở" not in after
    assert "Mua máy chủ dự phòng" not in (await officer.get(f"{PATH}/viec")).text


async def test_who_is_late_is_reminded_in_one_step_and_confirms(client: Client, department: House) -> None:
    site = await made(client, department, "V0002", "BV Được Nhắc", ward="Hoàn Kiếm")
    other = facts.where("Hoàn Kiếm", "", "Hà Nội")
    assert other
    await share(client, department, "rollout-officer", other.ward, "")
    await share(client, department, "rollout-reporter", "", "V0002")
    officer, reporter = await client("rollout-officer", at=department), await client("rollout-reporter", at=department)
    preview = (await officer.get(f"{PATH}/nhac?tinh-trang=late&noi={other.ward}")).text
    assert "BV Được Nhắc" in preview
    action = f"{PATH}/nhac?tinh-trang=late&noi={other.ward}"
    assert (await officer.post(action, data={"text": ""})).status_code == 422
    assert (await officer.post(f"{PATH}/nhac?noi=02", data={"text": "x"})).status_code == 422  # nobody there
    sent = await officer.post(action, data={"text": "Nộp quyết định trước thứ sáu"})
    assert sent.status_code == 303 and "tinh-trang=unread" in sent.headers["location"]

    assert "nhắc chưa đọc" in (await reporter.get(LIST)).text
    page = (await reporter.get(site)).text
    told = re.search(rf"{site}/nhac/\d+", page)
    assert told and "Nộp quyết định trước thứ sáu" in page
    assert (await officer.post(told[0])).status_code == 403  # not the Department in her place
    assert (await reporter.post(told[0])).status_code == 303
    assert (await reporter.post(told[0])).status_code == 409
    assert "nhắc chưa đọc" not in (await reporter.get(LIST)).text
    history = words((await officer.get(site)).text)
    assert "Đã đọc nhắc" in history and "Nộp quyết định trước thứ sáu" in history
    again = words((await officer.get(action)).text)
    assert "không nhắc lại" in again and f"trong {visits.REST_DAYS} ngày" in again
    assert re.search(r"Không có cơ sở nào để nhắc", again)
