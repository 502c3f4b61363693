"""The conditions a search is made of, each as the SQL that asks the index tables for it.

A condition stands in a statement in two ways: as a probe (`sql`: does the record of this key meet it?) and, where rows
of an index table meet it, as a source (`rows`: which records meet it?). Every value travels as a parameter; the words
of SQL stand here and come from nobody's request.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar, Protocol

import msgspec

#: After every word that begins like this one.
END = "\U0010ffff"
#: Begins the word row that holds a whole value (`store/rows.py`); no word of a text begins so.
WHOLE = "\x01"
#: Begins the mark of an exact value in `whole`; alone it is the word of a value that has none.
MARK = "="
#: With more values than this, a record's few rows are read and compared instead of one look for each value.
MANY_VALUES = 8

Value = Callable[[Any], str]


class Clause(Protocol):
    """One condition of a search."""

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition on the record of this key; `value` takes a value and gives its place in the statement."""
        ...


class IndexClause:
    """A condition that rows of an index table meet, so that those rows may lead the search (`lead.py`)."""

    __slots__ = ()

    @property
    def rare(self) -> bool:
        """True where few records can meet it, whatever the hospital's size: a number of a person, a visit."""
        raise NotImplementedError

    @property
    def reads_what_it_meets(self) -> bool:
        """Whether every index row that is read for it meets it: then few that meet it are few that are read."""
        return False

    def sql(self, value: Value, key: str = "r.key") -> str:
        """As in `Clause`."""
        raise NotImplementedError

    def rows(self, value: Value) -> str:
        """The index rows `x` that meet it: what comes after FROM."""
        raise NotImplementedError

    def counted(self, value: Value, most: int) -> str:
        """How many rows meet it, counted no further than `most`."""
        raise NotImplementedError


class _Rows(msgspec.Struct, IndexClause, tag=True):
    """A condition on the rows of one index table."""

    table: ClassVar[str]

    def meets(self, value: Value) -> str:
        """What a row `x` must meet."""
        raise NotImplementedError

    def rows(self, value: Value) -> str:
        """The index rows that meet it."""
        return f"{self.table} x where {self.meets(value)}"

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition. The fence keeps PostgreSQL from reading a whole range instead of one record's rows."""
        own = f"(select * from {self.table} x where x.rid = {key} offset 0) x"
        return f"exists (select from {own} where {self.meets(value)})"

    def counted(self, value: Value, most: int) -> str:
        """How many rows meet it, up to `most`."""
        return f"(select count(*) from (select from {self.rows(value)} limit {most}) few)"


