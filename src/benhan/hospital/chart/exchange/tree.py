"""The document HoSoBenhAn as a tree of texts: written and read as JSON and as XML, and held against its fields. Pure.

Every value is a text; an array is one element repeated, an empty value an empty element. What is read is bounded, has
no document type and so no entities. Source: CV 365 appendix (hosobenhan.toml says what is known of it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tomllib import loads
from typing import Any, Final
from xml.parsers import expat
from xml.sax.saxutils import escape

import msgspec

from benhan.core.fhir.outcome import Invalid, TooLarge
from benhan.core.language import _

ROOT: Final = "HoSoBenhAn"
#: A document, its depth, how often a group may be repeated; more is no record of one stay.
MOST_BYTES, MOST_DEPTH, MOST_REPEATED = 16 * 1024 * 1024, 8, 20_000
#: The longest text of a field whose length is not known.
MOST_LETTERS: Final = 200_000
#: Letters that XML 1.0 cannot hold.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
Tree = dict[str, Any]


class Wrong(msgspec.Struct, frozen=True):
    """What is wrong with a document, and where: `HoSoBenhAn.ThongTinBenhNhan.cccd_so`."""

    where: str
    what: str


class Field(msgspec.Struct, frozen=True):
    """A field: its length where one is known; what is below it, where it holds others; whether it is repeated.

    `open`: fields that are not known may stand there.
    """

    most: int = MOST_LETTERS
    below: dict[str, Field] | None = None
    repeated: bool = False
    open: bool = False


@cache
def fields() -> dict[str, Field]:
    """The groups of the document with their fields (schema.toml)."""
    said = loads(Path(__file__).with_name("schema.toml").read_text("utf-8"))
    return {name: _field(one) for name, one in said.items()}


def _field(said: Any) -> Field:
    if isinstance(said, int):
        return Field(most=said or MOST_LETTERS)
    below = {name: _field(one) for name, one in said.items() if name not in ("*", "?")}
    return Field(below=below, repeated=bool(said.get("*")), open=bool(said.get("?")))


def as_json(tree: Tree) -> bytes:
    """The document as JSON."""
    return msgspec.json.format(msgspec.json.encode({ROOT: tree}), indent=2)


def as_xml(tree: Tree) -> bytes:
    """The document as XML."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>\n', *_xml(ROOT, tree, ""), ""]
    return "".join(lines).encode()


def _xml(name: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, list):
        for one in value or [""]:
            yield from _xml(name, one, indent)
    elif isinstance(value, dict):
        yield f"{indent}<{name}>\n"
        for key, one in value.items():
            yield from _xml(key, one, indent + "  ")
        yield f"{indent}</{name}>\n"
    else:
        said = escape(_CONTROL.sub(" ", str(value)))
        yield f"{indent}<{name}>{said}</{name}>\n" if said else f"{indent}<{name}/>\n"


def read(given: bytes) -> Tree:
    """A document, from JSON or XML.

    Raises:
        Invalid: it is neither, or not this document; says where. TooLarge: more than any record.
    """
    if len(given) > MOST_BYTES:
        raise TooLarge(_("Tệp lớn hơn %(n)s MB.", n=MOST_BYTES // 1024 // 1024))
    start = given.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    whole = _from_json(given) if start == b"{" else _from_xml(given)
    if set(whole) != {ROOT} or not isinstance(whole[ROOT], dict):
        raise Invalid(_("Tệp không phải hồ sơ HoSoBenhAn (thiếu phần tử gốc)."), where=ROOT)
    tree: Tree = whole[ROOT]
    return tree


def wrong(tree: Tree) -> list[Wrong]:
    """What of a document is not as its fields say; empty: it is right."""
    return list(_wrong(tree, Field(below=fields()), ROOT))


def _wrong(value: Any, field: Field, where: str) -> Iterator[Wrong]:
    if isinstance(value, list):
        if not field.repeated:
            yield Wrong(where, _("lặp lại, mà chỉ được có một"))
        if len(value) > MOST_REPEATED:
            yield Wrong(where, _("lặp lại quá %(n)s lần", n=MOST_REPEATED))
            return
        for number, one in enumerate(value, 1):
            yield from _wrong(one, msgspec.structs.replace(field, repeated=False), f"{where}[{number}]")
    elif field.below is None:
        if not isinstance(value, str):
            yield Wrong(where, _("phải là chữ"))
        elif len(value) > field.most:
            yield Wrong(where, _("dài %(n)s ký tự, nhiều nhất %(most)s", n=len(value), most=field.most))
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in field.below:
                yield from _wrong(one, field.below[name], f"{where}.{name}")
            elif not field.open:
                yield Wrong(f"{where}.{name}", _("không có trường này trong HoSoBenhAn"))
    elif value != "":
        yield Wrong(where, _("phải là một nhóm trường"))


def _from_json(given: bytes) -> Tree:
    try:
        found = msgspec.json.decode(given)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as broken:
        raise Invalid(_("JSON không đọc được: %(why)s", why=str(broken)[:200]), where=ROOT) from None
    if not isinstance(found, dict):
        raise Invalid(_("JSON phải là một đối tượng."), where=ROOT)
    _not_deeper(found, 0)
    return found


def _not_deeper(value: Any, depth: int) -> None:
    if depth > MOST_DEPTH * 2:
        raise Invalid(_("Tệp lồng sâu quá %(n)s tầng.", n=MOST_DEPTH), where=ROOT)
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _not_deeper(one, depth + 1)


class _Reading:
    """Elements as they come: an element with others in it is a group, the same name again makes an array."""

    def __init__(self) -> None:
        self.root: Tree = {}
        self._open: list[tuple[str, Tree, list[str]]] = [("", self.root, [])]

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(self._open) > MOST_DEPTH:
            raise Invalid(_("Tệp lồng sâu quá %(n)s tầng.", n=MOST_DEPTH), where=name)
        if attributes:
            raise Invalid(_("Phần tử %(name)s có thuộc tính, mà không được có.", name=name), where=name)
        self._open.append((name, {}, []))

    def says(self, text: str) -> None:
        """Text."""
        self._open[-1][2].append(text)

    def ends(self, name: str) -> None:
        """An element ends."""
        _name, below, text = self._open.pop()
        said = "".join(text)
        if below and said.strip():
            raise Invalid(_("Phần tử %(name)s vừa có chữ vừa có phần tử con.", name=name), where=name)
        value: Any = below or said.strip()
        above = self._open[-1][1]
        if name not in above:
            above[name] = value
        elif isinstance(above[name], list):
            above[name].append(value)
        else:
            above[name] = [above[name], value]

    def refused(self, *_what: object) -> None:
        """No document type, no entities."""
        raise Invalid(_("Tệp có khai báo DOCTYPE hoặc thực thể: không nhận."), where=ROOT)


def _from_xml(given: bytes) -> Tree:
    reading, parser = _Reading(), expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reading.begins, reading.ends
    parser.CharacterDataHandler = reading.says
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = reading.refused
    try:
        parser.Parse(given, True)
    except expat.ExpatError as broken:
        where = f"dòng {broken.lineno}, cột {broken.offset}"
        raise Invalid(_("XML không đọc được ở %(where)s.", where=where), where=where) from None
    except (ValueError, LookupError):
        raise Invalid(_("Bảng mã của tệp không đọc được: cần UTF-8."), where=ROOT) from None
    return reading.root
