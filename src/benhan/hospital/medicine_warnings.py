"""What speaks against a medicine: recorded allergies, the same ingredient twice; and a reason to give it all the same.

Shared by the clinic's prescription and the ward's orders. Interactions between two ingredients are not checked here:
no list of them is carried. Source: TT 51/2017/TT-BYT (allergy history); TT 26/2025/TT-BYT; HL7 FHIR R4 DetectedIssue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import _
from benhan.hospital import ingredients
from benhan.hospital import visit as words
from benhan.hospital.ingredients import FAMILIES
from benhan.hospital.medicines import Medicine

NO_KNOWN_ALLERGY: Final = frozenset({"716186003", "409137002", "428607008", "429625007"})
_ISSUE: Final = "di-ung"


class Allergy(msgspec.Struct, frozen=True):
    """A recorded allergy: what the record calls it, its family where it means one, what happened."""

    substance: str
    family: str | None = None
    reaction: str = ""

    @property
    def shown(self) -> str:
        """As banners and warnings say it."""
        return f"{self.substance} ({self.reaction})" if self.reaction else self.substance


class Warned(msgspec.Struct, frozen=True):
    """Something the doctor must see before she prescribes; `blocks` until a reason is written."""

    text: str
    blocks: bool = False


class NeedsReason(Invalid):
    """422: a recorded allergy speaks against it; the doctor changes the medicine or writes why she prescribes it."""

    def __init__(self, warned: Sequence[Warned]) -> None:
        super().__init__(
            "; ".join(one.text for one in warned if one.blocks),
            where="override",
            advice=_("Đổi thuốc, hoặc ghi lý do nếu vẫn kê."),
        )
        self.warned = list(warned)


def against_allergies(medicine: Medicine, allergies: Iterable[Allergy]) -> list[Warned]:
    """What recorded allergies say against a medicine: the same ingredient or family blocks, a related family warns."""
    mine = ingredients.keys_of(medicine.ingredients)
    families = ingredients.families_of(medicine.ingredients, medicine.atc)
    found = []
    for allergy in allergies:
        known = allergy.family if allergy.family in FAMILIES else None
        family = known or ingredients.family_named(allergy.substance)
        if ingredients.key(allergy.substance) in mine or (family and family in families):
            found.append(Warned(_("Dị ứng %(what)s: không kê được", what=allergy.shown), blocks=True))
        elif family and families & set(FAMILIES[family].cautions):
            found.append(Warned(_("Dị ứng %(what)s: thận trọng, có thể dị ứng chéo", what=allergy.shown)))
    return found


def doubled(medicine: Medicine, others: Iterable[Medicine]) -> list[Warned]:
    """Other lines with an ingredient of this one."""
    mine = ingredients.keys_of(medicine.ingredients)
    found = []
    for other in others:
        shared = mine & ingredients.keys_of(other.ingredients)
        if shared:
            names = ", ".join(name for name in medicine.ingredients if ingredients.key(name) in shared)
            found.append(Warned(_("Trùng hoạt chất %(names)s với %(other)s", names=names, other=other.title)))
    return found


async def allergies(tx: Transaction, who: Subject, patient: str) -> list[Allergy]:
    """The recorded allergies of a patient that stand."""
    page = await store.search(tx, who, r4.AllergyIntolerance, {"patient": f"Patient/{patient}", "_count": "100"})
    return [allergy(one) for one in page.resources if is_live(one)]


def overridden(
    request: r4.MedicationRequest, reason: str, warned: Sequence[Warned], doctor: r4.Reference, when: str
) -> r4.MedicationRequest:
    """The line with the doctor's reason to prescribe it against these warnings; none takes a former reason away."""
    kept = [one for one in request.contained or [] if one.id != _ISSUE]
    issues = [one for one in request.detectedIssue or [] if one.reference != f"#{_ISSUE}"]
    if reason:
        mitigation = r4.DetectedIssueMitigation(
            action=r4.CodeableConcept(text=reason),
            date=when,
            author=doctor if doctor.reference else None,
        )
        kept.append(
            r4.DetectedIssue(
                id=_ISSUE,
                status="final",
                code=words.concept(systems.ACT_CODE, "ALGY", "Allergy Alert"),
                severity="high",
                patient=request.subject,
                detail="; ".join(one.text for one in warned),
                mitigation=[mitigation],
            )
        )
        issues.append(r4.Reference(reference=f"#{_ISSUE}"))
    return msgspec.structs.replace(request, contained=kept or None, detectedIssue=issues or None)


def allergy(record: r4.AllergyIntolerance) -> Allergy:
    """A recorded allergy as the rules read it."""
    reactions = [words.display_of(one) for reaction in record.reaction or [] for one in reaction.manifestation]
    return Allergy(
        substance=words.display_of(record.code),
        family=words.code_of(record.code, systems.ALLERGY_CLASS),
        reaction=", ".join(reaction for reaction in reactions if reaction),
    )


def is_live(record: r4.AllergyIntolerance) -> bool:
    """An allergy that stands: neither refuted, entered in error nor over; "no known allergy" is none."""
    if record.code and any(coding.code in NO_KNOWN_ALLERGY for coding in record.code.coding or []):
        return False
    return words.code_of(record.verificationStatus) not in ("refuted", "entered-in-error") and words.code_of(
        record.clinicalStatus
    ) not in ("inactive", "resolved")


def reason_of(request: r4.MedicationRequest) -> str:
    """Why a line was prescribed against a warning; "" where there was none."""
    for one in request.contained or []:
        if isinstance(one, r4.DetectedIssue):
            return next((words.display_of(done.action) for done in one.mitigation or []), "")
    return ""
