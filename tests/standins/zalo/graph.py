"""graph.zalo.me: who opened the Mini App, and her telephone."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any

from tests.standins.zalo.account import SECRET

BAD_SESSION = {"error": 452, "message": "Session key invalid."}
Said = dict[str, Any]


@dataclass
class Graph:
    """The people who opened the Mini App."""

    #: Access token of the Mini App → (id of the person, her telephone or "" where she does not give it).
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: Id of the person → her id at the Official Account.
    by_oa: dict[str, str] = field(default_factory=dict)
    #: Tokens for a telephone that were not used yet → access token they are for.
    phone_tokens: dict[str, str] = field(default_factory=dict)

    def person(self, token: str, id_: str, phone: str) -> str:
        """Somebody who opened the Mini App; gives the token for her telephone."""
        self.people[token] = id_, phone
        self.phone_tokens[f"phone-{token}"] = token
        return f"phone-{token}"

    def me(self, headers: dict[str, str]) -> Said:
        """GET /v2.0/me."""
        token = headers.get("access_token", "")
        if token not in self.people:
            return BAD_SESSION
        proof = hmac.digest(SECRET.encode(), token.encode(), hashlib.sha256).hex()
        if not hmac.compare_digest(headers.get("appsecret_proof", ""), proof):
            return {"error": -242, "message": "Invalid appsecret_proof"}
        id_ = self.people[token][0]
        extra = {"user_id_by_oa": self.by_oa[id_], "is_follower": True} if id_ in self.by_oa else {}
        return {"id": id_, "name": "Người Dùng", "error": 0, "message": "Success", **extra}

    def info(self, headers: dict[str, str]) -> Said:
        """GET /v2.0/me/info: the telephone, once for each token."""
        token = headers.get("access_token", "")
        if token not in self.people:
            return BAD_SESSION
        if headers.get("secret_key") != SECRET:
            return {"error": -1, "message": "Invalid secret key"}
        if self.phone_tokens.pop(headers.get("code", ""), None) != token:
            return {"error": -1, "message": "Invalid code"}
        return {"data": {"number": self.people[token][1]}, "error": 0, "message": "Success"}
