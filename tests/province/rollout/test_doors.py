"""Who comes through which door of the tracker; a report, its evidence, four eyes, and a correction that stays."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx
import pytest

from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.province.rollout.pages import DOORS, LIST, PATH
from benhan.province.rollout.pages_lists import DOORS as LISTS
from benhan.province.rollout.pages_papers import DOORS as PAPERS
from benhan.province.rollout.pages_site import DOORS as SITE
from benhan.province.rollout.pages_views import DOORS as VIEWS
from benhan.province.rollout.pages_visit import DOORS as VISITS
from benhan.simulator import House
from tests.province.rollout.test_figures import words
from tests.province.rollout.test_lists import but, send, sheet

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
#: The smallest thing that reads as a JPEG: its marks, and a comment that must not be kept.
PHOTO = b"\xff\xd8\xff\xfe\x00\x0bchez nous\xff\xda\x00\x02pixels\xff\xd9"
WARD = "00004"
ROLES = ("rollout-officer", "rollout-verifier", "rollout-reporter")


@pytest.fixture(scope="module")
def paths() -> list[tuple[str, str]]:
    closed = [one for one in [*DOORS, *LISTS, *SITE, *VIEWS, *VISITS, *PAPERS] if one.permission != "anyone"]
    return [(getattr(one, "methods", ("GET",))[-1], re.sub(r"{\w+}", "1", one.path)) for one in closed]


async def test_nobody_and_no_hospital_comes_in(client: Client, paths: list[tuple[str, str]]) -> None:
    nobody, administrator, doctor = await client(None), await client("administrator"), await client("doctor")
    for method, path in paths:
        assert (await nobody.request(method, path)).status_code == 303, path
        for browser in (administrator, doctor):
            assert (await browser.request(method, path)).status_code == 403, path
    assert (await nobody.get("/tien-do-so-hoa/99999")).status_code == 404
    assert (await nobody.get("/tien-do-so-hoa/01999")).status_code == 404


@pytest.mark.parametrize(
    ("role", "closed"),
    [
        ("rollout-officer", ["/nhap", "/nhap/1", "/them", "/phan-cong", "/co-so/1/xac-minh/1"]),
        (
            "rollout-verifier",
            [
                "/nhap",
                "/them",
                "/phan-cong",
                "/nhac",
                "/co-so/1/ghi/giai-doan",
                "/co-so/1/rut/1",
                "/co-so/1/tham",
                "/co-so/1/giao-viec/1",
                "/co-so/1/nhac/1",
            ],
        ),
        (
            "rollout-reporter",
            [
                "",
                "/nhap",
                "/them",
                "/phan-cong",
                "/tai-ve.xlsx",
                "/truc-tiep",
                "/co-so/1/xac-minh/1",
                "/ban-do",
                "/so-sanh",
                "/dau-tu",
                "/nhac",
                "/bao-cao.pdf",
                "/trinh-chieu.pdf",
                "/co-so/1/di-tham",
                "/co-so/1/di-tham.pdf",
            ],
        ),
        ("province", ["/co-so/1/xac-minh/1"]),
    ],
)
async def test_each_role_has_its_doors(client: Client, department: House, role: str, closed: list[str]) -> None:
    browser = await client(role, at=department)
    for path in closed:
        method = "POST" if path.startswith("/co-so/") and "di-tham" not in path else "GET"
        assert (await browser.request(method, f"{PATH}{path}")).status_code == 403, path


async def made(client: Client, department: House, code: str, name: str, ward: str = "Ba Đình") -> str:
    """A site of the Department; gives its address."""
    leader = await client("province", at=department)
    assert (await send(leader, sheet(but(a=code, b=name, e=ward)), verified="")).status_code == 303
    found = re.search(rf'href="({LIST}/\w+)">{name}<', (await leader.get(f"{LIST}?q={code}")).text)
    assert found
    return found[1]


async def report(browser: httpx.AsyncClient, site: str, stage: str, photo: bytes = b"", **more: str) -> httpx.Response:
    said = {"stage": stage, "on": clock.vn_date(clock.today()), **more}
    return await browser.post(f"{site}/ghi/giai-doan", data=said, files={"file": ("qd.jpg" if photo else "", photo)})


async def share(client: Client, department: House, role: str, areas: str, sites: str) -> httpx.Response:
    account = next(one.id for one in department.accounts if one.role == role)
    leader = await client("province", at=department)
    return await leader.post(f"{PATH}/phan-cong", data={"account": account, "areas": areas, "sites": sites})


async def test_a_decision_is_reported_photographed_verified_and_corrected(
    client: Client, database: Database, department: House
) -> None:
    site = await made(client, department, "D0001", "BV Cửa Ngõ")
    officer, verifier = [await client(role, at=department) for role in ROLES[:2]]
    leader = await client("province", at=department)
    assert (await report(officer, site, "trial")).status_code == 403  # not her area yet
    assert (await share(client, department, "rollout-officer", "00000", "")).status_code == 422
    assert (await share(client, department, "rollout-officer", f"{WARD} 01", "")).status_code == 303

    shut = await report(officer, site, "decided", number="12/QĐ")
    assert shut.status_code == 422 and "cần tệp minh chứng" in shut.text
    assert (await report(officer, site, "decided", photo=b"GIF89a", number="12/QĐ")).status_code == 422
    assert (await report(officer, site, "stable", photo=PHOTO)).status_code == 422  # does not follow
    before = words((await leader.get(PATH)).text)
    assert (await report(officer, site, "decided", photo=PHOTO, number="12/QĐ")).status_code == 303
    waiting = (await verifier.get(site)).text
    judging = re.search(rf'action="({site}/xac-minh/\d+)"', waiting)
    file = re.search(rf"{PATH}/minh-chung/\w+", waiting)
    assert judging and file and "chờ xác minh" in waiting
    kept = await verifier.get(file[0])
    assert kept.headers["content-type"] == "image/jpeg" and b"pixels" in kept.content and b"chez" not in kept.content
    counts = re.compile(r"(\d+)/(\d+) (\d+) %")
    assert counts.findall(words((await leader.get(PATH)).text))[0] == counts.findall(before)[0]  # nothing counts yet

    assert (await officer.post(judging[1], data={"good": "1"})).status_code == 403
    assert (await verifier.post(judging[1], data={"good": "0"})).status_code == 422  # no remark
    assert (await verifier.post(judging[1], data={"good": "1"})).status_code == 303
    assert (await verifier.post(judging[1], data={"good": "1"})).status_code == 409
    after = counts.findall(words((await leader.get(PATH)).text))[0]
    assert int(after[0]) == int(counts.findall(before)[0][0]) + 1

    page = (await officer.get(site)).text
    number = re.search(r"\?sua=(\d+)#ghi", page)
    assert number
    again = {"corrects": number[1], "number": "13/QĐ"}
    assert (await report(officer, site, "decided", **again)).status_code == 422  # no reason
    assert (await report(officer, site, "decided", why="gõ nhầm số", **again)).status_code == 303
    history = (await officer.get(site)).text
    assert "12/QĐ" in history and "13/QĐ" in history and "gõ nhầm số" in history and "ro-gone" in history
    assert "chờ xác minh" in history  # what was verified is not this
    assert counts.findall(words((await leader.get(PATH)).text))[0] == counts.findall(before)[0]
    async with database.transaction(department.key) as tx:
        traces = await tx.fetch("select action from audit where facility = $1 and id = $2", department.key, site[-20:])
    assert {"rollout-stage", "rollout-verified", "read"} <= {row["action"] for row in traces}


async def test_a_reporter_meets_her_own_facility_alone(client: Client, department: House) -> None:
    own = await made(client, department, "D0002", "BV Báo Cáo")
    other = await made(client, department, "D0003", "BV Kế Bên")
    reporter = await client("rollout-reporter", at=department)
    assert (await reporter.get(own)).status_code == 404
    assert (await share(client, department, "rollout-reporter", "01", "D0002")).status_code == 303
    listed = (await reporter.get(LIST)).text
    assert "BV Báo Cáo" in listed and "BV Kế Bên" not in listed
    assert (await reporter.get(other)).status_code == 404
    assert (await report(reporter, other, "trial")).status_code == 404
    assert (await report(reporter, own, "trial")).status_code == 303
    facts = {"name": "Tên khác", "kind": "general", "owner": "public", "ward": WARD}
    assert (await reporter.post(f"{own}/ghi/thong-tin", data=facts)).status_code == 403
    assert "BV Báo Cáo" in (await reporter.get(own)).text


async def test_another_department_does_not_meet_it(client: Client, department: House, province: House) -> None:
    site = await made(client, department, "D0004", "BV Riêng")
    elsewhere = await client("province", at=province)
    assert (await elsewhere.get(site)).status_code == 404
    assert "BV Riêng" not in (await elsewhere.get(f"{LIST}?q=rieng")).text
    assert (await report(elsewhere, site, "trial")).status_code == 404


async def test_plans_scope_means_and_notes_are_kept_and_taken_back(client: Client, department: House) -> None:
    site = await made(client, department, "D0005", "BV Kế Hoạch")
    leader = await client("province", at=department)
    for word, said in {
        "ke-hoach": {"stage": "decided", "day": "31/12/2026"}, "cham": {"reason": "tender", "note": "thầu lại"},
        "pham-vi": {"scope": "some", "departments": "Nội, Nhi", "forms": "12", "sheets": "20"},
        "dau-tu": {"way": "rent", "price": "2.400.000.000", "months": "60", "emr": "Nhà cung cấp X"},
        "ghi-chu": {"on": "01/11/2026", "note": "đã xem máy chủ"},
        "thong-tin": {"name": "BV Kế Hoạch Hai", "kind": "general", "owner": "public", "ward": "Ba Đình",
                      "province": "Hà Nội", "code": "D0005", "beds": "300"},
    }.items():  # fmt: skip
        assert (await leader.post(f"{site}/ghi/{word}", data=said)).status_code == 303, word
    page = words((await leader.get(site)).text)
    for text in ("31/12/2026", "thầu lại", "Nội, Nhi", "12/29 mẫu", "2.400.000.000 ₫", "60 tháng", "Nhà cung cấp X",
                 "đã xem máy chủ", "BV Kế Hoạch Hai", "Giường kế hoạch 300"):  # fmt: skip
        assert text in page, text
    assert (await leader.post(f"{site}/ghi/pham-vi", data={"scope": "some", "forms": "99"})).status_code == 422
    assert (await leader.post(f"{site}/ghi/khong-co", data={})).status_code == 404
    delay = max(map(int, re.findall(r"\?sua=(\d+)#ghi", (await leader.get(site)).text)))
    assert (await leader.post(f"{site}/rut/{delay}", data={})).status_code == 422
    assert (await leader.post(f"{site}/rut/{delay}", data={"why": "ghi nhầm cơ sở"})).status_code == 303
    assert "ghi nhầm cơ sở" in (await leader.get(site)).text


@pytest.mark.parametrize("asked", ["nhom=gi-do", "ngay=31/02/2026", "so-voi=abc", "ngay=0001-01-01"])
async def test_odd_addresses_get_an_answer(client: Client, department: House, asked: str) -> None:
    browser = await client("province", at=department)
    assert (await browser.get(f"{PATH}?{asked}")).status_code == 422
    assert (await browser.get(f"{LIST}?{asked}&q=%25_&tinh-trang=x&noi=zz")).status_code == 200
    assert (await browser.get(f"{LIST}/khong-co")).status_code == 404
