"""A visit as reception and clinic leave it, for the tests of the patient's page: each person different."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from decimal import Decimal

import httpx

from benhan.core import store
from benhan.core.access import Role
from benhan.core.access.personal_links import create_link
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import queue
from benhan.hospital.visit import ADVICE, CLINIC, NOTE, SECTIONS, concept, human_name, narrative, stamp
from benhan.simulator import House

_count = itertools.count(1)
BIRTH = "1956-02-03"
ROOM = "phong-pk09"


async def patient(tx: Transaction, house: House, name: str = "Đặng Thị Tâm", birth: str | None = BIRTH) -> r4.Patient:
    """A record at the hospital."""
    number = f"BN-26-{900000 + next(_count)}"
    return await store.create(
        tx, house.loader,
        r4.Patient(
            active=True, name=[human_name(name)], birthDate=birth, gender="female",
            identifier=[r4.Identifier(system=systems.PATIENT_NUMBER, value=number)],
        ),
    )  # fmt: skip


async def visit(tx: Transaction, house: House, person: r4.Patient, at: datetime | None = None) -> r4.Encounter:
    """A visit that has begun."""
    return await store.create(
        tx, house.loader,
        r4.Encounter(
            status="arrived",
            class_=r4.Coding(system=systems.ACT_CODE, code="AMB"),
            subject=r4.Reference(reference=f"Patient/{person.id}"),
            period=r4.Period(start=stamp(at or clock.now())),
            reasonCode=[r4.CodeableConcept(text="Ho, sốt nhẹ")],
            location=[r4.EncounterLocation(location=r4.Reference(reference=f"Location/{ROOM}", display="PK 9"))],
        ),
    )  # fmt: skip


async def fresh_room(tx: Transaction, house: House) -> str:
    """A room in which nobody of another test waits."""
    made = r4.Location(status="active", name="Phòng thử", type=[concept(systems.ROOM_TYPE, CLINIC)])
    return (await store.create(tx, house.loader, made)).id or ""


async def ticket(
    tx: Transaction, house: House, person: r4.Patient, about: r4.Encounter, at_room: str = ROOM
) -> r4.Task:
    """A place in the queue of a room."""
    room = await store.read(tx, house.loader, r4.Location, at_room)
    name = person.name[0].text if person.name else None
    return await queue.issue(
        tx, house.loader, store.reference(person, name), store.reference(about), room, at=clock.now()
    )


async def note(tx: Transaction, house: House, about: r4.Encounter, advice: str, status: str) -> r4.Composition:
    """The doctor's note, signed where its status is final."""
    return await store.create(
        tx, house.loader,
        r4.Composition(
            status=status,
            type=concept(systems.LOINC, NOTE),
            subject=about.subject,
            encounter=store.reference(about),
            date=stamp(clock.now()),
            author=[r4.Reference(reference="Practitioner/nv-bs01")],
            title="Phiếu khám bệnh",
            section=[
                r4.CompositionSection(
                    title=SECTIONS[ADVICE], code=concept(systems.LOINC, ADVICE), text=narrative(advice)
                )
            ],
        ),
    )  # fmt: skip


async def glucose(
    tx: Transaction, house: House, about: r4.Encounter, value: str, *, status: str = "final", days_ago: int = 0
) -> None:
    """A result of blood sugar, in a report."""
    when = stamp(clock.now() - timedelta(days=days_ago))
    found = await store.create(
        tx, house.loader,
        r4.Observation(
            status=status,
            code=concept(systems.LOINC, "2345-7", "Glucose máu"),
            subject=about.subject,
            encounter=store.reference(about),
            effectiveDateTime=when,
            valueQuantity=r4.Quantity(value=Decimal(value), unit="mmol/L"),
            interpretation=[concept(systems.INTERPRETATION, "H")],
            referenceRange=[
                r4.ObservationReferenceRange(
                    low=r4.Quantity(value=Decimal("3.9")), high=r4.Quantity(value=Decimal("6.1"))
                )
            ],
        ),
    )  # fmt: skip
    await store.create(
        tx, house.loader,
        r4.DiagnosticReport(
            status=status,
            category=[concept(systems.DIAGNOSTIC_SERVICE, "LAB")],
            code=r4.CodeableConcept(text="Định lượng glucose"),
            subject=about.subject,
            encounter=store.reference(about),
            effectiveDateTime=when,
            result=[store.reference(found)],
        ),
    )  # fmt: skip


async def prescription(tx: Transaction, house: House, about: r4.Encounter, title: str, status: str) -> None:
    """One line of a prescription for the morning, ten days."""
    await store.create(
        tx, house.loader,
        r4.MedicationRequest(
            status=status,
            intent="order",
            medicationCodeableConcept=r4.CodeableConcept(text=title),
            subject=about.subject or r4.Reference(),
            encounter=store.reference(about),
            authoredOn=stamp(clock.now()),
            dispenseRequest=r4.MedicationRequestDispenseRequest(
                expectedSupplyDuration=r4.Duration(value=Decimal(10), unit="ngày")
            ),
            dosageInstruction=[
                r4.Dosage(
                    text="Uống: sáng 1 viên",
                    timing=r4.Timing(repeat=r4.TimingRepeat(when=["MORN"])),
                    doseAndRate=[r4.DosageDoseAndRate(doseQuantity=r4.Quantity(value=Decimal(1), unit="viên"))],
                )
            ],
        ),
    )  # fmt: skip


async def link(database: Database, house: House, person: r4.Patient) -> str:
    """A personal link's token, as the desk gives it."""
    async with database.transaction(house.key) as tx:
        return await create_link(tx, house.subject(Role.RECEPTION), person.id or "")


async def opened(browser: httpx.AsyncClient, token: str, birth: str = "03/02/1956") -> httpx.Response:
    """The birth date given at the link; the browser then holds the session, if it was right."""
    return await browser.post(f"/nguoi-benh/{token}", data={"birth": birth})