class Tokens(_Rows):
    """Has one of these tokens (or references, or URIs) under one of these parameters."""

    table: ClassVar[str] = "token"
    params: list[int]
    hashes: list[int]
    rare: bool = False

    @property
    def reads_what_it_meets(self) -> bool:
        """Rows of one hash, each as good as the other."""
        return True

    def meets(self, value: Value) -> str:
        """What a row must meet."""
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and x.hash" + (
            f" {one_of(self.hashes, value, 'bigint')}"
        )

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition: one look into the index by all its columns."""
        if len(self.hashes) * len(self.params) > MANY_VALUES:
            return super().sql(value, key)
        return f"exists (select from {self.rows(value)} and x.rid = {key} offset 0)"

    @property
    def is_one_range(self) -> bool:
        """Whether its rows lie side by side in the index, newest first."""
        return len(self.hashes) * len(self.params) == 1


class Words(_Rows):
    """Has a text whose words begin with all words of one of these queries, in any order."""

    table: ClassVar[str] = "word"
    params: list[int]
    queries: list[list[str]]
    rare: bool = False

    @property
    def reads_what_it_meets(self) -> bool:
        """A word alone does; of several the rarest is read, the others are looked for in its rows."""
        return all(len(words) == 1 for words in self.queries)

    def meets(self, value: Value) -> str:
        """What a row must meet: the rarest word leads, the others are looked for in the same row."""
        parts = []
        for words in self.queries:
            lead, *others = sorted(words, key=_rarity)
            rest = "".join(f" and position({value(' ' + word)} in x.whole) > 0" for word in others)
            parts.append(f"(x.word >= {value(lead)} and x.word < {value(lead + END)}{rest})")
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and ({' or '.join(parts)})"


class Under(_Rows):
    """Has a URI that is one of these, or a path below one."""

    table: ClassVar[str] = "word"
    params: list[int]
    paths: list[str]
    rare: bool = False

    def meets(self, value: Value) -> str:
        """What a row must meet."""
        parts = [
            f"(x.word = {value(path)} or (x.word >= {value(path + '/')} and x.word < {value(path + '/' + END)}))"
            for path in self.paths
        ]
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and ({' or '.join(parts)})"


class Contains(_Rows):
    """Has a text that holds one of these folded pieces anywhere. Every text of the parameter is looked through."""

    table: ClassVar[str] = "word"
    params: list[int]
    pieces: list[str]
    rare: bool = False

    def meets(self, value: Value) -> str:
        """What a row must meet: it holds a whole value, and the piece stands in it."""
        parts = " or ".join(f"position({value(piece)} in x.whole) > 0" for piece in self.pieces)
        whole = f"x.word >= {value(WHOLE)} and x.word < {value(WHOLE + END)}"
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and {whole} and ({parts})"


class Spans(_Rows):
    """Has a date in one of these relations. `tests` are (prefix, lo, hi)."""

    table: ClassVar[str] = "span"
    params: list[int]
    tests: list[tuple[str, datetime, datetime]]
    rare: bool = False

    def meets(self, value: Value) -> str:
        """What a row must meet."""
        parts = [_SPAN_TESTS[prefix].format(lo=value(lo), hi=value(hi)) for prefix, lo, hi in self.tests]
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and ({' or '.join(parts)})"


class Amounts(_Rows):
    """Has a number or quantity in one of these relations. `tests` are (prefix, unit, exact, lo, hi).

    `unit` is 0 for any, or the hash of a unit or of a composite's first components (`store/rows.py`). lo and hi are the
    searched value to its precision; `exact` the value itself.
    """

    table: ClassVar[str] = "quantity"
    params: list[int]
    tests: list[tuple[str, int, float, float, float]]
    rare: bool = False

    def meets(self, value: Value) -> str:
        """What a row must meet."""
        parts = [
            f"(x.unit = {value(unit)}::bigint and "
            + _AMOUNT_TESTS[prefix](lambda v: f"{value(v)}::float8", exact, lo, hi)
            + ")"
            for prefix, unit, exact, lo, hi in self.tests
        ]
        return f"x.facility = $1 and x.param {one_of(self.params, value, 'smallint')} and ({' or '.join(parts)})"


def one_of(numbers: list[int], value: Value, kind: str) -> str:
    return f"= {value(numbers[0])}::{kind}" if len(numbers) == 1 else f"= any({value(numbers)}::{kind}[])"


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
    "ap": "(x.lo < {hi}::timestamptz and x.hi > {lo}::timestamptz)",
}
PREFIXES = frozenset(_SPAN_TESTS)

AmountTest = Callable[[Value, float, float, float], str]
#: A stored range x.lo–x.hi (a single number has both the same) beside the searched value.
_AMOUNT_TESTS: dict[str, AmountTest] = {
    "eq": lambda v, _exact, lo, hi: f"x.lo >= {v(lo)} and x.lo < {v(hi)} and x.hi < {v(hi)}",
    "ne": lambda v, _exact, lo, hi: f"not (x.lo >= {v(lo)} and x.hi < {v(hi)})",
    "gt": lambda v, exact, _lo, _hi: f"(x.lo > {v(exact)} or x.lo <> x.hi and x.hi > {v(exact)})",
    "ge": lambda v, exact, _lo, _hi: f"(x.lo >= {v(exact)} or x.lo <> x.hi and x.hi >= {v(exact)})",
    "lt": lambda v, exact, _lo, _hi: f"x.lo < {v(exact)}",
    "le": lambda v, exact, _lo, _hi: f"x.lo <= {v(exact)}",
    "sa": lambda v, exact, _lo, _hi: f"x.lo > {v(exact)}",
    "eb": lambda v, exact, _lo, _hi: f"x.lo < {v(exact)} and x.hi < {v(exact)}",
    "ap": lambda v, _exact, lo, hi: (
        f"(x.lo >= {v(lo)} and x.lo <= {v(hi)} or x.lo <> x.hi and x.lo <= {v(hi)} and x.hi >= {v(lo)})"
    ),
    # Half-open spans of time (the date in a composite).
    "within": lambda v, _exact, lo, hi: f"x.lo >= {v(lo)} and x.lo <= {v(hi)} and x.hi <= {v(hi)}",
    "not-within": lambda v, _exact, lo, hi: f"not (x.lo >= {v(lo)} and x.hi <= {v(hi)})",
    "from": lambda v, exact, _lo, _hi: f"x.lo >= {v(exact)}",
    "until": lambda v, exact, _lo, _hi: f"x.lo <= {v(exact)} and x.hi <= {v(exact)}",
    # Both ends as they are (token$number$number).
    "at": lambda v, _exact, lo, hi: f"x.lo = {v(lo)} and x.hi = {v(hi)}",
}

#: Words that stand in so many Vietnamese names that they find nobody alone.
_COMMON = {
    word: rank
    for rank, word in enumerate(
        [
            "anh",
            "kim",
            "huu",
            "duc",
            "ngoc",
            "thanh",
            "minh",
            "ly",
            "duong",
            "ngo",
            "ho",
            "do",
            "bui",
            "dang",
            "vo",
            "vu",
            "phan",
            "hoang",
            "pham",
            "le",
            "tran",
            "van",
            "thi",
            "nguyen",
        ]
    )
}


def _rarity(word: str) -> tuple[int, int]:
    if word.startswith(MARK) and word != MARK:
        return (len(_COMMON), 0)
    return (_COMMON.get(word, -1), -len(word))
