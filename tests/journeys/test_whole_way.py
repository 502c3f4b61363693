"""The whole way of a patient with the app: once inside Zalo (its browser, its hosts), once in a browser with a code.

Sign in, add mother, book, be reminded, check in by QR, follow the queue, read the result, ask a doctor, read the
answer, say how it was, see who opened the record. Source: issue 5, "It holds when"; shared/zalo/README.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.acting import Part
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.core.store import feed
from benhan.hospital import queue
from benhan.hospital.questions import answering, roster
from benhan.hospital.reception import arrival
from benhan.hospital.visit import id_of, stamp
from benhan.hospital.weekly import Session
from benhan.patient import miniapp, relatives
from benhan.patient.messages import Sender
from benhan.patient.oa.sending import senders
from benhan.patient.posting import READER, Noticing, Posting
from benhan.simulator import House
from tests.browser import Axe, OpenPage
from tests.journeys.handheld import SMALL, Handheld
from tests.journeys.in_zalo import zalo_browser, zalo_hosts
from tests.journeys.test_miniapp import picks_a_time, signs_in_with_a_code
from tests.patient import people, telephones
from tests.patient.oa import official
from tests.settled import settled
from tests.standins.sms_gateway import GatewayStandIn
from tests.standins.zalo import ZaloStandIn

pytestmark = pytest.mark.timeout(280)
ALWAYS = (Session(tuple(range(7)), time(0), time(23, 59)),)
QUESTION, ANSWER = "Uống thuốc này có được ăn bưởi không?", "Được, nhưng cách thuốc hai giờ."


class Told(Protocol):
    """What came to her telephone by message, all of it."""

    def __call__(self) -> str: ...


class Patient(msgspec.Struct):
    """A daughter whose mother named her, and where she is treated."""

    phone: str
    person: r4.Patient
    house: House
    database: Database
    doctor: Subject

    async def goes_on(self, by: list[Sender]) -> None:
        """What happened is noticed, and what is to be told leaves: it is noon, and every reminder is due."""
        await settled(self.database)
        noon = clock.day_bounds(clock.today())[0] + timedelta(hours=12)
        reading, sending = Noticing(self.database, timedelta(hours=24)), Posting(self.database, by, "", lambda: noon)
        while await reading.read():
            pass
        async with self.database.transaction(self.house.key) as tx:
            await tx.execute("update message set next = now() where facility = $1 and next is not null", self.house.key)
        while await sending.turn() == 0:
            pass


@pytest_asyncio.fixture
async def she(database: Database, hospital: House) -> Patient:
    """Somebody who is not here today yet; her mother named her; a doctor answers questions at any hour."""
    phone, doctor, planning = telephones.number(), hospital.subject(Role.DOCTOR), hospital.subject(Role.PLANNING)
    person = await telephones.patient(database, hospital, phone)
    mother = await telephones.patient(database, hospital, telephones.number(), "Lê Thị Bình", "1930-05-06")
    herself = Subject(
        account=f"patient:{mother.id}", name="Lê Thị Bình", facility=hospital.key, facility_name=hospital.name,
        roles=frozenset({Role.PATIENT}), patient=mother.id,
    )  # fmt: skip
    async with database.transaction(PLATFORM) as tx:  # what other tests did before is over
        await feed.join(tx, READER)
        await feed.position(tx, READER)
        await feed.advance(tx, READER, await feed.end(tx))
        await tx.execute("update message set next = null")
    async with database.transaction(hospital.key) as tx:
        born = date.fromisoformat(people.BIRTH)
        await relatives.name(
            tx, herself, "Đặng Thị Tâm", phone, born, frozenset({Part.CHART}), labelled=False, ends=None
        )  # fmt: skip
        _doctors, services = await roster.choices(tx, planning)
        offered = next(one for one in services if one[1] == "Nội tổng quát")
        await roster.register(tx, planning, (doctor.practitioner or "", doctor.name), offered, ALWAYS)
    return Patient(phone, person, hospital, database, doctor)


async def test_without_zalo(
    open_page: OpenPage, axe: Axe, app: Starlette, address: str, she: Patient, free_time: datetime, shots: Path | None
) -> None:
    with telephones.messages_to(app) as gateway:
        phone = Handheld(await open_page(f"{address}{miniapp.MOUNT}/", size=SMALL), axe, shots, "way")
        await signs_in_with_a_code(phone, she.house, gateway, she.phone)
        await adds_her_mother(phone)
        code = await books(phone)
        by: list[Sender] = app.state.senders
        await is_reminded(she, by, code, _texts(gateway))
        await moves_to_today(phone, free_time)
        await scans_with_the_telephones_own_camera(phone, she, address)
        await goes_through_the_day(phone, she)
        await asks_and_is_answered(phone, she, by, _texts(gateway), "cau hoi cua ban co tra loi")
        await says_how_it_was(phone)
        await sees_who_opened(phone, she)


async def test_inside_zalo(in_zalo: Page, axe: Axe, she: Patient, free_time: datetime, shots: Path | None) -> None:
    phone = Handheld(in_zalo, axe, shots, "zalo")
    await signs_in_through_zalo(phone, she)
    await adds_her_mother(phone)
    code = await books(phone)
    async with official.account(she.database, she.house) as (account, settings):
        by = senders(settings, she.database)

        def sent() -> str:
            return json.dumps(account.sent, ensure_ascii=False)

        await is_reminded(she, by, code, sent)
        await moves_to_today(phone, free_time)
        await scans_the_code_at_the_door(phone, she)
        await goes_through_the_day(phone, she)
        await asks_and_is_answered(phone, she, by, sent, official.TEMPLATES["answer"])
    await says_how_it_was(phone)
    await looks_at_the_house(phone)
    await sees_who_opened(phone, she)
    await marks_the_visit(phone, she)
    await fetches_her_history_in_the_phones_browser(phone)
    calls = json.dumps(await in_zalo.evaluate("window.__ZALO_CALLS__"))
    assert "action.mp.get.number" in calls
    assert not any(word in calls for word in ("Glucose", "Đặng", "bưởi"))


async def fetches_her_history_in_the_phones_browser(phone: Handheld) -> None:
    """A webview saves nothing: Zalo is asked to open an address that opens once."""
    await phone.goes("Hồ sơ")
    await phone.goes(re.compile("Tải toàn bộ hồ sơ"))
    await phone.taps("Tạo bản sao")
    await phone.taps("Lịch sử khám (PDF)")
    await phone.page.wait_for_function("JSON.stringify(window.__ZALO_CALLS__).includes('/giay/')")


def _texts(gateway: GatewayStandIn) -> Told:
    return lambda: "\n".join(one["text"] for one in gateway.sent)


async def signs_in_through_zalo(phone: Handheld, she: Patient) -> None:
    """Without typing a telephone."""
    await phone.taps(she.house.name)
    await phone.sees("Không thông tin sức khoẻ nào được gửi cho Zalo")
    await phone.looks("sign-in")
    await phone.taps("Tiếp tục với Zalo")
    await phone.fills("Ngày sinh", "3/2/1956")
    await phone.taps("Mở hồ sơ")


async def adds_her_mother(phone: Handheld) -> None:
    """Her mother named her on her own phone; she accepts, looks in, and goes on with her own record."""
    await phone.sees("Lê Thị Bình")
    await phone.taps("Nhận lời")
    await phone.taps(re.compile("Lê Thị Bình"))
    await phone.sees("bạn thay mặt · ")
    await phone.goes(re.compile("Đổi hồ sơ"))
    await phone.taps(re.compile("Tôi · Đặng Thị Tâm"))
    await phone.sees("của tôi · ")


async def books(phone: Handheld) -> str:
    """A time on a later day; gives the code."""
    await phone.goes("Đặt khám")
    await phone.goes(re.compile("Nội tổng quát"))
    await picks_a_time(phone, 1)
    await phone.taps(re.compile("Tiếp tục"))
    await phone.taps("Đặt lịch")
    await phone.sees("Đưa mã này cho quầy tiếp đón")
    found = re.search(r"DK-\w{4}-\w{4}", await phone.page.inner_text("main"))
    assert found
    return found.group()


async def is_reminded(she: Patient, by: list[Sender], code: str, told: Told) -> None:
    """The message leaves, with the code and nothing of what she has."""
    await she.goes_on(by)
    assert code in told()
    assert not any(word in told() for word in ("Nội tổng quát", "Noi tong quat", "Tâm"))


async def moves_to_today(phone: Handheld, at: datetime) -> None:
    """A time has become free today."""
    await phone.goes("Đổi giờ")
    await phone.page.locator(f"input[name=day][value='{at:%Y-%m-%d}']").click()
    await phone.page.locator("label", has_text=f"{at:%H:%M}").first.locator("input[name=slot]").click()
    await phone.taps(re.compile("Tiếp tục"))
    await phone.taps("Đổi sang giờ này")
    await phone.page.wait_for_url("**/lich-hen/DK-*")  # it is moved: the page before says the new time, too
    await phone.sees(f"{at:%H:%M}", f"{at:%d/%m/%Y}")


async def scans_the_code_at_the_door(phone: Handheld, she: Patient) -> None:
    """Zalo's camera reads the screen at the entrance: a number without the desk."""
    shown = await _shown_at_the_door(she, "https://benhan.example")
    await phone.page.evaluate("shown => { window.__ZALO_STANDIN__.qr = shown }", shown)
    await phone.taps("Quét mã ở cửa")
    await phone.sees("Số của bạn")


