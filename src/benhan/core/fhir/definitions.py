"""Search parameters: R4's, our own, and how each is answered from index rows.

Standard: HL7 FHIR R4, section 3.1.1 (search) and the SearchParameter resources of the specification.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.own_parameters import OWN_PARAMETERS
from benhan.core.fhir.paths import Branch, compile_path
from benhan.core.fhir.rows import emitter

Kind = Literal["token", "string", "date", "reference", "quantity", "number", "uri", "composite", "special"]

#: Kept as columns of the record, so without index rows.
COLUMNS = frozenset({"_id", "_lastUpdated"})
#: Words of the narrative, and of the whole record: not read by a path.
TEXTS = frozenset({"_text", "_content"})
#: Known, but not served. `near` would need places on the ground in an index of its own; `_query` names searches that
#: a server invents, and we have none.
NOT_SERVED = frozenset({"near", "_query"})
#: Numbers from here on were given at run time (`store/parameters.py`).
FIRST_CUSTOM = 20001
PATH_OF_DEFINITION = "http://hl7.org/fhir/SearchParameter/"


class Component(NamedTuple):
    """One part of a composite: the parameter it is a value of, and where to read it from."""

    code: str
    kind: Kind
    expression: str
    definition: str


class SearchParameter(msgspec.Struct, frozen=True):
    """One parameter of one resource type; `id` is stable and fits a smallint."""

    id: int
    type: str
    code: str
    kind: Kind
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    #: Name of its definition (the id of the SearchParameter resource).
    definition: str = ""

    @property
    def indexed(self) -> bool:
        """Whether rows answer it."""
        return bool(self.numbers or self.wholes)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The parameters whose rows answer it, any of them: its own, or those it is put together from."""
        return (self.id,) if self.id >= FIRST_CUSTOM else answers(self.type)[self.code].numbers

    @property
    def wholes(self) -> tuple[tuple[str, ...], ...]:
        """For a composite: codes of parameters which together say the same, as their values stand once in the record.

        Each is an alternative, beside the rows under `numbers`.
        """
        return () if self.id >= FIRST_CUSTOM else answers(self.type)[self.code].wholes


class Answer(NamedTuple):
    """How a parameter is answered."""

    numbers: tuple[int, ...]
    wholes: tuple[tuple[str, ...], ...] = ()


class _File(msgspec.Struct, frozen=True):
    source: str
    definitions: dict[str, tuple[str, Kind, list[str], str, tuple[str, ...], tuple[tuple[str, str], ...]]]
    numbers: dict[str, int]


def component(definition: str, expression: str) -> Component | None:
    """A component by the name of its definition; None when R4 has no such parameter."""
    known = _KINDS.get(definition)
    # Observation-code-value-date of R4 4.0.1 says DateTime; the type is dateTime.
    return known and Component(*known, expression.replace("as(DateTime)", "as(dateTime)"), definition)


def _load() -> dict[str, dict[str, SearchParameter]]:
    body = files("benhan.core.fhir.r4").joinpath("search_parameters.json").read_bytes()
    table = msgspec.json.decode(body, type=_File)
    _KINDS.update({name: (one[0], one[1]) for name, one in table.definitions.items()})
    everything = [kind.__name__ for kind in r4.RESOURCES]
    found: dict[str, dict[str, SearchParameter]] = {name: {} for name in everything}
    for definition, (code, kind, bases, expression, targets, parts) in table.definitions.items():
        components = tuple(part for one in parts if (part := component(*one)))
        types = everything if bases in (["Resource"], ["DomainResource"]) else bases
        for name in types:
            if number := table.numbers.get(f"{name}.{code}"):
                one = SearchParameter(number, name, code, kind, expression, targets, components, definition)
                found[name][code] = one
    for own in OWN_PARAMETERS:
        found[own.type][own.code] = SearchParameter(
            own.number, own.type, own.code, own.kind, own.expression, own.targets, (), f"benhan-{own.number}"
        )
    return found


#: Name of a definition → code and kind, for the components of composites.
_KINDS: dict[str, tuple[str, Kind]] = {}
PARAMETERS: dict[str, dict[str, SearchParameter]] = _load()


