"""Statements that verify who asks and bind the transaction to her facility, in one with what is asked.

PostgreSQL computes a LIMIT before it reads a row. So `enter` (migration 0007) stands there: it verifies and binds
first, and is null, which is no limit. A function that sets something is never run in parallel workers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import asyncpg
import msgspec

#: What `enter` raises: a token is held by somebody else than when it was read, or by nobody any more.
LAPSED = "BH401"


class Entry(msgspec.Struct, frozen=True):
    """How a request came in: the hash of its token, the stamp of the rows that say who holds it, her facility."""

    token: bytes
    stamp: int
    facility: int


class EntryLapsed(Exception):  # noqa: N818 - what happened
    """Who came in with this token is not who she was when it was last read: read it again."""


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as one list for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def lapsed(error: asyncpg.PostgresError) -> Exception:
    """What an error of `enter` means; any other error as it is."""
    return EntryLapsed() if error.sqlstate == LAPSED else error


def unseen(array: str) -> str:
    """An array that PostgreSQL cannot look at while it plans, so that it plans the statement once.

    It takes an array it does not know for ten long; a shorter one that it sees promises less work than that, and is
    planned anew each time, which costs more than such a statement itself.
    """
    return f"(select {array})"


def entered(first: int) -> str:
    """The end of a statement that verifies several callers: arrays of tokens and stamps from `$first` on, `$1` the
    facility."""
    return f"limit enter_all(${first}::bytea[], ${first + 1}::bigint[], $1)"


@lru_cache(4096)
def entered_one(sql: str, values: int) -> str:
    """A SELECT of so many values, its caller verified by two more: token and stamp."""
    return f"select * from ({sql}) asked limit enter(${values + 1}, ${values + 2})"


@lru_cache(256)
def bound(sql: str) -> str:
    """An insert from unnest, bound to the facility whose number is the last value."""
    last = max(int(n) for n in re.findall(r"\$(\d+)", sql)) + 1
    return f"{sql} limit reach(${last})"
