"""Marks: every text of every record of the four hospitals carries one, so that whatever leaks says whose it was.

`zqb072005`: hospital b, type 72, patient 5 (0: the house's own). It stands in the record's texts. The ids of some
records are marks too; theirs say ID in place of the patient, because whoever asks by an id hears it again.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from benhan.core.fhir import codec, r4
from benhan.core.store.records import NAMES, NUMBERS

LETTERS = "abcd"
ID = 999
_MARK = re.compile(rb"zq([a-d])(\d{3})(\d{3})", re.I)
#: Elements that people write in.
_TEXTS = frozenset([
    "text", "display", "family", "given", "title", "comment", "description", "conclusion", "patientInstruction",
    "line", "city", "district", "name", "label", "copyright", "publisher", "usage", "approach", "lot",
    "lotNumber", "serialNumber", "manufacturer",
])  # fmt: skip
#: Elements that other software goes by: the code of a type, a kind, a word of the standard.
_LEFT = frozenset(["resourceType", "meta", "contained", "identifier"])


class Mark(NamedTuple):
    """Whose text it is."""

    hospital: str
    type: str
    patient: int

    def __str__(self) -> str:
        return f"zq{self.hospital}{NUMBERS[self.type]:03d}{self.patient:03d}"


def found(*texts: bytes) -> set[Mark]:
    """The marks in some bytes."""
    return {
        Mark(hospital.decode().lower(), NAMES[int(number)], int(patient))
        for text in texts
        for hospital, number, patient in _MARK.findall(text)
    }


def marked(resource: r4.Resource, mark: Mark) -> r4.Resource:
    """The record with its mark in every text, as a tag, as an identifier and as an extension."""
    body: dict[str, Any] = json.loads(codec.encode(resource))
    _into(body, f" {mark}")
    body["meta"] = {**body.get("meta", {}), "tag": [{"system": "urn:dau", "code": str(mark), "display": str(mark)}]}
    fields = type(resource).__struct_fields__
    if isinstance(body.get("identifier"), list):
        body["identifier"].append({"system": "urn:dau", "value": str(mark)})
    if "text" in fields and "contained" in fields:
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{mark}</div>'
        body["text"] = {"status": "additional", "div": div}
        body["extension"] = [*body.get("extension", ()), {"url": "urn:dau", "valueString": str(mark)}]
    return codec.decode(json.dumps(body).encode())


def _into(node: Any, word: str) -> None:
    if isinstance(node, list):
        for one in node:
            _into(one, word)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in _LEFT:
                continue
            if key in _TEXTS and isinstance(value, str):
                node[key] = value + word
            elif key in _TEXTS and isinstance(value, list) and all(isinstance(one, str) for one in value):
                node[key] = [one + word for one in value]
            else:
                _into(value, word)
