"""Money that a bank's notice tells of: placed by the words of the transfer, or set aside for the cashier.

Placed is what comes to the facility's account, names one payment that is awaited, and is its amount to the đồng. All
else is a PaymentReconciliation of its own (`outcome` error, `disposition` why) until the cashier says which payment it
is or gives it back: nothing that came is lost, and nothing is paid by a guess.

| Told again | What it is |
|---|---|
| the bank's number, from the same notice | the same money: nothing changes |
| the bank's number, noted by hand, the same amount | the same money: the note now carries the notice |
| the bank's number, from another notice | other money: banks use numbers again |
"""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.access.audit import Event, record
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.hospital import prepaid
from benhan.hospital.cashier import notices, prepayment
from benhan.hospital.cashier.notices import Notice
from benhan.hospital.cashier.payee import Payee
from benhan.hospital.cashier.prepayment import CAME, Came, Payment, State
from benhan.hospital.visit import concept, id_of, identifier, stamp

APART: Final = "error"
MOST: Final = "200"
#: Why it is set aside, as `disposition` keeps it.
NO_CODE: Final = later("Nội dung không có mã thanh toán nào của cơ sở")
SEVERAL: Final = later("Nội dung có nhiều mã thanh toán")
OTHER_ACCOUNT: Final = later("Tiền vào tài khoản khác với tài khoản thu tiền")
OTHER_AMOUNT: Final = later("Số tiền khác với số phải trả")
PAID_ALREADY: Final = later("Khoản này đã có tiền")
MATCHED, SAME, RETURNED = later("Thu ngân đã khớp"), later("Cùng món tiền đã ghi tay"), later("Đã hoàn lại")


class Apart(msgspec.Struct, frozen=True):
    """Money that is set aside."""

    money: r4.PaymentReconciliation

    @property
    def id(self) -> str:
        """Of its record."""
        return self.money.id or ""

    @property
    def amount(self) -> int:
        """In đồng."""
        return int(self.money.paymentAmount.value or 0)

    @property
    def number(self) -> str:
        """As it stands on the statement."""
        return (self.money.paymentIdentifier.value if self.money.paymentIdentifier else "") or ""

    @property
    def words(self) -> str:
        """Of the transfer."""
        return next((one.text or "" for one in self.money.processNote or []), "")

    @property
    def why(self) -> str:
        """Why it is set aside, or what became of it."""
        return self.money.disposition or ""

    @property
    def waits(self) -> bool:
        """Whether something is to be done about it."""
        return self.money.status == CAME and self.money.outcome == APART


async def take(tx: Transaction, who: Subject, notice: Notice, to: Payee) -> str:
    """Deal with money that a notice tells of; gives what was done: known, paid, apart, or elsewhere.

    `elsewhere`: it came to another account and names no payment of ours.
    """
    await prepayment.alone(tx, who, f"notice {notice.number}")
    id_ = await prepayment.id_of_money(tx, who, "transfer", notice.number)
    kept = (await store.read_many(tx, who, r4.PaymentReconciliation, [id_])).get(id_)
    if kept is not None:
        if _same(kept, notice):
            await _confirmed(tx, who, kept, notice)
            return "known"
        number = f"{notice.number} {notice.id}"
        id_ = await prepayment.id_of_money(tx, who, "transfer", number)
        if (await store.read_many(tx, who, r4.PaymentReconciliation, [id_])).get(id_) is not None:
            return "known"
        notice = msgspec.structs.replace(notice, number=number)
    found = await _named(tx, who, notice)
    if to.number not in notice.accounts and not found:
        return "elsewhere"
    why = _why_apart(found, notice, to)
    if why:
        await store.create(tx, who, _apart(id_, notice, why))
        record(tx, who, Event("payment-unmatched", "PaymentReconciliation", id_, rule=why))
        return "apart"
    said = Came("transfer", notice.number, notice.amount, found[0].reference, notice.id, notice.day)
    await prepayment.settle(tx, who, said)
    return "paid"


async def awaiting(tx: Transaction, who: Subject) -> list[Apart]:
    """What is set aside and waits for the cashier, the newest first."""
    asked = {"outcome": APART, "status": CAME, "_count": MOST}
    return [Apart(one) for one in (await store.search(tx, who, r4.PaymentReconciliation, asked)).resources]


async def one(tx: Transaction, who: Subject, id_: str) -> Apart:
    """One of them, also when nothing is to be done any more.

    Raises:
        NotFound: no such money was set aside here.
    """
    found = (await store.read_many(tx, who, r4.PaymentReconciliation, [id_])).get(id_)
    if found is None or not found.disposition:
        raise NotFound(_("Không có khoản tiền này."), where="id")
    return Apart(found)


