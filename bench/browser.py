"""The load generator's side of HTTP/1.1: one connection, its cookies, no more than a measurement needs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """What came back, and the milliseconds until its last byte was here."""

    status: int
    headers: dict[str, str]
    body: bytes
    spent: float

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Browser:
    """One user's browser (or program): asks one thing at a time on one connection that stays open."""

    def __init__(
        self, port: int, times: list[tuple[str, int, float]], headers: Mapping[str, str] | None = None
    ) -> None:
        self._port = port
        self._times = times
        #: Whether what is asked counts; not while everything is done for the first time.
        self.measured = True
        self._headers = dict(headers or {})
        self._cookies: dict[str, str] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, label: str, path: str, *, fragment: bool = False, **query: str) -> Answer:
        """GET; `fragment` asks as htmx does."""
        target = f"{path}?{urlencode(query, quote_via=quote)}" if query else path
        return await self._ask(label, "GET", target, None, {"HX-Request": "true"} if fragment else {})

    async def post(self, label: str, path: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """POST a form."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        more["Content-Type"] = "application/x-www-form-urlencoded"
        return await self._ask(label, "POST", path, urlencode(fields).encode(), more)

    async def send(self, label: str, path: str, body: bytes) -> Answer:
        """POST a FHIR resource or Bundle."""
        return await self._ask(label, "POST", path, body, {"Content-Type": "application/fhir+json"})

    async def ask_app(self, label: str, path: str, token: str, said: bytes | None = None) -> Answer:
        """Ask at a door of the patient's app, as the holder of a session; POST where something is said."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return await self._ask(label, "GET" if said is None else "POST", path, said, headers)

    async def follow(self, label: str, answer: Answer) -> Answer:
        """Go where a 303 points."""
        to = urlsplit(answer.headers.get("location", "/"))
        return await self._ask(label, "GET", f"{to.path}?{to.query}" if to.query else to.path, None, {})

    async def close(self) -> None:
        """Hang up."""
        if self._writer:
            self._writer.close()
            self._writer = None

    async def _ask(
        self, label: str, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        said = {"Host": f"127.0.0.1:{self._port}", **self._headers, **headers}
        if self.measured:
            said["X-Bench"] = label
        if self._cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if body is not None:
            said["Content-Length"] = str(len(body))
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in said.items())
        began = time.perf_counter()
        message = head.encode() + b"\r\n" + (body or b"")
        try:
            status, found, content = await self._send(message)
        except (asyncio.IncompleteReadError, ConnectionError):  # it hung up while we paused
            await self.close()
            status, found, content = await self._send(message)
        answer = Answer(status, found, content, (time.perf_counter() - began) * 1000)
        if self.measured:
            self._times.append((label, status, answer.spent))
        return answer

    async def _send(self, message: bytes) -> tuple[int, dict[str, str], bytes]:
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 22)
        self._writer.write(message)
        return await self._read()

    async def _read(self) -> tuple[int, dict[str, str], bytes]:
        assert self._reader and self._writer
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                cookie, _, kept = value.partition(";")[0].partition("=")
                self._cookies[cookie] = kept
            elif name:
                headers[name.lower()] = value
        if headers.get("transfer-encoding") == "chunked":
            content = await self._chunks()
        else:
            content = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            self._writer.close()
        return int(first.split()[1]), headers, content

    async def _chunks(self) -> bytes:
        assert self._reader
        found = b""
        while size := int(await self._reader.readline(), 16):
            found += await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
        return found
