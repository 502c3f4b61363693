"""Medicines at the bedside: what is due by the signed orders, given once, by two where it must, or told why not."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from html import unescape

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.hospital import medicines
from benhan.hospital.medicines import Medicine
from benhan.hospital.visit import id_of, stamp
from benhan.hospital.ward import dosing, giving, order_lines
from benhan.hospital.ward.dosing import Dosing
from benhan.simulator import House
from tests.hospital.ward.house import Inside

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PILL = Medicine(code="G-PARA", name="Paracetamol", strength="500 mg", form="Viên nén", unit="viên")
MORPHINE = Medicine(code="G-MORPH", name="Morphin", strength="10 mg/ml", form="Dung dịch tiêm", unit="ống", kind="N",
                    route="Tiêm bắp")  # fmt: skip


def order(stay: r4.Encounter, one: Medicine, *hours: str, since: datetime, days: int = 2) -> r4.MedicationRequest:
    """A signed order."""
    by = r4.Reference(display="BS")
    blank = order_lines.blank_medicine(order_lines.Given(stay=stay, by=by, entry="x", at=since))
    how = Dosing(amount=dosing.Decimal(1), unit=one.unit, hours=hours, route=one.route, days=days)
    return msgspec.structs.replace(dosing.ordered(blank, one, how), status="active", authoredOn=stamp(since))


def near(minutes: int, base: datetime | None = None) -> str:
    """An hour so many minutes from now, as an order says it."""
    return clock.local((base or clock.now()) + timedelta(minutes=minutes)).strftime("%H:%M")


async def test_shifts_and_hours_follow_the_clock_of_the_hospital() -> None:
    day = clock.today()

    def at(hour: int, minute: int = 0) -> datetime:
        return datetime.combine(day, time(hour, minute), clock.ZONE)

    shifts = [giving.shift_of(at(hour)) for hour in (5, 6, 13, 14, 21, 22)]
    before = day - timedelta(days=1)
    assert shifts == [(before, "dem"), (day, "sang"), (day, "sang"), (day, "chieu"), (day, "chieu"), (day, "dem")]
    assert giving.bounds(day, "dem") == (at(22), at(6) + timedelta(days=1))
    stay = r4.Encounter(id="s", status="in-progress", class_=r4.Coding(code="IMP"))
    given = order(stay, PILL, "08:00", "20:00", since=at(9), days=1)
    night = at(9) + timedelta(days=2)
    assert giving.hours(given, at(0), night) == [at(20), at(8) + timedelta(days=1)]
    stopped = msgspec.structs.replace(given, status="stopped", meta=r4.Meta(lastUpdated=at(21).isoformat()))
    assert giving.hours(stopped, at(0), night) == [at(20)]
    assert giving.hours(msgspec.structs.replace(given, status="draft"), at(0), night) == []


async def test_a_dose_is_given_once_and_by_two_where_it_must(
    client: Client, inside: Inside, other_hospital: House
) -> None:
    department = await inside.department("Khoa Phát")
    beds = await inside.beds(department, 2)
    stay, other = [await inside.lies(department, bed) for bed in beds]
    base = clock.now()
    since = base - timedelta(hours=30)
    due, late, ahead = near(0, base), near(-90, base), near(150, base)
    async with inside.tx() as tx:
        await store.load(tx, inside.house.loader, list(map(medicines.resource, (PILL, MORPHINE))))
    pill = await inside.keep(order(stay, PILL, due, late, ahead, since=since))
    drug = await inside.keep(order(stay, MORPHINE, due, since=since))
    nurse, doctor = inside.who(Role.NURSE), inside.who(Role.DOCTOR)

    def key(of: r4.MedicationRequest, minutes: int) -> str:
        when = clock.local(base + timedelta(minutes=minutes)).replace(second=0, microsecond=0)
        return f"{of.id} {when.isoformat(timespec='minutes')}"

    async def gives(who: Role, of: str, patient: str = "") -> r4.MedicationAdministration:
        async with inside.tx() as tx:
            return await giving.give(tx, inside.who(who), of, patient=patient)

    with pytest.raises(Conflict, match="Sai người bệnh"):
        await gives(Role.NURSE, key(pill, 0), id_of(other.subject) or "")
    with pytest.raises(Invalid):
        await gives(Role.NURSE, key(pill, 150))
    first = await gives(Role.NURSE, key(pill, 0), id_of(stay.subject) or "")
    assert (await gives(Role.NURSE, key(pill, 0))).id == first.id
    with pytest.raises(Conflict):
        await gives(Role.DOCTOR, key(pill, 0))
    async with inside.tx() as tx:
        with pytest.raises(Invalid):
            await giving.not_given(tx, nurse, key(pill, -90), "  ", refused=True)
        told = await giving.not_given(tx, nurse, key(pill, -90), "Nôn", refused=True)
    assert told.status == "not-done"
    prepared = await gives(Role.NURSE, key(drug, 0))
    assert prepared.status == "in-progress"
    with pytest.raises(Conflict, match="một người khác"):
        await gives(Role.NURSE, key(drug, 0))
    done = await gives(Role.DOCTOR, key(drug, 0))
    people = [one.actor.reference for one in done.performer or []]
    assert done.status == "completed" and people == [f"Practitioner/{one.practitioner}" for one in (nurse, doctor)]

    walk, browser = f"/noi-tru/khoa/{department.id}/phat-thuoc", await client(Role.NURSE)
    day, shift = giving.shift_of(base)
    page = await browser.get(walk, params={"ca": shift, "ngay": clock.vn_date(day)})
    assert page.status_code == 200 and "Morphin" in page.text and clock.vn_date(day) in page.text
    keys = {unescape(one) for one in re.findall(r'name="lieu" value="([^"]*)"', page.text)}
    assert key(pill, 0) not in keys and key(drug, 0) not in keys
    assert "Sai thuốc" in (await browser.get(f"{walk}?luot={stay.id}&quet=G-SAI&ca={shift}")).text
    again = await browser.post(walk, data={"lieu": key(pill, 0), "viec": "tu-choi", "ly-do": "x"})
    assert again.status_code == 409
    assert (await browser.post(walk, data={"lieu": "x 1", "viec": "cho"})).status_code == 404
    for who, status in ((await client(None), 303), (await client(Role.NURSE, other_hospital), 404),
                        (await client(Role.RECEPTION), 403)):  # fmt: skip
        assert (await who.get(walk)).status_code in (status, 401)
        assert (await who.post(walk, data={"lieu": key(pill, 0), "viec": "cho"})).status_code in (status, 401)
