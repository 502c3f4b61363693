"""Stored bytes on their way in and out: encrypted for people and for labelled records, as they are for all others.

An encrypted body is bound to facility, type, id and version of its row; `resource` and `history` hold the same version
under the same envelope. A SELECT takes the body by `body_of("r")`: where it is encrypted, the row it was found in comes
in front of it, so that nobody has to remember the columns. `opened`, `whole` and `told` make bytes to send of it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from benhan.core.db import Database, Row, Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.language import _
from benhan.core.store.records import NAMES, SHARED
from benhan.core.store.rows import PEOPLE, Rows
from benhan.core.vault import Damaged, Keys, MasterError, Place, ring_of
from benhan.core.vault.envelope import MARK as ENVELOPE

#: Types of which every record is encrypted, beside people: what holds secrets of programs.
ENCRYPTED: Final = PEOPLE | {"Subscription"}
#: Types that say nothing of anybody; the program itself reads their bodies, label or not.
DEFINITIONS: Final = SHARED | {"CapabilityStatement"}
#: Stands in the place of bytes that could not be opened, where a list goes on without them.
DAMAGED: Final = b""

_PLACED: Final = 2
_log = logging.getLogger(__name__)


class DamagedRecord(Problem):
    """A stored body does not open in the row it was found in."""

    def __init__(self, what: str) -> None:
        super().__init__(
            500, "exception", _("Không giải mã được %(what)s: nội dung đã bị sửa hoặc chép từ chỗ khác.", what=what),
            where=what, advice=_("Báo quản trị; chạy `benhan audit verify` và đối chiếu với bản sao lưu."),
        )  # fmt: skip


def body_of(row: str) -> str:
    """The SQL of the body of a `resource` or `history` row, as the column `body`."""
    return f"stored_body({row}.facility, {row}.type, {row}.id, {row}.version, {row}.body) as body"


def is_hidden(name: str, rows: Rows) -> bool:
    """Whether the body of a record with these index rows is encrypted."""
    return name in ENCRYPTED or (rows.secret and name not in DEFINITIONS)


def hidden(keys: Keys, number: int, id_: str, version: int, body: bytes) -> bytes:
    """The body as it is stored where it is encrypted."""
    return keys.encrypted(_place(f"{keys.facility}/{number}/{id_}/{version}"), body)


def opened_one(tx: Transaction | Database, row: Row) -> Any:
    """A row with its body as it is to be sent.

    Raises:
        DamagedRecord: it does not open where it stands.
    """
    kept = row["body"]
    if not kept or kept[0] != _PLACED:
        return row
    return {**row, "body": _plain(tx, kept)}


def opened(tx: Transaction | Database, rows: Sequence[Row]) -> list[Any]:
    """As `opened_one`, of several."""
    return [opened_one(tx, row) for row in rows]


def whole(tx: Transaction | Database, rows: Sequence[Row]) -> list[Any]:
    """Those of them that open; the others are named in the log and left out."""
    return [row for row in told(tx, rows) if row["body"] != DAMAGED]


def told(tx: Transaction | Database, rows: Sequence[Row]) -> list[Any]:
    """All of them; one that does not open is named in the log and has DAMAGED for its body."""
    return [_told(tx, row) for row in rows]


def _told(tx: Transaction | Database, row: Row) -> Any:
    try:
        return opened_one(tx, row)
    except DamagedRecord:
        return {**row, "body": DAMAGED}


def _plain(tx: Transaction | Database, kept: bytes) -> bytes:
    at = kept.index(ENVELOPE, 1)
    row = kept[1:at].decode()
    try:
        return ring_of(tx).decrypted(_place(row), kept[at:])
    except Damaged as damaged:
        facility, number, id_, version = row.split("/")
        what = f"{NAMES[int(number)]}/{id_}/_history/{version}"
        _log.error("facility %s: %s cannot be decrypted: %s", facility, what, damaged)
        raise DamagedRecord(what) from None
    except MasterError as missing:
        raise Problem(503, "exception", _("Máy chủ chưa có khoá chính để giải mã."), advice=str(missing)) from None


def _place(row: str) -> Place:
    return f"record/{row}/body"


__all__ = [
    "DAMAGED", "ENCRYPTED", "DamagedRecord", "body_of", "hidden", "is_hidden", "opened", "opened_one", "told", "whole",
]  # fmt: skip
