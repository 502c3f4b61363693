"""Insurance at the desk: asked behind its back, shown when it comes, and never in the way."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from pydantic import SecretStr
from starlette.applications import Starlette

from benhan.app import create_app
from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import clock
from benhan.hospital.reception import people
from benhan.hospital.reception.booking_rules import Payer, payer_said
from benhan.hospital.reception.insurance_app import MOST_CHECKS, card_number, line_of
from benhan.hospital.visit import stamp
from benhan.settings import Settings
from benhan.simulator import House
from tests.browser import serve
from tests.hospital.reception import desk_people
from tests.patient.app.phone import Phone
from tests.settled import PATIENCE
from tests.standins.insurance_portal import OFFICER, PASSWORD, USER, YEAR, PortalStandIn, portal_stand_in

pytestmark = pytest.mark.asyncio(loop_scope="session")
Scan = Callable[[str], Awaitable[str]]


@pytest.fixture
def stand_in(hospital: House) -> PortalStandIn:
    return PortalStandIn(facility=hospital.code)


@pytest.fixture
def portal_address(stand_in: PortalStandIn) -> Iterator[str]:
    with portal_stand_in(stand_in) as base:
        yield base


@pytest_asyncio.fixture(loop_scope="session")
async def app_with_portal(database: Database, hospital: House, portal_address: str) -> AsyncIterator[Starlette]:
    settings = Settings(
        mode="demo", secure_cookies=False, insurance_portal=portal_address, insurance_user=USER,
        insurance_password=SecretStr(PASSWORD), insurance_staff_number=OFFICER,
    )  # fmt: skip
    app = create_app(settings, database)
    async with app.router.lifespan_context(app):
        yield app


@pytest_asyncio.fixture(loop_scope="session")
async def desk(app_with_portal: Starlette, database: Database, hospital: House) -> AsyncIterator[httpx.AsyncClient]:
    """The desk on a real port: there a page is sent before the background begins."""
    async with serve(app_with_portal) as base, httpx.AsyncClient(base_url=base) as client:
        who = hospital.subject(Role.RECEPTION)
        async with database.transaction(who.facility) as tx:
            client.cookies.set(COOKIE, await open_session(tx, who.facility, account=who.account, hours=1))
        yield client


async def insured(database: Database, hospital: House, card: str) -> str:
    """The telephone of somebody with this card."""
    phone = desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        patient = await desk_people.patient(tx, hospital, phone=phone)
        await people.insure(tx, hospital.subject(Role.RECEPTION), str(patient.id), card)
    return phone


async def opened(desk: httpx.AsyncClient, phone: str) -> str:
    """The address of the person, after the telephone was typed."""
    answer = await desk.post("/tiep-don", data={"q": phone})
    return answer.headers["location"].split("?")[0]


async def insurance(desk: httpx.AsyncClient, person: str, *, until: str = "tra cứu…", seconds: float = PATIENCE) -> str:
    """What the insurance part says once it no longer says `until`, as the page that asks again would see it."""
    deadline = time.monotonic() + seconds
    while True:
        page = (await desk.get(person.replace("/nguoi/", "/bao-hiem/"), headers={"HX-Request": "true"})).text
        if until not in page or time.monotonic() > deadline:
            return " ".join(re.sub(r"<[^>]+>", " ", page).split())
        await asyncio.sleep(0.1)


async def test_the_answer_fills_itself_in(desk: httpx.AsyncClient, database: Database, hospital: House) -> None:
    person = await opened(desk, await insured(database, hospital, "DN4011200000001"))
    said = await insurance(desk, person)
    assert f"Còn hạn 31/12/{YEAR} · hưởng 80 %" in said
    assert "DN 4 01 •••• ••0001 · đúng nơi đăng ký · tra lúc" in said


async def test_a_slow_portal_does_not_hold_up_the_desk(
    desk: httpx.AsyncClient, database: Database, hospital: House, stand_in: PortalStandIn, app_with_portal: Starlette
) -> None:
    stand_in.fault = "slow"
    phone = await insured(database, hospital, "DN4011200000101")
    person = await opened(desk, phone)
    page = (await desk.get(person)).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    received = await desk.post("/tiep-don/nhan", data=hidden | {"room": "phong-pk03"})
    assert received.status_code == 303
    assert "đang tra cứu…" in page
    assert stand_in.asked == []  # the desk has gone on, the portal has not even read the question
    stand_in.fault = ""
    stand_in.hurry.set()
    assert "Còn hạn" in await insurance(desk, person)


@pytest.mark.parametrize(
    ("fault", "said"),
    [("500", "Không nối được cổng BHYT"), ("garbage", "không đọc được"), ("no-token", "từ chối tài khoản")],
)
async def test_a_portal_in_trouble_is_a_clear_pill_and_no_obstacle(
    desk: httpx.AsyncClient, database: Database, hospital: House, stand_in: PortalStandIn, fault: str, said: str
) -> None:
    stand_in.fault = fault  # type: ignore[assignment]
    person = await opened(desk, await insured(database, hospital, "DN4011200000201"))
    assert said in await insurance(desk, person)
    stand_in.fault = ""
    await desk.post(person.replace("/nguoi/", "/bao-hiem/"), headers={"HX-Request": "true"})
    assert "Còn hạn" in await insurance(desk, person)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("DN4011200000010", "hết"),
        ("DN4011200000110", "thu hồi"),
        ("DN4011200000051", "không đúng"),
        ("DN4011200000060", "sai họ tên"),
    ],
)
async def test_a_card_that_does_not_count_says_why(
    desk: httpx.AsyncClient, database: Database, hospital: House, card: str, said: str
) -> None:
    person = await opened(desk, await insured(database, hospital, card))
    shown = await insurance(desk, person)
    assert said in shown
    assert "Còn hạn" not in shown


@pytest.mark.parametrize("code", ["003", "004"])
async def test_a_renewed_card_replaces_the_old_one(
    desk: httpx.AsyncClient, database: Database, hospital: House, code: str
) -> None:
    person = await opened(desk, await insured(database, hospital, f"DN4011300000{code}"))
    assert f"Còn hạn 31/12/{YEAR + 1}" in await insurance(desk, person)
    async with database.transaction(hospital.key) as tx:
        covers = await store.search(
            tx, hospital.subject(Role.RECEPTION), r4.Coverage, {"patient": person.rpartition("/")[2]}
        )
    assert {(cover.subscriberId or "")[-3:]: cover.status for cover in covers.resources} == {
        code: "cancelled", f"{int(code) + 1:03d}": "active",
    }  # fmt: skip


async def test_who_has_no_card_is_asked_about_by_her_cccd(
    desk: httpx.AsyncClient, database: Database, hospital: House, stand_in: PortalStandIn
) -> None:
    number = "001180777001"
    async with database.transaction(hospital.key) as tx:
        await desk_people.patient(tx, hospital, number=number)
    person = await opened(desk, number)
    assert "Còn hạn" in await insurance(desk, person)
    assert stand_in.asked[-1]["maThe"] == number
    async with database.transaction(hospital.key) as tx:
        cover = await store.first(
            tx, hospital.subject(Role.RECEPTION), r4.Coverage, {"identifier": f"{systems.BHYT}|{number[-10:]}"}
        )
    assert cover and cover.period and cover.period.end == f"{YEAR}-12-31"


async def test_the_portal_is_asked_once_a_day(
    desk: httpx.AsyncClient, database: Database, hospital: House, stand_in: PortalStandIn
) -> None:
    phone = await insured(database, hospital, "DN4011200000301")
    person = await opened(desk, phone)
    assert "Còn hạn" in await insurance(desk, person)
    assert await opened(desk, phone) == person
    assert "đang tra cứu…" not in (await desk.get(person)).text
    assert len(stand_in.asked) == 1


async def test_the_card_is_found_by_either_form_of_its_number(
    desk: httpx.AsyncClient, database: Database, hospital: House
) -> None:
    phone = await insured(database, hospital, "DN4017930517684")
    person = await opened(desk, phone)
    assert await opened(desk, "DN4017930517684") == person
    assert await opened(desk, "7930517684") == person


async def told(phone: Phone, seconds: float = PATIENCE) -> dict[str, Any]:
    """What the app reads once the portal has answered, as it asks again."""
    deadline = time.monotonic() + seconds
    while True:
        said: dict[str, Any] = await phone.read("/insurance")
        if said["state"] != "asking" or time.monotonic() > deadline:
            return said
        await asyncio.sleep(0.1)


async def test_who_books_on_her_insurance_reads_at_once_what_it_pays_and_a_wrong_number_spoils_nothing(
    desk: httpx.AsyncClient, database: Database, hospital: House, stand_in: PortalStandIn
) -> None:
    card = "DN4011200000401"
    async with database.transaction(hospital.key) as tx:
        person = await desk_people.patient(tx, hospital)
        token = await open_session(tx, hospital.key, patient=person.id, hours=1)
    hers = Phone(desk)
    assert (await hers.get("/insurance")).status_code == 401
    assert (await hers.post("/insurance", {"card": ""})).status_code == 401
    hers.token = token
    assert (await hers.post("/insurance", {"card": ""})).json()["state"] == "none"  # nothing to ask with
    assert (await hers.post("/insurance", {"card": "abc"})).json()["where"] == "card"
    assert (await hers.post("/insurance", {"card": "DN4011200000060"})).json()["state"] == "asking"
    wrong = await told(hers)
    assert (wrong["state"], wrong["text"], wrong["percent"]) == ("unknown", "Thẻ sai họ tên", None)
    assert (await hers.post("/insurance", {"card": card})).json()["state"] == "asking"
    good = await told(hers)
    assert (good["state"], good["until"], good["percent"], good["line"]) == ("good", f"{YEAR}-12-31", 80, "here")
    assert card not in str(good) and "Đúng tuyến" in good["lineText"]
    assert stand_in.asked[-1]["maThe"] == card and stand_in.asked[-1]["hoTenCb"] == hospital.name
    for _ in range(MOST_CHECKS):
        last = await hers.post("/insurance", {"card": ""})
    assert last.status_code == 429

    async with database.transaction(hospital.key) as tx:  # she booked yesterday, and comes today
        who, before = hospital.subject(Role.RECEPTION), clock.now() - timedelta(days=1)
        booking = await desk_people.booking(tx, hospital)
        later = {"created": stamp(before), "extension": [payer_said(Payer.INSURANCE)]}
        booking = await store.update(tx, who, msgspec.structs.replace(booking, **later), if_match=None)
        asked = {"patient": str(person.id), "created": clock.today().isoformat()}
        answer = await store.first(tx, who, r4.CoverageEligibilityResponse, asked)
        assert answer
        old = msgspec.structs.replace(answer, id=None, meta=None, created=stamp(before))
        await store.create(tx, who, old)
    page = (await desk.get(f"/tiep-don/nguoi/{person.id}?hen={booking.id}")).text
    assert f"Tra thẻ lúc đặt: Còn hạn 31/12/{YEAR}" in page and "khám BHYT" in page


async def test_what_is_typed_or_scanned_is_a_number_and_the_line_is_said_as_far_as_the_portal_says_it() -> None:
    assert card_number("dn 4 01 1200000401") == "DN4011200000401"
    assert card_number("1200 000 401") == "1200000401"
    assert card_number("001180000001|012345678|Đặng Thị Tâm|03021980|Nữ|Hà Nội|01012021") == "001180000001"
    with pytest.raises(Invalid):
        card_number("không phải thẻ")
    assert [line_of(code, "01999", 80)[0] for code in ("01999", "79001", None)] == ["here", "elsewhere", ""]
    assert "80" in line_of("79001", "01999", 80)[1] and "giấy chuyển" in line_of("79001", "01999", None)[1]


async def test_a_guest_asks_about_her_card_from_the_page_of_her_booking_and_only_its_end_is_kept(
    desk: httpx.AsyncClient, database: Database, hospital: House, app: Starlette
) -> None:
    phone, card = desk_people.telephone(), "DN4011200000001"
    async with database.transaction(hospital.key) as tx:
        booking = await desk_people.booking(tx, hospital, phone=phone)
    page, here = f"/dat-kham/{(booking.identifier or [])[0].value}", {"co-so": hospital.code}
    async with httpx.AsyncClient(base_url=desk.base_url) as hers:
        assert (await hers.get(f"{page}/the-bhyt", params=here)).status_code == 404
        assert (await hers.post(f"{page}/the-bhyt", params=here, data={"card": card})).status_code == 404
        assert (await hers.post(page, params=here, data={"phone": phone})).status_code == 303
        assert f"{page}/the-bhyt" in (await hers.get(page, params=here)).text
        assert (await hers.post(f"{page}/the-bhyt", params=here, data={"card": "abc"})).status_code == 422
        asked = await hers.post(f"{page}/the-bhyt", params=here, data={"card": card})
        assert (asked.status_code, "đang tra cứu…" in asked.text) == (200, True)
        deadline = time.monotonic() + PATIENCE
        while "đang tra cứu…" in (said := (await hers.get(f"{page}/the-bhyt", params=here)).text):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        assert f"Còn hạn 31/12/{YEAR}" in said and "Đúng tuyến" in said and card not in said
        for n in range(MOST_CHECKS):
            answer = await hers.post(f"{page}/the-bhyt", params=here, data={"card": card})
            assert answer.status_code == (429 if n == MOST_CHECKS - 1 else 200)
        cookies = dict(hers.cookies)
    of = {"identifier": f"{systems.OF_BOOKING}|{(booking.identifier or [])[0].value}"}
    async with database.transaction(hospital.key) as tx:
        questions = (await store.search(tx, hospital.loader, r4.CoverageEligibilityRequest, of)).resources
        answers = (await store.search(tx, hospital.loader, r4.CoverageEligibilityResponse, of)).resources
    assert questions and answers and card not in f"{questions} {answers}"
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://test", cookies=cookies
    ) as far:
        no_portal = await far.post(f"{page}/the-bhyt", params=here, data={"card": card})
        assert (no_portal.status_code, "quầy tiếp đón" in no_portal.text) == (422, True)
