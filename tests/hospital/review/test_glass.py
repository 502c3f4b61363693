"""The reviewer's queue of broken glasses: overdue first, judged by another person, and what a "no" brings with it."""

from __future__ import annotations

from datetime import datetime

import pytest

from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.access.glass_review import deadline
from benhan.core.db import Database
from benhan.core.kit import clock
from benhan.simulator import House
from tests.browser import DESK, PHONE, Axe, OpenPage
from tests.core.access.staff_people import Somebody
from tests.entrance import emergency as kit
from tests.entrance.emergency import Client, Closed
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/quan-tri/nhat-ky/khan-cap"


async def broken(client: Client, database: Database, house: House, name: str) -> tuple[Closed, Somebody, str]:
    """A record opened in an emergency, by whom, and what the queue calls it."""
    whom = await kit.closed(database, house, name)
    browser, one = await kit.at_work(client, database, house)
    assert (await kit.breaks(browser, database, one, whom)).status_code == 303
    [(id_,)] = await kit.rows(database, house, whom, "id")
    return whom, one, str(id_)


async def set_due(database: Database, house: House, id_: str, due: str) -> None:
    async with database.transaction(house.key) as tx:
        await tx.execute("update broken_glass set review_by = $2 where id = $1", id_, datetime.fromisoformat(due))


@pytest.mark.parametrize(
    ("broken_on", "days", "last"),
    [("2026-11-23", 2, "2026-11-25"), ("2026-11-27", 1, "2026-11-30"), ("2026-11-28", 1, "2026-11-30"),
     ("2026-11-26", 2, "2026-11-30"), ("2026-11-22", 5, "2026-11-27")],
)  # fmt: skip
async def test_the_deadline_is_the_end_of_a_working_day(broken_on: str, days: int, last: str) -> None:
    due = deadline(datetime.fromisoformat(f"{broken_on}T23:10:00").replace(tzinfo=clock.ZONE), days)
    assert due == datetime.fromisoformat(f"{last}T23:59:59").replace(tzinfo=clock.ZONE)


