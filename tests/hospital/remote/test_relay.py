"""The relay of a call: its passwords, and settings that would open it to anybody."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from benhan.hospital.remote import relay
from benhan.settings import Settings

SECRET = "a secret of coturn for tests, long enough"


def test_a_password_of_the_relay_is_its_holders_and_ends() -> None:
    urls = "turn:127.0.0.1:3478, turns:127.0.0.1:5349"
    settings = Settings(mode="demo", turn_urls=urls, turn_secret=SecretStr(SECRET), turn_only=True)
    at = datetime.fromisoformat("2026-11-23T09:00:00+07:00")
    found = relay.ways(settings, "seat-1", at)
    [server] = found.ice_servers
    assert server.username == f"{int(at.timestamp()) + 3600}:seat-1"
    assert server.credential == relay.password(SECRET, server.username)
    assert (len(server.urls), found.ice_transport_policy) == (2, "relay")


@pytest.mark.parametrize("wrong", [
    {"turn_urls": "turn:127.0.0.1"}, {"turn_secret": SECRET}, {"turn_only": True},
    {"turn_urls": "http://x", "turn_secret": SECRET}, {"turn_urls": "turn:127.0.0.1", "turn_secret": "short"},
])  # fmt: skip
def test_a_relay_that_anybody_could_use_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(mode="demo", **wrong)
