"""The index rows of a resource: by what searches find it.

The store writes the rows beside each record and reads `PARAMETERS` to understand a query. `_id` and `_lastUpdated` are
columns of the record itself. A parameter that others answer together has no rows of its own (`definitions.answers`).
Standard: FHIR R4, section 3.1.1 (search).
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from benhan.core.fhir import fhirpath, r4
from benhan.core.fhir.definitions import (
    COLUMNS,
    FIRST_CUSTOM,
    NOT_SERVED,
    PARAMETERS,
    TEXTS,
    Component,
    SearchParameter,
    component_kinds,
    own_bases,
)
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.paths import Branch, Step, UnknownElement, UnsupportedPath, compile_path, run
from benhan.core.fhir.rows import Emit, Index, emitter, relative_reference

Entry = tuple[tuple[Step, ...], tuple[tuple[int, Emit], ...]]
Plan = tuple[tuple[Callable[[Any], Any], tuple[Entry, ...]], ...]
#: Gives the rows of one component that stand in one place of a record.
Part = Callable[[Any], Index]

#: Numbers of the parameters that go by the sound of a name.
PHONETIC = frozenset(own["phonetic"].id for own in PARAMETERS.values() if "phonetic" in own)
#: More values in one place of a composite than this are not paired.
MAX_PAIRED = 200
#: More values of a custom expression than this are not indexed.
MAX_FOUND = 500


def index(resource: r4.Resource, further: Plan = ()) -> Index:
    """The rows that let searches find `resource`; about 15 µs. `further` are parameters of a facility's own.

    Raises:
        Malformed: a date in it does not exist.
    """
    found = Index()
    for plan in (plan_of(type(resource)), further) if further else (plan_of(type(resource)),):
        _run(plan, resource, found)
    return _without_repeats(found)


def _run(plan: Plan, resource: r4.Resource, found: Index) -> None:
    for read, entries in plan:
        value = read(resource)
        if value is None:
            continue
        first = value if isinstance(value, list) else [value]
        for steps, emits in entries:
            values = first
            for step in steps:
                values = step(values)
            for item in values:
                for number, emit in emits:
                    emit(found, number, item)


def _without_repeats(found: Index) -> Index:
    for name in Index.__struct_fields__:
        rows = getattr(found, name)
        if len(rows) > 1 and name != "composites":
            setattr(found, name, list(dict.fromkeys(rows)))
    return found


@cache
def plan_of(kind: type[r4.Resource]) -> Plan:
    """What to read of a type: by first element, so that an absent one is skipped at once."""
    own = PARAMETERS[kind.__name__].values()
    return compiled([one for one in own if one.id in one.numbers and one.code not in TEXTS])


def compiled(parameters: Sequence[SearchParameter]) -> Plan:
    """The plan of some parameters of one type.

    Raises:
        UnsupportedPath: an expression cannot be read.
    """
    by_first: dict[str | None, list[tuple[tuple[Step, ...], int, Emit]]] = {}
    for parameter in parameters:
        for first, steps, emit in _entries(parameter):
            by_first.setdefault(first, []).append((steps, parameter.id, emit))
    return tuple((_reader(first), _grouped(entries)) for first, entries in by_first.items())


def _grouped(entries: list[tuple[tuple[Step, ...], int, Emit]]) -> tuple[Entry, ...]:
    """Parameters that read the same steps read them once."""
    by_steps: dict[tuple[Step, ...], list[tuple[int, Emit]]] = {}
    for steps, number, emit in entries:
        by_steps.setdefault(steps, []).append((number, emit))
    return tuple((steps, tuple(emits)) for steps, emits in by_steps.items())


def _entries(parameter: SearchParameter) -> list[tuple[str | None, tuple[Step, ...], Emit]]:
    try:
        branches = compile_path(parameter.expression, parameter.type)
    except UnsupportedPath as error:
        if isinstance(error, UnknownElement):
            raise
        if (parameter.id and parameter.id < FIRST_CUSTOM) or parameter.kind == "composite":
            raise
        return [(None, (), _by_fhirpath(parameter))]
    if parameter.kind == "composite":
        return [_paired(parameter, base) for base in own_bases(parameter, branches)]
    found = []
    for branch in branches:
        if emit := emitter(parameter.kind, branch.type):
            found.append((branch.first, branch.steps[1:] if branch.first else branch.steps, emit))
    return found


def _by_fhirpath(parameter: SearchParameter) -> Emit:
    """A custom parameter whose expression is more than a path: types are known when it has run.

    What cannot be evaluated on a record gives no rows; the record is written all the same.
    """
    program = fhirpath.compile(parameter.expression)

    def emit(found: Index, number: int, resource: Any) -> None:
        try:
            items = program.nodes(resource)[:MAX_FOUND]
        except fhirpath.BadExpression:
            return
        for item in items:
            primitive = isinstance(item, fhirpath.Primitive)
            value, kind = (item.value, item.type) if primitive else (item, _TYPES.get(type(item), type(item).__name__))
            if value is not None and (one := emitter(parameter.kind, kind)):
                one(found, number, value)

    return emit


#: Types of what FHIRPath works out itself.
_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", Decimal: "decimal"}
_RESOURCE = "%resource."


def _paired(parameter: SearchParameter, base: Branch) -> tuple[str | None, tuple[Step, ...], Emit]:
    """Reads each place of a composite, and what its components find there."""
    if any(part.expression.startswith(_RESOURCE) for part in parameter.components):
        return None, (), _over_whole(parameter, base)
    parts = [_part(one, base.type) for one in parameter.components]

    def emit(found: Index, number: int, place: Any) -> None:
        rows = tuple(part(place) for part in parts)
        found.composites.append((number, rows))

    return base.first, base.steps[1:] if base.first else base.steps, emit


def _over_whole(parameter: SearchParameter, base: Branch) -> Emit:
    """A composite one of whose components stands elsewhere in the record (`%resource.…`)."""
    parts = [
        (_part(one._replace(expression=one.expression.removeprefix(_RESOURCE)), parameter.type), True)
        if one.expression.startswith(_RESOURCE)
        else (_part(one, base.type), False)
        for one in parameter.components
    ]

    def emit(found: Index, number: int, resource: Any) -> None:
        for place in run(base, resource)[:MAX_PAIRED]:
            rows = tuple(part(resource if whole else place) for part, whole in parts)
            found.composites.append((number, rows))

    return emit


def _part(component: Component, place: str) -> Part:
    branches = [
        (branch, emit)
        for branch in compile_path(component.expression, place, relative=True)
        if (emit := emitter(component.kind, branch.type))
    ]

    def read(value: Any) -> Index:
        found = Index()
        for branch, emit in branches:
            for item in run(branch, value):
                emit(found, 0, item)
        return found

    return read


@cache
def _reader(first: str | None) -> Callable[[Any], Any]:
    if first is None:
        return lambda resource: resource
    name = f"{first}_" if keyword.iskeyword(first) else first
    return lambda resource: getattr(resource, name)


__all__ = [
    "COLUMNS",
    "NOT_SERVED",
    "PARAMETERS",
    "PHONETIC",
    "Branch",
    "Index",
    "SearchParameter",
    "compiled",
    "component_kinds",
    "index",
    "moment_range",
    "relative_reference",
]
