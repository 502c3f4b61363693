"""`/app/bookings/…/papers`: photos of a referral or an appointment slip with a booking. Contract: app-api.md.

For a booking of the record that the session has open and that is still awaited; a guest sends hers from the page of her
booking (`booking_papers.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from benhan.core import store
from benhan.core.access import Door, Permission, Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Malformed, NotFound
from benhan.core.kit import json_forms, pictures
from benhan.core.language import _
from benhan.hospital import referral
from benhan.hospital.booking_code import read_code
from benhan.hospital.reception.booking_rules import AWAITED
from benhan.hospital.reception.people import alone

PATH: Final = "/app/bookings/{booking}/papers"
#: Photos of one booking.
MOST: Final = pictures.MOST_PICTURES
_BYTES: Final = pictures.MOST_BYTES + json_forms.MOST_BYTES


async def show(request: Request, tx: Transaction, who: Subject) -> Response:
    """How many there are, and how many there may be."""
    _booking, code, behind = await _of(request, tx, who)
    return _said(len(await referral.of_booking(tx, behind, code)))


async def add(request: Request, tx: Transaction, who: Subject) -> Response:
    """One photo or some more."""
    said = await json_forms.read_object(request, _BYTES)
    sent = pictures.read(said.pop("photos", None))
    if said:
        raise Malformed(_("Không có trường này."), where=sorted(said)[0][:60])
    booking, code, behind = await _of(request, tx, who)
    return _said(await take(tx, behind, booking, code, sent), 201)


async def take(tx: Transaction, behind: Subject, booking: r4.Appointment, code: str, sent: Sequence[bytes]) -> int:
    """Keep photos with a booking; gives how many it has now.

    Raises:
        Conflict: it is not awaited any more, or would have too many.
    """
    if booking.status != AWAITED:
        raise Conflict(_("Lịch hẹn này không nhận thêm giấy tờ nữa."), where="photos")
    await alone(tx, f"papers {behind.facility} {code}")
    there = len(await referral.of_booking(tx, behind, code))
    if there + len(sent) > MOST:
        raise Conflict(_("Mỗi lịch hẹn nhiều nhất %(n)s ảnh.", n=MOST), where="photos")
    for one in sent:
        await referral.keep(tx, behind, booking, code, one)
    return there + len(sent)


async def _of(request: Request, tx: Transaction, who: Subject) -> tuple[r4.Appointment, str, Subject]:
    """The booking of the address, if it is of the record of the session; its code; who keeps the photos.

    Raises:
        NotFound: it is not.
    """
    code = read_code(str(request.path_params["booking"])) or ""
    found = await store.first(tx, who, r4.Appointment, {"identifier": f"{systems.BOOKING_CODE}|{code}"})
    if not code or found is None:
        raise NotFound(_("Không có lịch hẹn nào mang mã này."), where="code")
    return found, code, in_name_of(who, Role.BOOKING_SERVICE)


def _said(number: int, status: int = 200) -> Response:
    return json_forms.answer({"papers": number, "most": MOST}, status)


_MAY = Permission.OWN_RECORD
DOORS = [Door(PATH, show, _MAY, app=True), Door(PATH, add, _MAY, ("POST",), app=True)]
