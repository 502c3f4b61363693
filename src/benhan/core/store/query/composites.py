"""Composites: several values that must stand together in one place, such as a code and its value. Pure.

Needs no table of its own: the first component's hash is part of the row of the last (`store/rows.py` writes them so).
Standard: HL7 FHIR R4, 3.1.1.4.12.
"""

from __future__ import annotations

from typing import Any

from benhan.core.fhir.definitions import SearchParameter, component_kinds
from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.text import fold
from benhan.core.language import _
from benhan.core.store.query import values as read
from benhan.core.store.query.clauses import Amounts, Tokens, Words
from benhan.core.store.query.quantities import quantity
from benhan.core.store.rows import WORD_LIMIT, hash64


def parted(parameter: SearchParameter, name: str, text: str) -> list[str]:
    """The values of the components, escapes kept.

    Raises:
        Malformed: not one for each component.
    """
    parts = read.pieces(text, "$")
    if len(parts) != len(parameter.components) or "" in parts:
        raise Malformed(
            _("%(name)s cần %(n)s phần ngăn bởi dấu $.", name=name[:60], n=len(parameter.components)), where=name[:60]
        )
    return parts


def composite(params: list[int], parameter: SearchParameter, name: str, texts: list[str]) -> Any:
    """Has these values together, in rows of the composite.

    Raises:
        Malformed: a value has not one part for each component; or the components are of a sort that is not indexed.
    """
    given = [parted(parameter, name, one) for one in texts]
    match component_kinds(parameter):
        case ("token" | "reference", "token" | "reference"):
            return Tokens(params, [hash64(f"{_hash(name, a)}${_hash(name, b)}") for a, b in given])
        case ("token", "quantity"):
            return Amounts(params, [test for a, b in given for test in quantity(name, b, before=f"{_hash(name, a)}$")])
        case ("token", "date"):
            return Amounts(params, [_moment(name, a, b) for a, b in given])
        case ("token", "number", "number"):
            return Amounts(params, [_pair(name, *parts) for parts in given])
        case ("token", "string"):
            return Words(params, [[f"{_hash(name, a) & (2**64 - 1):016x} {_folded(b)}"] for a, b in given])
    raise Malformed(
        _("Không hỗ trợ điều kiện ghép %(name)s.", name=name[:60]), code="not-supported", where=name[:60],
        advice=_("Xem CapabilityStatement tại /fhir/metadata."),
    )  # fmt: skip


def _hash(name: str, text: str) -> int:
    return hash64(read.token(name, text))


def _folded(text: str) -> str:
    return fold(read.plain(text))[:WORD_LIMIT]


def _moment(name: str, token: str, date: str) -> tuple[str, int, float, float, float]:
    """A date as seconds since 1970; the row holds the half-open span of the stored one."""
    prefix, lo, hi = read.span(name, date)
    start, end = lo.timestamp(), hi.timestamp()
    return _DATES.get(prefix, prefix), _hash(name, token), end if prefix in ("gt", "sa", "le") else start, start, end


#: The relations of dates in those of numbers: half-open ends make the difference.
_DATES = {"eq": "within", "ne": "not-within", "ge": "gt", "le": "lt", "sa": "from", "eb": "until", "ap": "ap"}


def _pair(name: str, token: str, start: str, end: str) -> tuple[str, int, float, float, float]:
    lo, hi = (float(read.amount(name, read.plain(one)).exact) for one in (start, end))
    return "at", _hash(name, token), lo, lo, hi
