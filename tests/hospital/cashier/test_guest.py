"""Who booked without an account pays before the visit, from the page of her booking; it becomes part of her record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import token_hex

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import prepaid
from benhan.hospital.cashier import follower
from benhan.hospital.visit import concept, full_name, stamp
from benhan.simulator import House
from tests.hospital.cashier.test_notices import told_by
from tests.hospital.cashier.test_prepayment import code_of
from tests.hospital.reception import desk_people
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_guest_pays_by_vietqr_and_what_she_paid_is_in_her_record_once_she_has_come(
    client: Callable[..., Awaitable[httpx.AsyncClient]], database: Database, house: House
) -> None:
    bank, phone = await told_by(client, house), desk_people.telephone()
    at = clock.now() + timedelta(days=1)
    async with database.transaction(house.key) as tx:
        booking = await desk_people.booking(tx, house, name="Lò Thị Mai", phone=phone, at=at)
        ent = msgspec.structs.replace(booking, specialty=[concept(systems.SPECIALTY, "tmh", "Tai Mũi Họng")])
        booking = await store.update(tx, house.loader, ent, if_match=None)
    hers, here = await client(None), {"co-so": house.code}
    page = f"/dat-kham/{code_of(booking)}"
    before = await hers.get(f"{page}/tra-truoc", params=here)
    assert (before.status_code, before.headers["location"]) == (303, f"{page}?co-so={house.code}")
    assert (await hers.post(f"{page}/tra-truoc", params=here)).headers["location"] == f"{page}?co-so={house.code}"
    stranger = await client(None)
    stranger.cookies.set(code_of(booking).lower(), "0" * 48)
    assert (await stranger.get(f"{page}/tra-truoc", params=here)).status_code == 303
    assert (await hers.post(page, params=here, data={"phone": phone})).status_code == 303
    assert f"{page}/tra-truoc" in (await hers.get(page, params=here)).text
    first = (await hers.get(f"{page}/tra-truoc", params=here)).text
    assert "150.000" in first and "<svg" not in first.split("<article")[1].split("</article>")[0]
    for _ in range(2):
        assert (await hers.post(f"{page}/tra-truoc", params=here)).status_code == 303
    async with database.transaction(house.key) as tx:
        [asked] = await prepaid.invoices(tx, house.loader, code_of(booking))
    reference = next(one.value or "" for one in asked.identifier or [] if one.system == systems.PAYMENT_REFERENCE)
    shown = (await hers.get(f"{page}/tra-truoc", params=here)).text
    assert reference in shown and "chưa nhận được tiền" in shown
    assert await bank.send(bank.money(f"tien kham {reference}", 150_000, f"FT{token_hex(4)}"), clock.now()) == 200
    assert "đã thanh toán" in (await hers.get(f"{page}/tra-truoc", params=here)).text
    assert "đã trả trước 150.000" in (await hers.get(page, params=here)).text
    assert "Lò Thị Mai" in (await (await client("cashier", house)).get(f"/thu-ngan/{reference}")).text

    async def paid_by(state: r4.Appointment) -> str | None:
        async with database.transaction(house.key) as tx:
            await store.update(tx, house.loader, state, if_match=None)
            for _ in range(2):
                await follower.hear(tx, house.key, {booking.id or ""})
            [kept] = await prepaid.invoices(tx, house.loader, code_of(booking))
        assert kept.status == prepaid.PAID
        return kept.subject.reference if kept.subject else None

    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
    known = r4.AppointmentParticipant(actor=store.reference(person, full_name(person)), status="accepted")
    come = msgspec.structs.replace(booking, status="arrived", contained=None, participant=[known])
    assert await paid_by(come) == f"Patient/{person.id}"
    assert await paid_by(booking) is None  # the desk took somebody else's record, and undid it
    assert await paid_by(msgspec.structs.replace(come, start=stamp(at))) == f"Patient/{person.id}"
