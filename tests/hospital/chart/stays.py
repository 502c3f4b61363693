"""A stay for the tests: a patient of their own in a bed of the doctor's department, with what is known of her."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.hospital import visit as words
from benhan.hospital.chart.records import closing, gathering, kept, reopening
from benhan.hospital.chart.records.answers import flat, nested
from benhan.hospital.chart.records.entries import Said, units
from benhan.hospital.chart.records.merging import seal
from benhan.hospital.chart.records.sections import section_of
from benhan.hospital.visit import SYSTOLIC, concept, human_name, stamp
from benhan.simulator import House
from benhan.simulator.accounts import DEMO_PASSWORD
from benhan.simulator.house import department_id
from benhan.simulator.plan import STAFF

Answer = r4.QuestionnaireResponseItemAnswer


@dataclass
class Stay:
    """One patient in one bed, and who writes her record."""

    database: Database
    house: House
    doctor: Subject
    patient: str
    visit: str
    admitted: datetime

    @property
    def address(self) -> str:
        """Where the record is."""
        return f"/benh-an/{self.visit}"

    async def facts(self, who: Subject | None = None) -> gathering.Facts:
        """What is known of the visit now."""
        async with self.database.transaction(self.house.key) as tx:
            return await gathering.facts(tx, who or self.doctor, self.visit)

    async def record(self) -> kept.Kept:
        """The record as it stands."""
        async with self.database.transaction(self.house.key) as tx:
            return await kept.the(tx, self.doctor, self.visit)

    async def opens(self, form: str = "01/BV1") -> kept.Kept:
        """The doctor opens the record."""
        found = await self.facts()
        async with self.database.transaction(self.house.key) as tx:
            return await kept.open_record(tx, self.doctor, found, form)

    async def admits(self) -> kept.Kept:
        """The doctor takes it on."""
        found = await self.facts()
        async with self.database.transaction(self.house.key) as tx:
            return await kept.admit(tx, self.doctor, found.visit)

    async def writes(
        self, link: str, said: list[Answer], *, seen: str | None = None, who: Subject | None = None
    ) -> None:
        """Somebody writes one answer."""
        found, there = await self.facts(), await self.record()
        here = section_of(there.form, link)
        assert here is not None
        version = seen if seen is not None else seal(units(here.items), there.said)
        typed: dict[str, Said] = {link: {link: said}}
        async with self.database.transaction(self.house.key) as tx:
            await kept.save(tx, who or self.doctor, found.visit, here, typed, version)

    async def leaves(self) -> None:
        """The patient goes home."""
        found = await self.facts()
        period = msgspec.structs.replace(found.visit.period or r4.Period(), end=stamp(now()))
        async with self.database.transaction(self.house.key) as tx:
            await store.update(
                tx, self.house.loader, msgspec.structs.replace(found.visit, status="finished", period=period),
                if_match=None,
            )  # fmt: skip

    async def fills(self) -> None:
        """Everything that is needed at closing, in one stroke: each kind of field with something of its kind."""
        there = await self.record()
        said = dict(there.said)
        for item in there.form.walk():
            if item.closing and not said.get(item.link) and item.condition is None and item.kind != "sign":
                said[item.link] = [_something(item)]
        async with self.database.transaction(self.house.key) as tx:
            whole = msgspec.structs.replace(there.record, item=nested(there.form, said))
            await store.update(tx, self.doctor, whole, if_match=None)

    async def closes(self, password: str = DEMO_PASSWORD) -> kept.Kept:
        """The doctor closes the record, as the page does."""
        found, there = await self.facts(), await self.record()
        version = there.record.meta.versionId if there.record.meta else ""
        async with self.database.transaction(self.house.key) as tx:
            return await closing.close(tx, self.doctor, found, version or "", password)

    async def lacks(self) -> set[str]:
        """What keeps it from being closed, by place."""
        found, there = await self.facts(), await self.record()
        async with self.database.transaction(self.house.key) as tx:
            return {one.link or one.text for one in await closing.check(tx, self.doctor, there, found)}

    async def asks_to_reopen(self, reason: str = "Ghi nhầm bên mổ") -> r4.Task:
        """The doctor asks."""
        found = await self.facts()
        async with self.database.transaction(self.house.key) as tx:
            return await reopening.ask(tx, self.doctor, found, reason)

    async def said(self, link: str) -> list[str]:
        """What the record answers."""
        there = await self.record()
        return [_read(one) for one in flat(there.form, there.record).get(link, [])]


def _read(one: Answer) -> str:
    coding = one.valueCoding
    found = (
        coding.code if coding else None,
        one.valueString,
        one.valueInteger,
        one.valueDecimal,
        one.valueDate,
        one.valueDateTime,
    )
    return next(str(value) for value in found if value is not None)


def _something(item: object) -> Answer:
    match item.kind.value:  # type: ignore[attr-defined]
        case "choice" | "choices":
            box = item.options[0]  # type: ignore[attr-defined]
            return Answer(valueCoding=r4.Coding(system=systems.FORM_BOX, code=box.code, display=box.text or None))
        case "integer":
            return Answer(valueInteger=70)
        case "decimal":
            return Answer(valueDecimal=Decimal(37))
        case "date":
            return Answer(valueDate="1980-02-03")
        case "datetime":
            return Answer(valueDateTime=stamp(now()))
        case "tick":
            return Answer(valueBoolean=True)
        case _:
            return Answer(valueString="Đã ghi")


async def stay(database: Database, house: House, *, hours: int = 30, doctor: Subject | None = None) -> Stay:
    """Somebody admitted so many hours ago to the doctor's department: measured, diagnosed, with a result."""
    doctor = doctor or house.subject(Role.DOCTOR)
    own = next(one.department for one in STAFF if one.id == doctor.practitioner)
    patient, visit, at = uuid4().hex, uuid4().hex, now() - timedelta(hours=hours)
    subject, here = r4.Reference(reference=f"Patient/{patient}"), r4.Reference(reference=f"Encounter/{visit}")
    records: list[r4.Resource] = [
        r4.Patient(id=patient, name=[human_name("Trần Thị Hoa")], gender="female", birthDate="1958-11-23"),
        r4.Encounter(
            id=visit, status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="IMP"), subject=subject,
            identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"BA-T-{visit[:10]}")],
            period=r4.Period(start=stamp(at)),
            serviceProvider=r4.Reference(reference=f"Organization/{department_id(own)}"),
            location=[r4.EncounterLocation(
                location=r4.Reference(display="Khoa Nội tổng hợp"),
                physicalType=concept(systems.LOCATION_PHYSICAL_TYPE, "wa"),
            )],
        ),
        _measured(subject, here, words.PULSE, "88", at),
        _measured(subject, here, words.BLOOD_PRESSURE, "130", at, SYSTOLIC),
        r4.Condition(
            subject=subject, encounter=here, code=concept(systems.ICD10, "I10", "Tăng huyết áp vô căn (nguyên phát)"),
            clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
            verificationStatus=concept(systems.CONDITION_VERIFICATION, "confirmed"),
        ),
        r4.AllergyIntolerance(
            patient=subject, code=r4.CodeableConcept(text="Penicillin"),
            clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        ),
    ]  # fmt: skip
    async with database.transaction(house.key) as tx:
        for one in records:
            await store.create(tx, house.loader, one)
    return Stay(database, house, doctor, patient, visit, at)


def _measured(
    subject: r4.Reference, here: r4.Reference, code: str, value: str, at: datetime, part: str | None = None
) -> r4.Observation:  # fmt: skip
    said = r4.Quantity(value=Decimal(value))
    made = words.observation("x", "x", concept(systems.LOINC, code), "vital-signs", at)
    component = [r4.ObservationComponent(code=concept(systems.LOINC, part), valueQuantity=said)] if part else None
    return msgspec.structs.replace(
        made, subject=subject, encounter=here, valueQuantity=None if part else said, component=component
    )
