"""A CodeSystem as rows: its concepts in order, their words, ancestors and properties. Pure.

Standard: HL7 FHIR R4 CodeSystem (hierarchy by nesting, or by the properties `parent` and `child`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from typing import Final

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.codes.query import code_key
from benhan.core.kit.text import fold
from benhan.core.language import _

#: Characters kept of a word, a title and the value of a property in their indexes.
MOST_WORD: Final = 64
MOST_TITLE: Final = 200
MOST_WORDS: Final = 80
#: A hierarchy deeper than this is a circle, or nobody's.
MOST_DEPTH: Final = 60
#: Rows of ancestors a concept may have on average; a graph with more is refused.
MOST_ABOVE: Final = 200

PARENT: Final = "http://hl7.org/fhir/concept-properties#parent"
CHILD: Final = "http://hl7.org/fhir/concept-properties#child"
#: What code systems call the property that names a parent, when they do not say so by its address.
_PARENTS: Final = frozenset({"parent", "subsumedBy"})
_INACTIVE: Final = frozenset({"retired", "inactive", "deprecated"})


class Row(msgspec.Struct):
    """One concept, ready for the tables."""

    seq: int
    code: str
    key: str
    display: str
    words: list[str]
    titles: list[str]
    abstract: bool
    inactive: bool
    body: bytes
    properties: list[tuple[str, str]]


class Concepts(msgspec.Struct):
    """The concepts of a code system and, for each, its ancestors with their distance."""

    rows: list[Row]
    above: list[tuple[int, int, int]]


def concepts_of(system: r4.CodeSystem) -> Concepts:
    """The concepts that a CodeSystem lists itself.

    Raises:
        Invalid: a code stands twice, or the hierarchy is a circle.
    """
    named = _NamedProperties(system)
    rows: list[Row] = []
    places: dict[str, int] = {}
    links: list[tuple[str, str]] = []
    for concept, parent in _walk(system.concept or ()):
        code = concept.code
        if code is None:
            continue
        if code in places:
            raise Invalid(_("Mã “%(code)s” có hai lần.", code=code[:60]), code="duplicate", where="CodeSystem.concept")
        places[code] = len(rows)
        if parent:
            links.append((code, parent))
        links += [(code, value) for value in _values(concept, named.parents)]
        links += [(value, code) for value in _values(concept, named.children)]
        rows.append(_row(len(rows), concept, named))
    pairs = [(places[child], places[parent]) for child, parent in links if child in places and parent in places]
    return Concepts(rows, ancestors(len(rows), pairs))


class _NamedProperties:
    """Which properties of a code system name parents, children, and whether a concept may be used."""

    def __init__(self, system: r4.CodeSystem) -> None:
        addresses = {one.code: one.uri for one in system.property or () if one.code}
        self.parents = {code for code, uri in addresses.items() if uri == PARENT} | _PARENTS
        self.children = {code for code, uri in addresses.items() if uri == CHILD} | {"child"}


def _walk(concepts: Sequence[r4.CodeSystemConcept]) -> Iterator[tuple[r4.CodeSystemConcept, str | None]]:
    """Each concept with the code it is nested in, in the order written."""
    stack: list[tuple[r4.CodeSystemConcept, str | None]] = [(one, None) for one in reversed(concepts)]
    while stack:
        concept, parent = stack.pop()
        yield concept, parent
        stack += [(one, concept.code) for one in reversed(concept.concept or ())]


def _values(concept: r4.CodeSystemConcept, names: set[str] | frozenset[str]) -> list[str]:
    return [value for one in concept.property or () if one.code in names and (value := property_value(one))]


def property_value(one: r4.CodeSystemConceptProperty) -> str | None:
    """The value of a property as a filter compares it."""
    if one.valueCoding is not None:
        return one.valueCoding.code
    if one.valueBoolean is not None:
        return "true" if one.valueBoolean else "false"
    for value in (one.valueCode, one.valueString, one.valueInteger, one.valueDateTime, one.valueDecimal):
        if value is not None:
            return str(value)
    return None


def _row(seq: int, concept: r4.CodeSystemConcept, named: _NamedProperties) -> Row:
    code = concept.code or ""
    said = [concept.display or "", *(one.value or "" for one in concept.designation or ())]
    titles = list(dict.fromkeys(folded[:MOST_TITLE] for text in said if (folded := fold(text))))
    key = code_key(code)
    words = dict.fromkeys(
        [key[:MOST_WORD], *(word[:MOST_WORD] for text in (code, *said) for word in fold(text).split())]
    )
    properties = [
        (one.code, value[:MOST_TITLE])
        for one in concept.property or ()
        if one.code and (value := property_value(one)) is not None
    ]
    return Row(
        seq, code, key, concept.display or code, list(words)[:MOST_WORDS], titles,
        ("notSelectable", "true") in properties or ("abstract", "true") in properties,
        ("inactive", "true") in properties or any(n == "status" and v in _INACTIVE for n, v in properties),
        codec.encode(msgspec.structs.replace(concept, concept=None)),  # type: ignore[arg-type]
        properties,
    )  # fmt: skip


def ancestors(size: int, links: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(child, ancestor, distance) of a hierarchy given as (child, parent); a concept may have several parents.

    Raises:
        Invalid: it is a circle, or far too tangled.
    """
    parents: dict[int, set[int]] = {}
    for child, parent in links:
        if child != parent:
            parents.setdefault(child, set()).add(parent)
    rows: list[tuple[int, int, int]] = []
    for child, nearest in parents.items():
        seen: dict[int, int] = {}
        level, depth = nearest, 1
        while level:
            if child in level or depth > MOST_DEPTH:
                raise Invalid(_("Cây phân cấp của hệ mã là một vòng tròn."), where="CodeSystem.concept")
            seen |= dict.fromkeys(level - seen.keys(), depth)
            level = {above for one in level for above in parents.get(one, ())} - seen.keys()
            depth += 1
        rows += [(child, parent, distance) for parent, distance in seen.items()]
        if len(rows) > MOST_ABOVE * size:
            raise Invalid(_("Cây phân cấp của hệ mã quá rối."), code="too-costly", where="CodeSystem.concept")
    return rows


def concept_of(body: bytes) -> r4.CodeSystemConcept:
    """A concept as it was kept, without its children."""
    return _concept_decoder().decode(body)


@cache
def _concept_decoder() -> msgspec.json.Decoder[r4.CodeSystemConcept]:
    return msgspec.json.Decoder(r4.CodeSystemConcept, dec_hook=lambda _type, value: Decimal(value), float_hook=Decimal)
