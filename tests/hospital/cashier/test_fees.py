"""What a visit costs so far: by the price list of its day, less what a checked card pays and what was paid before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import Database
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock, codes
from benhan.hospital import benefit, fees, prices
from benhan.hospital.benefit import Right
from benhan.hospital.cashier import prepayment
from benhan.hospital.cashier.prepayment import Came
from benhan.hospital.visit import concept, stamp
from benhan.simulator import House
from tests.hospital.cashier.test_prepayment import booked, code_of, set_up
from tests.patient import people

pytestmark = pytest.mark.asyncio(loop_scope="session")
Client = Callable[..., Awaitable[httpx.AsyncClient]]
CARD = "DN4011200000901"


def answered(person: str, registered: str | None = None, *, inforce: bool = True) -> r4.CoverageEligibilityResponse:
    """What the portal says today of a card that is registered somewhere."""
    said = r4.CoverageEligibilityResponseInsurance(
        coverage=r4.Reference(display=CARD), inforce=inforce, benefitPeriod=r4.Period(end="2099-12-31")
    )
    at = [r4.Extension(url=benefit.REGISTERED_AT, valueString=registered)] if registered else None
    return r4.CoverageEligibilityResponse(
        status="active", purpose=["validation"], patient=r4.Reference(reference=f"Patient/{person}"),
        created=stamp(clock.now()), request=r4.Reference(display="hỏi"), insurer=r4.Reference(display="BHXH"),
        outcome="complete", insurance=[said], extension=at,
    )  # fmt: skip


async def test_orders_and_examination_by_the_list_less_insurance_and_what_was_paid_before(
    client: Client, database: Database, house: House
) -> None:
    await set_up(client, house)
    person, booking, hers = await booked(client, database, house)
    _other, _booking, stranger = await booked(client, database, house)
    assert await hers.read("/fees") == {"fees": None}
    priced, unpriced = (one for one, _n in zip(codes.services(), range(2), strict=False))
    reference = (await hers.post(f"/bookings/{code_of(booking)}/payment")).json()["reference"]
    async with database.transaction(house.key) as tx:
        behind = service(Role.PAYMENT_SERVICE, house.key)
        await prepayment.settle(tx, behind, Came("transfer", "FT-phi-1", 150_000, reference))
        await prices.keep(tx, house.loader, priced.code, 39_999, clock.today())
        visit = await people.visit(tx, house, person)
        there: dict[str, Any] = {
            "serviceType": concept(systems.SPECIALTY, "tmh", "Tai Mũi Họng"), "appointment": [store.reference(booking)],
        }  # fmt: skip
        visit = await store.update(tx, house.loader, msgspec.structs.replace(visit, **there), if_match=None)
        for one, status in ((priced, "active"), (unpriced, "completed"), (priced, "revoked")):
            await store.create(tx, house.loader, r4.ServiceRequest(
                status=status, intent="order", code=concept(systems.SERVICES, one.code, one.name),
                subject=store.reference(person), encounter=store.reference(visit),
            ))  # fmt: skip
    first = (await hers.read("/fees"))["fees"]
    assert [(one["name"], one["amount"]) for one in first["lines"]] == [
        ("Khám Tai Mũi Họng", 150_000), (priced.name, 39_999), (unpriced.name, None),
    ]  # fmt: skip
    assert (first["total"], first["insured"], first["prepaid"], first["due"]) == (189_999, 0, 150_000, 39_999)
    assert "Chưa tra thẻ" in first["note"]
    async with database.transaction(house.key) as tx:
        await store.create(tx, house.loader, r4.Coverage(
            status="active", subscriberId=CARD, beneficiary=store.reference(person),
            payor=[r4.Reference(display="BHXH")],
        ))  # fmt: skip
        await store.create(tx, house.loader, answered(person.id or "", house.code))
    checked = (await hers.read("/fees"))["fees"]
    assert (checked["percent"], checked["insured"], checked["due"], checked["note"]) == (80, 151_999, -112_000, "")
    assert await stranger.read("/fees") == {"fees": None}
    assert (await (await client(None)).get("/app/fees")).status_code == 401


async def test_nothing_is_promised_of_insurance_that_the_portal_has_not_said() -> None:
    here, there = answered("1", "79061"), answered("1", "79001")
    assert benefit.right(here, CARD, "79061") == Right(80)
    assert benefit.right(there, CARD, "79061") == Right(0, "elsewhere")
    assert benefit.right(answered("1"), CARD, "79061") == benefit.right(here, "1200000901", "79061")
    assert benefit.right(answered("1", "79061", inforce=False), CARD, "79061") == Right(0, "invalid")
    assert benefit.right(msgspec.structs.replace(here, outcome="error"), CARD, "79061") == Right(0, "unchecked")
    price = prices.Price("Khám", "tmh", clock.today(), 101)
    [line] = fees.lines([("tmh", "Khám")], {"tmh": price}, Right(80))
    assert line == fees.Line("Khám", 101, 80)
