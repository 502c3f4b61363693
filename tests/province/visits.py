"""Visits as they pass through a hospital, for the tests of the figures. A day of their own keeps them apart."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import msgspec

from benhan.core import store
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import ZONE
from benhan.core.store.records import version_of
from benhan.hospital.visit import concept, human_name, in_state, stamp
from benhan.province.population.follower import BATCH, Follower
from benhan.simulator import House
from tests.settled import settled

_days = itertools.count(1)


def a_day() -> datetime:
    """Seven in the morning of a day on which nothing else happens."""
    return datetime(2031, 1, 1, 7, tzinfo=ZONE) + timedelta(days=40 * next(_days))


async def arrive(tx: Transaction, house: House, at: datetime, channel: str | None = None) -> r4.Encounter:
    """Somebody is received, booked by this channel or not at all."""
    person = await store.create(tx, house.loader, r4.Patient(name=[human_name("Đặng Thị Tâm")]))
    booking = None
    if channel:
        who = r4.AppointmentParticipant(actor=store.reference(person), status="accepted")
        tag = r4.Coding(system=systems.CHANNEL, code=channel)
        made = r4.Appointment(status="arrived", start=stamp(at), end=stamp(at), participant=[who])
        booking = await store.create(tx, house.loader, msgspec.structs.replace(made, meta=r4.Meta(tag=[tag])))
    return await store.create(
        tx, house.loader,
        r4.Encounter(
            status="arrived",
            class_=r4.Coding(system=systems.ACT_CODE, code="AMB"),
            subject=store.reference(person),
            appointment=[store.reference(booking)] if booking else None,
            period=r4.Period(start=stamp(at)),
        ),
    )  # fmt: skip


async def see(tx: Transaction, house: House, visit: r4.Encounter, at: datetime) -> r4.Encounter:
    """The doctor begins."""
    return await store.update(tx, house.loader, in_state(visit, "in-progress", at), if_match=version_of(visit))


async def end(tx: Transaction, house: House, visit: r4.Encounter, at: datetime, code: str) -> r4.Encounter:
    """The visit ends with a main diagnosis."""
    found = await store.create(
        tx, house.loader,
        r4.Condition(
            code=concept(systems.ICD10, code), subject=visit.subject or r4.Reference(), encounter=store.reference(visit)
        ),
    )  # fmt: skip
    over = in_state(visit, "finished", at)
    over.diagnosis = [r4.EncounterDiagnosis(condition=store.reference(found), rank=1)]
    over.hospitalization = r4.EncounterHospitalization(dischargeDisposition=concept(systems.OUTCOME, "home"))
    return await store.update(tx, house.loader, over, if_match=version_of(visit))


async def whole(
    tx: Transaction, house: House, at: datetime, wait: int, code: str, channel: str | None = None
) -> r4.Encounter:
    """A visit from the door to the end."""
    begun = await see(tx, house, await arrive(tx, house, at, channel), at + timedelta(minutes=wait))
    return await end(tx, house, begun, at + timedelta(minutes=wait + 10), code)


async def counted(database: Database) -> None:
    """Every committed change has been counted."""
    await settled(database)
    follower = Follower(database)
    while await follower.read() == BATCH:
        pass
