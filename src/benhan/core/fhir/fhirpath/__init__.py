"""FHIRPath, compiled once into closures over our structs: conditions of validation, searches, profiles and patches.

Called by `core/fhir` (invariants, profiles) and by patches and custom search parameters. Bounded in length, depth,
items looked at and time of a pattern. Standard: FHIRPath 2.0 (ANSI/HL7), FHIR R4 section 2.9; ADR docs/why/fhirpath.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from benhan.core.fhir.fhirpath.compiler import compile_node
from benhan.core.fhir.fhirpath.context import Context, Items
from benhan.core.fhir.fhirpath.faults import BadExpression, Fault
from benhan.core.fhir.fhirpath.members import attribute, children
from benhan.core.fhir.fhirpath.operators import truth
from benhan.core.fhir.fhirpath.parser import Node, parse
from benhan.core.fhir.fhirpath.values import Primitive, plain

__all__ = ["BadExpression", "Compiled", "Context", "Place", "Primitive", "compile", "evaluate", "locate"]


class Compiled:
    """A FHIRPath expression ready to run. Call it on a resource or an element.

    Keywords of every call: `resource` and `root` (what `%resource` and `%rootResource` are, default: the item),
    `variables` (name → value), and hooks `resolve(reference, item)`, `member_of(item, value_set)`,
    `conforms_to(item, profile)`, `subsumes(a, b)`, `now`, `trace(name, items)`.
    """

    __slots__ = ("_run", "expression", "tree")

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tree: Node = parse(expression)
        self._run: Callable[[Context], Items] = compile_node(self.tree, expression)

    def __call__(self, item: Any, **surroundings: Any) -> list[Any]:
        """The values: structs, and primitives as they are on the wire (a date is its text).

        Raises:
            BadExpression: it cannot be evaluated on this item; the position is named.
        """
        return [plain(found) for found in self.nodes(item, **surroundings)]

    def nodes(self, item: Any, **surroundings: Any) -> list[Any]:
        """As `__call__`, but FHIR primitives stay `Primitive`: with type, siblings and place."""
        items = item if isinstance(item, list) else [item]
        return self.run(Context(items, **surroundings))

    def run(self, context: Context) -> Items:
        """The collection in a context made before.

        Raises:
            BadExpression: it cannot be evaluated on this item.
        """
        try:
            return self._run(context)
        except Fault as fault:
            raise BadExpression(str(fault), self.expression, 0) from None
        except RecursionError:
            raise BadExpression("…", self.expression, 0) from None

    def true(self, item: Any, **surroundings: Any) -> bool | None:
        """The logical value; None for empty."""
        return truth(self.nodes(item, **surroundings)[:2])


class Place(NamedTuple):
    """Where something stands: `attribute` of `owner` in Python, its `name` on the wire, position in a list or None."""

    owner: Any
    attribute: str
    name: str
    at: int | None


@lru_cache(maxsize=2048)
def compile(expression: str) -> Compiled:  # noqa: A001 - fhirpath.compile, as re.compile
    """Compile once; kept for the next time.

    Raises:
        BadExpression: it cannot be read; the position is named.
    """
    return Compiled(expression)


def evaluate(item: Any, expression: str, **surroundings: Any) -> list[Any]:
    """Compile and run: see `Compiled`."""
    return compile(expression)(item, **surroundings)


def locate(resource: Any, expression: str, **surroundings: Any) -> list[Place]:
    """The places of what an expression finds inside `resource` itself, for patches. The resource has none.

    Raises:
        BadExpression: it cannot be read or evaluated.
    """
    found = compile(expression).nodes(resource, **surroundings)
    structs = {id(item) for item in found if type(item) is not Primitive}
    places: dict[int, Place] = _places(resource) if structs else {}
    located = []
    for item in found:
        if type(item) is Primitive:
            located.append(Place(item.owner, attribute(item.field), item.field, item.at))
        elif id(item) in places:
            located.append(places[id(item)])
    return located


def _places(resource: Any) -> dict[int, Place]:
    """The place of every struct inside, by identity."""
    places: dict[int, Place] = {}
    left = [resource]
    while left:
        owner = left.pop()
        if type(owner) is Primitive:
            owner = owner.element
            if owner is None:
                continue
        for name in owner.__struct_fields__:
            value = getattr(owner, name)
            wire = name.removesuffix("_")
            if isinstance(value, list):
                places |= {id(item): Place(owner, name, wire, at) for at, item in enumerate(value)}
            elif value is not None:
                places[id(value)] = Place(owner, name, wire, None)
        left += children(owner)
    return places
