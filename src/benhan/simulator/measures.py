"""Vital signs that fit a person: age, sex, fever, blood pressure, breath; judged by the clinic's normal ranges."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from random import Random

from benhan.core.fhir import r4, systems
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    BMI,
    BREATHING,
    DIASTOLIC,
    HEIGHT,
    PULSE,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
    VITALS,
    WEIGHT,
    concept,
)
from benhan.hospital.vital_rules import ADULT_MONTHS, UNITS, Range, body_mass_index, normal
from benhan.simulator.diseases import Disease
from benhan.simulator.people import Person

#: Weight in kg and height in cm of a child at these ages in years. Source: WHO growth standards, medians.
_GROWTH = (
    (0, 6.5, 62),
    (1, 9.6, 76),
    (2, 12, 87),
    (4, 16, 103),
    (6, 20, 116),
    (9, 28, 133),
    (12, 39, 149),
    (16, 54, 164),
)

CATEGORY = concept(systems.OBSERVATION_CATEGORY, "vital-signs", "Sinh hiệu")
_HIGH, _LOW, _NORMAL = (
    [concept(systems.INTERPRETATION, code, said)] for code, said in (("H", "Cao"), ("L", "Thấp"), ("N", "Bình thường"))
)


def taken(chance: Random, one: Person, disease: Disease, months: int) -> dict[str, Decimal]:
    """What the nurse measures: LOINC → number in the unit of `visit.VITALS`; systolic and diastolic apart."""
    found: dict[str, Decimal] = {}
    hot = disease.fever and chance.random() < 0.7
    found[TEMPERATURE] = _number(chance.gauss(38.6, 0.5) if hot else chance.gauss(36.7, 0.2), 1, 36.1, 39.9)
    low, high = _bounds(PULSE, months)
    found[PULSE] = _number(chance.gauss((low + high) / 2 + (12 if hot else 0), (high - low) / 8), 0, low - 8, high + 15)
    if months >= 36:
        found[SYSTOLIC], found[DIASTOLIC] = _pressure(chance, one, disease, months)
    lungs = disease.code in ("J18.9", "J44.9", "J45.9", "I50.9")
    if lungs or months < 72 or chance.random() < 0.45:
        low, high = _bounds(BREATHING, months)
        found[BREATHING] = _number(chance.gauss((low + high) / 2 + (5 if lungs else 0), 1.5), 0, low, high + 8)
        found[SPO2] = _number(chance.gauss(94 if lungs else 98, 1.2), 0, 88, 100)
    weight, height = _body(chance, one, months)
    found[WEIGHT] = weight
    if months < ADULT_MONTHS or chance.random() < 0.5:
        found[HEIGHT] = height
        if months >= ADULT_MONTHS and (mass := body_mass_index(weight, height)):
            found[BMI] = mass
    return found


def observations(values: dict[str, Decimal], months: int) -> Iterator[r4.Observation]:
    """The values as Observations that still lack id, patient, visit, time and performer."""
    for code, value in values.items():
        if code == SYSTOLIC:
            yield _blood_pressure(value, values[DIASTOLIC], months)
        elif code != DIASTOLIC:
            yield r4.Observation(
                status="final", category=[CATEGORY], code=_name(code), valueQuantity=_quantity(value, VITALS[code][1]),
                referenceRange=_reference(code, months), interpretation=_judged(code, months, value),
            )  # fmt: skip


def _blood_pressure(high: Decimal, low: Decimal, months: int) -> r4.Observation:
    unit = VITALS[BLOOD_PRESSURE][1]
    return r4.Observation(
        status="final",
        category=[CATEGORY],
        code=_name(BLOOD_PRESSURE),
        component=[
            r4.ObservationComponent(
                code=_part(code), valueQuantity=_quantity(value, unit), referenceRange=_reference(code, months),
                interpretation=_judged(code, months, value),
            )
            for code, value in ((SYSTOLIC, high), (DIASTOLIC, low))
        ],
    )  # fmt: skip


def _pressure(chance: Random, one: Person, disease: Disease, months: int) -> tuple[Decimal, Decimal]:
    low, high = _bounds(SYSTOLIC, months)
    middle = (low + high) / 2 + (months > 600) * 8
    if "I10" in one.long_illnesses or disease.code == "I10":
        middle = 178 if disease.specialty == "capcuu" else 139
    systolic = _number(chance.gauss(middle, 9), 0, 80, 210)
    return systolic, _number(float(systolic) * chance.gauss(0.62, 0.03), 0, 45, 120)


def _body(chance: Random, one: Person, months: int) -> tuple[Decimal, Decimal]:
    own = Random(one.number)  # the same body at every visit, give or take a kilogram  # noqa: S311 - a seed, no secret
    if months >= 192:
        height = own.gauss(164 if one.gender == "male" else 154, 5)
        weight = own.gauss(22.4, 2.6) * (height / 100) ** 2 + chance.gauss(0, 0.7)
        return _number(weight, 1, 34, 110), _number(height, 0, 140, 190)
    years = months / 12
    younger = max(row for row in _GROWTH if row[0] <= years)
    older = next((row for row in _GROWTH if row[0] > years), younger)
    share = (years - younger[0]) / ((older[0] - younger[0]) or 1)
    scale = own.gauss(1, 0.06)
    weight = (younger[1] + (older[1] - younger[1]) * share) * scale
    return _number(weight, 1, 3, 80), _number(
        (younger[2] + (older[2] - younger[2]) * share) * (1 + scale) / 2, 0, 48, 178
    )


def _number(value: float, places: int, least: float, most: float) -> Decimal:
    return Decimal(f"{min(max(value, least), most):.{places}f}")


@cache
def _bounds(code: str, months: int) -> tuple[float, float]:
    found = normal(code, months)
    assert found
    assert found.low is not None
    assert found.high is not None
    return float(found.low), float(found.high)


@cache
def _range(code: str, months: int) -> Range | None:
    return normal(code, months)


@cache
def _name(code: str) -> r4.CodeableConcept:
    return concept(systems.LOINC, code, VITALS[code][0])


@cache
def _part(code: str) -> r4.CodeableConcept:
    return concept(systems.LOINC, code, {SYSTOLIC: "Tâm thu", DIASTOLIC: "Tâm trương"}[code])


def _quantity(value: Decimal, unit: str) -> r4.Quantity:
    return r4.Quantity(value=value, unit=UNITS.get(unit, unit), system=systems.UCUM, code=unit)


@cache
def _reference(code: str, months: int) -> list[r4.ObservationReferenceRange] | None:
    bounds = _range(code, months)
    if bounds is None:
        return None
    unit = VITALS[BLOOD_PRESSURE if code in (SYSTOLIC, DIASTOLIC) else code][1]
    low, high = (None if bound is None else _quantity(bound, unit) for bound in bounds)
    return [r4.ObservationReferenceRange(low=low, high=high)]


def _judged(code: str, months: int, value: Decimal) -> list[r4.CodeableConcept] | None:
    bounds = _range(code, months)
    return {"hi": _HIGH, "lo": _LOW, "": _NORMAL}[bounds.flag(value)] if bounds else None