async def test_who_sees_the_queue_and_who_judges(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    _whom, _one, id_ = await broken(client, database, hospital, "Phàn Thị Một")
    verdict = {"verdict": "co", "remark": ""}
    unknown = await client(None)
    assert (await unknown.get(PATH)).headers["location"].startswith("/dang-nhap")
    assert (await unknown.post(f"{PATH}/{id_}", data=verdict)).headers["location"].startswith("/dang-nhap")
    for role in ("doctor", "nurse", "reception", "province"):
        browser = await client(role)
        assert (await browser.get(PATH)).status_code == 403
        assert (await browser.post(f"{PATH}/{id_}", data=verdict)).status_code == 403
    looks = await client("administrator")
    assert "Phàn Thị Một" in (page := (await looks.get(PATH)).text) and 'name="verdict"' not in page
    assert (await looks.post(f"{PATH}/{id_}", data=verdict)).status_code == 403
    assert (await looks.post(f"{PATH}/{id_}/mo-lai")).status_code == 403
    elsewhere = await client("reviewer", at=other_hospital)
    assert "Phàn Thị Một" not in (await elsewhere.get(PATH)).text
    assert (await elsewhere.post(f"{PATH}/{id_}", data=verdict)).status_code == 404


async def test_overdue_first_then_by_deadline(client: Client, database: Database, hospital: House) -> None:
    dues = {"Phàn Thị Sau": "2099-01-02T00:00+07:00", "Phàn Thị Quá": "2026-01-02T00:00+07:00",
            "Phàn Thị Giữa": "2099-01-01T00:00+07:00"}  # fmt: skip
    for name, due in dues.items():
        await set_due(database, hospital, (await broken(client, database, hospital, name))[2], due)
    page = (await (await client("reviewer")).get(PATH)).text
    places = [page.index(name) for name in ("Phàn Thị Quá", "Phàn Thị Giữa", "Phàn Thị Sau")]
    assert places == sorted(places)
    assert "quá hạn từ 02/01/2026" in page and "hạn 01/01/2099" in page
    assert kit.WHY in page


async def test_justified_is_kept_with_its_remark_and_shown_to_the_patient(
    client: Client, database: Database, hospital: House
) -> None:
    whom, one, id_ = await broken(client, database, hospital, "Phàn Thị Đúng")
    reviewer = await client("reviewer")
    answer = await reviewer.post(f"{PATH}/{id_}", data={"verdict": "co", "remark": "đã hỏi trưởng khoa"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}?xong=xet")
    assert await kit.rows(database, hospital, whom, "justified, remark, ended is null") == [
        (True, "đã hỏi trưởng khoa", True)
    ]
    assert (await reviewer.post(f"{PATH}/{id_}", data={"verdict": "khong", "remark": "đổi ý"})).status_code == 409
    hers = await client(None)
    await people.opened(hers, await people.link(database, hospital, whom.person))
    assert "đã xét: có lý do chính đáng" in (await hers.get("/nguoi-benh/ai-da-mo")).text
    async with database.transaction(hospital.key) as tx:
        [act] = await tx.fetch("select rule, detail from audit where action = 'judge-glass' and patient = $1", whom.id)
    assert (act["rule"], act["detail"]) == ("justified", f"{one.id}: đã hỏi trưởng khoa")


async def test_not_justified_ends_it_and_she_breaks_none_until_a_reviewer_lets_her(
    client: Client, database: Database, hospital: House
) -> None:
    whom = await kit.closed(database, hospital, "Phàn Thị Sai")
    browser, one = await kit.at_work(client, database, hospital)
    await kit.breaks(browser, database, one, whom)
    [(id_,)] = await kit.rows(database, hospital, whom, "id")
    assert await kit.sees(browser, whom)
    reviewer = await client("reviewer")
    silent = await reviewer.post(f"{PATH}/{id_}", data={"verdict": "khong", "remark": " "})
    assert silent.status_code == 422 and await kit.sees(browser, whom)
    await reviewer.post(f"{PATH}/{id_}", data={"verdict": "khong", "remark": "không có cấp cứu nào"})
    assert not await kit.sees(browser, whom)
    refused = await kit.breaks(browser, database, one, whom)
    assert refused.status_code == 422 and "không chính đáng" in refused.text
    assert "đang bị ngừng quyền" not in (page := (await reviewer.get(PATH)).text) and "Cho mở lại" in page
    assert (await reviewer.post(f"{PATH}/{id_}/mo-lai")).status_code == 303
    assert (await reviewer.post(f"{PATH}/{id_}/mo-lai")).status_code == 409
    assert (await kit.breaks(browser, database, one, whom)).status_code == 303


async def test_nobody_judges_herself(client: Client, database: Database, hospital: House) -> None:
    whom, one, id_ = await broken(client, database, hospital, "Phàn Thị Mình")
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update account set roles = '{doctor,reviewer}' where id = $1", one.id)
        token = await open_session(tx, hospital.key, account=one.id, hours=1)
    herself = await client(None)
    herself.cookies.set(COOKIE, token)
    assert f"{PATH}/{id_}" not in (await herself.get(PATH)).text
    assert (await herself.post(f"{PATH}/{id_}", data={"verdict": "co"})).status_code == 403
    assert await kit.rows(database, hospital, whom, "reviewed is null") == [(True,)]


async def test_a_broken_glass_stands_first_in_the_access_log(
    client: Client, database: Database, hospital: House
) -> None:
    whom, _one, _id = await broken(client, database, hospital, "Phàn Thị Đầu")
    log = (await (await client("reviewer")).get(f"/quan-tri/nhat-ky?ly-do=glass&benh-nhan={whom.number}")).text
    assert "Phàn Thị Đầu" in log and "Mở khẩn cấp: hồ sơ có nhãn" in log
    first = (await (await client("reviewer")).get("/quan-tri/nhat-ky")).text.partition("<tbody>")[2]
    assert "Mở khẩn cấp" in first.partition("</tr>")[0]


@pytest.mark.parametrize(("size", "dark"), [(DESK, True), (PHONE, False)])
async def test_the_queue_is_accessible(
    open_page: OpenPage, client: Client, address: str, database: Database, hospital: House, axe: Axe,
    size: tuple[int, int], *, dark: bool,
) -> None:  # fmt: skip
    _whom, _one, id_ = await broken(client, database, hospital, "Phàn Thị Trang")
    reviewer = hospital.subject(Role.REVIEWER)
    async with database.transaction(hospital.key) as tx:
        token = await open_session(tx, hospital.key, account=reviewer.account, hours=1)
    page = await open_page(f"{address}{PATH}", size=size, dark=dark, cookies={COOKIE: token})
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.locator(f"#r-{id_}").focus()
    await page.keyboard.type("đúng là cấp cứu")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{address}{PATH}?xong=xet")
    assert await axe(page) == []
