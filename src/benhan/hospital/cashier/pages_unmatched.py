"""`/thu-ngan/chua-khop/…`: one money that a bank's notice told of and nobody could place: whose it is, or give it back.

The payments that await exactly this amount are offered; another is named by its reference.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound
from benhan.core.kit import forms, pages
from benhan.core.kit.forms import Form
from benhan.core.language import _
from benhan.hospital import prepaid
from benhan.hospital.cashier import prepayment, unmatched
from benhan.hospital.cashier.pages import MOST_ROWS, PATH
from benhan.hospital.cashier.prepayment import Payment

_ONE: Final = f"{PATH}/chua-khop/{{id}}"


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """The money, and what may be done."""
    return await _page(request, tx, who, forms.blank(_fields()))


async def match(request: Request, tx: Transaction, who: Subject) -> Response:
    """It is of this payment."""
    form = await forms.read_form(request, _fields())
    try:
        form.require()
        reference = "".join((form["reference"] or form["asked"] or "").split()).upper()
        if not reference:
            raise Invalid(_("Chọn một khoản, hoặc nhập mã thanh toán."), where="reference")
        found = await unmatched.match(tx, prepayment.office(who), _id(request), reference)
    except (Invalid, Conflict, NotFound) as wrong:
        return await _wrong(request, tx, who, form, wrong, "reference")
    return RedirectResponse(f"{PATH}/{found.reference}", 303)


async def give_back(request: Request, tx: Transaction, who: Subject) -> Response:
    """It was sent back."""
    form = await forms.read_form(request, _fields())
    try:
        form.require()
        await unmatched.give_back(tx, prepayment.office(who), _id(request), form["number"] or "")
    except (Invalid, Conflict) as wrong:
        return await _wrong(request, tx, who, form, wrong, "number")
    return RedirectResponse(f"{PATH}/chua-khop/{_id(request)}", 303)


def _id(request: Request) -> str:
    return str(request.path_params["id"])[:64]


def _fields() -> list[forms.Field]:
    return [
        forms.text("asked", _("Khoản đang chờ"), most=20),
        forms.text("reference", _("Mã thanh toán"), most=20, hint=_("BH và 10 ký tự")),
        forms.text("number", _("Số giao dịch hoàn tiền"), most=prepayment.MOST_NUMBER),
    ]


async def _wrong(
    request: Request, tx: Transaction, who: Subject, form: Form, wrong: Invalid | Conflict | NotFound, name: str
) -> Response:
    said = f"{wrong.message} {wrong.advice}" if wrong.advice else wrong.message
    if not form.errors:
        form.errors.add(wrong.where if wrong.where in form.fields else name, said)
    return await _page(request, tx, who, form, 409 if isinstance(wrong, Conflict) else 422)


async def _page(request: Request, tx: Transaction, who: Subject, form: Form, status: int = 200) -> Response:
    behind = prepayment.office(who)
    found = await unmatched.one(tx, behind, _id(request))
    asked: list[Payment] = []
    if found.waits:
        every = await store.search(tx, behind, r4.Invoice, {"status": prepaid.ASKED, "_count": MOST_ROWS})
        asked = [one for one in map(Payment, every.resources) if one.amount == found.amount]
    return pages.render(request, "cashier/unmatched.html", status, one=found, form=form, path=PATH, asked=asked)


_MAY = Permission.CASH
DOORS = [
    Door(_ONE, show, _MAY),
    Door(f"{_ONE}/khop", match, _MAY, ("POST",)),
    Door(f"{_ONE}/hoan", give_back, _MAY, ("POST",)),
]
