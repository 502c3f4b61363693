"""A small hospital of its own for the tests of search: a few hundred records, every one known to the test."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from benhan.core.access import Subject
from benhan.core.fhir import codec, r4

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
IDS = "http://benhvien.example/ma"
FAMILIES = ("Nguyễn", "Trần", "Lê", "Đặng", "Phạm")
GIVENS = ("Thị Tâm", "Văn An", "Ngọc Ánh", "Đức", "Minh Thư", "Hữu Phước")


class Ward:
    """The hospital, and everything in it."""

    def __init__(self, who: Subject, records: list[r4.Resource]) -> None:
        self.who = who
        self.records = {f"{codec.type_name(one)}/{one.id}": one for one in records}

    def of(self, type_name: str) -> list[Any]:
        return [one for key, one in self.records.items() if key.startswith(f"{type_name}/")]

    def at(self, reference: r4.Reference | None) -> Any:
        return self.records.get(reference.reference or "") if reference else None


def reference(type_name: str, id_: str) -> r4.Reference:
    """A reference to a record of the ward."""
    return r4.Reference(reference=f"{type_name}/{id_}")


def records() -> list[r4.Resource]:
    """The same records every time."""
    chance = random.Random(20261122)
    return [*_house(), *_people(chance), *_visits(chance), *_readings(chance)]


def _house() -> Iterator[r4.Resource]:
    for n in range(3):
        yield r4.Organization(id=f"khoa-{n}", name=f"Khoa số {n}", active=True)
        yield r4.Practitioner(
            id=f"bs-{n}",
            name=[r4.HumanName(family=FAMILIES[n], given=["Bác", f"Sĩ{n}"])],
            identifier=[r4.Identifier(system=IDS, value=f"BS{n}")],
        )


def _people(chance: random.Random) -> Iterator[r4.Resource]:
    for n in range(30):
        family, given = chance.choice(FAMILIES), chance.choice(GIVENS)
        born = date(1950, 1, 1) + timedelta(days=chance.randrange(25_000))
        yield r4.Patient(
            id=f"nb-{n}",
            active=None if n % 5 == 0 else n % 2 == 0,
            name=[r4.HumanName(text=f"{family} {given}", family=family, given=given.split())],
            gender=chance.choice(["male", "female", "other"]),
            birthDate=born.isoformat()[: chance.choice([4, 7, 10])],
            identifier=[
                r4.Identifier(
                    system=IDS,
                    value=f"NB{n:03d}",
                    type=r4.CodeableConcept(
                        coding=[r4.Coding(system="http://terminology.hl7.org/CodeSystem/v2-0203", code="MR")]
                    ),
                )
            ],
            telecom=[r4.ContactPoint(system="phone", value=f"0900{n:06d}")] if n % 3 else None,
            generalPractitioner=[reference("Practitioner", f"bs-{n % 3}")] if n % 4 else None,
            managingOrganization=reference("Organization", f"khoa-{n % 3}"),
            meta=r4.Meta(tag=[r4.Coding(system=IDS, code="thử")]) if n % 7 == 0 else None,
        )


def _visits(chance: random.Random) -> Iterator[r4.Resource]:
    for n in range(40):
        start = date(2026, 1, 1) + timedelta(days=chance.randrange(300))
        end = start + timedelta(days=chance.randrange(5))
        yield r4.Encounter(
            id=f"lk-{n}",
            status=chance.choice(["arrived", "in-progress", "finished"]),
            class_=r4.Coding(code="AMB"),
            subject=reference("Patient", f"nb-{chance.randrange(30)}"),
            period=r4.Period(start=f"{start}T08:00:00+07:00", end=f"{end}T17:30:00+07:00" if n % 4 else None),
            participant=[r4.EncounterParticipant(individual=reference("Practitioner", f"bs-{n % 3}"))],
            serviceProvider=reference("Organization", f"khoa-{n % 3}"),
        )


def _readings(chance: random.Random) -> Iterator[r4.Resource]:
    for n in range(160):
        code, unit, low, high = chance.choice(
            [
                ("8867-4", "/min", 50, 130),
                ("8310-5", "Cel", 36, 41),
                ("29463-7", "kg", 40, 90),
                ("2345-7", "mg/dL", 60, 300),
            ]
        )
        value = r4.Quantity(
            value=Decimal(f"{chance.uniform(low, high):.{chance.randrange(3)}f}"), system=UCUM, code=unit, unit=unit
        )
        moment = date(2026, 1, 1) + timedelta(days=chance.randrange(300))
        yield r4.Observation(
            id=f"do-{n}",
            status=chance.choice(["final", "preliminary", "amended"]),
            category=[
                r4.CodeableConcept(coding=[r4.Coding(system=CATEGORY, code="vital-signs" if n % 3 else "laboratory")])
            ],
            code=r4.CodeableConcept(
                coding=[r4.Coding(system=LOINC, code=code, display=f"Chỉ số {code}")], text=f"Đo {code}"
            ),
            subject=reference("Patient", f"nb-{chance.randrange(30)}"),
            encounter=reference("Encounter", f"lk-{chance.randrange(40)}") if n % 2 else None,
            effectiveDateTime=f"{moment}T{chance.randrange(24):02d}:15:00+07:00" if n % 5 else moment.isoformat(),
            valueQuantity=value if n % 6 else None,
            valueString=None if n % 6 else chance.choice(["Âm tính", "Dương tính (1+)", "Không rõ, xem lại"]),
            performer=[reference("Practitioner", f"bs-{n % 3}")],
        )
