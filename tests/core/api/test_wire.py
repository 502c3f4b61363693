"""Formats, compression, languages and methods: what goes over the wire."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from benhan.core.fhir import codec, xml

Program = Callable[..., Awaitable[httpx.AsyncClient]]
PATIENT = b'<Patient xmlns="http://hl7.org/fhir"><name><family value="D\xc3\xa2y"/><given value="A"/></name></Patient>'
XML = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}


async def test_a_record_goes_in_and_out_as_xml(program: Program) -> None:
    fhir = await program("system/*.cruds")
    made = await fhir.post("Patient", content=PATIENT, headers=XML)
    assert made.status_code == 201, made.text
    assert made.headers["Content-Type"].startswith("application/fhir+xml")
    id_ = made.headers["Location"].split("/")[-3]
    as_json = await fhir.get(f"Patient/{id_}")
    assert as_json.json()["name"] == [{"family": "Dây", "given": ["A"]}]
    as_xml = await fhir.get(f"Patient/{id_}", params={"_format": "xml"})
    assert codec.encode(xml.decode(as_xml.content)) == as_json.content
    page = await fhir.get("Patient", params={"_id": id_}, headers={"Accept": "application/xml"})
    found = xml.decode(page.content)
    assert codec.type_name(found) == "Bundle"
    refused = await fhir.get("Patient/khong-co", headers={"Accept": "application/fhir+xml"})
    assert codec.type_name(xml.decode(refused.content)) == "OperationOutcome"


@pytest.mark.parametrize(
    ("accept", "status", "kind"),
    [
        ("application/fhir+json", 200, "application/fhir+json"),
        ("application/json;q=0.5, application/fhir+xml", 200, "application/fhir+xml"),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", 200, "application/fhir+xml"),
        ("application/fhir+xml;q=0, */*;q=0.1", 200, "application/fhir+json"),
        ("text/html", 406, "application/fhir+json"),
        ("image/png, application/pdf", 406, "application/fhir+json"),
        ("", 406, "application/fhir+json"),
    ],
)
async def test_the_caller_says_which_format(program: Program, accept: str, status: int, kind: str) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.get("Patient?_count=1", headers={"Accept": accept})
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (status, kind)


@pytest.mark.parametrize(
    ("format_", "status"),
    [("json", 200), ("xml", 200), ("application/fhir%2Bxml", 200), ("application/fhir+json", 200), ("ttl", 406)],
)
async def test_the_parameter_format_goes_before_the_header(program: Program, format_: str, status: int) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.get(f"Patient?_count=1&_format={format_}", headers={"Accept": "text/html"})
    assert answer.status_code == status
    assert ("xml" in format_) == ("xml" in answer.headers["Content-Type"])


async def test_pretty_answers_have_lines_and_the_same_content(program: Program) -> None:
    fhir = await program("system/*.cruds")
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10}}'
    place = f"Observation/{(await fhir.post('Observation', content=body)).json()['id']}"
    plain, pretty = await fhir.get(place), await fhir.get(f"{place}?_pretty=true")
    assert pretty.json() == plain.json()
    assert '\n  "' in pretty.text
    assert "1.10" in pretty.text
    lines = (await fhir.get(f"{place}?_pretty=true&_format=xml")).text
    assert '\n  <valueQuantity>\n    <value value="1.10"/>' in lines


async def test_bodies_may_be_packed(program: Program) -> None:
    fhir = await program("system/*.cruds")
    notes = [{"url": "urn:wire", "valueString": f"Gói {n}"} for n in range(200)]
    body = json.dumps({"resourceType": "Patient", "extension": notes}).encode()
    made = await fhir.post("Patient", content=gzip.compress(body), headers={"Content-Encoding": "gzip"})
    assert made.status_code == 201, made.text
    assert made.headers["Content-Encoding"] == "gzip"
    assert len(made.json()["extension"]) == 200
    as_xml = await fhir.post("Patient", content=gzip.compress(PATIENT), headers={**XML, "Content-Encoding": "gzip"})
    assert as_xml.status_code == 201


@pytest.mark.parametrize(
    ("content", "packing", "status"),
    [
        (gzip.compress(b" " * (codec.MAX_BYTES + 1)), "gzip", 413),
        (gzip.compress(b"{}")[:-9], "gzip", 400),
        (b"khong phai", "gzip", 400),
        (b"{}", "br", 415),
    ],
    ids=["bomb", "cut", "not gzip", "unknown"],
)
async def test_a_bad_packing_is_refused(program: Program, content: bytes, packing: str, status: int) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.post("Patient", content=content, headers={"Content-Encoding": packing})
    assert answer.status_code == status, answer.text[:500]


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Patient xmlns="http://hl7.org/fhir"/>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><Patient xmlns="http://hl7.org/fhir"/>',
        b"<Patient/>",
        b'<Patient xmlns="http://hl7.org/fhir"><la value="1"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender value="male"/><active value="true"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/><active value="true"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><active value="1"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><gender la="x" value="male"/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir">chu</Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><name><family value=""/></name></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><name/></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir"><contained><Patient/><Patient/></contained></Patient>',
        b'<Patient xmlns="http://hl7.org/fhir">' + b"<extension>" * 200 + b"</extension>" * 200 + b"</Patient>",
        b'<Patient xmlns="http://hl7.org/fhir">',
        b'<Observation xmlns="http://hl7.org/fhir"/>',
        b"\xff\xfe",
        b"",
    ],
)
async def test_xml_that_is_not_fhirs_is_refused(program: Program, document: bytes) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.post("Patient", content=document, headers=XML)
    assert answer.status_code == (422 if b"<name/>" in document else 400), answer.text
    assert codec.type_name(xml.decode(answer.content)) == "OperationOutcome"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/fhir+turtle"])
async def test_other_kinds_of_body_are_refused(program: Program, kind: str) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.post("Patient", content=b"{}", headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert (await fhir.patch("Patient/x", content=b"{}", headers={"Content-Type": kind})).status_code == 415


async def test_head_is_get_without_its_body(program: Program) -> None:
    fhir = await program("system/*.cruds")
    place = f"Patient/{(await fhir.post('Patient', json={'resourceType': 'Patient'})).json()['id']}"
    whole, head = await fhir.get(place), await fhir.head(place)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Length", "Content-Type"):
        assert head.headers[name] == whole.headers[name]


async def test_a_method_that_an_address_has_not_is_named_with_those_it_has(program: Program) -> None:
    fhir = await program("system/*.cruds")
    answer = await fhir.post("Patient/x", json={})
    assert answer.status_code == 405
    assert {"GET", "PUT", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))
    assert answer.json()["resourceType"] == "OperationOutcome"
    asked = await fhir.options("Patient/x")
    assert (asked.status_code, asked.headers["Allow"]) == (204, answer.headers["Allow"])


async def test_problems_are_told_in_the_callers_language(program: Program) -> None:
    fhir = await program("system/*.cruds")
    told: dict[str, Any] = {}
    for language in ("vi", "en-GB, vi;q=0.5", "vi, en;q=0.8"):
        answer = await fhir.get("Patient/khong-co", headers={"Accept-Language": language})
        told[language] = answer.json()["issue"][0]["details"]["text"]
    assert told["en-GB, vi;q=0.5"] == "There is no Patient/khong-co."
    assert told["vi"] == told["vi, en;q=0.8"] == "Không có Patient/khong-co."
