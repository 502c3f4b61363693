"""The patient's app on a phone in a browser, with a code: every screen, and a connection that is lost.

Source: issue 5, items 1 to 5, 8 and 9. The whole way of a patient, inside Zalo and without: test_whole_way.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import expect
from starlette.applications import Starlette

from benhan.core.access import Role
from benhan.core.access.acting import Kind
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import prices, queue
from benhan.hospital.cashier import payee
from benhan.hospital.cashier.payee import Payee
from benhan.patient import miniapp, relatives
from benhan.simulator import House
from tests.browser import Axe, OpenPage
from tests.journeys.handheld import SMALL, Handheld, picture
from tests.patient import people, telephones
from tests.standins.sms_gateway import GatewayStandIn

pytestmark = pytest.mark.timeout(280)
PHOTO = Path(__file__).parents[2] / "docs" / "pictures" / "hall.png"
#: All that lies in the app's store, as it lies there.
SEALED = """() => new Promise((done) => {
  indexedDB.open("benhan").onsuccess = (event) => {
    event.target.result.transaction("sealed").objectStore("sealed").getAll().onsuccess = ({ target }) =>
      done(target.result.map(({ sealed }) => new TextDecoder("latin1").decode(sealed)));
  };
})"""


class Waiting(msgspec.Struct):
    """Somebody who waits at the hospital today, with a past there."""

    phone: str
    person: r4.Patient
    visit: r4.Encounter
    ticket: r4.Task


@pytest_asyncio.fixture
async def waiting(database: Database, hospital: House) -> Waiting:
    """A mother who waits, with results of years and medicines; she is recorded as the guardian of her child."""
    phone = telephones.number()
    person = await telephones.patient(database, hospital, phone)
    child = await telephones.patient(database, hospital, telephones.number(), "Đặng Gia Bảo", "2019-05-06")
    desk = hospital.subject(Role.RECEPTION)
    async with database.transaction(hospital.key) as tx:
        if not await prices.at(tx, hospital.loader, ["noi"], clock.today()):
            await prices.keep(tx, hospital.loader, "noi", 150_000, clock.today())
        await payee.keep(tx, hospital.loader, Payee("970403", "0011012345678", "BVDK SONG HONG"))
        await relatives.record_guardian(
            tx, desk, child.id or "", "Đặng Thị Tâm", phone, date.fromisoformat(people.BIRTH), Kind.GUARDIAN,
            "Giấy khai sinh 12/2019", None,
        )  # fmt: skip
        before = await people.patient(tx, hospital, "Lê Văn Trước")
        await people.ticket(tx, hospital, before, await people.visit(tx, hospital, before))
        visit = await people.visit(tx, hospital, person)
        ticket = await people.ticket(tx, hospital, person, visit)
        await people.note(tx, hospital, visit, "Uống nhiều nước, tái khám sau 5 ngày.", "final")
        await people.prescription(tx, hospital, visit, "Metformin 500 mg", "active")
        for days, value in ((900, "8.2"), (400, "7.6"), (90, "6.8"), (0, "7.1")):
            await people.glucose(tx, hospital, visit, value, days_ago=days)
    return Waiting(phone, person, visit, ticket)


@pytest.fixture
def gateway(app: Starlette) -> Iterator[GatewayStandIn]:
    with telephones.messages_to(app) as one:
        yield one


async def test_in_a_browser_with_a_code_and_without_a_connection(
    open_page: OpenPage, axe: Axe, address: str, database: Database, hospital: House, waiting: Waiting,
    gateway: GatewayStandIn, shots: Path | None,
) -> None:  # fmt: skip
    page = await open_page(f"{address}{miniapp.MOUNT}/", size=SMALL)
    phone = Handheld(page, axe, shots, "app")
    await signs_in_with_a_code(phone, hospital, gateway, waiting.phone)
    await takes_on_her_child(phone)
    await follows_the_queue(phone, database, hospital, waiting)
    await reads_her_record(phone)
    await takes_her_record_along(phone, open_page, address)
    await books_and_moves(phone)
    await loses_the_connection(phone)
    await sees_who_opened_and_consents(phone)
    await leaves_nothing_behind(phone)
    await books_without_a_record(phone)


async def signs_in_with_a_code(phone: Handheld, hospital: House, gateway: GatewayStandIn, number: str) -> None:
    """Her hospital, her telephone, the code, her birth date; what is wrong is told where it is."""
    await phone.sees("BVĐK")
    await phone.looks("hospital")
    await phone.fills("Tìm bệnh viện", "song hong")
    await phone.taps(hospital.name)
    await phone.fills("Số điện thoại", number)
    await phone.looks("telephone")
    await phone.taps("Gửi mã")
    await phone.sees("Mã gồm 6 chữ số")
    await phone.fills("Mã gồm 6 chữ số", "000000")
    await phone.taps("Tiếp tục")
    await expect(phone.page.locator("[aria-invalid]")).to_be_focused()
    await phone.looks("code")
    await phone.fills("Mã gồm 6 chữ số", await telephones.code_in(gateway))
    await phone.taps("Tiếp tục")
    await phone.fills("Ngày sinh", "3/2/1956")
    await phone.looks("birth")
    await phone.taps("Mở hồ sơ")


async def takes_on_her_child(phone: Handheld) -> None:
    """Two records: her own, and that of the child for whom the desk saw a paper."""
    await phone.sees("Hồ sơ của ai?", "Đặng Gia Bảo")
    await phone.looks("whose")
    await phone.taps("Nhận lời")
    await phone.taps(re.compile("Đặng Gia Bảo"))
    await phone.sees("bạn thay mặt", "Hôm nay không có lượt khám")
    await phone.looks("child")
    await phone.goes(re.compile("Đổi hồ sơ"))
    await phone.taps(re.compile("Tôi · Đặng Thị Tâm"))
    await phone.sees("của tôi · ")


async def follows_the_queue(phone: Handheld, database: Database, hospital: House, waiting: Waiting) -> None:
    """Her number, how many before her, and the call as it comes."""
    await phone.sees("Số của bạn", re.compile(r"còn \d+ người, khoảng \d+ phút"), "cập nhật trực tiếp", "Đã tiếp đón")
    await phone.looks("today")
    await phone.goes(re.compile("Chi phí tạm tính"))
    await phone.sees("Còn phải trả", "Chưa tra thẻ BHYT hôm nay")
    await phone.looks("fees")
    await phone.goes("Quay lại")
    async with database.transaction(hospital.key) as tx:
        await queue.call(tx, hospital.subject(Role.DOCTOR), waiting.ticket)
    await phone.sees(re.compile("Mời vào"))
    await phone.looks("called")


async def reads_her_record(phone: Handheld) -> None:
    """Visits, the visit, results with their years, medicines by the time of the day."""
    await phone.goes("Hồ sơ")
    await phone.sees("Lượt khám", "chưa kết thúc")
    await phone.looks("visits")
    await phone.page.locator(".way", has_text="chưa kết thúc").click()
    await phone.sees("Kết luận của bác sĩ", "tái khám sau 5 ngày", "Metformin 500 mg")
    await phone.looks("visit")
    await phone.goes("Quay lại")
    await phone.goes("Kết quả")
    await phone.sees("Glucose máu", "cao hơn bình thường", "4 lần đo")
    await phone.looks("results")
    await phone.goes("Glucose máu")
    await phone.sees("Cao hơn lần trước (6,8).", "thấp nhất 6,8, cao nhất 8,2.")
    await phone.looks("result")
    await phone.goes("Quay lại")
    await phone.goes("Thuốc")
    await phone.sees("Hôm nay uống gì", "Metformin 500 mg", "1 viên")
    await phone.looks("medicines")


async def takes_her_record_along(phone: Handheld, open_page: OpenPage, address: str) -> None:
    """A paper as PDF, everything as files, and a doctor elsewhere who reads until she ends it."""
    await phone.goes("Tiêm, dị ứng")
    await phone.sees("Chưa ghi dị ứng nào", "Chưa ghi mũi tiêm nào")
    await phone.looks("protection")
    await phone.goes("Lượt khám")
    await phone.goes(re.compile("Tải toàn bộ hồ sơ"))
    await phone.taps("Tạo bản sao")
    await phone.sees("xong")
    await phone.looks("copies")
    assert await fetched(phone, "Lịch sử khám (PDF)") == "lich-su-kham.pdf"
    await phone.goes("Quay lại")
    await phone.page.locator(".way", has_text="chưa kết thúc").click()
    assert (await fetched(phone, "Phiếu khám")).startswith("phieu-kham-")
    await phone.looks("papers")
    await phone.goes("Cho bác sĩ nơi khác xem lượt này")
    await phone.looks("share-new")
    await phone.taps("Tạo mã QR")
    await phone.sees("Chưa ai mở.")
    await phone.looks("share")
    shown = await phone.page.locator(".qr figcaption").inner_text()
    code = await phone.page.locator(".share .code b").inner_text()
    doctor = await open_page(address + urlsplit(shown).path, size=SMALL)
    for label, value in (("Họ tên của bạn", "BS Trần Văn Xa"), ("Nơi khám", "BV Chợ Rẫy")):
        await doctor.get_by_label(label).fill(value)
    await doctor.get_by_label("Mã 6 chữ số").fill(code)
    await picture(doctor, phone.shots, "app-share-code")
    await doctor.get_by_role("button", name="Mở hồ sơ").click()
    await expect(doctor.locator("h1")).to_have_text("Đặng Thị Tâm")
    await picture(doctor, phone.shots, "app-share-read", full_page=True)
    await phone.taps("Kết thúc ngay")
    await phone.sees("bạn đã kết thúc", "BS Trần Văn Xa · BV Chợ Rẫy")
    await doctor.reload()
    await expect(doctor.locator("main")).to_contain_text("Người bệnh đã kết thúc")


async def fetched(phone: Handheld, button: str) -> str:
    """What the phone saves when she taps; its name."""
    async with phone.page.expect_download() as saving:
        await phone.taps(button)
    return (await saving.value).suggested_filename


async def books_and_moves(phone: Handheld) -> None:
    """Specialty, day, time, one look, the QR; then another time."""
    await phone.goes("Đặt khám")
    await phone.fills("Tìm chuyên khoa, bác sĩ", "tôi ù tai và khó thở")
    await phone.sees("Gợi ý theo điều bạn nói, không phải chẩn đoán", "gợi ý: ù tai", "Gọi 115 ngay")
    await phone.looks("symptoms")
    await phone.fills("Tìm chuyên khoa, bác sĩ", "noi tong quat")
    await phone.sees("Nội tổng quát")
    await phone.looks("services")
    await phone.goes(re.compile("Nội tổng quát"))
    await picks_a_time(phone, 1)
    await phone.looks("times")
    await phone.taps(re.compile("Tiếp tục"))
    await phone.fills("Lý do khám", "Ho, sốt nhẹ 3 ngày")
    await phone.taps("BHYT", "radio")
    await phone.sees("Không có thẻ BHYT", "Tra thẻ")
    await phone.looks("confirm")
    await phone.taps("Đặt lịch")
    await phone.sees("Đưa mã này cho quầy tiếp đón", re.compile(r"DK-\w{4}-\w{4}"), "Trả trước tiền khám")
    await phone.looks("booking")
    await phone.goes(re.compile("Trả trước tiền khám"))
    await phone.taps(re.compile("Trả 150"))
    await phone.sees("Chuyển khoản VietQR", "0011012345678", "chưa nhận được tiền")
    await phone.looks("payment")
    await phone.goes("Quay lại")
    await phone.sees("Tiền khám 150.000")
    await phone.goes("Đổi giờ")
    await picks_a_time(phone, 2)
    await phone.taps(re.compile("Tiếp tục"))
    await phone.taps("Đổi sang giờ này")
    await phone.sees("Đưa mã này cho quầy tiếp đón")
    await phone.goes("Đặt khám")
    await phone.sees("Lịch hẹn của bạn")


async def picks_a_time(phone: Handheld, which: int) -> None:
    """One of the times of the last free day shown, so that none goes by meanwhile."""
    days = phone.page.locator("input[name=day]:not(:disabled)")
    await days.last.click()
    await phone.page.locator("input[name=slot]").nth(which).click()


async def loses_the_connection(phone: Handheld) -> None:
    """The app opens from what is kept; a cancellation waits, can be taken back, and is sent once when she is back."""
    page = phone.page
    await phone.goes("Hôm nay")
    await phone.sees("Lịch hẹn tới")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.context.set_offline(True)
    await page.reload()
    await phone.sees(re.compile(r"ngoại tuyến · cập nhật \d\d:\d\d"), "Mời vào", "Lịch hẹn tới")
    await phone.looks("offline")
    await phone.goes("Hồ sơ")
    await phone.goes("Kết quả")
    await phone.sees("Glucose máu")
    await phone.goes("Đặt khám")
    await phone.goes(re.compile("Nội tổng quát · "))
    await phone.taps("Huỷ lịch")
    await phone.taps("Hoàn tác")
    await phone.taps("Huỷ lịch")
    await phone.sees("Sẽ huỷ lịch hẹn")
    await page.evaluate("dispatchEvent(new Event('pagehide'))")  # she puts the phone away
    await phone.sees("1 việc chờ gửi")
    await phone.goes("Hôm nay")
    await phone.sees("Chờ có mạng để gửi")
    await phone.looks("waiting")
    await page.context.set_offline(False)
    await phone.no_longer_sees("ngoại tuyến")
    await phone.no_longer_sees("Chờ có mạng để gửi")
    await phone.no_longer_sees("Lịch hẹn tới")


async def sees_who_opened_and_consents(phone: Handheld) -> None:
    """Her rights, in English and in the dark too."""
    await phone.goes("Của tôi")
    await phone.looks("mine")
    await phone.goes(re.compile("Ai đã mở hồ sơ"))
    await phone.sees(re.compile("xem"))
    await phone.looks("opened")
    await phone.goes("Quay lại")
    await phone.goes(re.compile("Đồng ý của tôi"))
    await phone.taps(re.compile("."), "switch")
    await phone.sees(re.compile(r"từ \d\d/\d\d/\d{4}"))
    await phone.looks("consents")
    await phone.goes("Quay lại")
    await phone.goes(re.compile("Ai thay mặt tôi"))
    await phone.sees("Chưa có ai thay mặt bạn")
    await phone.taps("Thêm người thay mặt")
    for label, value in (("Họ và tên", "Đặng Văn Sơn"), ("Số điện thoại", "12"), ("Ngày sinh", "15/8/1985")):
        await phone.fills(label, value)
    await phone.taps("Nhờ người này")
    await expect(phone.page.locator("[aria-invalid]")).to_be_focused()
    await phone.looks("relatives")
    await phone.fills("Số điện thoại", telephones.number())
    await phone.taps("Nhờ người này")
    await phone.sees("chưa nhận lời")
    await phone.goes("Quay lại")
    await phone.goes(re.compile("Thiết bị đang đăng nhập"))
    await phone.sees("máy này")
    await phone.looks("devices")
    await phone.goes("Quay lại")
    await phone.goes(re.compile("Góp ý"))
    await phone.taps("Phàn nàn", "radio")
    await phone.taps("2 trên 5", "radio")
    await phone.fills("Nội dung", "Chờ lấy máu lâu quá.")
    await phone.page.set_input_files("input[type=file]", PHOTO)
    await phone.sees("1 ảnh")
    await phone.looks("feedback")
    await phone.taps("Gửi góp ý")
    await phone.sees("Đã gửi. Cảm ơn bạn.", "Chờ lấy máu lâu quá.", "trả lời trước")
    await phone.goes("Quay lại")
    for choice in ("Tối", "Lớn", "English"):
        await phone.page.get_by_label(choice, exact=True).click()
    await phone.sees("Sign out and erase what is on this phone")
    await phone.looks("dark-english")
    await phone.goes("Today")
    await phone.sees("Your number")
    await phone.looks("today-dark-english")


async def leaves_nothing_behind(phone: Handheld) -> None:
    """What lay on the phone was sealed; after she left nothing of it lies there."""
    sealed = await phone.page.evaluate(SEALED)
    assert len(sealed) > 5
    assert not [text for text in sealed if "Glucose" in text or "BN-26" in text]
    await phone.goes("Mine")
    await phone.taps(re.compile("Sign out"))
    await phone.sees("Sign in")
    assert await phone.page.evaluate(SEALED) == []
    assert not re.search("token|key|record", await phone.page.evaluate("Object.keys(localStorage).join()"))


async def books_without_a_record(phone: Handheld) -> None:
    """Somebody new: nothing but who she is; the booking opens again on this phone."""
    await phone.goes("Book")
    await phone.goes(re.compile("Nội tổng quát"))
    await picks_a_time(phone, 3)
    await phone.taps(re.compile("Continue"))
    await phone.fills("Patient's full name", "Vũ Thị Mới")
    await phone.fills("Birth date", "1/2/1990")
    await phone.taps("Female", "radio")
    await phone.fills("Telephone", telephones.number())
    await phone.looks("guest")
    await phone.taps("Book")
    await phone.sees("Show this code at the desk", "Vũ Thị Mới")
    await phone.page.reload()
    await phone.sees("Show this code at the desk", "Vũ Thị Mới")
