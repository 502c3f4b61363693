"""Profiles: VN Core's and HL7's vital signs, and each way a record can break one."""

from __future__ import annotations

import json
from time import thread_time
from typing import Any

import pytest

from benhan.core.fhir import codec, profiles, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.fhir.profiles import Known, carried

VN = "http://fhir.ehealth.gov.vn/core/StructureDefinition"
SID = "http://fhir.ehealth.gov.vn/core/sid"
V2 = "http://terminology.hl7.org/CodeSystem/v2-0203"
HL7 = "http://hl7.org/fhir/StructureDefinition"

CITIZEN: dict[str, Any] = {
    "use": "official", "system": f"{SID}/national_id", "value": "001090012345",
    "type": {"coding": [{"system": V2, "code": "NI", "display": "National unique individual identifier"}]},
}  # fmt: skip
PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"text": "Nguyễn Văn An"}], "identifier": [CITIZEN]}
STAFF: dict[str, Any] = {
    "use": "secondary", "system": f"{SID}/healthworker-employee-number", "value": "NV01",
    "type": {"coding": [{"system": V2, "code": "EI", "display": "Employee number"}]},
}  # fmt: skip
DOCTOR: dict[str, Any] = {
    "resourceType": "Practitioner", "identifier": [STAFF], "name": [{"use": "official", "text": "BS. Lê Thị Bình"}],
}  # fmt: skip
POST: dict[str, Any] = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/d1"}}
HOSPITAL: dict[str, Any] = {
    "resourceType": "Organization", "name": "Bệnh viện",
    "type": [{"text": "Healthcare Provider", "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/organization-type", "code": "prov",
        "display": "Healthcare Provider"}]}],
    "identifier": [{
        "use": "secondary", "system": f"{SID}/provider-code", "value": "79001",
        "type": {"text": "Provider number", "coding": [{"system": V2, "code": "PRN", "display": "Provider number"}]}}],
}  # fmt: skip
VITAL: dict[str, Any] = {
    "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/1"},
    "category": [{"coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
    "effectiveDateTime": "2026-11-21T07:30:00+07:00",
}  # fmt: skip
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"


def _amount(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _part(code: str, value: float) -> dict[str, Any]:
    return {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": _amount(value, "mm[Hg]")}


PRESSURE = {
    **VITAL, "code": {"coding": [{"system": LOINC, "code": "85354-9"}]},
    "component": [_part("8480-6", 120), _part("8462-4", 80)],
}  # fmt: skip
PULSE = {
    **VITAL,
    "code": {"coding": [{"system": LOINC, "code": "8867-4"}]},
    "valueQuantity": _amount(80, "/min"),
}


def _read(content: dict[str, Any]) -> r4.Resource:
    return codec.decode(json.dumps(content).encode())


def _told(content: dict[str, Any], address: str, known: Known | None = None) -> list[tuple[str, str]]:
    visit = (known or carried()).check(_read(content), address)
    assert visit is not None
    return [(one.code, (one.expression or [""])[0]) for one in visit.issues if one.severity == "error"]


@pytest.mark.parametrize(
    ("content", "address"),
    [
        (PATIENT, f"{VN}/vn-core-patient"), (DOCTOR, f"{VN}/vn-core-practitioner"),
        (POST, f"{VN}/vn-core-practitioner-role"), (HOSPITAL, f"{VN}/vn-core-provider"),
        (PRESSURE, f"{HL7}/bp"), (PULSE, f"{HL7}/heartrate"), (PULSE, f"{HL7}/vitalsigns"),
    ],
)  # fmt: skip
def test_a_right_example_of_each_is_accepted(content: dict[str, Any], address: str) -> None:
    assert _told(content, address) == []


def _identified(**change: Any) -> dict[str, Any]:
    changed = {key: value for key, value in {**CITIZEN, **change}.items() if value is not None}
    return {**PATIENT, "identifier": [changed]}


@pytest.mark.parametrize(
    ("content", "address", "wanted"),
    [
        # cardinality below a list
        ({**PATIENT, "name": [{"family": "An"}]}, f"{VN}/vn-core-patient", [("required", "Patient.name[0].text")]),
        # a slice too often; an element missing in a slice; a fixed code and a fixed concept in a slice
        ({**PATIENT, "identifier": [CITIZEN, CITIZEN]}, f"{VN}/vn-core-patient", [("structure", "Patient.identifier")]),
        (_identified(value=None), f"{VN}/vn-core-patient", [("required", "Patient.identifier[0].value")]),
        (_identified(use="old"), f"{VN}/vn-core-patient", [("value", "Patient.identifier[0].use")]),
        (_identified(type={"text": "x"}), f"{VN}/vn-core-patient", [("value", "Patient.identifier[0].type")]),
        # fewer and more than allowed
        ({"resourceType": "Practitioner"}, f"{VN}/vn-core-practitioner", [("required", "Practitioner.name")]),
        ({**DOCTOR, "name": DOCTOR["name"] * 2}, f"{VN}/vn-core-practitioner", [("structure", "Practitioner.name")]),
        # a pattern in a slice
        (
            {**HOSPITAL, "identifier": [{**HOSPITAL["identifier"][0], "type": {"text": "Provider number"}}]},
            f"{VN}/vn-core-provider", [("value", "Organization.identifier[0].type")],
        ),
        # a target of the wrong kind
        (
            {**POST, "practitioner": {"reference": "Patient/1"}},
            f"{VN}/vn-core-practitioner-role", [("structure", "PractitionerRole.practitioner")],
        ),
        # the type of a choice, a required slice told apart by nested codes, an invariant of the profile
        (
            {**PULSE, "effectiveDateTime": None, "effectiveInstant": "2026-11-21T07:30:00Z"},
            f"{HL7}/vitalsigns", [("structure", "Observation.effective")],
        ),
        ({**PULSE, "category": [{"text": "x"}]}, f"{HL7}/vitalsigns", [("required", "Observation.category")]),
        ({**PULSE, "valueQuantity": None}, f"{HL7}/vitalsigns", [("invariant", "Observation")]),
        ({**PRESSURE, "component": PRESSURE["component"][:1]}, f"{HL7}/bp", [("required", "Observation.component")]),
        (
            {**PULSE, "valueQuantity": _amount(80, "1/min")},
            f"{HL7}/heartrate", [("value", "Observation.valueQuantity.code")],
        ),
        # the wrong type altogether
        (HOSPITAL, f"{VN}/vn-core-patient", [("structure", "Organization")]),
    ],
)  # fmt: skip
def test_each_kind_of_fault_is_refused_with_its_element(
    content: dict[str, Any], address: str, wanted: list[tuple[str, str]]
) -> None:
    content = {name: value for name, value in content.items() if value is not None}
    assert [one for one in wanted if one not in _told(content, address)] == []


def _profile(elements: list[dict[str, Any]], kind: str = "Observation", name: str = "p") -> r4.StructureDefinition:
    return codec.decode(json.dumps({
        "resourceType": "StructureDefinition", "url": f"http://t/{name}", "name": name, "status": "active",
        "kind": "resource", "abstract": False, "type": kind, "derivation": "constraint",
        "baseDefinition": f"{HL7}/{kind}", "differential": {"element": elements},
    }).encode(), r4.StructureDefinition)  # fmt: skip


def _slicing(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"slicing": {"discriminator": [{"type": kind, "path": path}], "rules": "open", **more}}


def test_slices_told_apart_by_existence() -> None:
    known = Known([_profile([
        {"path": "Observation.component", **_slicing("exists", "interpretation")},
        {"path": "Observation.component", "sliceName": "seen", "max": "1"},
        {"path": "Observation.component.interpretation", "min": 1},
    ])])  # fmt: skip
    seen = {"code": {"text": "a"}, "interpretation": [{"text": "H"}]}
    assert _told({**PULSE, "component": [seen, {"code": {"text": "a"}}]}, "http://t/p", known) == []
    assert _told({**PULSE, "component": [seen, seen]}, "http://t/p", known) == [("structure", "Observation.component")]


def test_slices_told_apart_by_type_and_closed() -> None:
    known = Known([_profile([
        {"id": "Observation.value[x]", "path": "Observation.value[x]", **_slicing("type", "$this", rules="closed")},
        {"id": "Observation.value[x]:valueQuantity", "path": "Observation.value[x]", "sliceName": "valueQuantity",
         "type": [{"code": "Quantity"}]},
        {"id": "Observation.value[x]:valueQuantity.unit", "path": "Observation.value[x].unit", "min": 1},
    ])])  # fmt: skip
    assert _told(PULSE, "http://t/p", known) == []
    assert _told({**PULSE, "valueQuantity": {"value": 1}}, "http://t/p", known) == [
        ("required", "Observation.value.unit")
    ]
    text = {key: value for key, value in PULSE.items() if key != "valueQuantity"}
    assert _told({**text, "valueString": "x"}, "http://t/p", known) == [("structure", "Observation.value")]


def test_slices_told_apart_by_what_is_pointed_at_and_by_profile() -> None:
    known = Known([
        _profile([
            {"path": "Observation.performer", **_slicing("type", "resolve()", ordered=True)},
            {"path": "Observation.performer", "sliceName": "who", "min": 1,
             "type": [{"code": "Reference", "targetProfile": [f"{HL7}/Practitioner"]}]},
            {"path": "Observation.performer", "sliceName": "where", "max": "1",
             "type": [{"code": "Reference", "targetProfile": [f"{HL7}/Organization"]}]},
        ]),
        _profile([{"path": "Quantity.value", "min": 1}], "Quantity", "amount"),
        _profile([{"path": "Observation.value[x]", "type": [{"code": "Quantity", "profile": ["http://t/amount"]}]}],
                 "Observation", "measured"),
    ])  # fmt: skip
    doctor, house = {"reference": "Practitioner/1"}, {"reference": "Organization/1"}
    assert _told({**PULSE, "performer": [doctor, house]}, "http://t/p", known) == []
    assert _told({**PULSE, "performer": [house]}, "http://t/p", known) == [("required", "Observation.performer")]
    wrong = _told({**PULSE, "performer": [house, doctor]}, "http://t/p", known)
    assert wrong == [("structure", "Observation.performer[1]")]
    assert _told({**PULSE, "valueQuantity": {"unit": "x"}}, "http://t/measured", known) == [
        ("required", "Observation.value.value")
    ]


def test_extensions_are_slices_by_their_address() -> None:
    known = Known([
        _profile([
            {"path": "Patient.extension", **_slicing("value", "url")},
            {"path": "Patient.extension", "sliceName": "tribe", "min": 1,
             "type": [{"code": "Extension", "profile": ["http://t/tribe"]}]},
        ], "Patient"),
        _profile([{"path": "Extension.url", "fixedUri": "http://t/tribe"},
                  {"path": "Extension.value[x]", "min": 1, "type": [{"code": "code"}]}], "Extension", "tribe"),
    ])  # fmt: skip
    assert known.extensions("http://t/tribe")
    assert not known.extensions("http://t/other")
    right = {**PATIENT, "extension": [{"url": "http://t/tribe", "valueCode": "kinh"}]}
    assert _told(right, "http://t/p", known) == []
    assert _told(PATIENT, "http://t/p", known) == [("required", "Patient.extension")]
    wrong = {**PATIENT, "extension": [{"url": "http://t/tribe", "valueString": "kinh"}]}
    assert _told(wrong, "http://t/p", known) == [("structure", "Patient.extension[0].value")]


def test_values_have_bounds() -> None:
    bounds = {"minValueQuantity": _amount(20, "/min"), "maxValueQuantity": _amount(250, "/min")}
    known = Known([_profile([{"path": "Observation.value[x]", **bounds}])])
    assert _told(PULSE, "http://t/p", known) == []
    for wrong in (10, 300):
        told = _told({**PULSE, "valueQuantity": _amount(wrong, "/min")}, "http://t/p", known)
        assert told == [("value", "Observation.value")]
    assert _told({**PULSE, "valueQuantity": _amount(10, "mg")}, "http://t/p", known) == []


def test_bindings_are_left_to_terminology() -> None:
    binding = {"strength": "required", "valueSet": "http://t/vs"}
    known = Known([_profile([{"path": "Observation.code", "binding": binding}])])
    visit = known.check(_read(PULSE), "http://t/p")
    assert visit is not None
    [question] = visit.questions
    assert (question.value_set, question.strength, question.where) == ("http://t/vs", "required", "Observation.code")


def test_profiles_build_on_one_another_and_a_circle_ends() -> None:
    one = _profile([{"path": "Observation.note", "min": 1}], name="a")
    two = _profile([{"path": "Observation"}], name="b")
    one.baseDefinition, two.baseDefinition = "http://t/b", "http://t/a"
    assert _told(PULSE, "http://t/b", Known([one, two])) != []
    assert carried().missing(f"{VN}/vn-core-patient") == [
        "http://hl7.org/fhir/uv/ips/StructureDefinition/Patient-uv-ips"
    ]
    assert carried().check(_read(PULSE), "http://nowhere") is None


def test_profiles_that_name_each_other_end() -> None:
    circle = [{"path": "Quantity", "type": [{"code": "Quantity", "profile": ["http://t/a", "http://t/b"]}]}]
    known = Known([
        _profile(circle, "Quantity", "a"), _profile(circle, "Quantity", "b"),
        _profile([{"path": "Observation.value[x]",
                   "type": [{"code": "Quantity", "profile": ["http://t/a", "http://t/b"]}]}]),
        _profile([{"path": "Observation", "constraint": [
            {"key": "x", "severity": "error", "human": "x", "expression": "conformsTo('http://t/self')"}]}],
            "Observation", "self"),
    ])  # fmt: skip
    assert _told(PULSE, "http://t/p", known) == []
    assert _told(PULSE, "http://t/self", known) == []


def test_slow_conditions_of_a_profile_are_cut_together() -> None:
    slow = "('" + "a" * 40 + "!').matches('^(a+)+$').not()"
    conditions = [{"key": f"k{n}", "severity": "error", "human": "x", "expression": slow} for n in range(200)]
    start = thread_time()
    known = Known([_profile([{"path": "Observation", "constraint": conditions}])])
    assert known.check(_read(PULSE), "http://t/p") is not None
    assert thread_time() - start < 15


def test_a_profile_is_bounded() -> None:
    many = [{"path": f"Observation.x{n}"} for n in range(6_000)]
    with pytest.raises(Invalid):
        Known([_profile(many)]).check(_read(PULSE), "http://t/p")


def test_a_claim_is_read_from_the_record() -> None:
    assert profiles.claimed(r4.Patient(meta=r4.Meta(profile=["http://a"]))) == ("http://a",)
    assert profiles.claimed(r4.Patient()) == ()
