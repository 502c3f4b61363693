"""The reader of the change feed that hears what becomes of bookings that were paid for.

Of a cancelled one the money is to be given back, whoever cancelled (the patient, the desk, a closed day); when a guest
arrives, what she paid becomes part of her record. Read twice, it changes nothing.
"""

from __future__ import annotations

from typing import Final

from benhan.core import store
from benhan.core.access import Role, service
from benhan.core.db import PLATFORM, Transaction, background
from benhan.core.fhir import r4
from benhan.core.store import feed
from benhan.core.store.records import version_of
from benhan.hospital.cashier import prepayment
from benhan.hospital.cashier.prepayment import CANCELLED

READER: Final = "prepayment"


class Follower(background.Follower):
    """Listens for as long as the process runs."""

    failure = "prepayment: a batch of the change feed could not be read"
    batch, idle_seconds = 1000, 1.0

    async def read(self) -> int:
        """One batch of changes."""
        async with self._database.transaction(PLATFORM) as tx:
            if not await feed.has_news(tx, READER):
                return 0
            changes = await feed.changes(tx, await feed.position(tx, READER), self.batch)
            for facility in sorted({one.facility for one in changes}):
                ids = {one.id for one in changes if one.facility == facility and one.type == "Appointment"}
                await hear(tx, facility, ids)
            await tx.reach(PLATFORM)
            if changes:
                await feed.advance(tx, READER, changes[-1].position)
        return len(changes)


async def hear(tx: Transaction, facility: int, bookings: set[str]) -> None:
    """Some bookings of a facility have changed."""
    await tx.reach(facility)
    who = service(Role.PAYMENT_SERVICE, facility)
    for one in (await store.read_many(tx, who, r4.Appointment, bookings)).values():
        if one.status == CANCELLED:
            await prepayment.booking_ended(tx, who, one)
        elif version_of(one) != "1":  # nothing is paid for one that was just made
            await prepayment.belong(tx, who, one)
