"""Diagnoses of a visit: Conditions coded by ICD-10, one of them the main one.

The order stands in `Encounter.diagnosis` (rank 1 = main); what is taken back stays as entered in error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid, NotFound
from benhan.core.kit import codes
from benhan.core.kit.clock import now, today
from benhan.core.kit.codes import Code
from benhan.core.language import _
from benhan.core.store.records import version_of
from benhan.hospital.clinic.note import find as find_note
from benhan.hospital.clinic.note import writer
from benhan.hospital.clinic.rules import is_live, must_be_open
from benhan.hospital.clinic.rules_diagnosis import list_day, may_be_main, objections
from benhan.hospital.visit import code_of, concept, display_of, id_of, stamp

#: A visit has at most so many diagnoses (MA_BENH_KT of the claim takes 12 accompanying ones).
MOST = 13


class Diagnosis(msgspec.Struct, frozen=True):
    """A diagnosis as a page shows it."""

    id: str
    code: str
    name: str
    main: bool


class NeedsConfirmation(Invalid):
    """422: allowed but discouraged; the person must say that she means it."""


def listed(visit: r4.Encounter, conditions: Sequence[r4.Condition]) -> list[Diagnosis]:
    """The diagnoses of a visit in their order, the main one first."""
    by_id = {one.id: one for one in conditions}
    found = []
    for entry in sorted(visit.diagnosis or [], key=lambda one: one.rank or 99):
        condition = by_id.get(id_of(entry.condition))
        if condition is not None and is_live(condition):
            code = code_of(condition.code, systems.ICD10) or ""
            found.append(Diagnosis(condition.id or "", code, display_of(condition.code), entry.rank == 1))
    return found


async def add(
    tx: Transaction,
    who: Subject,
    visit: r4.Encounter,
    patient: r4.Patient,
    icd: str,
    *,
    main: bool | None = None,
    confirmed: bool = False,
) -> r4.Encounter:
    """Give the visit a diagnosis; the first one that may be main becomes main. A code that is there already stays.

    Raises:
        Invalid: no such code in the list of that day, a flag forbids it, or there are too many.
        NeedsConfirmation: it is discouraged as main diagnosis and `confirmed` is not set.
        Conflict: the visit is closed; VersionConflict: somebody changed the visit at this moment.
    """
    await _must_be_open(tx, who, visit)
    code = look_up(visit, icd)
    present = await _present(tx, who, visit)
    known = next((one for one in present if one.code == code.code), None)
    if main is None:
        main = not any(one.main for one in present) and may_be_main(code, patient.gender)
    _allow(code, main, patient, confirmed)
    if known:
        return (
            await make_main(tx, who, visit, patient, known.id, confirmed=confirmed)
            if main and not known.main
            else visit
        )
    if len(present) >= MOST:
        raise Invalid(_("Đã có %(n)s chẩn đoán, không thêm được nữa.", n=MOST))
    made = await store.create(tx, who, _condition(who, visit, code))
    entry = Diagnosis(made.id or "", code.code, code.name, main)
    return await _reorder(tx, who, visit, [entry, *_demoted(present)] if main else [*present, entry])


async def make_main(
    tx: Transaction, who: Subject, visit: r4.Encounter, patient: r4.Patient, id_: str, *, confirmed: bool = False
) -> r4.Encounter:
    """Make one of the diagnoses the main one.

    Raises:
        NotFound, Invalid, NeedsConfirmation, Conflict, VersionConflict: as `add`.
    """
    await _must_be_open(tx, who, visit)
    present = await _present(tx, who, visit)
    chosen = _chosen(present, id_)
    _allow(look_up(visit, chosen.code), True, patient, confirmed)
    first = msgspec.structs.replace(chosen, main=True)
    return await _reorder(tx, who, visit, [first, *_demoted(one for one in present if one.id != id_)])


async def remove(tx: Transaction, who: Subject, visit: r4.Encounter, id_: str) -> r4.Encounter:
    """Take a diagnosis back.

    Raises:
        NotFound: the visit has no such diagnosis; Conflict, VersionConflict: as `add`.
    """
    await _must_be_open(tx, who, visit)
    present = await _present(tx, who, visit)
    chosen = _chosen(present, id_)
    condition = await store.read(tx, who, r4.Condition, chosen.id)
    wrong = concept(systems.CONDITION_VERIFICATION, "entered-in-error", "Ghi nhầm")
    # con-5: a Condition that was entered in error has no clinical status.
    taken_back = msgspec.structs.replace(condition, verificationStatus=wrong, clinicalStatus=None)
    await store.update(tx, who, taken_back, if_match=version_of(condition))
    return await _reorder(tx, who, visit, [one for one in present if one.id != id_])


def look_up(visit: r4.Encounter, icd: str) -> Code:
    """The entry of a code in the list that is in force for the visit; "j189" finds "J18.9".

    Raises:
        Invalid: the list has no such code.
    """
    on = list_day(visit, today())
    book = codes.icd10(on)
    written = icd.strip().upper()[:12]
    dotted = f"{written[:3]}.{written[3:]}" if len(written) > 3 and "." not in written else written
    code = book.get(written) or book.get(dotted)
    if code is None:
        raise Invalid(
            _("Không có mã %(code)s trong danh mục ICD-10 đang dùng.", code=written or "?"),
            where="code",
            advice=_("Gõ tên bệnh hoặc mã rồi chọn trong danh sách."),
        )
    return code


def _allow(code: Code, main: bool, patient: r4.Patient, confirmed: bool) -> None:
    for one in objections(code, main=main, gender=patient.gender):
        if one.refused:
            raise Invalid(one.message, code="business-rule", where="code", advice=code.name)
        if not confirmed:
            raise NeedsConfirmation(one.message, code="business-rule", where="code", advice=code.name)


async def _must_be_open(tx: Transaction, who: Subject, visit: r4.Encounter) -> None:
    must_be_open(visit, await find_note(tx, who, visit))


async def _present(tx: Transaction, who: Subject, visit: r4.Encounter) -> list[Diagnosis]:
    found = await store.read_many(tx, who, r4.Condition, [id_of(one.condition) for one in visit.diagnosis or []])
    return listed(visit, list(found.values()))


async def _reorder(tx: Transaction, who: Subject, visit: r4.Encounter, wanted: Sequence[Diagnosis]) -> r4.Encounter:
    entries = [_entry(one, place) for place, one in enumerate(sorted(wanted, key=lambda one: not one.main), 1)]
    if entries and not any(one.main for one in wanted):  # rank 1 is kept free for the main diagnosis
        entries = [msgspec.structs.replace(entry, rank=(entry.rank or 1) + 1) for entry in entries]
    changed = msgspec.structs.replace(visit, diagnosis=entries or None)
    return await store.update(tx, who, changed, if_match=version_of(visit))


def _entry(one: Diagnosis, rank: int) -> r4.EncounterDiagnosis:
    use = ("DD", "Chẩn đoán chính") if one.main else ("CM", "Chẩn đoán kèm theo")
    return r4.EncounterDiagnosis(
        condition=r4.Reference(reference=f"Condition/{one.id}", display=f"{one.code} {one.name}"),
        use=concept(systems.DIAGNOSIS_ROLE, *use),
        rank=rank,
    )


def _condition(who: Subject, visit: r4.Encounter, code: Code) -> r4.Condition:
    return r4.Condition(
        clinicalStatus=concept(systems.CONDITION_CLINICAL, "active"),
        verificationStatus=concept(systems.CONDITION_VERIFICATION, "confirmed"),
        category=[concept(systems.CONDITION_CATEGORY, "encounter-diagnosis")],
        code=concept(systems.ICD10, code.code, code.name),
        subject=visit.subject or r4.Reference(),
        encounter=r4.Reference(reference=f"Encounter/{visit.id}"),
        recordedDate=stamp(now()),
        recorder=writer(who) if who.practitioner else None,
    )


def _chosen(present: Sequence[Diagnosis], id_: str) -> Diagnosis:
    for one in present:
        if one.id == id_:
            return one
    raise NotFound(_("Lượt khám không có chẩn đoán này."), advice=_("Tải lại trang để xem danh sách hiện tại."))


def _demoted(present: Iterable[Diagnosis]) -> list[Diagnosis]:
    return [msgspec.structs.replace(one, main=False) for one in present]
