"""What a bank's notice of money says, by the published contract of who sends it, and whether it is theirs. Pure.

No bank publishes a contract of its own; those that collect notices of many banks do. Two are read here:

- SePay: `X-SePay-Signature: sha256=…`, HMAC-SHA256 over `X-SePay-Timestamp` (seconds), a dot, and the bytes that came.
  Source: developer.sepay.vn/vi/sepay-webhooks (xac-thuc, tich-hop-webhook, xu-ly-loi).
- Casso webhook V2: `X-Casso-Signature: t=…,v1=…`, HMAC-SHA512 over `t` (milliseconds), a dot, and the body as JSON
  with its keys sorted. Source: developer.casso.vn/webhook; CassoHQ/casso-webhook-v2-verify-signature (its example
  holds).

VietQR.vn's transaction-sync is not: its bearer token says nothing of the body, and the making of its `sign` is not
published. A notice proves that money came to an account, under a number and with words; nothing else is read in it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from benhan.core.kit import clock
from benhan.hospital.cashier.prepayment import ALPHABET

#: How old a signature may be. SePay tries for 33 minutes and keeps a notice 5 hours; what comes twice changes nothing.
OLD, AHEAD = timedelta(hours=6), timedelta(minutes=5)
MOST_WORDS: Final = 500
MOST_NUMBER: Final = 60
#: What stands for a payment in the words of a transfer. Banks cut, glue and put words before and after.
_CODE: Final = re.compile(rf"(?=(BH[{ALPHABET}]{{10}}))")
MOST_CODES: Final = 8
_CASSO: Final = re.compile(r"t=(\d{10,14}),v1=([0-9a-fA-F]{128})")


class Notice(msgspec.Struct, frozen=True):
    """Money that came: to which account, how many đồng, with which words, on which day.

    `number`: the bank's, as it stands on the statement. `id`: of who tells, different for each money. `accounts`: the
    account, and the virtual one that stands for it where the bank has such.
    """

    id: str
    number: str
    accounts: tuple[str, ...]
    amount: int
    words: str
    day: str


class NotTheirs(Exception):  # noqa: N818 - what the notice is
    """Forged, damaged, out of its time, or nobody was to tell us anything."""


class Unreadable(Exception):  # noqa: N818 - what the notice is
    """Signed well, and not what the contract says."""


def read(contract: str, secret: str, headers: Mapping[str, str], raw: bytes, now: datetime) -> Notice | None:
    """What is told; None: of money that went out.

    Raises:
        NotTheirs; Unreadable.
    """
    if contract not in CONTRACTS or not secret:
        raise NotTheirs
    signed, of = CONTRACTS[contract]
    signed(secret, headers, raw, now)
    try:
        said = json.loads(raw)
        return of(said)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unreadable from None


def codes(words: str) -> list[str]:
    """What may be references of ours in the words of a transfer, each once."""
    plain = re.sub(r"[^A-Z0-9]", "", words.upper())
    return list(dict.fromkeys(_CODE.findall(plain)))[:MOST_CODES]


def _sepay_signed(secret: str, headers: Mapping[str, str], raw: bytes, now: datetime) -> None:
    stamp = headers.get("x-sepay-timestamp", "").strip()
    given = headers.get("x-sepay-signature", "").strip().removeprefix("sha256=")
    _check_time(stamp, 1, now)
    _check_same(given, hmac.digest(secret.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hex())


def _of_sepay(said: dict[str, Any]) -> Notice | None:
    if said["transferType"] != "in":
        return None
    accounts = said["accountNumber"], said.get("subAccount")
    return _notice(said["id"], said.get("referenceCode"), accounts, said["transferAmount"], said["content"],
                   said.get("transactionDate"))  # fmt: skip


def _casso_signed(secret: str, headers: Mapping[str, str], raw: bytes, now: datetime) -> None:
    found = _CASSO.fullmatch(headers.get("x-casso-signature", "").strip())
    if found is None:
        raise NotTheirs
    _check_time(found[1], 1000, now)
    try:
        plain = json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        bytes_ = f"{found[1]}.{plain}".encode()
    except (ValueError, RecursionError):
        raise NotTheirs from None
    _check_same(found[2], hmac.digest(secret.encode(), bytes_, hashlib.sha512).hex())


def _of_casso(said: dict[str, Any]) -> Notice | None:
    one = said["data"]
    if int(one["amount"]) <= 0:  # what went out is told as less than nothing
        return None
    accounts = one["accountNumber"], one.get("virtualAccountNumber")
    return _notice(one["id"], one.get("reference"), accounts, one["amount"], one["description"],
                   one.get("transactionDateTime"))  # fmt: skip


def _notice(id_: Any, number: Any, accounts: tuple[Any, ...], amount: Any, words: Any, when: Any) -> Notice:
    if isinstance(amount, bool) or int(amount) != float(amount) or int(amount) <= 0 or id_ is None:
        raise ValueError(amount)
    return Notice(
        str(id_)[:MOST_NUMBER], (str(number or "").strip() or str(id_))[:MOST_NUMBER],
        tuple(str(one).strip() for one in accounts if one), int(amount), str(words)[:MOST_WORDS], _day(when),
    )  # fmt: skip


def _day(when: Any) -> str:
    """The day that the bank says; today where it says none that can be read."""
    try:
        return datetime.strptime(str(when)[:10], "%Y-%m-%d").date().isoformat()
    except ValueError:
        return clock.today().isoformat()


def _check_time(stamp: str, parts: int, now: datetime) -> None:
    """Whether a moment (in `parts` of a second) is about now."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 14):
        raise NotTheirs
    try:
        at = datetime.fromtimestamp(int(stamp) / parts, UTC)
    except (OverflowError, ValueError, OSError):
        raise NotTheirs from None
    if not now - OLD <= at <= now + AHEAD:
        raise NotTheirs


def _check_same(given: str, wanted: str) -> None:
    if not hmac.compare_digest(given.lower().encode(), wanted.encode()):
        raise NotTheirs


#: How a notice proves itself, and how it is read; by contract.
CONTRACTS: Final[
    dict[str, tuple[Callable[[str, Mapping[str, str], bytes, datetime], None], Callable[[Any], Notice | None]]]
] = {"sepay": (_sepay_signed, _of_sepay), "casso": (_casso_signed, _of_casso)}
#: What the contracts are called.
NAMES: Final = {"sepay": "SePay (HMAC-SHA256)", "casso": "Casso (webhook V2)"}
