"""Where notifications may be sent, and the line they are sent over.

A subscriber names the address, the server goes there: so that nobody can make it knock at doors of its own network
(SSRF), every connection is checked at the moment it is made, on the address it really goes to. Nothing is redirected,
no proxy of the environment is used, and an answer is read to a bound. Source: OWASP ASVS 5.0, 1.3.6 and 13.2.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import TracebackType
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import httpcore

from benhan.core.fhir.outcome import Invalid, Problem
from benhan.core.language import _

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WHERE: Final = "Subscription.channel.endpoint"
#: Of an answer, only so much is read: for the error text.
MOST_ANSWER = 2048
RESOLVE_SECONDS = 3.0
CONNECT_SECONDS = 5.0
#: IPv6 networks that carry an IPv4 address inside: what they lead to cannot be seen.
_TUNNELS: Final = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")))

_inside: list[Network] = []


class Refused(Exception):  # noqa: N818 - what happened, as the administrator reads it
    """A notification was not taken; the message says why."""


def allow(networks: Iterable[str]) -> None:
    """Name the private networks that notifications may go to, for this process.

    Raises:
        ValueError: one cannot be read.
    """
    _inside[:] = [ip_network(one) for one in networks]


async def check(endpoint: str) -> None:
    """Refuse an address that notifications may not go to.

    Raises:
        Invalid: it is none, or lies in a network that is not allowed.
    """
    parts = _parts(endpoint)
    try:
        await _resolved(parts.hostname or "", _port(parts), secure=parts.scheme == "https")
    except Refused as refused:
        raise Invalid(
            str(refused), where=WHERE, advice=_("Dùng địa chỉ https:// công khai, hoặc hỏi người vận hành.")
        ) from None


def _parts(endpoint: str) -> SplitResult:
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and parts.hostname and _port(parts) > 0
    except ValueError:
        good = False
    if not good or "@" in parts.netloc or parts.fragment or len(endpoint) > 1000 or not endpoint.isascii():
        raise Invalid(_("Địa chỉ nhận cần dạng https://máy/đường-dẫn."), where=WHERE)
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


async def _resolved(host: str, port: int, *, secure: bool) -> str:
    """The address to connect to; every address of the host must be allowed."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        raise Refused(_("Không tìm thấy máy “%(host)s”.", host=host[:100])) from None
    addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    for address in addresses:
        if not _allowed(address, secure=secure):
            raise Refused(_("Không được gửi tới địa chỉ của “%(host)s”.", host=host[:100]))
    return str(addresses[0])


def _allowed(address: Address, *, secure: bool) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in network for network in _inside if network.version == address.version):
        return True
    if any(address in network for network in _TUNNELS if network.version == address.version):
        return False
    return secure and address.is_global and not address.is_multicast


class Line:
    """A connection to one endpoint, kept open for several notifications."""

    def __init__(self, endpoint: str, headers: Sequence[tuple[str, str]], seconds: float) -> None:
        """Prepare it.

        Raises:
            Refused: the address cannot be used.
        """
        try:
            parts = _parts(endpoint)
        except Problem as problem:
            raise Refused(problem.message) from None
        self._endpoint = endpoint
        self._headers = [*headers, ("User-Agent", "Benhan")]
        self._seconds = seconds
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(), max_connections=1, network_backend=_Checked(secure=parts.scheme == "https")
        )

    async def __aenter__(self) -> Line:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def send(self, method: str, path: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Deliver one notification.

        Raises:
            Refused: it was not answered with 2xx, in time.
        """
        base, mark, query = self._endpoint.partition("?")
        url = f"{base.rstrip('/')}/{path}{mark}{query}" if path else self._endpoint
        try:
            async with asyncio.timeout(self._seconds):
                await self._exchange(method, url, body, headers)
        except TimeoutError:
            raise Refused(_("Không trả lời trong %(n)s giây.", n=self._seconds)) from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise Refused(f"{type(error).__name__}: {error}"[:300]) from None

    async def _exchange(self, method: str, url: str, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        limits = {"connect": CONNECT_SECONDS, "read": self._seconds, "write": self._seconds, "pool": self._seconds}
        sent = self._pool.stream(
            method, url, headers=[*self._headers, *headers, ("Content-Length", str(len(body)))], content=body,
            extensions={"timeout": limits},
        )  # fmt: skip
        async with sent as answer:
            said = b""
            async for part in answer.aiter_stream():
                said += part
                if len(said) > MOST_ANSWER:
                    break
        if not 200 <= answer.status < 300:
            text = said[:200].decode("utf-8", "replace").replace("\x00", "")
            raise Refused(f"HTTP {answer.status} {text}".strip())


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, and to nothing else: a name that changes meanwhile gains nothing."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name that httpcore gives
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        address = await _resolved(host, port, secure=self._secure)
        return await self._network.connect_tcp(address, port, timeout=timeout, socket_options=socket_options)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


async def fetched(address: str, most: int, seconds: float = 5.0) -> str:
    """What lies at an address, of so many bytes at most; the same care as with notifications.

    Raises:
        Refused: the address may not be used, does not answer in time, or holds more.
    """
    try:
        secure = _parts(address).scheme == "https"
    except Problem as problem:
        raise Refused(problem.message) from None
    backend = _Checked(secure=secure)
    try:
        async with (
            asyncio.timeout(seconds),
            httpcore.AsyncConnectionPool(ssl_context=_tls(), max_connections=1, network_backend=backend) as pool,
            pool.stream("GET", address, headers=[("User-Agent", "Benhan"), ("Accept", "application/json")]) as answer,
        ):
            said = b""
            async for part in answer.aiter_stream():
                said += part
                if len(said) > most:
                    raise Refused(f"more than {most} bytes")
            if answer.status != 200:
                raise Refused(f"HTTP {answer.status}")
            return said.decode()
    except TimeoutError:
        raise Refused(_("Không trả lời trong %(n)s giây.", n=seconds)) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError, ValueError) as error:
        raise Refused(f"{type(error).__name__}: {error}"[:300]) from None
