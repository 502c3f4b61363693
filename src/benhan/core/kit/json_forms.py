"""JSON in and out, for the doors of the patient's app: objects are read as forms are, by the same fields and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.fhir.outcome import Malformed, Problem, TooLarge
from benhan.core.kit.forms import Field, Form, check
from benhan.core.language import _

MOST_BYTES: Final = 64 * 1024


class Said(msgspec.Struct, rename="camel", kw_only=True):
    """Something that a door answers with: English names, camelCase on the wire."""


class House(Said):
    """A facility, as everybody may know it."""

    code: str
    name: str


class Refusal(Said):
    """What was wrong, what to do, and in which field of the object."""

    code: str
    message: str
    advice: str
    where: str


async def read(request: Request, fields: Sequence[Field]) -> Form:
    """The object that was sent, checked against the fields as a posted form is.

    Raises:
        TooLarge: more than `MOST_BYTES`; Malformed: no JSON object, or a field that is not asked for;
        Invalid: a value, with its field.
    """
    form = of_object(await read_object(request), fields)
    form.require()
    return form


async def read_object(request: Request, most: int = MOST_BYTES) -> dict[str, Any]:
    """The object that was sent, of `most` bytes, unchecked.

    Raises:
        TooLarge, Malformed: as `read`.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(_("Nội dung gửi lên quá lớn."))
    try:
        return msgspec.json.decode(bytes(body) or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Malformed(_("Nội dung gửi lên không phải một đối tượng JSON.")) from None


def of_object(said: Mapping[str, Any], fields: Sequence[Field]) -> Form:
    """An object as a form; texts, numbers, true and false, and lists of texts stand for what is typed and ticked.

    Raises:
        Malformed: a field that is not asked for, or holds something else.
    """
    known = {one.name for one in fields}
    if unknown := sorted(set(said) - known):
        raise Malformed(_("Không có trường này."), where=unknown[0][:60])
    return check(FormData([pair for name, value in said.items() for pair in _typed(name, value)]), fields)


def answer(said: Any, status: int = HTTPStatus.OK) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(said), status, media_type="application/json")


def nothing() -> Response:
    """Done, and there is nothing to say."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


def refused(problem: Problem) -> Response:
    """A problem in JSON."""
    said = answer(Refusal(
        code=problem.code, message=problem.message, advice=problem.advice or "", where=problem.where or ""
    ), problem.status)  # fmt: skip
    if problem.status == HTTPStatus.UNAUTHORIZED:
        said.headers["WWW-Authenticate"] = "Bearer"
    return said


def _typed(name: str, value: Any) -> list[tuple[str, str]]:
    match value:
        case None:
            return []
        case bool():
            return [(name, "1" if value else "")]
        case str():
            return [(name, value)]
        case int() | float():
            return [(name, str(value))]
        case list() if all(isinstance(one, str) for one in value):
            return [(name, one) for one in value]
    raise Malformed(_("Trường này không đúng kiểu."), where=name)
