"""A hospital with programs, where somebody tries what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from benhan.core.access.programs.registry import Program
from benhan.core.db import PLATFORM, Database
from tests.core.api import smart_kit as kit
from tests.core.api.smart_kit import for_code


class Place(msgspec.Struct):
    """Programs of a hospital, people in it, and a program and a patient of another."""

    web: httpx.AsyncClient
    doctor: httpx.AsyncClient
    database: Database
    backend: Program
    app: Program
    stranger: Program
    public: Program
    patient: str
    foreign: str

    async def code(self, program: Program | None = None) -> str:
        """A fresh code."""
        return (await kit.allowed(self.doctor, program or self.app, self.patient))["code"]

    async def tokens(self, program: Program | None = None) -> dict[str, Any]:
        """Fresh tokens."""
        program = program or self.app
        answer = await self.web.post("/oauth/token", data=for_code(program, await self.code(program)))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refusals(self) -> int:
        """How many refusals were traced, anywhere."""
        async with self.database.transaction() as tx:
            await tx.reach(PLATFORM)
            found: int = await tx.fetchval(
                "select count(*) from audit where not allowed and action = any(array['program-refused', 'refused'])"
            )
        return found

    async def is_refused(self, form: dict[str, Any] | bytes, error: str, path: str = "token", **how: Any) -> None:
        """The door for programs says no, in these words, with a trace, and without a token."""
        before = await self.refusals()
        sent = {"content": form} if isinstance(form, bytes) else {"data": form}
        answer = await self.web.post(f"/oauth/{path}", **sent, **how)
        assert answer.json()["error"] == error, answer.text
        assert answer.status_code == (401 if error == "invalid_client" else 400)
        assert "access_token" not in answer.text
        assert await self.refusals() > before
