"""R4's invariants at the door: fast ways say what the published expressions say, and each fault is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from benhan.core.fhir import codec, fhirpath, invariants, r4, validation
from benhan.core.fhir.outcome import Invalid
from benhan.core.language import speaking

CODE = {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}
OBSERVATION: dict[str, Any] = {"resourceType": "Observation", "status": "final", "code": CODE}
PULSE = {"value": 80, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"}

CODES = {"resourceType": "CodeSystem", "status": "active", "content": "complete"}
VALUES = {
    "resourceType": "ValueSet", "id": "v", "status": "active",
    "compose": {"include": [{"system": "http://x", "concept": [{"code": "a"}]}]},
}  # fmt: skip
PROFILE = {
    "resourceType": "StructureDefinition", "url": "http://x/y", "name": "Y", "status": "active", "kind": "resource",
    "abstract": False, "type": "Patient", "derivation": "constraint",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
}  # fmt: skip

#: what is wrong → (the resource, the element told, the invariant)
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "a result and a reason for its absence": (
        {**OBSERVATION, "valueQuantity": PULSE, "dataAbsentReason": {"text": "từ chối"}}, "Observation", "obs-6",
    ),
    "a result and a component of the same code": (
        {**OBSERVATION, "valueQuantity": PULSE, "component": [{"code": CODE, "valueString": "x"}]},
        "Observation", "obs-7",
    ),
    "an empty range": ({**OBSERVATION, "referenceRange": [{"type": {"text": "x"}}]},
        "Observation.referenceRange[0]", "obs-3"),
    "a contact without anything": (
        {"resourceType": "Patient", "contact": [{"gender": "male"}]}, "Patient.contact[0]", "pat-1",
    ),
    "a reference to what is not contained": (
        {**OBSERVATION, "subject": {"reference": "#ai"}}, "Observation.subject", "ref-1",
    ),
    "a reference inside a contained resource": (
        {"resourceType": "Patient", "generalPractitioner": [{"reference": "#d"}],
         "contained": [{"resourceType": "PractitionerRole", "id": "d", "practitioner": {"reference": "#e"}}]},
        "Patient.contained[0].practitioner", "ref-1",
    ),
    "something contained that nobody refers to": (
        {**OBSERVATION, "contained": [{"resourceType": "Patient", "id": "g"}]}, "Observation", "dom-3",
    ),
    "something contained in what is contained": (
        {**OBSERVATION, "subject": {"reference": "#g"},
         "contained": [{"resourceType": "Patient", "id": "g", "generalPractitioner": [{"reference": "#h"}],
                        "contained": [{"resourceType": "Organization", "id": "h", "name": "x"}]}]},
        "Observation", "dom-2",
    ),
    "a version inside": (
        {**OBSERVATION, "subject": {"reference": "#g"},
         "contained": [{"resourceType": "Patient", "id": "g", "meta": {"versionId": "1"}}]}, "Observation", "dom-4",
    ),
    "a label inside": (
        {**OBSERVATION, "subject": {"reference": "#g"},
         "contained": [{"resourceType": "Patient", "id": "g", "meta": {"security": [{"code": "R"}]}}]},
        "Observation", "dom-5",
    ),
    "an end before the start": (
        {**OBSERVATION, "effectivePeriod": {"start": "2026-11-22", "end": "2026-11-21T23:59:59+07:00"}},
        "Observation.effectivePeriod", "per-1",
    ),
    "an end before the start in another zone": (
        {**OBSERVATION, "effectivePeriod": {"start": "2026-11-21T10:00:00Z", "end": "2026-11-21T16:00:00+07:00"}},
        "Observation.effectivePeriod", "per-1",
    ),
    "an extension with a value and extensions": (
        {"resourceType": "Patient", "extension": [
            {"url": "http://x", "valueString": "a", "extension": [{"url": "b", "valueString": "c"}]}]},
        "Patient.extension[0]", "ext-1",
    ),
    "a phone without a system": (
        {"resourceType": "Patient", "telecom": [{"value": "0912"}]}, "Patient.telecom[0]", "cpt-2",
    ),
    "a unit's code without a system": (
        {**OBSERVATION, "valueQuantity": {"value": 1, "code": "mg"}}, "Observation.valueQuantity", "qty-3",
    ),
    "low above high": (
        {**OBSERVATION, "valueRange": {"low": {"value": 5}, "high": {"value": 4}}}, "Observation.valueRange", "rng-2",
    ),
    "an organization without a name": ({"resourceType": "Organization", "active": True}, "Organization", "org-1"),
    "an organization that lives at home": (
        {"resourceType": "Organization", "name": "x", "telecom": [{"system": "phone", "value": "1", "use": "home"}]},
        "Organization.telecom", "org-3",
    ),
    "a request in a search's Bundle": (
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"request": {"method": "GET", "url": "Patient"}}]},
        "Bundle", "bdl-3",
    ),
    "a Bundle that names a record twice": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}},
            {"fullUrl": "urn:x", "resource": {"resourceType": "Patient"}}]},
        "Bundle", "bdl-7",
    ),
    "a broken record inside a Bundle": (
        {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": {**OBSERVATION, "valueQuantity": PULSE, "dataAbsentReason": {"text": "x"}}}]},
        "Bundle.entry[0].resource", "obs-6",
    ),
    "a code twice, one of them below": (
        {**CODES, "concept": [{"code": "a"}, {"code": "b", "concept": [{"code": "c", "concept": [{"code": "a"}]}]}]},
        "CodeSystem", "csd-1",
    ),
    "a code twice, one of them in what is contained": (
        {**CODES, "concept": [{"code": "a"}], "valueSet": "http://x", "contained": [VALUES],
         "extension": [{"url": "http://x", "valueReference": {"reference": "#v"}}]},
        "CodeSystem", "csd-1",
    ),
    "more of an element than there may be": (
        {**PROFILE, "differential": {"element": [{"id": "Patient", "path": "Patient", "min": 2, "max": "1"}]}},
        "StructureDefinition.differential.element[0]", "eld-2",
    ),
    "an element without a name": (
        {**PROFILE, "differential": {"element": [{"id": "Patient", "path": "Patient"}, {"id": "x", "path": ". :"}]}},
        "StructureDefinition.differential.element[1]", "eld-19",
    ),
    "a condition cured and active": (
        {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "abatementString": "hôm qua",
         "clinicalStatus": {"coding": [
             {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}},
        "Condition", "con-4",
    ),
    "an appointment with a start only": (
        {"resourceType": "Appointment", "status": "proposed", "start": "2026-11-21T07:30:00Z",
         "participant": [{"status": "accepted", "type": [{"text": "x"}]}]}, "Appointment", "app-2",
    ),
}  # fmt: skip


def _read(content: dict[str, Any]) -> r4.Resource:
    return codec.decode(json.dumps(content).encode())


@pytest.mark.parametrize("what", BROKEN)
def test_refuses(what: str) -> None:
    content, where, key = BROKEN[what]
    with pytest.raises(Invalid) as refusal:
        validation.check(_read(content))
    told = [(issue.expression, issue.code) for issue in refusal.value.issues or ()]
    assert ([where], "invariant") in told
    assert any(f"quy tắc {key} của FHIR" in str(issue.details and issue.details.text)
               for issue in refusal.value.issues or ())  # fmt: skip


def test_advice_is_told_only_when_asked() -> None:
    patient = _read({"resourceType": "Patient"})
    assert validation.validate(patient) == []
    [advice] = validation.validate(patient, warnings=True)
    assert (advice.severity, advice.code) == ("warning", "invariant")


def _structs(value: Any, around: invariants.Surroundings) -> Iterator[tuple[Any, invariants.Surroundings]]:
    if isinstance(value, list):
        for item in value:
            yield from _structs(item, around)
    elif isinstance(value, msgspec.Struct):
        if isinstance(value, r4.Resource) and value is not around.resource:
            around = invariants.Surroundings(value, around.root)
        yield value, around
        for name in value.__struct_fields__:
            yield from _structs(getattr(value, name), around)


@pytest.mark.parametrize("what", BROKEN)
def test_the_fast_ways_say_what_the_expressions_say(what: str) -> None:
    """Every invariant of every struct of these records, and of them with one element less."""
    record = _read(BROKEN[what][0])
    for struct, around in _structs(record, invariants.Surroundings(record, record)):
        _compare(struct, around)
        for name in struct.__struct_fields__:
            if getattr(struct, name) is not None and not isinstance(struct, r4.Resource):
                _compare(msgspec.structs.replace(struct, **{name: None}), around)


def _compare(struct: Any, around: invariants.Surroundings) -> None:
    values = msgspec.structs.astuple(struct)
    for test in invariants.tests_of(type(struct).__name__, "error"):
        needed = all(any(values[at] is not None for at in need) for need in test.needs)
        fast = needed and test.broken(struct, values, around)
        said = test.invariant
        items = [struct] if said.element is None else fhirpath.compile(said.element).nodes(struct)
        compiled = fhirpath.compile(said.expression)
        surroundings: dict[str, Any] = {"resource": around.resource, "root": around.root}
        slow = any(compiled(item, **surroundings) == [False] for item in items)
        assert fast == slow, (said.key, struct)


def test_a_contained_record_may_refer_to_its_neighbour() -> None:
    role = {"resourceType": "PractitionerRole", "id": "d", "practitioner": {"reference": "#e"}}
    record = {
        "resourceType": "Patient", "generalPractitioner": [{"reference": "#d"}],
        "contained": [role, {"resourceType": "Practitioner", "id": "e"}],
    }  # fmt: skip
    assert validation.validate(_read(record)) == []
    entry = {"resource": record}
    assert validation.validate(_read({"resourceType": "Bundle", "type": "collection", "entry": [entry]})) == []


def test_an_invariant_speaks_the_language_of_the_person() -> None:
    record = _read({**OBSERVATION, "valueString": "5", "dataAbsentReason": {"text": "x"}})
    with speaking("en"):
        [told] = validation.validate(record)
    said = told.details and told.details.text
    assert said == "Observation: breaks FHIR's rule obs-6: with a result there is no reason for its absence"
