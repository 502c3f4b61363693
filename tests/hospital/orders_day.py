"""A day with orders, for the tests of laboratory and imaging: people whom the clinic sends over."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.accounts import open_session
from benhan.core.access.doors import COOKIE
from benhan.core.db import Database, Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import now
from benhan.hospital.clinic import orders as clinic_orders
from benhan.hospital.visit import human_name, stamp
from benhan.simulator import House

_numbers = itertools.count(1)


class Sent:
    """Somebody whom the doctor sent for tests."""

    def __init__(self, patient: r4.Patient, visit: r4.Encounter, orders: list[r4.ServiceRequest]) -> None:
        self.patient, self.visit, self.orders = patient, visit, orders


class Day:
    """The hospital of the tests, seen from its laboratory and its imaging."""

    def __init__(self, database: Database, house: House) -> None:
        self.database, self.house = database, house

    async def her_own(self, browser: httpx.AsyncClient, sent: Sent, paper: str) -> httpx.Response:
        """The paper as the patient gets it: her app asks for an address, a browser opens it."""
        async with self.tx() as tx:
            token = await open_session(tx, self.house.key, patient=sent.patient.id, hours=1)
        asked = f"/app/visits/{sent.visit.id}/papers/{paper}"
        given = await browser.post(asked, headers={"Authorization": f"Bearer {token}"})
        assert given.status_code == 201, given.text
        return await browser.get(urlsplit(given.json()["address"]).path)

    @asynccontextmanager
    async def tx(self) -> AsyncIterator[Transaction]:
        """A transaction of the hospital."""
        async with self.database.transaction(self.house.key) as tx:
            yield tx

    def who(self, role: Role) -> Subject:
        """Somebody with this role."""
        return self.house.subject(role)

    async def cookies(self, role: Role) -> dict[str, str]:
        """What the browser of somebody with this role carries, signed in."""
        who = self.who(role)
        async with self.tx() as tx:
            return {COOKIE: await open_session(tx, who.facility, account=who.account, hours=1)}

    async def sends(
        self,
        *codes: str,
        name: str = "Đặng Thị Tâm",
        birth: str | None = "1980-02-03",
        gender: str = "female",
        urgent: bool = False,
        patient: r4.Patient | None = None,
    ) -> Sent:
        """A doctor orders these services for somebody whom she examines."""
        doctor, loader, number = self.who(Role.DOCTOR), self.house.loader, next(_numbers)
        began = stamp(now() - timedelta(minutes=30))
        async with self.tx() as tx:
            patient = patient or await store.create(
                tx, loader,
                r4.Patient(
                    identifier=[r4.Identifier(system=systems.PATIENT_NUMBER, value=f"SH-O-{number:05d}")],
                    name=[human_name(name)], gender=gender, birthDate=birth, active=True,
                ),
            )  # fmt: skip
            visit = await store.create(
                tx, loader,
                r4.Encounter(
                    identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"LK-O-{number:05d}")],
                    status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="AMB"),
                    subject=store.reference(patient, name), period=r4.Period(start=began),
                    reasonCode=[r4.CodeableConcept(text="Mệt, sốt ngày thứ 3")],
                ),
            )  # fmt: skip
            placed = [
                await clinic_orders.place(tx, doctor, visit, patient, code, urgent=urgent, confirmed=True)
                for code in codes
            ]
        return Sent(patient, visit, placed)

    async def of_order(self, order: r4.ServiceRequest, type_: type[r4.R]) -> list[r4.R]:
        """What is stored on the ground of an order."""
        async with self.tx() as tx:
            page = await store.search(
                tx, self.house.loader, type_,
                {"based-on": f"ServiceRequest/{order.id}", "_count": "100"},
            )  # fmt: skip
        return page.resources

    async def now_is(self, record: r4.R) -> r4.R:
        """The record as it is stored now."""
        async with self.tx() as tx:
            return await store.read(tx, self.house.loader, type(record), record.id or "")

    async def tickets(self, sent: Sent) -> list[r4.Task]:
        """The tickets of the visit."""
        async with self.tx() as tx:
            page = await store.search(tx, self.house.loader, r4.Task, {"encounter": f"Encounter/{sent.visit.id}"})
        return page.resources
