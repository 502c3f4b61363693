"""The plan inside a hospital: begun from the list, work said and verified, and a gate that opens by evidence alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.province.rollout.plan import rules, words
from benhan.province.rollout.plan.rules import plan_of
from benhan.province.rollout.rules import Entry, What
from benhan.simulator import House
from tests.province.rollout.test_doors import PHOTO, made, report, share
from tests.province.rollout.test_figures import words as text_of

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
ASKED = [one for one in words.first_items() if one.gate]


async def say(browser: httpx.AsyncClient, page: str, item: str, state: str, **more: Any) -> httpx.Response:
    photo = more.pop("photo", b"")
    first = next((one for one in words.first_items() if one.code == item), None)
    form = {
        "title": first.vi if first else "Việc thêm",
        "kind": first.kind if first else "forms",
        "state": state,
        "gate": "1",
    }
    files = {"file": ("a.jpg" if photo else "", photo)}
    return await browser.post(f"{page}/{item}/ghi" if item else f"{page}/them", data=form | more, files=files)


async def verify(
    browser: httpx.AsyncClient, page: str, item: str, good: bool = True, remark: str = ""
) -> httpx.Response:
    of = re.search(
        rf'/{item}/xac-minh"[^>]*><input type="hidden" name="of" value="(\d+)"', (await browser.get(page)).text
    )
    data = {"of": of[1] if of else "1", "good": str(int(good)), "remark": remark}
    return await browser.post(f"{page}/{item}/xac-minh", data=data)


async def test_the_gate_opens_when_everything_is_done_proved_and_verified(client: Client, department: House) -> None:
    site = await made(client, department, "D0201", "BV Kế Hoạch Trong Viện")
    other, page = await made(client, department, "D0202", "BV Kế Hoạch Khác"), f"{site}/viec"
    assert (await share(client, department, "rollout-reporter", "", "D0201")).status_code == 303
    reporter, verifier, leader = [
        await client(role, at=department) for role in ("rollout-reporter", "rollout-verifier", "province")
    ]
    live = clock.vn_date(clock.today() + timedelta(weeks=30))
    assert (await reporter.get(f"{other}/viec")).status_code == 404
    assert (await reporter.post(f"{other}/viec/bat-dau", data={"live": live})).status_code == 404
    assert (await verifier.post(f"{page}/bat-dau", data={"live": live})).status_code == 403
    assert "Chưa có kế hoạch" in (await reporter.get(page)).text
    assert (await reporter.post(f"{page}/bat-dau", data={"live": "01/01/2020"})).status_code == 422
    assert (await reporter.post(f"{page}/bat-dau", data={"live": live})).status_code == 303
    assert (await reporter.post(f"{page}/bat-dau", data={"live": live})).status_code == 422
    shown = text_of((await reporter.get(page)).text)
    assert f"0/{len(words.first_items())} việc xong" in shown and "Cổng vận hành đóng" in shown
    assert f"hạn {clock.vn_date(clock.today() + timedelta(weeks=4))}" in shown  # 26 weeks before

    assert (await say(reporter, page, "lis", "blocked")).status_code == 422  # and not why
    assert (
        await say(reporter, page, "lis", "blocked", reason="chờ hãng máy", gate="", owner="Khoa XN")
    ).status_code == 303
    assert (
        await say(reporter, page, "phieu-53", "doing", after="mau-that")
    ).status_code == 422  # it waits for this one
    assert (await say(reporter, page, "khong-co", "doing")).status_code == 404
    assert (await say(reporter, page, "", "todo", title="Máy in buồng", gate="")).status_code == 303
    blocked = text_of((await leader.get(f"{page}?loc=chan")).text)
    assert "Bị chặn: chờ hãng máy" in blocked and "Khoa XN" in blocked and "Máy in buồng" not in blocked
    assert "BV Kế Hoạch Trong Viện" in (await leader.get("/so-y-te/so-hoa/co-so?tinh-trang=blocked")).text

    assert (await report(reporter, site, "decided", photo=PHOTO, number="5/QĐ")).status_code == 303
    decision = re.search(rf'action="({site}/xac-minh/\d+)"', (await verifier.get(site)).text)
    assert decision
    first, *others = ASKED
    assert (await say(reporter, page, first.code, "done")).status_code == 303
    assert (await verify(verifier, page, first.code)).status_code == 422  # nothing to look at
    assert (await say(reporter, page, first.code, "done", photo=PHOTO)).status_code == 303
    assert (await verify(leader, page, first.code)).status_code == 403
    assert (await verify(verifier, page, first.code, False)).status_code == 422
    assert (await verify(verifier, page, first.code, False, "ảnh mờ")).status_code == 303
    assert "ảnh mờ" in (await reporter.get(page)).text
    for one in [first, *others]:
        shut = await verifier.post(decision[1], data={"good": "1"})
        assert shut.status_code == 409 and "Cổng vận hành còn đóng" in shut.text
        assert (await say(reporter, page, one.code, "done", photo=PHOTO)).status_code == 303
        assert (await verify(verifier, page, one.code)).status_code == 303
    assert "Cổng vận hành mở" in (await leader.get(page)).text
    assert (await verify(verifier, page, first.code)).status_code == 409  # twice
    assert (await verifier.post(decision[1], data={"good": "1"})).status_code == 303
    assert (await say(reporter, page, first.code, "done", owner="Phòng KHTH")).status_code == 303
    assert "Cổng vận hành đóng" in (await leader.get(page)).text  # what is said now was verified by nobody
    last = re.search(rf'id="{first.code}".*?/rut/(\d+)"', (await reporter.get(page)).text, re.S)
    assert last
    assert (await verifier.post(f"{page}/rut/{last[1]}", data={"why": "x"})).status_code == 403
    assert (await reporter.post(f"{page}/rut/{last[1]}", data={})).status_code == 422
    assert (await reporter.post(f"{site}/rut/{last[1]}", data={"why": "x"})).status_code == 422  # not on that page
    assert (await reporter.post(f"{page}/rut/{last[1]}", data={"why": "ghi nhầm người"})).status_code == 303
    again = (await leader.get(page)).text
    assert "Cổng vận hành mở" in again and "ghi nhầm người" in again and "Phòng KHTH" in again


async def test_trainings_devices_and_forms_by_phase_are_counted(client: Client, department: House) -> None:
    page = await made(client, department, "D0203", "BV Đếm Thiết Bị") + "/viec"
    leader = await client("province", at=department)
    assert (await leader.post(f"{page}/them", data={"title": "a", "kind": "forms", "state": "todo"})).status_code == 303
    lesson = {"topic": "Ký số", "audience": "Bác sĩ", "day": "01/11/2026", "people": "40", "came": "38"}
    for word, good, bad in (
        ("dao-tao", lesson, lesson | {"came": "41"}),
        ("thiet-bi", {"kind": "tablet", "needed": "50", "there": "35"}, {"kind": "rocket", "needed": "1"}),
        ("bieu-mau", {"phase": "live", "forms": "12", "sheets": "30"}, {"phase": "uat", "forms": "18"}),
    ):
        assert (await leader.post(f"{page}/so/{word}", data=good)).status_code == 303, word
        assert (await leader.post(f"{page}/so/{word}", data=bad)).status_code == 422, word
    assert (await leader.post(f"{page}/so/khac", data={})).status_code == 404
    assert (
        await leader.post(f"{page}/so/thiet-bi", data={"kind": "tablet", "needed": "50", "there": "45"})
    ).status_code == 303
    shown = text_of((await leader.get(page)).text)
    for text in ("Bác sĩ", "38/40", "thiếu 5", "Chạy chính thức 12/29 30/53"):
        assert text in shown, text


def said(id_: int, what: What, **more: Any) -> Entry:
    return Entry(id=id_, what=what, said=more, holds=date(2026, 5, 1), account="a", evidence=more.pop("proof", None))


def item(id_: int, state: str, proof: str | None = "e", **more: Any) -> Entry:
    return said(
        id_, What.WORK, **{"item": "a", "kind": "forms", "title": "A", "state": state, "gate": True} | more, proof=proof
    )


async def test_the_gate_wants_all_three() -> None:
    good = said(9, What.CHECKED, item="a", of=1, good=True)
    assert plan_of([]).gate.standing == ""
    assert plan_of([item(1, "done"), good]).gate.standing == "open"
    for entries, lack in (
        ([item(1, "doing"), good], "done"), ([item(1, "done", None), good], "evidence"),
        ([item(1, "done")], "verified"),
        ([item(1, "done"), said(9, What.CHECKED, item="a", of=1, good=False, remark="x")], "returned"),
        ([item(1, "done"), good, item(10, "done")], "verified"),
    ):  # fmt: skip
        assert [one.lack for one in plan_of(entries).gate.left] == [lack]
    with pytest.raises(Conflict):
        rules.must_check(plan_of([item(1, "done"), item(10, "done")]), "a", 1, good=True, remark="")
    with pytest.raises(Invalid):
        rules.must_check(plan_of([item(1, "done", None)]), "a", 1, good=True, remark="")


async def test_the_list_to_begin_with_is_whole() -> None:
    items = {one.code: one for one in words.first_items()}
    assert {one.kind for one in items.values()} == set(words.kinds()) and len(words.kinds()) == 9
    assert all(not one.after or items[one.after].weeks >= one.weeks for one in items.values())
