"""Checkout SDK: the state of an order, and the callback that says it was paid. The contract only; nothing pays here.

Who pays gets the callback's body; that it is lost is not to send it. `get-status` knows the order all the same.
Source: shared/zalo/README.md ("Payment"). A mac is HMAC-SHA256 with the private key over `k=v` in the order of keys;
that of `get-status` over the key, too (miniapp.zaloplatforms.com/documents/checkout-sdk/getOrderStatus).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

PRIVATE_KEY = "khoa-thanh-toan"
#: What `mac` of a callback covers; `overallMac` covers all of it.
COVERED = ("amount", "appId", "description", "message", "orderId", "resultCode", "transId")


def mac(said: dict[str, Any], key: str = PRIVATE_KEY) -> str:
    """Over these values, keys sorted."""
    plain = "&".join(f"{name}={said[name]}" for name in sorted(said))
    return hmac.digest(key.encode(), plain.encode(), hashlib.sha256).hex()


@dataclass
class Payment:
    """Orders that were made: id → what a callback says of it."""

    orders: dict[str, dict[str, Any]] = field(default_factory=dict)

    def paid(
        self, order: str, app: str, amount: int, result: int = 1, extradata: str = "", key: str = PRIVATE_KEY
    ) -> dict[str, Any]:
        """An order is paid (1) or failed (-1); gives the body of its callback. `extradata`: as the order said it."""
        data = {"appId": app, "orderId": order, "transId": f"t-{order}", "amount": amount, "description": "",
                "resultCode": result, "message": "Giao dịch", "method": "BANK_SANDBOX",
                "extradata": quote(extradata, safe="")}  # fmt: skip
        self.orders[order] = data
        covered = {name: data[name] for name in COVERED}
        return {"data": data, "mac": mac(covered, key), "overallMac": mac(data, key)}

    def status(self, query: dict[str, str]) -> dict[str, Any]:
        """GET /api/transaction/get-status."""
        asked = {name: query.get(name, "") for name in ("appId", "orderId")}
        if not hmac.compare_digest(query.get("mac", ""), mac(asked | {"privateKey": PRIVATE_KEY})):
            return {"error": -2101, "msg": "mac"}
        found = self.orders.get(asked["orderId"])
        return {"error": 0, "msg": "ok", "data": {"returnCode": found["resultCode"] if found else 0, **(found or {})}}
