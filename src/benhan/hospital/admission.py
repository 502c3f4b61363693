"""Asking for a bed: the verb that the clinic (its conclusion says "nhập viện") and the ward share.

Source: TT 32/2023/TT-BYT (29/BV2, phiếu khám vào viện); QĐ 1313/QĐ-BYT (step of the conclusion).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.hospital import stay as words
from benhan.hospital.visit import concept, moment, stamp


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is to be admitted: to which department, from where, why, how urgently (HL7 ActPriority EM, UR, R)."""

    patient: r4.Reference
    department: r4.Reference
    source: str
    reason: str
    urgency: str = "R"
    conditions: Sequence[r4.Reference] = ()
    #: The number of the visit that ended with it.
    visit: str = ""


#: Source: HL7 v3-ActPriority.
URGENCIES: Final = {"EM": later("Cấp cứu"), "UR": later("Khẩn"), "R": later("Thường")}


async def open_stay(tx: Transaction, who: Subject, patient: str) -> r4.Encounter | None:
    """The stay of a person that has not ended, if there is one."""
    params = {"patient": f"Patient/{patient}", "class": words.INPATIENT, "status": ",".join(words.OPEN)}
    return await store.first(tx, who, r4.Encounter, params)


async def ask(tx: Transaction, who: Subject, request: Request, *, at: datetime | None = None) -> r4.Encounter:
    """Put somebody on the waiting list of a department: a planned stay with its number, for as long as it lasts.

    Raises:
        Conflict: she has a stay that has not ended. Forbidden, Invalid: as the store.
    """
    at = at or clock.now()
    number = await store.number(tx, who, f"stay:{at:%Y}")
    made = r4.Encounter(
        identifier=[r4.Identifier(system=systems.VISIT_NUMBER, value=f"NT-{at:%y}-{number:06d}")],
        status=words.WAITING,
        class_=r4.Coding(system=systems.ACT_CODE, code=words.INPATIENT, display="inpatient encounter"),
        priority=concept(systems.ACT_PRIORITY, request.urgency, URGENCIES[request.urgency]),
        subject=request.patient,
        participant=[_asked_by(who, at)],
        reasonCode=[r4.CodeableConcept(text=request.reason)] if request.reason else None,
        reasonReference=list(request.conditions) or None,
        hospitalization=r4.EncounterHospitalization(
            preAdmissionIdentifier=(
                r4.Identifier(system=systems.OF_VISIT, value=request.visit) if request.visit else None
            ),
            admitSource=concept(systems.ADMIT_SOURCE, request.source, words.SOURCES[request.source]),
        ),
        serviceProvider=request.department,
    )
    try:
        async with tx.savepoint():
            return await store.create(tx, in_name_of(who, Role.WARD_SERVICE), made)
    except store.AlreadyExists:
        raise Conflict(
            _("Người bệnh này đang có một đợt nằm viện chưa kết thúc."), where="patient",
            advice=_("Mở đợt nằm viện ấy trên sơ đồ giường."),
        ) from None  # fmt: skip


def asked_at(stay: r4.Encounter) -> datetime | None:
    """Since when she waits."""
    for one in stay.participant or []:
        if one.period and any(code.code == "ADM" for kind in one.type or [] for code in kind.coding or []):
            return moment(one.period.start)
    return None


def _asked_by(who: Subject, at: datetime) -> r4.EncounterParticipant:
    person = r4.Reference(display=who.name or who.account)
    if who.practitioner:
        person = r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    return r4.EncounterParticipant(
        type=[concept(systems.PARTICIPATION, "ADM", "admitter")], period=r4.Period(start=stamp(at)),
        individual=person,
    )  # fmt: skip
