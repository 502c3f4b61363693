"""Paying before a visit: what is asked for, the money that came, what is to be given back.

| Record | What |
|---|---|
| Invoice | what is asked for a booking: `issued`, `balanced` or `cancelled`; its reference stands in QR and order |
| PaymentReconciliation | money that moved: `active` it came (or went back), `draft` it is to be given back |

PaymentReconciliation and not PaymentNotice: a notice only says that there was a payment and must name a reconciliation.
Money has come when Zalo's server or a bank's notice says so over its signature, or when the cashier finds it on the
bank's statement: never because a screen says so. It counts once, under the number that Zalo or the bank gave it. What
the notices tell and nobody can place stands aside (`unmatched.py`). Nothing is given back by itself: the Checkout SDK
has no door for it, so the cashier does it and notes the number.
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from enum import StrEnum
from hashlib import blake2b
from typing import Final, Literal

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.core.store.records import version_of
from benhan.core.store.rows import hash64
from benhan.core.vault import keys_of
from benhan.hospital import packages, prepaid, prices
from benhan.hospital.prepaid import ASKED, ENDED, PAID
from benhan.hospital.visit import code_of, concept, id_of, identifier, moment, stamp

#: No letter of a reference is mistaken for another when it is typed into a bank's app.
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
AWAITED, CANCELLED = "booked", "cancelled"
CAME, OWED = "active", "draft"
MOST_NUMBER: Final = 60
Way = Literal["checkout", "transfer"]
NUMBERS: Final = {"checkout": systems.CHECKOUT_TRANSACTION, "transfer": systems.BANK_TRANSACTION}


class State(StrEnum):
    """Where a payment stands, as the patient reads it."""

    ASKED = "asked"
    PAID = "paid"
    OWED = "refund-asked"
    RETURNED = "refunded"
    ENDED = "ended"


STATE_NAMES: Final = {
    State.ASKED: later("chưa nhận được tiền"),
    State.PAID: later("đã thanh toán"),
    State.OWED: later("chờ bệnh viện hoàn tiền"),
    State.RETURNED: later("đã hoàn tiền"),
    State.ENDED: later("không còn hiệu lực"),
}


class Came(msgspec.Struct, frozen=True):
    """Money that somebody whom we believe says has come: by which way, under which number, how many đồng for what.

    `notice`: the number of the bank's notice, where that is who says so. `day`: when it came, if that is not today.
    """

    way: Way
    number: str
    amount: int
    reference: str
    notice: str = ""
    day: str = ""


class Payment(msgspec.Struct, frozen=True):
    """An Invoice with the money of it."""

    invoice: r4.Invoice
    moved: tuple[r4.PaymentReconciliation, ...] = ()

    @property
    def reference(self) -> str:
        """What it is called in a transfer."""
        return identifier(self.invoice, systems.PAYMENT_REFERENCE) or ""

    @property
    def booking(self) -> str:
        """The code of the booking."""
        return identifier(self.invoice, systems.OF_BOOKING) or ""

    @property
    def name(self) -> str:
        """Whose it is."""
        return (self.invoice.subject.display if self.invoice.subject else "") or "–"

    @property
    def amount(self) -> int:
        """What is asked, in đồng."""
        return prepaid.total([self.invoice])

    @property
    def owed(self) -> r4.PaymentReconciliation | None:
        """What is to be given back."""
        return next((one for one in self.moved if one.status == OWED), None)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.owed:
            return State.OWED
        if self.invoice.status == PAID:
            return State.PAID
        if any(_back(one) for one in self.moved):
            return State.RETURNED
        return State.ASKED if self.invoice.status == ASKED else State.ENDED


async def price_of(tx: Transaction, who: Subject, booking: r4.Appointment) -> prices.Price | None:
    """What the examination or the package that is booked costs on its day; None: the list does not say."""
    specialty = next((code for one in booking.specialty or [] if (code := code_of(one, systems.SPECIALTY))), None)
    code = packages.chosen(booking) or specialty
    start = moment(booking.start)
    if code is None or start is None:
        return None
    return (await prices.at(tx, who, [code], start.date())).get(code)


async def of_booking(tx: Transaction, who: Subject, booking: r4.Appointment) -> Payment | None:
    """What is or was asked for a booking: the one that still matters, else the newest."""
    found = await prepaid.invoices(tx, who, identifier(booking, systems.BOOKING_CODE) or "")
    if not found:
        return None
    return await _with_money(tx, who, min(found, key=_rank))


async def ask(tx: Transaction, who: Subject, booking: r4.Appointment) -> Payment:
    """Ask for the price of a booking's examination. Asked again, it is the same payment.

    Raises:
        Conflict: it is not awaited any more, or the list has no price for it.
    """
    await alone(tx, who, f"{booking.id}")
    found = await of_booking(tx, who, booking)
    price = await price_of(tx, who, booking)
    if found and (found.state in (State.PAID, State.OWED) or _still(found, price)):
        return found
    start = moment(booking.start)
    if booking.status != AWAITED or start is None or start.date() < clock.today():
        raise Conflict(_("Lịch hẹn này không trả trước được nữa."), where="booking")
    if price is None:
        raise Conflict(_("Cơ sở chưa có giá cho lần khám này."), advice=_("Thanh toán tại quầy thu ngân."))
    if found and found.state is State.ASKED:
        await _ended(tx, who, found.invoice, "Giá đã thay đổi")
    return Payment(await store.create(tx, who, _invoice(booking, price)))


async def settle(tx: Transaction, who: Subject, came: Came) -> Payment:
    """Note money that came. The same number again changes nothing; what nobody asked for is to be given back.

    Raises:
        NotFound: no payment is called so here. Conflict: another amount, or the number stands for another payment.
    """
    await alone(tx, who, came.reference)
    found = await by_reference(tx, who, came.reference)
    if came.amount != found.amount:
        raise Conflict(_("Số tiền khác với số phải trả."), where="amount")
    id_ = await id_of_money(tx, who, came.way, came.number)
    known = (await store.read_many(tx, who, r4.PaymentReconciliation, [id_])).get(id_)
    if known is not None:
        of = identifier(known, systems.PAYMENT_REFERENCE)
        if of is None:
            raise Conflict(
                _("Món tiền này đang ở danh sách chưa khớp."), where="number", advice=_("Khớp nó với khoản này ở đó.")
            )
        if of != came.reference:
            raise Conflict(_("Số giao dịch này đã ghi cho một khoản khác."), where="number")
        return found
    wanted = found.invoice.status == ASKED
    kept = await store.create(tx, who, _moved(id_, found, came, CAME))
    record(tx, who, Event("payment", "Invoice", found.invoice.id, id_of(found.invoice.subject), rule=came.way))
    if wanted:
        await paid(tx, who, found)
    else:
        await _owe(tx, who, found, kept)
    return await by_reference(tx, who, came.reference)


async def paid(tx: Transaction, who: Subject, found: Payment) -> None:
    """The money of a payment is there: it is awaited no more."""
    done = msgspec.structs.replace(found.invoice, status=PAID)
    await store.update(tx, who, done, if_match=version_of(found.invoice))


async def booking_ended(tx: Transaction, who: Subject, booking: r4.Appointment) -> None:
    """A booking is cancelled: what was asked is wanted no more, what was paid is to be given back. Twice is once."""
    for invoice in await prepaid.invoices(tx, who, identifier(booking, systems.BOOKING_CODE) or ""):
        found = await _with_money(tx, who, invoice)
        if invoice.status == ASKED:
            await _ended(tx, who, invoice, "Lịch hẹn đã huỷ")
        elif invoice.status == PAID:
            for one in found.moved:
                if not _back(one):
                    await _owe(tx, who, found, one)


async def belong(tx: Transaction, who: Subject, booking: r4.Appointment) -> None:
    """What is paid for a booking stands in the record of whom it is for: a guest has none until she arrives."""
    patient = _payer(booking)
    for invoice in await prepaid.invoices(tx, who, identifier(booking, systems.BOOKING_CODE) or ""):
        if id_of(invoice.subject) != id_of(patient):
            moved = msgspec.structs.replace(invoice, subject=patient)
            await store.update(tx, who, moved, if_match=version_of(invoice))


async def give_back(tx: Transaction, who: Subject, id_: str, number: str) -> Payment:
    """The cashier has given money back, under this number of the bank. Saying it twice changes nothing.

    Raises:
        NotFound: nothing of this id is to be given back; Invalid: no number.
    """
    check_number(number)
    owed = await store.read(tx, who, r4.PaymentReconciliation, id_)
    reference = identifier(owed, systems.PAYMENT_REFERENCE) or ""
    await alone(tx, who, reference)
    if not _back(owed):
        raise NotFound(_("Không có khoản hoàn này."))
    if owed.status == OWED:
        bank = r4.Identifier(system=systems.BANK_TRANSACTION, value=number)
        done = msgspec.structs.replace(
            owed, status=CAME, outcome="complete", paymentIdentifier=bank, paymentDate=clock.today().isoformat()
        )
        await store.update(tx, who, done, if_match=version_of(owed))
        record(tx, who, Event("refund", "PaymentReconciliation", id_))
    found = await by_reference(tx, who, reference)
    if not any(_counts(one, found.moved) for one in found.moved) and found.invoice.status == PAID:
        await _ended(tx, who, found.invoice, "Đã hoàn tiền")
    return await by_reference(tx, who, reference)


def check_number(number: str) -> None:
    """Whether this can be the bank's number of money that was given back.

    Raises:
        Invalid: it cannot.
    """
    if not 3 <= len(number) <= MOST_NUMBER:
        raise Invalid(_("Nhập số giao dịch hoàn tiền của ngân hàng."), where="number")


async def owe(tx: Transaction, who: Subject, reference: str) -> Payment:
    """The cashier is asked to give back what was paid.

    Raises:
        NotFound; Conflict: nothing was paid.
    """
    await alone(tx, who, reference)
    found = await by_reference(tx, who, reference)
    if found.invoice.status != PAID:
        raise Conflict(_("Khoản này chưa có tiền để hoàn."))
    for one in found.moved:
        if not _back(one):
            await _owe(tx, who, found, one)
    return await by_reference(tx, who, reference)


async def by_reference(tx: Transaction, who: Subject, reference: str) -> Payment:
    """The payment that is called so.

    Raises:
        NotFound: none is, at this facility.
    """
    asked = {"identifier": f"{systems.PAYMENT_REFERENCE}|{reference}"}
    found = await store.first(tx, who, r4.Invoice, asked) if reference.isalnum() else None
    if found is None:
        raise NotFound(_("Không có khoản thanh toán nào mang mã này."), where="reference")
    return await _with_money(tx, who, found)


async def of_code(tx: Transaction, who: Subject, typed: str) -> Payment | None:
    """The payment of what somebody read on a statement or a phone: its reference, or the code of its booking."""
    code = "".join(typed.split()).upper()
    found = await prepaid.invoices(tx, who, code)
    if not found:
        asked = {"identifier": f"{systems.PAYMENT_REFERENCE}|{code}"}
        found = (await store.search(tx, who, r4.Invoice, asked)).resources if code.isalnum() else []
    return Payment(min(found, key=_rank)) if found else None


def office(who: Subject) -> Subject:
    """The program's service in the name of who asks."""
    return in_name_of(who, Role.PAYMENT_SERVICE)


