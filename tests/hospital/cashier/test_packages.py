"""A package: written by the administrator, booked at a time of its specialty, paid at its price, ordered as a whole."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.accounts import open_session
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, codes
from benhan.hospital.reception.schedules import _slot
from benhan.hospital.visit import LABORATORY, code_of, concept
from benhan.simulator import House
from tests.hospital.cashier.test_prepayment import set_up
from tests.patient import people
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
PATH = "/quan-tri/goi-kham"


async def times(database: Database, house: House, specialty: str, count: int) -> list[str]:
    """Free times of tomorrow with a doctor of a specialty, made for this test."""
    async with database.transaction(house.key) as tx:
        found = (await store.search(tx, house.loader, r4.Schedule, {"_count": "200"})).resources
        schedule = next(one for one in found if code_of((one.specialty or [None])[0]) == specialty)
        start = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        steps = [timedelta(minutes=20 * n) for n in range(count)]
        slots = [_slot(schedule, start + at, start + at + timedelta(minutes=20), kept=False) for at in steps]
        await store.load(tx, house.loader, slots)
    return [one.id or "" for one in slots]


async def test_a_package_is_booked_paid_and_ordered_as_a_whole(
    client: Client, database: Database, house: House, other_hospital: House
) -> None:
    nobody = await set_up(client, house)
    admin, doctor = await client("administrator", house), await client("doctor", house)
    first, second = [one for one in codes.services() if one["kind"] == LABORATORY][:2]
    wanted: dict[str, Any] = {
        "name": "Khám tiền hôn nhân", "specialty": "tmh", "note": "Nhịn ăn sáng", "amount": "1.200.000", "active": "1",
        "services": f"{first.code} {first.name}\n{second.code}\n", "since": clock.vn_date(clock.today()),
    }  # fmt: skip
    for wrong in ({"services": "khong-co"}, {"specialty": "khong-co"}, {"amount": "0"}, {"services": ""}):
        assert (await admin.post(f"{PATH}/moi", data=wanted | wrong)).status_code == 422
    assert (await admin.post(f"{PATH}/moi", data=wanted)).status_code == 303
    assert "Khám tiền hôn nhân" in (await admin.get(PATH)).text
    assert (await doctor.get(PATH)).status_code == 403
    assert (await doctor.post(f"{PATH}/moi", data=wanted)).status_code == 403
    public = Phone(nobody)
    [offer] = (await public.read(f"/facilities/{house.code}/packages"))["packages"]
    assert (offer["price"], offer["items"], offer["service"]) == (1_200_000, [first.name, second.name], "ck-tmh")
    assert (await public.read(f"/facilities/{other_hospital.code}/packages"))["packages"] == []
    assert (await (await client("administrator", other_hospital)).get(f"{PATH}/{offer['id']}")).status_code == 404

    async with database.transaction(house.key) as tx:
        person = await people.patient(tx, house)
        hers = Phone(await client(None))
        hers.token = await open_session(tx, house.key, patient=person.id, hours=1)
    here, later = await times(database, house, "tmh", 2)
    [elsewhere] = await times(database, house, "mat", 1)
    path, said = f"/facilities/{house.code}/bookings", {"reason": "", "guest": None, "package": offer["id"]}
    wrong_time = await hers.post(path, said | {"slot": elsewhere}, Idempotency_Key="goi-kham-1")
    assert (wrong_time.status_code, wrong_time.json()["where"]) == (422, "package")
    unknown = await hers.post(path, said | {"slot": here, "package": "goi-x"}, Idempotency_Key="goi-kham-2")
    assert (unknown.status_code, unknown.json()["where"]) == (404, "package")
    booked = (await hers.post(path, said | {"slot": here}, Idempotency_Key="goi-kham-3")).json()
    assert booked["package"] == "Khám tiền hôn nhân"
    mine = f"/bookings/{booked['code']}"
    assert (await hers.post(f"{mine}/move", {"slot": elsewhere})).status_code == 422
    assert (await hers.post(f"{mine}/move", {"slot": later})).json()["package"] == "Khám tiền hôn nhân"
    assert (await hers.read(f"{mine}/payment"))["amount"] == 1_200_000

    async with database.transaction(house.key) as tx:
        appointment = await store.first(tx, house.loader, r4.Appointment, {"patient": person.id or ""})
        assert appointment
        visit = await people.visit(tx, house, person)
        kind = concept(systems.SPECIALTY, "tmh", "Tai Mũi Họng")
        there: dict[str, Any] = {"appointment": [store.reference(appointment)], "serviceType": kind}
        visit = await store.update(tx, house.loader, msgspec.structs.replace(visit, **there), if_match=None)
    page = (await doctor.get(f"/kham/{visit.id}")).text
    assert "Gói khám đã đặt: Khám tiền hôn nhân" in page and "Chỉ định cả gói" in page
    for _ in range(2):  # ordered once
        assert (await doctor.post(f"/kham/{visit.id}/goi-kham")).status_code == 303
    async with database.transaction(house.key) as tx:
        asked = {"encounter": f"Encounter/{visit.id}"}
        orders = (await store.search(tx, house.subject(Role.DOCTOR), r4.ServiceRequest, asked)).resources
    assert sorted(code_of(one.code) or "" for one in orders) == sorted([first.code, second.code])
    found = (await hers.read("/fees"))["fees"]
    assert [(one["name"], one["amount"]) for one in found["lines"]] == [("Gói Khám tiền hôn nhân", 1_200_000)]
    nurse = await client("nurse", house)
    assert (await nurse.post(f"/kham/{visit.id}/goi-kham")).status_code == 403

    ended = {name: value for name, value in wanted.items() if name != "active"}
    assert (await admin.post(f"{PATH}/{offer['id']}", data=ended)).status_code == 303
    assert (await public.read(f"/facilities/{house.code}/packages"))["packages"] == []
    refused = await hers.post(path, said | {"slot": here}, Idempotency_Key="goi-kham-4")
    assert (refused.status_code, refused.json()["where"]) == (404, "package")
