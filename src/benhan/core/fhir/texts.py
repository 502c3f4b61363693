"""What a resource says in words: its narrative (`_text`) and every other text in it (`_content`).

Codes, ids, addresses on the web and references are no words. Standard: HL7 FHIR R4, 3.1.1.4.18 (_text, _content).
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any, Final

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.rules import rules

#: A longer text is read up to here.
MAX_CHARACTERS: Final = 200_000

_TAG: Final = re.compile(r"<[^>]*>")
_TEXT_TYPES: Final = frozenset({"string", "markdown"})
#: Are `string` in the standard and yet nothing that a person says.
_NO_WORDS: Final = frozenset({"id", "reference", "div", "versionId", "data", "expression", "path", "sliceName"})
_TEXT, _RESOURCE = "text", "Resource"


def narrative(resource: r4.Resource) -> str:
    """The words of the narrative, without its marks."""
    text = getattr(resource, "text", None)
    if text is None or not text.div:
        return ""
    return html.unescape(_TAG.sub(" ", text.div[:MAX_CHARACTERS]))


def texts_in(resource: r4.Resource) -> list[str]:
    """Every text in the record but its narrative."""
    found: list[str] = []
    _collect(msgspec.to_builtins(resource), _elements(type(resource).__name__), found)
    return found


def _collect(node: dict[str, Any], elements: dict[str, str], found: list[str]) -> None:
    """Depth is bounded by the codec."""
    for key, value in node.items():
        kind = elements.get(key)
        if kind is None:
            continue
        for one in value if type(value) is list else (value,):
            if kind == _TEXT:
                if type(one) is str:
                    found.append(one)
            else:
                _collect(one, _elements(one["resourceType"] if kind == _RESOURCE else kind), found)


@cache
def _elements(name: str) -> dict[str, str]:
    """Element → `text`, or the type to look into; what holds no words is not there."""
    found = {}
    for element, field in rules().structs[name].fields.items():
        if field.type in _TEXT_TYPES and element not in _NO_WORDS:
            found[element] = _TEXT
        elif field.type == _RESOURCE or field.type in rules().structs:
            found[element] = field.type
    return found
