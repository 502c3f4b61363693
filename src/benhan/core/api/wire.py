"""What goes over the wire: JSON or XML, compressed or not, in the caller's language. Inside there is only JSON.

One ASGI middleware around every door under /fhir: bodies are unpacked (bounded, also against bombs) and turned into
JSON before a door reads them; answers, refusals among them, go out in the format asked for.
Standard: HL7 FHIR R4, 3.1.0.1.10 (content types); RFC 9110, 8.4 and 12.5.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from gzip import compress
from http import HTTPStatus

import msgspec
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benhan.core.api.messages import JSON, JSON_KINDS, XML, XML_KINDS
from benhan.core.fhir import codec, xml
from benhan.core.fhir.outcome import Malformed, Problem, TooLarge
from benhan.core.language import _, accepted, speaking

#: `_format` and `Accept` → what is sent. What is not listed is not made (406).
KINDS: Mapping[str, str] = {
    "json": JSON, "xml": XML, "*/*": JSON, "application/*": JSON, "text/*": JSON,
    **dict.fromkeys(JSON_KINDS, JSON), **dict.fromkeys(XML_KINDS, XML),
}  # fmt: skip
#: Kinds that single doors answer with, whatever stands here: lines of records, events, files.
OTHERS = frozenset({"application/fhir+ndjson", "application/ndjson", "text/event-stream", "application/octet-stream"})
#: Bodies that a door reads line by line, packed or not, however long they are.
LINES = frozenset({"application/fhir+ndjson", "application/ndjson", "application/x-ndjson"})
#: Answers shorter than one network packet are not worth packing.
WORTH_PACKING = 1400


class Wire:
    """The middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything that is not FHIR by; else let the door see JSON, and the caller what was asked for."""
        if scope["type"] != "http" or not scope["path"].startswith("/fhir"):
            await self._app(scope, receive, send)
            return
        if scope["path"].endswith("/"):  # `POST /fhir/` is what many clients make of a base address
            scope = {**scope, "path": scope["path"].rstrip("/")}
        if _asks_nothing(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        with speaking(accepted(headers.get("accept-language", ""))):
            try:
                answer = _Answer(scope, headers, send)
            except Problem as problem:
                await Response(codec.encode(problem.outcome()), problem.status, media_type=JSON)(scope, receive, send)
                return
            await self._app(*_inwards(scope, headers, receive), answer)


#: What may change a body or an answer on the wire, where it says something else than plain JSON.
_ASKS = frozenset({b"accept", b"accept-encoding", b"accept-language", b"content-encoding", b"content-type"})
_PLAIN = frozenset(kind.encode() for kind in JSON_KINDS)


def _asks_nothing(scope: Scope) -> bool:
    """Whether JSON comes in and JSON goes out, as programs mostly ask: then there is nothing to do here."""
    if b"_format" in scope["query_string"] or b"_pretty" in scope["query_string"] or scope["method"] == "HEAD":
        return False
    return all(value in _PLAIN for name, value in scope["headers"] if name in _ASKS)


class _Answer:
    """The way out: collects the one message of a FHIR answer and sends it in the form asked for."""

    def __init__(self, scope: Scope, headers: Headers, send: Send) -> None:
        asked = QueryParams(scope["query_string"])
        self._kind = _wanted(asked.get("_format") or headers.get("accept", "*/*"))
        self._pretty = asked.get("_pretty") == "true"
        self._packed = "gzip" in headers.get("accept-encoding", "")
        self._silent = scope["method"] == "HEAD"
        self._plain = self._kind == JSON and not self._pretty and not self._packed and not self._silent
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if self._plain:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
        elif self._start is None or message.get("more_body"):
            await self._as_it_is(message)
        else:
            start, self._start = self._start, None
            await self._whole(start, message.get("body", b""))

    async def _as_it_is(self, message: Message) -> None:
        """A stream: what began as pieces goes on in pieces."""
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send({**message, "body": b""} if self._silent else message)

    async def _whole(self, start: Message, body: bytes) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        if headers.get("content-type", "").startswith(JSON) and body:
            body = self._formed(body, headers)
        if self._packed and len(body) > WORTH_PACKING and "content-encoding" not in headers:
            body = compress(body, 5)
            headers["content-encoding"] = "gzip"
        headers.add_vary_header("Accept, Accept-Encoding")
        if start["status"] not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers["content-length"] = str(len(body))
        await self._send({**start, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": b"" if self._silent else body})

    def _formed(self, body: bytes, headers: MutableHeaders) -> bytes:
        if self._kind == XML:
            headers["content-type"] = f"{XML}; charset=utf-8"
            return xml.from_json(body, pretty=self._pretty)
        return msgspec.json.format(body, indent=2) if self._pretty else body


def _inwards(scope: Scope, headers: Headers, receive: Receive) -> tuple[Scope, Receive]:
    """What the door gets to read: the same scope and body where it is plain JSON already."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    packing = headers.get("content-encoding", "identity").strip().lower()
    if kind in LINES or (kind not in XML_KINDS and packing == "identity"):
        return scope, receive
    changed = [(name, value) for name, value in scope["headers"] if name not in _REPLACED]
    changed.append((b"content-type", JSON.encode() if kind in XML_KINDS else kind.encode()))
    done = False

    async def unpacked() -> Message:
        nonlocal done
        if done:
            return await receive()
        body = await _all(receive, packing)
        done = True
        return {"type": "http.request", "body": xml.to_json(body) if kind in XML_KINDS else body}

    return {**scope, "headers": changed}, unpacked


