"""A ward for the tests: rooms and beds of its own, people who lie in them."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4
from benhan.core.kit import clock
from benhan.hospital import admission
from benhan.hospital.admission import Request
from benhan.hospital.visit import human_name
from benhan.hospital.ward import moves, places
from benhan.hospital.ward.places import Bed
from benhan.simulator import House

_numbers = itertools.count(1)


class Inside:
    """A hospital, seen from its wards."""

    def __init__(self, database: Database, house: House) -> None:
        self.database, self.house = database, house

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Transaction]:
        """A transaction of the hospital."""
        async with self.database.transaction(self.house.key) as tx:
            yield tx

    def who(self, role: Role) -> Subject:
        """Somebody with this role."""
        return self.house.subject(role)

    async def department(self, name: str) -> r4.Organization:
        """A department of its own."""
        async with self.tx() as tx:
            above = r4.Reference(reference=f"Organization/{self.house.organization}")
            made = r4.Organization(active=True, name=f"{name} {next(_numbers)}", partOf=above)
            return await store.create(tx, self.house.loader, made)

    async def person(self, name: str = "Đặng Thị Tâm", birth: str | None = "1950-02-03") -> r4.Patient:
        """Somebody who is known here."""
        async with self.tx() as tx:
            made = r4.Patient(active=True, name=[human_name(name)], gender="female", birthDate=birth)
            return await store.create(tx, self.house.loader, made)

    async def asks(
        self, person: r4.Patient, department: r4.Organization, *, role: Role = Role.DOCTOR, reason: str = "Viêm phổi"
    ) -> r4.Encounter:
        """A doctor wants a bed for her."""
        async with self.tx() as tx:
            return await admission.ask(tx, self.who(role), Request(
                patient=store.reference(person, (person.name or [r4.HumanName()])[0].text),
                department=store.reference(department, department.name), source="emd", reason=reason, urgency="EM",
            ))  # fmt: skip

    async def beds(self, department: r4.Organization, count: int) -> list[Bed]:
        """Beds of a department."""
        async with self.tx() as tx:
            return list(await places.make(tx, self.house.loader, department, "P1", "Buồng 1", count))

    async def beds_of(self, department: r4.Organization) -> list[Bed]:
        """Its beds as they are kept."""
        async with self.tx() as tx:
            return await places.beds(tx, self.house.loader, department.id or "")

    async def lies(
        self, department: r4.Organization, bed: Bed, birth: str = "1950-02-03", *, hours: int = 3
    ) -> r4.Encounter:
        """Somebody who lies in a bed since some hours."""
        stay = await self.asks(await self.person(birth=birth), department)
        async with self.tx() as tx:
            return await moves.place(
                tx, self.who(Role.DOCTOR), stay.id or "", bed.id, at=clock.now() - timedelta(hours=hours)
            )

    async def keep(self, record: r4.R) -> r4.R:
        """Another record."""
        async with self.tx() as tx:
            return await store.create(tx, self.house.loader, record)

    async def stay(self, id_: str) -> r4.Encounter:
        """A stay as it is kept."""
        async with self.tx() as tx:
            return await store.read(tx, self.house.loader, r4.Encounter, id_)

    async def found(self, type_: type[r4.R], **params: str) -> Sequence[r4.R]:
        """What is kept."""
        async with self.tx() as tx:
            return (await store.search(tx, self.house.loader, type_, params)).resources
