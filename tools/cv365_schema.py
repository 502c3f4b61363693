"""Write hosobenhan.xsd and hosobenhan.schema.json from schema.toml: `python tools/cv365_schema.py`.

Others hold what we send against these, with their own programs; ours reads schema.toml (`exchange/tree.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benhan.hospital.chart.exchange.tree import MOST_LETTERS, ROOT, Field, fields

FOLDER: Final = Path(__file__).parents[1] / "src" / "benhan" / "hospital" / "chart" / "exchange"
_SAYS: Final = "HoSoBenhAn, made from schema.toml. Source: CV 365/TTYQG-GPQLCL (06/06/2025), appendix, as far as known"


def xsd() -> str:
    """The XML Schema."""
    inner = "\n".join(_element(name, one, "        ") for name, one in fields().items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {_SAYS} -->\n'
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n'
        f'  <xs:element name="{ROOT}">\n    <xs:complexType>\n      <xs:choice minOccurs="0" maxOccurs="unbounded">\n'
        f"{inner}\n      </xs:choice>\n    </xs:complexType>\n  </xs:element>\n</xs:schema>\n"
    )


def _element(name: str, one: Field, indent: str) -> str:
    if one.below is None:
        return "\n".join(_text(name, one, indent))
    lines = [f'{indent}<xs:element name="{name}">', f'{indent}  <xs:complexType mixed="true">']
    if one.open:
        lines += [f'{indent}    <xs:sequence><xs:any processContents="skip" minOccurs="0" maxOccurs="unbounded"/>'
                  "</xs:sequence>"]  # fmt: skip
    else:
        lines += [f'{indent}    <xs:choice minOccurs="0" maxOccurs="unbounded">']
        lines += [_element(key, field, indent + "      ") for key, field in one.below.items()]
        lines += [f"{indent}    </xs:choice>"]
    return "\n".join([*lines, f"{indent}  </xs:complexType>", f"{indent}</xs:element>"])


def _text(name: str, one: Field, indent: str) -> Iterator[str]:
    yield f'{indent}<xs:element name="{name}"><xs:simpleType><xs:restriction base="xs:string">'
    yield f'{indent}  <xs:maxLength value="{one.most}"/></xs:restriction></xs:simpleType></xs:element>'


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12)."""
    document = {"type": "object", "required": [ROOT], "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "description": _SAYS, **document,
        "properties": {ROOT: _object(fields(), False)},
    }  # fmt: skip


def _object(below: dict[str, Field], more: bool) -> dict[str, Any]:
    return {
        "type": "object", "additionalProperties": more,
        "properties": {name: _json(one) for name, one in below.items()},
    }  # fmt: skip


def _json(one: Field) -> dict[str, Any]:
    if one.below is None:
        return {"type": "string", **({"maxLength": one.most} if one.most != MOST_LETTERS else {})}
    single = {"anyOf": [_object(one.below, one.open), {"const": ""}]}
    return {"anyOf": [single, {"type": "array", "items": single}]} if one.repeated else single


if __name__ == "__main__":
    (FOLDER / "hosobenhan.xsd").write_text(xsd(), "utf-8")
    text = json.dumps(schema(), ensure_ascii=False, indent=1)
    (FOLDER / "hosobenhan.schema.json").write_text(f"{text}\n", "utf-8")
