"""`/app/bookings/…/payment`: paying before a visit, in the patient's app. Contract: docs/reference/app-api.md.

For a booking of the record that the session has open; a guest pays from the page of her booking (`guest.py`).
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import forms, json_forms, marks
from benhan.core.kit.json_forms import Said
from benhan.core.language import _
from benhan.hospital.cashier import checkout, prepayment, status, vietqr
from benhan.hospital.cashier.payee import Payee, payee
from benhan.hospital.cashier.prepayment import STATE_NAMES, Payment, State

PATH: Final = "/app/bookings/{booking}/payment"
WHAT: Final = "Thanh toan kham benh"


class Account(Said):
    """Where a transfer goes: BIN of the bank, number, holder."""

    bank: str
    number: str
    holder: str


class Shown(Said):
    """A payment: before it is asked for without `reference`; `qr`, `account` and `order` while the money is awaited."""

    amount: int
    what: str
    ways: list[str]
    reference: str = ""
    state: str = ""
    state_name: str = ""
    qr: marks.Qr | None = None
    account: Account | None = None
    order: checkout.Order | None = None


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What it costs, and whether it is paid."""
    booking, behind = await _booking(request, tx, who), prepayment.office(who)
    to = await payee(tx, who.facility)
    if found := await prepayment.of_booking(tx, behind, booking):
        return json_forms.answer(_shown(found, to, who))
    price = await prepayment.price_of(tx, behind, booking) if booking.status == prepayment.AWAITED else None
    return json_forms.answer(Shown(
        amount=price.amount if price else 0, what=price.name if price else "", ways=to.ways if price else []
    ))  # fmt: skip


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """She wants to pay: the QR and the order of this payment, the same however often she asks."""
    booking, behind = await _booking(request, tx, who), prepayment.office(who)
    to = await payee(tx, who.facility)
    if not to.ways:
        raise NotFound(_("Cơ sở chưa nhận trả trước."), advice=_("Thanh toán tại quầy thu ngân."))
    return json_forms.answer(_shown(await prepayment.ask(tx, behind, booking), to, who), 201)


async def order(request: Request, tx: Transaction, who: Subject) -> Response:
    """Her telephone made an order of this payment at Zalo. It is asked about if Zalo's callback does not come.

    What she sends is believed for nothing else: whose money an order brought is what Zalo says of it.
    """
    form = await json_forms.read(request, [forms.text("order", _("Mã đơn hàng"), required=True, most=60)])
    booking, behind = await _booking(request, tx, who), prepayment.office(who)
    form.require()
    found = await prepayment.of_booking(tx, behind, booking)
    if found is None or not found.reference:
        raise Conflict(_("Lịch hẹn này chưa có khoản thanh toán nào."), where="order")
    await status.expect(tx, behind, found.reference, form["order"])
    return json_forms.nothing()


async def _booking(request: Request, tx: Transaction, who: Subject) -> r4.Appointment:
    """The booking of the address, if it is of the record of the session.

    Raises:
        NotFound: it is not; Forbidden: the relation does not open appointments.
    """
    code = str(request.path_params["booking"])[:20].upper()
    found = await store.first(tx, who, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})
    if found is None:
        raise NotFound(_("Không có lịch hẹn nào mang mã này."), where="code")
    return found


def _shown(found: Payment, to: Payee, who: Subject) -> Shown:
    what = next((one.text or "" for line in found.invoice.lineItem or []
                 if (one := line.chargeItemCodeableConcept)), "")  # fmt: skip
    said = Shown(
        amount=found.amount, what=what, ways=to.ways, reference=found.reference, state=found.state,
        state_name=_(STATE_NAMES[found.state]),
    )  # fmt: skip
    if found.state is not State.ASKED:
        return said
    if "qr" in to.ways:
        said.qr = marks.qr_drawn(vietqr.payload(to.bank, to.number, found.amount, found.reference))
        said.account = Account(bank=to.bank, number=to.number, holder=to.holder)
    if "checkout" in to.ways:
        said.order = checkout.order(found.reference, who.facility_code, found.amount, WHAT, to.key)
    return said


_MAY = Permission.OWN_RECORD
DOORS = [
    Door(PATH, show, _MAY, app=True),
    Door(PATH, ask, _MAY, ("POST",), app=True),
    Door(f"{PATH}/orders", order, _MAY, ("POST",), app=True),
]
