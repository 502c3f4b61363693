"""On a phone: an officer finds the gate shut, brings a photograph, a verifier opens it, the leader's number changes."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.province.rollout.pages import LIST, PATH
from benhan.simulator import House, build_province
from benhan.simulator.rollout import bring_hospitals, city
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.province.rollout.test_doors import PHOTO

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


async def test_a_visit_opens_the_gate_before_the_leaders_eyes(
    open_page: OpenPage, axe: Axe, client: Client, address: str, database: Database, dsn: Callable[..., str],
    hospital: House,
) -> None:  # fmt: skip
    house = await build_province(database, dsn(), code="79813", name="Sở Y tế Trên Điện Thoại")
    await bring_hospitals(database, house, city(clock.today()))
    browsers = {role: await client(role, at=house) for role in ("province", "rollout-officer", "rollout-verifier")}
    cookies = {role: {COOKIE: one.cookies[COOKIE]} for role, one in browsers.items()}
    officers = next(one.id for one in house.accounts if one.role == "rollout-officer")
    shared = await browsers["province"].post(f"{PATH}/phan-cong", data={"account": officers, "areas": "01"})
    assert shared.status_code == 303

    open_sites = (await browsers["rollout-officer"].get(f"{LIST}?tinh-trang=open")).text
    site = re.search(rf'href="({LIST}/\w+)">', open_sites)
    assert site
    gate = {"title": "Quy chế bệnh án điện tử", "kind": "process", "state": "doing", "gate": "1"}
    assert (await browsers["rollout-officer"].post(f"{site[1]}/viec/them", data=gate)).status_code == 303

    leader = await open_page(f"{address}{PATH}", size=PHONE, cookies=cookies["province"])
    assert await leader.text_content(".ro-count .big") == "153/164"
    assert await axe(leader) == [] and await leader.evaluate(FITS)

    officer = await open_page(f"{address}{LIST}?tinh-trang=open", size=PHONE, cookies=cookies["rollout-officer"])
    assert await axe(officer) == [] and await officer.evaluate(FITS)
    await officer.click("#rows a")
    assert "cổng vận hành đóng" in (await officer.text_content("main") or "")
    await officer.click("nav >> text=Giai đoạn")
    await officer.select_option("#f-stage", "decided")
    await officer.fill("#f-number", "07/QĐ-BV")
    await officer.click("#ghi button")
    assert "cần tệp minh chứng" in (await officer.text_content(".error-summary") or "")
    assert await axe(officer) == [] and await officer.evaluate(FITS)
    await officer.set_input_files("#f-file", {"name": "qd.jpg", "mimeType": "image/jpeg", "buffer": PHOTO})
    await officer.click("#ghi button")
    await officer.wait_for_selector("text=báo quyết định số 07/QĐ-BV")

    await officer.click("nav >> text=Kế hoạch trong viện")
    assert "Cổng vận hành đóng" in (await officer.text_content(".ro-first") or "")
    assert await axe(officer) == [] and await officer.evaluate(FITS)
    await officer.click(".ro-list a >> text=Ghi")
    await officer.check("label:has-text('Xong')")
    await officer.set_input_files("#f-file", {"name": "qc.jpg", "mimeType": "image/jpeg", "buffer": PHOTO})
    await officer.evaluate("scrollTo(0, 0)")  # nothing half under the head of the page
    assert await axe(officer) == [] and await officer.evaluate(FITS)
    await officer.press("#f-owner", "Control+s")
    await officer.wait_for_selector("text=Đã ghi")

    verifier = await open_page(f"{address}{site[1]}", size=PHONE, cookies=cookies["rollout-verifier"])
    assert await verifier.query_selector("text=Xác minh: đạt") is None  # the gate is shut
    await verifier.click("text=Mở kế hoạch")
    assert await axe(verifier) == [] and await verifier.evaluate(FITS)
    await verifier.click("button >> text=Xác minh")
    await verifier.wait_for_selector("text=Cổng vận hành mở")
    await verifier.click(".tabs >> text=Tiến độ")
    assert await axe(verifier) == [] and await verifier.evaluate(FITS)
    await verifier.click("text=Xác minh: đạt")
    await verifier.wait_for_selector("text=Đã xác minh")
    await leader.wait_for_function("() => document.querySelector('.ro-count .big').textContent === '154/164'")

    dark = await open_page(f"{address}{PATH}", size=DESK, dark=True, cookies=cookies["province"])
    for path in (
        PATH,
        f"{site[1]}/viec?them=1",
        f"{site[1]}/tieu-chi?ghi=365-a",
        f"{site[1]}/tieu-chi/in",
        f"{PATH}/nhap",
        f"{PATH}/phan-cong",
        f"{PATH}/them",
        "/tien-do-so-hoa/79813",
    ):
        await dark.goto(f"{address}{path}")
        assert await axe(dark) == [], path
    await dark.goto(f"{address}{PATH}/nhap")
    await dark.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": city(clock.today())})
    await dark.click("button >> text=Xem trước")
    await dark.wait_for_selector("text=Không đổi")
    assert await axe(dark) == []
