"""A found record: as it lies in the store, with its place in the order of the answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from benhan.core.store.bodies import DAMAGED


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

    @property
    def is_whole(self) -> bool:
        """Whether its body could be opened; who sends the answer leaves it out otherwise."""
        return self.body != DAMAGED


def found_of(row: Any, type_name: str, keys: int = 0) -> Found:
    """A row of a statement, told (`bodies.py`); `keys` sort values stand in it as s0, s1, …"""
    return Found(
        row["key"], type_name, row["id"], row["version"], row["updated"], row["patient"], row["body"],
        tuple(row[f"s{n}"] for n in range(keys)),
    )  # fmt: skip
