"""What causes a message, and that it leaves: once, by day, to whom it concerns, saying nothing of health."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
import pytest_asyncio

from benhan.core import store
from benhan.core.access import Role, Subject, service
from benhan.core.db import PLATFORM, Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.store import feed
from benhan.core.store.records import version_of
from benhan.hospital import queue
from benhan.hospital.visit import CLINIC, concept, stamp
from benhan.patient import causes, outbox
from benhan.patient.message_pages import PATH
from benhan.patient.messages import Sender
from benhan.patient.oa.sending import senders
from benhan.patient.posting import READER, Noticing, Posting
from benhan.simulator import House
from tests.patient import people, telephones
from tests.patient.oa import official
from tests.settled import settled
from tests.standins.sms_gateway import GatewayStandIn, sms_gateway
from tests.standins.zalo import ZaloStandIn

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
REMIND = timedelta(hours=24)
TEMPLATE = "/message/template"


class World:
    """A facility with every way of sending, and its two tasks."""

    #: The clock by which messages leave: it is noon, but where a test says otherwise.
    at = clock.day_bounds(clock.today())[0] + timedelta(hours=12)

    def __init__(
        self, house: House, database: Database, there: ZaloStandIn, gateway: GatewayStandIn, by: list[Sender]
    ) -> None:
        self.house, self.database, self.there, self.gateway, self.by = house, database, there, gateway, by

    async def goes_on(self) -> None:
        """What happened is noticed, and what is due leaves."""
        await settled(self.database)
        reading, sending = Noticing(self.database, REMIND), Posting(self.database, self.by, "", lambda: self.at)
        while await reading.read():
            pass
        while await sending.turn() == 0:
            pass

    async def due(self, subject: str) -> None:
        """The time of what waits for this record has come."""
        async with self.database.transaction(self.house.key) as tx:
            await tx.execute(
                "update message set next = now() where facility = $1 and subject = $2 and next is not null",
                self.house.key, subject,
            )  # fmt: skip
        await self.goes_on()

    async def rows(self, subject: str) -> list[tuple[Any, ...]]:
        """Messages of a record: kind, what was in the way, by which way, whether it is known to have left."""
        async with self.database.transaction(self.house.key) as tx:
            rows = await tx.fetch(
                "select m.kind, m.trouble, s.by, s.sent is not null as sent from message m left join message_sent s"
                " on s.facility = m.facility and s.message = m.id where m.subject = $1 order by m.made, m.kind",
                subject,
            )
        return [tuple(row.values()) for row in rows]

    def to(self, phone: str) -> list[dict[str, Any]]:
        """What came to a telephone by Zalo."""
        return [one for one in self.there.sent if one["phone"] == telephones.international(phone)]

    async def keeps(self, record: r4.Resource, who: Subject | None = None) -> Any:
        """A record is written."""
        async with self.database.transaction(self.house.key) as tx:
            by = who or self.house.loader
            if record.id is None:
                return await store.create(tx, by, record)
            return await store.update(tx, by, record, if_match=version_of(record))


@pytest_asyncio.fixture
async def world(database: Database, hospital: House) -> AsyncIterator[World]:
    async with database.transaction(PLATFORM) as tx:  # what other tests did before is over
        await feed.join(tx, READER)
        await feed.position(tx, READER)
        await feed.advance(tx, READER, await feed.end(tx))
        await tx.execute("update message set next = null")
    gateway = GatewayStandIn()
    async with official.account(database, hospital) as (there, settings):
        with sms_gateway(gateway) as sms:
            yield World(hospital, database, there, gateway, senders(official.with_gateway(settings, sms), database))


def booking(phone: str, start: datetime, patient: str | None = None) -> r4.Appointment:
    """Somebody's appointment; a guest's where there is no record."""
    guest = r4.Patient(id="guest", telecom=[r4.ContactPoint(system="phone", value=phone)])
    actor = r4.Reference(reference=f"Patient/{patient}" if patient else "#guest")
    return r4.Appointment(
        status="booked", start=stamp(start), end=stamp(start + timedelta(minutes=15)), minutesDuration=15,
        identifier=[r4.Identifier(system=systems.BOOKING_CODE, value=f"DK-{uuid4().hex[:8]}".upper())],
        contained=None if patient else [guest], created=stamp(clock.now()),
        reasonCode=[r4.CodeableConcept(text="Đái tháo đường")],
        participant=[r4.AppointmentParticipant(actor=actor, status="accepted")],
    )  # fmt: skip


async def test_a_booking_is_reminded_of_once_whoever_dies_and_however_many_processes_run(world: World) -> None:
    phone, start = telephones.number(), clock.now() + timedelta(days=3)
    made = await world.keeps(booking(phone, start))
    subject = f"Appointment/{made.id}"
    await world.goes_on()
    assert world.to(phone) == []  # not yet
    await asyncio.gather(*(world.due(subject) for _process in range(3)))
    [message] = world.to(phone)
    assert message["template_data"] == {
        "facility": "BVĐK Sông Hồng", "time": clock.vn_datetime(start), "code": made.identifier[0].value,
    }  # fmt: skip
    async with world.database.transaction(world.house.key) as tx:
        # as if the process had died after sending and before it noted that
        await tx.execute(
            "update message_sent set sent = null where message in (select id from message where subject = $1)", subject
        )
        await tx.execute("update message set next = now() where subject = $1", subject)
    await world.goes_on()
    assert len(world.to(phone)) == 1
    assert await world.rows(subject) == [("reminder", "", "zalo", False)]


async def test_what_staff_move_or_cancel_is_told_and_what_she_cancels_is_not(world: World, hospital: House) -> None:
    phone, start = telephones.number(), clock.now() + timedelta(days=3)
    made = await world.keeps(booking(phone, start))
    subject, desk = f"Appointment/{made.id}", hospital.subject(Role.RECEPTION)
    await world.goes_on()
    later = stamp(start + timedelta(hours=1)), stamp(start + timedelta(hours=2))
    moved = await world.keeps(msgspec.structs.replace(made, start=later[0], end=later[1]), desk)
    await world.goes_on()
    assert world.to(phone)[0]["template_data"]["change"] == "đã dời"
    await world.keeps(msgspec.structs.replace(moved, status="cancelled"), desk)
    await world.goes_on()
    assert [one["template_data"]["change"] for one in world.to(phone)] == ["đã dời", "đã huỷ"]
    await world.due(subject)  # both reminders: their cause is over
    assert len(world.to(phone)) == 2
    hers = telephones.number()
    made = await world.keeps(booking(hers, start))
    await world.keeps(msgspec.structs.replace(made, status="cancelled"), service(Role.BOOKING_SERVICE, hospital.key))
    await world.goes_on()
    assert world.to(hers) == []


async def test_results_are_told_once_a_visit_and_labelled_ones_and_unwanted_ones_are_not(
    world: World, client: Client, hospital: House
) -> None:
    phone = telephones.number()
    person = await telephones.patient(world.database, hospital, phone)
    async with world.database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
        await people.glucose(tx, hospital, visit, "7.2")
        await people.glucose(tx, hospital, visit, "7.3")
        await people.glucose(tx, hospital, visit, "7.4", status="preliminary")
    subject = f"Patient/{person.id}"
    await world.goes_on()
    assert [row[0] for row in await world.rows(subject)] == ["results"]
    browser = await client(None)
    await people.opened(browser, await people.link(world.database, hospital, person))
    assert (await browser.post(PATH, data={"reminder": "1"})).status_code == 303  # all but reminders refused
    await world.due(subject)
    assert (world.to(phone), (await world.rows(subject))[0][1]) == ([], outbox.REFUSED)
    assert (await browser.get(PATH)).text.count(" checked") == 1
    other = telephones.number()
    known = await telephones.patient(world.database, hospital, other)
    async with world.database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, known)
        await people.glucose(tx, hospital, visit, "7.2")
    await world.goes_on()
    await world.due(f"Patient/{known.id}")
    [message] = world.to(other)
    assert message["template_data"].keys() == {"facility", "time"}
    async with world.database.transaction(hospital.key) as tx:
        acts = await tx.fetch(
            "select account, type, id, allowed, rule from audit where action = 'message-sent' and patient = $1",
            known.id,
        )
    assert [tuple(act.values()) for act in acts] == [("service:telling-service", "Patient", known.id, True, "zalo")]
    secret = r4.DiagnosticReport(
        status="final", code=r4.CodeableConcept(text="HIV"), subject=store.reference(known),
        meta=r4.Meta(security=[r4.Coding(system=systems.ACT_CODE, code="HIV")]),
    )  # fmt: skip
    async with world.database.transaction(hospital.key) as tx:
        await causes._report(tx, hospital.key, secret, clock.now())
    assert len(await world.rows(f"Patient/{known.id}")) == 1


async def test_the_next_three_are_told_and_a_reminder_waits_for_the_morning(world: World, hospital: House) -> None:
    phones = [telephones.number() for _person in range(4)]
    kind = concept(systems.ROOM_TYPE, CLINIC)
    room = await world.keeps(r4.Location(status="active", name="Phòng thử tin nhắn", type=[kind]))
    for phone in phones:
        person = await telephones.patient(world.database, hospital, phone)
        async with world.database.transaction(hospital.key) as tx:
            visit = store.reference(await people.visit(tx, hospital, person))
            await queue.issue(tx, hospital.loader, store.reference(person, "Bàn Thị Tin"), visit, room)
    later = telephones.number()
    booked = await world.keeps(booking(later, clock.now() + timedelta(days=3)))
    world.at = clock.now()
    await world.goes_on()
    assert [len(world.to(phone)) for phone in phones] == [1, 1, 1, 0]
    assert [world.to(phone)[0]["template_data"]["ahead"] for phone in phones[:3]] == ["0", "1", "2"]
    night = world.at = World.at + timedelta(hours=15)  # tomorrow: what waits for its morning is not due now
    await world.due(f"Appointment/{booked.id}")
    assert world.to(later) == []
    async with world.database.transaction(hospital.key) as tx:
        wakes = await tx.fetchval("select next from message where subject = $1", f"Appointment/{booked.id}")
    assert wakes == night + timedelta(hours=3)


async def test_it_is_tried_again_while_it_is_of_use_and_not_when_nobody_knows_whether_it_left(world: World) -> None:
    phone, start = telephones.number(), clock.now() + timedelta(days=3)
    made = await world.keeps(booking(phone, start))
    subject = f"Appointment/{made.id}"
    await world.goes_on()
    world.there.refusing[telephones.international(phone)] = -114
    world.gateway.down = True
    await world.due(subject)
    assert await world.rows(subject) == [
        ("reminder", "zalo refused: no id at the account; zalo refused: -114; sms down: HTTP 503", None, False)
    ]
    world.there.refusing.clear()
    world.there.faults[TEMPLATE] = "lost"
    await world.due(subject)
    assert len(world.to(phone)) == 1
    world.there.faults.clear()
    await world.due(subject)
    assert len(world.to(phone)) == 1
    assert await world.rows(subject) == [("reminder", "", "", False)]


async def test_a_visit_long_ago_and_a_wish_far_ahead(world: World, hospital: House) -> None:
    """A load of former data causes nothing; a doctor's wish to see her again does, two days before."""
    phone = telephones.number()
    person = await telephones.patient(world.database, hospital, phone)
    day = clock.day_bounds(clock.today() + timedelta(days=20))
    wish = msgspec.structs.replace(
        booking(phone, day[0], person.id), status="proposed", start=None, end=None, minutesDuration=None,
        identifier=None, requestedPeriod=[r4.Period(start=stamp(day[0]), end=stamp(day[1]))],
    )  # fmt: skip
    made = await world.keeps(wish)
    past = await world.keeps(booking(phone, datetime(2024, 1, 5, 8, tzinfo=UTC), person.id))
    await world.goes_on()
    assert await world.rows(f"Appointment/{past.id}") == []
    await world.due(f"Appointment/{made.id}")
    [message] = world.to(phone)
    assert message["template_data"] == {"facility": "BVĐK Sông Hồng", "day": clock.vn_date(day[0])}


