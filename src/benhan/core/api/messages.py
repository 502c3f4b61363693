"""HTTP as FHIR means it: bodies in, resources and their headers out."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from benhan.core.fhir import codec, r4
from benhan.core.fhir.outcome import Malformed, Problem, TooLarge, issue

JSON = "application/fhir+json"
ACCEPTED = ("application/fhir+json", "application/json", "text/json")


async def read_body(request: Request) -> bytes:
    """The body, bounded.

    Raises:
        Problem: 415 for another format; TooLarge.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ACCEPTED:
        raise Problem(
            415, "not-supported", f"Chỉ nhận {JSON}, không nhận “{kind[:60]}”.", advice=f"Gửi với Content-Type: {JSON}."
        )
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > codec.MAX_BYTES:
            raise TooLarge(f"Nội dung vượt quá {codec.MAX_BYTES} byte.", advice="Chia nhỏ thành nhiều lần gửi.")
    return bytes(body)


async def read_resource(request: Request, type_: type[r4.R]) -> r4.R:
    """The resource in the body, of the type the address names.

    Raises:
        Malformed, TooLarge, Problem (415).
    """
    return codec.decode(await read_body(request), type_)


def answer(resource: r4.Resource, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A resource as an answer."""
    return Response(codec.encode(resource), status, headers, JSON)


def written(request: Request, kept: r4.Resource, status: int) -> Response:
    """The answer to a write, as `Prefer: return=…` asks (representation unless said otherwise)."""
    headers = version_headers(kept)
    headers["Location"] = f"{base(request)}/{codec.type_name(kept)}/{kept.id}/_history/{version(kept)}"
    match preference(request, "return"):
        case "minimal":
            return Response(status_code=status, headers=headers)
        case "OperationOutcome":
            done = issue("informational", "Đã lưu.", severity="information")
            return answer(r4.OperationOutcome(issue=[done]), status, headers)
    return answer(kept, status, headers)


def version_headers(resource: r4.Resource) -> dict[str, str]:
    """ETag and Last-Modified of a stored resource."""
    assert resource.meta and resource.meta.lastUpdated
    return entity_headers(version(resource), datetime.fromisoformat(resource.meta.lastUpdated))


def entity_headers(version: str, updated: datetime) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"ETag": f'W/"{version}"', "Last-Modified": format_datetime(updated.astimezone(UTC), usegmt=True)}


def version(resource: r4.Resource) -> str:
    """The version of a stored resource."""
    assert resource.meta and resource.meta.versionId
    return resource.meta.versionId


def if_match(request: Request) -> str | None:
    """The version in `If-Match: W/"3"`.

    Raises:
        Malformed: it cannot be read.
    """
    return etag(request.headers.get("if-match"))


def etag(text: str | None) -> str | None:
    """The version in `W/"3"`.

    Raises:
        Malformed: it cannot be read.
    """
    if text is None:
        return None
    version = text.removeprefix("W/").strip('"')
    if not version.isascii() or not version.isdigit():
        raise Malformed(f'If-Match cần dạng W/"số bản", nhận được {text[:40]}.', where="If-Match")
    return version


def preference(request: Request, name: str) -> str | None:
    """One preference of the `Prefer` header."""
    for part in request.headers.get("prefer", "").replace(";", ",").split(","):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return None


def base(request: Request) -> str:
    """The address of the FHIR service."""
    return f"{request.app.state.settings.public_url.rstrip('/')}/fhir"
