"""Every official R4 example is read, given back digit for digit, and valid, or listed with its fault."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from benhan.core.fhir import codec, search, validation

NO_BASE = "SearchParameter.base is required and absent (HL7 publishes these drafts so)"
BLANK_CODE = "a code of v2-0550 ends with a no-break space, encoded twice"
NO_BASE_DEFINITION = "sdf-4: a logical model that is not abstract and specializes nothing"
EMPTY_TEXT = "txt-2: the narrative says nothing"
LONG_ID = "the id of a SearchParameter is 68 characters long; 64 are allowed"

#: Examples that break the standard they illustrate: file → (the expression we report first, why).
KNOWN_INVALID: dict[str, tuple[str, str]] = {
    "ActivityDefinition-blood-tubes-supply.json": ("ActivityDefinition.text.div", EMPTY_TEXT),
    "ActivityDefinition-heart-valve-replacement.json": ("ActivityDefinition.text.div", EMPTY_TEXT),
    "EventDefinition-example.json": ("EventDefinition.text.div", EMPTY_TEXT),
    "Questionnaire-zika-virus-exposure-assessment.json": ("Questionnaire.text.div", EMPTY_TEXT),
    "Bundle-dataelements.json": ("Bundle", "bdl-7: two entries have one fullUrl"),
    "Bundle-v2-valuesets.json": ("Bundle.entry[814].resource.concept[74].code", BLANK_CODE),
    "CodeSystem-v2-0550.json": ("CodeSystem.concept[74].code", BLANK_CODE),
    "DeviceMetric-example.json": (
        "DeviceMetric.parent",
        "parent may be a Device only",
    ),
    "DeviceUseStatement-example.json": (
        "DeviceUseStatement.reasonReference[0]",
        "a Procedure is no reason it allows",
    ),
    "ImplementationGuide-fhir.json": ("ImplementationGuide.manifest.resource[11904].reference", LONG_ID),
    "MedicationRequest-medrx0301.json": (
        "MedicationRequest.dispenseRequest.performer",
        "the performer may be an Organization only",
    ),
    "Observation-clinical-gender.json": (
        "Observation.performer[0]",
        "an Encounter performs nothing",
    ),
    "Questionnaire-qs1.json": ("Questionnaire.item[0].item[0].linkId", "linkId is required and absent"),
    "SearchParameter-codesystem-extensions-CodeSystem-author.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-effective.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-end.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-keyword.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-codesystem-extensions-CodeSystem-workflow.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": (
        "SearchParameter.id",
        LONG_ID,
    ),
    "SearchParameter-valueset-extensions-ValueSet-author.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-effective.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-end.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-keyword.json": ("SearchParameter.base", NO_BASE),
    "SearchParameter-valueset-extensions-ValueSet-workflow.json": ("SearchParameter.base", NO_BASE),
    "StructureDefinition-Definition.json": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-Event.json": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-FiveWs.json": ("StructureDefinition", NO_BASE_DEFINITION),
    "StructureDefinition-Request.json": ("StructureDefinition", NO_BASE_DEFINITION),
    "ig-r4.json": (
        "ImplementationGuide.manifest.resource[11904].reference",
        LONG_ID,
    ),
}


def _examples(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        body = file.read_bytes()
        if b'"resourceType"' in body:
            yield file.name, body


def _same_digits(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


@pytest.fixture(scope="module", autouse=True)
def large_bundles_too() -> Iterator[None]:
    """One example, all resource definitions in a Bundle, is 35 MB."""
    usual, codec.MAX_BYTES = codec.MAX_BYTES, 50_000_000
    yield
    codec.MAX_BYTES = usual


@pytest.mark.timeout(900)
def test_every_official_example_comes_back_digit_for_digit_and_is_valid_or_known_not_to_be(
    official_examples: list[Path],
) -> None:
    """And can be indexed. One pass: to read them again would take eight seconds."""
    count, found = 0, {}
    for name, body in _examples(official_examples):
        count += 1
        resource = codec.decode(body)
        assert _same_digits(codec.encode(resource)) == _same_digits(body), name
        issues = validation.validate(resource)
        if issues:
            found[name] = (issues[0].expression or [""])[0]
        assert isinstance(search.index(resource), search.Index), name
    assert count == 5306
    assert found == {name: where for name, (where, _) in KNOWN_INVALID.items()}
