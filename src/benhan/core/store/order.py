"""The order of an answer: cursors, and sorting by letters that the index does not hold. Pure.

A cursor is the position of the last record of a page in a total order (its sort values and its key), so a page begins
where the former ended whatever was written meanwhile.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from benhan.core.fhir import r4
from benhan.core.fhir import search as definitions
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.query.results import SortKey
from benhan.core.store.rows import hash64

#: Records that are sorted by their letters at most; more than that is refused.
MOST_SORTED = 5000
_PLACE = msgspec.json.Decoder(list[str | int | float | None])
_KINDS: dict[str, type | tuple[type, ...]] = {
    "updated": str, "date": str, "id": str, "string": str, "text": str, "number": (int, float),
}  # fmt: skip


def cursor(values: Sequence[Any], order: Sequence[SortKey]) -> str:
    """A position as a text for the address of the next page; it begins with a mark of the order it is a position in."""
    said = [_mark(order), *(value.isoformat() if isinstance(value, datetime) else value for value in values)]
    return base64.urlsafe_b64encode(msgspec.json.encode(said)).decode().rstrip("=")


def position(text: str, order: Sequence[SortKey]) -> list[Any]:
    """The position that a cursor says.

    Raises:
        Malformed: it is none, or one of another order.
    """
    try:
        mark, *said = _PLACE.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if (
            mark != _mark(order)
            or len(said) != len(order) + 1
            or type(said[-1]) is not int
            or not 0 <= said[-1] < 2**63
        ):
            raise ValueError(text)
        return [*(_read(value, key) for value, key in zip(said, order, strict=False)), said[-1]]
    except (ValueError, TypeError, binascii.Error, msgspec.DecodeError, OverflowError):
        raise Malformed(_("Vị trí trang không đọc được."), where="_after", advice=_("Tìm lại từ trang đầu.")) from None


def _mark(order: Sequence[SortKey]) -> str:
    said = ",".join(f"{'-' if key.descending else ''}{key.kind}{key.params}" for key in order)
    return f"{hash64(said) & 0xFFFFFF:x}"


def _read(value: Any, key: SortKey) -> Any:
    if value is None:
        return None
    kinds: Any = _KINDS[key.kind]
    if not isinstance(value, kinds) or (isinstance(value, str) and "\0" in value):
        raise ValueError(value)
    if key.kind in ("updated", "date"):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(value)
        return moment
    return float(value) if key.kind == "number" else value


def letters(resource: r4.Resource, key: SortKey) -> str | None:
    """The text a record is sorted by under a token, reference or URI: the first going up, the last going down."""
    index = definitions.index(resource)
    found = [code for param, _system, code in index.tokens if param in key.params and code]
    found += [target for param, target in index.references if param in key.params]
    found += [uri for param, uri in index.uris if param in key.params]
    if not found:
        return None
    return max(found) if key.descending else min(found)


def sort(rows: list[Any], order: Sequence[SortKey], *, descending: bool) -> list[Any]:
    """Rows with `sort` (a value for each key) and `key`, in the total order; no value comes last."""
    rows = sorted(rows, key=lambda row: row.key, reverse=descending)
    for n, by in reversed(list(enumerate(order))):
        known = [row for row in rows if row.sort[n] is not None]
        known.sort(key=lambda row, n=n: row.sort[n], reverse=by.descending)  # type: ignore[misc]
        rows = [*known, *(row for row in rows if row.sort[n] is None)]
    return rows


def is_behind(row: Any, after: Sequence[Any], order: Sequence[SortKey], *, descending: bool) -> bool:
    """Whether a row comes after a position."""
    for n, key in enumerate(order):
        mine, theirs = row.sort[n], after[n]
        if mine == theirs:
            continue
        if mine is None or theirs is None:
            return mine is None
        return bool(mine < theirs) is key.descending
    return bool(row.key < after[-1]) if descending else bool(row.key > after[-1])
