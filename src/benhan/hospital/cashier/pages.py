"""`/thu-ngan`: money that is awaited before visits, money that came, money to be given back.

Where nobody tells of the account's money (`notices.py`), VietQR is confirmed here by hand: the cashier finds the
reference on the bank's statement and writes the bank's number. Where somebody does, that is for a notice that was lost.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import prepaid
from benhan.hospital.cashier import prepayment, unmatched
from benhan.hospital.cashier.payee import payee
from benhan.hospital.cashier.prepayment import OWED, STATE_NAMES, Came, Payment, State
from benhan.hospital.visit import id_of, identifier

pages.register("cashier", "benhan.hospital.cashier")

PATH: Final = "/thu-ngan"
TONES: Final = {
    State.ASKED: "info", State.PAID: "ok", State.OWED: "warn", State.RETURNED: "grey", State.ENDED: "grey",
}  # fmt: skip
MOST_ROWS: Final = "200"
#: What came lately is looked at, not worked off.
LATELY: Final = "30"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is to be done, then what is awaited and what came lately. `?ma=`: to the payment of a code."""
    behind, typed = prepayment.office(who), request.query_params.get("ma", "").strip()[:40]
    if typed and (found := await prepayment.of_code(tx, behind, typed)):
        return _to(found)
    owed = (await store.search(tx, behind, r4.PaymentReconciliation, {"status": OWED, "_count": MOST_ROWS})).resources
    asked, paid = [
        (await store.search(tx, behind, r4.Invoice, {"status": status, "_count": most})).resources
        for status, most in ((prepaid.ASKED, MOST_ROWS), (prepaid.PAID, LATELY))
    ]
    ids = [id_of(one.detail[0].request) for one in owed if one.detail]
    named = await store.read_many(tx, behind, r4.Invoice, ids)
    return pages.render(
        request, "cashier/overview.html", path=PATH, typed=typed, told=(await payee(tx, who.facility)).told,
        apart=await unmatched.awaiting(tx, behind), asked=[Payment(one) for one in asked],
        paid=[Payment(one) for one in paid],
        owed=[Payment(one, (money,)) for money in owed
              if money.detail and (one := named.get(id_of(money.detail[0].request) or ""))],
    )  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One payment, its money, and what may be done."""
    found = await prepayment.by_reference(tx, prepayment.office(who), request.path_params["reference"])
    return await _page(request, tx, who, found, forms.blank(_fields()))


async def came(request: Request, tx: Transaction, who: Subject) -> Response:
    """The money stands on the bank's statement."""
    found, form = await _read(request, tx, who, _fields())
    if form.errors:
        return await _page(request, tx, who, found, form, 422)
    said = Came("transfer", form["number"], form["amount"], found.reference)
    try:
        await prepayment.settle(tx, prepayment.office(who), said)
    except Conflict as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return await _page(request, tx, who, found, form, 409)
    return _to(found)


async def owe(request: Request, tx: Transaction, who: Subject) -> Response:
    """What was paid is to be given back, although nobody cancelled."""
    return _to(await prepayment.owe(tx, prepayment.office(who), request.path_params["reference"]))


async def given_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """It was given back."""
    found, form = await _read(request, tx, who, [_number()])
    try:
        form.require()
        if found.owed is None:
            raise Invalid(_("Không có khoản hoàn này."), where="number")
        await prepayment.give_back(tx, prepayment.office(who), found.owed.id or "", form["number"])
    except Invalid as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return await _page(request, tx, who, found, form, 422)
    return _to(found)


async def _read(request: Request, tx: Transaction, who: Subject, fields: list[forms.Field]) -> tuple[Payment, Form]:
    found = await prepayment.by_reference(tx, prepayment.office(who), request.path_params["reference"])
    return found, await forms.read_form(request, fields)


def _number() -> forms.Field:
    return forms.text("number", _("Số giao dịch của ngân hàng"), required=True, most=prepayment.MOST_NUMBER)


def _fields() -> list[forms.Field]:
    return [forms.amount("amount", _("Số tiền trên sao kê"), required=True), _number()]


async def _page(
    request: Request, tx: Transaction, who: Subject, found: Payment, form: Form, status: int = 200
) -> Response:
    told = (await payee(tx, who.facility)).told
    return pages.render(
        request, "cashier/one.html", status, one=found, form=form, path=PATH, names=STATE_NAMES, tones=TONES,
        states=State, told=told, notices=systems.BANK_NOTICE, checkout=systems.CHECKOUT_TRANSACTION,
        identifier=identifier,
    )  # fmt: skip


def _to(found: Payment) -> Response:
    return RedirectResponse(f"{PATH}/{found.reference}", 303)


_MAY = Permission.CASH
_ONE = f"{PATH}/{{reference}}"
DOORS = [
    Door(PATH, overview, _MAY),
    Door(_ONE, show, _MAY),
    Door(f"{_ONE}/nhan", came, _MAY, ("POST",)),
    Door(f"{_ONE}/can-hoan", owe, _MAY, ("POST",)),
    Door(f"{_ONE}/da-hoan", given_back, _MAY, ("POST",)),
]
NAV = [NavItem(later("Thu trước"), PATH, _MAY)]
