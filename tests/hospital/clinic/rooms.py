"""A visit in the doctor's room, ready for a prescription and a signature."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.hospital import medicines
from benhan.hospital import visit as words
from benhan.hospital.clinic import conclusion
from benhan.hospital.clinic.conclusion_rules import Decision, seal
from benhan.hospital.clinic.prescribing_rules import Course
from benhan.hospital.medicines import Medicine

AMOXICILLIN = Medicine(
    code="T-AMOX", name="Amoxicilin", strength="500 mg", form="Viên nang", unit="viên", atc="J01CA04"
)
PARACETAMOL = Medicine(code="T-PARA", name="Paracetamol", strength="500 mg", form="Viên nén", unit="viên")
MORPHINE = Medicine(code="T-MORPH", name="Morphin", strength="10 mg", form="Viên nén", unit="viên", kind="N")
HOME = Decision(outcome="home")


def twice(days: int = 5) -> Course:
    """One in the morning, one at night."""
    return Course(doses={"sang": Decimal(1), "toi": Decimal(1)}, days=days, note="sau ăn")


@dataclass
class Room:
    """One doctor, one patient, one visit."""

    database: Database
    doctor: Subject
    patient: str
    visit: str

    async def encounter(self) -> r4.Encounter:
        """The visit as it is now."""
        async with self.database.transaction(self.doctor.facility) as tx:
            return await store.read(tx, self.doctor, r4.Encounter, self.visit)

    async def seal(self) -> str:
        """What the signing page would carry now."""
        async with self.database.transaction(self.doctor.facility) as tx:
            visit = await store.read(tx, self.doctor, r4.Encounter, self.visit)
            return seal(await conclusion.content(tx, self.doctor, visit))

    async def all(self, type_: type[r4.R], **params: str) -> list[r4.R]:
        """Everything of a type that belongs to the visit."""
        async with self.database.transaction(self.doctor.facility) as tx:
            asked = params or {"encounter": f"Encounter/{self.visit}"}
            return (await store.search(tx, self.doctor, type_, asked)).resources


async def stocked(database: Database, loader: Subject) -> dict[str, Medicine]:
    """The three medicines of these tests on the hospital's list, by name."""
    records = [medicines.resource(one) for one in (AMOXICILLIN, PARACETAMOL, MORPHINE)]
    async with database.transaction(loader.facility) as tx:
        await store.load(tx, loader, records)
    found = {one.code: one for one in map(medicines.of, records)}
    return {one.name: one for one in found.values()}


async def room(
    database: Database, loader: Subject, doctor: Subject, *, born: str = "1980-02-03", ready: bool = True
) -> Room:
    """A patient in front of the doctor; `ready`: examined and with a main diagnosis."""
    patient, visit, diagnosis = (uuid4().hex for _ in range(3))
    subject = r4.Reference(reference=f"Patient/{patient}")
    here = r4.Reference(reference=f"Encounter/{visit}")
    me = r4.Reference(reference=f"Practitioner/{doctor.practitioner}", display=doctor.name)
    place = r4.EncounterLocation(location=r4.Reference(reference="Location/pk-test", display="Phòng khám 3"))
    encounter = r4.Encounter(
        id=visit, status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="AMB"), subject=subject,
        location=[place], period=r4.Period(start=words.stamp(now())),
    )  # fmt: skip
    ticket = r4.Task(
        status=words.SERVED, intent="order", code=words.TICKET, for_=subject, encounter=here, focus=here,
        identifier=[words.ticket_identifier(now().date(), f"N-{uuid4().hex[:6]}")], location=place.location,
    )  # fmt: skip
    person = r4.Patient(id=patient, name=[words.human_name("Đặng Thị Tâm")], gender="female", birthDate=born)
    records: list[r4.Resource] = [person, ticket]
    if ready:
        section = r4.CompositionSection(
            title="Khám",
            code=words.concept(systems.LOINC, words.EXAMINATION),
            text=words.narrative("Họng đỏ. Phổi: ran ẩm."),
        )
        records.append(
            r4.Composition(
                id=visit,
                status="preliminary",
                type=words.concept(systems.LOINC, words.NOTE),
                subject=subject,
                encounter=here,
                date=words.stamp(now()),
                author=[me],
                title="Phiếu khám bệnh",
                section=[section],
            )
        )
        records.append(
            r4.Condition(
                id=diagnosis,
                subject=subject,
                encounter=here,
                category=[words.concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
                clinicalStatus=words.concept(systems.CONDITION_CLINICAL, "active"),
                verificationStatus=words.concept(systems.CONDITION_VERIFICATION, "confirmed"),
                code=words.concept(systems.ICD10, "J18.9", "Viêm phổi, tác nhân không xác định"),
            )
        )
        ranked = r4.EncounterDiagnosis(condition=r4.Reference(reference=f"Condition/{diagnosis}"), rank=1)
        encounter = msgspec.structs.replace(encounter, diagnosis=[ranked])
    async with database.transaction(loader.facility) as tx:
        await store.load(tx, loader, [encounter, *records])
    return Room(database, doctor, patient, visit)
