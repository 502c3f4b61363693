"""The Official Account: oauth.zaloapp.com (v4, PKCE), openapi.zalo.me and business.openapi.zalo.me.

A refresh token is good once. Who asks with one that was used gets an error, whatever became of the first answer.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

APP, SECRET, OA = "1234567890123456789", "bi-mat-ung-dung", "579745863508352884"
FIRST_ACCESS, FIRST_REFRESH = "oa-token", "oa-refresh"
TEMPLATE, GLASS_TEMPLATE = "412345", "412346"
#: Approved templates, with their parameters.
TEMPLATES = {
    TEMPLATE: {"otp"},
    GLASS_TEMPLATE: {"facility", "time", "whose"},
    "412347": {"facility", "time", "code"},  # a reminder of an appointment
    "412348": {"facility", "number", "ahead"},  # the turn comes soon
    "412349": {"facility", "time"},  # results are ready
    "412350": {"facility", "day"},  # to be seen again
    "412351": {"facility", "time", "code", "change"},  # the hospital moved or cancelled
    "412352": {"facility", "time"},  # a doctor has answered
    "412353": {"facility", "time"},  # how was the visit
}
NO_TOKEN = {"error": -216, "message": "Access token is invalid"}
NO_BUSINESS_TOKEN = {"error": -124, "message": "access token invalid"}
Said = dict[str, Any]


@dataclass
class Account:
    """One Official Account, its tokens, and what left by it."""

    #: Tokens that hold.
    access: set[str] = field(default_factory=lambda: {FIRST_ACCESS})
    refresh: set[str] = field(default_factory=lambda: {FIRST_REFRESH})
    #: Code of a permission that was given → its challenge (PKCE).
    codes: dict[str, str] = field(default_factory=dict)
    expires_in: str = "90000"
    #: Telephone or user id → error of a message to it (`-118`: no account at Zalo).
    refusing: dict[str, int] = field(default_factory=dict)
    #: Path → errors of the next messages, whoever they are for.
    next_errors: dict[str, list[int]] = field(default_factory=dict)
    #: Messages by telephone, by user id, and answers in a conversation.
    sent: list[Said] = field(default_factory=list)
    sent_to_users: list[Said] = field(default_factory=list)
    replies: list[Said] = field(default_factory=list)
    #: How often a new access token was given.
    refreshed: int = 0

    def permission(self, query: dict[str, str]) -> str:
        """GET /v4/oa/permission: where the administrator's browser is sent back, as if she had said yes."""
        if query.get("app_id") != APP:
            return "error:-14002"
        code = secrets.token_hex(8)
        self.codes[code] = query.get("code_challenge", "")
        back = {"code": code, "oa_id": OA, "state": query.get("state", "")}
        return f"{query.get('redirect_uri', '')}?{urlencode(back)}"

    def token(self, headers: dict[str, str], form: dict[str, str]) -> Said:
        """POST /v4/oa/access_token: with a code and its verifier, or with a refresh token, once."""
        if headers.get("secret_key") != SECRET or form.get("app_id") != APP:
            return {"error": -14002, "error_name": "Invalid appId", "error_description": "app or secret"}
        if form.get("grant_type") == "authorization_code":
            challenge = self.codes.pop(form.get("code", ""), None)
            if challenge is None or challenge != challenge_of(form.get("code_verifier", "")):
                return {"error": -14019, "error_name": "Invalid code", "error_description": "code or verifier"}
        elif form.get("refresh_token") in self.refresh:
            self.refresh.discard(form["refresh_token"])
            self.refreshed += 1
        else:
            return {"error": -14014, "error_name": "Invalid refresh token", "error_description": "used or unknown"}
        access, refresh = f"oa-{secrets.token_hex(8)}", f"re-{secrets.token_hex(8)}"
        self.access, self.refresh = self.access | {access}, self.refresh | {refresh}
        return {"access_token": access, "refresh_token": refresh, "expires_in": self.expires_in}

    def about(self, headers: dict[str, str]) -> Said:
        """GET /v2.0/oa/getoa."""
        if headers.get("access_token") not in self.access:
            return NO_TOKEN
        return {"error": 0, "message": "Success", "data": {"oa_id": OA, "name": "Bệnh viện", "is_verified": True}}

    def to_phone(self, headers: dict[str, str], body: Said) -> Said:
        """POST business.openapi…/message/template, by telephone."""
        if headers.get("access_token") not in self.access:
            return NO_BUSINESS_TOKEN
        if not str(body.get("phone", "")).startswith("84"):
            return {"error": -108, "message": "phone invalid"}
        return self._templated("/message/template", body, body.get("phone", ""), self.sent)

    def to_user(self, headers: dict[str, str], body: Said) -> Said:
        """POST openapi…/v3.0/oa/message/template, by the id at this account."""
        if headers.get("access_token") not in self.access:
            return NO_TOKEN
        if not body.get("user_id"):
            return {"error": -201, "message": "user_id is invalid!"}
        return self._templated("/v3.0/oa/message/template", body, body["user_id"], self.sent_to_users)

    def reply(self, headers: dict[str, str], body: Said) -> Said:
        """POST /v3.0/oa/message/cs: an answer in a conversation."""
        if headers.get("access_token") not in self.access:
            return NO_TOKEN
        to, text = body.get("recipient", {}).get("user_id", ""), body.get("message", {}).get("text", "")
        if not to or not text or len(text) > 2000:
            return {"error": -201, "message": "message is invalid!"}
        if error := self._error("/v3.0/oa/message/cs", to):
            return error
        self.replies.append(body)
        return {"error": 0, "message": "Success", "data": {"message_id": f"c{len(self.replies)}", "user_id": to}}

    def _templated(self, path: str, body: Said, to: str, kept: list[Said]) -> Said:
        wanted = TEMPLATES.get(body.get("template_id", ""))
        if wanted is None:
            return {"error": -109, "message": "template id invalid"}
        if set(body.get("template_data", {})) != wanted:
            return {"error": -1122, "message": "missing param"}
        if len(body.get("tracking_id", "")) > 48:
            return {"error": -1121, "message": "param exceeds max length"}
        if error := self._error(path, to):
            return error
        kept.append(body)
        return {"error": 0, "message": "Success", "data": {"msg_id": f"{path[1]}{len(kept)}", "sent_time": "0"}}

    def _error(self, path: str, to: str) -> Said | None:
        errors = self.next_errors.get(path)
        error = errors.pop(0) if errors else self.refusing.get(to, 0)
        return {"error": error, "message": "refused"} if error else None


def challenge_of(verifier: str) -> str:
    """RFC 7636, 4.2: S256."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
