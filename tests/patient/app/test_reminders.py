"""Reminders of medicines: switched on for a prescription, at its times, saying nothing of it, off by one switch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import msgspec
import pytest

from benhan.core import store
from benhan.core.access.accounts import open_session
from benhan.core.db import Database
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.patient import causes, outbox, reminders, rules
from benhan.patient.messages import Message
from benhan.simulator import House
from tests.patient import people
from tests.patient.app.phone import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")
NewPhone = Callable[[], Awaitable[Phone]]
#: As `people.prescription` writes it: mornings of ten days, today the first.
DAYS = 10


async def waiting(database: Database, hospital: House, patient: str) -> list[outbox.Due]:
    """The messages about her medicines that lie in the outbox."""
    async with database.transaction(hospital.key) as tx:
        rows = await tx.fetch(
            "select facility, 'BV' as house, id, kind, subject, made, ends, next from message"
            " where facility = $1 and subject = $2 and kind = 'medicine' order by next",
            hospital.key, f"Patient/{patient}",
        )  # fmt: skip
    return [outbox.Due(*row.values()) for row in rows]


async def test_reminders_come_at_the_times_of_the_prescription_and_one_switch_ends_them(
    a_phone: NewPhone, database: Database, hospital: House
) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        visit = await people.visit(tx, hospital, person)
        await people.note(tx, hospital, visit, "Uống nhiều nước", "final")
        await people.prescription(tx, hospital, visit, "Metformin 500 mg", "active")
        hers, other = await a_phone(), await a_phone()
        hers.token = await open_session(tx, hospital.key, patient=person.id, hours=1)
        stranger = await people.patient(tx, hospital, "Người Khác")
        other.token = await open_session(tx, hospital.key, patient=stranger.id, hours=1)
    patient = person.id or ""
    [offered] = (await hers.read("/medicines"))["reminders"]
    last = clock.today() + timedelta(days=DAYS - 1)
    assert offered == {"visit": visit.id, "on": False, "times": ["07:00"], "until": last.isoformat()}
    assert (await other.post("/medicines/reminders", {"visit": visit.id, "on": True})).status_code == 409

    for _ in range(2):
        answer = await hers.post("/medicines/reminders", {"visit": visit.id, "on": True})
        assert answer.json()["reminders"][0]["on"] is True
    due = await waiting(database, hospital, patient)
    assert len(due) in (DAYS, DAYS - 1)  # this morning's is over, or still to come
    assert {f"{clock.local(one.next):%H:%M}" for one in due} == {"07:00"}
    assert clock.local(due[-1].next).date() == last
    async with database.transaction(hospital.key) as tx:
        made = await causes.made_of(tx, due[-1], "")
        assert made and made.patient == patient
        assert Message("medicine", made.values).values == {"facility": "BV"}  # no word of what she takes
        other_hour = msgspec.structs.replace(due[-1], ends=due[-1].ends + timedelta(hours=4, minutes=30))
        assert await causes.made_of(tx, other_hour, "") is None
        day_after = msgspec.structs.replace(due[-1], ends=due[-1].ends + timedelta(days=1))
        assert await causes.made_of(tx, day_after, "") is None

    off = await hers.post("/medicines/reminders", {"visit": visit.id, "on": False})
    assert off.json()["reminders"][0]["on"] is False
    async with database.transaction(hospital.key) as tx:
        assert await causes.made_of(tx, due[-1], "") is None


async def test_what_is_taken_when_needed_or_is_over_is_not_reminded_of(hospital: House, database: Database) -> None:
    async with database.transaction(hospital.key) as tx:
        person = await people.patient(tx, hospital)
        visit = await people.visit(tx, hospital, person)
        await people.prescription(tx, hospital, visit, "Paracetamol 500 mg", "active")
        found = await store.search(tx, hospital.loader, r4.MedicationRequest, {"encounter": f"Encounter/{visit.id}"})
    [medicine] = rules.medicines(found.resources)
    [course] = reminders.courses([medicine])
    assert course.times == ("MORN",)
    over = msgspec.structs.replace(medicine, until=clock.today() - timedelta(days=1))
    assert reminders.courses([over, msgspec.structs.replace(medicine, as_needed=True)]) == []
