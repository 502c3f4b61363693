"""What a careless or hostile peer sends is refused, and the answer names the element."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from benhan.core.fhir import codec, r4, search, validation
from benhan.core.fhir.outcome import Problem

PATIENT: dict[str, Any] = {"resourceType": "Patient", "name": [{"family": "Nguyễn", "given": ["An"]}]}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
}
ENCOUNTER: dict[str, Any] = {"resourceType": "Encounter", "status": "arrived", "class": {"code": "AMB"}}
META = {"lastUpdated": "2026-11-21T07:30:00"}


def _narrated(inner: str) -> dict[str, Any]:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
    return {**PATIENT, "text": {"status": "generated", "div": div}}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a missing required element": ({"resourceType": "Observation", "status": "final"}, "Observation.code"),
    "a missing required code": ({**OBSERVATION, "status": None}, "Observation.status"),
    "an absent required code": (
        {"resourceType": "Observation", "code": {"text": "Mạch"}},
        "Observation.status",
    ),
    "an unknown element": ({**PATIENT, "colour": "blue"}, "Patient.colour"),
    "an unknown nested element": (
        {**PATIENT, "name": [{"family": "An", "middle": "Văn"}]},
        "Patient.name[0].middle",
    ),
    "an unknown element of a contained resource": (
        {**PATIENT, "contained": [{"resourceType": "Organization", "id": "o", "size": 3}]},
        "Patient.contained[0].size",
    ),
    "a bad code in a required binding": ({**PATIENT, "gender": "nam"}, "Patient.gender"),
    "a bad code in a contained resource": (
        {**PATIENT, "contained": [{"resourceType": "Patient", "id": "g", "gender": "x"}]},
        "Patient.contained[0].gender",
    ),
    "a date that does not exist": ({**PATIENT, "birthDate": "2026-02-30"}, "Patient.birthDate"),
    "a date in the Vietnamese order": ({**PATIENT, "birthDate": "21/11/1990"}, "Patient.birthDate"),
    "a time without a zone": (
        {**OBSERVATION, "effectiveDateTime": "2026-11-21T07:30:00"},
        "Observation.effectiveDateTime",
    ),
    "an instant without a zone": ({**PATIENT, "meta": META}, "Patient.meta.lastUpdated"),
    "an element one server made up": ({**PATIENT, "meta": {"project": "x"}}, "Patient.meta.project"),
    "two values of one choice": (
        {**OBSERVATION, "valueString": "a", "valueInteger": 1},
        "Observation.value",
    ),
    "a scalar for an array": ({**PATIENT, "name": {"family": "An"}}, "Patient.name"),
    "an array for a scalar": ({**PATIENT, "gender": ["male"]}, "Patient.gender"),
    "an array for an object": (
        {**PATIENT, "maritalStatus": [{"text": "x"}]},
        "Patient.maritalStatus",
    ),
    "a bad id": ({**PATIENT, "id": "số 1"}, "Patient.id"),
    "an id of 65 characters": ({**PATIENT, "id": "a" * 65}, "Patient.id"),
    "an empty array": ({**PATIENT, "name": []}, "Patient.name"),
    "an empty object": ({**PATIENT, "name": [{}]}, "Patient.name[0]"),
    "an empty string": ({**PATIENT, "name": [{"family": ""}]}, "Patient.name[0].family"),
    "a blank string": ({**PATIENT, "name": [{"family": "  "}]}, "Patient.name[0].family"),
    "a control character": ({**PATIENT, "name": [{"family": "A\u0000n"}]}, "Patient.name[0].family"),
    "null": ({**PATIENT, "birthDate": None}, "Patient.birthDate"),
    "null in an array": ({**PATIENT, "name": [None]}, "Patient.name[0]"),
    "null that holds no place": ({**PATIENT, "name": [{"given": [None, "An"]}]}, "Patient.name[0].given[0]"),
    "null on both sides": (
        {**PATIENT, "name": [{"given": ["An", None], "_given": [{"id": "a"}, None]}]},
        "Patient.name[0].given[1]",
    ),
    "a result beside the reason for its absence": (
        {**OBSERVATION, "valueString": "5", "dataAbsentReason": {"text": "hết mẫu"}},
        "Observation",
    ),
    "a contact of nobody": ({**PATIENT, "contact": [{"gender": "female"}]}, "Patient.contact[0]"),
    "a reference into nothing": ({**ENCOUNTER, "subject": {"reference": "#an"}}, "Encounter.subject"),
    "a decimal of many digits": (
        {**OBSERVATION, "valueQuantity": {"value": 10**500}},
        "Observation.valueQuantity.value",
    ),
    "a date as a number": ({**PATIENT, "birthDate": 19901121}, "Patient.birthDate"),
    "a decimal as a boolean": ({**OBSERVATION, "valueQuantity": {"value": True}}, "Observation.valueQuantity.value"),
    "a wrong reference target": (
        {**ENCOUNTER, "subject": {"reference": "Observation/1"}},
        "Encounter.subject",
    ),
    "a reference to no known type": (
        {**ENCOUNTER, "subject": {"reference": "Person1/1"}},
        "Encounter.subject",
    ),
    "a reference that is not Type/id": ({**ENCOUNTER, "subject": {"reference": "An"}}, "Encounter.subject"),
    "a boolean as a string": ({**PATIENT, "active": "true"}, "Patient.active"),
    "a number as a string": (
        {**OBSERVATION, "valueQuantity": {"value": "1.10"}},
        "Observation.valueQuantity.value",
    ),
    "an integer with a fraction": ({**OBSERVATION, "valueInteger": 1.5}, "Observation.valueInteger"),
    "a positiveInt of zero": ({**PATIENT, "telecom": [{"rank": 0}]}, "Patient.telecom[0].rank"),
    "a URI with spaces": (
        {**PATIENT, "identifier": [{"system": "http://x y", "value": "1"}]},
        "Patient.identifier[0].system",
    ),
    "a script in the narrative": (_narrated("<script>alert(1)</script>"), "Patient.text.div"),
    "an event in the narrative": (_narrated('<p onclick="x()">a</p>'), "Patient.text.div"),
    "a script as a link": (_narrated('<a href="java\nscript:x()">a</a>'), "Patient.text.div"),
    "a narrative that is not well formed": (_narrated("<p>a"), "Patient.text.div"),
    "a narrative that is no div": (
        {**PATIENT, "text": {"status": "generated", "div": "<p>a</p>"}},
        "Patient.text.div",
    ),
    "a narrative that says nothing": (_narrated(" <br/> "), "Patient.text.div"),
    "entities that grow": (
        {**PATIENT, "text": {"status": "generated", "div": "<!DOCTYPE a [<!ENTITY b 'c'>]><div>&b;</div>"}},
        "Patient.text.div",
    ),
    "bad base64": ({**PATIENT, "photo": [{"data": "%%%"}]}, "Patient.photo[0].data"),
    "an extension without its address": (
        {**PATIENT, "extension": [{"valueString": "x"}]},
        "Patient.extension[0].url",
    ),
    "a resource type R4 does not have": ({"resourceType": "Hospital"}, "Resource.resourceType"),
    "no resource type": ({"name": [{"family": "An"}]}, "Resource"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refuses(what: str) -> None:
    content, where = REFUSED[what]
    with pytest.raises(Problem) as refusal:
        validation.check(codec.decode(json.dumps(content).encode()))
    assert refusal.value.status in (400, 422)
    outcome = refusal.value.outcome()
    assert outcome.issue[0].expression == [where]
    assert validation.validate(outcome) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b'{"resourceType":"Patient","name":[{"family":"\xff"}]}', 400),
        (b'{"resourceType":"Patient","active":true,"active":false}', 400),
        (b'{"resourceType":"Patient","name":[{"family":"A","family":"B"}]}', 400),
        (b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 70 + b"[]" + b"}]" * 70 + b"}", 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b" " * (codec.MAX_BYTES + 1), 413),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
def test_bytes_that_are_no_resource_are_refused_with_a_status(body: bytes, status: int) -> None:
    with pytest.raises(Problem) as refusal:
        codec.decode(body)
    assert refusal.value.status == status


@pytest.mark.parametrize("number", ["01", "1.", ".5", "+1", "NaN", "Infinity", "0x10", "1e"])
def test_a_number_that_is_none_in_json_is_refused(number: str) -> None:
    body = json.dumps({**OBSERVATION, "valueQuantity": {"value": 0}}).replace('"value": 0', f'"value": {number}')
    with pytest.raises(Problem) as refusal:
        codec.decode(body.encode())
    assert refusal.value.status == 400


@pytest.mark.parametrize("number", ["1.10", "-0.0", "100", "1e3", "1.50E-2", "123456789012345678.123456789"])
def test_decimals_keep_their_digits(number: str) -> None:
    body = (
        f'{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"valueQuantity":{{"value":{number}}}}}'
    )
    observation = codec.decode(body.encode(), r4.Observation)
    assert validation.validate(observation) == []
    again = json.loads(codec.encode(observation), parse_float=str, parse_int=str)["valueQuantity"]["value"]
    assert Decimal(again) == Decimal(number)
    assert Decimal(again).as_tuple() == Decimal(number).as_tuple()


def test_null_holds_the_place_of_a_primitive_told_beside() -> None:
    name = {"given": [None, "An"], "_given": [{"extension": [{"url": "http://x", "valueCode": "unknown"}]}, None]}
    body = json.dumps({**PATIENT, "name": [name]}, ensure_ascii=False, separators=(",", ":")).encode()
    patient = codec.decode(body, r4.Patient)
    assert validation.validate(patient) == []
    assert codec.encode(patient) == body
    assert search.index(patient)


def test_a_narrative_with_entities_and_a_table_is_taken() -> None:
    content = _narrated('<table class="grid"><tr><td>5&nbsp;mg &lt; 10&#160;mg</td></tr></table>')
    assert validation.validate(codec.decode(json.dumps(content).encode())) == []


def test_a_key_written_twice_is_found_however_it_is_spaced() -> None:
    for body in (
        b'{"resourceType":"Patient","active":true,"active" :false}',
        b'{ "resourceType" : "Patient",\n "active" : true, "active" : false }',
    ):
        with pytest.raises(Problem, match="hai lần"):
            codec.decode(body)
    quoted = {**PATIENT, "name": [{"text": 'a ":" b \\":  " : \\" :'}]}
    assert codec.decode(json.dumps(quoted, separators=(" , ", " : ")).encode())
    assert codec.decode(json.dumps(quoted, indent=1).encode())


def test_brackets_in_a_text_are_not_nesting() -> None:
    body = json.dumps({**PATIENT, "name": [{"text": "[{" * 500}]}).encode()
    assert codec.decode(body)


def test_a_resource_of_another_type_than_asked_is_refused() -> None:
    from benhan.core.fhir import r4

    with pytest.raises(Problem, match="Encounter"):
        codec.decode(json.dumps(PATIENT).encode(), r4.Encounter)
