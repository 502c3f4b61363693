"""Zalo's Checkout SDK: what an order says, and whether a callback is Zalo's. Pure.

A mac is HMAC-SHA256 with the private key over `k=v`, keys sorted, joined by `&`. A callback carries two: `mac` over
seven of its values, `overallMac` over all of them; both must hold, for the first does not cover our reference. What a
screen says of a payment proves nothing. Where no callback came, Zalo is asked (`get-status`): what it answers over its
TLS is Zalo's word, without a mac. Source: shared/zalo/README.md ("Payment");
miniapp.zaloplatforms.com/documents/checkout-sdk/getOrderStatus.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from benhan.core.kit.json_forms import Said

#: What `mac` of a callback covers.
COVERED: Final = ("amount", "appId", "description", "message", "orderId", "resultCode", "transId")
PAID, PENDING = 1, 0
STATUS: Final = "/api/transaction/get-status"
MOST_NAME: Final = 100


class Order(Said):
    """What the app hands to `createOrder`, with the mac that only the program can make."""

    amount: int
    desc: str
    item: list[dict[str, Any]]
    extradata: str
    mac: str


class Callback(msgspec.Struct, frozen=True):
    """What Zalo's server says of an order. `reference`: what we call the payment; `facility`: whose it was."""

    app: str
    order: str
    transaction: str
    amount: int
    result: int
    reference: str
    facility: str


class NotZalos(Exception):  # noqa: N818 - what the callback is
    """Forged, damaged, or made with another key."""


def mac(said: dict[str, Any], key: str) -> str:
    """Over these values, keys sorted; an object stands as JSON."""
    plain = "&".join(f"{name}={_text(said[name])}" for name in sorted(said))
    return hmac.digest(key.encode(), plain.encode(), hashlib.sha256).hex()


def order(reference: str, facility: str, amount: int, what: str, key: str) -> Order:
    """The order of a payment: `what` is paid for, without anything of health."""
    said: dict[str, Any] = {
        "amount": amount, "desc": f"{what} {reference}", "item": [{"id": reference, "amount": amount}],
        "extradata": msgspec.json.encode({"facility": facility, "reference": reference}).decode(),
    }  # fmt: skip
    return Order(mac=mac(said, key), **said)


def read(said: Any, key: str) -> Callback:
    """A callback that Zalo made with this key.

    Raises:
        NotZalos: it is not.
    """
    data = said.get("data") if isinstance(said, dict) else None
    if not key or not isinstance(data, dict) or any(name not in data for name in COVERED):
        raise NotZalos
    covered = {name: data[name] for name in COVERED}
    if not (_same(said.get("mac"), mac(covered, key)) and _same(said.get("overallMac"), mac(data, key))):
        raise NotZalos
    ours = _ours(data.get("extradata"))
    try:
        return Callback(
            app=str(data["appId"]), order=str(data["orderId"])[:MOST_NAME],
            transaction=str(data["transId"])[:MOST_NAME], amount=int(data["amount"]), result=int(data["resultCode"]),
            reference=str(ours.get("reference", ""))[:MOST_NAME], facility=str(ours.get("facility", ""))[:MOST_NAME],
        )  # fmt: skip
    except (TypeError, ValueError):
        raise NotZalos from None


def status_query(app: str, order: str, key: str) -> dict[str, str]:
    """What `get-status` is asked with; its mac is made over the private key, too."""
    plain = f"appId={app}&orderId={order}&privateKey={key}"
    return {"appId": app, "orderId": order, "mac": hmac.digest(key.encode(), plain.encode(), hashlib.sha256).hex()}


def read_status(said: dict[str, Any], app: str, order: str) -> Callback | None:
    """What `get-status` says of an order, as its callback would have; None: it says nothing of it, or not yet."""
    data = said.get("data")
    if said.get("error", said.get("err")) != 0 or not isinstance(data, dict):
        return None
    ours = _ours(data.get("extradata"))
    try:
        result = int(data["returnCode"])
        if result == PENDING:
            return None
        return Callback(
            app=app, order=order, transaction=str(data.get("transId") or "")[:MOST_NAME],
            amount=int(data.get("amount") or 0), result=result,
            reference=str(ours.get("reference", ""))[:MOST_NAME], facility=str(ours.get("facility", ""))[:MOST_NAME],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def _ours(extradata: Any) -> dict[str, Any]:
    """What we gave along; Zalo gives it back percent-encoded."""
    try:
        return msgspec.json.decode(unquote(str(extradata)), type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _same(given: Any, wanted: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.lower().encode(), wanted.encode())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