def component_kinds(parameter: SearchParameter) -> tuple[Kind, ...]:
    """The kinds of a composite's components, in their order."""
    return tuple(one.kind for one in parameter.components)


@cache
def answers(type_name: str) -> dict[str, Answer]:
    """How each parameter of a type is answered; worked out at first use."""
    own = PARAMETERS[type_name]
    ways = {code: _ways(one) for code, one in own.items() if one.kind not in ("composite", "special")}
    ways = {code: found for code, found in ways.items() if found}
    answered = {code: Answer((own[code].id,)) for code in ways}
    answered |= {code: Answer(_cover(code, ways, own)) for code in ways}
    for code, one in own.items():
        if one.kind == "composite":
            answered[code] = _composite(one, ways, own)
        elif code in TEXTS:
            answered[code] = Answer(_texts(one, own))
        elif code not in answered:
            answered[code] = Answer(())
    return answered


def _ways(parameter: SearchParameter) -> frozenset[str]:
    """The ways of the branches that give rows."""
    if parameter.code in COLUMNS | NOT_SERVED | TEXTS or not parameter.expression:
        return frozenset()
    branches = compile_path(parameter.expression, parameter.type)
    return frozenset(branch.way for branch in branches if emitter(parameter.kind, branch.type))


def _cover(code: str, ways: dict[str, frozenset[str]], own: dict[str, SearchParameter]) -> tuple[int, ...]:
    """The other parameters that together have the same ways (`combo-code`: `code`, `component-code`); or itself."""
    mine, kind = ways[code], own[code].kind
    if kind not in ("token", "quantity") or not code.startswith("combo-"):
        return (own[code].id,)
    parts = [c for c, w in ways.items() if w < mine and own[c].kind == kind and not c.startswith("combo-")]
    if frozenset().union(*(ways[c] for c in parts)) != mine:
        return (own[code].id,)
    return tuple(sorted(own[c].id for c in parts))


def _texts(parameter: SearchParameter, own: dict[str, SearchParameter]) -> tuple[int, ...]:
    """`_content` reads the words of every text of the record: each stands there once, under whatever parameter."""
    if parameter.code == "_text":
        return (parameter.id,)
    worded = [one.id for one in own.values() if one.kind in ("string", "token") and one.code != "phonetic"]
    return tuple(sorted(worded))


def _composite(parameter: SearchParameter, ways: dict[str, frozenset[str]], own: dict[str, SearchParameter]) -> Answer:
    if not parameter.components:
        return Answer(())
    bases = compile_path(parameter.expression, parameter.type)
    wholes = []
    for _ in (base for base in bases if not base.steps):
        if codes := _on_whole(parameter, ways, own):
            wholes.append(codes)
    nested = own_bases(parameter, bases)
    return Answer(_nested(parameter, nested, own), tuple(wholes))


def own_bases(parameter: SearchParameter, bases: list[Branch]) -> list[Branch]:
    """The places in a record where a composite needs rows: those that are not the record itself."""
    return [base for base in bases if base.steps] if parameter.id < FIRST_CUSTOM else bases


def _nested(parameter: SearchParameter, nested: list[Branch], own: dict[str, SearchParameter]) -> tuple[int, ...]:
    """Its own rows, or those of `component-…` for `combo-…`."""
    if not nested:
        return ()
    twin = own.get(parameter.code.replace("combo-", "component-", 1))
    return ((twin or parameter).id,)


def _on_whole(
    parameter: SearchParameter, ways: dict[str, frozenset[str]], own: dict[str, SearchParameter]
) -> tuple[str, ...]:
    """For each component the parameter with the same values: the smallest that has all its ways."""
    codes = []
    for part in parameter.components:
        branches = compile_path(part.expression, parameter.type, relative=True)
        wanted = {branch.way for branch in branches if emitter(part.kind, branch.type)}
        able = [code for code, found in ways.items() if own[code].kind == part.kind and wanted <= found]
        if not wanted or not able:
            return ()
        codes.append(min(able, key=lambda code: (len(ways[code]), own[code].id)))
    return tuple(codes)
