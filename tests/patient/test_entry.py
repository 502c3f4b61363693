"""Signing in as a person: telephone, code, birth date; each alone opens nothing, and nothing tells who is known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.callers import COOKIE
from benhan.core.access.phone_steps import MOST_TRIES
from benhan.core.db import PLATFORM, Database
from benhan.core.kit.clock import today, vn_date
from benhan.patient.messages import WORDINGS
from benhan.simulator import House
from tests.patient import telephones
from tests.patient.telephones import ENTRY
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


async def test_telephone_code_and_birth_date_open_her_record(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    browser = await client(None)
    await telephones.proved(browser, hospital, gateway, phone)
    assert (await browser.get("/nguoi-benh")).status_code == 303  # the code alone opens nothing
    answer = await telephones.told(browser, hospital, "03/02/1956")
    assert (answer.status_code, answer.headers["location"]) == (303, "/nguoi-benh")
    said = answer.headers.get_list("set-cookie")
    assert any(one.startswith(f"{COOKIE}=") and "HttpOnly" in one for one in said)
    assert "Đặng Thị Tâm" in (await browser.get("/nguoi-benh")).text


async def test_a_known_and_an_unknown_telephone_get_the_same_answer(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    known, unknown = telephones.number(), telephones.number()
    await telephones.patient(database, hospital, known)
    answers = []
    for phone in (known, unknown):
        browser = await client(None)
        answer = await telephones.asked(browser, hospital, phone)
        page = await browser.get(answer.headers["location"])
        names = sorted(name for name in answer.headers if name != "set-cookie")
        answers.append((answer.status_code, names, answer.headers["location"], answer.text, page.text))
    assert answers[0] == answers[1]
    assert [one["to"] for one in gateway.sent] == [telephones.international(known)]


async def test_a_message_holds_the_code_and_nothing_of_a_record(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    await telephones.asked(await client(None), hospital, phone)
    [message] = gateway.sent
    assert message["text"] == WORDINGS["code"].text.replace("{code}", gateway.code())
    assert len(gateway.code()) == 6


async def test_no_code_lies_in_the_database(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    await telephones.asked(await client(None), hospital, phone)
    async with database.transaction(PLATFORM) as tx:
        [row] = await tx.fetch("select * from phone_step where facility = $1 order by ends desc limit 1", hospital.key)
    kept = [bytes(one) if isinstance(one, bytes | memoryview) else str(one).encode() for one in row.values()]
    assert not any(gateway.code().encode() == one for one in kept)


async def test_five_wrong_codes_end_the_step_even_for_the_right_one(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    browser = await client(None)
    await telephones.asked(browser, hospital, phone)
    wrong = f"{(int(gateway.code()) + 1) % 10**6:06d}"
    for _ in range(MOST_TRIES):
        assert (await browser.post(f"{ENTRY}/ma", data={"code": wrong})).status_code == 422
    assert (await browser.post(f"{ENTRY}/ma", data={"code": gateway.code()})).status_code == 401


async def test_a_code_ends_after_its_minutes_and_belongs_to_one_browser(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    browser, other = await client(None), await client(None)
    await telephones.asked(browser, hospital, phone)
    assert (await other.post(f"{ENTRY}/ma", data={"code": gateway.code()})).status_code == 401
    async with database.transaction(PLATFORM) as tx:
        await tx.execute("update phone_step set ends = now() where facility = $1", hospital.key)
    assert (await browser.post(f"{ENTRY}/ma", data={"code": gateway.code()})).status_code == 401


async def test_a_birth_date_without_a_code_that_was_shown_opens_nothing(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    browser = await client(None)
    assert (await telephones.told(browser, hospital, "03/02/1956")).status_code == 401
    await telephones.asked(browser, hospital, phone)
    assert (await telephones.told(browser, hospital, "03/02/1956")).status_code == 401


async def test_a_wrong_birth_date_opens_nothing_and_five_end_the_step(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    browser = await client(None)
    await telephones.proved(browser, hospital, gateway, phone)
    for day in range(10, 10 + MOST_TRIES):
        answer = await telephones.told(browser, hospital, f"{day}/05/1956")
        assert answer.status_code == 422
        assert "Đặng Thị Tâm" not in answer.text
    assert (await telephones.told(browser, hospital, "03/02/1956")).status_code == 401


async def test_who_asks_for_many_codes_has_to_wait_whoever_she_is(
    client: Client, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()  # nobody's
    browser = await client(None)
    statuses = [(await telephones.asked(browser, hospital, phone)).status_code for _ in range(7)]
    assert statuses[:5] == [303] * 5
    assert statuses[-1] == 403
    assert (await telephones.asked(browser, hospital, telephones.number())).status_code == 303


async def test_who_came_in_does_not_wait_for_her_former_tries(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    for _ in range(3):
        browser = await client(None)
        await telephones.asked(browser, hospital, phone)
        assert (await telephones.signed_in(browser, hospital, gateway, phone)).status_code == 303


async def test_the_record_of_another_hospital_does_not_open(
    client: Client, database: Database, hospital: House, other_hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, other_hospital, phone)
    await telephones.asked(await client(None), hospital, phone)
    assert gateway.sent == []  # nobody here has this telephone


async def test_two_of_one_telephone_each_open_their_own(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone, "Lê Văn Bình", "1950-01-02")
    await telephones.patient(database, hospital, phone, "Đặng Thị Tâm", "1956-02-03")
    browser = await client(None)
    await telephones.signed_in(browser, hospital, gateway, phone, "02/01/1950")
    page = await browser.get("/nguoi-benh")
    assert "Lê Văn Bình" in page.text
    assert "Đặng Thị Tâm" not in page.text


async def test_twins_of_one_telephone_are_told_apart_by_their_name(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    for name in ("Trần Thị An", "Trần Thị Bình"):
        await telephones.patient(database, hospital, phone, name, "1990-06-07")
    browser = await client(None)
    await telephones.proved(browser, hospital, gateway, phone)
    asked = await telephones.told(browser, hospital, "07/06/1990")
    assert asked.status_code == 200
    assert 'name="name"' in asked.text
    assert "Trần Thị" not in asked.text
    assert (await telephones.told(browser, hospital, "07/06/1990", "Trần Thị Cúc")).status_code == 422
    assert (await telephones.told(browser, hospital, "07/06/1990", "tran thi binh")).status_code == 303
    assert "Trần Thị Bình" in (await browser.get("/nguoi-benh")).text


async def test_a_childs_record_does_not_open_as_her_own(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    born = today() - timedelta(days=9 * 365)
    await telephones.patient(database, hospital, phone, "Đỗ Bé Na", born.isoformat())
    browser = await client(None)
    answer = await telephones.signed_in(browser, hospital, gateway, phone, vn_date(born))
    assert answer.status_code == 200
    assert "người giám hộ" in answer.text
    assert COOKIE not in browser.cookies


async def test_the_dead_sign_in_no_more(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    person = await telephones.patient(database, hospital, phone)
    async with database.transaction(hospital.key) as tx:
        person.deceasedBoolean = True
        await store.update(tx, hospital.loader, person, if_match=person.meta.versionId if person.meta else None)
    await telephones.asked(await client(None), hospital, phone)
    assert gateway.sent == []


async def test_without_a_sender_the_page_says_so(client: Client, hospital: House) -> None:
    browser = await client(None)
    page = await browser.get(ENTRY)
    assert "chưa gửi mã" in page.text
    assert 'name="phone"' not in page.text
    assert (await telephones.asked(browser, hospital, telephones.number())).status_code == 404


async def test_a_sender_that_refuses_is_noted_and_changes_no_answer(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    gateway.refusing.add(telephones.international(phone))
    assert (await telephones.asked(await client(None), hospital, phone)).status_code == 303
    async with database.transaction(hospital.key) as tx:
        row = await tx.fetchrow("select allowed, detail from audit where action = 'code-sent' order by at desc limit 1")
    assert row is not None
    assert (row["allowed"], row["detail"]) == (False, "sms refused: no such number")


async def test_her_sessions_are_listed_and_end_when_she_says_so(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    await telephones.patient(database, hospital, phone)
    first, second = await client(None), await client(None)
    await telephones.signed_in(first, hospital, gateway, phone)
    await telephones.signed_in(second, hospital, gateway, phone)
    page = (await second.get("/nguoi-benh/tai-khoan")).text
    assert page.count("Kết thúc phiên ở") == 1
    assert (await second.post("/nguoi-benh/tai-khoan/phien")).status_code == 303
    assert (await first.get("/nguoi-benh")).status_code == 303
    assert (await second.get("/nguoi-benh")).status_code == 200


async def test_a_session_ends_when_nothing_was_asked_for_half_an_hour(
    client: Client, database: Database, hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    person = await telephones.patient(database, hospital, phone)
    browser = await client(None)
    await telephones.signed_in(browser, hospital, gateway, phone)
    async with database.transaction(hospital.key) as tx:
        await tx.execute("update session set seen = now() - interval '31 minutes' where patient = $1", person.id)
    assert (await browser.get("/nguoi-benh")).status_code == 303


async def test_a_person_with_records_at_two_hospitals_goes_from_one_to_the_other(
    client: Client, database: Database, hospital: House, other_hospital: House, gateway: GatewayStandIn
) -> None:
    phone = telephones.number()
    for house in (hospital, other_hospital):
        await telephones.patient(database, house, phone)
    browser = await client(None)
    await telephones.signed_in(browser, hospital, gateway, phone)
    answer = await telephones.signed_in(browser, other_hospital, gateway, phone)
    assert answer.headers["location"] == "/nguoi-benh/chon"
    page = (await browser.get("/nguoi-benh/chon")).text
    assert "BVĐK Sông Hồng" in page
    assert "BVĐK Cửu Long" in page
    keys = [part.split('"')[0] for part in page.split('name="key" value="')[1:]]
    for key in keys:
        assert (await browser.post("/nguoi-benh/chon", data={"key": key})).headers["location"] == "/nguoi-benh"
        assert (await browser.get("/nguoi-benh")).status_code == 200


@pytest.mark.parametrize("path", ["/nguoi-benh/chon", "/nguoi-benh/tai-khoan"])
async def test_her_account_opens_to_nobody_else(client: Client, path: str) -> None:
    assert (await (await client(None)).get(path)).status_code == 303
    for role in (Role.DOCTOR, Role.RECEPTION, Role.ADMINISTRATOR):
        assert (await (await client(role)).get(path)).status_code == 403
