"""The doors under /fhir as an OpenAPI 3.1 description: for programs that test or generate from one.

Made from the doors themselves: their addresses, methods and first lines. What a resource may hold is said by FHIR's own
definitions (CapabilityStatement, StructureDefinitions), not repeated here. Standard: OpenAPI 3.1.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.api import messages
from benhan.core.api.capability import TYPES, plain
from benhan.core.api.histories import MAX_COUNT
from benhan.core.db import Transaction

_PLACE = re.compile(r"{(\w+)(?::\w+)?}")
_ID = {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}
_RESOURCE = {
    "type": "object", "required": ["resourceType"], "properties": {"resourceType": {"type": "string"}},
}  # fmt: skip
_PATCH = {
    "type": "array", "minItems": 1,
    "items": {
        "type": "object", "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string"}, "from": {"type": "string"}, "value": {},
        },
    },
}  # fmt: skip
#: What may stand in an address; anything else is a text.
_PLACES: dict[str, dict[str, Any]] = {
    "type": {"type": "string", "enum": TYPES}, "compartment": {"type": "string", "enum": TYPES}, "id": _ID,
    "vid": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}  # fmt: skip
_COUNT = {"type": "integer", "minimum": 1, "maximum": MAX_COUNT}
_MOMENT = {"type": "string", "examples": ["2026-11-22", "2026-11-22T07:30:00+07:00"]}
#: End of an address → what may be asked there beside the formats.
_QUERIES: dict[str, dict[str, dict[str, Any]]] = {
    "/_history": {"_since": _MOMENT, "_at": _MOMENT, "_count": _COUNT, "_after": {"type": "string"}},
    "/{type}": {"_id": {"type": "string"}, "_lastUpdated": _MOMENT, "_count": _COUNT, "_sort": {"type": "string"}},
}
_HEADERS = {"PUT": ("If-Match", "If-None-Match"), "PATCH": ("If-Match",), "DELETE": ("If-Match",)}


async def openapi(request: Request, _tx: Transaction, _who: Subject) -> Response:
    """This description."""
    return Response(_encoded(request.app, messages.base(request)), media_type="application/json")


@lru_cache(4)
def _encoded(app: Any, base: str) -> bytes:
    return msgspec.json.encode(description(app, base))


def description(app: Any, base: str) -> dict[str, Any]:
    """The doors of the application as OpenAPI."""
    paths: dict[str, dict[str, Any]] = {}
    for door in app.state.doors:
        if isinstance(door, Door) and door.path.startswith("/fhir"):
            address = _PLACE.sub(r"{\1}", door.path.removeprefix("/fhir")) or "/"
            for method in door.methods:
                paths.setdefault(address, {}).setdefault(method.lower(), _operation(door, method, address))
    return {
        "openapi": "3.1.0",
        "info": {"title": "Benhan FHIR R4", "version": version("benhan")},
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Resource": _RESOURCE, "JSONPatch": _PATCH},
        },
    }


def _operation(door: Door, method: str, address: str) -> dict[str, Any]:
    said = (door.endpoint.__doc__ or "").strip().partition("\n")[0].replace("`", "")
    made: dict[str, Any] = {
        "operationId": f"{method.lower()} {plain(door.path)}",
        "summary": said,
        "parameters": _parameters(method, address),
        "responses": {
            "2XX": {"description": "Done.", "content": _resource()},
            "3XX": {"description": "Not changed, or elsewhere."},
            "4XX": {"description": "Refused: an OperationOutcome says why.", "content": _resource()},
        },
    }
    if door.permission is not Permission.ANYONE:
        made["security"] = [{"bearer": []}]
    if method in ("POST", "PUT", "PATCH"):
        made["requestBody"] = {"required": True, "content": _body(method, address)}
    return made


def _parameters(method: str, address: str) -> list[dict[str, Any]]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _PLACES.get(name, {"type": "string"})}
        for name in _PLACE.findall(address)
    ]
    asked = {"_format": {"type": "string", "enum": ["json", "xml"]}, "_pretty": {"type": "boolean"}}
    if method == "GET":
        asked |= next((query for end, query in _QUERIES.items() if address.endswith(end)), {})
    found += [{"name": name, "in": "query", "schema": schema} for name, schema in asked.items()]
    return found + [
        {"name": name, "in": "header", "schema": {"type": "string", "examples": ['W/"1"']}}
        for name in _HEADERS.get(method, ())
    ]


def _body(method: str, address: str) -> dict[str, Any]:
    if address.endswith("/_search"):
        return {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    body = _resource()
    return body | (
        {messages.JSON_PATCH: {"schema": {"$ref": "#/components/schemas/JSONPatch"}}} if method == "PATCH" else {}
    )


def _resource() -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Resource"}}
    return {messages.JSON: schema, messages.XML: schema}


DOORS = [Door("/fhir/openapi.json", openapi, Permission.ANYONE)]