async def scans_with_the_telephones_own_camera(phone: Handheld, she: Patient, address: str) -> None:
    """Without Zalo: the code at the entrance is an address that opens the app."""
    await phone.page.goto(await _shown_at_the_door(she, address))
    await phone.taps("Lấy số ngay")


async def _shown_at_the_door(she: Patient, address: str) -> str:
    async with she.database.transaction(she.house.key) as tx:
        return arrival.address(address, await arrival.code_now(tx, she.house.subject(Role.DISPLAY), clock.now()))


async def goes_through_the_day(phone: Handheld, she: Patient) -> None:
    """Her number, live; the call; the result."""
    await phone.sees("Số của bạn", "cập nhật trực tiếp")
    await phone.looks("today")
    async with she.database.transaction(she.house.key) as tx:
        ticket = await store.first(tx, she.doctor, r4.Task, {"patient": f"Patient/{she.person.id}"})
        assert ticket and ticket.encounter
        await queue.call(tx, she.doctor, ticket)
    await phone.sees(re.compile("Mời vào"))
    async with she.database.transaction(she.house.key) as tx:
        visit = await store.read(tx, she.doctor, r4.Encounter, id_of(ticket.encounter) or "")
        await people.glucose(tx, she.house, visit, "7.1")
    await phone.sees("Đã có kết quả", "1 kết quả")
    await phone.looks("results")
    await phone.goes(re.compile("Đã có kết quả"))
    await phone.sees("Glucose máu", "cao hơn bình thường")


