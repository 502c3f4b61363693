"""A clinic for the tests: people who arrive, doctors who are signed in."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import asyncpg
import httpx
import pytest_asyncio
from starlette.applications import Starlette

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.hospital import queue
from benhan.hospital.visit import concept, human_name, stamp
from benhan.simulator import House

ROOM = "phong-pk12"
_numbers = itertools.count(1)


class Clinic:
    """The rooms of the test hospital, and who comes to them."""

    def __init__(self, database: Database, house: House) -> None:
        self.database = database
        self.house = house

    def doctor(self, login: str = "bacsi") -> Subject:
        """A doctor by her login: "bacsi" (Nguyễn Thu Hà, room 3) or "bacsi2" (Trần Quốc Bảo)."""
        account = next(one for one in self.house.accounts if one.login.endswith(login) and one.login[-1] == login[-1])
        return Subject(
            account=account.id, name=account.name, facility=self.house.key, facility_name=self.house.name,
            facility_code=self.house.code, roles=frozenset({account.role}), practitioner=account.practitioner,
        )  # fmt: skip

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Transaction]:
        """A transaction of the hospital."""
        async with self.database.transaction(self.house.key) as tx:
            yield tx

    async def arrives(
        self,
        name: str = "Đặng Thị Tâm",
        *,
        birth: str = "1980-02-03",
        gender: str = "female",
        reason: str = "Ho, sốt nhẹ ngày thứ 3",
        room: str = ROOM,
        minutes_ago: int = 12,
        patient: r4.Patient | None = None,
    ) -> tuple[r4.Patient, r4.Encounter, r4.Task]:
        """Somebody is received: a patient, a visit and a ticket for a room."""
        who, number = self.house.loader, next(_numbers)
        at = now() - timedelta(minutes=minutes_ago)
        async with self.tx() as tx:
            patient = patient or await store.create(
                tx, who,
                r4.Patient(
                    identifier=[r4.Identifier(system=systems.PATIENT_NUMBER, value=f"SH-T-{number:05d}")],
                    name=[human_name(name)], gender=gender, birthDate=birth, active=True,
                ),
            )  # fmt: skip
            place = await store.read(tx, who, r4.Location, room)
            visit = await store.create(
                tx, who,
                r4.Encounter(
                    identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"LK-T-{number:05d}")],
                    status="arrived",
                    class_=r4.Coding(system=systems.ACT_CODE, code="AMB"),
                    subject=store.reference(patient, name),
                    period=r4.Period(start=stamp(at)),
                    reasonCode=[r4.CodeableConcept(text=reason)] if reason else None,
                    location=[r4.EncounterLocation(location=store.reference(place, place.name))],
                ),
            )  # fmt: skip
            ticket = await queue.issue(tx, who, store.reference(patient, name), store.reference(visit), place, at=at)
        return patient, visit, ticket

    async def read(self, type_: type[r4.R], id_: str | None) -> r4.R:
        """What stands in the record now."""
        async with self.tx() as tx:
            return await store.read(tx, self.house.loader, type_, id_ or "?")

    async def find(self, type_: type[r4.R], **params: str) -> list[r4.R]:
        """Records that meet all parameters."""
        asked = {name.replace("_", "-"): value for name, value in params.items()}
        async with self.tx() as tx:
            return (await store.search(tx, self.house.loader, type_, asked)).resources

    async def keep(self, *resources: r4.Resource) -> None:
        """Bring records in."""
        async with self.tx() as tx:
            for one in resources:
                await store.create(tx, self.house.loader, one)

    async def result(
        self, patient: r4.Patient, visit: r4.Encounter, order: r4.ServiceRequest, values: list[r4.Observation]
    ) -> r4.DiagnosticReport:
        """The laboratory reports an order."""
        who, at = self.house.loader, stamp(now())
        category = [concept(systems.OBSERVATION_CATEGORY, "laboratory")]
        async with self.tx() as tx:
            for one in values:
                one.category, one.subject, one.encounter = category, store.reference(patient), store.reference(visit)
                one.basedOn, one.effectiveDateTime, one.issued = [store.reference(order)], at, at
            kept = [await store.create(tx, who, one) for one in values]
            return await store.create(
                tx, who,
                r4.DiagnosticReport(
                    status="final", code=order.code or concept(systems.SERVICES, "?"), subject=store.reference(patient),
                    encounter=store.reference(visit), basedOn=[store.reference(order)], effectiveDateTime=at,
                    issued=at, result=[store.reference(one) for one in kept],
                ),
            )  # fmt: skip


def measured(name: str, value: str, low: str, high: str, unit: str, mark: str = "N") -> r4.Observation:
    """One value of a laboratory."""
    from decimal import Decimal

    bound = [r4.Quantity(value=Decimal(v), unit=unit) for v in (low, high)]
    return r4.Observation(
        status="final",
        code=r4.CodeableConcept(text=name),
        valueQuantity=r4.Quantity(value=Decimal(value), unit=unit),
        referenceRange=[r4.ObservationReferenceRange(low=bound[0], high=bound[1])],
        interpretation=[concept(systems.INTERPRETATION, mark)],
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def clinic(database: Database, hospital: House, dsn: Callable[..., str]) -> Clinic:
    """The clinic of the test hospital."""
    owner = await asyncpg.connect(dsn())
    await owner.execute("analyze")
    await owner.close()
    return Clinic(database, hospital)


@pytest_asyncio.fixture
async def enter(
    app: Starlette, database: Database, clinic: Clinic
) -> AsyncIterator[Callable[..., Awaitable[httpx.AsyncClient]]]:
    """`await enter("bacsi2")`: a browser in which that doctor is signed in."""
    async with AsyncExitStack() as stack:

        async def signed_in(login: str = "bacsi") -> httpx.AsyncClient:
            made = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")
            await stack.enter_async_context(made)
            made.cookies.set(COOKIE, await session(database, clinic.doctor(login)))
            return made

        yield signed_in


async def session(database: Database, who: Subject) -> str:
    """The cookie of somebody signed in."""
    async with database.transaction(who.facility) as tx:
        return await open_session(tx, who.facility, account=who.account, hours=1)
