"""What nurse and doctor write in a visit: vital signs, note, diagnoses, prescription."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.clock import vn_date
from benhan.hospital.clinic.conclusion import OUTCOME_SECTION
from benhan.hospital.medicine_warnings import Allergy, against_allergies
from benhan.hospital.visit import (
    ADVICE,
    EXAMINATION,
    ILLNESS,
    OUTCOMES,
    PAST,
    REASON,
    SECTIONS,
    concept,
    narrative,
    stamp,
)
from benhan.simulator import measures, medicines, words
from benhan.simulator.drafts import NURSE, Draft
from benhan.simulator.people import ALLERGIES
from benhan.simulator.timeline import Visit

#: Codes that the list of TT 06/2026 divides further, and one that the list before did not take as main diagnosis.
SINCE_2026: Final = {
    "B18.1": "B18.19", "M10.9": "M10.97", "M54.5": "M54.56", "M54.2": "M54.22", "M47.8": "M47.86", "M81.9": "M81.90",
    "S06.0": "S06.00",
}  # fmt: skip
BEFORE_2026: Final = {"Z34.9": "O26.9"}


def icd_on(code: str, day: date) -> codes.Code:
    """A diagnosis in the list that is in force on the day."""
    other = SINCE_2026 if day >= codes.ICD10_CHANGE else BEFORE_2026
    return _named(other.get(code, code), day >= codes.ICD10_CHANGE)


@cache
def _named(code: str, new: bool) -> codes.Code:
    found = codes.icd10(codes.ICD10_CHANGE if new else date(2026, 1, 1)).get(code)
    assert found, code
    return found


def icd(visit: Visit) -> list[codes.Code]:
    """The diagnoses of a visit, the main one first."""
    others = [code for code in visit.person.long_illnesses if code != visit.disease.code][:2]
    day = visit.ended.date()
    return [icd_on(code, day) for code in (visit.disease.code, *others)]


def vitals(draft: Draft) -> Iterator[r4.Observation]:
    """What the nurse measures while the patient waits."""
    visit = draft.visit
    at = stamp(visit.arrived + (visit.called - visit.arrived) * 0.5)
    values = measures.taken(visit.chance, visit.person, visit.disease, draft.months)
    for number, one in enumerate(measures.observations(values, draft.months)):
        one.id = f"{visit.id}-v{number}"
        one.subject, one.encounter = draft.subject, draft.encounter
        one.effectiveDateTime, one.performer = at, [NURSE]
        yield one


def note(draft: Draft, of: list[r4.Reference]) -> r4.Composition:
    """The note; once signed it ends with the outcome and names the records it stands on."""
    visit, by = draft.visit, [draft.doctor]
    texts = {REASON: visit.disease.complaint, ILLNESS: _illness(visit), PAST: _past(visit)}
    if draft.concluding:
        texts |= {EXAMINATION: f"Tỉnh, tiếp xúc tốt. {visit.disease.examination}", ADVICE: _advice(visit)}
    sections = [
        r4.CompositionSection(
            title=SECTIONS[code], code=words.section(code), author=[draft.doctor], text=narrative(text)
        )
        for code, text in texts.items()
    ]
    attester = None
    if draft.ended:
        ending = r4.CodeableConcept(text=OUTCOME_SECTION)
        said = narrative(_ending(visit))
        sections.append(
            r4.CompositionSection(
                title=OUTCOME_SECTION, code=ending, author=[draft.doctor], text=said, entry=of or None
            )
        )
        attester = [r4.CompositionAttester(mode="legal", time=stamp(visit.ended), party=draft.doctor)]
    return r4.Composition(
        id=visit.id,
        status="final" if draft.ended else "preliminary",
        type=words.note_type(),
        subject=draft.subject,
        encounter=draft.encounter,
        date=stamp(visit.ended if draft.ended else visit.started),
        author=by,
        title="Phiếu khám bệnh",
        attester=attester,
        section=sections,
    )


def encounter_diagnoses(visit: Visit) -> list[r4.EncounterDiagnosis]:
    """The diagnoses as the visit names them."""
    return [
        r4.EncounterDiagnosis(
            condition=r4.Reference(reference=f"Condition/{visit.id}-c{n}", display=f"{code.code} {code.name}"),
            use=words.rank_name(n == 0),
            rank=n + 1,
        )
        for n, code in enumerate(icd(visit))
    ]


def prescription(draft: Draft, facility: str) -> Iterator[r4.MedicationRequest]:
    """The lines of the prescription: a draft until the visit is signed."""
    visit = draft.visit
    code = f"{facility}{_base36(visit.chance.getrandbits(36))}-C"
    for number, given in enumerate(_chosen(visit)):
        yield msgspec.structs.replace(
            given.line,
            id=f"{visit.id}-t{number}",
            status="active" if draft.ended else "draft",
            subject=draft.subject,
            encounter=draft.encounter,
            authoredOn=stamp(min(visit.ended, draft.now)),
            requester=draft.doctor,
            groupIdentifier=r4.Identifier(system=systems.PRESCRIPTION_CODE, value=code) if draft.ended else None,
        )


def revisit(visit: Visit) -> date | None:
    """The day of the next visit, where one was agreed."""
    if outcome(visit) != "revisit":
        return None
    return visit.arrived.date() + timedelta(weeks=4 if visit.disease.long else 1)


def _ending(visit: Visit) -> str:
    day = revisit(visit)
    return OUTCOMES[outcome(visit)] + (f" ngày {vn_date(day)}" if day else "")


def _illness(visit: Visit) -> str:
    history = visit.disease.history
    if visit.disease.long:
        return f"Đang điều trị ngoại trú, tái khám theo hẹn. Hiện tại {history}."
    days = visit.chance.choice((1, 2, 2, 3, 3, 4, 5, 7))
    tried = visit.chance.choice(("chưa dùng thuốc gì", "đã tự mua thuốc uống, đỡ ít", "ở nhà chưa điều trị"))
    return f"Bệnh {days} ngày nay: {history}; {tried}, nay đến khám."


def _past(visit: Visit) -> str:
    day = visit.arrived.date()
    known = [icd_on(code, day).name for code in visit.person.long_illnesses]
    allergic = [one.substance for one in allergies(visit)]
    own = "; ".join(known) if known else "Khỏe mạnh"
    return f"{own}. {'Dị ứng: ' + ', '.join(allergic) if allergic else 'Chưa ghi nhận dị ứng'}."


def _advice(visit: Visit) -> str:
    if day := revisit(visit):
        return f"Uống thuốc đều theo đơn. Tái khám ngày {vn_date(day)}, mang theo đơn cũ."
    if outcome(visit) == "admit":
        return "Nhập viện điều trị nội trú."
    return "Uống thuốc theo đơn, nghỉ ngơi, uống nhiều nước. Khám lại ngay nếu sốt cao, khó thở hoặc mệt nhiều."


def conditions(draft: Draft) -> Iterator[r4.Condition]:
    """The diagnoses as Conditions."""
    visit = draft.visit
    for number, code in enumerate(icd(visit)):
        yield r4.Condition(
            id=f"{visit.id}-c{number}",
            clinicalStatus=words.active(),
            verificationStatus=words.confirmed(),
            category=[words.encounter_diagnosis()],
            code=concept(systems.ICD10, code.code, code.name),
            subject=draft.subject,
            encounter=draft.encounter,
            recordedDate=stamp(visit.ended),
            recorder=draft.doctor,
        )


def outcome(visit: Visit) -> str:
    """How the visit ends: a key of `visit.OUTCOMES`."""
    drawn = visit.person.number % 97 / 97
    if visit.disease.specialty == "capcuu" and drawn < 0.3:
        return "admit"
    if visit.disease.code == "J18.9" and drawn < 0.15:
        return "admit"
    if drawn > 0.985:
        return "refer"
    return "revisit" if visit.disease.long or visit.disease.code in ("A97.0", "Z34.9") else "home"


def allergies(visit: Visit) -> list[Allergy]:
    """What the patient does not bear, as the clinic's rules read it."""
    return [Allergy(substance=ALLERGIES[n][1], family=ALLERGIES[n][0] or None) for n in visit.person.allergies]


def _chosen(visit: Visit) -> Iterator[medicines.Given]:
    """What is prescribed: nothing that a recorded allergy forbids, no ingredient twice."""
    known = allergies(visit)
    given: set[str] = set()
    for reason in visit.disease.medicines:
        allowed = [one for one in medicines.choices(reason) if not against_allergies(one.medicine, known)]
        fresh = [one for one in allowed if not given & set(one.medicine.ingredients)]
        if fresh:
            chosen = visit.chance.choice(fresh)
            given.update(chosen.medicine.ingredients)
            yield chosen


def _base36(bits: int) -> str:
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    return "".join(letters[bits // 36**n % 36] for n in range(7))