async def asks_and_is_answered(phone: Handheld, she: Patient, by: list[Sender], told: Told, said: str) -> None:
    """What cannot wait raises 115; what can is asked, answered while she looks on, told (`said`), and rated."""
    await phone.goes("Của tôi")
    await phone.goes(re.compile("Hỏi bác sĩ"))
    await phone.sees("Bạn chưa hỏi gì")
    await phone.looks("questions")
    await phone.goes("Đặt câu hỏi")
    await phone.fills("Câu hỏi", "Từ sáng toi bi kho tho")
    await phone.sees("Việc này không chờ được câu trả lời.")
    await expect(phone.page.get_by_role("link", name="Gọi 115 ngay").first).to_have_attribute("href", "tel:115")
    await phone.taps("Gửi câu hỏi")
    await phone.sees("Không phải cấp cứu, vẫn gửi")
    await phone.looks("115")
    await phone.fills("Câu hỏi", QUESTION)
    await phone.no_longer_sees("Gọi 115 ngay")
    await phone.looks("ask")
    await phone.taps("Gửi câu hỏi")
    await phone.sees("chờ bác sĩ", QUESTION)
    async with she.database.transaction(she.house.key) as tx:
        [waiting] = [one for one in await answering.inbox(tx, she.doctor) if one.patient == she.person.id]
        await answering.answer(tx, she.doctor, waiting.id, answering.Answer(words=ANSWER), "tra-loi-cua-bac-si-1")
    await phone.sees(ANSWER, "đã có trả lời")
    await phone.looks("thread")
    assert said not in told()
    await she.goes_on(by)
    assert said in told() and not any(word in told() for word in ("bưởi", "buoi"))
    await phone.taps("5 trên 5", "radio")
    await phone.taps("Đóng câu hỏi")
    await phone.sees("Bạn chấm 5 trên 5.", "đã đóng")


