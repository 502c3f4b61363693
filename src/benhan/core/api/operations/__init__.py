"""Operations on records: `$everything`, `$match`, `$document`, `$lastn`, `$meta…`.

Called by other hospitals' software; each asks the store, the store asks the policy. Standard: HL7 FHIR R4, 3.2
(operations) and the OperationDefinitions of the specification.
"""

from __future__ import annotations

from benhan.core.access import Door, Permission
from benhan.core.api.capability import Operation
from benhan.core.api.operations.document import document
from benhan.core.api.operations.everything import (
    all_patients_everything,
    encounter_everything,
    patient_everything,
)
from benhan.core.api.operations.lastn import lastn
from benhan.core.api.operations.match import match
from benhan.core.api.operations.meta import meta, meta_add, meta_delete

_P = Permission.FHIR
_BOTH = ("GET", "POST")
_HL7 = "http://hl7.org/fhir/OperationDefinition"

DOORS = [
    Door("/fhir/Patient/$everything", all_patients_everything, _P, _BOTH),
    Door("/fhir/Patient/$match", match, _P, ("POST",)),
    Door("/fhir/Patient/{id}/$everything", patient_everything, _P, _BOTH),
    Door("/fhir/Encounter/{id}/$everything", encounter_everything, _P, _BOTH),
    Door("/fhir/Composition/{id}/$document", document, _P, _BOTH),
    Door("/fhir/Observation/$lastn", lastn, _P, _BOTH),
    Door("/fhir/{type}/{id}/$meta", meta, _P),
    Door("/fhir/{type}/{id}/$meta-add", meta_add, _P, ("POST",)),
    Door("/fhir/{type}/{id}/$meta-delete", meta_delete, _P, ("POST",)),
]

OPERATIONS = [
    Operation("everything", f"{_HL7}/Patient-everything", ("Patient",)),
    Operation("everything", f"{_HL7}/Encounter-everything", ("Encounter",)),
    Operation("match", f"{_HL7}/Patient-match", ("Patient",)),
    Operation("document", f"{_HL7}/Composition-document", ("Composition",)),
    Operation("lastn", f"{_HL7}/Observation-lastn", ("Observation",)),
    Operation("meta", f"{_HL7}/Resource-meta", ("*",)),
    Operation("meta-add", f"{_HL7}/Resource-meta-add", ("*",), "A new version; a signed paper is refused."),
    Operation("meta-delete", f"{_HL7}/Resource-meta-delete", ("*",), "A new version; a signed paper is refused."),
]
