"""Papers from elsewhere as photos with a booking: bounded, bare, seen at the desk and by the doctor, by nobody else."""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Interaction, Role
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.simulator import House
from tests.hospital.cashier.test_prepayment import booked, code_of
from tests.hospital.feedback.test_feedback import BARE, PICTURE
from tests.patient import people
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]


async def test_a_referral_is_sent_with_the_booking_and_opens_to_desk_and_doctor_alone(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    person, booking, hers = await booked(client, database, hospital)
    _other, _booking, stranger = await booked(client, database, hospital)
    path, photo = f"/bookings/{code_of(booking)}/papers", base64.b64encode(PICTURE).decode()
    assert await hers.read(path) == {"papers": 0, "most": 3}
    for wrong in ("x", base64.b64encode(b"\x89PNG").decode(), base64.b64encode(b"\xff\xd8" * 300_000).decode()):
        assert (await hers.post(path, {"photos": [wrong]})).status_code == 422
    assert (await hers.post(path, {"photos": [photo]})).json() == {"papers": 1, "most": 3}
    assert (await hers.post(path, {"photos": [photo] * 3})).status_code == 409
    two = await hers.post(path, {"photos": [photo] * 2})
    assert two.json().get("papers") == 3, two.text
    for phone, status in ((stranger, 404), (Phone(await client(None)), 401)):
        assert (await phone.get(path)).status_code == status
        assert (await phone.post(path, {"photos": [photo]})).status_code == status

    desk, doctor = await client("reception"), await client("doctor")
    page = (await desk.get(f"/tiep-don/nguoi/{person.id}?hen={booking.id}")).text
    papers = re.findall(r'href="(/giay-chuyen/[\w-]+)"', page)
    assert len(papers) == 3
    async with database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
        named = msgspec.structs.replace(visit, appointment=[store.reference(booking)])
        await store.update(tx, hospital.loader, named, if_match=None)
        arrived = msgspec.structs.replace(booking, status="arrived")
        await store.update(tx, hospital.loader, arrived, if_match=None)
        [*kept] = (await store.search(tx, hospital.loader, r4.Media, {"patient": person.id or ""})).resources
    assert {f"/giay-chuyen/{one.id}" for one in kept} == set(papers)
    assert papers[0] in (await doctor.get(f"/kham/{visit.id}")).text
    for who in (desk, doctor):
        shown = await who.get(papers[0])
        assert (shown.headers["content-type"], shown.content) == ("image/jpeg", BARE)
    async with database.transaction(hospital.key) as tx:  # a picture of a report is nothing for the desk
        report = msgspec.structs.replace(kept[0], id=None, meta=None, identifier=None)
        other = await store.create(tx, hospital.loader, report)
        assert await store.may_now(tx, hospital.subject(Role.DOCTOR), "Media", other.id or "", Interaction.READ)
        assert not await store.may_now(tx, hospital.subject(Role.RECEPTION), "Media", other.id or "", Interaction.READ)
    assert (await desk.get(f"/giay-chuyen/{other.id}")).status_code == 404
    assert (await hers.post(path, {"photos": [photo]})).status_code == 409
    assert (await (await client("cashier")).get(papers[0])).status_code == 403
    assert (await (await client("reception", other_hospital)).get(papers[0])).status_code == 404
    assert (await (await client(None)).get(papers[0])).status_code == 303
