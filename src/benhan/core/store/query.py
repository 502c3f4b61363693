"""FHIR search parameters as clauses: parsed, bounded, checked against the definitions. Pure.

Standard: HL7 FHIR R4, section 3.1.1.4 (search parameter types and prefixes). What is not supported yet is
refused by name, never ignored silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec

from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import Malformed
from benhan.core.fhir.search import PARAMETERS, SearchParameter
from benhan.core.kit.text import fold
from benhan.core.store.rows import COMPARTMENT, WORD_LIMIT, hash64

MAX_CLAUSES = 40
MAX_VALUES = 500
MAX_COUNT = 1000
USUAL_COUNT = 50
#: After every word that begins like this one.
END = "\U0010ffff"
#: What a reference points at, when few records do so: one person's, one visit's.
FEW_REFER = ("Patient/", "Encounter/")
#: Parameters of the exchange itself, not of the search.
RESULT = frozenset({"_format", "_pretty", "_summary", "_elements"})

Value = Callable[[Any], str]


class Clause(Protocol):
    """One condition of a search."""

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition on the record of this key; `value` takes a value and gives its place in the statement."""
        ...


@runtime_checkable
class IndexClause(Clause, Protocol):
    """A condition that rows of an index table meet, so that those rows may lead the search (`lead.py`)."""

    #: True where few records can meet it, whatever the hospital's size: a number of a person, a visit.
    rare: bool

    def rows(self, value: Value) -> str:
        """The index rows `x` that meet it: what comes after FROM."""
        ...


class Query(msgspec.Struct):
    """A search, understood."""

    text: str
    clauses: list[Clause] = []
    sort: int | None = None
    descending: bool = True
    count: int = USUAL_COUNT
    after: str | None = None
    total: bool = False
    include: frozenset[int] = frozenset()
    patient: str | None = None
    ignored: list[str] = []


