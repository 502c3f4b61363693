"""Events as Zalo sends them: signed over the raw body, sent again until the receiver has answered in time.

Source: shared/zalo/README.md (X-ZEvent-Signature; retries after 30 s, 5, 15, 30 minutes, 1 h).
"""

from __future__ import annotations

import hashlib
import json
import time
import urllib.request
from collections.abc import Sequence
from typing import Any
from urllib.error import URLError

from tests.standins.zalo.account import APP, OA

OA_SECRET, MINI_APP_KEY = "bi-mat-oa", "khoa-mini-app"
#: Seconds before each try; the receiver has two for its answer.
TRIES = (0, 30, 300, 900, 1800, 3600)
SECONDS = 2.0


def event(name: str, user: str, *, by_app: str = "", at: float | None = None, oa: str = OA, **more: Any) -> bytes:
    """The body of an event. `message={"msg_id": …, "text": …}` for what somebody wrote."""
    who = {"follower": {"id": user}} if name in ("follow", "unfollow") else {"sender": {"id": user}}
    said = {"app_id": APP, "user_id_by_app": by_app, "event_name": name,
            "timestamp": str(int((at or time.time()) * 1000)), "oa_id": oa, "recipient": {"id": oa}}  # fmt: skip
    return json.dumps(said | who | more, ensure_ascii=False).encode()


def received(msg_id: str, user: str, tracking_id: str = "") -> bytes:
    """The receipt of a template message: it came to a device."""
    message = {"msg_id": msg_id, "delivery_time": str(int(time.time() * 1000)), "tracking_id": tracking_id}
    return event("user_received_message", OA, recipient={"id": user}, sender={"id": OA}, message=message)


def signature(raw: bytes, secret: str = OA_SECRET, app: str = APP) -> dict[str, str]:
    """The header of a body."""
    stamp = json.loads(raw)["timestamp"]
    mac = hashlib.sha256(app.encode() + raw + str(stamp).encode() + secret.encode()).hexdigest()
    return {"X-ZEvent-Signature": f"mac={mac}", "Content-Type": "application/json"}


def withdrawal(user: str, key: str = MINI_APP_KEY, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """`user.revoke.consent` of the Mini App, and its header: SHA-256 of the values in key order, then the API key."""
    said = {
        "event": "user.revoke.consent",
        "appId": APP,
        "userId": user,
        "timestamp": str(int((at or time.time()) * 1000)),
    }
    plain = "".join(said[name] for name in sorted(said)) + key
    mac = hashlib.sha256(plain.encode()).hexdigest()
    return json.dumps(said).encode(), {"X-ZEvent-Signature": mac, "Content-Type": "application/json"}


def deliver(
    address: str, raw: bytes, headers: dict[str, str], tries: Sequence[float] = TRIES, scale: float = 1.0
) -> int:
    """Send it until it is answered with 200 within two seconds; gives how many times it was sent."""
    for n, seconds in enumerate(tries, 1):
        time.sleep(seconds * scale)
        request = urllib.request.Request(address, raw, headers)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                if answer.status == 200:
                    return n
        except (URLError, TimeoutError, ConnectionError):
            continue
    return len(tries)
