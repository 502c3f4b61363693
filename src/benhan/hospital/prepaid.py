"""What was paid before a visit, as every department may read it: Invoices that carry the code of the booking.

An Invoice is `issued` while the money is awaited, `balanced` once it came, `cancelled` when it is wanted no more or was
given back. The money itself is a PaymentReconciliation, which only the cashier's rooms write.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems

ASKED, PAID, ENDED = "issued", "balanced", "cancelled"
#: Where a guest pays, below the page of her booking.
PAGE: Final = "tra-truoc"


async def invoices(tx: Transaction, who: Subject, booking: str) -> list[r4.Invoice]:
    """All of a booking (its code), the newest first."""
    return (await store.search(tx, who, r4.Invoice, {"identifier": f"{systems.OF_BOOKING}|{booking}"})).resources


async def amount(tx: Transaction, who: Subject, booking: str) -> int:
    """How many đồng were paid for a booking and not given back."""
    return total(one for one in await invoices(tx, who, booking) if one.status == PAID)


async def by_transfer(tx: Transaction, facility: int) -> bool:
    """Whether a facility takes transfers before a visit: it has named its account."""
    return bool(await tx.fetchval("select number <> '' from payee where facility = $1", facility))


def total(found: Iterable[r4.Invoice]) -> int:
    """The sum of Invoices, in đồng."""
    return sum(int(one.totalGross.value or 0) for one in found if one.totalGross)
