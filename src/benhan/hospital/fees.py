"""What a visit costs so far, as an estimate: examination and orders by the price list, less what insurance pays.

Nothing here is a bill. A service without a price is named and counted in no sum; medicines are not priced yet; what the
fund pays is counted only where the card was checked today and is registered here. Source: Luật KCB 15/2023 Đ110.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from benhan.core import store
from benhan.core.access import Interaction, Role, Subject, may
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital import benefit, packages, prepaid, prices
from benhan.hospital.benefit import Right
from benhan.hospital.visit import code_of, display_of, id_of, identifier

COUNTED = "active,on-hold,completed"


class Line(msgspec.Struct, frozen=True):
    """One service: its price and what the fund pays of it, in đồng; None: the list has no price."""

    name: str
    amount: int | None
    insured: int


class Fees(msgspec.Struct, frozen=True):
    """A visit's lines; what insurance pays; what was paid before. All in đồng."""

    lines: tuple[Line, ...]
    right: Right
    prepaid: int

    @property
    def total(self) -> int:
        """What the priced services cost."""
        return sum(line.amount or 0 for line in self.lines)

    @property
    def insured(self) -> int:
        """What the fund pays of it."""
        return sum(line.insured for line in self.lines)

    @property
    def due(self) -> int:
        """What is left to pay; less than nothing: what was paid before is more."""
        return self.total - self.insured - self.prepaid


async def of_visit(tx: Transaction, who: Subject, visit: r4.Encounter) -> Fees:
    """What this visit costs so far.

    Raises:
        Forbidden: orders may not be read.
    """
    asked = {"encounter": f"Encounter/{visit.id}", "status": COUNTED, "_count": "200"}
    orders = (await store.search(tx, who, r4.ServiceRequest, asked)).resources
    booked = await _booked(tx, who, visit)
    package = await packages.among(tx, who, booked)
    named = [(code_of(one.code, systems.SERVICES), display_of(one.code)) for one in reversed(orders)]
    if package:  # its services are in its price
        named = [one for one in named if one[0] not in package.codes]
    elif specialty := code_of(visit.serviceType, systems.SPECIALTY):
        named.insert(0, (specialty, f"Khám {display_of(visit.serviceType)}"))
    day = clock.day_of(visit.period.start if visit.period else None) or clock.today()
    wanted = [code for code, _name in named if code]
    listed = await prices.at(tx, who, [*wanted, package.id] if package else wanted, day)
    right = await _right(tx, who, visit)
    whole = lines([(package.id, f"Gói {package.name}")], listed, Right(0)) if package else ()  # nobody else pays it
    return Fees((*whole, *lines(named, listed, right)), right, await _prepaid(tx, who, booked))


def lines(
    named: Iterable[tuple[str | None, str]], listed: dict[str, prices.Price], right: Right
) -> Iterable[Line]:  # fmt: skip
    """Each service with its price and the fund's part, rounded down to whole đồng."""
    for code, name in named:
        price = listed.get(code or "")
        yield Line(name, price.amount if price else None, price.amount * right.percent // 100 if price else 0)


async def _right(tx: Transaction, who: Subject, visit: r4.Encounter) -> Right:
    """What her card gives, as the portal said today."""
    if not may(who, Interaction.SEARCH, "CoverageEligibilityResponse"):
        return Right(0, "unchecked")
    patient = id_of(visit.subject) or ""
    today = {"patient": patient, "created": clock.today().isoformat()}
    answer = await store.first(tx, who, r4.CoverageEligibilityResponse, today)
    cover = await store.first(tx, who, r4.Coverage, {"patient": patient, "status": "active"}) if answer else None
    return benefit.right(answer, cover.subscriberId if cover else None, who.facility_code)


async def _booked(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[r4.Appointment]:
    """The booking of this visit, if it had one."""
    ids = [id_of(one) for one in visit.appointment or []]
    return list((await store.read_many(tx, who, r4.Appointment, ids)).values()) if ids else []


async def _prepaid(tx: Transaction, who: Subject, booked: Iterable[r4.Appointment]) -> int:
    """What was paid for these bookings."""
    codes = [code for one in booked if (code := identifier(one, systems.BOOKING_CODE))]
    behind = in_name_of(who, Role.PAYMENT_SERVICE)
    return sum([await prepaid.amount(tx, behind, code) for code in codes])
