"""Reading and writing FHIR JSON: typed, strict, digit for digit."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from benhan.core.fhir import codec, r4, validation
from benhan.core.fhir.outcome import Conflict, Invalid, NotFound, Problem, VersionConflict


def test_decimals_keep_their_digits() -> None:
    body = b'{"resourceType":"Observation","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    observation = codec.decode(body, r4.Observation)
    assert observation.valueQuantity is not None
    assert observation.valueQuantity.value == Decimal("1.10")
    assert b'"value":1.10' in codec.encode(observation)


def test_python_keywords_are_written_as_fhir_names_them() -> None:
    visit = r4.Encounter(status="arrived", class_=r4.Coding(code="AMB"))
    assert json.loads(codec.encode(visit))["class"] == {"code": "AMB"}


def test_resources_inside_resources_are_typed() -> None:
    body = b'{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","id":"a"}}]}'
    bundle = codec.decode(body, r4.Bundle)
    assert bundle.entry is not None
    assert isinstance(bundle.entry[0].resource, r4.Patient)
    assert bundle.entry[0].resource.id == "a"


def test_a_primitive_may_be_only_its_extension() -> None:
    body = (
        b'{"resourceType":"Patient","_birthDate":{"extension":[{"url":'
        b'"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"unknown"}]}}'
    )
    patient = codec.decode(body, r4.Patient)
    assert validation.validate(patient) == []
    assert codec.encode(patient) == body


def test_the_name_of_a_type_gives_the_type_and_back() -> None:
    assert codec.resource_type("Patient") is r4.Patient
    assert codec.type_name(r4.Patient) == codec.type_name(r4.Patient()) == "Patient"
    with pytest.raises(NotFound):
        codec.resource_type("HumanName")


def test_records_made_in_the_program_are_held_to_the_same_rules() -> None:
    patient = r4.Patient(gender="nam", name=[])
    assert {(issue.expression or [""])[0] for issue in validation.validate(patient)} == {
        "Patient.gender",
        "Patient.name",
    }
    with pytest.raises(Invalid, match=r"Patient\.name"):
        validation.check(patient)


@pytest.mark.parametrize(
    ("problem", "status"),
    [(Invalid("a"), 422), (NotFound("a"), 404), (Conflict("a"), 409), (VersionConflict("a"), 412)],
)
def test_a_problem_is_an_operation_outcome_with_its_advice(problem: Problem, status: int) -> None:
    assert problem.status == status
    problem.advice = "Tải lại trang."
    outcome = problem.outcome()
    assert outcome.issue[0].diagnostics == "Tải lại trang."
    assert validation.validate(outcome) == []