async def says_how_it_was(phone: Handheld) -> None:
    """Praise, under her name."""
    await phone.goes("Của tôi")
    await phone.goes(re.compile("Góp ý"))
    await phone.taps("Khen", "radio")
    await phone.fills("Nội dung", "Bác sĩ trả lời nhanh.")
    await phone.taps("Gửi góp ý")
    await phone.sees("Đã gửi. Cảm ơn bạn.")


async def looks_at_the_house(phone: Handheld) -> None:
    """Who treats there, and in which hours."""
    await phone.goes("Của tôi")
    await phone.goes(re.compile("Về bệnh viện"))
    await phone.page.locator("summary", has_text="Nội tổng quát").first.click()
    await phone.sees(re.compile(r"\d\d:\d\d–\d\d:\d\d"))
    await phone.looks("house")


async def sees_who_opened(phone: Handheld, she: Patient) -> None:
    """The doctor who answered stands there, and why."""
    await phone.goes("Của tôi")
    await phone.goes(re.compile("Ai đã mở hồ sơ"))
    await phone.sees(she.doctor.name, "khám, điều trị")


async def marks_the_visit(phone: Handheld, she: Patient) -> None:
    """The visit ends; she is asked how it was, under no name."""
    async with she.database.transaction(she.house.key) as tx:
        visit = await store.first(tx, she.doctor, r4.Encounter, {"patient": f"Patient/{she.person.id}"})
        assert visit and visit.period
        period = msgspec.structs.replace(visit.period, end=stamp(clock.now()))
        ended = msgspec.structs.replace(visit, status="finished", period=period)
        await store.update(tx, she.house.loader, ended, if_match=None)
    await phone.goes("Hôm nay")
    await phone.goes(re.compile("Lượt khám vừa rồi thế nào"))
    await phone.taps("5 trên 5", "radio")
    await phone.looks("survey")
    await phone.taps("Gửi đánh giá")
    await phone.sees("Cảm ơn bạn.", "Không còn lượt khám nào chờ bạn đánh giá")


@pytest.fixture
def zalo(app: Starlette, address: str, she: Patient) -> Iterator[tuple[ZaloStandIn, int]]:
    """Zalo's hosts, where she holds the telephone."""
    with zalo_hosts(app, address, she.phone) as found:
        yield found


@pytest_asyncio.fixture
async def in_zalo(zalo: tuple[ZaloStandIn, int]) -> AsyncIterator[Page]:
    """The app as Zalo's browser opens it."""
    async with zalo_browser(zalo[1]) as page:
        yield page
