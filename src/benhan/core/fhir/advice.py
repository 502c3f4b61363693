"""Bindings that advise: codes of extensible and preferred value sets, as questions for terminology.

Asked by `$validate` only; an answer outside is a warning. Standard: FHIR R4, section 4.1.5 (binding strengths).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.fhirpath.members import attribute
from benhan.core.fhir.profiles.checking import Path, Question, expression

#: Elements of one record that are asked about.
MOST = 500


class _File(msgspec.Struct):
    source: str
    structs: dict[str, dict[str, tuple[str, str]]]


@cache
def _published() -> dict[str, dict[str, tuple[str, str]]]:
    body = files("benhan.core.fhir.r4").joinpath("advice.json").read_bytes()
    return msgspec.json.decode(body, type=_File).structs


def advised(resource: r4.Resource) -> list[Question]:
    """Every coded element with an extensible or preferred binding."""
    found: list[Question] = []
    for question in _questions(resource, (None, type(resource).__name__, None)):
        found.append(question)
        if len(found) == MOST:
            break
    return found


def _questions(item: Any, path: Path) -> Iterator[Question]:
    bound = _published().get(type(item).__name__, {})
    for name in item.__struct_fields__:
        value = getattr(item, name)
        if value is None:
            continue
        wire = name.removesuffix("_")
        for at, one in enumerate(value if isinstance(value, list) else [value]):
            below = (path, wire, at if isinstance(value, list) else None)
            if wire in bound and name == attribute(wire):
                url, strength = bound[wire]
                if isinstance(one, str | r4.CodeableConcept | r4.Coding | r4.Quantity):
                    yield Question(url, strength, one, expression(below))
            if isinstance(one, msgspec.Struct):
                yield from _questions(one, below)
