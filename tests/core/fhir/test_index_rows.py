"""The index rows of a record: what a later search can find it by."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from benhan.core.fhir import codec, r4, search, systems
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
    value = (Decimal("5.6"), systems.UCUM, "mmol/L")
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
    assert _values(rows.tokens, number) == [(systems.BHYT, "DN4010123456789")]
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


def test_every_indexed_parameter_compiles_and_gives_rows() -> None:
    """Except the two that point into a Bundle, whose target is the resource itself, not a reference."""
    silent = {
        f"{type_}.{code}"
        for type_, parameters in PARAMETERS.items()
        for code, p in parameters.items()
        if p.indexed and not any(emitter(p.kind, b.type) for b in compile_path(p.expression, type_))
    }
    assert silent == {"Bundle.composition", "Bundle.message"}
