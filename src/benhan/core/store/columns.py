"""New records as the arguments of `put_all` (migration 0013), for a request and for a load alike. Pure.

Index rows travel as one PostgreSQL array literal a column: put together by `str.join`, read by the server in C, and one
value to carry between processes. An array of Python values is encoded item by item, which took as long as making the
rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from benhan.core.store.rows import Rows

_RECORDS: Final = ("smallint[]", "text[]", "timestamptz[]", "text[]", "bytea[]", "text[]")
_INDEX: Final = (
    "int[]", "smallint[]", "bigint[]", "int[]", "smallint[]", "text[]", "text[]",
    "int[]", "smallint[]", "timestamptz[]", "timestamptz[]",
    "int[]", "smallint[]", "bigint[]", "float8[]", "float8[]", "int[]", "text[]",
)  # fmt: skip
_TYPES: Final = ("int", *_RECORDS, *(f"text::{kind}" for kind in _INDEX), "smallint", "int")
#: The call: facility; type numbers, ids, moments, patients, bodies, accounts; `index_texts`; INDEX_VERSION, generation.
PUT_ALL: Final = f"put_all({', '.join(f'${n}::{kind}' for n, kind in enumerate(_TYPES, 1))})"
#: The number of the first parameter after it.
NEXT: Final = len(_TYPES) + 1
#: Stands between texts while they are joined. PostgreSQL keeps no text that holds it.
_BETWEEN: Final = "\0"


def index_texts(records: Sequence[Rows]) -> tuple[str, ...]:
    """The index rows of all records, a text for each column; the first of each table says whose a row is, from 1 on."""
    tokens, whose_token = _flat([rows.tokens for rows in records])
    words, whose_word = _flat([rows.words for rows in records])
    spans, whose_span = _flat([rows.spans for rows in records])
    quantities, whose_quantity = _flat([rows.quantities for rows in records])
    once, whose_once = _flat([rows.once for rows in records])
    return (
        whose_token, _numbers([param for param, _ in tokens]), _numbers([hashed for _, hashed in tokens]),
        whose_word, _numbers([param for param, _, _ in words]),
        _texts([word for _, word, _ in words]), _texts([whole for _, _, whole in words]),
        whose_span, _numbers([param for param, _, _ in spans]),
        _numbers([lo.isoformat() for _, lo, _ in spans]), _numbers([hi.isoformat() for _, _, hi in spans]),
        whose_quantity, _numbers([param for param, _, _, _ in quantities]),
        _numbers([unit for _, unit, _, _ in quantities]), _numbers([lo for _, _, lo, _ in quantities]),
        _numbers([hi for _, _, _, hi in quantities]),
        whose_once, _texts(once),
    )  # fmt: skip


def _flat(records: Sequence[Sequence[Any]]) -> tuple[list[Any], str]:
    """The rows of all records one after the other, and the text of whose they are."""
    whose = "".join([f"{n}," * len(some) for n, some in enumerate(records, 1)])
    return [row for some in records for row in some], f"{{{whose[:-1]}}}"


def _numbers(values: Iterable[object]) -> str:
    """An array of what needs no quotes: numbers, moments."""
    return f"{{{','.join(map(str, values))}}}"


def _texts(values: Sequence[str]) -> str:
    if not values:
        return "{}"
    joined = _BETWEEN.join(values)
    if joined.count(_BETWEEN) >= len(values):  # one of them holds it: to be refused as it stands, not cut in two
        return '{"' + '","'.join(map(_quoted, values)) + '"}'
    return '{"' + _quoted(joined).replace(_BETWEEN, '","') + '"}'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
