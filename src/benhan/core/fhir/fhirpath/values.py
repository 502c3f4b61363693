"""What a collection holds: structs, FHIR primitives with their siblings, and system values.

A FHIR primitive is wrapped in `Primitive`, which knows its type and place; `system` gives the value to compute with.
Standard: FHIRPath 2.0, section 5.5 and 6.3; FHIR R4, section 2.28 (types and implicit conversions).
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.fhirpath import moments, quantities
from benhan.core.fhir.fhirpath.moments import Moment
from benhan.core.fhir.fhirpath.quantities import Quantity

#: FHIR primitive types that are special cases of another.
_BASES = {
    "code": "string", "id": "string", "markdown": "string", "url": "uri", "canonical": "uri", "uuid": "uri",
    "oid": "uri", "positiveInt": "integer", "unsignedInt": "integer",
}  # fmt: skip
_MOMENTS = frozenset({"date", "dateTime", "instant", "time"})
_QUANTITIES = (r4.Quantity, r4.Age, r4.Count, r4.Distance, r4.Duration)
_SYSTEM = {bool: "Boolean", str: "String", int: "Integer", Decimal: "Decimal", Quantity: "Quantity"}
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Primitive:
    """A FHIR primitive in its place: `element` holds its id and extensions, `value` may then be None."""

    __slots__ = ("at", "element", "field", "owner", "type", "value")

    def __init__(self, value: Any, kind: str, element: Any, owner: Any, field: str, at: int | None) -> None:
        self.value = value
        self.type = kind
        self.element = element
        self.owner = owner
        self.field = field
        self.at = at

    def __repr__(self) -> str:
        return f"{self.type}({self.value!r})"


class TypeInfo(NamedTuple):
    """What `type()` answers."""

    namespace: str
    name: str


def system(item: Any) -> Any:
    """The value to compute with; structs that are no quantity, and primitives without value, stay themselves."""
    if type(item) is Primitive:
        if item.value is None:
            return item
        if item.type in _MOMENTS:
            try:
                return moments.moment(item.value)
            except ValueError:
                return item.value
        return item.value
    if isinstance(item, _QUANTITIES):
        return item if item.value is None or item.comparator else Quantity(item.value, item.code or item.unit or "1")
    return item


def plain(item: Any) -> Any:
    """What a caller gets: a primitive or a moment as it is on the wire, everything else as it is."""
    return item.value if type(item) is Primitive else item.text if type(item) is Moment else item


def is_number(value: Any) -> bool:
    """An Integer or a Decimal."""
    return type(value) is int or type(value) is Decimal


def equal(a: Any, b: Any) -> bool | None:
    """FHIRPath `=` of two items; None when the precision of dates or the units do not tell."""
    left, right = system(a), system(b)
    kinds = {type(left), type(right)}
    if Moment in kinds:
        return _same_moment(left, right)
    if Quantity in kinds:
        return _same_quantity(left, right)
    if is_number(left) and is_number(right):
        return bool(left == right)
    return type(left) is type(right) and bool(left == right)


def _same_moment(left: Any, right: Any) -> bool | None:
    """A text beside a date is compared as it is written."""
    if not (type(left) is Moment and type(right) is Moment):
        texts = [side.text if type(side) is Moment else side for side in (left, right)]
        return bool(texts[0] == texts[1])
    if (left.kind == "Time") != (right.kind == "Time"):
        return False
    order = moments.compare(left, right)
    return None if order is None else order == 0


def _same_quantity(left: Any, right: Any) -> bool | None:
    """A number beside a quantity has the unit 1."""
    sides = [Quantity(Decimal(side)) if is_number(side) else side for side in (left, right)]
    if not all(type(side) is Quantity for side in sides):
        return False
    order = quantities.compare(sides[0], sides[1])
    return None if order is None else order == 0


def equivalent(a: Any, b: Any) -> bool:
    """FHIRPath `~` of two items: case, spaces, the last digits and the precision of dates matter less."""
    left, right = system(a), system(b)
    if isinstance(left, str) and isinstance(right, str):
        return " ".join(left.casefold().split()) == " ".join(right.casefold().split())
    if is_number(left) and is_number(right):
        digits = min(_digits(left), _digits(right))
        return round(Decimal(left), digits) == round(Decimal(right), digits)
    if type(left) is Quantity and type(right) is Quantity:
        return quantities.equivalent(left, right)
    return equal(a, b) is True


def _digits(value: Any) -> int:
    if type(value) is int:
        return 0
    return max(0, -int(value.normalize().as_tuple().exponent))


def key(item: Any) -> Any:
    """Something hashable that equal items share, for `distinct` and unions in one pass."""
    value = system(item)
    if type(value) is bool:
        return ("boolean", value)
    if type(value) is Moment:
        return (value.kind == "Time", moments._comparable(value))
    if type(value) is Quantity:
        return quantities.canonical(value)
    if type(value) is Primitive:
        return id(value.element)
    if isinstance(value, msgspec.Struct):
        return (type(value), _ENCODER.encode(value))
    return value


def type_info(item: Any) -> TypeInfo:
    """The type of an item, with its namespace."""
    if type(item) is Primitive:
        return TypeInfo("FHIR", item.type)
    if type(item) is Moment:
        return TypeInfo("System", item.kind)
    if type(item) in _SYSTEM:
        return TypeInfo("System", _SYSTEM[type(item)])
    return TypeInfo("FHIR", type(item).__name__)


def is_type(item: Any, name: str) -> bool:
    """Whether an item is of the type (`Patient`, `FHIR.string`, `System.Boolean`) or of one that derives from it."""
    space, _dot, short = name.rpartition(".")
    info = type_info(item)
    if space and space != info.namespace:
        return False
    if info.namespace == "System":
        return short == info.name
    if type(item) is Primitive:
        return short in _primitive_types(info.name)
    kind: type = type(item)
    return short in _struct_types(kind)


def known_type(name: str) -> bool:
    """Whether there is such a type at all."""
    space, _dot, short = name.rpartition(".")
    if space == "System" or (not space and short in _SYSTEM_NAMES):
        return True
    return space in ("", "FHIR") and (short in _PRIMITIVES or hasattr(r4, short))


_SYSTEM_NAMES = frozenset({*_SYSTEM.values(), "Date", "DateTime", "Time"})
_PRIMITIVES = frozenset(
    {*_BASES, *_BASES.values(), *_MOMENTS, "boolean", "decimal", "base64Binary", "xhtml", "SimpleQuantity"}
)


@cache
def _primitive_types(name: str) -> frozenset[str]:
    names = {name, "Element"}
    while name in _BASES:
        name = _BASES[name]
        names.add(name)
    return frozenset(names)


@cache
def _struct_types(kind: type) -> frozenset[str]:
    names = {base.__name__ for base in kind.__mro__} - {"object", "Struct"}
    if kind in _QUANTITIES:
        names |= {"Quantity", "SimpleQuantity"}
    return frozenset(names)