async def match(tx: Transaction, who: Subject, id_: str, reference: str) -> Payment:
    """The cashier knows whose it is. Of a payment that was noted by hand it is the same money, and counts once.

    Raises:
        NotFound; Conflict: nothing waits here, another amount, or that payment awaits no money.
    """
    await prepayment.alone(tx, who, reference)
    waiting, found = await _waiting(tx, who, id_), await prepayment.by_reference(tx, who, reference)
    if waiting.amount != found.amount:
        raise Conflict(_(OTHER_AMOUNT) + ".", where="reference", advice=_("Hoàn lại món tiền này cho người chuyển."))
    if found.state is State.ASKED:
        await store.update(tx, who, _placed(waiting, found), if_match=version_of(waiting.money))
        await prepayment.paid(tx, who, found)
        record(tx, who, Event("payment", "Invoice", found.invoice.id, id_of(found.invoice.subject), rule="matched"))
    elif by_hand := next((one for one in found.moved if _by_hand(one)), None):
        told = Notice(identifier(waiting.money, systems.BANK_NOTICE) or "", "", (), waiting.amount, "", "")
        await _confirmed(tx, who, by_hand, told)
        ended = msgspec.structs.replace(waiting.money, status="cancelled", outcome="complete", disposition=SAME)
        await store.update(tx, who, ended, if_match=version_of(waiting.money))
        record(tx, who, Event("payment-unmatched", "PaymentReconciliation", id_, rule=SAME))
    else:
        raise Conflict(_("Khoản này không còn chờ tiền."), where="reference", advice=_("Chọn khoản khác, hoặc hoàn."))
    return await prepayment.by_reference(tx, who, reference)


async def give_back(tx: Transaction, who: Subject, id_: str, number: str) -> None:
    """The cashier has sent it back, under this number of the bank.

    Raises:
        NotFound; Invalid: no number; Conflict: nothing waits here.
    """
    prepayment.check_number(number)
    await prepayment.alone(tx, who, f"apart {id_}")
    waiting = await _waiting(tx, who, id_)
    gone = r4.PaymentReconciliation(
        id=f"{id_}-hoan", status=CAME, created=stamp(clock.now()), outcome="complete",
        paymentDate=clock.today().isoformat(), paymentAmount=prepayment.dong(-waiting.amount),
        paymentIdentifier=r4.Identifier(system=systems.BANK_TRANSACTION, value=number), disposition=RETURNED,
    )  # fmt: skip
    await store.create(tx, who, gone)
    done = msgspec.structs.replace(waiting.money, outcome="complete", disposition=RETURNED)
    await store.update(tx, who, done, if_match=version_of(waiting.money))
    record(tx, who, Event("refund", "PaymentReconciliation", id_))


async def _waiting(tx: Transaction, who: Subject, id_: str) -> Apart:
    found = await one(tx, who, id_)
    if not found.waits:
        raise Conflict(_("Món tiền này đã được xử lý: %(what)s.", what=_(found.why)))
    return found


async def _named(tx: Transaction, who: Subject, notice: Notice) -> list[Payment]:
    """The payments that the words of a transfer name."""
    codes = notices.codes(notice.words)
    if not codes:
        return []
    asked = {"identifier": ",".join(f"{systems.PAYMENT_REFERENCE}|{code}" for code in codes)}
    return [Payment(one) for one in (await store.search(tx, who, r4.Invoice, asked)).resources]


def _why_apart(found: list[Payment], notice: Notice, to: Payee) -> str:
    """Why money is set aside; empty: it is placed."""
    if len(found) != 1:
        return SEVERAL if found else NO_CODE
    if to.number not in notice.accounts:
        return OTHER_ACCOUNT
    if found[0].amount != notice.amount:
        return OTHER_AMOUNT
    return PAID_ALREADY if found[0].invoice.status == prepaid.PAID else ""


def _same(kept: r4.PaymentReconciliation, notice: Notice) -> bool:
    """Whether money that is known by this number is the money of this notice."""
    told = identifier(kept, systems.BANK_NOTICE)
    return told == notice.id if told else kept.paymentAmount.value == notice.amount


def _by_hand(one: r4.PaymentReconciliation) -> bool:
    """Whether it is money of a transfer that the cashier noted and no notice told of."""
    came = one.paymentIdentifier
    return bool(came and came.system == systems.BANK_TRANSACTION and (one.paymentAmount.value or 0) > 0) and not (
        identifier(one, systems.BANK_NOTICE)
    )


async def _confirmed(tx: Transaction, who: Subject, kept: r4.PaymentReconciliation, notice: Notice) -> None:
    """What was noted by hand carries the notice from now on."""
    if identifier(kept, systems.BANK_NOTICE):
        return
    told = r4.Identifier(system=systems.BANK_NOTICE, value=notice.id)
    changed = msgspec.structs.replace(kept, identifier=[*(kept.identifier or []), told])
    await store.update(tx, who, changed, if_match=version_of(kept))


def _apart(id_: str, notice: Notice, why: str) -> r4.PaymentReconciliation:
    return r4.PaymentReconciliation(
        id=id_, status=CAME, created=stamp(clock.now()), outcome=APART, disposition=why, paymentDate=notice.day,
        paymentAmount=prepayment.dong(notice.amount),
        paymentIdentifier=r4.Identifier(system=systems.BANK_TRANSACTION, value=notice.number),
        identifier=[r4.Identifier(system=systems.BANK_NOTICE, value=notice.id)],
        processNote=[r4.PaymentReconciliationProcessNote(type="display", text=notice.words)] if notice.words else None,
    )  # fmt: skip


def _placed(waiting: Apart, found: Payment) -> r4.PaymentReconciliation:
    """The money as that of a payment."""
    named = r4.Identifier(system=systems.PAYMENT_REFERENCE, value=found.reference)
    detail = r4.PaymentReconciliationDetail(
        type=concept(systems.PAYMENT_TYPE, "advance"), request=store.reference(found.invoice),
        amount=waiting.money.paymentAmount,
    )  # fmt: skip
    return msgspec.structs.replace(
        waiting.money, outcome="complete", disposition=MATCHED, detail=[detail],
        identifier=[named, *(waiting.money.identifier or [])],
    )  # fmt: skip
