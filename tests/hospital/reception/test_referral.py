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
from benhan.hospital.reception import rooms
from benhan.hospital.reception.desk import Arrival, check_in, undo
from benhan.simulator import House
from tests.hospital.cashier.test_prepayment import booked, code_of
from tests.hospital.feedback.test_feedback import BARE, PICTURE
from tests.hospital.reception import desk_people
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


async def test_a_guest_sends_her_referral_from_the_page_of_her_booking(
    client: Client, database: Database, hospital: House, other_hospital: House
) -> None:
    phone = desk_people.telephone()
    async with database.transaction(hospital.key) as tx:
        booking = await desk_people.booking(tx, hospital, phone=phone)
        person = await desk_people.patient(tx, hospital, phone=phone)
    hers, here, page = await client(None), {"co-so": hospital.code}, f"/dat-kham/{code_of(booking)}"
    path, photo = f"{page}/giay-to", {"tep": ("anh.jpg", PICTURE, "image/jpeg")}
    assert (await hers.get(path, params=here)).status_code == 404
    assert (await hers.post(path, params=here, files=photo)).status_code == 404
    assert (await hers.post(page, params=here, data={"phone": phone})).status_code == 303
    assert path in (await hers.get(page, params=here)).text
    large = ("anh.jpg", b"\xff\xd8" * 300_000, "image/jpeg")
    for wrong in ({"tep": ("a.png", b"\x89PNG", "image/png")}, {"tep": ("a.jpg", b"", "image/jpeg")}, {"tep": large}):
        assert (await hers.post(path, params=here, files=wrong)).status_code == 422
    for sent in (303, 303, 303, 422):
        assert (await hers.post(path, params=here, files=photo)).status_code == sent
    desk, doctor = await client("reception"), await client("doctor")
    shown = (await desk.get(f"/tiep-don/nguoi/{person.id}?hen={booking.id}")).text
    papers = re.findall(r'href="(/giay-chuyen/[\w-]+)"', shown)
    assert len(papers) == 3 and (await desk.get(papers[0])).content == BARE  # before she has a record here
    for who in (doctor, await client("reception", other_hospital)):
        assert (await who.get(papers[0])).status_code == 404
    async with database.transaction(hospital.key) as tx:
        at_desk = hospital.subject(Role.RECEPTION)
        place = next(one for one in await rooms.open_rooms(tx, at_desk) if one.id == "phong-pk04")
        arrival = Arrival(key=f"khach-{booking.id}"[:64], patient=person.id or "", room=place, booking=booking.id)
        ticket = await check_in(tx, at_desk, arrival)
        of = {"patient": person.id or ""}
        assert len((await store.search(tx, hospital.loader, r4.Media, of)).resources) == 3
    assert (await doctor.get(papers[0])).content == BARE
    async with database.transaction(hospital.key) as tx:  # it was somebody else's booking
        await undo(tx, at_desk, ticket.id or "")
        assert (await store.search(tx, hospital.loader, r4.Media, of)).resources == []
