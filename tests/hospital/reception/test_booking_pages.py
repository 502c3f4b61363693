"""The public books on plain pages; a code alone proves nothing; staff book for callers and can undo."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from html import unescape

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital.reception import booking
from benhan.hospital.reception.booking_rules import Guest, code_of_booking
from benhan.hospital.visit import stamp
from benhan.simulator import House

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
SOMEBODY = {"name": "Phạm Thị Ổn", "birth": "12/05/1962", "gender": "female", "reason": "Khó thở"}


async def free(database: Database, hospital: House, doctor: str, place: int = 0) -> r4.Slot:
    """A free slot of a doctor, from the day after tomorrow on."""
    who = service(Role.BOOKING_SERVICE, hospital.key)
    since = stamp(clock.now() + timedelta(days=2))
    params = {"schedule": f"Schedule/lich-{doctor}", "status": "free", "start": f"ge{since}", "_sort": "start"}
    async with database.transaction(hospital.key) as tx:
        return (await store.search(tx, who, r4.Slot, params)).resources[place]


async def booked(database: Database, hospital: House, doctor: str, phone: str) -> r4.Appointment:
    """A booking that lies ahead."""
    slot = await free(database, hospital, doctor)
    guest = Guest(name="Lê Hoàng Nam", birth="1951", phone=phone)
    async with database.transaction(hospital.key) as tx:
        who = service(Role.BOOKING_SERVICE, hospital.key)
        return await booking.book(tx, who, slot.id or "", guest, channel="web")


def text_of(answer: httpx.Response) -> str:
    """What a person reads on the page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


async def test_somebody_without_an_account_books_in_four_steps(
    client: Client, database: Database, hospital: House
) -> None:
    phone = await client(None)
    assert "Nội tiết" in text_of(await phone.get("/dat-kham"))
    times = await phone.get("/dat-kham?ck=ck-noitiet")
    [slot, *_others] = re.findall(r"gio=([\w-]+)", times.text)
    assert "Thông tin người đi khám" in text_of(await phone.get(f"/dat-kham?gio={slot}"))
    sent = await phone.post("/dat-kham", data=SOMEBODY | {"slot": slot, "phone": "+84 911 000 001"})
    assert sent.status_code == 303
    shown = await phone.get(sent.headers["location"])
    assert "Phạm Thị Ổn" in text_of(shown) and "<svg" in shown.text
    code = re.findall(r"DK-\w{4}-\w{4}", shown.text)[0]
    calendar = await phone.get(f"/dat-kham/{code}/lich.ics")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert "BEGIN:VEVENT\r\n" in calendar.text and max(len(line.encode()) for line in calendar.text.split("\r\n")) <= 75
    again = await phone.get(times.request.url.path + "?ck=ck-noitiet")
    assert slot not in re.findall(r"gio=([\w-]+)", again.text)


async def test_a_code_without_proof_shows_nothing_of_the_booking(
    client: Client, database: Database, hospital: House
) -> None:
    made = await booked(database, hospital, "bs11", "0911000002")
    path = f"/dat-kham/{code_of_booking(made)}"
    stranger = await client(None)
    assert "Lê Hoàng Nam" not in (await stranger.get(path)).text
    for verb in ("doi", "huy", "khoi-phuc"):
        assert (await stranger.post(f"{path}/{verb}", data={"slot": "x"})).status_code == 404
    assert (await stranger.get(f"{path}/lich.ics")).status_code == 404
    wrong = await stranger.post(path, data={"birth": "1952"})
    assert wrong.status_code == 422 and "không khớp" in text_of(wrong)


