"""The labels of a record that rules speak of: confidentiality, what it is about, whose it is. Pure.

Standard: HL7 FHIR R4, 6.1.1 (security labels); v3-Confidentiality, v3-ActCode (InformationSensitivityPolicy).
What the archive says of a visit stands in its record file, a DocumentManifest; that becomes marks as labels do.
"""

from __future__ import annotations

from typing import Final

from benhan.core.access.vocabulary import PERSONS_KNOWN_HERE, RESTRICTED, SENSITIVE, VERY_RESTRICTED, State
from benhan.core.fhir import r4, systems

CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SENSITIVITY: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
#: Whose codes are labels. A code without a system counts: who labels badly means to protect.
SYSTEMS: Final = (CONFIDENTIALITY, SENSITIVITY, None)
#: Every label that a rule may name.
LABELS: Final = frozenset(f"{SENSITIVE} {VERY_RESTRICTED} {PERSONS_KNOWN_HERE} {RESTRICTED}".split())
#: States that a rule may name beside labels.
STATES: Final = frozenset({State.CLOSED, State.ARCHIVED})
#: What a consent may open.
OPENABLE: Final = LABELS | {State.ARCHIVED}
#: Before a label that holds for everything of the patient.
WHOLE_RECORD: Final = "*"
#: The kind of DocumentManifest that is a record file, and its states: in the archive, taken out of it.
RECORD_FILE: Final = "record-file"
KEPT, TAKEN_OUT = "current", "superseded"


def labels_of(resource: r4.Resource) -> tuple[str, ...]:
    """The labels of a record; those of a Patient hold for everything of hers and say so (`*EMP`)."""
    if resource.meta is None or not resource.meta.security:
        return ()
    codes = {one.code for one in resource.meta.security if one.system in SYSTEMS and one.code}
    mark = WHOLE_RECORD if isinstance(resource, r4.Patient) else ""
    return tuple(sorted(mark + code for code in codes & LABELS))


def archived_visits(resource: r4.Resource) -> tuple[str, ...]:
    """The visits (`Encounter/id`) that a record says to be in the archive; only a record file there says so of any."""
    if not isinstance(resource, r4.DocumentManifest) or resource.status != KEPT:
        return ()
    codings = resource.type.coding or () if resource.type else ()
    if not any(one.system == systems.RECORD_FILE and one.code == RECORD_FILE for one in codings):
        return ()
    return tuple(name for one in resource.content if (name := one.reference or "").startswith("Encounter/"))
