"""`/dat-kham/{code}/giay-to`: photos of a referral or an appointment slip, from the page of a guest's booking.

One photo at a time, as a plain form; a script makes it smaller first, without one it must be small enough itself. Who
is let in: whoever the page of the booking lets in.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import forms, pictures
from benhan.core.language import _
from benhan.hospital import referral
from benhan.hospital.reception import referral_app
from benhan.hospital.reception.booking_public import PAPERS, PATH, asked_of, at, code_asked, mine, page
from benhan.hospital.reception.booking_rules import AWAITED

FIELD = "tep"


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """How many there are, and a form for one more."""
    served, code = asked_of(request, who), code_asked(request)
    return await _page(request, tx, served, await mine(request, tx, served, code), forms.blank([]))


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """One photo."""
    served, code = asked_of(request, who), code_asked(request)
    booking = await mine(request, tx, served, code)
    form = await forms.read_form(request, [], most_bytes=10 * pictures.MOST_PICTURE)
    body = await _sent(form)
    try:
        if not body:
            raise Invalid(_("Chọn một ảnh."), where=FIELD)
        await referral_app.take(tx, served, booking, code, [pictures.bare(body)])
    except (Invalid, Conflict) as wrong:
        form.errors.add("", wrong.message)
        return await _page(request, tx, served, booking, form, 422)
    return RedirectResponse(at(request, f"{PATH}/{code}/{PAPERS}"), 303)


async def _sent(form: forms.Form) -> bytes:
    """What came along."""
    sent = form.files.get(FIELD)
    if sent is None:
        return b""
    body = await sent.read()
    await sent.close()
    return body


async def _page(
    request: Request, tx: Transaction, served: Subject, booking: r4.Appointment, form: forms.Form, status: int = 200
) -> Response:
    code = code_asked(request)
    kept, most = len(await referral.of_booking(tx, served, code)), referral_app.MOST
    room = booking.status == AWAITED and kept < most
    return page(
        request, "booking_papers.html", status, code=code, form=form, kept=kept, most=most, room=room, name=FIELD
    )


_ANYONE = Permission.ANYONE
DOORS = [
    Door(f"{PATH}/{{code}}/{PAPERS}", show, _ANYONE),
    Door(f"{PATH}/{{code}}/{PAPERS}", add, _ANYONE, ("POST",)),
]
