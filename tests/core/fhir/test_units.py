"""Units: what a UCUM code measures, and how much of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.units import canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("5.4", "mmol/L"), ("5400", "umol/L")),
        (("5.4", "mg"), ("5400", "ug")),
        (("37", "Cel"), ("98.6", "[degF]")),
        (("120", "mm[Hg]"), ("12", "cm[Hg]")),
        (("1", "g%"), ("10", "g/L")),
        (("4.5", "10*9/L"), ("4.5", "10*3/uL")),
        (("72", "{beats}/min"), ("1.2", "Hz")),
        (("2", "m[IU]/L"), ("2", "u[iU]/mL")),
        (("90", "mL/min/{1.73_m2}"), ("5.4", "L/h")),
        (("1", "wk"), ("168", "h")),
        (("1", "[lb_av]"), ("453.59237", "g")),
        (("6", "mg/(kg.d)"), ("0.25", "mg/kg/h")),
        (("1", "U"), ("1", "umol/min")),
        (("1", "J"), ("1", "kg.m2.s-2")),
        (("45", "%"), ("0.45", "{ratio}")),
    ],
)  # fmt: skip
def test_one_amount_in_two_units_is_one_value(one: tuple[str, str], other: tuple[str, str]) -> None:
    left, right = canonical(one[1]), canonical(other[1])
    assert left and right and left.name == right.name
    assert left.convert(Decimal(one[0])) == right.convert(Decimal(other[0]))


@pytest.mark.parametrize(
    "code", ["", "lần/phút", "mmHg", "mg//dL", "mg(", "/", "kCel", "da", "10*99", "m" * 65, "((((((m))))))"]
)
def test_what_is_no_unit_of_ucum_is_none(code: str) -> None:
    assert canonical(code) is None


def test_mass_and_substance_are_never_confused() -> None:
    mass, substance = canonical("mg/dL"), canonical("mmol/L")
    assert mass and substance and mass.name != substance.name


def test_an_absurd_number_costs_nothing_and_is_no_error() -> None:
    unit = canonical("mg")
    assert unit
    assert unit.convert(Decimal("1E+900000")) == float("inf")
    assert unit.convert(Decimal("1E-900000")) == 0


@given(st.text(alphabet="mgLkdcu%/.()[]{}0123456789*^'-+sKN", max_size=70))
def test_any_text_is_a_unit_or_none(code: str) -> None:
    unit = canonical(code)
    assert unit is None or (unit.factor > 0 and unit.name)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6))
def test_order_survives_the_conversion(value: Decimal) -> None:
    unit = canonical("mg/dL")
    assert unit
    assert unit.convert(value) < unit.convert(value + Decimal("0.001"))
