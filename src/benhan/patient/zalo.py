"""Who somebody is at Zalo, and which telephone she has there: asked of Zalo with the tokens of its Mini App.

Source: shared/zalo/README.md ("Who is calling"). What the client says of itself (an id, a number) is never believed.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import text
from benhan.core.kit.outside import NoAnswer, ask
from benhan.settings import Settings

SECONDS: Final = 8.0
MOST_TOKEN: Final = 4000


class Zalo:
    """The line to graph.zalo.me for one app."""

    def __init__(self, address: str, secret: str, *, seconds: float = SECONDS) -> None:
        self._address, self._secret, self._seconds = address.rstrip("/"), secret, seconds

    async def id_of(self, access_token: str) -> str:
        """Her id of this app.

        Raises:
            NoAnswer: the token is nobody's, or Zalo did not answer.
        """
        proof = hmac.digest(self._secret.encode(), access_token.encode(), hashlib.sha256).hex()
        said = await self._asked("/v2.0/me", {"fields": "id"}, {"access_token": access_token, "appsecret_proof": proof})
        if not isinstance(said.get("id"), str) or not said["id"]:
            raise NoAnswer("unreadable", "no id")
        return str(said["id"])

    async def phone_of(self, access_token: str, phone_token: str) -> str:
        """Her telephone in its stored form; a token for it holds two minutes and once.

        Raises:
            NoAnswer: as `id_of`, or it is no telephone of ours.
        """
        headers = {"access_token": access_token, "code": phone_token, "secret_key": self._secret}
        said = await self._asked("/v2.0/me/info", {}, headers)
        try:
            return text.phone(f"+{said['data']['number']}")
        except (KeyError, TypeError, Invalid):
            raise NoAnswer("unreadable", "no telephone") from None

    async def _asked(self, path: str, query: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
        if any(len(one) > MOST_TOKEN or not one.isascii() or not one.isprintable() for one in headers.values()):
            raise NoAnswer("refused", "token")
        said = await ask("GET", self._address + path, self._seconds, params=query, headers=headers)
        if said.get("error") != 0:  # every answer is HTTP 200
            raise NoAnswer("refused", str(said.get("error")))
        return said


def zalo(settings: Settings) -> Zalo | None:
    """The app that the operator set up; None: nobody signs in through Zalo."""
    secret = settings.zalo_app_secret.get_secret_value()
    return Zalo(settings.zalo_graph, secret) if secret else None
