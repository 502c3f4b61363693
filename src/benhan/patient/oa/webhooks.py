"""`/zalo/webhook`, `/zalo/mini-app`: events as Zalo sends them. Proved, kept, answered; dealt with afterwards.

An event proves itself by its signature over the bytes that came, and is young: Zalo sends it again for two hours.
Kept once for what it is called, so that what comes again changes nothing. Who forges one is refused and stands in the
audit of the platform. Source: shared/zalo/README.md (webhooks).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benhan.core.access import Door, Permission, Subject
from benhan.core.access.audit import Event, record
from benhan.core.access.callers import nobody
from benhan.core.db import PLATFORM, Transaction
from benhan.core.fhir.outcome import Malformed, TooLarge
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.patient.oa import events
from benhan.settings import Settings

PATH: Final = "/zalo/webhook"
MINI_APP: Final = "/zalo/mini-app"
MOST_BYTES: Final = 64 * 1024
#: How old an event may be: the last of Zalo's tries comes after an hour and fifty minutes. And how far ahead its clock.
OLD, AHEAD = timedelta(hours=3), timedelta(minutes=5)
WITHDRAWN: Final = "user.revoke.consent"


async def of_account(request: Request, tx: Transaction, who: Subject) -> Response:
    """Something happened at an Official Account."""
    settings: Settings = request.app.state.settings
    raw = await _raw(request)
    secret = settings.zalo_oa_secret.get_secret_value()
    said = _read(raw)
    stamp = str(said.get("timestamp", ""))
    plain = settings.zalo_app_id.encode() + raw + stamp.encode() + secret.encode()
    if not secret or not _proved(request, plain) or not _young(stamp):
        return await _refused(request, tx, str(said.get("event_name", "")))
    await tx.reach(PLATFORM)
    if (facility := await events.facility_of(tx, said)) is not None:
        await events.keep(tx, facility, str(said.get("event_name", ""))[:60], said, raw)
    return JSONResponse({"error": 0})


async def of_mini_app(request: Request, tx: Transaction, who: Subject) -> Response:
    """Somebody withdrew the Mini App's permission. Signed: the values in the order of their keys, then the key."""
    settings: Settings = request.app.state.settings
    raw = await _raw(request)
    key, said = settings.zalo_mini_app_key.get_secret_value(), _read(raw)
    plain = "".join(str(said[name]) for name in sorted(said)) + key
    if not key or not _proved(request, plain.encode()) or not _young(str(said.get("timestamp", ""))):
        return await _refused(request, tx, str(said.get("event", "")))
    await tx.reach(PLATFORM)
    if said.get("event") == WITHDRAWN:
        await events.keep(tx, 0, WITHDRAWN, said, raw)
    return JSONResponse({"error": 0})


async def _raw(request: Request) -> bytes:
    """The bytes as they came, so many at most."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise TooLarge(_("Nội dung vượt quá %(n)s byte.", n=MOST_BYTES))
    return bytes(body)


def _read(raw: bytes) -> dict[str, Any]:
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Malformed(_("Không đọc được sự kiện này."))
    return said


def _proved(request: Request, plain: bytes) -> bool:
    """Whether the signature is that of these bytes; compared in constant time."""
    given = request.headers.get("x-zevent-signature", "").strip().removeprefix("mac=").strip().lower()
    return hmac.compare_digest(given.encode(), hashlib.sha256(plain).hexdigest().encode())


def _young(stamp: str) -> bool:
    """Whether a moment in milliseconds is about now."""
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 14:
        return False
    at, now = datetime.fromtimestamp(int(stamp) / 1000, UTC), clock.now()
    return now - OLD <= at <= now + AHEAD


async def _refused(request: Request, tx: Transaction, name: str) -> Response:
    """Forged, or out of its time: nothing is kept but that it came."""
    await tx.reach(PLATFORM)
    where = f"{request.method} {request.url.path} {name[:60]}"
    record(tx, nobody(), Event("zalo-event", allowed=False, rule="not Zalo's, or not of now", detail=where))
    return JSONResponse({"error": -1, "message": "signature or timestamp"}, 403)


DOORS = [
    Door(PATH, of_account, Permission.ANYONE, ("POST",), foreign=True),
    Door(MINI_APP, of_mini_app, Permission.ANYONE, ("POST",), foreign=True),
]
