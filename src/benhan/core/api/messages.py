"""HTTP as FHIR means it: bodies in, resources and their headers out.

Standard: HL7 FHIR R4, 3.1.0 (headers, `Prefer`, conditional reads); RFC 9110 (8.8 validators, 13 preconditions).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from benhan.core.fhir import codec, r4, summary
from benhan.core.fhir.outcome import Malformed, Problem, TooLarge, issue
from benhan.core.language import _

JSON = "application/fhir+json"
JSON_KINDS = ("application/fhir+json", "application/json", "text/json")
XML = "application/fhir+xml"
XML_KINDS = ("application/fhir+xml", "application/xml", "text/xml")
JSON_PATCH = "application/json-patch+json"

#: What `_summary` may say of one record; `count` is for searches.
SUMMARIES = ("true", "text", "data", "false")
MAX_ELEMENTS = 50

_ETAG = re.compile(r'(?:W/)?"([^"]*)"|(\d+)')


async def read_body(request: Request, *kinds: str) -> bytes:
    """The body, bounded. XML was turned into JSON on its way here (`wire.py`).

    Raises:
        Problem: 415 for another format; TooLarge.
    """
    kind = content_type(request)
    if kind not in (kinds or JSON_KINDS):
        raise Problem(
            415, "not-supported", _("Không nhận nội dung dạng “%(kind)s” ở đây.", kind=kind[:60]),
            where="Content-Type", advice=_("Gửi với Content-Type: %(kinds)s.", kinds=", ".join(kinds or (JSON, XML))),
        )  # fmt: skip
    if (read := getattr(request.state, "body", None)) is not None:
        return bytes(read)  # the edge asks a second time when the caller had changed since it was last read
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > codec.MAX_BYTES:
            request.state.body = bytes(body)  # a second reading is refused as well
            raise TooLarge(
                _("Nội dung vượt quá %(n)s byte.", n=codec.MAX_BYTES), advice=_("Chia nhỏ thành nhiều lần gửi.")
            )
    request.state.body = bytes(body)
    return bytes(body)


def content_type(request: Request) -> str:
    """The kind of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_resource(request: Request, type_: type[r4.R]) -> r4.R:
    """The resource in the body, of the type the address names.

    Raises:
        Malformed, TooLarge, Problem (415).
    """
    return codec.decode(await read_body(request), type_)


def answer(resource: r4.Resource, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A resource as an answer."""
    return Response(codec.encode(resource), status, headers, JSON)


def done(message: str, status: int = 200) -> Response:
    """The answer to an act that leaves no resource to show: what was done, as an OperationOutcome."""
    return answer(r4.OperationOutcome(issue=[issue("informational", message, severity="information")]), status)


def written(request: Request, kept: r4.Resource, status: int) -> Response:
    """The answer to a write, as `Prefer: return=…` asks (representation unless said otherwise)."""
    headers = version_headers(kept)
    headers["Location"] = f"{base(request)}/{codec.type_name(kept)}/{kept.id}/_history/{version(kept)}"
    match preference(request, "return"):
        case "minimal":
            return Response(status_code=status, headers=headers)
        case "OperationOutcome":
            said = done(_("Đã lưu."), status)
            said.headers.update(headers)
            return said
    return answer(kept, status, headers)


def stored(request: Request, body: bytes, version: int, updated: datetime) -> Response:
    """Stored bytes as an answer; 304 where the caller has them (`If-None-Match`, else `If-Modified-Since`)."""
    headers = entity_headers(str(version), updated)
    if _unchanged(request, str(version), updated):
        return Response(status_code=304, headers=headers)
    return Response(_part(request, body) if request.scope["query_string"] else body, 200, headers, JSON)


def _part(request: Request, body: bytes) -> bytes:
    """What `_summary` or `_elements` leave of a resource."""
    asked, elements = request.query_params.get("_summary", "false"), request.query_params.get("_elements")
    if asked not in SUMMARIES:
        raise Malformed(
            _("_summary nhận %(known)s khi đọc một bản ghi.", known=", ".join(SUMMARIES)),
            code="value", where="_summary",
        )  # fmt: skip
    if asked == "false" and not elements:
        return body
    resource = codec.kept(body, r4.Resource)
    return codec.encode(summary.part(resource, asked, elements.split(",")[:MAX_ELEMENTS] if elements else None))


def version_headers(resource: r4.Resource) -> dict[str, str]:
    """ETag and Last-Modified of a stored resource."""
    assert resource.meta and resource.meta.lastUpdated
    return entity_headers(version(resource), datetime.fromisoformat(resource.meta.lastUpdated))


def entity_headers(version: str, updated: datetime) -> dict[str, str]:
    """ETag and Last-Modified; a program may keep the record, and asks each time whether it is still that."""
    return {
        "ETag": f'W/"{version}"',
        "Last-Modified": format_datetime(updated.astimezone(UTC), usegmt=True),
        "Cache-Control": "private, no-cache",
    }


def version(resource: r4.Resource) -> str:
    """The version of a stored resource."""
    assert resource.meta and resource.meta.versionId
    return resource.meta.versionId


def if_match(request: Request) -> str | None:
    """The version in `If-Match: W/"3"`; `If-None-Match: *` asks for none yet, version 0.

    Raises:
        Malformed: it cannot be read.
    """
    if request.headers.get("if-none-match", "").strip() == "*":
        return "0"
    return etag(request.headers.get("if-match"))


def etag(text: str | None) -> str | None:
    """The version in `W/"3"`.

    Raises:
        Malformed: it cannot be read.
    """
    if text is None:
        return None
    version = text.strip().removeprefix("W/").strip('"')
    if not version.isascii() or not version.isdigit():
        raise Malformed(
            _('If-Match cần dạng W/"số bản", nhận được %(said)s.', said=text[:40]), code="value", where="If-Match"
        )
    return version


def preference(request: Request, name: str) -> str | None:
    """One preference of the `Prefer` header."""
    for part in request.headers.get("prefer", "").replace(";", ",").split(","):
        key, _gap, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def base(request: HTTPConnection) -> str:
    """The address of the FHIR service."""
    return f"{request.app.state.settings.public_url.rstrip('/')}/fhir"


def _unchanged(request: Request, version: str, updated: datetime) -> bool:
    if not any(name.startswith(b"if-") for name, _value in request.scope["headers"]):
        return False
    if known := request.headers.get("if-none-match"):
        return known.strip() == "*" or version in (a or b for a, b in _ETAG.findall(known))
    if since := request.headers.get("if-modified-since"):
        try:
            return updated.replace(microsecond=0) <= parsedate_to_datetime(since)
        except (ValueError, TypeError):
            return False
    return False
