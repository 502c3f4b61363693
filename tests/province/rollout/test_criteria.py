"""A self-assessment goes from its first answer to approval, and back; the figures read for it are sums of records."""

from __future__ import annotations

import io
import re
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import httpx
import openpyxl
import pytest

from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.hospital.visit import stamp
from benhan.province.rollout.criteria import grid, rules
from benhan.province.rollout.criteria.pages import DOORS
from benhan.province.rollout.criteria.rules import Standing, assessment_of
from benhan.province.rollout.plan.pages import DOORS as PLAN
from benhan.province.rollout.rules import Entry, What
from benhan.simulator import House
from benhan.simulator.house import found_facility, load_all
from tests.province.rollout.test_doors import PHOTO, made, share
from tests.province.rollout.test_figures import words

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def answer(browser: httpx.AsyncClient, page: str, code: str, said: str, **more: Any) -> httpx.Response:
    photo = more.pop("photo", b"")
    form = {"answer": said, **more}
    return await browser.post(f"{page}/{code}/ghi", data=form, files={"file": ("a.jpg" if photo else "", photo)})


async def judge(browser: httpx.AsyncClient, page: str, code: str, good: bool, remark: str = "") -> httpx.Response:
    shown = (await browser.get(page)).text
    of = re.search(rf'/{code}/xem"[^>]*><input type="hidden" name="answer" value="(\d+)"', shown)
    data = {"answer": of[1] if of else "1", "good": str(int(good)), "remark": remark}
    return await browser.post(f"{page}/{code}/xem", data=data)


async def test_an_assessment_is_answered_sent_returned_mended_and_approved(
    client: Client, database: Database, department: House
) -> None:
    page = await made(client, department, "D0101", "BV Tự Đánh Giá") + "/tieu-chi"
    other = await made(client, department, "D0102", "BV Tự Đánh Giá Khác") + "/tieu-chi"
    assert (await share(client, department, "rollout-reporter", "", "D0101")).status_code == 303
    assert (await share(client, department, "rollout-officer", "79", "")).status_code == 303  # another province
    reporter, officer, verifier, leader = [
        await client(role, at=department)
        for role in ("rollout-reporter", "rollout-officer", "rollout-verifier", "province")
    ]
    codes = list(grid.criteria())
    first, law = codes[0], codes[1]
    assert (await reporter.get(other)).status_code == 404 and (
        await answer(reporter, other, first, "not")
    ).status_code == 404

    refused = await answer(reporter, page, first, "met")
    assert refused.status_code == 422 and "cần minh chứng" in refused.text
    assert (await answer(reporter, page, first, "partly")).status_code == 422  # not what is missing
    assert (await answer(reporter, page, first, "na", remark="x")).status_code == 422  # this one applies to all
    assert (await answer(reporter, page, "no-such", "met")).status_code == 404
    assert (await reporter.post(f"{page}/gui")).status_code == 422
    done = await answer(reporter, page, first, "met", photo=PHOTO)
    assert done.status_code == 303 and f"ghi={codes[1]}" in done.headers["location"]
    for code in codes[1:]:
        assert (await answer(reporter, page, code, "partly", remark="còn 2 khoa")).status_code == 303
    assert (await judge(verifier, page, first, True)).status_code == 409  # not sent yet
    assert (await reporter.post(f"{page}/gui")).status_code == 303
    assert (await reporter.post(f"{page}/gui")).status_code == 409
    assert (await answer(reporter, page, law, "not", remark="y")).status_code == 422  # being looked at: 409 on the page

    listed = words((await leader.get("/so-y-te/so-hoa/co-so?tinh-trang=assessment-sent")).text)
    assert "BV Tự Đánh Giá" in listed and "Khác" not in listed
    assert (await judge(reporter, page, first, True)).status_code == 403
    assert (await judge(officer, page, first, True)).status_code == 403  # not her area
    assert (await judge(verifier, page, law, False)).status_code == 422
    assert (await judge(verifier, page, law, False, "thiếu khoa Nhi")).status_code == 303
    assert (await verifier.post(f"{page}/duyet")).status_code == 409
    back = words((await reporter.get(page)).text)
    assert "1 bị trả lại" in back and "Sở trả lại: thiếu khoa Nhi" in back
    assert (await reporter.post(f"{page}/gui")).status_code == 422  # not mended
    assert (await answer(reporter, page, law, "met", photo=PHOTO)).status_code == 303
    assert (await reporter.post(f"{page}/gui")).status_code == 303
    for code in codes:
        assert (await judge(verifier, page, code, True)).status_code == 303, code
    assert (await leader.post(f"{page}/duyet")).status_code == 403 and (
        await reporter.post(f"{page}/duyet")
    ).status_code == 403
    assert (await verifier.post(f"{page}/duyet")).status_code == 303

    shown = (await leader.get(page)).text
    assert "Đã được duyệt" in shown and "ro-gone" in shown and "thiếu khoa Nhi" in shown
    assert (await answer(reporter, page, law, "not", remark="hỏng")).status_code == 422  # accepted: needs a reason
    book = openpyxl.load_workbook(io.BytesIO((await leader.get(f"{page}/tai-ve.xlsx")).content))
    cells = {row[0]: row[3] for row in book.worksheets[0].iter_rows(values_only=True)}
    assert [cells[code] for code in codes[:3]] == ["Đạt", "Đạt", "Đạt một phần"]
    paper = words((await reporter.get(f"{page}/in")).text)
    assert "Bản tự đánh giá bệnh án điện tử BV Tự Đánh Giá" in paper and "còn 2 khoa" in paper
    assert (await answer(reporter, page, law, "not", remark="hỏng", why="phần mềm lỗi")).status_code == 303
    assert "Đang tự đánh giá" in (await leader.get(page)).text  # the approval was of another answer
    async with database.transaction(department.key) as tx:
        traces = await tx.fetch(
            "select action from audit where facility = $1 and id = $2", department.key, page.split("/")[4]
        )
    wanted = {"rollout-criterion", "rollout-sent", "rollout-reviewed", "rollout-approved", "export"}
    assert wanted <= {row["action"] for row in traces}