class Tokens(msgspec.Struct):
    """Has one of these tokens (or references, or URIs)."""

    param: int
    hashes: list[int]
    rare: bool = False

    def rows(self, value: Value) -> str:
        """The index rows that meet it."""
        hashes = f"= {value(self.hashes[0])}" if len(self.hashes) == 1 else f"= any({value(self.hashes)}::bigint[])"
        return f"token x where x.facility = $1 and x.param = {value(self.param)}::smallint and x.hash {hashes}"

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition: one look into the index by all its columns."""
        return f"exists (select from {self.rows(value)} and x.rid = {key} offset 0)"


class Without(msgspec.Struct):
    """Has none of these tokens."""

    tokens: Tokens

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"not {self.tokens.sql(value, key)}"


class Words(msgspec.Struct):
    """Has a text whose words begin with all words of one of these queries, in any order."""

    param: int
    queries: list[list[str]]
    rare: bool = False

    def rows(self, value: Value) -> str:
        """The index rows that meet it: the rarest word leads, the others are looked for in the same row."""
        return f"word x where {self._meets(value)}"

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return _of_record("word", key, self._meets(value))

    def _meets(self, value: Value) -> str:
        parts = []
        for words in self.queries:
            lead, *others = sorted(words, key=_rarity)
            rest = "".join(f" and position({value(' ' + word)} in x.whole) > 0" for word in others)
            parts.append(f"(x.word >= {value(lead)} and x.word < {value(lead + END)}{rest})")
        return f"x.facility = $1 and x.param = {value(self.param)}::smallint and ({' or '.join(parts)})"


class Spans(msgspec.Struct):
    """Has a date in one of these relations. `tests` are (prefix, lo, hi)."""

    param: int
    tests: list[tuple[str, Any, Any]]
    rare: bool = False

    def rows(self, value: Value) -> str:
        """The index rows that meet it."""
        return f"span x where {self._meets(value)}"

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return _of_record("span", key, self._meets(value))

    def _meets(self, value: Value) -> str:
        parts = [_SPAN_TESTS[prefix].format(lo=value(lo), hi=value(hi)) for prefix, lo, hi in self.tests]
        return f"x.facility = $1 and x.param = {value(self.param)}::smallint and ({' or '.join(parts)})"


def is_on_record(clause: Clause) -> bool:
    """Whether a condition reads columns of the record, not its index rows."""
    return isinstance(clause, Compartment | Ids | Updated)


def _of_record(table: str, key: str, meets: str) -> str:
    """A condition on the index rows of one record. The fence keeps PostgreSQL from reading a whole range instead."""
    return f"exists (select from (select * from {table} x where x.rid = {key} offset 0) x where {meets})"


class Compartment(msgspec.Struct):
    """Is in the compartment of one of these patients."""

    patients: list[str]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        if len(self.patients) == 1:
            return f"r.patient = {value(self.patients[0])}"
        return f"r.patient = any({value(self.patients)})"


class Ids(msgspec.Struct):
    """Has one of these ids."""

    ids: list[str]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"r.id = any({value(self.ids)})"


class Updated(msgspec.Struct):
    """Was last written in one of these relations to a moment."""

    tests: list[tuple[str, Any, Any]]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        parts = [
            _SPAN_TESTS[prefix]
            .replace("x.lo", "r.updated")
            .replace("x.hi", "r.updated")
            .format(lo=value(lo), hi=value(hi))
            for prefix, lo, hi in self.tests
        ]
        return f"({' or '.join(parts)})"


#: Each names both places, so that the statement's parameters all have a type.
_SPAN_TESTS = {
    "eq": "(x.lo >= {lo}::timestamptz and x.hi <= {hi}::timestamptz)",
    "ne": "not (x.lo >= {lo}::timestamptz and x.hi <= {hi}::timestamptz)",
    "ge": "(x.hi > {lo}::timestamptz and {hi}::timestamptz is not null)",
    "gt": "(x.hi > {hi}::timestamptz and {lo}::timestamptz is not null)",
    "le": "(x.lo < {hi}::timestamptz and {lo}::timestamptz is not null)",
    "lt": "(x.lo < {lo}::timestamptz and {hi}::timestamptz is not null)",
    "sa": "(x.lo >= {hi}::timestamptz and {lo}::timestamptz is not null)",
    "eb": "(x.hi <= {lo}::timestamptz and {hi}::timestamptz is not null)",
}

#: Words that stand in so many Vietnamese names that they find nobody alone.
_COMMON = {
    word: rank
    for rank, word in enumerate(
        [
            "nguyen",
            "thi",
            "van",
            "tran",
            "le",
            "pham",
            "hoang",
            "phan",
            "vu",
            "vo",
            "dang",
            "bui",
            "do",
            "ho",
            "ngo",
            "duong",
            "ly",
            "minh",
            "thanh",
            "ngoc",
            "duc",
            "huu",
            "kim",
            "anh",
        ][::-1]
    )
}


def _rarity(word: str) -> tuple[int, int]:
    return (_COMMON.get(word, -1), -len(word))


def parse(type_name: str, params: Mapping[str, str | Sequence[str]]) -> Query:
    """Understand the parameters of a search.

    Raises:
        Malformed: a parameter is unknown, not supported yet, or its value cannot be read.
    """
    pairs = list(_pairs(params))
    if len(pairs) > MAX_CLAUSES:
        raise Malformed(f"Quá {MAX_CLAUSES} điều kiện tìm.", code="too-costly", advice="Chia thành nhiều lần tìm.")
    query = Query(text="&".join(f"{name}={value}" for name, value in pairs)[:1000])
    for name, value in pairs:
        if not _result_parameter(query, type_name, name, value):
            query.clauses.append(_clause(query, type_name, name, value))
    return query


def _pairs(params: Mapping[str, str | Sequence[str]]) -> Iterator[tuple[str, str]]:
    for name, given in params.items():
        for value in [given] if isinstance(given, str) else given:
            if value == "":
                raise Malformed(f"Điều kiện {name[:60]} để trống.", where=name[:60], advice="Bỏ điều kiện này.")
            yield name, value


def _result_parameter(query: Query, type_name: str, name: str, value: str) -> bool:
    match name:
        case "_count":
            query.count = min(_whole(name, value), MAX_COUNT)
        case "_after":
            query.after = value
        case "_total":
            query.total = value == "accurate"
        case "_sort":
            query.descending = value.startswith("-")
            query.sort = _sort(type_name, value.lstrip("-"))
        case "_include":
            query.include |= {_included(type_name, value)}
        case _ if name in RESULT:
            query.ignored.append(name)
        case _:
            return False
    return True


def _clause(query: Query, type_name: str, name: str, value: str) -> Clause:  # noqa: PLR0911 - a row per kind
    code, _, modifier = name.partition(":")
    values = _split(name, value)
    if code == "_id":
        return Ids(values)
    if code == "_lastUpdated":
        return Updated([_span(name, v) for v in values])
    parameter = _parameter(type_name, code)
    match parameter.kind:
        case "token" if modifier in ("", "not"):
            tokens = Tokens(parameter.id, [_token(name, v) for v in values], rare="identifier" in code)
            return Without(tokens) if modifier else tokens
        case "reference" if modifier in ("", *parameter.targets):
            targets = [_target(parameter, name, v, modifier) for v in values]
            if code in COMPARTMENT and all(t.startswith("Patient/") for t in targets):
                patients = [t.removeprefix("Patient/") for t in targets]
                query.patient = patients[0]
                return Compartment(patients)
            return Tokens(
                parameter.id, [hash64(t) for t in targets], rare=all(t.startswith(FEW_REFER) for t in targets)
            )
        case "string" if modifier == "":
            return Words(parameter.id, [_words(name, v) for v in values])
        case "date" if modifier == "":
            return Spans(parameter.id, [_span(name, v) for v in values])
        case "uri" if modifier == "":
            return Tokens(parameter.id, [hash64(v) for v in values])
    raise _unsupported(name, f"{parameter.kind}:{modifier}" if modifier else parameter.kind)


def _parameter(type_name: str, code: str) -> SearchParameter:
    if "." in code or code == "_has":
        raise _unsupported(code, "chain")
    try:
        parameter = PARAMETERS[type_name][code]
    except KeyError:
        known = ", ".join(sorted(PARAMETERS.get(type_name, {}))[:40])
        raise Malformed(
            f"{type_name} không có điều kiện tìm “{code[:60]}”.", where=code[:60], advice=f"Có: {known}."
        ) from None
    if not parameter.indexed:
        raise _unsupported(code, parameter.kind)
    return parameter


def _split(name: str, value: str) -> list[str]:
    """Alternatives between commas; `\\,` is a comma."""
    values = [part.replace("\0", ",") for part in value.replace("\\,", "\0").split(",")]
    if len(values) > MAX_VALUES:
        raise Malformed(f"Quá {MAX_VALUES} giá trị.", where=name, code="too-costly")
    if "" in values:
        raise Malformed(f"Điều kiện {name[:60]} có giá trị trống.", where=name[:60])
    return values


def _token(name: str, value: str) -> int:
    system, bar, code = value.partition("|")
    if bar and not code:
        raise _unsupported(name, "system|")
    return hash64(f"{system}|{code}" if bar else value)


def _target(parameter: SearchParameter, name: str, value: str, modifier: str) -> str:
    if "/" in value:
        return value
    if modifier:
        return f"{modifier}/{value}"
    if len(parameter.targets) == 1:
        return f"{parameter.targets[0]}/{value}"
    if name == "patient" or "Patient" in parameter.targets:
        return f"Patient/{value}"
    raise Malformed(f"{name} cần dạng Loại/mã, ví dụ {parameter.targets[0]}/{value[:40]}.", where=name)


def _words(name: str, value: str) -> list[str]:
    words = [word[:WORD_LIMIT] for word in fold(value).split()]
    if not words or len(words) > 20:
        raise Malformed(f"Điều kiện {name[:60]} cần từ 1 đến 20 chữ.", where=name[:60])
    return words


def _span(name: str, value: str) -> tuple[str, Any, Any]:
    prefix, text = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
    if prefix not in _SPAN_TESTS:
        raise _unsupported(name, prefix)
    return prefix, *moment_range(text)


def _sort(type_name: str, code: str) -> int | None:
    if code in ("_lastUpdated", ""):
        return None
    parameter = _parameter(type_name, code)
    if parameter.kind != "date":
        raise _unsupported(f"_sort={code}", parameter.kind)
    return parameter.id


def _included(type_name: str, value: str) -> int:
    source, _, code = value.partition(":")
    if source != type_name or ":" in code:
        raise _unsupported("_include", value[:60])
    return _parameter(type_name, code).id


def _whole(name: str, value: str) -> int:
    if not value.isascii() or not value.isdigit() or len(value) > 6:
        raise Malformed(f"{name} cần một số nguyên không âm.", where=name)
    return int(value)


def _unsupported(name: str, what: str) -> Malformed:
    return Malformed(
        f"Chưa hỗ trợ cách tìm “{name[:60]}” ({what}).", code="not-supported", where=name[:60],
        advice="Xem CapabilityStatement tại /fhir/metadata.",
    )  # fmt: skip
