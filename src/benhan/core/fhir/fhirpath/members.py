"""Reading elements of structs by their FHIR name: one small closure per struct and element, made once."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import msgspec

from benhan.core.fhir.fhirpath.values import Primitive, TypeInfo
from benhan.core.fhir.rules import Field, rule_of

Read = Callable[[Any], list[Any]]


def member(item: Any, name: str) -> list[Any]:
    """The element `name` of an item; nothing where it has none."""
    if type(item) is Primitive:
        return [] if item.element is None else member(item.element, name)
    if isinstance(item, msgspec.Struct):
        return reader(type(item), name)(item)
    if type(item) is TypeInfo and name in ("name", "namespace"):
        return [getattr(item, name)]
    return []


def on_the_wire(item: Any, name: str) -> list[Any]:
    """As `member`, but `name` may be a variant of a choice, `valueQuantity`, as profiles write it."""
    if isinstance(item, msgspec.Struct) and name in _variants(type(item)):
        return _variant(type(item), name)(item)
    return member(item, name)


@cache
def _variant(kind: type[msgspec.Struct], name: str) -> Read:
    return _field(name, rule_of(kind.__name__).fields[name])


@cache
def reader(kind: type[msgspec.Struct], name: str) -> Read:
    """How to read the element `name` (`value` for a choice) of a struct."""
    try:
        rule = rule_of(kind.__name__)
    except KeyError:
        return _nothing
    if name in rule.choices:
        reads = [_field(wire, rule.fields[wire]) for wire in rule.choices[name][1]]
        return lambda item: [found for read in reads for found in read(item)]
    if name not in rule.fields or name in _variants(kind):
        return _nothing
    return _field(name, rule.fields[name])


@cache
def _variants(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(wire for _, wires in rule_of(kind.__name__).choices.values() for wire in wires)


@cache
def elements(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    """The names of the elements of a struct, choices once."""
    rule = rule_of(kind.__name__)
    return (*(name for name in rule.fields if name not in _variants(kind)), *rule.choices)


def children(item: Any) -> list[Any]:
    """Every element of an item, in the order of the definition."""
    if type(item) is Primitive:
        return [] if item.element is None else children(item.element)
    if not isinstance(item, msgspec.Struct):
        return []
    return [found for read in _readers(type(item)) for found in read(item)]


@cache
def _readers(kind: type[msgspec.Struct]) -> tuple[Read, ...]:
    return tuple(reader(kind, name) for name in elements(kind))


def descendants(items: list[Any]) -> Iterator[Any]:
    """Every element below, without the items themselves."""
    left = [iter(items)]
    while left:
        for item in left[-1]:
            below = children(item)
            yield from below
            left.append(iter(below))
            break
        else:
            left.pop()


def attribute(wire: str) -> str:
    """The name of an element in Python: `class_` for `class`."""
    return f"{wire}_" if keyword.iskeyword(wire) else wire


def _nothing(_item: Any) -> list[Any]:
    return []


def _field(wire: str, field: Field) -> Read:
    name = attribute(wire)
    if not field.type[0].islower():
        if field.list:
            return lambda item: getattr(item, name) or []
        return lambda item: [] if (found := getattr(item, name)) is None else [found]
    return _primitives(wire, name, field.type) if field.list else _primitive(wire, name, field.type)


def _primitive(wire: str, name: str, kind: str) -> Read:
    sibling = f"_{wire}"

    def read(item: Any) -> list[Any]:
        value, element = getattr(item, name), getattr(item, sibling, None)
        if value is None and element is None:
            return []
        return [Primitive(value, kind, element, item, wire, None)]

    return read


def _primitives(wire: str, name: str, kind: str) -> Read:
    sibling = f"_{wire}"

    def read(item: Any) -> list[Any]:
        values, besides = getattr(item, name) or (), getattr(item, sibling, None) or ()
        found = []
        for at in range(max(len(values), len(besides))):
            value = values[at] if at < len(values) else None
            element = besides[at] if at < len(besides) else None
            if value is not None or element is not None:
                found.append(Primitive(value, kind, element, item, wire, at))
        return found

    return read
