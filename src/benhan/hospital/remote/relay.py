"""What a browser needs to reach the other one: addresses of the relay, and a password of its own for a while. Pure.

coturn knows our secret and checks the password by itself: the name is when it ends and whose it is, the password the
HMAC of the name. Source: draft-uberti-behave-turn-rest-00; coturn, `use-auth-secret`. WebRTC, RTCConfiguration.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Final

import msgspec

from benhan.settings import Settings

ALL: Final = "all"
RELAY_ONLY: Final = "relay"


class Server(msgspec.Struct, frozen=True):
    """RTCIceServer."""

    urls: list[str]
    username: str
    credential: str


class Ways(msgspec.Struct, frozen=True, rename="camel"):
    """RTCConfiguration: how two browsers may reach each other."""

    ice_servers: list[Server]
    ice_transport_policy: str


def ways(settings: Settings, seat: str, now: datetime) -> Ways:
    """The ways that a seat in a room has from now on; without a relay only the direct one."""
    urls = settings.relays()
    if not urls:
        return Ways([], ALL)
    name = f"{int(now.timestamp()) + settings.turn_minutes * 60}:{seat}"
    server = Server(urls, name, password(settings.turn_secret.get_secret_value(), name))
    return Ways([server], RELAY_ONLY if settings.turn_only else ALL)


def password(secret: str, name: str) -> str:
    """The password of a name at the relay. SHA-1, because that is what coturn computes."""
    return base64.b64encode(hmac.new(secret.encode(), name.encode(), hashlib.sha1).digest()).decode()
