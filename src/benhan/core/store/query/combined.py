"""Conditions put together from others, and conditions on the record's own columns."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from benhan.core.store.query.clauses import Clause, IndexClause, Value, one_of
from benhan.core.store.query.links import Link
from benhan.core.store.rows import SELF


class Either(msgspec.Struct, IndexClause, tag=True):
    """Meets at least one of these conditions."""

    clauses: list[Any]

    @property
    def rare(self) -> bool:
        """Rare where each of them is."""
        return all(clause.rare for clause in self.clauses)

    @property
    def reads_what_it_meets(self) -> bool:
        """Where each of them does."""
        return all(clause.reads_what_it_meets for clause in self.clauses)

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"({' or '.join(clause.sql(value, key) for clause in self.clauses)})"

    def rows(self, value: Value) -> str:
        """The index rows that meet it."""
        each = " union all ".join(f"select x.rid from {clause.rows(value)}" for clause in self.clauses)
        return f"({each}) x where true"

    def counted(self, value: Value, most: int) -> str:
        """How many rows meet it, up to `most` for each."""
        return f"({' + '.join(clause.counted(value, most) for clause in self.clauses)})"


def either(clauses: list[Any]) -> Any:
    """One condition as it is; several as one that is met when one of them is."""
    if len(clauses) == 1:
        return clauses[0]
    if all(isinstance(clause, IndexClause) for clause in clauses):
        return Either(clauses)
    return EitherOnRecord(clauses)


class EitherOnRecord(msgspec.Struct, tag=True):
    """Meets at least one of these conditions, of which some are not index rows: nothing to lead with."""

    clauses: list[Any]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"({' or '.join(clause.sql(value, key) for clause in self.clauses)})"


class Every(msgspec.Struct, tag=True):
    """Meets all of these conditions."""

    clauses: list[Any]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"({' and '.join(clause.sql(value, key) for clause in self.clauses)})"


class LeadingEvery(Every, IndexClause, tag=True):
    """The same where all are met by index rows: the first leads, the others are tried on its rows."""

    @property
    def rare(self) -> bool:
        """Rare where one of them is."""
        return any(clause.rare for clause in self.clauses)

    def rows(self, value: Value) -> str:
        """The index rows that meet it."""
        first, *others = self.clauses
        probes = "".join(f" and {clause.sql(value, 'first.rid')}" for clause in others)
        rows = f"(select x.rid from {first.rows(value)} offset 0) first"
        return f"(select first.rid from {rows} where true{probes}) x where true"

    def counted(self, value: Value, most: int) -> str:
        """How many rows meet the first, up to `most`."""
        found: str = self.clauses[0].counted(value, most)
        return found


def every(clauses: list[Any]) -> Any:
    """One condition as it is; several as one that is met when all are."""
    if len(clauses) == 1:
        return clauses[0]
    return (LeadingEvery if all(isinstance(one, IndexClause) for one in clauses) else Every)(clauses)


class Without(msgspec.Struct, tag=True):
    """Does not meet this condition."""

    clause: Any

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"not {self.clause.sql(value, key)}"


class Present(msgspec.Struct, tag=True):
    """Has a value under this parameter in one of these index tables (`:missing`)."""

    params: list[int]
    tables: list[str]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition. The names of the tables are ours (`kinds.py`)."""
        params = one_of(self.params, value, "smallint")
        each = (
            f"exists (select from {table} x where x.rid = {key} and x.param {params} offset 0)" for table in self.tables
        )
        return f"({' or '.join(each)})"


class Compartment(msgspec.Struct, tag=True):
    """Is in the compartment of one of these patients."""

    patients: list[str]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        if len(self.patients) == 1:
            return f"r.patient = {value(self.patients[0])}"
        return f"r.patient = any({value(self.patients)})"


class Ids(msgspec.Struct, tag=True):
    """Has one of these ids."""

    ids: list[str]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        return f"r.id = any({value(self.ids)}::text[])"


class Updated(msgspec.Struct, tag=True):
    """Was last written in one of these relations to a moment."""

    tests: list[tuple[str, datetime, datetime]]

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition."""
        parts = [_MOMENT_TESTS[prefix].format(lo=value(lo), hi=value(hi)) for prefix, lo, hi in self.tests]
        return f"({' or '.join(parts)})"


def is_on_record(clause: Clause) -> bool:
    """Whether a condition reads columns of the record, not its index rows."""
    if isinstance(clause, Without):
        return is_on_record(clause.clause)
    if isinstance(clause, EitherOnRecord | Every):
        return any(is_on_record(one) for one in clause.clauses)
    return isinstance(clause, Compartment | Ids | Updated)


def is_typed(clause: Clause) -> bool:
    """Whether only records of the type searched can meet it: parameters are numbered by type, SELF is everybody's."""
    if isinstance(clause, Link):
        return clause.near != SELF
    if isinstance(clause, Either | EitherOnRecord):
        return all(is_typed(one) for one in clause.clauses)
    if isinstance(clause, Every):
        return any(is_typed(one) for one in clause.clauses)
    return isinstance(clause, IndexClause | Present)


#: The same for one moment, `r.updated`.
_MOMENT_TESTS = {
    "eq": "(r.updated >= {lo}::timestamptz and r.updated < {hi}::timestamptz)",
    "ne": "not (r.updated >= {lo}::timestamptz and r.updated < {hi}::timestamptz)",
    "ge": "(r.updated >= {lo}::timestamptz and {hi}::timestamptz is not null)",
    "gt": "(r.updated >= {hi}::timestamptz and {lo}::timestamptz is not null)",
    "le": "(r.updated < {hi}::timestamptz and {lo}::timestamptz is not null)",
    "lt": "(r.updated < {lo}::timestamptz and {hi}::timestamptz is not null)",
    "sa": "(r.updated >= {hi}::timestamptz and {lo}::timestamptz is not null)",
    "eb": "(r.updated < {lo}::timestamptz and {hi}::timestamptz is not null)",
    "ap": "(r.updated >= {lo}::timestamptz and r.updated < {hi}::timestamptz)",
}