async def test_an_officer_does_not_judge_what_she_answered(client: Client, department: House) -> None:
    page = await made(client, department, "D0103", "BV Bốn Mắt") + "/tieu-chi"
    assert (await share(client, department, "rollout-officer", "01", "")).status_code == 303
    officer, verifier = await client("rollout-officer", at=department), await client("rollout-verifier", at=department)
    for code in grid.criteria():
        assert (await answer(officer, page, code, "not", remark="chưa có")).status_code == 303
    assert (await officer.post(f"{page}/gui")).status_code == 303
    code = next(iter(grid.criteria()))
    of = re.search(
        rf'/{code}/xem"[^>]*><input type="hidden" name="answer" value="(\d+)"', (await verifier.get(page)).text
    )
    assert of
    assert (await officer.post(f"{page}/{code}/xem", data={"answer": of[1], "good": "1"})).status_code == 403
    assert (await verifier.post(f"{page}/{code}/xem", data={"answer": of[1], "good": "1"})).status_code == 303
    assert (await verifier.post(f"{page}/{code}/xem", data={"answer": "1", "good": "1"})).status_code == 409


async def test_figures_of_a_facility_on_the_platform_are_read_and_dated(
    client: Client, database: Database, dsn: Callable[..., str], department: House
) -> None:
    key = await found_facility(dsn(), "79814", "BV Đếm Được", "01")
    await found_facility(dsn(), "79815", "BV Tỉnh Khác", "79")
    house, now = House(key=key, code="79814", name="BV Đếm Được"), clock.now()
    records: list[r4.Resource] = [r4.Patient(id="dem-1", name=[r4.HumanName(text="Người Được Đếm")])]
    for n, (ago, signed) in enumerate(((3, 5), (4, 40), (5, None), (200, 1))):
        left = now - timedelta(days=ago)
        records.append(r4.Encounter(
            id=f"dem-{n}", status="finished", class_=r4.Coding(code="IMP"),
            subject=r4.Reference(reference="Patient/dem-1"),
            period=r4.Period(start=stamp(left - timedelta(days=2)), end=stamp(left)),
        ))  # fmt: skip
        if signed:
            records.append(r4.QuestionnaireResponse(
                id=f"dem-{n}-1", status="completed", subject=r4.Reference(reference="Patient/dem-1"),
                encounter=r4.Reference(reference=f"Encounter/dem-{n}"), authored=stamp(left + timedelta(hours=signed)),
            ))  # fmt: skip
    await load_all(database, house.loader, records)
    pages = [await made(client, department, code, name) + "/tieu-chi" for code, name in
             (("79814", "BV Đếm Được"), ("79815", "BV Tỉnh Khác"))]  # fmt: skip
    leader, stranger = await client("province", at=department), await client("rollout-reporter", at=department)
    assert (await share(client, department, "rollout-reporter", "", "79815")).status_code == 303
    assert (await stranger.post(f"{pages[0]}/doc")).status_code == 404
    assert (await leader.post(f"{pages[1]}/doc")).status_code == 422  # of another province
    assert (await leader.post(f"{pages[0]}/doc")).status_code == 303
    shown = words((await leader.get(pages[0])).text)
    assert "Đợt nội trú có hồ sơ điện tử 2/3 (67 %)" in shown
    assert "Hồ sơ đóng và ký trong 24 giờ sau ra viện 1/3 (33 %)" in shown
    assert "Sổ sức khoẻ điện tử – chưa đọc được" in shown and "Người Được Đếm" not in shown
    assert f"Số liệu từ nền tảng {clock.vn_date(clock.today())}" in shown


