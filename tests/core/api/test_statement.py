"""The CapabilityStatement is played: what it declares works, and nothing else does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from benhan.core.access import Decision, Door
from benhan.core.api.capability import capability_statement
from benhan.core.api.dispatch import door_of
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.store.query import parse

Program = Callable[..., Awaitable[httpx.AsyncClient]]
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
VALUES = {
    "token": "urn:x|a", "string": "an", "reference": "Patient/x", "date": "ge2026-01", "number": "5", "quantity": "5.4",
    "uri": "http://x.vn/a", "special": "a",
}  # fmt: skip
#: Modifier → a value that fits it, where the usual one does not.
MODIFIED = {"missing": "true", "identifier": "urn:x|a", "of-type": "urn:x|MR|1", "text": "an"}


@pytest.fixture
def statement(app: Starlette) -> r4.CapabilityStatementRest:
    rest = capability_statement(app, "http://test/fhir").rest
    assert rest
    return rest[0]


def basic(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Basic", "code": {"text": "b"}, **more}


async def played(fhir: httpx.AsyncClient) -> dict[str, httpx.Response]:
    """Every interaction of the standard on one record, by its code."""
    id_ = (created := await fhir.post("Basic", json=basic())).json()["id"]
    operations = [{"op": "add", "path": "/code/text", "value": "c"}]
    bundle = {"resourceType": "Bundle", "type": "batch"}
    return {
        "create": created,
        "read": await fhir.get(f"Basic/{id_}"),
        "vread": await fhir.get(f"Basic/{id_}/_history/1"),
        "update": await fhir.put(f"Basic/{id_}", json=basic(id=id_)),
        "patch": await fhir.patch(f"Basic/{id_}", json=operations, headers=JSON_PATCH),
        "history-instance": await fhir.get(f"Basic/{id_}/_history"),
        "history-type": await fhir.get("Basic/_history"),
        "history-system": await fhir.get("_history"),
        "search-type": await fhir.get("Basic?_count=1"),
        "search-system": await fhir.get("http://test/fhir?_type=Basic&_count=1"),
        "batch": await fhir.post("http://test/fhir", json=bundle),
        "transaction": await fhir.post("http://test/fhir", json={**bundle, "type": "transaction"}),
        "delete": await fhir.delete(f"Basic/{id_}"),
    }


async def test_every_declared_interaction_works_and_no_other(
    program: Program, statement: r4.CapabilityStatementRest
) -> None:
    basic_ = next(one for one in statement.resource or () if one.type == "Basic")
    declared = {one.code for one in [*(basic_.interaction or ()), *(statement.interaction or ())]}
    works = {code for code, answer in (await played(await program("system/*.cruds"))).items() if answer.is_success}
    assert works == declared


async def test_every_type_declares_the_same_but_the_audit_which_is_only_read(
    statement: r4.CapabilityStatementRest,
) -> None:
    kinds = {one.type: tuple(i.code for i in one.interaction or ()) for one in statement.resource or ()}
    assert kinds.pop("AuditEvent") == ("read", "search-type")
    assert len(set(kinds.values())) == 1
    assert len(statement.resource or ()) == len(r4.RESOURCES)


def test_every_declared_search_parameter_and_modifier_is_understood(statement: r4.CapabilityStatementRest) -> None:
    refused = []
    for resource in statement.resource or ():
        for one in resource.searchParam or ():
            said = (one.documentation or "").removeprefix("Modifiers: ").split()
            for modifier in ("", *said):
                values = [MODIFIED[modifier[1:]]] if modifier[1:] in MODIFIED else values_of(one)
                if not any(_understood(resource.type or "", f"{one.name}{modifier}", value) for value in values):
                    refused.append(f"{resource.type}?{one.name}{modifier}={values}")
        for what in resource.searchInclude or ():
            assert _understood(resource.type or "", "_include", what), what
        for what in resource.searchRevInclude or ():
            assert _understood(resource.type or "", "_revinclude", what), what
    assert not refused, "\n".join(refused[:20])


def _understood(type_name: str, name: str, value: str) -> bool:
    try:
        parse(type_name, {name: value}, lambda _type: Decision(True, "test"))
    except Problem:
        return False
    return True


def values_of(one: r4.CapabilityStatementRestResourceSearchParam) -> list[str]:
    """Values that fit a parameter; of a composite, one of them does."""
    if one.name == "_lastUpdated":
        return ["2026"]
    return ["a$b", "a$5.4", "a$2026", "a$5$7"] if one.type == "composite" else [VALUES[one.type or ""]]


async def test_an_undeclared_search_parameter_is_refused_where_the_caller_is_strict(program: Program) -> None:
    fhir = await program("system/*.cruds")
    for asked in ("khong=1", "phonetic:la=a", "near=1", "Patient.la=1"):
        answer = await fhir.get(f"Location?{asked}", headers={"Prefer": "handling=strict"})
        assert answer.status_code == 400, asked


async def test_declared_search_parameters_answer_at_the_door(
    program: Program, statement: r4.CapabilityStatementRest
) -> None:
    fhir = await program("system/*.cruds")
    for resource in statement.resource or ():
        if resource.type not in ("Patient", "Encounter"):
            continue
        for one in resource.searchParam or ():
            asked = {str(one.name): values_of(one)[0], "_count": "1"}
            answer = await fhir.get(resource.type, params=asked, headers={"Prefer": "handling=strict"})
            assert answer.status_code == 200, (asked, answer.text[:300])


async def test_every_declared_operation_has_a_door_and_every_door_is_declared(
    app: Starlette, statement: r4.CapabilityStatementRest
) -> None:
    declared = {one.name for one in statement.operation or ()}
    for resource in statement.resource or ():
        for one in resource.operation or ():
            declared.add(one.name)
            places = [f"/fhir/{resource.type}/${one.name}", f"/fhir/{resource.type}/x/${one.name}"]
            assert any(_has(app, place) for place in places), f"{resource.type}/${one.name} is declared and has no door"
    for one in statement.operation or ():
        assert _has(app, f"/fhir/${one.name}"), f"${one.name} is declared and has no door"
    for door in app.state.doors:
        if isinstance(door, Door) and door.path.startswith("/fhir/") and "/$" in door.path:
            name = door.path.rpartition("/$")[2].partition("/")[0]
            assert name in declared, f"{door.path} is open and not declared"


def _has(app: Starlette, path: str) -> bool:
    for method in ("GET", "POST"):
        try:
            door, _values = door_of(app, method, path)
        except Problem:
            continue
        if "$" in door.path:
            return True
    return False


async def test_every_declared_format_is_spoken_and_no_other(program: Program, app: Starlette) -> None:
    fhir = await program("system/*.cruds")
    declared = capability_statement(app, "http://test/fhir")
    for one in declared.format or ():
        assert (await fhir.get("Basic", params={"_format": one, "_count": "1"})).status_code == 200
    for one in ("ttl", "html/xml", "text/turtle"):
        assert (await fhir.get("Basic", params={"_format": one})).status_code == 406
    id_ = (await fhir.post("Basic", json=basic())).json()["id"]
    for kind in declared.patchFormat or ():
        answer = await fhir.patch(f"Basic/{id_}", content=_patch(kind), headers={"Content-Type": kind})
        assert answer.status_code == 200, answer.text
    for kind in ("application/xml-patch+xml", "application/merge-patch+json"):
        answer = await fhir.patch(f"Basic/{id_}", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 415


def _patch(kind: str) -> bytes:
    text = uuid4().hex.encode()
    if kind == "application/json-patch+json":
        return b'[{"op":"replace","path":"/code/text","value":"%s"}]' % text
    parts = {"type": b"replace", "path": b"Basic.code.text", "value": text}
    if kind == "application/fhir+xml":
        inside = b"".join(
            b'<part><name value="%s"/><valueString value="%s"/></part>' % (name.encode(), value)
            for name, value in parts.items()
        )
        return (
            b'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>%s</parameter></Parameters>'
            % (inside)
        )
    inside = b",".join(b'{"name":"%s","valueString":"%s"}' % (name.encode(), value) for name, value in parts.items())
    return b'{"resourceType":"Parameters","parameter":[{"name":"operation","part":[%s]}]}' % inside
