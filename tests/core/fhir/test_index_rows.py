"""The index rows of a record: what a later search can find it by."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benhan.core.fhir import codec, r4, search, systems, texts
from benhan.core.fhir.paths import compile_path
from benhan.core.fhir.rows import emitter
from benhan.core.fhir.search import PARAMETERS, Index

PATIENT = r4.Patient(
    id="p1",
    identifier=[r4.Identifier(system=systems.CCCD, value="001090012345")],
    name=[r4.HumanName(text="Nguyễn Thị Ánh", family="Nguyễn", given=["Thị", "Ánh"])],
    telecom=[
        r4.ContactPoint(system="phone", value="0912345678"),
        r4.ContactPoint(system="email", value="anh@vi.du"),
    ],
    gender="female",
    birthDate="1990-11-21",
    address=[r4.Address(line=["Thôn Đoài"], city="Xã Tam Hưng", state="Hà Nội")],
    managingOrganization=r4.Reference(reference="Organization/bv1"),
    active=True,
)


def _number(type_: str, code: str) -> int:
    return PARAMETERS[type_][code].id


def _values(rows: list[Any], number: int) -> list[Any]:
    return [row[1] if len(row) == 2 else row[1:] for row in rows if row[0] == number]


def _index(**content: Any) -> Index:
    return search.index(codec.decode(json.dumps(content).encode()))


def test_a_vietnamese_patient_is_found_by_name_card_phone_and_place() -> None:
    rows = search.index(PATIENT)
    assert _values(rows.strings, _number("Patient", "name")) == ["Nguyễn Thị Ánh", "Nguyễn", "Thị", "Ánh"]
    assert _values(rows.strings, _number("Patient", "given")) == ["Thị", "Ánh"]
    assert _values(rows.tokens, _number("Patient", "identifier")) == [(systems.CCCD, "001090012345")]
    assert _values(rows.tokens, _number("Patient", "phone")) == [(None, "0912345678")]
    assert _values(rows.tokens, _number("Patient", "email")) == [(None, "anh@vi.du")]
    assert _values(rows.tokens, _number("Patient", "gender")) == [(None, "female")]
    assert _values(rows.tokens, _number("Patient", "active")) == [(None, "true")]
    assert _values(rows.strings, _number("Patient", "address-state")) == ["Hà Nội"]
    assert _values(rows.references, _number("Patient", "organization")) == ["Organization/bv1"]


def test_a_name_without_its_text_is_put_together_family_first() -> None:
    rows = _index(resourceType="Patient", name=[{"family": "Trần", "given": ["Văn", "Bình"]}])
    assert _values(rows.strings, _number("Patient", "name"))[0] == "Trần Văn Bình"


def test_a_birthday_is_a_vietnamese_day_in_utc() -> None:
    day = datetime(1990, 11, 20, 17, tzinfo=UTC), datetime(1990, 11, 21, 17, tzinfo=UTC)
    assert _values(search.index(PATIENT).dates, _number("Patient", "birthdate")) == [day]


def test_a_living_patient_is_not_deceased_and_a_dead_one_is() -> None:
    number = _number("Patient", "deceased")
    assert _values(search.index(PATIENT).tokens, number) == [(None, "false")]
    dead = _index(resourceType="Patient", deceasedDateTime="2026-11-01")
    assert _values(dead.tokens, number) == [(None, "true")]
    alive = _index(resourceType="Patient", deceasedBoolean=False)
    assert _values(alive.tokens, number) == [(None, "false")]


def test_an_observation_is_found_by_patient_code_day_and_value() -> None:
    rows = _index(
        resourceType="Observation",
        status="final",
        category=[{"coding": [{"system": systems.OBSERVATION_CATEGORY, "code": "laboratory"}]}],
        code={"coding": [{"system": systems.LOINC, "code": "15074-8"}], "text": "Đường huyết"},
        subject={"reference": "Patient/p1/_history/2"},
        effectiveDateTime="2026-11-21T07:30:00+07:00",
        valueQuantity={"value": 5.60, "unit": "mmol/L", "system": systems.UCUM, "code": "mmol/L"},
    )
    assert _values(rows.tokens, _number("Observation", "code")) == [(systems.LOINC, "15074-8")]
    assert _values(rows.references, _number("Observation", "patient")) == ["Patient/p1"]
    assert _values(rows.references, _number("Observation", "subject")) == ["Patient/p1"]
    second = datetime(2026, 11, 21, 0, 30, tzinfo=UTC), datetime(2026, 11, 21, 0, 30, 1, tzinfo=UTC)
    assert _values(rows.dates, _number("Observation", "date")) == [second]
    value = (Decimal("5.6"), Decimal("5.6"), systems.UCUM, "mmol/L")
    assert _values(rows.quantities, _number("Observation", "value-quantity")) == [value]


def test_an_open_period_reaches_far_and_a_closed_one_ends_with_its_day() -> None:
    number = _number("Encounter", "date")
    visit = {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"}}
    opened = _values(_index(**visit, period={"start": "2026-11-21"}).dates, number)
    assert opened == [(datetime(2026, 11, 20, 17, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))]
    closed = _values(_index(**visit, period={"start": "2026-11-21", "end": "2026-11-22"}).dates, number)
    assert closed == [(datetime(2026, 11, 20, 17, tzinfo=UTC), datetime(2026, 11, 22, 17, tzinfo=UTC))]


def test_the_patient_of_a_record_about_a_group_is_not_indexed_as_patient() -> None:
    rows = _index(resourceType="Observation", status="final", code={"text": "x"}, subject={"reference": "Group/g"})
    assert _values(rows.references, _number("Observation", "patient")) == []
    assert _values(rows.references, _number("Observation", "subject")) == ["Group/g"]


def test_a_reference_by_identifier_is_a_token_and_a_contained_one_is_nothing() -> None:
    number = _number("Encounter", "subject")
    visit = {"resourceType": "Encounter", "status": "arrived", "class": {"code": "AMB"}}
    rows = _index(**visit, subject={"identifier": {"system": systems.BHYT, "value": "DN4010123456789"}})
    assert _values(rows.identifiers, number) == [(systems.BHYT, "DN4010123456789")]
    assert _values(_index(**visit, subject={"reference": "#guest"}).references, number) == []


def test_a_guest_who_booked_is_found_by_name_phone_and_card() -> None:
    guest = {
        "resourceType": "Patient",
        "id": "guest",
        "name": [{"text": "Lê Văn Đạt"}],
        "telecom": [{"system": "phone", "value": "0987654321"}],
        "identifier": [{"system": systems.CCCD, "value": "001099000111"}],
    }
    actor = {"actor": {"reference": "#guest"}, "status": "accepted"}
    rows = _index(resourceType="Appointment", status="booked", contained=[guest], participant=[actor])
    assert _values(rows.strings, _number("Appointment", "guest-name")) == ["Lê Văn Đạt"]
    assert _values(rows.tokens, _number("Appointment", "guest-phone")) == [(None, "0987654321")]
    assert _values(rows.tokens, _number("Appointment", "guest-cccd")) == [(systems.CCCD, "001099000111")]


def test_a_ticket_is_found_by_its_room() -> None:
    rows = _index(resourceType="Task", status="requested", intent="order", location={"reference": "Location/pk3"})
    assert _values(rows.references, _number("Task", "location")) == ["Location/pk3"]


def test_tags_and_profiles_are_found_on_every_type() -> None:
    meta = {"tag": [{"system": systems.CHANNEL, "code": "zalo"}], "profile": ["http://x/p|1.0"]}
    rows = _index(resourceType="Basic", code={"text": "x"}, meta=meta)
    assert _values(rows.tokens, _number("Basic", "_tag")) == [(systems.CHANNEL, "zalo")]
    number = _number("Basic", "_profile")
    assert set(_values(rows.uris, number) + _values(rows.references, number)) >= {"http://x/p|1.0"}


def test_every_parameter_has_a_number_of_its_own_that_fits_a_smallint() -> None:
    numbers = [p.id for parameters in PARAMETERS.values() for p in parameters.values()]
    assert len(numbers) == len(set(numbers))
    assert min(numbers) > 0 and max(numbers) < 2**15


def test_every_parameter_of_r4_is_answered_by_rows_except_places_and_named_queries() -> None:
    """`near` needs places on the ground; `_query` names searches that a server invents."""
    silent = {p.code for own in PARAMETERS.values() for p in own.values() if not p.indexed}
    assert silent == {"_id", "_lastUpdated", "near", "_query"}  # the first two are columns of the record


def test_the_values_that_cannot_be_indexed_are_these_and_no_others() -> None:
    """Free text is no date, and an age is none without the birthday; its parameter has other branches that are."""
    silent = {
        (p.kind, branch.type)
        for type_, own in PARAMETERS.items()
        for p in own.values()
        if p.indexed and p.kind != "composite" and p.expression
        for branch in compile_path(p.expression, type_)
        if not emitter(p.kind, branch.type)
    }
    assert silent == {("date", "string"), ("date", "Age"), ("date", "Range")}


def test_what_stands_once_in_a_record_needs_no_rows_of_its_own() -> None:
    own = PARAMETERS["Observation"]
    assert own["code-value-quantity"].numbers == ()
    assert own["code-value-quantity"].wholes == (("code", "value-quantity"),)
    assert own["combo-code"].numbers == tuple(sorted((own["code"].id, own["component-code"].id)))
    combo = own["combo-code-value-quantity"]
    assert combo.wholes == (("code", "value-quantity"),)
    assert combo.numbers == (own["component-code-value-quantity"].id,)


def test_the_components_of_a_pressure_are_paired_each_with_its_own_value() -> None:
    def part(code: str, value: int) -> dict[str, Any]:
        quantity = {"value": value, "system": systems.UCUM, "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": systems.LOINC, "code": code}]}, "valueQuantity": quantity}

    rows = _index(
        resourceType="Observation",
        status="final",
        code={"coding": [{"system": systems.LOINC, "code": "85354-9"}]},
        component=[part("8480-6", 120), part("8462-4", 80)],
    )
    number = _number("Observation", "component-code-value-quantity")
    pairs = [(a.tokens[0][2], b.quantities[0][1]) for n, (a, b) in rows.composites if n == number]
    assert pairs == [("8480-6", Decimal(120)), ("8462-4", Decimal(80))]


def test_less_than_five_reaches_down_and_a_curve_from_its_least_to_its_greatest_value() -> None:
    number = _number("Observation", "value-quantity")
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    less = _index(**observation, valueQuantity={"value": 5, "comparator": "<", "code": "mg"})
    assert _values(less.quantities, number) == [(None, Decimal(5), None, "mg")]
    curve = {"origin": {"value": 2, "code": "mV"}, "period": 10, "dimensions": 1, "factor": 0.5, "data": "10 E 40 -8 U"}
    wave = _index(**observation, valueSampledData=curve)
    assert _values(wave.quantities, number) == [(Decimal("-2.0"), Decimal("22.0"), None, "mV")]


def test_a_number_of_a_range_reaches_from_its_low_to_its_high_end() -> None:
    risk = {"probabilityRange": {"low": {"value": 0.1}, "high": {"value": 0.3}}}
    rows = _index(resourceType="RiskAssessment", status="final", subject={"reference": "Patient/p"}, prediction=[risk])
    assert _values(rows.numbers, _number("RiskAssessment", "probability")) == [(Decimal("0.1"), Decimal("0.3"))]


def test_the_first_entry_of_a_document_is_its_composition() -> None:
    entry = {"resource": {"resourceType": "Composition", "id": "c1", "status": "final", "type": {"text": "x"},
                          "date": "2026", "title": "x", "author": [{"display": "x"}]}}  # fmt: skip
    rows = _index(resourceType="Bundle", type="document", entry=[entry])
    assert _values(rows.references, _number("Bundle", "composition")) == ["Composition/c1"]


def test_the_words_of_a_record_are_its_texts_and_not_its_codes() -> None:
    content = {
        "resourceType": "Condition",
        "code": {"text": "Đau đầu", "coding": [{"system": "http://x", "code": "R51", "display": "Nhức đầu"}]},
        "subject": {"reference": "Patient/p", "display": "Ông Ba"},
        "recordedDate": "2026",
        "note": [{"text": "Từ sáng nay"}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>Đau</b> &amp; mỏi</div>'},
    }
    assert _values(_index(**content).texts, _number("Condition", "code")) == ["Nhức đầu", "Đau đầu"]
    condition = codec.decode(json.dumps(content).encode())
    assert sorted(texts.texts_in(condition)) == sorted(["Nhức đầu", "Đau đầu", "Ông Ba", "Từ sáng nay"])
    assert texts.narrative(condition).split() == ["Đau", "&", "mỏi"]
