"""The OpenAPI description names every open door, and only those."""

from __future__ import annotations

from starlette.applications import Starlette

from benhan.core.access import Door
from benhan.core.api.capability import plain
from benhan.core.api.openapi import description


def test_every_door_under_fhir_is_described(app: Starlette) -> None:
    described = description(app, "http://test/fhir")
    said = {(method, path) for path, methods in described["paths"].items() for method in methods}
    for door in app.state.doors:
        if isinstance(door, Door) and door.path.startswith("/fhir"):
            address = plain(door.path).removeprefix("/fhir").replace(":members}", "}") or "/"
            assert {(method.lower(), address) for method in door.methods} <= said
    for path, methods in described["paths"].items():
        for one in methods.values():
            placed = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in placed)
            assert one["summary"]
            assert "4XX" in one["responses"]
    closed = {
        path for path, methods in described["paths"].items() if not all("security" in m for m in methods.values())
    }
    assert closed == {
        "/metadata",
        "/openapi.json",
        "/.well-known/smart-configuration",
        "/.well-known/openid-configuration",
    }
