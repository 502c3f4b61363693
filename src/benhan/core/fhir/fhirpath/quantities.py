"""Quantities: a number and a unit, compared after conversion where the units measure the same thing.

Calendar words (`year`, `month`) and UCUM's `a`, `mo` are not the same length and never compared, as FHIRPath says.
Standard: FHIRPath 2.0, sections 4.1.8 and 6; UCUM.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
#: Calendar words, also in the plural, as one word each.
CALENDAR = {word: word for word in _WORDS} | {f"{word}s": word for word in _WORDS}
#: UCUM units that are the same length as a calendar word.
_SAME = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
#: UCUM units nearly as long: equivalent, never equal.
_NEAR = {"a": "year", "mo": "month"}
_FACTORS: dict[str, tuple[Decimal, str]] = {
    unit: (Decimal(factor), base)
    for base, units in {
        "second": {
            "week": "604800", "day": "86400", "hour": "3600", "minute": "60", "second": "1", "millisecond": "0.001",
        },
        "year": {"year": "1"},
        "month": {"month": "1"},
        "g": {"kg": "1000", "g": "1", "mg": "0.001", "ug": "0.000001", "ng": "0.000000001"},
        "m": {"km": "1000", "m": "1", "cm": "0.01", "mm": "0.001", "um": "0.000001", "[in_i]": "0.0254"},
        "L": {"L": "1", "l": "1", "dL": "0.1", "mL": "0.001", "ml": "0.001", "uL": "0.000001"},
    }.items()
    for unit, factor in units.items()
}  # fmt: skip


class Quantity(NamedTuple):
    """A System.Quantity: `unit` is a UCUM code, or a calendar word in the singular; "1" is none."""

    value: Decimal
    unit: str = "1"


def canonical(quantity: Quantity) -> tuple[Decimal, str]:
    """The value in the base unit of its kind; units that are not known are their own kind."""
    unit = _SAME.get(quantity.unit, quantity.unit)
    if unit in ("year", "month") and unit == quantity.unit:
        return (quantity.value * (12 if unit == "year" else 1), "month")
    factor, base = _FACTORS.get(unit, (Decimal(1), unit))
    return quantity.value * factor, base


def compare(a: Quantity, b: Quantity) -> int | None:
    """-1, 0 or 1; None where the units cannot be compared."""
    if a.unit == b.unit:
        return (a.value > b.value) - (a.value < b.value)
    (left, base), (right, other) = canonical(a), canonical(b)
    return (left > right) - (left < right) if base == other else None


def equivalent(a: Quantity, b: Quantity) -> bool:
    """Equal, with calendar words and their UCUM neighbours taken as one."""
    near = [Quantity(q.value, _NEAR.get(q.unit, q.unit)) for q in (a, b)]
    return compare(near[0], near[1]) == 0


def time_unit(unit: str) -> str:
    """The calendar word for a unit that may be added to a date; another unit comes back unchanged."""
    return _SAME.get(unit, unit)
