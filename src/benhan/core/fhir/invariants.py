"""R4's invariants, compiled per struct at first use, cheap enough to stand on every write.

Three ways, the first that fits: a condition that asks only which elements are present becomes tests of positions;
the few met in every record are written by hand (a test compares them with their expression); the rest is FHIRPath,
run only where the elements are present without which it cannot fail. An empty answer breaks nothing.

Standard: FHIR R4, section 2.9.1.3 (constraints) and the definitions' `constraint`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from benhan.core.fhir import fhirpath, hot_invariants, r4
from benhan.core.fhir.fhirpath import absence
from benhan.core.fhir.fhirpath.context import Context
from benhan.core.fhir.fhirpath.members import attribute
from benhan.core.fhir.invariant_texts import SAID
from benhan.core.fhir.rules import rule_of
from benhan.core.language import _

#: How many items one invariant may look at: definitions of code systems are long.
MOST = 30_000_000

Items = Sequence[Any]
Positions = tuple[int, ...]


class Invariant(msgspec.Struct, frozen=True, array_like=True):
    """One condition as published: `element` names the part of the struct it is about, None the struct itself."""

    key: str
    severity: str
    element: str | None
    human: str
    expression: str


class _File(msgspec.Struct, frozen=True):
    source: str
    structs: dict[str, tuple[Invariant, ...]]


def said_of(invariant: Invariant) -> str:
    """What the invariant asks, in the language of the person where we have it, else in HL7's English."""
    return _(SAID[invariant.key]) if invariant.key in SAID else invariant.human


class Surroundings:
    """Where a struct stands while it is checked: `%resource` and `%rootResource`."""

    __slots__ = ("_contained", "resource", "root")

    def __init__(self, resource: Any, root: Any) -> None:
        self.resource = resource
        self.root = root
        self._contained: frozenset[str] | None = None

    @property
    def contained(self) -> frozenset[str]:
        """The ids of what the root contains."""
        if self._contained is None:
            inside = getattr(self.root, "contained", None) or ()
            self._contained = frozenset(one.id for one in inside if one.id)
        return self._contained


class Test(NamedTuple):
    """A compiled invariant: `broken(struct, its values by position, surroundings)`; skipped where a need is absent."""

    invariant: Invariant
    needs: tuple[Positions, ...]
    broken: Callable[[Any, Items, Surroundings], bool]


@cache
def published() -> dict[str, tuple[Invariant, ...]]:
    """Every invariant by struct, read once."""
    body = files("benhan.core.fhir.r4").joinpath("invariants.json").read_bytes()
    return msgspec.json.decode(body, type=_File).structs


@cache
def tests_of(struct: str, severity: str) -> tuple[Test, ...]:
    """The compiled invariants of a struct, errors or warnings."""
    kind: type[Any] = getattr(r4, struct)
    said = published().get(struct, ())
    if issubclass(kind, r4.DomainResource):
        said = (*said, *published()["DomainResource"])
    layout = Layout(kind)
    return tuple(_test(one, layout) for one in said if one.severity == severity)


class Layout:
    """Where the elements of a struct stand among its values."""

    def __init__(self, kind: type[Any]) -> None:
        names: tuple[str, ...] = kind.__struct_fields__
        self._at = {name: position for position, name in enumerate(names)}
        self._rule = rule_of(kind.__name__)

    def positions(self, element: str) -> Positions:
        """The values one of which is there when the element is: variants of a choice, siblings of primitives."""
        wires = self._rule.choices[element][1] if element in self._rule.choices else (element,)
        names = [name for wire in wires for name in (attribute(wire), f"_{wire}")]
        return tuple(self._at[name] for name in names if name in self._at)


def _test(invariant: Invariant, layout: Layout) -> Test:
    if invariant.element is not None:
        return Test(invariant, (layout.positions(invariant.element),), _of_element(invariant))
    if invariant.key in hot_invariants.BROKEN:
        elements, broken = hot_invariants.BROKEN[invariant.key]
        return Test(invariant, tuple(layout.positions(element) for element in elements), broken)
    compiled = fhirpath.compile(invariant.expression)
    needs = tuple(layout.positions(element) for element in absence.needed(compiled.tree) if layout.positions(element))
    present = absence.presence(compiled.tree, layout.positions)
    if present is not None:
        return Test(invariant, needs, lambda _struct, items, _around: not present(items))
    return Test(invariant, needs, _evaluated(compiled))


def _of_element(invariant: Invariant) -> Callable[[Any, Items, Surroundings], bool]:
    """About one element of the struct: each of its values is the context."""
    inner = _evaluated(fhirpath.compile(invariant.expression))
    read = fhirpath.compile(str(invariant.element))

    def broken(struct: Any, items: Items, around: Surroundings) -> bool:
        return any(inner(value, items, around) for value in read.nodes(struct))

    return broken


def _evaluated(compiled: fhirpath.Compiled) -> Callable[[Any, Items, Surroundings], bool]:
    def broken(struct: Any, _items: Items, around: Surroundings) -> bool:
        context = Context([struct], resource=around.resource, root=around.root, most=MOST)
        return compiled.run(context) == [False]

    return broken