async def _with_money(tx: Transaction, who: Subject, invoice: r4.Invoice) -> Payment:
    reference = identifier(invoice, systems.PAYMENT_REFERENCE) or ""
    asked = {"identifier": f"{systems.PAYMENT_REFERENCE}|{reference}"}
    found = await store.search(tx, who, r4.PaymentReconciliation, asked)
    return Payment(invoice, tuple(found.resources))


async def _owe(tx: Transaction, who: Subject, payment: Payment, came: r4.PaymentReconciliation) -> None:
    """Money that came is to be given back; asked twice it is once."""
    id_ = f"{came.id}-hoan"
    if (await store.read_many(tx, who, r4.PaymentReconciliation, [id_])).get(id_) is None:
        said = Came("transfer", "", -int(came.paymentAmount.value or 0), payment.reference)
        await store.create(tx, who, _moved(id_, payment, said, OWED))
        record(tx, who, Event("refund-asked", "Invoice", payment.invoice.id, id_of(payment.invoice.subject)))


async def _ended(tx: Transaction, who: Subject, invoice: r4.Invoice, why: str) -> None:
    ended = msgspec.structs.replace(invoice, status=ENDED, cancelledReason=why)
    await store.update(tx, who, ended, if_match=version_of(invoice))


async def alone(tx: Transaction, who: Subject, what: str) -> None:
    """One at a time at a payment."""
    await tx.execute("select pg_advisory_xact_lock($1)", hash64(f"{who.facility} payment {what}"))


