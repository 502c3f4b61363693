"""Beginning a consultation: the visit goes in progress, the doctor joins it, her patient's ticket is being served."""

from __future__ import annotations

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit.clock import now
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import queue
from benhan.hospital.clinic.note import writer
from benhan.hospital.clinic.rules import ENDED
from benhan.hospital.visit import CALLED, SERIES, SKIPPED, WAITING, concept, in_state, stamp, ticket_number

IN_PROGRESS = "in-progress"
#: Tickets of other rooms (laboratory, imaging) are not touched by a consultation.
ELSEWHERE = (SERIES["laboratory"], SERIES["imaging"])


async def begin(tx: Transaction, who: Subject, visit: r4.Encounter) -> r4.Encounter:
    """Take the visit up. A second doctor joins; doing it twice changes nothing.

    Raises:
        Conflict: the visit has ended; VersionConflict: somebody else changed it at this moment.
    """
    if visit.status in ENDED:
        raise Conflict(_("Lượt khám đã kết thúc, không bắt đầu lại được."), advice=_("Mở lượt khám mới ở tiếp đón."))
    changed = _joined(visit, who)
    if changed.status != IN_PROGRESS:
        changed = in_state(changed, IN_PROGRESS, now())
    if changed is visit:
        return visit
    kept = await store.update(tx, who, changed, if_match=version_of(visit))
    for ticket in await queue.of_visit(tx, who, visit.id or ""):
        if is_clinic(ticket) and ticket.status in (WAITING, CALLED, SKIPPED):
            await queue.start(tx, who, ticket)
    return kept


def is_clinic(ticket: r4.Task) -> bool:
    """Whether this is the ticket of the consultation, not of a laboratory or imaging room."""
    return ticket_number(ticket)[:1] not in ELSEWHERE


def _joined(visit: r4.Encounter, who: Subject) -> r4.Encounter:
    me = writer(who)
    present = visit.participant or []
    if me.reference is None or any(one.individual and one.individual.reference == me.reference for one in present):
        return visit
    role = concept(systems.PARTICIPATION, "PPRF", "Bác sĩ khám")
    mine = r4.EncounterParticipant(type=[role], period=r4.Period(start=stamp(now())), individual=me)
    return msgspec.structs.replace(visit, participant=[*present, mine])
