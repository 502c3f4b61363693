"""Leaving for good: discharge and death, with what they need first; the bed is to be cleaned.

Source: TT 32/2023/TT-BYT (part B of 01–29/BV1: result, final diagnosis; 46/BV2 for who leaves against advice; 47/BV2
after a death); Luật KCB 15/2023 Đ69. The papers themselves are the legal record's (`hospital/chart`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Role, Subject
from benhan.core.access.subject import in_name_of
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Conflict, Invalid
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital import stay as words
from benhan.hospital.visit import concept, id_of, in_state, stamp, state_began
from benhan.hospital.ward import moves, order_lines, orders, places, transfers

#: Orders in these states have no result yet.
_NO_RESULT: Final = "active,draft,on-hold"


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody leaves: when, where to, with what result, of which disease (ICD-10 code and its name)."""

    at: datetime
    disposition: str
    result: str
    code: str
    diagnosis: str
    #: Orders without results are known, and she leaves all the same.
    despite: bool = False

    @property
    def died(self) -> bool:
        """Whether it is a death."""
        return self.disposition == "exp"


class ResultsMissing(Conflict):
    """Orders have no result yet: it is asked once more. `names` are they."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            _("%(n)s chỉ định chưa có kết quả: %(names)s", n=len(names), names=", ".join(names[:3])), where="van-ra",
            advice=_("Nếu vẫn cho ra viện, đánh dấu xác nhận."),
        )  # fmt: skip
        self.names = names


async def discharge(tx: Transaction, who: Subject, stay_id: str, of: Leaving) -> r4.Encounter:
    """End the stay. A stay that ended is given back as it is (a double click).

    Raises:
        Invalid: a time before the last move or in the future, a result that contradicts a death.
        ResultsMissing; Conflict: a transfer is still open, or she waits for a bed.
    """
    stay = await moves.read(tx, who, stay_id)
    if stay.status == words.ENDED:
        return stay
    of = await _may(tx, who, stay, of)
    condition = await _final(tx, who, stay, of)
    bed, behind = words.bed(stay), in_name_of(who, Role.WARD_SERVICE)
    await orders.end_all(tx, who, stay)
    kept = await store.update(tx, behind, _ended(stay, of, condition), if_match=version_of(stay))
    if bed:
        await places.put(tx, who, await places.read(tx, who, bed), words.TO_CLEAN)
    if of.died:
        await _dies(tx, who, id_of(stay.subject) or "", of.at)
    return kept


async def waiting_orders(tx: Transaction, who: Subject, stay_id: str) -> list[str]:
    """What was ordered and has no result yet, by name."""
    asked = {"encounter": f"Encounter/{stay_id}", "status": _NO_RESULT, "_count": "100"}
    found = (await store.search(tx, who, r4.ServiceRequest, asked)).resources
    return [one.code.text or "" for one in found if one.code and not order_lines.line(one).lasting]


async def _may(tx: Transaction, who: Subject, stay: r4.Encounter, of: Leaving) -> Leaving:
    """What is asked, with a time that is not before the last move: a screen asks for minutes, a move has seconds."""
    times = [words.began(stay), *(one.began for kind in (words.WARD, words.BED) for one in words.stretches(stay, kind))]
    last = max((one for one in [*times, state_began(stay, stay.status or "")] if one), default=None)
    if stay.status not in words.LYING or last is None:
        raise Conflict(_("Người bệnh chưa vào khoa: bỏ khỏi danh sách chờ."), where="luot")
    if not last.replace(second=0) <= of.at <= clock.now():
        raise Invalid(_("Giờ ra phải sau lần xếp giường, chuyển khoa cuối và không ở tương lai."), where="luc")
    if of.died is not (of.result == "dead"):
        raise Invalid(_("Kết quả điều trị và cách ra viện không khớp."), where="ket-qua")
    if await transfers.of_stay(tx, who, stay.id or ""):
        raise Conflict(_("Còn một yêu cầu chuyển khoa chưa trả lời."), where="luot")
    if not of.despite and (names := await waiting_orders(tx, who, stay.id or "")):
        raise ResultsMissing(names)
    return msgspec.structs.replace(of, at=max(of.at, last))


def _ended(stay: r4.Encounter, of: Leaving, condition: r4.Condition) -> r4.Encounter:
    home = msgspec.structs.replace(
        stay.hospitalization or r4.EncounterHospitalization(),
        dischargeDisposition=concept(systems.DISCHARGE, of.disposition, words.DISPOSITIONS[of.disposition]),
    )
    result = r4.Extension(
        url=systems.EXTENSION_RESULT,
        valueCodeableConcept=concept(systems.TREATMENT_RESULT, of.result, words.RESULTS[of.result]),
    )
    final = r4.EncounterDiagnosis(
        condition=store.reference(condition), use=concept(systems.DIAGNOSIS_ROLE, "DD", "Discharge diagnosis"), rank=1
    )
    others = [
        one for one in stay.extension or [] if one.url not in (systems.EXTENSION_RESULT, systems.EXTENSION_AWAITED)
    ]
    left = words.without_place(in_state(stay, words.ENDED, of.at), of.at, words.WARD, words.BED)
    return msgspec.structs.replace(
        left, period=msgspec.structs.replace(stay.period or r4.Period(), end=stamp(of.at)), hospitalization=home,
        diagnosis=[*(stay.diagnosis or []), final], extension=[*others, result],
    )  # fmt: skip


async def _final(tx: Transaction, who: Subject, stay: r4.Encounter, of: Leaving) -> r4.Condition:
    assert stay.subject
    return await store.create(tx, who, r4.Condition(
        clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
        verificationStatus=concept(systems.CONDITION_VERIFICATION, "confirmed"),
        category=[concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
        code=concept(systems.ICD10, of.code, of.diagnosis), subject=stay.subject, encounter=store.reference(stay),
        recordedDate=stamp(of.at), recorder=_person(who),
    ))  # fmt: skip


async def _dies(tx: Transaction, who: Subject, patient: str, at: datetime) -> None:
    person = await store.read(tx, who, r4.Patient, patient)
    said = msgspec.structs.replace(person, deceasedBoolean=None, deceasedDateTime=stamp(at))
    await store.update(tx, in_name_of(who, Role.WARD_SERVICE), said, if_match=version_of(person))


def _person(who: Subject) -> r4.Reference | None:
    return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name) if who.practitioner else None
