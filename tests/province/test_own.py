"""What a hospital is told of its own bookings: the share by month, and who booked and did not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import httpx
import pytest

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.hospital.visit import concept, stamp
from benhan.province.population import own
from benhan.simulator import House
from tests.province import visits

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
DOCTOR = r4.Reference(reference="Practitioner/nv-bs01")


async def test_the_door_is_the_planning_office_s(client: Client) -> None:
    assert (await (await client(None)).get(own.PATH)).status_code == 303
    assert (await (await client("doctor")).get(own.PATH)).status_code == 403
    assert (await (await client("province")).get(own.PATH)).status_code == 403
    page = (await (await client("planning")).get(own.PATH)).text
    assert "Đặt trực tuyến theo tháng" in page and "Đặt mà không đến, theo bác sĩ" in page


async def test_the_share_of_each_month_is_of_this_hospital_alone(
    client: Client, database: Database, hospital: House, other_hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    for house, channels in ((hospital, ["zalo", "phone", None, None]), (other_hospital, ["web"])):
        async with database.transaction(house.key) as tx:
            for channel in channels:
                await visits.arrive(tx, house, day, channel)
    await visits.counted(database)
    async with database.transaction(hospital.key) as tx:
        seen = await own.months(tx, subject("planning"), (day + timedelta(days=320)).date())
    assert len(seen) == own.MONTHS
    of_day = next(one.channels for one in seen if (one.first.year, one.first.month) == (day.year, day.month))
    assert (of_day.online, of_day.booked, of_day.walk_in, of_day.online_percent) == (1, 1, 2, 25.0)


async def test_a_booking_of_which_nobody_said_anything_was_not_kept(
    client: Client, database: Database, hospital: House, subject: Callable[..., Subject]
) -> None:
    day = visits.a_day()
    async with database.transaction(hospital.key) as tx:
        for status in ("fulfilled", "arrived", "fulfilled", "noshow", "booked", "cancelled"):
            await _booking(tx, hospital, day, status)
        await _booking(tx, hospital, day + timedelta(days=2), "booked")  # her day is not over
        lines = await own.kept(tx, subject("planning"), (day + timedelta(days=2)).date())
        over = subject("planning"), (day + timedelta(days=2)).date()
        specialties, months = await own.kept_by_specialty(tx, *over), await own.kept_by_month(tx, *over)
    one = next(line for line in lines if "Nguyễn Thu Hà" in line.name)
    assert (one.came, one.missed, one.missed_percent) == (3, 2, 40.0)
    [alike] = [line for line in specialties if line.name == "Nội tiết"]
    of_month = next(line for line in months if line.name == f"{day:%m/%Y}")
    assert (alike.came, alike.missed) == (of_month.came, of_month.missed) == (3, 2)


async def _booking(tx: Transaction, house: House, at: datetime, status: str) -> r4.Appointment:
    with_doctor = r4.AppointmentParticipant(actor=DOCTOR, status="accepted")
    made = r4.Appointment(
        status=status, start=stamp(at), end=stamp(at + timedelta(minutes=20)), participant=[with_doctor],
        specialty=[concept(systems.SPECIALTY, "noitiet", "Nội tiết")],
    )  # fmt: skip
    return await store.create(tx, house.loader, made)