_REPLACED = frozenset({b"content-type", b"content-encoding", b"content-length"})


async def _all(receive: Receive, packing: str) -> bytes:
    """The whole body, unpacked, never more than a body may have.

    Raises:
        TooLarge; Malformed: not gzip; Problem (415): packed otherwise.
    """
    if packing not in ("identity", "gzip", "x-gzip"):
        raise Problem(415, "not-supported", _("Chỉ nhận nội dung nén gzip."), where="Content-Encoding")
    unzip = zlib.decompressobj(wbits=31) if packing != "identity" else None
    body, more = bytearray(), True
    while more:
        message = await receive()
        part = message.get("body", b"")
        more = message.get("more_body", False) and message["type"] == "http.request"
        try:
            body += unzip.decompress(part, codec.MAX_BYTES + 1 - len(body)) if unzip else part
        except zlib.error:
            raise Malformed(_("Nội dung không phải gzip."), where="Content-Encoding") from None
        if len(body) > codec.MAX_BYTES or (unzip and unzip.unconsumed_tail):
            raise TooLarge(
                _("Nội dung vượt quá %(n)s byte.", n=codec.MAX_BYTES), advice=_("Chia nhỏ thành nhiều lần gửi.")
            )
    if unzip and not unzip.eof:
        raise Malformed(_("Nội dung gzip bị cắt cụt."), where="Content-Encoding")
    return bytes(body)


def _wanted(asked: str) -> str:
    """The format to answer in.

    Raises:
        Problem: 406, none of those asked for is made here.
    """
    best, weight = "", 0.0
    for part in asked.split(","):
        kind, *parameters = (word.strip().lower().replace(" ", "+") for word in part.split(";"))
        quality = next((_quality(word) for word in parameters if word.startswith("q=")), 1.0)
        if quality > weight and (kind in KINDS or kind in OTHERS):
            best, weight = KINDS.get(kind, JSON), quality
    if not best:
        raise Problem(
            406, "not-supported", _("Không trả lời được ở dạng “%(kind)s”.", kind=asked[:80]),
            where="Accept", advice=_("Dạng có thể dùng: %(json)s, %(xml)s.", json=JSON, xml=XML),
        )  # fmt: skip
    return best


def _quality(word: str) -> float:
    try:
        return float(word[2:])
    except ValueError:
        return 0.0
