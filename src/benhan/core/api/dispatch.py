"""An entry of a Bundle is a request like any other: it goes through the same door, in the Bundle's transaction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import Message

from benhan.core.access import Door, Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden, Malformed, NotFound, Problem
from benhan.core.language import _

BUNDLE = "/fhir"
MAX_URL = 20_000

Compiled = list[tuple[re.Pattern[str], Mapping[str, Any], Door]]


async def through_its_door(
    request: Request, tx: Transaction, who: Subject, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Carry out one request that came inside another; its address is relative to the service.

    Raises:
        NotFound: no such address; Problem: 405 for a method it does not have; Forbidden; whatever the door raises.
    """
    if len(url) > MAX_URL or url.startswith(("/", "http:", "https:")):
        raise Malformed(_("request.url cần là địa chỉ tương đối, ví dụ Patient/1."), code="value")
    path, _gap, query = url.partition("?")
    door, values = door_of(request.app, method, f"{BUNDLE}/{unquote(path)}")
    if not who.may(door.permission):
        raise Forbidden(_("Tài khoản của bạn không được mở địa chỉ này."))
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    prefer = request.headers.get("prefer")
    scope = {
        **request.scope,
        "method": method, "path": f"{BUNDLE}/{path}", "query_string": query.encode(), "path_params": values,
        "headers": fields + ([(b"prefer", prefer.encode())] if prefer else []),
    }  # fmt: skip
    scope.pop("state", None)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await door.endpoint(Request(scope, receive), tx, who)


def door_of(app: Any, method: str, path: str) -> tuple[Door, dict[str, Any]]:
    """The door of an address, and what stands in the address.

    Raises:
        NotFound, Problem (405).
    """
    others: set[str] = set()
    for pattern, convertors, door in _compiled(app):
        if found := pattern.match(path):
            if method in door.methods or (method == "HEAD" and "GET" in door.methods):
                return door, {name: convertors[name].convert(text) for name, text in found.groupdict().items()}
            others |= set(door.methods)
    if others:
        raise not_allowed(method, others)
    raise NotFound(_("Không có địa chỉ %(path)s.", path=path[:200]), advice=_("Xem /fhir/metadata."))


def not_allowed(method: str, others: Iterable[str]) -> Problem:
    """405, with what the address does have."""
    return Problem(
        405, "not-supported", _("Địa chỉ này không nhận %(method)s.", method=method[:20]),
        advice=_("Nhận: %(methods)s.", methods=", ".join(sorted(others))),
    )  # fmt: skip


def _compiled(app: Any) -> Compiled:
    if not hasattr(app.state, "fhir_doors"):
        doors = [door for door in app.state.doors if isinstance(door, Door) and door.path.startswith(f"{BUNDLE}/")]
        paths = [(compile_path(door.path), door) for door in doors]
        app.state.fhir_doors = [(pattern, convertors, door) for (pattern, _path, convertors), door in paths]
    found: Compiled = app.state.fhir_doors
    return found
