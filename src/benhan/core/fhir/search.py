"""Search parameters of R4 and our own, and the index rows of a resource.

The store writes the rows beside each record and reads `PARAMETERS` to understand a query. Composite,
special and phonetic parameters are known but not indexed (`SearchParameter.indexed` is False); `_id` and
`_lastUpdated` are columns of the record itself. Standard: FHIR R4, section 3.1.1 (search).
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.own_parameters import OWN_PARAMETERS
from benhan.core.fhir.paths import Branch, Step, compile_path
from benhan.core.fhir.rows import Emit, Index, emitter, relative_reference

Kind = Literal["token", "string", "date", "reference", "quantity", "number", "uri", "composite", "special"]

#: Kept as columns of the record, so without index rows.
COLUMNS = frozenset({"_id", "_lastUpdated"})
#: Known, but not served: names are matched by their letters, not by their sound.
NOT_SERVED = frozenset({"phonetic"})


class SearchParameter(msgspec.Struct, frozen=True):
    """One parameter of one resource type; `id` is stable and fits a smallint."""

    id: int
    type: str
    code: str
    kind: Kind
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[tuple[str, str], ...] = ()

    @property
    def indexed(self) -> bool:
        """Whether `index` gives rows for it."""
        if self.kind in ("composite", "special") or self.code in COLUMNS | NOT_SERVED:
            return False
        return bool(self.expression)


class _File(msgspec.Struct, frozen=True):
    source: str
    definitions: dict[str, tuple[str, Kind, list[str], str, tuple[str, ...], tuple[tuple[str, str], ...]]]
    numbers: dict[str, int]


def _load() -> dict[str, dict[str, SearchParameter]]:
    body = files("benhan.core.fhir.r4").joinpath("search_parameters.json").read_bytes()
    table = msgspec.json.decode(body, type=_File)
    _KINDS.update({name: definition[1] for name, definition in table.definitions.items()})
    everything = [kind.__name__ for kind in r4.RESOURCES]
    found: dict[str, dict[str, SearchParameter]] = {name: {} for name in everything}
    for code, kind, bases, expression, targets, components in table.definitions.values():
        types = everything if bases in (["Resource"], ["DomainResource"]) else bases
        for name in types:
            if number := table.numbers.get(f"{name}.{code}"):
                found[name][code] = SearchParameter(number, name, code, kind, expression, targets, components)
    for own in OWN_PARAMETERS:
        found[own.type][own.code] = SearchParameter(
            own.number,
            own.type,
            own.code,
            own.kind,
            own.expression,
            own.targets,
        )
    return found


#: Name of a definition → its kind, for the components of composites.
_KINDS: dict[str, Kind] = {}
PARAMETERS: dict[str, dict[str, SearchParameter]] = _load()


def component_kinds(parameter: SearchParameter) -> tuple[Kind, ...]:
    """The kinds of a composite's components, in their order."""
    return tuple(_KINDS[name] for name, _ in parameter.components)


Entry = tuple[tuple[Step, ...], tuple[tuple[int, Emit], ...]]
Plan = tuple[tuple[Callable[[Any], Any], tuple[Entry, ...]], ...]


def index(resource: r4.Resource) -> Index:
    """The rows that let searches find `resource`; about 10 µs.

    Raises:
        Malformed: a date in it does not exist.
    """
    found = Index()
    for read, entries in _plan(type(resource)):
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
    return _without_repeats(found)


def _without_repeats(found: Index) -> Index:
    for name in Index.__struct_fields__:
        rows = getattr(found, name)
        if len(rows) > 1:
            setattr(found, name, list(dict.fromkeys(rows)))
    return found


@cache
def _plan(kind: type[r4.Resource]) -> Plan:
    """What to read of a type: by first element, so that an absent one is skipped at once."""
    by_first: dict[str | None, list[tuple[tuple[Step, ...], int, Emit]]] = {}
    for parameter in PARAMETERS[kind.__name__].values():
        if not parameter.indexed:
            continue
        for branch in compile_path(parameter.expression, kind.__name__):
            if emit := emitter(parameter.kind, branch.type):
                steps = branch.steps[1:] if branch.first else branch.steps
                by_first.setdefault(branch.first, []).append((steps, parameter.id, emit))
    return tuple(
        (_reader(first), tuple((steps, ((number, emit),)) for steps, number, emit in entries))
        for first, entries in by_first.items()
    )


def _reader(first: str | None) -> Callable[[Any], Any]:
    if first is None:
        return lambda resource: resource
    name = f"{first}_" if keyword.iskeyword(first) else first
    return lambda resource: getattr(resource, name)


__all__ = [
    "COLUMNS",
    "NOT_SERVED",
    "PARAMETERS",
    "Branch",
    "Index",
    "SearchParameter",
    "component_kinds",
    "index",
    "moment_range",
    "relative_reference",
]