async def test_which_messages_she_wants_is_hers_to_say(client: Client) -> None:
    for role in (None, "reception", "administrator"):
        browser = await client(role)
        assert (await browser.get(PATH)).status_code in (303, 403)
        assert (await browser.post(PATH, data={})).status_code in (303, 403)


async def test_an_answer_and_the_end_of_a_visit_are_told_once_and_nothing_of_them(
    world: World, hospital: House
) -> None:
    phone = telephones.number()
    person = await telephones.patient(world.database, hospital, phone)
    async with world.database.transaction(hospital.key) as tx:
        visit = await people.visit(tx, hospital, person)
    about = r4.Reference(reference=f"Patient/{person.id}")
    line = await world.keeps(r4.Communication(
        status="completed", category=[concept(systems.QUESTION, "line")], subject=about, sent=stamp(clock.now()),
        sender=r4.Reference(reference="Practitioner/nv-bs01"),
        payload=[r4.CommunicationPayload(contentString="Uống sau ăn.")],
    ))  # fmt: skip
    hers = msgspec.structs.replace(line, id=None, meta=None, sender=about)
    await world.keeps(hers)  # what she writes herself is told to nobody
    period = r4.Period(start=visit.period.start if visit.period else None, end=stamp(clock.now()))
    ended = await world.keeps(msgspec.structs.replace(visit, status="finished", period=period))
    await world.goes_on()
    assert [one["template_id"] for one in world.to(phone)] == [official.TEMPLATES["answer"]]
    await world.due(f"Patient/{person.id}")
    await world.keeps(msgspec.structs.replace(ended, reasonCode=None))
    await world.goes_on()
    await world.due(f"Patient/{person.id}")
    told = world.to(phone)
    assert [one["template_id"] for one in told] == [official.TEMPLATES["answer"], official.TEMPLATES["survey"]]
    assert all(set(one["template_data"]) == {"facility", "time"} for one in told)
