"""Who collects the notices of banks and tells them on, as SePay and Casso do: signed, and again until it is taken.

Sources: developer.sepay.vn/vi/sepay-webhooks; developer.casso.vn/webhook. It sends to one address and keeps what was
answered; a notice may come twice, late, signed with another key or changed on its way.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

SECRET = "khoa-bao-co"
Said = dict[str, Any]


@dataclass
class Bank:
    """One account, and the address that hears of its money. `contract`: sepay or casso."""

    to: httpx.AsyncClient
    path: str
    account: str
    contract: str = "sepay"
    secret: str = SECRET
    told: int = 0
    answers: list[int] = field(default_factory=list)

    def money(self, words: str, amount: int, number: str, *, account: str = "", out: bool = False) -> Said:
        """What is told of one money."""
        self.told += 1
        at, id_ = "2026-11-20 09:15:00", int(hashlib.sha256(number.encode()).hexdigest()[:12], 16) + self.told
        if self.contract == "casso":
            return {"error": 0, "data": {
                "id": id_, "reference": number, "description": words, "amount": -amount if out else amount,
                "transactionDateTime": at, "accountNumber": account or self.account, "virtualAccountNumber": "",
                "counterAccountName": "NGUYEN VAN A",
            }}  # fmt: skip
        return {
            "id": id_, "gateway": "Vietcombank", "transactionDate": at, "accountNumber": account or self.account,
            "subAccount": None, "code": None, "content": words, "transferType": "out" if out else "in",
            "description": words, "transferAmount": amount, "accumulated": 19_077_000, "referenceCode": number,
        }  # fmt: skip

    async def send(self, said: Said, at: datetime, *, raw: bytes | None = None, path: str = "") -> int:
        """Tell it, signed at a moment. `raw`: what comes instead of what was signed."""
        body = json.dumps(said, ensure_ascii=False).encode()
        answer = await self.to.post(path or self.path, content=raw or body, headers=self._signed(said, body, at))
        self.answers.append(answer.status_code)
        return answer.status_code

    def _signed(self, said: Said, body: bytes, at: datetime) -> dict[str, str]:
        key = self.secret.encode()
        if self.contract == "casso":
            stamp = str(int(at.timestamp() * 1000))
            plain = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            mac = hmac.digest(key, f"{stamp}.{plain}".encode(), hashlib.sha512).hex()
            return {"X-Casso-Signature": f"t={stamp},v1={mac}", "Content-Type": "application/json"}
        stamp = str(int(at.timestamp()))
        mac = hmac.digest(key, stamp.encode() + b"." + body, hashlib.sha256).hex()
        return {"X-SePay-Timestamp": stamp, "X-SePay-Signature": f"sha256={mac}", "Content-Type": "application/json"}
