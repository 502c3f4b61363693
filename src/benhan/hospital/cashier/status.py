"""Orders at Zalo's Checkout whose callback never came: Zalo is asked, 20 minutes after, then ever more seldom.

The telephone says which order it made; that alone proves nothing. What Zalo answers is compared as a callback is: our
reference, our facility, our amount. After six askings within eleven hours nobody asks any more, and the cashier sees
the payment as awaited. Source: shared/zalo/README.md ("Payment").
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

import msgspec

from benhan.core.access import Role, Subject, service
from benhan.core.access.audit import Event, record
from benhan.core.db import PLATFORM, Database, Transaction, background
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit.outside import NoAnswer, ask
from benhan.core.language import _
from benhan.hospital.cashier import checkout, prepayment
from benhan.hospital.cashier.payee import payee
from benhan.hospital.cashier.prepayment import Came

#: When Zalo is asked first, counted from the order; each pause is twice the one before.
FIRST: Final = timedelta(minutes=20)
MOST_ASKED: Final = 6
#: Orders of one payment that are asked about.
MOST_ORDERS: Final = 5
SECONDS: Final = 10.0

_COUNT: Final = "select count(*) from checkout_order where facility = $1 and reference = $2"
_PUT: Final = """
insert into checkout_order (facility, reference, id, due) values ($1, $2, $3, now() + $4::interval)
on conflict (facility, reference, id) do nothing
"""
_TAKE: Final = """
with one as materialized (
    select facility, reference, id from checkout_order where due <= now() order by due limit 1 for update skip locked
)
update checkout_order o set asked = asked + 1, due = now() + $1::interval * 2 ^ asked
from one, facility f
where o.facility = one.facility and o.reference = one.reference and o.id = one.id and f.key = o.facility
returning o.facility, f.code, f.name, o.reference, o.id, o.asked
"""
_END: Final = "delete from checkout_order where facility = $1 and reference = $2 and id = $3"


class Due(msgspec.Struct, frozen=True):
    """An order that Zalo is asked about now, for the so-many-th time."""

    facility: int
    code: str
    house: str
    reference: str
    id: str
    asked: int


async def expect(tx: Transaction, who: Subject, reference: str, order: str) -> None:
    """A callback of this order is to come. Told twice, it is once.

    Raises:
        Conflict: there are too many orders of this payment.
    """
    await prepayment.alone(tx, who, reference)
    if await tx.fetchval(_COUNT, who.facility, reference) >= MOST_ORDERS:
        raise Conflict(_("Khoản này đã có quá nhiều đơn hàng."), where="order")
    await tx.execute(_PUT, who.facility, reference, order, FIRST)
    record(tx, who, Event("checkout-order", "Invoice", detail=f"order {order} reference {reference}"))


async def heard(tx: Transaction, who: Subject, reference: str, order: str) -> None:
    """Its callback came."""
    await tx.execute(_END, who.facility, reference, order)


class Asking(background.Background):
    """Asks for as long as the process runs; one order at a time."""

    failure = "checkout: an order could not be asked about"
    idle_seconds: ClassVar[float] = 30.0

    def __init__(self, database: Database, zalo: str) -> None:
        super().__init__(database)
        self._zalo = zalo.rstrip("/")

    async def turn(self) -> float:
        """One order that is due."""
        async with self._database.transaction(PLATFORM) as tx:
            row = await tx.fetchrow(_TAKE, FIRST)
        if row is None:
            return self.idle_seconds
        await self._ask(Due(*row.values()))
        return 0

    async def _ask(self, one: Due) -> None:
        """Ask Zalo, holding no transaction meanwhile, and keep what it says."""
        async with self._database.transaction(one.facility) as tx:
            to = await payee(tx, one.facility)
        told = None
        if to.app and to.key:
            query = checkout.status_query(to.app, one.id, to.key)
            try:
                said = await ask("GET", self._zalo + checkout.STATUS, SECONDS, params=query)
            except NoAnswer as trouble:
                said = {"error": trouble.kind}
            told = checkout.read_status(said, to.app, one.id)
        async with self._database.transaction(one.facility) as tx:
            await keep(tx, service(Role.PAYMENT_SERVICE, one.facility, one.house), one, told)


async def keep(tx: Transaction, who: Subject, one: Due, told: checkout.Callback | None) -> None:
    """What Zalo said of an order; None: nothing yet, and it is asked again unless it was often enough."""
    about = f"order {one.id} reference {one.reference} asked {one.asked}"
    if told is None:
        if one.asked >= MOST_ASKED:
            await heard(tx, who, one.reference, one.id)
            record(tx, who, Event("payment-status", "Invoice", allowed=False, rule="never answered", detail=about))
        return
    await heard(tx, who, one.reference, one.id)
    if told.result != checkout.PAID:
        record(tx, who, Event("payment-failed", "Invoice", rule=f"{told.result}", detail=about))
    elif told.reference != one.reference or told.facility != one.code or not told.transaction:
        record(tx, who, Event("payment-status", "Invoice", allowed=False, rule="of another payment", detail=about))
    else:
        try:
            await prepayment.settle(tx, who, Came("checkout", told.transaction, told.amount, told.reference))
        except (NotFound, Conflict) as wrong:
            rule = f"{wrong.where}: not what was asked"
            record(tx, who, Event("payment-status", "Invoice", allowed=False, rule=rule, detail=about))
