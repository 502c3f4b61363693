"""What an operation is given: a query string or a Parameters resource, read alike.

Standard: HL7 FHIR R4, 3.2.0.2 (executing an operation): GET where all inputs are primitive, POST otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from benhan.core.api import messages
from benhan.core.fhir import codec, r4
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _

MAX_QUERY = 20_000
#: Parameters of the exchange itself, not of an operation.
EXCHANGE = frozenset({"_format", "_pretty"})
_VALUES = tuple(name for name in r4.ParametersParameter.__struct_fields__ if name.startswith("value"))


class Inputs:
    """The inputs of one call, by name; a repeated one keeps all its values."""

    def __init__(self, values: dict[str, list[Any]]) -> None:
        self._values = values

    def only(self, *known: str) -> Inputs:
        """Refuse what the operation does not know: it would be ignored, and the caller believe otherwise.

        Raises:
            Malformed: another input.
        """
        for name in self._values:
            if name not in known and name not in EXCHANGE:
                raise Malformed(
                    _("Thao tác này không có tham số “%(name)s”.", name=name[:60]),
                    code="not-supported",
                    where=name[:60],
                    advice=_("Có: %(known)s.", known=", ".join(known)),
                )
        return self

    def all(self, name: str) -> list[Any]:
        """Every value given: text from a query, what `value[x]` or `resource` holds from Parameters."""
        return self._values.get(name, [])

    def texts(self, name: str) -> list[str]:
        """Every value as text, those between commas apart.

        Raises:
            Malformed: a value has parts.
        """
        return [one for value in self.all(name) for one in self._text(name, value).split(",") if one]

    def items(self) -> list[tuple[str, Any]]:
        """All of them in the order given."""
        return [(name, value) for name, values in self._values.items() for value in values]

    def pairs(self) -> list[tuple[str, str]]:
        """All of them as a query string has them, to link to the next page.

        Raises:
            Malformed: a value has parts.
        """
        return [(name, self._text(name, value)) for name, value in self.items()]

    def text(self, name: str) -> str | None:
        """The one value as text.

        Raises:
            Malformed: there are several, or it has parts.
        """
        given = self.all(name)
        if len(given) > 1:
            raise Malformed(_("Tham số %(name)s chỉ được có một giá trị.", name=name), where=name)
        return self._text(name, given[0]) if given else None

    def number(self, name: str, *, least: int = 0, most: int) -> int | None:
        """A whole number within bounds.

        Raises:
            Malformed: it is none.
        """
        text = self.text(name)
        if text is None:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
            raise Malformed(
                _("%(name)s cần một số từ %(least)s đến %(most)s.", name=name, least=least, most=most), where=name
            )
        return int(text)

    def flag(self, name: str) -> bool:
        """A boolean; absent is false.

        Raises:
            Malformed: it is none.
        """
        text = self.text(name)
        if text not in (None, "true", "false"):
            raise Malformed(_("%(name)s cần true hoặc false.", name=name), where=name)
        return text == "true"

    def moments(self, name: str) -> tuple[datetime, datetime] | None:
        """A date, dateTime or instant as the half-open range it names.

        Raises:
            Malformed: it cannot be read.
        """
        text = self.text(name)
        return moment_range(text) if text is not None else None

    def resource(self, name: str, type_: type[r4.R]) -> r4.R:
        """A resource of a type.

        Raises:
            Malformed: it is missing, or of another type.
        """
        given = self.all(name)
        if len(given) != 1 or not isinstance(given[0], type_):
            raise Malformed(
                _("Cần tham số %(name)s là một %(type)s.", name=name, type=codec.type_name(type_)), where=name
            )
        return given[0]

    @staticmethod
    def _text(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, msgspec.Struct | list):
            raise Malformed(_("Tham số %(name)s cần một giá trị đơn.", name=name), where=name)
        return str(value)


async def inputs(request: Request) -> Inputs:
    """The inputs of a call: of the address, and of the Parameters in the body of a POST.

    Raises:
        Malformed, TooLarge, Problem (415): the body is not Parameters, or too large.
    """
    if len(request.url.query) > MAX_QUERY:
        raise Malformed(_("Câu hỏi dài quá %(n)s ký tự.", n=MAX_QUERY), code="too-long")
    found: dict[str, list[Any]] = {}
    for name, value in parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=200):
        found.setdefault(name, []).append(value)
    if request.method == "POST" and await _has_body(request):
        given = await messages.read_resource(request, r4.Parameters)
        for parameter in given.parameter or []:
            found.setdefault(parameter.name or "", []).append(value_of(parameter))
    return Inputs(found)


def value_of(parameter: r4.ParametersParameter) -> Any:
    """What a parameter holds: its `value[x]`, its resource, or its parts.

    Raises:
        Malformed: nothing, or several things.
    """
    held = [value for name in (*_VALUES, "resource", "part") if (value := getattr(parameter, name)) is not None]
    if len(held) != 1:
        name = parameter.name or "parameter"
        raise Malformed(_("Tham số %(name)s cần đúng một giá trị.", name=name), where=name)
    return held[0]


async def _has_body(request: Request) -> bool:
    length = request.headers.get("content-length")
    return length not in (None, "0") or "transfer-encoding" in request.headers