async def test_the_birth_date_proves_it_and_lets_one_move_and_cancel(
    client: Client, database: Database, hospital: House
) -> None:
    made = await booked(database, hospital, "bs12", "0911000003")
    path = f"/dat-kham/{code_of_booking(made)}"
    owner = await client(None)
    assert (await owner.post(path, data={"birth": "1951"})).status_code == 303
    assert "Lê Hoàng Nam" in (await owner.get(path)).text
    other = await free(database, hospital, "bs12", 3)
    moved = await owner.post(f"{path}/doi", data={"slot": other.id})
    assert moved.status_code == 303
    assert clock.vn_time(other.start) in text_of(await owner.get(path))
    assert (await owner.post(f"{path}/huy")).status_code == 303
    assert "Lịch này đã huỷ" in text_of(await owner.get(path))
    assert (await owner.post(f"{path}/khoi-phuc")).status_code == 303
    assert "Lịch này đã huỷ" not in text_of(await owner.get(path))


async def test_after_six_wrong_guesses_even_the_right_answer_is_not_heard(
    client: Client, database: Database, hospital: House
) -> None:
    made = await booked(database, hospital, "bs13", "0911000004")
    path = f"/dat-kham/{code_of_booking(made)}"
    thief = await client(None)
    answers = [(await thief.post(path, data={"phone": f"09120000{n:02d}"})).status_code for n in range(6)]
    assert answers == [422] * 6
    assert (await thief.post(path, data={"phone": "0911000004"})).status_code == 429


async def test_a_pass_for_one_booking_opens_no_other(client: Client, database: Database, hospital: House) -> None:
    mine = await booked(database, hospital, "bs14", "0911000005")
    theirs = await booked(database, hospital, "bs14", "0911000006")
    owner = await client(None)
    await owner.post(f"/dat-kham/{code_of_booking(mine)}", data={"phone": "0911000005"})
    stolen = owner.cookies.get(code_of_booking(mine).lower())
    owner.cookies.set(code_of_booking(theirs).lower(), stolen or "")
    assert "Lê Hoàng Nam" not in (await owner.get(f"/dat-kham/{code_of_booking(theirs)}")).text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"phone": "0912"}, "không đúng"),
        ({"birth": "31/02/1980"}, "ngày"),
        ({"birth": "01/01/2090"}, "tương lai"),
        ({"name": ""}, "họ và tên"),
        ({"name": "12345"}, "họ và tên"),
        ({"cccd": "123"}, "12 chữ số"),
        ({"website": "http://spam"}, "máy tự điền"),
        ({"name": "x" * 81}, "80"),
    ],
)
async def test_bad_input_gets_a_clear_message_and_books_nothing(
    client: Client, database: Database, hospital: House, wrong: dict[str, str], said: str
) -> None:
    phone, slot = await client(None), await free(database, hospital, "bs10")
    sent = await phone.post("/dat-kham", data=SOMEBODY | {"slot": slot.id or "", "phone": "0911000007"} | wrong)
    assert sent.status_code == 422 and said in text_of(sent)
    assert (await free(database, hospital, "bs10")).id == slot.id


async def test_who_is_too_late_is_offered_other_times_and_need_not_type_again(
    client: Client, database: Database, hospital: House
) -> None:
    made = await booked(database, hospital, "bs09", "0911000008")
    phone = await client(None)
    slot = (made.slot or [r4.Reference()])[0].reference or ""
    sent = await phone.post("/dat-kham", data=SOMEBODY | {"slot": slot.removeprefix("Slot/"), "phone": "0911000009"})
    assert sent.status_code == 422 and "vừa có người khác đặt" in text_of(sent)
    assert "Phạm Thị Ổn" in sent.text and sent.text.count('type="radio" name="slot"') == 3


async def test_a_telephone_number_may_try_ten_times_a_day(client: Client, database: Database, hospital: House) -> None:
    phone = await client(None)
    slot = await free(database, hospital, "bs08")
    form = SOMEBODY | {"slot": slot.id or "", "phone": "0911000010", "cccd": "123"}
    answers = [(await phone.post("/dat-kham", data=form)).status_code for _ in range(11)]
    assert answers == [422] * 10 + [429]


