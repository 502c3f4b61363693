"""FHIR XML to FHIR JSON and back: syntax only, one table for all types.

Reading gives JSON bytes, so whatever is refused there is refused here, by the same code and with the same words. What
only XML knows is checked here: namespace, order of elements, attributes, no text between elements. No document type, so
no entities; depth and size bounded. Narrative and decimals are carried over character by character.
Standard: HL7 FHIR R4, 2.6.1 (XML).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from html.entities import html5
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, TooLarge
from benhan.core.fhir.rules import Field, rule_of
from benhan.core.language import _

FHIR = "http://hl7.org/fhir"
XHTML = "http://www.w3.org/1999/xhtml"
#: Elements inside elements; JSON, which counts its brackets, is bounded again when it is read.
MAX_DEPTH = 100
#: The one attribute of another namespace that FHIR lets pass: it says where a schema is, and is not followed.
SCHEMA_LOCATION = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"

_RESOURCES = frozenset(codec.type_name(type_) for type_ in r4.RESOURCES)
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE = frozenset({"integer", "positiveInt", "unsignedInt"})
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*);")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ATTRIBUTE = {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}


def decode(body: bytes, *, forgiving: bool = False) -> r4.Resource:
    """Read one resource. `forgiving` is for published definitions, never for a door: elements may stand in any order,
    an empty `value` is left out (VN Core has both).

    Raises:
        TooLarge, Malformed: as `codec.decode`; also where the XML is not FHIR's.
    """
    return codec.decode(to_json(body, forgiving=forgiving))


def encode(resource: r4.Resource) -> bytes:
    """The resource as FHIR XML."""
    return from_json(codec.encode(resource))


def to_json(body: bytes, *, forgiving: bool = False) -> bytes:
    """FHIR XML as FHIR JSON; what JSON can refuse itself is left to it.

    Raises:
        TooLarge; Malformed: not XML, not UTF-8, a document type, another namespace, an unknown element or attribute,
        elements out of order, text between elements.
    """
    if len(body) > codec.MAX_BYTES:
        raise TooLarge(_("Nội dung vượt quá %(n)s byte.", n=codec.MAX_BYTES), advice=_("Chia nhỏ thành nhiều lần gửi."))
    return msgspec.json.encode(_Reader(body, forgiving).read())


def from_json(body: bytes, *, pretty: bool = False) -> bytes:
    """FHIR JSON that this program wrote as FHIR XML."""
    data = msgspec.json.Decoder(float_hook=Decimal).decode(body)
    out = ['<?xml version="1.0" encoding="UTF-8"?>']
    out += _resource(data, f' xmlns="{FHIR}"', "\n" if pretty else "")
    return "".join(out).encode()


# ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def _order(struct: str) -> dict[str, tuple[int, Field]]:
    """Element → its place and what it is, in the order of the standard."""
    return {name: (place, field) for place, (name, field) in enumerate(rule_of(struct).fields.items())}


def _is_primitive(type_: str) -> bool:
    return type_[:1].islower()


class _Element(msgspec.Struct, gc=False):
    """An element being read: its name, what it is, where its parent keeps it, what was found in it so far."""

    name: str
    field: Field
    data: dict[str, Any] = {}
    place: int = -1
    value: Any = None

    @property
    def holds_resource(self) -> bool:
        """`contained` and `resource`: they hold one resource, under its own name."""
        return self.field.type == "Resource"


class _Reader:
    """One document, read."""

    def __init__(self, body: bytes, forgiving: bool = False) -> None:
        self._body = body
        self._forgiving = forgiving
        self._open: list[_Element] = []
        self._done: dict[str, Any] = {}
        #: Narrative: how deep we are in it, and the byte it began at.
        self._deep = 0
        self._began = 0
        self._parser = expat.ParserCreate("utf-8", " ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self) -> dict[str, Any]:
        try:
            self._parser.Parse(self._body, True)
        except expat.ExpatError as error:
            raise Malformed(
                _("Không phải XML hợp lệ: %(error)s", error=str(error)), where=self._where(),
                advice=_("Kiểm tra lại nội dung gửi lên."),
            ) from None  # fmt: skip
        return self._done

    def _start(self, full: str, attributes: dict[str, str]) -> None:
        space, _gap, name = full.rpartition(" ")
        if len(self._open) + self._deep >= MAX_DEPTH:
            raise Malformed(_("Dữ liệu lồng nhau quá %(n)s tầng", n=MAX_DEPTH), code="too-costly")
        if self._deep:
            self._deep += 1
            return
        if not self._open or self._open[-1].holds_resource:
            self._start_resource(space, name, attributes)
            return
        parent = self._open[-1]
        known = _order(self._kind(parent)).get(name)
        if known is None or (known[1].type == "xhtml") != (space == XHTML) or space not in (FHIR, XHTML):
            raise self._unknown(name)
        place, field = known
        disordered = place < parent.place and not self._forgiving
        if disordered or (not field.list and (name in parent.data or place == parent.place)):
            raise Malformed(
                _("Phần tử “%(name)s” không đúng thứ tự hoặc lặp lại", name=name), where=f"{self._where()}.{name}",
                advice=_("XML của FHIR giữ thứ tự phần tử của đặc tả."),
            )  # fmt: skip
        parent.place = place
        if field.type == "xhtml":
            self._deep, self._began = 1, self._parser.CurrentByteIndex
        self._open.append(_Element(name, field, {}))
        if field.type != "xhtml":
            self._attributes(self._open[-1], attributes)

    def _start_resource(self, space: str, name: str, attributes: dict[str, str]) -> None:
        slot = self._open[-1] if self._open else None
        if space != FHIR or name not in _RESOURCES or (slot and slot.value is not None):
            raise Malformed(
                _("Phần tử “%(name)s” không phải tài nguyên FHIR R4 (%(space)s)", name=name[:80], space=space[:80]),
                where=self._where() or name[:80], advice=_("Cần xmlns=\"%(fhir)s\".", fhir=FHIR),
            )  # fmt: skip
        self._open.append(_Element(name, Field(name), {"resourceType": name}))
        if attributes.keys() - {SCHEMA_LOCATION}:
            raise self._unknown(f"@{next(iter(attributes))}")

    def _kind(self, parent: _Element) -> str:
        return "Element" if _is_primitive(parent.field.type) else parent.field.type

    def _attributes(self, element: _Element, attributes: dict[str, str]) -> None:
        for name, text in attributes.items():
            if name == "value" and _is_primitive(element.field.type):
                if not text and self._forgiving:
                    continue
                element.value = self._value(element.field.type, text)
            elif name == "id" or (name == "url" and element.field.type == "Extension"):
                element.data[name] = text
            else:
                raise self._unknown(f"@{name.rpartition(' ')[2]}")
        if element.field.type == "Extension":
            element.place = _order("Extension")["id"][0]

    def _value(self, type_: str, text: str) -> Any:
        if type_ == "boolean" and text in ("true", "false"):
            return text == "true"
        if type_ in _WHOLE and _NUMBER.fullmatch(text) and not set(text) & set(".eE"):
            return msgspec.Raw(text.encode())
        if type_ == "decimal" and _NUMBER.fullmatch(text):
            return msgspec.Raw(text.encode())
        if type_ in _WHOLE or type_ in ("boolean", "decimal"):
            raise Malformed(
                _("“%(said)s” không phải %(type)s", said=text[:80], type=type_), where=self._where(), code="value"
            )
        return text

    def _end(self, _full: str) -> None:
        if self._deep > 1:
            self._deep -= 1
            return
        element = self._open.pop()
        _even(element.data)
        if self._deep:
            self._deep = 0
            element.value = self._narrative()
        if not self._open:
            self._done = element.data
        elif self._open[-1].holds_resource:
            self._open[-1].value = element.data
        elif _is_primitive(element.field.type):
            self._keep_primitive(self._open[-1].data, element)
        else:
            found = element.value if element.holds_resource else element.data
            _keep(self._open[-1].data, element, element.name, found if found is not None else {})

    def _keep_primitive(self, data: dict[str, Any], element: _Element) -> None:
        """A value, and beside it what is said about it (`id`, `extension`); in a list each keeps its place."""
        before = len(data.get(element.name, ()) or data.get(f"_{element.name}", ())) if element.field.list else 0
        if element.value is not None or (element.field.list and not self._forgiving):
            _keep(data, element, element.name, element.value)
        if element.data:
            if element.field.list:
                siblings = data.setdefault(f"_{element.name}", [])
                siblings += [None] * (before - len(siblings))
            _keep(data, element, f"_{element.name}", element.data)
        elif element.value is None and not element.field.list and not self._forgiving:
            raise Malformed(
                _("Phần tử “%(name)s” trống", name=element.name), where=f"{self._where()}.{element.name}",
                advice=_("Bỏ phần tử hoặc ghi thuộc tính value."),
            )  # fmt: skip

    def _narrative(self) -> str:
        """The bytes of `<div>` as they were sent."""
        last = self._parser.CurrentByteIndex
        end = self._body.find(b">", last) + 1
        text = self._body[self._began : end].decode("utf-8", "replace")
        if not text.startswith("<div") or XHTML not in text.partition(">")[0]:
            raise Malformed(_('Văn bản cần dạng <div xmlns="%(xhtml)s">.', xhtml=XHTML), where=f"{self._where()}.div")
        return text

    def _text(self, text: str) -> None:
        if not self._deep and text.strip():
            raise Malformed(
                _("Có chữ giữa các phần tử: “%(said)s”", said=text.strip()[:80]), where=self._where(),
                advice=_("Giá trị nằm trong thuộc tính value."),
            )  # fmt: skip

    def _doctype(self, *_declaration: object) -> None:
        raise Malformed(_("Không nhận khai báo DOCTYPE và thực thể."), code="not-supported")

    def _unknown(self, name: str) -> Malformed:
        return Malformed(
            _("Phần tử hoặc thuộc tính “%(name)s” không có trong FHIR R4", name=name[:80]),
            where=f"{self._where()}.{name[:80]}",
        )

    def _where(self) -> str:
        return ".".join(one.name for one in self._open if not one.holds_resource)


def _keep(data: dict[str, Any], element: _Element, name: str, value: Any) -> None:
    if element.field.list:
        data.setdefault(name, []).append(value)
    else:
        data[name] = value


def _even(data: dict[str, Any]) -> None:
    """Lists of primitives and what is said beside them are equally long, and absent where nothing is in them."""
    for beside in [name for name, found in data.items() if name[0] == "_" and isinstance(found, list)]:
        values = data[beside[1:]]
        data[beside] += [None] * (len(values) - len(data[beside]))
        if all(value is None for value in values):
            del data[beside[1:]]


# ── Writing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _resource(data: dict[str, Any], space: str, gap: str) -> Iterator[str]:
    name = data["resourceType"]
    yield f"{gap}<{name}{space}>"
    yield from _fields(name, data, gap and gap + "  ")
    yield f"{gap}</{name}>"


def _fields(struct: str, data: dict[str, Any], gap: str) -> Iterator[str]:
    attributes = () if struct in _RESOURCES else ("id", "url") if struct == "Extension" else ("id",)
    for name, (_place, field) in _order(struct).items():
        value, beside = data.get(name), data.get(f"_{name}")
        if (value is None and beside is None) or name in attributes:
            continue
        if not field.list:
            yield from _element(name, field, value, beside, gap)
            continue
        values, besides = value or [], beside or []
        for n in range(max(len(values), len(besides))):
            one = values[n] if n < len(values) else None
            yield from _element(name, field, one, besides[n] if n < len(besides) else None, gap)


def _element(name: str, field: Field, value: Any, beside: Any, gap: str) -> Iterator[str]:
    if field.type == "xhtml":
        yield gap + numbered(value)
    elif field.type == "Resource":
        yield f"{gap}<{name}>"
        yield from _resource(value, "", gap and gap + "  ")
        yield f"{gap}</{name}>"
    elif _is_primitive(field.type):
        said = "" if value is None else f' value="{escape(_written(value), _ATTRIBUTE)}"'
        yield from _closed(name, "Element", beside or {}, said, gap)
    else:
        yield from _closed(name, field.type, value, "", gap)


def _closed(name: str, struct: str, data: dict[str, Any], said: str, gap: str) -> Iterator[str]:
    """An element with its attributes, and its children if it has any."""
    for attribute in ("id", "url") if struct == "Extension" else ("id",):
        if attribute in data:
            said = f' {attribute}="{escape(data[attribute], _ATTRIBUTE)}"{said}'
    inside = list(_fields(struct, data, gap and gap + "  "))
    if not inside:
        yield f"{gap}<{name}{said}/>"
        return
    yield f"{gap}<{name}{said}>"
    yield from inside
    yield f"{gap}</{name}>"


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def numbered(text: str) -> str:
    """HTML's named characters as numbers: without a document type XML knows only five names."""
    return _ENTITY.sub(_number, text)


def _number(found: re.Match[str]) -> str:
    name = found[1]
    known = html5.get(f"{name};")
    return found[0] if name in _XML_ENTITIES or known is None else "".join(f"&#{ord(c)};" for c in known)