async def id_of_money(tx: Transaction, who: Subject, way: Way, number: str) -> str:
    """The id under which this money is kept: the same number is the same money. A bank's is one in any letters."""
    index = (await keys_of(tx, who.facility)).index
    plain = "".join(number.split()).upper() if way == "transfer" else number
    return blake2b(f"money\n{way}\n{plain}".encode(), digest_size=16, key=index).hexdigest()


def _invoice(booking: r4.Appointment, price: prices.Price) -> r4.Invoice:
    amount = dong(price.amount)
    line = r4.InvoiceLineItem(
        sequence=1, chargeItemCodeableConcept=concept(systems.PRICE, price.code, price.name),
        priceComponent=[r4.InvoiceLineItemPriceComponent(type="base", amount=amount)],
    )  # fmt: skip
    reference = "BH" + "".join(secrets.choice(ALPHABET) for _ in range(10))
    return r4.Invoice(
        status=ASKED, date=stamp(clock.now()), subject=_payer(booking), lineItem=[line],
        totalNet=amount, totalGross=amount,
        identifier=[
            r4.Identifier(system=systems.PAYMENT_REFERENCE, value=reference),
            r4.Identifier(system=systems.OF_BOOKING, value=identifier(booking, systems.BOOKING_CODE)),
        ],
    )  # fmt: skip


