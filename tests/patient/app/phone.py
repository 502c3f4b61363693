"""Somebody with the patient's app on her phone: it asks in JSON, and sends the token that it was given."""

from __future__ import annotations

from typing import Any

import httpx

from benhan.core.db import PLATFORM, Database
from benhan.simulator import House
from tests.patient import telephones
from tests.standins.sms_gateway import GatewayStandIn


class Phone:
    """The app on one phone."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        self.browser, self.token = browser, ""

    async def get(self, path: str, **asked: str) -> httpx.Response:
        """Read."""
        return await self.browser.get(f"/app{path}", params=asked, headers=self._headers({}))

    async def post(self, path: str, said: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        """Do; header names with _ for -."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.browser.post(f"/app{path}", json=said or {}, headers=self._headers(given))

    async def delete(self, path: str) -> httpx.Response:
        """End."""
        return await self.browser.delete(f"/app{path}", headers=self._headers({}))

    async def read(self, path: str, **asked: str) -> Any:
        """What is answered; it must be well."""
        answer = await self.get(path, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def come(
        self, house: House, gateway: GatewayStandIn, phone: str, birth: str = "1956-02-03"
    ) -> dict[str, Any]:  # fmt: skip
        """Sign in with a code; gives the last answer."""
        begun = (await self.post("/session/phone", {"facility": house.code, "phone": phone})).json()
        assert begun["asks"] == "code"
        proved = await self.post("/session/code", {"step": begun["step"], "code": gateway.code()})
        assert proved.json()["asks"] == "birthDate", proved.text
        answer = await self.post("/session/facts", {"step": begun["step"], "birthDate": birth, "name": ""})
        said: dict[str, Any] = answer.json()
        self.token = said.get("token", "") or self.token
        return said

    async def change(self, key: str) -> None:
        """Go on with another record."""
        answer = await self.post("/session/record", {"key": key})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["token"]

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        return more | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


async def refusals(database: Database, account: str) -> list[str]:
    """What was refused to an account, as the audit says: the latest last."""
    async with database.transaction(PLATFORM) as tx:
        rows = await tx.fetch(
            "select detail from audit where account = $1 and action = 'refused' and not allowed order by seq", account
        )
    return [row["detail"] for row in rows]


number = telephones.number
