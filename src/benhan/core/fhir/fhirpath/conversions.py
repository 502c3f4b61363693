"""From one system type to another; what cannot be converted is empty. Standard: FHIRPath 2.0, section 5.5."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from benhan.core.fhir.fhirpath import moments
from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.moments import Moment
from benhan.core.fhir.fhirpath.operators import EMPTY, FALSE, TRUE, single
from benhan.core.fhir.fhirpath.quantities import CALENDAR, Quantity
from benhan.core.fhir.fhirpath.registry import eager
from benhan.core.fhir.fhirpath.values import Primitive

_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?", re.ASCII)

Convert = Callable[[Any], Any]


def to_boolean(value: Any) -> Any:
    """true, 't', 'yes', 1…; None for anything else."""
    if type(value) is bool:
        return value
    if type(value) in (int, Decimal):
        return True if value == 1 else False if value == 0 else None
    if type(value) is str:
        return True if value.lower() in _TRUE else False if value.lower() in _FALSE else None
    return None


def to_integer(value: Any) -> Any:
    """An Integer, a boolean, or digits."""
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return value
    if type(value) is str and re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII):
        return int(value)
    return None


def to_decimal(value: Any) -> Any:
    """A number, a boolean, or digits with a point."""
    if type(value) in (bool, int):
        return Decimal(int(value))
    if type(value) is Decimal:
        return value
    if type(value) is str and re.fullmatch(r"[+-]?\d{1,100}(\.\d{1,100})?", value, re.ASCII):
        return Decimal(value)
    return None


def to_text(value: Any) -> Any:  # noqa: PLR0911 - a line for each type
    """Every system value has a text."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if type(value) is Decimal:
        return format(value, "f")
    if type(value) is Moment:
        return value.text
    if type(value) is Quantity:
        unit = value.unit if value.unit in CALENDAR else f"'{value.unit}'"
        return f"{format(value.value, 'f')} {unit}"
    return None


def to_quantity(value: Any) -> Any:
    """A quantity, a number, a boolean, or a text like `4 days`, `4 'mg'`."""
    if type(value) is Quantity:
        return value
    if type(value) in (bool, int, Decimal):
        return Quantity(Decimal(value))
    if type(value) is str and (found := _QUANTITY.fullmatch(value)):
        number, unit, word = found.groups()
        if word is None or word in CALENDAR:
            return Quantity(Decimal(number), CALENDAR[word] if word else unit or "1")
    return None


def _to_moment(kind: str) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is str:
            try:
                value = moments.moment(value)
            except ValueError:
                return None
        if type(value) is not Moment:
            return None
        if value.kind == kind:
            return value
        if kind == "Date" and value.kind == "DateTime":
            return moments.written("Date", value.parts[:3], None)
        return value._replace(kind=kind) if kind == "DateTime" and value.kind == "Date" else None

    return convert


_CONVERSIONS: dict[str, Convert] = {
    "Boolean": to_boolean, "Integer": to_integer, "Decimal": to_decimal, "String": to_text, "Quantity": to_quantity,
    "Date": _to_moment("Date"), "DateTime": _to_moment("DateTime"), "Time": _to_moment("Time"),
}  # fmt: skip


def _converted(items: Items, convert: Convert, unit: Items) -> Any:
    value = single(items)
    if value is None or type(value) is Primitive:
        return None
    found = convert(value)
    wanted = single(unit)
    if type(found) is Quantity and type(wanted) is str:
        wanted = CALENDAR.get(wanted, wanted)
        return found if wanted == found.unit else None
    return found


def _register(name: str, convert: Convert) -> None:
    most = 1 if name == "Quantity" else 0

    @eager(f"to{name}", 0, most)
    def to(_context: Context, items: Items, unit: Items = EMPTY) -> Items:
        found = _converted(items, convert, unit)
        return EMPTY if found is None else [found]

    @eager(f"convertsTo{name}", 0, most)
    def converts(_context: Context, items: Items, unit: Items = EMPTY) -> Items:
        if not items:
            return EMPTY
        return FALSE if _converted(items, convert, unit) is None else TRUE


for _name, _convert in _CONVERSIONS.items():
    _register(_name, _convert)
