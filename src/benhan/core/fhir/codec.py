"""FHIR JSON to structs and back: strict, bounded, digit for digit.

Unknown elements, `null`, empty arrays and strings, and a key written twice are refused, each with the
FHIRPath expression of the element. Standard: FHIR R4, section 2.6.2 (JSON).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cache
from typing import Any, overload

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Malformed, NotFound, Problem, TooLarge
from benhan.core.language import _, later

MAX_BYTES = 20 * 1024 * 1024
MAX_DEPTH = 64

_TYPES: dict[str, type[r4.Resource]] = {t.__name__: t for t in r4.RESOURCES}
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(c for c in range(256) if c not in b"{}[]")
_SPACED_KEY = re.compile(rb'"\s+:')
_ANY_KEY = re.compile(rb'(?<!\\)"\s*:')
_PATH = re.compile(r" - at `\$?([^`]*)`$")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@overload
def decode(body: bytes) -> r4.Resource: ...
@overload
def decode(body: bytes, type_: type[r4.R]) -> r4.R: ...


def decode(body: bytes, type_: type[Any] | None = None) -> Any:
    """Read one resource of any type, or of `type_`.

    Raises:
        TooLarge: more than `MAX_BYTES`.
        Malformed: not JSON, not a resource, not the type asked for, or an element that does not belong.
    """
    if len(body) > MAX_BYTES:
        raise TooLarge(
            _("Dữ liệu gửi lên dài %(n)s byte, quá giới hạn %(most)s byte", n=len(body), most=MAX_BYTES),
            advice=_("Chia nhỏ thành nhiều lần gửi."),
        )
    _refuse_deep(body)
    try:
        resource = _decoder().decode(body)
    except msgspec.ValidationError as error:
        raise _explain(error, body) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            _("Không phải JSON hợp lệ: %(why)s", why=error), advice=_("Kiểm tra lại nội dung gửi lên.")
        ) from None
    except RecursionError:
        raise _too_deep() from None
    if type_ is not None and not isinstance(resource, type_):
        raise Malformed(
            _("Cần tài nguyên %(type)s, nhận được %(other)s", type=type_.__name__, other=type_name(resource)),
            where=f"{type_name(resource)}.resourceType",
        )
    if _keys(_ENCODER.encode(resource)) != _keys(body):
        _refuse_duplicates(body)
    return resource


def kept(body: bytes, type_: type[r4.R]) -> r4.R:
    """Read back what `encode` wrote: the faults that `decode` looks for in what others send cannot be in it."""
    resource = _decoder().decode(body)
    assert isinstance(resource, type_)
    return resource


def encode(resource: r4.Resource) -> bytes:
    """Compact JSON; decimals keep the digits they were written with."""
    return _ENCODER.encode(resource)


def resource_type(name: str) -> type[r4.Resource]:
    """The struct of a resource type.

    Raises:
        NotFound: R4 has no such resource.
    """
    try:
        return _TYPES[name]
    except KeyError:
        raise NotFound(
            _("Không có loại tài nguyên “%(name)s” trong FHIR R4", name=name[:80]),
            code="not-supported",
            advice=_("Tên loại phân biệt chữ hoa, chữ thường, ví dụ Patient."),
        ) from None


def type_name(resource: r4.Resource | type[r4.Resource]) -> str:
    """`Patient` for a Patient or for the class itself."""
    return resource.__name__ if isinstance(resource, type) else type(resource).__name__


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    """Made at first use: joining 146 types takes a third of a second."""
    return msgspec.json.Decoder(r4.AnyResource, dec_hook=_number, float_hook=Decimal)


def _number(_type: type[Any], value: object) -> Decimal:
    """A JSON number as it was written; msgspec hands over ints, and floats through `float_hook`."""
    if isinstance(value, Decimal):
        return value
    if type(value) is int:
        return Decimal(value)
    raise ValueError(f"Expected `number`, got `{type(value).__name__}`")


def _refuse_deep(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= MAX_DEPTH:
        return
    left = _STRING.sub(b"", body).translate(None, _NOT_BRACKETS)
    for _level in range(MAX_DEPTH):
        shorter = left.replace(b"{}", b"").replace(b"[]", b"")
        if len(shorter) == len(left):
            return  # empty, or not JSON: the decoder says so better
        left = shorter
    if left:
        raise _too_deep()


def _too_deep() -> Malformed:
    return Malformed(_("Dữ liệu lồng nhau quá %(n)s tầng", n=MAX_DEPTH), code="too-costly")


def _keys(body: bytes) -> int:
    """How many keys are written: inside a string the quote before a colon has a backslash before it."""
    if _SPACED_KEY.search(body):
        return len(_ANY_KEY.findall(body))
    return body.count(b'":') - body.count(b'\\":')


def _refuse_duplicates(body: bytes) -> None:
    """Only when our own encoding has fewer keys, and one was lost: this reads the JSON again."""
    json.loads(body, object_pairs_hook=_unique, parse_float=str, parse_int=str)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    keys = [key for key, _value in pairs]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise Malformed(
            _("Phần tử “%(name)s” được ghi hai lần trong cùng một đối tượng", name=twice[:80]),
            where=twice[:80],
            advice=_("Mỗi phần tử chỉ ghi một lần; giá trị lặp dùng mảng."),
        )


def _explain(error: msgspec.ValidationError, body: bytes) -> Problem:
    """msgspec's message as an issue: the FHIRPath expression, Vietnamese text, the technical detail."""
    text = str(error)
    found = _PATH.search(text)
    detail = text[: found.start()] if found else text
    path = _root(body) + (found.group(1) if found else "")
    if unknown := _UNKNOWN.search(detail):
        name = unknown.group(1)
        return Malformed(
            _("Phần tử “%(name)s” không có trong FHIR R4 (%(path)s)", name=name, path=path),
            where=f"{path}.{name}",
            advice=_("Bỏ phần tử này hoặc dùng extension. (%(detail)s)", detail=detail),
        )
    if missing := _MISSING.search(detail):
        name = missing.group(1)
        if name == "resourceType":
            return Malformed(_("Thiếu resourceType"), where=path, advice=detail)
        message = _("Thiếu phần tử bắt buộc “%(name)s”", name=name)
        return Malformed(message, code="required", where=f"{path}.{name}", advice=detail)
    if path.endswith(".resourceType"):
        return Malformed(_("Loại tài nguyên không có trong FHIR R4"), where=path, advice=detail)
    return Malformed(
        _("Giá trị không đúng kiểu: %(detail)s", detail=detail), where=path, code="value", advice=_(_ADVICE)
    )


_ADVICE = later("Xem định nghĩa phần tử tại đặc tả FHIR R4; giá trị rỗng và null không được phép, hãy bỏ phần tử.")


def _root(body: bytes) -> str:
    """The type the sender meant, to begin the path with."""
    try:
        name = json.loads(body).get("resourceType")
    except (ValueError, AttributeError, RecursionError):
        return "Resource"
    return name if isinstance(name, str) and name in _TYPES else "Resource"
