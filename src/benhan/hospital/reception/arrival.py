"""Arriving without the desk: who is booked scans the code at the entrance, and is received as the desk would.

The code is on a screen at the entrance and changes every few minutes, so a picture of it sent home is worth nothing:
a queue number is for somebody who is there. Where somebody is by her phone's own word proves less (it is the phone
that says so), and is not asked. Source: QĐ 1313/QĐ-BYT, steps 1 and 2.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.language import _
from benhan.core.vault import keys_of
from benhan.hospital.reception import desk, rooms
from benhan.hospital.reception.booking_rules import actor
from benhan.hospital.visit import code_of, id_of

#: A code is shown for so long, and holds as long again.
WINDOW_SECONDS: Final = 300
#: The screen asks for the code that is shown now so often.
SHOWN_SECONDS: Final = 30
#: What she may say of herself; her age is known, and who needs help at once is no case for a phone.
DECLARED: Final = ("khuyet-tat", "co-thai", "nguoi-co-cong")


async def code_now(tx: Transaction, who: Subject, now: datetime) -> str:
    """What the entrance of a facility shows now: 20 letters and digits."""
    return await _code(tx, who.facility, _window(now))


def address(base: str, code: str) -> str:
    """What its QR says: the page of the patient's app that takes the code, so any telephone's camera will do."""
    return f"{base}/di-dong/da-den?ma={code}"


async def arrive(
    tx: Transaction, who: Subject, booking: r4.Appointment, shown: str, group: str | None, now: datetime
) -> r4.Task:
    """Receive the patient of the session, whose booking it is; gives her ticket.

    Idempotent as `desk.check_in`, and the same ticket as the desk's where that was first.

    Raises:
        Invalid: the code is not the one at the entrance now. Conflict: no room receives anybody, and as
        `desk.check_in`: another day, cancelled.
    """
    window = _window(now)
    codes = [await _code(tx, who.facility, one) for one in (window, window - 1)]
    if not any(compare_digest(one.encode(), shown.encode()) for one in codes):
        raise _stale()
    served = in_name_of(who, Role.ARRIVAL_SERVICE)
    patient = await store.read(tx, served, r4.Patient, who.patient or "")
    places = await rooms.open_rooms(tx, served)
    specialty = next((code for one in booking.specialty or [] if (code := code_of(one))), None)
    room = rooms.default_room(places, booked=id_of(actor(booking, "Location")), specialty=specialty)
    if room is None:
        raise Conflict(_("Chưa có phòng nào nhận khám."), advice=_("Đến quầy tiếp đón."))
    return await desk.check_in(tx, served, desk.Arrival(
        key=f"den-{booking.id}"[:64], patient=who.patient or "", room=room, booking=booking.id,
        group=desk.priority_by_age(patient.birthDate, now) or group,
        reason=next((reason.text or "" for reason in booking.reasonCode or []), ""),
    ))  # fmt: skip


def _window(now: datetime) -> int:
    return int(now.timestamp()) // WINDOW_SECONDS


async def _code(tx: Transaction, facility: int, window: int) -> str:
    """Nobody can tell the next one: it is made with the facility's key."""
    key = (await keys_of(tx, facility)).index
    return blake2b(f"entrance {facility} {window}".encode(), digest_size=10, key=key).hexdigest()


def _stale() -> Invalid:
    problem = Invalid(
        _("Mã ở lối vào không đúng hoặc đã đổi."), where="door", advice=_("Quét lại mã đang hiện ở lối vào.")
    )
    problem.rule = "entrance code"  # who tries is written down
    return problem
