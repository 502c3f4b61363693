"""Every form is a valid R4 Questionnaire, and says in FHIR what the paper and the platform know of it."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from benhan.core.fhir import codec, r4, systems, validation
from benhan.core.fhir.outcome import NotFound
from benhan.hospital.chart.forms import form, forms
from benhan.hospital.chart.forms.questionnaires import questionnaire

ADDRESSES = Path(__file__).parent / "addresses.toml"


@pytest.mark.parametrize("code", forms())
def test_a_form_is_a_valid_questionnaire(code: str) -> None:
    made = questionnaire(form(code))
    assert validation.validate(made) == []
    assert codec.decode(codec.encode(made)) == made


def items(made: r4.Questionnaire) -> dict[str, r4.QuestionnaireItem]:
    found: dict[str, r4.QuestionnaireItem] = {}

    def look(below: list[r4.QuestionnaireItem]) -> None:
        for one in below:
            found[one.linkId or ""] = one
            look(one.item or [])

    look(made.item or [])
    return found


def extension(item: Any, url: str) -> Any:
    return next((one for one in item.extension or [] if one.url.endswith(url)), None)


def test_the_first_form_in_fhir() -> None:
    made = questionnaire(form("01/BV1"))
    assert (made.url, made.version) == (f"{systems.BENHAN}/Questionnaire/01-BV1", "TT32-2023.1")
    assert made.effectivePeriod == r4.Period(start="2024-01-01")
    at = items(made)
    sex = at["patient-sex"]
    assert (sex.prefix, sex.text, sex.type) == ("3.", "Giới", "choice")
    assert [(one.valueCoding.code, one.valueCoding.display) for one in sex.answerOption or [] if one.valueCoding] == [
        ("1", "Nam"),
        ("2", "Nữ"),
    ]
    assert "iif(%patient.gender" in extension(sex, "initialExpression").valueExpression.expression
    died = at["died"]
    assert died.enableWhen is not None
    assert (died.enableWhen[0].question, died.enableWhen[0].answerCoding.code) == ("outcome", "5")
    assert extension(died, "required-at-closing").valueBoolean is True
    assert died.required is None  # a draft may be without it
    district = at["patient-district"]
    assert extension(district, "questionnaire-hidden").valueBoolean is True
    assert extension(district, "hidden-since").valueDate == "2025-07-01"
    assert extension(at["pulse"], "questionnaire-unit").valueCoding.code == "/min"
    calculated = extension(at["days"], "calculatedExpression").valueExpression
    assert (calculated.language, at["days"].readOnly) == ("text/cql", True)
    assert "linkId='admitted'" in calculated.expression
    assert at["habits:01-di-ung-di-nguyen"].text == "01 - Dị ứng (dị nguyên)"
    assert at["films"].item is not None
    assert len(at["films"].item) == 6
    assert extension(at["director"], "signatureRequired") is not None


def test_only_what_a_form_looks_into_is_asked_of_the_store() -> None:
    def asked(code: str) -> set[str]:
        return {
            one.valueExpression.name or ""
            for one in questionnaire(form(code)).extension or []
            if one.valueExpression and one.valueExpression.name
        }

    assert asked("01/BV1") == {"cover", "vitals", "diagnoses", "notes", "results", "facility"}
    assert asked("03/BV2") == {"facility"}


def test_a_blank_after_a_box_is_asked_when_the_box_is_chosen() -> None:
    at = items(questionnaire(form("26/BV1")))
    blank = at["past:benh-ly"]
    assert blank.enableWhen is not None
    assert (blank.type, blank.enableWhen[0].question) == ("string", "past")


def test_an_address_never_changes_under_a_version() -> None:
    """A record keeps the version it was written with: what its answers name must stay what it was.

    A form changes by a new version. While no hospital writes records with a form, the new value may be written here.
    """
    kept = tomllib.loads(ADDRESSES.read_text("utf-8"))
    assert kept == {
        f"{code}|{one.version}": hashlib.sha256(
            "\n".join(f"{item.link} {item.kind} {[o.code for o in item.options]}" for item in one.walk()).encode()
        ).hexdigest()[:16]
        for code, one in forms().items()
    }


def test_a_form_that_is_not_there() -> None:
    with pytest.raises(NotFound):
        form("30/BV1")
