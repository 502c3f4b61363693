"""A week becomes slots; closing loses nobody; making slots again changes nothing."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time, timedelta
from html import unescape
from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.hospital.reception import booking, booking_choice, schedules
from benhan.hospital.reception.booking_rules import Guest, SlotTaken
from benhan.hospital.reception.schedules import Session, planned
from benhan.hospital.visit import stamp
from benhan.simulator import House

Client = Callable[..., Awaitable[httpx.AsyncClient]]
#: These rules are pure; on a machine that does much else only the clock would fail them.
MORNING = Session((0, 1, 2, 3, 4), time(7, 30), time(11, 0), 15)


def text_of(answer: httpx.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_a_morning_of_three_and_a_half_hours_has_fourteen_slots() -> None:
    monday = date(2026, 11, 23)
    slots = list(planned([MORNING], monday, monday))
    assert [f"{start:%H:%M}" for start, _end in slots][:2] == ["07:30", "07:45"]
    assert len(slots) == 14 and f"{slots[-1][1]:%H:%M}" == "11:00"
    assert list(planned([MORNING], date(2026, 11, 28), date(2026, 11, 29))) == [], "no session at the weekend"


def test_what_is_kept_for_the_desk_is_spread_over_the_session() -> None:
    monday = date(2026, 11, 23)
    quarter = Session((0,), time(7), time(9), 15, 25)
    assert [f"{one:%H:%M}" for one in quarter.kept_back(monday)] == ["07:45", "08:45"]
    assert len(list(Session((0,), time(7), time(9), 15, 100).kept_back(monday))) == 8
    assert not list(MORNING.kept_back(monday))


def test_places_beyond_are_spread_over_the_session_and_never_more_than_its_times() -> None:
    monday = date(2026, 11, 23)
    two = Session((0,), time(7), time(9), 30, 0, 2)
    assert [f"{one:%H:%M}" for one in two.extra_times(monday)] == ["07:00", "08:00"]
    assert len(list(Session((0,), time(7), time(8), 30, 0, 9).extra_times(monday))) == 2
    assert not list(MORNING.extra_times(monday))


def test_no_times_are_made_on_holidays() -> None:
    always = Session(tuple(range(7)), time(7), time(8), 30)
    year_end = [start for start, _end in planned([always], date(2026, 12, 30), date(2027, 1, 2))]
    assert schedules.holidays_among(year_end) == [date(2027, 1, 1)]
    tet = [start for start, _end in planned([always], date(2026, 2, 14), date(2026, 2, 21))]
    assert schedules.holidays_among(tet) == [date(2026, 2, day) for day in range(16, 21)]


sessions = st.builds(
    lambda days, start, length, minutes: Session(
        tuple(sorted(days)), time(start), (datetime(2026, 1, 1, start) + timedelta(minutes=length)).time(), minutes
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(5, 17),
    st.integers(5, 360),
    st.integers(5, 120),
)


@given(sessions, st.dates(date(2026, 1, 1), date(2027, 1, 1)), st.integers(0, 13))
def test_slots_of_a_week_never_overlap_and_never_leave_the_session(one: Session, first: date, days: int) -> None:
    slots = list(planned([one], first, first + timedelta(days=days)))
    assert all(end - start == timedelta(minutes=one.minutes) for start, end in slots)
    assert all(before[1] <= after[0] for before, after in pairwise(slots))
    assert all(one.start <= start.time() and end.time() <= one.end for start, end in slots)


def test_where_no_week_was_written_it_is_read_from_the_slots() -> None:
    afternoon = Session((0, 2), time(13, 30), time(16, 30), 20)
    slots = [
        r4.Slot(schedule=r4.Reference(), start=stamp(start), end=stamp(end))
        for start, end in planned([MORNING, afternoon], date(2026, 11, 23), date(2026, 11, 29))
    ]
    assert schedules.inferred(slots) == [MORNING, afternoon]
    assert schedules.inferred([]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([Session((), time(7), time(8), 10)], "chưa chọn ngày"),
        ([Session((0,), time(8), time(7), 10)], "kết thúc trước"),
        ([Session((0,), time(7), time(8), 3)], "từ 5 đến 120"),
        ([MORNING, Session((4,), time(10), time(12), 10)], "trùng giờ"),
    ],
)
def test_an_impossible_week_is_refused(wrong: list[Session], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        schedules.check_sessions(wrong)


async def new_schedule(database: Database, hospital: House, doctor: str, *week: Session) -> r4.Schedule:
    """A schedule of its own for a test, with a week."""
    who = hospital.loader
    async with database.transaction(hospital.key) as tx:
        old = await store.read(tx, who, r4.Schedule, f"lich-{doctor}")
        made = await store.create(tx, who, r4.Schedule(active=True, actor=old.actor, serviceType=old.serviceType))
        return await schedules.keep_template(tx, who, made, week, active=True)


def monday() -> date:
    """The Monday after next, so that all its slots lie ahead."""
    return clock.today() + timedelta(days=14 - clock.today().weekday())


@pytest.mark.asyncio(loop_scope="session")
async def test_making_slots_twice_makes_them_once(database: Database, hospital: House) -> None:
    who = hospital.subject(Role.RECEPTION)
    schedule = await new_schedule(database, hospital, "bs01", MORNING)
    assert schedules.sessions_of(schedule) == [MORNING]
    async with database.transaction(hospital.key) as tx:
        first = await schedules.make_slots(tx, who, schedule, monday(), monday() + timedelta(days=6), holidays=True)
        again = await schedules.make_slots(tx, who, schedule, monday(), monday() + timedelta(days=6), holidays=True)
    assert (first.made, first.kept, again.made, again.kept) == (70, 0, 0, 70)


@pytest.mark.asyncio(loop_scope="session")
async def test_another_week_closes_free_slots_and_names_who_is_booked_outside_it(
    database: Database, hospital: House
) -> None:
    who, public = hospital.subject(Role.RECEPTION), service(Role.BOOKING_SERVICE, hospital.key)
    schedule = await new_schedule(database, hospital, "bs02", MORNING)
    day = monday()
    async with database.transaction(hospital.key) as tx:
        await schedules.make_slots(tx, who, schedule, day, day, holidays=True)
        slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
        guest = Guest(name="Lê Hoàng Nam", birth="1951", phone="0933000001")
        made = await booking.book(tx, public, slots[1].id or "", guest, channel="web")
        shorter = Session((0,), time(9), time(11), 30)
        changed = await schedules.keep_template(tx, who, schedule, [shorter], active=True)
        result = await schedules.make_slots(tx, who, changed, day, day, holidays=True)
        assert [one.id for one in result.outside] == [made.id]
        assert result.closed == 14 - 1 - 4, "the booked one and four that fit the new week stay"
        assert (await store.read(tx, who, r4.Appointment, made.id or "")).status == "booked"


@pytest.mark.asyncio(loop_scope="session")
async def test_closing_a_day_keeps_the_bookings_and_gives_no_slot_back_to_the_public(
    database: Database, hospital: House
) -> None:
    who, public = hospital.subject(Role.RECEPTION), service(Role.BOOKING_SERVICE, hospital.key)
    schedule = await new_schedule(database, hospital, "bs03", MORNING)
    day = monday()
    async with database.transaction(hospital.key) as tx:
        await schedules.make_slots(tx, who, schedule, day, day, holidays=True)
        slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
        guest = Guest(name="Lê Hoàng Nam", birth="1951", phone="0933000002")
        made = await booking.book(tx, public, slots[0].id or "", guest, channel="web")
        slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
        assert [one.id for one in await schedules.close(tx, who, slots)] == [made.id]
        with pytest.raises(SlotTaken):
            await booking.book(tx, public, slots[1].id or "", guest, channel="web")
        await booking.cancel(tx, who, made)
        with pytest.raises(SlotTaken):
            await booking.book(tx, public, slots[0].id or "", guest, channel="web")
        await schedules.reopen(tx, who, await schedules.slots_between(tx, who, schedule.id or "", day, day))
        assert (await booking.book(tx, public, slots[0].id or "", guest, channel="web")).status == "booked"


@pytest.mark.asyncio(loop_scope="session")
async def test_a_time_kept_for_the_desk_is_neither_offered_nor_given_to_who_books_by_herself(
    database: Database, hospital: House
) -> None:
    who, public = hospital.subject(Role.RECEPTION), service(Role.BOOKING_SERVICE, hospital.key)
    schedule = await new_schedule(database, hospital, "bs07", Session((0,), time(7), time(8), 30, 50))
    guest, day = Guest(name="Lê Hoàng Nam", birth="1951", phone="0933000300"), monday()
    async with database.transaction(hospital.key) as tx:
        await schedules.make_slots(tx, who, schedule, day, day, holidays=True)
        open_one, kept = await schedules.slots_between(tx, who, schedule.id or "", day, day)
        doctor = booking_choice.Doctor(schedule.id or "", "", "")
        for asker, number in ((public, 1), (who, 2)):
            offered = await booking_choice.times(tx, asker, [doctor], day, clock.now())
            seen = await booking_choice.week(tx, asker, [schedule.id or ""], day, clock.now())
            assert (len(offered), seen[0].free) == (number, number)
        with pytest.raises(Invalid):
            await booking.book(tx, public, kept.id or "", guest, channel="zalo")
        made = await booking.book(tx, public, open_one.id or "", guest, channel="zalo")
        with pytest.raises(Invalid):
            await booking.move(tx, public, made, kept.id or "")
        assert (await booking.book(tx, who, kept.id or "", guest, channel="phone")).status == "booked"


@pytest.mark.asyncio(loop_scope="session")
async def test_who_is_booked_on_a_day_that_closes_gets_the_nearest_other_time(
    client: Client, database: Database, hospital: House
) -> None:
    who, public = hospital.subject(Role.RECEPTION), service(Role.BOOKING_SERVICE, hospital.key)
    schedule = await new_schedule(database, hospital, "bs05", MORNING)
    day, next_day = monday(), monday() + timedelta(days=1)
    guests = [Guest(name=f"Lê Thị {name}", birth="1951", phone=f"09330001{n:02d}") for n, name in enumerate("AB")]
    async with database.transaction(hospital.key) as tx:
        await schedules.make_slots(tx, who, schedule, day, next_day, holidays=True)
        slots = await schedules.slots_between(tx, who, schedule.id or "", day, next_day)
        made = [
            await booking.book(tx, public, slots[place].id or "", guest, channel="web")
            for place, guest in zip((2, 3), guests, strict=True)
        ]
        third = Guest(name="Lê Thị C", birth="1951", phone="0933000199")
        await booking.book(tx, public, slots[14 + 2].id or "", third, channel="web")  # her time on Tuesday is taken
        slots = await schedules.slots_between(tx, who, schedule.id or "", day, day)
        await schedules.close(tx, who, slots)
    desk = await client("reception")
    path = f"/lich-kham/{schedule.id}"
    assert "Dời hết" in text_of(await desk.get(f"{path}?ngay={day}"))
    page = text_of(await desk.post(f"{path}/doi?ngay={day}", data={"giu": "bac-si"}))
    assert "Đã đổi giờ cho 2 người" in page and "Dời hết" not in page
    async with database.transaction(hospital.key) as tx:
        now = [(await store.read(tx, who, r4.Appointment, one.id or "")).start or "" for one in made]
        left = await schedules.slots_between(tx, who, schedule.id or "", day, day)
    assert [clock.local(one).date() for one in now] == [next_day, next_day]
    assert [f"{clock.local(one):%H:%M}" for one in now] == ["07:45", "08:15"], "8:00 is taken"
    assert {one.status for one in left} == {"busy-unavailable"}, "what was closed stays closed"
    assert (await desk.post(f"{path}/doi?ngay={day}", data={"giu": "het"})).status_code == 422


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("path", ["/lich-kham", "/lich-kham/moi", "/lich-kham/lich-bs01"])
async def test_the_three_who_may_not(client: Client, other_hospital: House, path: str) -> None:
    nobody = await (await client(None)).get(path)
    assert nobody.status_code == 303 and nobody.headers["location"].startswith("/dang-nhap")
    assert (await (await client("doctor")).get(path)).status_code == 403
    assert (await (await client("reception")).get(path)).status_code == 200


@pytest.mark.asyncio(loop_scope="session")
async def test_another_hospital_cannot_open_or_close_our_schedule(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    schedule = await new_schedule(database, hospital, "bs04", MORNING)
    stranger = await client("reception", other_hospital)
    assert (await stranger.get(f"/lich-kham/{schedule.id}")).status_code == 404
    for verb in ("dong", "mo", "tuan", "tao"):
        assert (await stranger.post(f"/lich-kham/{schedule.id}/{verb}", data={})).status_code == 404


@pytest.mark.asyncio(loop_scope="session")
async def test_a_doctor_gets_a_schedule_a_week_and_slots_on_the_page(
    client: Client, database: Database, hospital: House
) -> None:
    desk = await client("reception")
    trio = {"service": "ck-noi", "doctor": "Practitioner/nv-bs03", "room": "phong-pk04"}
    made = await desk.post("/lich-kham/moi", data=trio)
    assert made.status_code == 303
    path = made.headers["location"].partition("?")[0]
    assert "đã có lịch" in text_of(await desk.post("/lich-kham/moi", data=trio))
    version = re.findall(r'name="version" value="(\d+)"', (await desk.get(path)).text)[0]
    times = {"start1": "7h30", "end1": "9:00", "minutes1": "30"}
    week = {"version": version, "active": "1", "days1": ["mon", "wed"], **times}
    assert (await desk.post(f"{path}/tuan", data=week)).status_code == 303
    stale = await desk.post(f"{path}/tuan", data=week)
    assert stale.status_code == 412
    day = monday()
    span = {"first": clock.vn_date(day), "last": clock.vn_date(day + timedelta(days=6)), "holidays": "1"}
    answer = await desk.post(f"{path}/tao", data=span)
    assert "Đã tạo 6 giờ khám" in text_of(answer)
    closed = await desk.post(f"{path}/dong?ngay={day}", data={})
    page = text_of(await desk.get(closed.headers["location"]))
    assert page.count("đã đóng") == 3 and "Hoàn tác" in page


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("verb", "form", "said"),
    [
        ("tuan", {"days1": ["mon"], "start1": "25:00", "end1": "9:00", "minutes1": "10"}, "Nhập giờ"),
        ("tuan", {}, "ít nhất một buổi"),
        ("tuan", {"days1": ["mon"], "start1": "7:00", "end1": "9:00"}, "số phút"),
        ("tao", {"first": "01/01/2020", "last": "02/01/2020"}, "từ hôm nay"),
        ("tao", {"first": "", "last": ""}, "ngày"),
    ],
)
async def test_bad_input_on_a_schedule_changes_nothing(
    client: Client, database: Database, hospital: House, verb: str, form: dict[str, str], said: str
) -> None:
    schedule = await new_schedule(database, hospital, "bs05", MORNING)
    answer = await (await client("reception")).post(f"/lich-kham/{schedule.id}/{verb}", data=form)
    assert answer.status_code == 422 and said in text_of(answer)
    async with database.transaction(hospital.key) as tx:
        kept = await store.read(tx, hospital.loader, r4.Schedule, schedule.id or "")
    assert schedules.sessions_of(kept) == [MORNING]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("whom", "role", "other"), [("desk", Role.RECEPTION, Role.DOCTOR), ("doctor", Role.DOCTOR, Role.RECEPTION)]
)
async def test_a_session_takes_so_many_more_once_it_is_full_and_for_whom_it_says(
    database: Database, hospital: House, whom: str, role: Role, other: Role
) -> None:
    desk, public = hospital.subject(Role.RECEPTION), service(Role.BOOKING_SERVICE, hospital.key)
    session = Session((0,), time(7), time(8), 30, 0, 1, whom)
    schedule = await new_schedule(database, hospital, "bs08" if whom == "desk" else "bs09", session)
    day = monday()
    async with database.transaction(hospital.key) as tx:
        first = await schedules.make_slots(tx, desk, schedule, day, day, holidays=True)
        again = await schedules.make_slots(tx, desk, schedule, day, day, holidays=True)
        assert (first.made, again.made, again.kept, again.closed) == (3, 0, 3, 0)
        kept = await store.read(tx, hospital.loader, r4.Schedule, schedule.id or "")
        assert schedules.sessions_of(kept) == [session]
        slots = await schedules.slots_between(tx, desk, schedule.id or "", day, day)
        [extra] = [one for one in slots if one.overbooked]
        ordinary = [one for one in slots if not one.overbooked]
        doctor = booking_choice.Doctor(schedule.id or "", "", "")
        hers, theirs = hospital.subject(role), hospital.subject(other)

        async def offered(who: Subject) -> set[str]:
            return {one.slot for one in await booking_choice.times(tx, who, [doctor], day, clock.now())}

        guests = [Guest(name="Lê Hoàng Nam", birth="1951", phone=f"09330007{n}{len(whom)}") for n in range(4)]
        with pytest.raises(Conflict):
            await booking.book(tx, hers, extra.id or "", guests[0], channel="desk")
        for slot, guest in zip(ordinary, guests, strict=False):
            assert extra.id not in await offered(hers)
            await booking.book(tx, desk, slot.id or "", guest, channel="phone")
        assert await offered(hers) == {extra.id} and await offered(theirs) == await offered(public) == set()
        with pytest.raises((Conflict, Invalid)):
            await booking.book(tx, public, extra.id or "", guests[2], channel="zalo")
        with pytest.raises(Conflict):
            await booking.book(tx, theirs, extra.id or "", guests[2], channel="desk")
        assert (await booking.book(tx, hers, extra.id or "", guests[2], channel="desk")).status == "booked"
        assert await offered(hers) == set()
        none = schedules.with_sessions(kept, [Session((0,), time(7), time(8), 30)])
        await store.update(tx, hospital.loader, none, if_match=None)
        fewer = await schedules.make_slots(tx, desk, none, day, day, holidays=True)
        assert [one.slot[0].reference for one in fewer.outside if one.slot] == [f"Slot/{extra.id}"]