def _moved(id_: str, payment: Payment, came: Came, status: str) -> r4.PaymentReconciliation:
    """Money that came, or (less than nothing) that is to go back."""
    amount, back = dong(came.amount), came.amount < 0
    kind = concept(systems.PAYMENT_TYPE, "adjustment" if back else "advance")
    number = r4.Identifier(system=NUMBERS[came.way], value=came.number) if came.number else None
    told = [r4.Identifier(system=systems.BANK_NOTICE, value=came.notice)] if came.notice else []
    return r4.PaymentReconciliation(
        id=id_, status=status, created=stamp(clock.now()), outcome="queued" if back else "complete",
        paymentDate=came.day or clock.today().isoformat(), paymentAmount=amount, paymentIdentifier=number,
        identifier=[r4.Identifier(system=systems.PAYMENT_REFERENCE, value=payment.reference), *told],
        detail=[
            r4.PaymentReconciliationDetail(type=kind, request=store.reference(payment.invoice), amount=amount),
        ],
    )  # fmt: skip


def _rank(invoice: r4.Invoice) -> int:
    """Which of a booking's matters most: the paid one, then the awaited one."""
    return {PAID: 0, ASKED: 1}.get(invoice.status or "", 2)


def _still(found: Payment, price: prices.Price | None) -> bool:
    """Whether what was asked is asked still, at this price."""
    return found.state is State.ASKED and price is not None and price.amount == found.amount


def _back(one: r4.PaymentReconciliation) -> bool:
    return (one.paymentAmount.value or 0) < 0


def _counts(one: r4.PaymentReconciliation, moved: tuple[r4.PaymentReconciliation, ...]) -> bool:
    """Whether this money came and has not gone back."""
    gone = {other.id for other in moved if _back(other) and other.status == CAME}
    return not _back(one) and f"{one.id}-hoan" not in gone


def _payer(booking: r4.Appointment) -> r4.Reference | None:
    """Who is to be examined: her record; of a guest, who has none yet, the name alone."""
    for actor in (one.actor for one in booking.participant):
        if actor and actor.reference == "#guest":
            return r4.Reference(display=actor.display)
        if actor and (actor.reference or "").startswith("Patient/"):
            return actor
    return None


def dong(amount: int) -> r4.Money:
    return r4.Money(value=Decimal(amount), currency="VND")
