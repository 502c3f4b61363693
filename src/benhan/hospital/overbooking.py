"""Places beyond what a session holds: so many a session, for the desk or for the doctor, and only once it is full.

Such a place is a Slot that FHIR calls `overbooked`; it stands at the time of an ordinary one and says of which session
it is. Who books by herself is never offered one. Shared by reception and clinic, which both give times.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.language import _, later
from benhan.hospital.visit import code_of, concept, moment, stamp

SESSION: Final = f"{systems.EXTENSION}/overbooked-session"
DESK, DOCTOR = "desk", "doctor"
#: For whom a session may hold more, in words.
FOR: Final = {DESK: later("quầy tiếp đón"), DOCTOR: later("bác sĩ hẹn tái khám")}
_KINDS: Final = {
    DESK: concept(systems.APPOINTMENT_REASON, "WALKIN", "Thêm ngoài sức chứa, cho quầy"),
    DOCTOR: concept(systems.APPOINTMENT_REASON, "FOLLOWUP", "Thêm ngoài sức chứa, cho bác sĩ"),
}
_ROLES: Final = {DESK: {Role.RECEPTION, Role.PLANNING, Role.ADMINISTRATOR}, DOCTOR: {Role.DOCTOR}}
#: More than any session has free.
MOST: Final = "200"


def beyond(slot: r4.Slot, start: datetime, end: datetime, whom: str) -> r4.Slot:
    """The place beside an ordinary one, of the session from `start` to `end`."""
    session = r4.Extension(url=SESSION, valuePeriod=r4.Period(start=stamp(start), end=stamp(end)))
    return msgspec.structs.replace(
        slot, id=f"{slot.id}-x", overbooked=True, appointmentType=_KINDS[whom], extension=[session]
    )


def whom(slot: r4.Slot) -> str:
    """For whom a place beyond is: DESK or DOCTOR."""
    return DOCTOR if code_of(slot.appointmentType) == "FOLLOWUP" else DESK


def offered(free: Sequence[r4.Slot], who: Subject) -> list[r4.Slot]:
    """Of all free slots of some schedules those that she may be offered: ordinary ones; others where it is full."""
    ordinary = [one for one in free if not one.overbooked]
    return [
        one for one in free
        if not one.overbooked or (_hers(one, who) and not any(_beside(one, other) for other in ordinary))
    ]  # fmt: skip


async def check(tx: Transaction, who: Subject, slot: r4.Slot) -> None:
    """Whether she may take a slot that lies beyond what its session holds; ordinary ones are not looked at.

    Raises:
        Conflict: it is not for her, or the session has ordinary times left.
    """
    if not slot.overbooked:
        return
    if not _hers(slot, who):
        raise Conflict(_("Chỗ thêm này dành cho %(whom)s.", whom=_(FOR[whom(slot)])), where="slot")
    first, last = _session(slot)
    asked = {
        "schedule": slot.schedule.reference or "", "status": "free", "_count": MOST,
        "start": [f"ge{stamp(first)}", f"lt{stamp(last)}"],
    }  # fmt: skip
    left = (await store.search(tx, who, r4.Slot, asked)).resources
    if any(not one.overbooked for one in left):
        raise Conflict(
            _("Buổi này còn giờ thường, chưa được nhận thêm."), where="slot", advice=_("Chọn một giờ còn trống.")
        )


def _hers(slot: r4.Slot, who: Subject) -> bool:
    return not _ROLES[whom(slot)].isdisjoint(who.roles)


def _beside(slot: r4.Slot, ordinary: r4.Slot) -> bool:
    """Whether an ordinary slot is of the session of this one."""
    first, last = _session(slot)
    at = moment(ordinary.start)
    return ordinary.schedule.reference == slot.schedule.reference and at is not None and first <= at < last


def _session(slot: r4.Slot) -> tuple[datetime, datetime]:
    period = next((one.valuePeriod for one in slot.extension or [] if one.url == SESSION), None)
    first, last = (moment(period.start), moment(period.end)) if period else (None, None)
    if first is None or last is None:
        raise Conflict(_("Chỗ thêm này không thuộc buổi nào."), where="slot")
    return first, last
