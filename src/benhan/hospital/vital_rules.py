"""Vital signs: the normal range at an age, what cannot be, what is so rare that somebody should look again."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from benhan.core.kit import codes
from benhan.core.language import _
from benhan.hospital.visit import (
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


ADULT_MONTHS: Final = 18 * 12
#: Normal at any age, so also for somebody whose birth is unknown.
AGELESS: Final = frozenset({TEMPERATURE, SPO2})

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
    """The normal range of a vital sign at an age in whole months; None where there is none or the age is unknown.

    Source: the table of `kit.codes.vital_range`.
    """
    if months is None and code not in AGELESS:
        return None
    found = codes.vital_range(code, ADULT_MONTHS if months is None else months)
    return Range(found.low, found.high) if found else None


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
