"""The canonical bytes of an audit row, in this one place, and what is kept of a sealed row.

A row is the JSON array of its columns in the order of `COLUMNS`: RFC 8259, UTF-8, no blanks, nothing escaped but what
must be; `xid` as a string, `at` in UTC as RFC 3339 with microseconds where there are any, an absent value as null. An
absent address, the last, is left out: so rows of before there were addresses keep their bytes.
Its leaf is the SHA-256 of a zero byte and these bytes (RFC 6962). A change here is a new format: `statement.FORMAT`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any, Final

import msgspec

from benhan.core.access.seals.merkle import leaf

#: The columns of `audit` as a statement selects them.
COLUMNS: Final = (
    "facility, xid::text as xid, seq, at, account, session, action, type, id, patient, allowed, rule, detail, address"
)
#: Where the place of a row stands among them.
XID, SEQ, AT = 1, 2, 3

_encode = msgspec.json.Encoder().encode
_KEPT = Struct(">qq32s")


class Leaf(msgspec.Struct, frozen=True):
    """A sealed row: where it stood, and its hash."""

    xid: int
    seq: int
    hash: bytes


def canonical(row: Iterable[Any]) -> bytes:
    """The bytes of a row; its values in the order of `COLUMNS`."""
    values = tuple(row)
    return _encode(values if values[-1] is not None else values[:-1])


def leaf_of(row: Iterable[Any]) -> bytes:
    """The leaf of a row."""
    return leaf(canonical(row))


def pack(rows: Iterable[Any], hashes: Iterable[bytes]) -> bytes:
    """The leaves of a batch as they are kept: place and hash of each row, 48 bytes."""
    one = _KEPT.pack
    return b"".join([one(int(row[XID]), row[SEQ], hash_) for row, hash_ in zip(rows, hashes, strict=True)])


def unpack(kept: bytes) -> Iterator[Leaf]:
    """The leaves of a batch.

    Raises:
        struct.error: these are not whole leaves.
    """
    return (Leaf(*found) for found in _KEPT.iter_unpack(kept))