async def test_another_hospital_of_the_platform_books_its_own_slots(client: Client, other_hospital: House) -> None:
    phone = await client(None)
    page = await phone.get(f"/dat-kham?co-so={other_hospital.code}")
    assert other_hospital.name in page.text and f"co-so={other_hospital.code}" in page.text


# Staff


async def test_nobody_signed_in_sees_no_bookings(client: Client) -> None:
    answer = await (await client(None)).get("/lich-hen")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/dang-nhap")


async def test_staff_of_another_hospital_see_none_of_ours(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    made = await booked(database, hospital, "bs01", "0911000011")
    stranger = await client("reception", other_hospital)
    assert (await stranger.get(f"/lich-hen/{made.id}")).status_code == 404
    assert "Lê Hoàng Nam" not in (await stranger.get("/lich-hen?q=0911000011")).text


async def test_a_nurse_does_not_book(client: Client) -> None:
    nurse = await client("nurse")
    assert (await nurse.get("/lich-hen")).status_code == 403
    assert (await nurse.post("/lich-hen/dat", data={})).status_code == 403


async def test_reception_books_for_a_caller_and_takes_it_back(
    client: Client, database: Database, hospital: House
) -> None:
    desk, slot = await client("reception"), await free(database, hospital, "bs02")
    sent = await desk.post("/lich-hen/dat", data=SOMEBODY | {"slot": slot.id or "", "phone": "0911000012"})
    assert sent.status_code == 303
    day = await desk.get(sent.headers["location"])
    assert "Phạm Thị Ổn" in day.text and "gọi điện" in text_of(day) and "Hoàn tác" in text_of(day)
    undo = re.findall(r'action="(/lich-hen/[\w-]+/huy)"><input type="hidden" name="version" value="(\d+)"', day.text)[0]
    assert (await desk.post(undo[0], data={"version": undo[1]})).status_code == 303
    assert (await free(database, hospital, "bs02")).id == slot.id


@pytest.mark.parametrize("asked", ["0911000013", "le hoang nam", "Nam Lê", "{code}", "{code_lower}"])
async def test_a_booking_is_found_by_number_name_or_code(
    client: Client, database: Database, hospital: House, asked: str
) -> None:
    desk = await client("reception")
    found = (await desk.get("/lich-hen?q=0911000013")).text
    if "DK-" not in found:
        await booked(database, hospital, "bs03", "0911000013")
        found = (await desk.get("/lich-hen?q=0911000013")).text
    code = re.findall(r"DK-\w{4}-\w{4}", found)[0]
    asked = asked.format(code=code, code_lower=code.lower().replace("-", " "))
    assert code in (await desk.get("/lich-hen", params={"q": asked})).text


async def test_two_receptionists_do_not_overwrite_each_other(
    client: Client, database: Database, hospital: House
) -> None:
    made = await booked(database, hospital, "bs04", "0911000014")
    desk, other = await client("reception"), await free(database, hospital, "bs04", 2)
    assert (await desk.post(f"/lich-hen/{made.id}/doi", data={"slot": other.id, "version": "1"})).status_code == 303
    late = await desk.post(f"/lich-hen/{made.id}/huy", data={"version": "1"})
    assert late.status_code == 412 and "vừa có người khác sửa" in text_of(late)


async def test_a_revisit_that_has_no_time_yet_is_not_shown_as_a_booking(
    client: Client, database: Database, hospital: House
) -> None:
    """A doctor's wish to see somebody again is an Appointment without a start."""
    wish = r4.Appointment(
        status="proposed", requestedPeriod=[r4.Period(start="2030-01-07", end="2030-01-14")],
        participant=[r4.AppointmentParticipant(actor=r4.Reference(display="Lê Hoàng Nam"), status="needs-action")],
    )  # fmt: skip
    async with database.transaction(hospital.key) as tx:
        made = await store.create(tx, hospital.loader, wish)
    answer = await (await client("planning")).get(f"/lich-hen/{made.id}")
    assert answer.status_code == 404
    assert "chưa có giờ" in text_of(answer)
