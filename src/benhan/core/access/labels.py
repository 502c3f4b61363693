"""The labels of a record that rules speak of: confidentiality, what it is about, whose it is. Pure.

Standard: HL7 FHIR R4, 6.1.1 (security labels); v3-Confidentiality, v3-ActCode (InformationSensitivityPolicy).
"""

from __future__ import annotations

from typing import Final

from benhan.core.access.vocabulary import PERSONS_KNOWN_HERE, RESTRICTED, SENSITIVE, VERY_RESTRICTED
from benhan.core.fhir import r4

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SENSITIVITY: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
#: Whose codes are labels. A code without a system counts: who labels badly means to protect.
SYSTEMS: Final = (CONFIDENTIALITY, SENSITIVITY, None)
#: Every label that a rule may name.
LABELS: Final = frozenset(f"{SENSITIVE} {VERY_RESTRICTED} {PERSONS_KNOWN_HERE} {RESTRICTED}".split())
#: Before a label that holds for everything of the patient.
WHOLE_RECORD: Final = "*"


def labels_of(resource: r4.Resource) -> tuple[str, ...]:
    """The labels of a record; those of a Patient hold for everything of hers and say so (`*EMP`)."""
    if resource.meta is None or not resource.meta.security:
        return ()
    codes = {one.code for one in resource.meta.security if one.system in SYSTEMS and one.code}
    mark = WHOLE_RECORD if isinstance(resource, r4.Patient) else ""
    return tuple(sorted(mark + code for code in codes & LABELS))
