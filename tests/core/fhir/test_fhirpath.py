"""FHIRPath: logic of three values, hooks, places for patches, positions of faults, and bounds."""

from __future__ import annotations

from contextlib import suppress
from time import thread_time

import pytest

from benhan.core.fhir import fhirpath, r4
from benhan.core.language import speaking

PATIENT = r4.Patient(
    id="p1",
    active=True,
    birthDate="1990-11",
    name=[r4.HumanName(use="official", family="Nguyễn", given=["Văn", "An"]), r4.HumanName(text="Tèo")],
    managingOrganization=r4.Reference(reference="Organization/o1"),
    contained=[r4.Organization(id="o", name="Nhà")],
    generalPractitioner=[r4.Reference(reference="#o")],
)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("birthDate > @1990", None),
        ("birthDate > @1989", True),
        ("birthDate >= @1990-11-05", None),
        ("name.where(family.exists()).count() = 1", True),
        ("name.family = 'Nguyễn' and deceased", None),
        ("deceased and false", False),
        ("name.given contains 'An'", True),
        ("contained.ofType(Organization).name = 'Nhà'", True),
        ("generalPractitioner.resolve().name = 'Nhà'", True),
        ("name[0].given[1] = 'An'", True),
    ],
)
def test_true_false_or_not_known(expression: str, wanted: bool | None) -> None:
    assert fhirpath.compile(expression).true(PATIENT) is wanted


def test_references_value_sets_and_profiles_are_asked_of_the_caller() -> None:
    organization = r4.Organization(id="o1", name="Bệnh viện")

    def resolve(reference: str, _item: object) -> object:
        return organization if reference == "Organization/o1" else None

    found = fhirpath.evaluate(PATIENT, "managingOrganization.resolve().name", resolve=resolve)
    assert found == ["Bệnh viện"]
    assert fhirpath.evaluate(PATIENT, "managingOrganization.resolve()") == []
    assert fhirpath.evaluate(PATIENT, "name[0].use.memberOf('http://x')", member_of=lambda *_: False) == [False]
    assert fhirpath.evaluate(PATIENT, "name[0].use.memberOf('http://x')") == []
    assert fhirpath.evaluate(PATIENT, "conformsTo('http://x')", conforms_to=lambda *_: True) == [True]
    assert fhirpath.evaluate(PATIENT, "%quen", variables={"quen": 3}) == [3]


def test_a_primitive_with_an_extension_and_no_value_exists_without_a_value() -> None:
    absent = r4.Extension(url="http://hl7.org/fhir/StructureDefinition/data-absent-reason", valueCode="unknown")
    patient = r4.Patient(_birthDate=r4.Element(extension=[absent]))
    assert fhirpath.evaluate(patient, "birthDate.exists()") == [True]
    assert fhirpath.evaluate(patient, "birthDate.hasValue()") == [False]
    assert fhirpath.evaluate(patient, "birthDate.extension.value") == ["unknown"]
    assert fhirpath.evaluate(patient, "birthDate < today()") == []


def test_the_place_of_what_is_found_is_known_to_a_patch() -> None:
    [place] = fhirpath.locate(PATIENT, "name.where(use = 'official').given.where($this = 'An')")
    assert (place.owner, place.attribute, place.at) == (PATIENT.name[0] if PATIENT.name else None, "given", 1)
    [place] = fhirpath.locate(PATIENT, "Patient.managingOrganization")
    assert (place.owner, place.name, place.at) == (PATIENT, "managingOrganization", None)
    assert fhirpath.locate(PATIENT, "maritalStatus") == []


def test_a_fault_names_its_position_in_the_language_of_the_person() -> None:
    with pytest.raises(fhirpath.BadExpression) as unread:
        fhirpath.compile("name.given.first(")
    assert unread.value.position == 17
    with pytest.raises(fhirpath.BadExpression) as unknown:
        fhirpath.compile("name.sendMail('x')")
    assert unknown.value.position == 5
    with speaking("en"), pytest.raises(fhirpath.BadExpression, match="one value is needed, there are 2"):
        fhirpath.evaluate(PATIENT, "name.given.upper()")


@pytest.mark.parametrize(
    "expression",
    [
        "(" * 500 + "1" + ")" * 500,
        "-" * 500 + "1",
        "1" + "+1" * 5_000,
        "a" + ".a" * 5_000,
        "'" + "a" * 30_000 + "'",
        "name" + ".where(true" * 100 + ")" * 100,
        "a[" * 200 + "0" + "]" * 200,
    ],
)
def test_an_expression_is_bounded_in_length_and_depth(expression: str) -> None:
    with pytest.raises(fhirpath.BadExpression):
        fhirpath.compile(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "(1|2|3|4|5|6|7|8|9).repeat($this + 1)",
        "'" + "a" * 40 + "!'.matches('^(a+)+$')",
        "'a'" + ".replace('a', 'aaaaaaaaaa')" * 12,
        "10.power(1000000000)",
        "'" + "a" * 40 + "!'.replaceMatches('(a|aa)+$', 'b')",
    ],
)
def test_an_evaluation_is_bounded_in_time_and_space(expression: str) -> None:
    start = thread_time()
    with suppress(fhirpath.BadExpression):
        fhirpath.evaluate(PATIENT, expression)
    assert thread_time() - start < 5