async def test_the_doors_are_shut_to_nobody_and_hospitals(client: Client, department: House, province: House) -> None:
    nobody, doctor = await client(None), await client("doctor")
    for door in [*DOORS, *PLAN]:
        path, method = re.sub(r"{\w+}", "1", door.path), door.methods[-1]
        assert (await nobody.request(method, path)).status_code == 303, path
        assert (await doctor.request(method, path)).status_code == 403, path
    page = await made(client, department, "D0104", "BV Của Sở Này")
    elsewhere = await client("province", at=province)
    for path in (f"{page}/tieu-chi", f"{page}/viec"):
        assert (await elsewhere.get(path)).status_code == 404
    assert (await answer(elsewhere, f"{page}/tieu-chi", "TT13-3", "not", remark="x")).status_code == 404


def said(id_: int, what: What, corrects: int | None = None, **more: Any) -> Entry:
    return Entry(id=id_, what=what, said=more, holds=date(2026, 5, 1), corrects=corrects, account="a")


def answered(id_: int, code: str, how: str = "met", corrects: int | None = None) -> Entry:
    return said(id_, What.CRITERION, corrects, code=code, answer=how, remark="")


async def test_a_judgement_is_of_one_answer_alone() -> None:
    every = [answered(n, code) for n, code in enumerate(grid.criteria(), 1)]
    code = every[0].said["code"]
    filled = [*every, said(100, What.SENT)]
    assert assessment_of(every).standing is Standing.FILLING and assessment_of(filled).standing is Standing.SENT
    accepted = [said(200 + one.id, What.REVIEWED, code=one.said["code"], answer=one.id, good=True) for one in every]
    approved = [*filled, *accepted, said(300, What.APPROVED)]
    assert assessment_of(approved).standing is Standing.APPROVED and not assessment_of(approved).lacking
    anew = assessment_of([*approved, answered(301, code, "not", corrects=1)])
    assert anew.standing is Standing.FILLING and anew.approved is None and not anew.answers[code].accepted
    assert anew.lacking == [code]
    with pytest.raises(Conflict):
        rules.must_review(assessment_of(approved), code, 1, good=True, remark="")
    with pytest.raises(Invalid):
        rules.must_answer(assessment_of(approved), code, "not", remark="x", proof=True, why="")


async def test_every_criterion_says_where_it_is_from() -> None:
    known = {one.code for one in grid.groups()}
    assert all(one.source and one.proof and one.group in known for one in grid.criteria().values())
    assert len(grid.of_law()) == 9 and len(grid.criteria()) == 27
