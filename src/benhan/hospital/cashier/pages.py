"""`/thu-ngan`: money that is awaited before visits, money that came, money to be given back.

VietQR is confirmed here by hand: the cashier finds the reference on the bank's statement and writes the bank's number.
A bank's own notice (webhook) is not built: each bank signs in its own way, and none has published a contract.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pages
from benhan.core.kit.forms import Form
from benhan.core.kit.pages import NavItem
from benhan.core.language import _, later
from benhan.hospital import prepaid
from benhan.hospital.cashier import prepayment
from benhan.hospital.cashier.prepayment import OWED, STATE_NAMES, Came, Payment, State
from benhan.hospital.visit import id_of

pages.register("cashier", "benhan.hospital.cashier")

PATH: Final = "/thu-ngan"
TONES: Final = {
    State.ASKED: "info", State.PAID: "ok", State.OWED: "warn", State.RETURNED: "grey", State.ENDED: "grey",
}  # fmt: skip
_MOST: Final = "200"


async def overview(request: Request, tx: Transaction, who: Subject) -> Response:
    """What is to be done, then what is awaited and what came lately."""
    behind = prepayment.office(who)
    owed = (await store.search(tx, behind, r4.PaymentReconciliation, {"status": OWED, "_count": _MOST})).resources
    asked, paid = [
        (await store.search(tx, behind, r4.Invoice, {"status": status, "_count": _MOST})).resources
        for status in (prepaid.ASKED, prepaid.PAID)
    ]
    ids = [id_of(one.detail[0].request) for one in owed if one.detail]
    named = await store.read_many(tx, behind, r4.Invoice, ids)
    return pages.render(
        request, "cashier/overview.html", path=PATH, asked=[Payment(one) for one in asked],
        paid=[Payment(one) for one in paid],
        owed=[Payment(one, (money,)) for money in owed
              if money.detail and (one := named.get(id_of(money.detail[0].request) or ""))],
    )  # fmt: skip


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """One payment, its money, and what may be done."""
    found = await prepayment.by_reference(tx, prepayment.office(who), request.path_params["reference"])
    return _page(request, found, forms.blank(_fields()))


async def came(request: Request, tx: Transaction, who: Subject) -> Response:
    """The money stands on the bank's statement."""
    found, form = await _read(request, tx, who, _fields())
    if form.errors:
        return _page(request, found, form, 422)
    said = Came("transfer", form["number"], form["amount"], found.reference)
    try:
        await prepayment.settle(tx, prepayment.office(who), said)
    except Conflict as wrong:
        form.errors.add(wrong.where or "", wrong.message)
        return _page(request, found, form, 409)
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
        return _page(request, found, form, 422)
    return _to(found)


async def _read(request: Request, tx: Transaction, who: Subject, fields: list[forms.Field]) -> tuple[Payment, Form]:
    found = await prepayment.by_reference(tx, prepayment.office(who), request.path_params["reference"])
    return found, await forms.read_form(request, fields)


def _number() -> forms.Field:
    return forms.text("number", _("Số giao dịch của ngân hàng"), required=True, most=prepayment.MOST_NUMBER)


def _fields() -> list[forms.Field]:
    return [forms.amount("amount", _("Số tiền trên sao kê"), required=True), _number()]


def _page(request: Request, found: Payment, form: Form, status: int = 200) -> Response:
    return pages.render(
        request, "cashier/one.html", status, one=found, form=form, path=PATH, names=STATE_NAMES, tones=TONES,
        states=State,
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
