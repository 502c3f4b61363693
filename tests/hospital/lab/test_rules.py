"""What counts as a result, what is refused, and how a value stands to what is normal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import codes
from benhan.core.kit.codes import Analyte
from benhan.hospital.lab import rules
from benhan.hospital.lab.rules import Value, flag, read

YEARS_40 = 480


def analyte(loinc: str) -> Analyte:
    found = codes.analyte(loinc)
    assert found
    return found


GLUCOSE, HB, NITRITE = analyte("14749-6"), analyte("718-7"), analyte("5802-4")


@pytest.mark.parametrize(
    ("typed", "number", "comparator", "shown"),
    [
        ("5,6", "5.6", None, "5,6"),
        ("5.60", "5.60", None, "5,60"),
        (" <0,5 ", "0.5", "<", "<0,5"),
        ("< 0.5", "0.5", "<", "<0,5"),
        (">100", "100", ">", ">100"),
        ("≤2", "2", "<=", "<=2"),
    ],
)
def test_a_number_keeps_the_digits_that_were_typed(typed: str, number: str, comparator: str | None, shown: str) -> None:
    value = read(typed, GLUCOSE)
    assert value and str(value.number) == number and value.comparator == comparator and value.shown() == shown


def test_nothing_typed_is_no_result() -> None:
    assert read("   ", GLUCOSE) is None


@pytest.mark.parametrize("typed", ["5,,6", "5 6", "1e5", "-3", "abc1"[:2], "?", "5,6 mmol", "<"])
def test_what_is_neither_a_number_nor_words_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        read(typed, GLUCOSE)


@pytest.mark.parametrize("typed", ["560", "0", "5600"])
def test_a_value_that_no_sample_can_give_is_taken_for_a_slip(typed: str) -> None:
    with pytest.raises(Invalid, match="không thể có"):
        read(typed, GLUCOSE)


def test_words_beside_a_measured_analyte_say_why_there_is_no_number() -> None:
    assert read("mẫu vỡ hồng cầu", GLUCOSE) == Value(text="mẫu vỡ hồng cầu")


def test_a_service_without_a_table_takes_numbers_and_words() -> None:
    assert read("soi thấy nấm men", None) == Value(text="soi thấy nấm men")
    assert read("12,5", None) == Value(Decimal("12.5"))


@pytest.mark.parametrize(("typed", "chosen"), [("Âm tính", "Âm tính"), ("am tinh", "Âm tính"), ("+", "Dương tính")])
def test_a_choice_is_understood_without_accents_and_by_its_sign(typed: str, chosen: str) -> None:
    assert read(typed, NITRITE) == Value(text=chosen, chosen=True)


def test_what_is_not_among_the_choices_is_refused_with_the_choices() -> None:
    with pytest.raises(Invalid, match="Âm tính, Dương tính"):
        read("nhiều", NITRITE)


def test_every_table_has_possible_bounds_that_hold_its_critical_values() -> None:
    for loinc, (low, high) in rules.POSSIBLE.items():
        for one in analyte(loinc).ranges:
            bounds = [one.low, one.high, one.critical_low, one.critical_high]
            assert all(Decimal(low) <= b <= Decimal(high) for b in bounds if b is not None), analyte(loinc).name


def judged(typed: str, one: Analyte, sex: str = "female", months: int = YEARS_40) -> str | None:
    value = read(typed, one)
    assert value
    return flag(value, one, sex, months)


def test_a_value_is_flagged_by_the_range_of_sex_and_age() -> None:
    bounds = HB.range_for("male", YEARS_40)
    assert bounds and bounds.low
    between = str(bounds.low - 5)
    assert judged(between, HB, "male") == "L"
    assert judged(between, HB, "female") == "N"


def test_critical_values_are_told_apart_from_high_and_low() -> None:
    bounds = GLUCOSE.range_for("female", YEARS_40)
    assert bounds and bounds.critical_high and bounds.critical_low and bounds.high
    assert judged(str(bounds.critical_high), GLUCOSE) == "HH"
    assert judged(str(bounds.critical_low), GLUCOSE) == "LL"
    assert judged(str(bounds.high + 1), GLUCOSE) == "H"


def test_a_bounded_value_is_flagged_only_where_it_is_certain() -> None:
    assert judged("<1", GLUCOSE) == "LL"
    assert judged("<5", GLUCOSE) is None
    assert judged(">100", GLUCOSE) == "HH"
    assert judged(">5", GLUCOSE) is None


def test_an_unexpected_choice_is_abnormal() -> None:
    assert judged("Dương tính", NITRITE) == "A"
    assert judged("Âm tính", NITRITE) == "N"


def test_without_a_birth_date_nothing_is_flagged() -> None:
    assert flag(Value(Decimal(30)), GLUCOSE, "female", None) is None
