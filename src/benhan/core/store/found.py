"""A found record: as it lies in the store, with its place in the order of the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Found(msgspec.Struct):
    """A record of an answer: the bytes to send, no JSON work done."""

    key: int
    type: str
    id: str
    version: int
    updated: datetime
    patient: str | None
    body: bytes
    sort: tuple[Any, ...] = ()


def found_of(row: Any, type_name: str, keys: int = 0) -> Found:
    """A row of a statement; `keys` sort values stand in it as s0, s1, …"""
    return Found(
        row["key"], type_name, row["id"], row["version"], row["updated"], row["patient"], row["body"],
        tuple(row[f"s{n}"] for n in range(keys)),
    )  # fmt: skip
