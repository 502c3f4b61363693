"""Quantities: a number and a unit, compared exactly after conversion where the units measure the same thing.

Calendar words (`year`, `month`) and UCUM's `a`, `mo` are not the same length and never compared, as FHIRPath says.
Standard: FHIRPath 2.0, sections 4.1.8 and 6; UCUM.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from benhan.core.fhir import units

_WORDS = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
#: Calendar words, also in the plural, as one word each.
CALENDAR = {word: word for word in _WORDS} | {f"{word}s": word for word in _WORDS}
#: Calendar words that are the same length as a UCUM unit.
_SAME = {"week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms"}
_WORD_OF = {code: word for word, code in _SAME.items()}
#: Calendar words nearly as long as a UCUM unit: equivalent, never equal.
_NEAR = {"year": "a", "month": "mo"}


class Quantity(NamedTuple):
    """A System.Quantity: `unit` is a UCUM code, or a calendar word in the singular; "1" is none."""

    value: Decimal
    unit: str = "1"


def canonical(quantity: Quantity) -> tuple[Fraction, str]:
    """The value in the base unit of its kind; units that are not known are their own kind."""
    value, base, offset = _scale(quantity.unit)
    return Fraction(quantity.value) * value + offset, base


def _scale(unit: str) -> tuple[Fraction, str, Fraction]:
    if unit in _NEAR:
        return Fraction(12 if unit == "year" else 1), "month of the calendar", Fraction(0)
    found = units.canonical(_SAME.get(unit, unit))
    return (found.factor, found.name, found.offset) if found else (Fraction(1), unit, Fraction(0))


def compare(a: Quantity, b: Quantity) -> int | None:
    """-1, 0 or 1; None where the units cannot be compared."""
    if a.unit == b.unit:
        return (a.value > b.value) - (a.value < b.value)
    (left, base), (right, other) = canonical(a), canonical(b)
    return (left > right) - (left < right) if base == other else None


def converted(quantity: Quantity, unit: str) -> Decimal | None:
    """The value in another unit; None where it measures something else."""
    (value, base), (factor, other, offset) = canonical(quantity), _scale(unit)
    if base != other:
        return None
    moved = (value - offset) / factor
    return Decimal(moved.numerator) / Decimal(moved.denominator)


def equivalent(a: Quantity, b: Quantity) -> bool:
    """Equal when rounded to the digits of the one with fewer; calendar words and their UCUM neighbours are one."""
    left, right = (Quantity(q.value, _NEAR.get(q.unit, q.unit)) for q in (a, b))
    (factor, base, offset), (value, other) = _scale(left.unit), canonical(right)
    if base != other:
        return False
    moved = (value - offset) / factor
    digits = min(_digits(left.value), _digits(right.value)) if left.unit == right.unit else _digits(left.value)
    return round(Fraction(left.value), digits) == round(moved, digits)


def _digits(value: Decimal) -> int:
    return max(0, -int(value.normalize().as_tuple().exponent))


def time_unit(unit: str) -> str:
    """The calendar word for a unit that may be added to a date; another unit comes back unchanged."""
    return _WORD_OF.get(unit, unit)
