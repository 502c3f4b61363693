"""Where a facility receives money, and who tells it: its bank account, its merchant at Zalo's Checkout.

The key of Checkout and the secret of the bank's notices are encrypted as tokens of an Official Account are, shown to
nobody, and used here alone.
"""

from __future__ import annotations

import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.core.vault import Column
from benhan.hospital.cashier import notices, vietqr

KEY, SECRET = Column("payee", "key"), Column("payee", "secret")
_READ = "select bank, number, holder, app, key, contract, secret from payee where facility = $1"
_KEEP = """
insert into payee (facility, bank, number, holder, app, key, contract, secret, changed_by)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (facility) do update set bank = $2, number = $3, holder = $4, app = $5, key = $6, contract = $7,
    secret = $8, changed = now(), changed_by = $9
"""


class Payee(msgspec.Struct, frozen=True):
    """Bank (BIN) and account for VietQR; Mini App and private key for Checkout. What is empty is not offered.

    `contract`, `secret`: by which and with what somebody tells of money on the account; empty: nobody does.
    """

    bank: str = ""
    number: str = ""
    holder: str = ""
    app: str = ""
    key: str = ""
    contract: str = ""
    secret: str = ""

    @property
    def told(self) -> bool:
        """Whether somebody tells of money that comes to the account."""
        return bool(self.number and self.contract and self.secret)

    @property
    def ways(self) -> list[str]:
        """How one can pay here before a visit."""
        return [*(["qr"] if self.number else []), *(["checkout"] if self.app and self.key else [])]


async def payee(tx: Transaction, facility: int) -> Payee:
    """Where this facility receives money."""
    row = await tx.fetchrow(_READ, facility)
    if row is None:
        return Payee()
    key, secret = (
        column.show(tx, facility, str(facility), kept) if kept else ""
        for column, kept in ((KEY, row["key"]), (SECRET, row["secret"]))
    )
    return Payee(row["bank"], row["number"], row["holder"], row["app"], key, row["contract"], secret)


async def keep(tx: Transaction, who: Subject, said: Payee) -> None:
    """Keep it; an empty key or secret leaves the former one, unless it belongs to nobody now or to somebody else.

    Raises:
        Invalid: the account cannot stand in a VietQR, Checkout has no key, or notices have no secret or no account.
    """
    if said.bank or said.number:
        vietqr.check_account(said.bank, said.number)
    former = await payee(tx, who.facility)
    key = (said.key or former.key) if said.app else ""
    if said.app and not key:
        raise Invalid(_("Nhập khoá riêng (private key) của Checkout."), where="key")
    secret = _secret(said, former)
    hidden = [
        await column.hide(tx, who.facility, str(who.facility), one) if one else ""
        for column, one in ((KEY, key), (SECRET, secret))
    ]
    await tx.execute(
        _KEEP, who.facility, said.bank, said.number, said.holder, said.app, hidden[0], said.contract, hidden[1],
        who.account,
    )  # fmt: skip
    changed = (" key" if said.key else "") + (" secret" if said.secret else "")
    record(tx, who, Event("payee", rule=f"{said.bank} {said.number} {said.app} {said.contract}{changed}"[:200]))


def _secret(said: Payee, former: Payee) -> str:
    """What signs the notices from now on.

    Raises:
        Invalid: there is no account, no such contract, or no secret of it.
    """
    if not said.contract:
        return ""
    if said.contract not in notices.CONTRACTS or not said.number:
        raise Invalid(_("Nhập số tài khoản mà ngân hàng báo có."), where="number")
    secret = said.secret or (former.secret if former.contract == said.contract else "")
    if not secret:
        raise Invalid(_("Nhập khoá bí mật ký báo có."), where="secret")
    return secret
