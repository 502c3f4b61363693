"""Vital signs: the normal range at an age, what cannot be, what is so rare that somebody should look again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from benhan.core.kit.language import _
from benhan.hospital.visit import (
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
)


def figure(value: Decimal) -> str:
    """A measured value as it is read: "38,1", "96", no idle zeros."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace(".", ",")


class Range(NamedTuple):
    """From low to high, both included; None where there is no bound."""

    low: Decimal | None
    high: Decimal | None

    def flag(self, value: Decimal) -> str:
        """ "hi", "lo" or "" (within)."""
        if self.high is not None and value > self.high:
            return "hi"
        return "lo" if self.low is not None and value < self.low else ""

    def __str__(self) -> str:
        """As screens show it: "60–100", "≥ 95", "≤ 37,5"; "" without bounds."""
        low, high = (None if bound is None else figure(bound) for bound in self)
        if low is not None and high is not None:
            return f"{low}–{high}"
        return f"≥ {low}" if low is not None else f"≤ {high}" if high is not None else ""


def _rows(*rows: tuple[int, dict[str, tuple[int, int]]]) -> tuple[tuple[int, dict[str, Range]], ...]:
    return tuple((m, {code: Range(Decimal(a), Decimal(b)) for code, (a, b) in row.items()}) for m, row in rows)


#: Below this many months of age → normal ranges, awake. Source: AHA, Pediatric Advanced Life Support 2020 (heart
#: rate, breathing, blood pressure by age); adults: QĐ 3192/QĐ-BYT 2010 (hypertension from 140/90), 60–100, 12–20.
BY_AGE: Final = _rows(
    (1, {PULSE: (100, 205), BREATHING: (30, 60), SYSTOLIC: (60, 84), DIASTOLIC: (31, 53)}),
    (12, {PULSE: (100, 180), BREATHING: (30, 53), SYSTOLIC: (72, 104), DIASTOLIC: (37, 56)}),
    (36, {PULSE: (98, 140), BREATHING: (22, 37), SYSTOLIC: (86, 106), DIASTOLIC: (42, 63)}),
    (72, {PULSE: (80, 120), BREATHING: (20, 28), SYSTOLIC: (89, 112), DIASTOLIC: (46, 72)}),
    (120, {PULSE: (75, 118), BREATHING: (18, 25), SYSTOLIC: (97, 115), DIASTOLIC: (57, 76)}),
    (144, {PULSE: (75, 118), BREATHING: (18, 25), SYSTOLIC: (102, 120), DIASTOLIC: (61, 80)}),
    (192, {PULSE: (60, 100), BREATHING: (12, 20), SYSTOLIC: (110, 131), DIASTOLIC: (64, 83)}),
    (9999, {PULSE: (60, 100), BREATHING: (12, 20), SYSTOLIC: (90, 139), DIASTOLIC: (60, 89)}),
)
#: At any age. Temperature in the armpit; BMI of adults: WHO Western Pacific 2000 (Asian cut-off points).
ALWAYS: Final = {TEMPERATURE: Range(Decimal(36), Decimal("37.5")), SPO2: Range(Decimal(95), None)}
ADULT_BMI: Final = Range(Decimal("18.5"), Decimal("22.9"))
ADULT_MONTHS: Final = 18 * 12

#: What nobody alive can have, in the unit of VITALS: refused.
POSSIBLE: Final = {
    PULSE: (10, 350), TEMPERATURE: (25, 45), SYSTOLIC: (30, 320), DIASTOLIC: (10, 220), BREATHING: (3, 150),
    SPO2: (20, 100), WEIGHT: ("0.3", 650), HEIGHT: (20, 272),
}  # fmt: skip
#: What is rare at any age: asked once more.
USUAL: Final = {
    PULSE: (35, 220), TEMPERATURE: (35, "41.5"), SYSTOLIC: (60, 230), DIASTOLIC: (30, 140), BREATHING: (8, 70),
    SPO2: (75, 100),
}  # fmt: skip
#: Below this many months → weight kg and height cm that are usual. Source: WHO growth standards, ±4 SD, widened.
GROWTH: Final = (
    (1, (1, 7), (35, 65)), (12, (2, 16), (42, 92)), (36, (5, 26), (60, 120)), (72, (8, 45), (75, 140)),
    (144, (11, 100), (90, 180)), (9999, (25, 180), (120, 205)),
)  # fmt: skip

NAMES: Final = {code: name for code, (name, _unit) in VITALS.items()} | {
    SYSTOLIC: "Huyết áp tâm thu",
    DIASTOLIC: "Huyết áp tâm trương",
}
UNITS: Final = {"/min": "l/ph", "Cel": "°C", "mm[Hg]": "mmHg", "%": "%", "kg": "kg", "cm": "cm", "kg/m2": "kg/m²"}


def normal(code: str, months: int | None) -> Range | None:
    """The normal range of a vital sign at an age in whole months; None where there is none or the age is unknown."""
    if code in ALWAYS:
        return ALWAYS[code]
    if months is None:
        return None
    if code == BMI:
        return ADULT_BMI if months >= ADULT_MONTHS else None
    return next(row for below, row in BY_AGE if months < below).get(code)


def doubts(values: Mapping[str, Decimal], months: int | None) -> list[str]:
    """What is possible but rare, as questions to whoever typed it."""
    found = []
    for code, value in values.items():
        bounds = _usual(code, months)
        if bounds is not None and not bounds[0] <= value <= bounds[1]:
            found.append(_("%(what)s %(value)s rất hiếm gặp", what=_(NAMES[code]), value=figure(value)))
    high, low = values.get(SYSTOLIC), values.get(DIASTOLIC)
    if high is not None and low is not None and high - low < 10:
        found.append(_("Huyết áp %(high)s/%(low)s: hai số quá sát nhau", high=figure(high), low=figure(low)))
    mass = body_mass_index(values.get(WEIGHT), values.get(HEIGHT))
    if mass is not None and (months or 0) >= ADULT_MONTHS and not 12 <= mass <= 55:
        found.append(_("BMI %(value)s rất hiếm gặp: xem lại cân nặng, chiều cao", value=figure(mass)))
    return found


def body_mass_index(kilograms: Decimal | None, centimetres: Decimal | None) -> Decimal | None:
    """BMI in kg/m², to one decimal."""
    if not kilograms or not centimetres:
        return None
    metres = centimetres / 100
    return (kilograms / (metres * metres)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _usual(code: str, months: int | None) -> tuple[Decimal, Decimal] | None:
    if code in (WEIGHT, HEIGHT):
        if months is None:
            return None
        weight, height = next((w, h) for below, w, h in GROWTH if months < below)
        low, high = weight if code == WEIGHT else height
        return Decimal(low), Decimal(high)
    bounds = USUAL.get(code)
    return (Decimal(str(bounds[0])), Decimal(str(bounds[1]))) if bounds else None
