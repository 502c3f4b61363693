"""What a program is told when it gets nothing, in the words of OAuth."""

from __future__ import annotations

from typing import Literal

Code = Literal[
    "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "access_denied", "unsupported_response_type", "login_required",
]  # fmt: skip


class Refused(Exception):  # noqa: N818 - what happened
    """A request of a program is refused. `why` goes into the audit, and to the program: it names no secret."""

    def __init__(self, code: Code, why: str) -> None:
        super().__init__(f"{code}: {why}")
        self.code: Code = code
        self.why = why

    @property
    def status(self) -> int:
        """401 where the program did not prove who it is (RFC 6749, 5.2)."""
        return 401 if self.code == "invalid_client" else 400
