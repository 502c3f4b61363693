"""Where a facility receives money: its bank account for VietQR, its merchant at Zalo's Checkout with a private key.

The key is encrypted as tokens of an Official Account are, shown to nobody, and used here alone.
"""

from __future__ import annotations

import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.hospital.cashier import vietqr

KEY = Column("payee", "key")
_READ = "select bank, number, holder, app, key from payee where facility = $1"
_KEEP = """
insert into payee (facility, bank, number, holder, app, key, changed_by) values ($1, $2, $3, $4, $5, $6, $7)
on conflict (facility) do update set bank = $2, number = $3, holder = $4, app = $5, key = $6, changed = now(),
    changed_by = $7
"""


class Payee(msgspec.Struct, frozen=True):
    """Bank (BIN) and account for VietQR; Mini App and private key for Checkout. What is empty is not offered."""

    bank: str = ""
    number: str = ""
    holder: str = ""
    app: str = ""
    key: str = ""

    @property
    def ways(self) -> list[str]:
        """How one can pay here before a visit."""
        return [*(["qr"] if self.number else []), *(["checkout"] if self.app and self.key else [])]


async def payee(tx: Transaction, facility: int) -> Payee:
    """Where this facility receives money."""
    row = await tx.fetchrow(_READ, facility)
    if row is None:
        return Payee()
    key = KEY.show(tx, facility, str(facility), row["key"]) if row["key"] else ""
    return Payee(row["bank"], row["number"], row["holder"], row["app"], key)


async def keep(tx: Transaction, who: Subject, said: Payee) -> None:
    """Keep it; an empty key leaves the former one, unless no Mini App is named.

    Raises:
        Invalid: the account cannot stand in a VietQR, or Checkout has no key.
    """
    if said.bank or said.number:
        vietqr.check_account(said.bank, said.number)
    former = await payee(tx, who.facility)
    key = (said.key or former.key) if said.app else ""
    if said.app and not key:
        raise Invalid(_("Nhập khoá riêng (private key) của Checkout."), where="key")
    hidden = await KEY.hide(tx, who.facility, str(who.facility), key) if key else ""
    await tx.execute(_KEEP, who.facility, said.bank, said.number, said.holder, said.app, hidden, who.account)
    changed = " key" if said.key else ""
    record(tx, who, Event("payee", rule=f"{said.bank} {said.number} {said.app}{changed}"[:200]))
