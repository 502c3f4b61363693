"""JSON Patch on FHIR JSON: every decimal the patch does not touch keeps its digits.

Standard: RFC 6902 (JSON Patch), RFC 6901 (JSON Pointer); HL7 FHIR R4, 3.1.0.6 (patch).
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Conflict, Invalid, Malformed, Problem
from benhan.core.language import _

MAX_OPERATIONS = 1000
#: Values that all `copy` operations of a patch may add together: without it each could double the document.
MAX_COPIED = 100_000

Edit = Callable[[Any], Any]

_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def read_json_patch(body: bytes) -> Edit:
    """The patch as an edit of a resource: it gives the edited one and leaves the given one alone.

    The edit raises Conflict where a `test` fails, Invalid where a path leads nowhere or the result is no resource.

    Raises:
        Malformed: not a JSON Patch, or too long.
    """
    try:
        operations = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(_("Không phải JSON hợp lệ: %(error)s", error=str(error))) from None
    except RecursionError:
        raise Malformed(_("JSON Patch lồng nhau quá sâu."), code="too-costly") from None
    if not isinstance(operations, list) or not operations or len(operations) > MAX_OPERATIONS:
        raise Malformed(_("JSON Patch là một mảng từ 1 đến %(n)s thao tác.", n=MAX_OPERATIONS))
    steps = [_Operation.read(one, n) for n, one in enumerate(operations)]

    def edit(resource: r4.R) -> r4.R:
        document = _Document(_DECODER.decode(codec.encode(resource)))
        try:
            for step in steps:
                document.apply(step)
            body = _ENCODER.encode(_without_empty(document.root))
        except RecursionError:
            raise Malformed(_("JSON Patch lồng nhau quá sâu."), code="too-costly") from None
        return checked(body, type(resource))

    return edit


def checked(body: bytes, type_: type[r4.R]) -> r4.R:
    """What a patch made, as a resource.

    Raises:
        Invalid: it is none, or of another type.
    """
    try:
        return codec.decode(body, type_)
    except Problem as problem:
        raise Invalid(
            _("Kết quả của PATCH không hợp lệ: %(message)s", message=problem.message),
            where=problem.where, advice=problem.advice,
        ) from None  # fmt: skip


class _Operation(msgspec.Struct):
    """One operation, checked for what it must have."""

    op: str
    path: list[str]
    place: str
    source: list[str] = []
    value: Any = None

    @classmethod
    def read(cls, given: Any, n: int) -> _Operation:
        op = str(given.get("op")) if isinstance(given, dict) else ""
        needed = {
            "add": ("path", "value"), "remove": ("path",), "replace": ("path", "value"),
            "move": ("from", "path"), "copy": ("from", "path"), "test": ("path", "value"),
        }.get(op)  # fmt: skip
        if needed is None or any(name not in given for name in needed):
            raise Malformed(_("Thao tác %(n)s của JSON Patch không đủ op, path, from hoặc value.", n=n), where=f"[{n}]")
        source = _pointer(given["from"], n) if "from" in needed else []
        path = _pointer(given["path"], n)
        if op == "move" and path[: len(source)] == source and path != source:
            raise Malformed(_("Không chuyển được một phần tử vào trong chính nó."), where=f"[{n}].path")
        return cls(op, path, str(given["path"])[:200], source, given.get("value"))


def _pointer(text: Any, n: int) -> list[str]:
    """The parts of a JSON Pointer.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(text, str) or (text and text[0] != "/") or "~" in text.replace("~0", "").replace("~1", ""):
        raise Malformed(_("“%(said)s” không phải JSON Pointer.", said=str(text)[:80]), where=f"[{n}].path")
    return [one.replace("~1", "/").replace("~0", "~") for one in text.split("/")[1:]]


class _Document:
    """A JSON document being changed."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._copied = 0

    def apply(self, step: _Operation) -> None:
        match step.op:
            case "add":
                self._add(step.path, self._copy(step.value), step)
            case "remove":
                self._remove(step.path, step)
            case "replace":
                self._remove(step.path, step)
                self._add(step.path, self._copy(step.value), step)
            case "move":
                self._add(step.path, self._remove(step.source, step), step)
            case "copy":
                self._add(step.path, self._copy(self._at(step.source, step)), step)
            case "test":
                if not _same(self._at(step.path, step), step.value):
                    raise Conflict(_("Phép thử tại %(path)s không đúng.", path=step.place), where=step.place)

    def _at(self, path: list[str], step: _Operation) -> Any:
        found = self.root
        for part in path:
            match found:
                case dict() if part in found:
                    found = found[part]
                case list() if (at := _index(part, len(found) - 1)) is not None:
                    found = found[at]
                case _:
                    raise _nowhere(step)
        return found

    def _add(self, path: list[str], value: Any, step: _Operation) -> None:
        if not path:
            self.root = value
            return
        match self._at(path[:-1], step):
            case dict() as owner:
                owner[path[-1]] = value
            case list() as owner:
                at = len(owner) if path[-1] == "-" else _index(path[-1], len(owner))
                if at is None:
                    raise _nowhere(step)
                owner.insert(at, value)
            case _:
                raise _nowhere(step)

    def _remove(self, path: list[str], step: _Operation) -> Any:
        if not path:
            return self.root
        match self._at(path[:-1], step):
            case dict() as owner if path[-1] in owner:
                return owner.pop(path[-1])
            case list() as owner if (at := _index(path[-1], len(owner) - 1)) is not None:
                return owner.pop(at)
        raise _nowhere(step)

    def _copy(self, value: Any) -> Any:
        self._copied += 1
        if self._copied > MAX_COPIED:
            raise Malformed(_("JSON Patch chép quá nhiều dữ liệu."), code="too-costly")
        if isinstance(value, dict):
            return {name: self._copy(one) for name, one in value.items()}
        return [self._copy(one) for one in value] if isinstance(value, list) else value


def _index(part: str, most: int) -> int | None:
    if not part.isascii() or not part.isdigit() or len(part) > 7 or (part[0] == "0" and part != "0"):
        return None
    return int(part) if int(part) <= most else None


def _same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1, and 1.0 is."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _without_empty(value: Any) -> Any:
    """FHIR has no empty arrays and objects: what a patch emptied is gone."""
    if isinstance(value, dict):
        return {name: kept for name, one in value.items() if (kept := _without_empty(one)) not in ([], {})}
    return [_without_empty(one) for one in value] if isinstance(value, list) else value


def _nowhere(step: _Operation) -> Invalid:
    return Invalid(
        _("Không có chỗ %(path)s trong bản ghi (thao tác %(op)s).", path=step.place, op=step.op),
        code="processing", where=step.place, advice=_("Đọc bản mới nhất rồi viết lại PATCH."),
    )  # fmt: skip
