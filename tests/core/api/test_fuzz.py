"""Whatever is sent to the doors, the answer is a resource or an OperationOutcome, never a fault of the server."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Program = Callable[..., Awaitable[httpx.AsyncClient]]
#: `BENHAN_FUZZ=10000` in the nightly run.
CASES = int(os.environ.get("BENHAN_FUZZ", "80"))
FUZZ = settings(max_examples=CASES, suppress_health_check=list(HealthCheck))

KINDS = st.sampled_from(
    [
        "application/fhir+json",
        "application/fhir+xml",
        "application/json-patch+json",
        "application/json",
        "text/plain",
        "",
    ]
)
PATHS = st.sampled_from(
    [
        "Patient",
        "Patient/a",
        "Patient/a/_history",
        "Patient/a/_history/1",
        "Patient?name=a",
        "Patient/_search",
        "Basic",
        "_history",
        "metadata",
        "openapi.json",
        "Patient/%00",
        "Patient/a%2Fb",
        "Patient/$x",
        "_x",
        "Basic?_id=a",
        "a/b/c/d/e",
        "Patient/_history?_since=a",
        "_history?_count=3&_at=2026",
        "Patient?_format=x",
        "Patient/\u1ea4",
        "Basic?code=%7F%00",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=10),
    st.sampled_from(
        ["Patient", "urn:uuid:1", "Patient?name=a", "/name/0", "a\u0000b", "\ud800", "9999-12-31", "é" * 3000]
    ),
)
KEYS = st.sampled_from(
    [
        "resourceType",
        "id",
        "meta",
        "versionId",
        "name",
        "given",
        "_given",
        "text",
        "div",
        "contained",
        "extension",
        "url",
        "valueString",
        "valueUri",
        "identifier",
        "system",
        "value",
        "reference",
        "code",
        "op",
        "path",
        "from",
        "parameter",
    ]
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=15,
)
BODIES = st.one_of(
    st.binary(max_size=100),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(KEYS, JSON).map(lambda value: json.dumps({**value, "resourceType": "Patient"}).encode()),
    st.text(alphabet="<>/=\"'& Patientnamevalue!-[]?", max_size=60).map(
        lambda text: f'<Patient xmlns="http://hl7.org/fhir">{text}</Patient>'.encode()
    ),
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
HEADERS = st.dictionaries(
    st.sampled_from(
        ["If-Match", "If-None-Match", "If-None-Exist", "If-Modified-Since", "Prefer", "Accept", "Content-Encoding"]
    ),
    st.sampled_from(
        ["*", 'W/"1"', "x", "", "name=a", "return=minimal", "application/fhir+xml", "gzip", "q=;;,=", "?&="]
    ),
    max_size=3,
)


@pytest_asyncio.fixture
async def fhir(program: Program) -> httpx.AsyncClient:
    """One program for all cases of a test."""
    return await program("system/*.cruds")


def sane(answer: httpx.Response) -> None:
    """The answer is FHIR, and no fault of ours."""
    assert answer.status_code < 500, answer.text[:2000]
    if answer.content and answer.headers["Content-Type"].startswith("application/fhir+json"):
        assert answer.json()["resourceType"]
    if answer.status_code >= 400 and answer.content:
        assert "OperationOutcome" in answer.text


@FUZZ
@given(METHODS, PATHS, KINDS, BODIES, HEADERS)
async def test_any_request(
    fhir: httpx.AsyncClient, method: str, path: str, kind: str, body: bytes, headers: dict[str, str]
) -> None:
    sane(await fhir.request(method, path, content=body, headers={"Content-Type": kind, **headers}))


@FUZZ
@given(st.lists(JSON, max_size=4), st.sampled_from(["batch", "transaction"]))
async def test_any_patch_and_any_bundle(fhir: httpx.AsyncClient, values: list[Any], kind: str) -> None:
    json_patch = {"Content-Type": "application/json-patch+json"}
    operations = [{"op": "add", "path": "/name", "value": value} for value in values] or values
    place = f"Basic/{(await fhir.post('Basic', json={'resourceType': 'Basic', 'code': {'text': 'f'}})).json()['id']}"
    sane(await fhir.patch(place, content=json.dumps(operations).encode(), headers=json_patch))
    sane(await fhir.patch(place, content=json.dumps(values).encode(), headers=json_patch))
    entries = [
        {
            "resource": {"resourceType": "Basic", "code": {"text": "f"}, "id": "a"} if n % 2 else value,
            "request": {
                "method": ["POST", "PUT", "GET", "DELETE", "PATCH"][n % 5],
                "url": value if isinstance(value, str) else "Basic",
            },
        }
        for n, value in enumerate(values)
    ]
    body = json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()
    sane(await fhir.post("http://test/fhir", content=body))
