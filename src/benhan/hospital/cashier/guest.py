"""`/dat-kham/{code}/tra-truoc`: who booked without an account pays before the visit, by VietQR.

Whoever proved the booking on its page is let in by the same pass; who did not is sent there. Zalo's Checkout needs the
app. What she pays has no record to belong to until she arrives; it carries the booking's code and her name.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject, service
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, NotFound
from benhan.core.kit import marks, pages
from benhan.core.language import _
from benhan.hospital import booking_code, prepaid
from benhan.hospital.cashier import prepayment, vietqr
from benhan.hospital.cashier.pages import TONES
from benhan.hospital.cashier.payee import payee
from benhan.hospital.cashier.prepayment import STATE_NAMES, State

PATH = f"{booking_code.PATH}/{{code}}/{prepaid.PAGE}"


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """What it costs; once she asked, the QR; whether the money has come."""
    found = await _passed(request, tx, who)
    return await _page(request, tx, who, found) if found else RedirectResponse(_back(request), 303)


async def ask(request: Request, tx: Transaction, who: Subject) -> Response:
    """She wants to pay; asked again it is the same payment."""
    found = await _passed(request, tx, who)
    if found is None:
        return RedirectResponse(_back(request), 303)
    if not await prepaid.by_transfer(tx, who.facility):
        raise NotFound(_("Cơ sở chưa nhận trả trước."), advice=_("Thanh toán tại quầy thu ngân."))
    try:
        await prepayment.ask(tx, _behind(who), found)
    except Conflict as wrong:
        return await _page(request, tx, who, found, wrong, 409)
    return RedirectResponse(_at(request, request.url.path), 303)


async def _passed(request: Request, tx: Transaction, who: Subject) -> r4.Appointment | None:
    """The booking, if this browser proved it."""
    code = booking_code.read_code(str(request.path_params["code"]))
    shown = request.cookies.get(booking_code.cookie(code)) if code else None
    if not shown or not who.facility:
        return None
    asked = {"identifier": f"{systems.BOOKING_CODE}|{code}"}
    found = await store.first(tx, _behind(who), r4.Appointment, asked)
    return found if found and booking_code.pass_holds(found, shown) else None


def _behind(who: Subject) -> Subject:
    return service(Role.PAYMENT_SERVICE, who.facility, who.facility_name)


async def _page(
    request: Request, tx: Transaction, who: Subject, booking: r4.Appointment, wrong: Conflict | None = None,
    status: int = 200,
) -> Response:  # fmt: skip
    behind, to = _behind(who), await payee(tx, who.facility)
    found = await prepayment.of_booking(tx, behind, booking)
    price = await prepayment.price_of(tx, behind, booking) if booking.status == prepayment.AWAITED else None
    shown: dict[str, Any] = {"one": found, "price": price, "to": to, "wrong": wrong, "states": State, "qr": ""}
    if found and found.state is State.ASKED and to.number:
        said = vietqr.payload(to.bank, to.number, found.amount, found.reference)
        shown["qr"] = marks.qr_svg(said, label=_("Mã VietQR %(reference)s", reference=found.reference))
    return pages.render(
        request, "cashier/guest.html", status, **shown, names=STATE_NAMES, tones=TONES, facility=who.facility_name,
        here=_at(request, request.url.path), back=_back(request),
    )  # fmt: skip


def _back(request: Request) -> str:
    """The page of the booking."""
    return _at(request, request.url.path.rpartition("/")[0])


def _at(request: Request, path: str) -> str:
    """An address of ours; the facility that was asked for stays named."""
    facility = request.query_params.get("co-so")
    return f"{path}?{urlencode({'co-so': facility})}" if facility else path


_MAY = Permission.ANYONE
DOORS = [Door(PATH, show, _MAY), Door(PATH, ask, _MAY, ("POST",))]
