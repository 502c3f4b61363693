"""The parameters of the answer, not of the question: order, page, total, what comes along, how much of each. Pure.

Standard: HL7 FHIR R4, 3.1.1.5 (`_sort`, `_count`, `_include`, `_revinclude`, `_summary`, `_elements`, `_total`).
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from benhan.core.fhir.outcome import Malformed
from benhan.core.kit.text import numbers_hidden
from benhan.core.language import _
from benhan.core.store.parameters import known, parameter
from benhan.core.store.query import values as read
from benhan.core.store.query.combined import Updated
from benhan.core.store.query.kinds import Pending
from benhan.core.store.records import NUMBERS

MAX_COUNT = 1000
USUAL_COUNT = 50
MAX_SORT_KEYS = 6
MAX_INCLUDES = 20
MAX_ELEMENTS = 50
#: Parameters that the door reads, not the search.
RESULT = frozenset({"_format", "_pretty", "_contained", "_containedType"})

#: `none`: no record has a value.
#: Letters of a search that its trace keeps.
MOST_SAID = 1000
SortKind = Literal["updated", "id", "date", "string", "number", "text", "none"]
#: Kind of parameter → how it is sorted. `text`: its letters are not in the index, the records themselves are read.
SORTED_BY: dict[str, SortKind] = {
    "date": "date", "string": "string", "number": "number", "quantity": "number",
    "token": "text", "reference": "text", "uri": "text",
}  # fmt: skip


class SortKey(msgspec.Struct, frozen=True):
    """One key of the order; no `params` for columns of the record."""

    kind: SortKind
    params: tuple[int, ...] = ()
    descending: bool = False


class Include(msgspec.Struct, frozen=True):
    """What comes along. `source` None: any type. `params` None: every reference."""

    source: str | None
    params: tuple[int, ...] | None
    target: str | None = None
    iterate: bool = False


class Query(msgspec.Struct):
    """A search of one type, understood."""

    type: str
    facility: int
    text: str
    clauses: list[Any] = []
    pending: list[Pending] = []
    sort: list[SortKey] = []
    count: int = USUAL_COUNT
    after: str | None = None
    total: Literal["none", "estimate", "accurate"] = "none"
    include: list[Include] = []
    revinclude: list[Include] = []
    summary: str = "false"
    elements: list[str] = []
    patient: str | None = None
    used: list[tuple[str, str]] = []
    ignored: list[str] = []

    @property
    def said(self) -> str:
        """What the trace of it says: of a long number, wherever it was typed, the last three digits; our ids whole."""
        return numbers_hidden(self.text[:MOST_SAID])

    @property
    def order(self) -> list[SortKey]:
        """The keys before the last, which is the record's own: newest first unless asked otherwise."""
        if not self.sort and any(isinstance(one, Updated) for one in self.clauses):
            return [SortKey("updated", descending=True)]
        return self.sort

    @property
    def descending(self) -> bool:
        """Which way the record's own key goes."""
        return self.order[0].descending if self.order else True

    @property
    def counts_only(self) -> bool:
        """Whether only the number is wanted."""
        return self.count == 0 or self.summary == "count"


def result_parameter(query: Query, name: str, value: str) -> bool:
    """Whether it was one of them; then it is in the query.

    Raises:
        Malformed: its value cannot be read.
    """
    code, _colon, modifier = name.partition(":")
    if code in ("_include", "_revinclude"):
        _along(query, name, code, modifier, value)
        return True
    match name:
        case "_count":
            query.count = min(read.whole(name, value), MAX_COUNT)
        case "_after":
            query.after = value
        case "_total":
            query.total = _one_of(name, value, ("none", "estimate", "accurate"))
        case "_summary":
            query.summary = _one_of(name, value, ("true", "text", "data", "count", "false"))
        case "_elements":
            query.elements = _elements(name, value)
        case "_sort":
            query.sort = _sort(query, value)
        case "_contained" if value != "false":
            raise Malformed(_("Không tìm được trong bản ghi lồng (contained)."), where=name, code="not-supported")
        case _ if name in RESULT:
            pass
        case _:
            return False
    return True


def _sort(query: Query, value: str) -> list[SortKey]:
    codes = value.split(",")
    if len(codes) > MAX_SORT_KEYS:
        raise Malformed(_("Quá %(n)s khoá sắp xếp.", n=MAX_SORT_KEYS), where="_sort", code="too-costly")
    return [_key(query, code.removeprefix("-"), descending=code.startswith("-")) for code in codes]


def _key(query: Query, code: str, *, descending: bool) -> SortKey:
    if code == "_lastUpdated":
        return SortKey("updated", descending=descending)
    if code == "_id":
        return SortKey("id", descending=descending)
    found = parameter(query.facility, query.type, code)
    kind = SORTED_BY.get(found.kind) if found and found.indexed else None
    if found is None or kind is None or code in ("_text", "_content"):
        raise Malformed(
            _("%(type)s không sắp xếp được theo “%(code)s”.", type=query.type, code=code[:60]), where="_sort",
            code="not-supported", advice=_("Xem CapabilityStatement tại /fhir/metadata."),
        )  # fmt: skip
    return SortKey(kind, found.numbers, descending)


def _along(query: Query, name: str, code: str, modifier: str, value: str) -> None:
    if modifier not in ("", "iterate", "recurse"):
        raise Malformed(_("%(name)s chỉ nhận :iterate.", name=code), where=name[:60], code="not-supported")
    rules = query.include if code == "_include" else query.revinclude
    rules.append(_include(query, code, value, iterate=bool(modifier)))
    if len(query.include) + len(query.revinclude) > MAX_INCLUDES:
        raise Malformed(_("Quá %(n)s điều kiện kèm theo.", n=MAX_INCLUDES), where=code, code="too-costly")


def _include(query: Query, name: str, value: str, *, iterate: bool) -> Include:
    """`*`, `Type:*`, `Type:code`, `Type:code:Target`.

    Raises:
        Malformed: there is no such type, or no such reference.
    """
    source, _colon, rest = value.partition(":")
    code, _colon, target = rest.partition(":")
    if value == "*":
        return Include(None, None, None, iterate)
    if source not in NUMBERS or (target and target not in NUMBERS):
        raise Malformed(_("%(name)s cần dạng Loại:tham-chiếu.", name=name), where=name, code="not-supported")
    if code == "*":
        return Include(source, None, target or None, iterate)
    found = parameter(query.facility, source, code)
    if found is None or found.kind != "reference" or not found.indexed:
        references = ", ".join(sorted(p.code for p in known(query.facility, source).values() if p.kind == "reference"))
        raise Malformed(
            _("%(type)s không có tham chiếu “%(code)s”.", type=source, code=code[:60]), where=name,
            code="not-supported", advice=_("Có: %(names)s.", names=references or "—"),
        )  # fmt: skip
    return Include(source, (found.id,), target or None, iterate)


_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z]{0,63}(\.[A-Za-z]{1,64})*", re.ASCII)


def _elements(name: str, value: str) -> list[str]:
    found = value.split(",")
    if len(found) > MAX_ELEMENTS or not all(_ELEMENT.fullmatch(one) for one in found):
        raise Malformed(_("%(name)s cần tên các phần tử, ngăn bởi dấu phẩy.", name=name), where=name)
    return found


def _one_of(name: str, value: str, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise Malformed(_("%(name)s cần một trong: %(allowed)s.", name=name, allowed=", ".join(allowed)), where=name)
    return value
