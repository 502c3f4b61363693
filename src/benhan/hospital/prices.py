"""What services cost, and since when: the facility's price list (ChargeItemDefinition), as everybody may read it.

A price begins on a day and holds until the next one of the same service begins. One that has begun is never changed:
what was asked on a date can be told later. A service is called by the Ministry's code (TT 23/2024), an examination by
its specialty. Source: Luật KCB 15/2023 Đ110 (the facility sets and posts its prices).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock, codes
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.visit import code_of, concept

MOST = "1000"
MOST_AMOUNT = 499_999_999


class Price(msgspec.Struct, frozen=True, order=True):
    """What a service costs from a day on, in whole đồng."""

    name: str
    code: str
    since: date
    amount: int


async def at(tx: Transaction, who: Subject, wanted: Iterable[str], day: date) -> dict[str, Price]:
    """The prices in force on a day of these services, by code; one without a price is missing."""
    asked = ",".join(f"{systems.PRICE}|{code}" for code in sorted(set(wanted)))
    if not asked:
        return {}
    found = await store.search(tx, who, r4.ChargeItemDefinition, {"identifier": asked, "_count": MOST})
    return in_force(map(_price, found.resources), day)


async def every(tx: Transaction, who: Subject) -> list[Price]:
    """The whole list, by name, the newest price of each first."""
    found = await store.search(tx, who, r4.ChargeItemDefinition, {"status": "active", "_count": MOST})
    return sorted(map(_price, found.resources), key=lambda one: (one.name, one.code, -one.since.toordinal()))


def in_force(found: Iterable[Price], day: date) -> dict[str, Price]:
    """Of each service the price that began last, on this day at the latest."""
    held: dict[str, Price] = {}
    for one in sorted(found, key=lambda one: one.since):
        if one.since <= day:
            held[one.code] = one
    return held


async def keep(tx: Transaction, who: Subject, code: str, amount: int, since: date, *, name: str = "") -> None:
    """From this day on a service costs so much. `name`: of what stands in no list of services (a package).

    Raises:
        Forbidden; Invalid: there is no such service, no amount, or the day has passed; Conflict: that price has begun.
    """
    if since < clock.today():
        raise Invalid(_("Giá mới chỉ có hiệu lực từ hôm nay trở đi."), where="since")
    if not 0 < amount <= MOST_AMOUNT:
        raise Invalid(_("Nhập giá bằng đồng, lớn hơn 0."), where="amount")
    name = name or await _name(tx, who, code)
    written = _definition(code, name, amount, since)
    former = (await store.read_many(tx, who, r4.ChargeItemDefinition, [written.id or ""])).get(written.id or "")
    if former is None:
        await store.create(tx, who, written)
    elif since <= clock.today():
        raise Conflict(_("Giá từ ngày này đã có hiệu lực, không sửa được."), advice=_("Nhập giá từ một ngày sau."))
    else:
        await store.update(tx, who, written, if_match=version_of(former))


async def _name(tx: Transaction, who: Subject, code: str) -> str:
    if entry := codes.services().get(code):
        return entry.name
    found = await store.search(tx, who, r4.HealthcareService, {"active": "true", "_count": "200"})
    for one in found.resources:
        if code in {code_of(kind, systems.SPECIALTY) for kind in one.specialty or []}:
            return f"Khám {one.name}"
    raise Invalid(_("Không có dịch vụ hay chuyên khoa mang mã %(code)s.", code=code[:20]), where="code")


def _definition(code: str, name: str, amount: int, since: date) -> r4.ChargeItemDefinition:
    price = r4.Money(value=Decimal(amount), currency="VND")
    base = r4.ChargeItemDefinitionPropertyGroupPriceComponent(type="base", amount=price)
    id_ = f"gia-{code}-{since:%Y%m%d}"
    return r4.ChargeItemDefinition(
        id=id_, url=f"{systems.BENHAN}/ChargeItemDefinition/{id_}", status="active", title=name,
        identifier=[r4.Identifier(system=systems.PRICE, value=code)], code=concept(systems.PRICE, code, name),
        effectivePeriod=r4.Period(start=since.isoformat()),
        propertyGroup=[r4.ChargeItemDefinitionPropertyGroup(priceComponent=[base])],
    )  # fmt: skip


def _price(kept: r4.ChargeItemDefinition) -> Price:
    group = (kept.propertyGroup or [r4.ChargeItemDefinitionPropertyGroup()])[0]
    amounts = [one.amount.value for one in group.priceComponent or [] if one.amount and one.amount.value is not None]
    start = kept.effectivePeriod.start if kept.effectivePeriod else None
    return Price(
        kept.title or "", code_of(kept.code, systems.PRICE) or "", date.fromisoformat((start or "9999-12-31")[:10]),
        int(amounts[0]) if amounts else 0,
    )  # fmt: skip
