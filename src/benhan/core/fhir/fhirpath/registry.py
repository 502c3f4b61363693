"""The table of FHIRPath's functions. `eager` ones are given their arguments' values, `lazy` ones the closures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from benhan.core.fhir.fhirpath.context import Context, Items

Apply: TypeAlias = Callable[..., Items]
Run: TypeAlias = Callable[[Context], Items]


class Function(NamedTuple):
    """How many arguments it takes, whether they are closures, and what it does with (context, items, *args)."""

    least: int
    most: int
    lazy: bool
    apply: Apply


FUNCTIONS: dict[str, Function] = {}


def eager(name: str, least: int = 0, most: int | None = None) -> Callable[[Apply], Apply]:
    """Register a function whose arguments are evaluated before."""
    return _register(name, least, most, lazy=False)


def lazy(name: str, least: int = 0, most: int | None = None) -> Callable[[Apply], Apply]:
    """Register a function that evaluates its arguments itself, mostly once for each item."""
    return _register(name, least, most, lazy=True)


def _register(name: str, least: int, most: int | None, *, lazy: bool) -> Callable[[Apply], Apply]:
    def keep(apply: Apply) -> Apply:
        FUNCTIONS[name] = Function(least, least if most is None else most, lazy, apply)
        return apply

    return keep


def for_each(context: Context, items: Items, run: Run) -> list[tuple[Any, Items]]:
    """Each item with what the argument gives for it, `$this` and `$index` set."""
    context.spend(len(items))
    this, index = context.this, context.index
    found = []
    try:
        for at, item in enumerate(items):
            context.this, context.index = [item], [at]
            found.append((item, run(context)))
    finally:
        context.this, context.index = this, index
    return found
