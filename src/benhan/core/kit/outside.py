"""Asking another system over HTTP for one JSON object: what it answers, or why there is no answer.

What adapters share (Zalo, gateways of short messages, the BHYT portal): each knows its protocol, none of them how a
connection fails. Sign-in providers have a line of their own (`core.access.outside`), which trusts nobody.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any, Literal

import httpx
import msgspec

from benhan.core.kit.text import numbers_hidden

#: Letters of what the other side said that are kept.
MOST_DETAIL = 200
#: The line was not there: what was to be asked never left.
_NEVER_CAME = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol)
#: Somebody on the way broke off; what was asked may have been done (RFC 9110, 15.6).
_HALFWAY = frozenset({500, 502, 504})


class NoAnswer(Exception):  # noqa: N818 - something that is noted or told to somebody, not a fault of ours
    """Another system did not do what it was asked: `kind` says how, `detail` what it said, without long numbers.

    `status`: of HTTP, where it answered with an error. `perhaps`: it may have done it, and the answer was lost.
    """

    def __init__(
        self, kind: Literal["slow", "down", "refused", "unreadable"], detail: str = "", status: int | None = None,
        *, perhaps: bool = False,
    ) -> None:  # fmt: skip
        self.kind, self.detail, self.status = kind, numbers_hidden(detail)[:MOST_DETAIL], status
        self.perhaps = perhaps
        super().__init__(f"{kind}: {self.detail}" if detail else kind)


async def ask(method: str, address: str, seconds: float, **more: Any) -> dict[str, Any]:
    """The JSON object that it answers with; redirects are not followed.

    Raises:
        NoAnswer: slow, down (no connection, an HTTP error) or unreadable.
    """
    try:
        async with httpx.AsyncClient(verify=_tls(), timeout=seconds, follow_redirects=False) as client:
            response = await client.request(method, address, **more)
    except httpx.TimeoutException as wrong:
        raise NoAnswer("slow", perhaps=not isinstance(wrong, _NEVER_CAME)) from None
    except (httpx.HTTPError, httpx.InvalidURL) as wrong:
        raise NoAnswer("down", type(wrong).__name__, perhaps=not isinstance(wrong, _NEVER_CAME)) from None
    if response.status_code >= 300:
        status = response.status_code
        raise NoAnswer("down", f"HTTP {status}", status, perhaps=status in _HALFWAY)
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NoAnswer("unreadable", perhaps=True) from None


@cache
def _tls() -> ssl.SSLContext:
    """Whom a line trusts: read once, for that takes longer than to ask."""
    return httpx.create_ssl_context()
