"""Conditions on other records: those that a record points at (a chain), those that point at it (`_has`).

Both go over the hash of `Type/id`: a reference is a token row under its parameter, and every record has one token row
of its own under SELF. So a link is two looks into one index, in either direction, and may be laid end to end.
"""

from __future__ import annotations

from typing import Any

import msgspec

from benhan.core.access import Decision
from benhan.core.store.guarding import is_open, pass_of
from benhan.core.store.query.clauses import IndexClause, Value


class Link(msgspec.Struct, tag=True):
    """Is joined to a record of another type that meets a condition.

    `near` is the parameter of this record's token row, `far` of the other's: a chain goes from a reference to SELF,
    `_has` from SELF to a reference. `other` is its type, `only` the one patient whose records she may learn from.
    """

    near: int
    far: int
    other: int
    clause: Any
    only: str | None = None
    #: The caller's pass to records of the other type (`core/store/guarding.py`).
    held: str | None = None
    #: True where few records are joined to one (those of a person, of a visit).
    narrow: bool = False

    def sql(self, value: Value, key: str = "r.key") -> str:
        """The condition, tried from this record outwards. The fences keep PostgreSQL to that order."""
        near, far = value(self.near), value(self.far)
        only = "".join(f" and {one}" for one in self._hers(value))
        return (
            f"exists (select from (select x.hash from token x where x.rid = {key} and x.param = {near}::smallint"
            " offset 0) near cross join lateral (select x.rid from token x where x.facility = $1"
            f" and x.param = {far}::smallint and x.hash = near.hash offset 0) far"
            " cross join lateral (select r.* from resource r where r.key = far.rid and r.facility = $1"
            f" and r.type = {value(self.other)}::smallint and r.body is not null{only} offset 0) r"
            f" where {self.clause.sql(value, 'r.key')})"
        )

    def _hers(self, value: Value) -> list[str]:
        """What the other record must meet so that she may learn from it."""
        only = [] if self.only is None else [f"r.patient = {value(self.only)}"]
        return only if self.held is None else [*only, is_open(f"{value(self.held)}::text")]


class LeadingLink(Link, IndexClause, tag=True):
    """A link whose inner condition is index rows, so that it can be followed from there: inner first."""

    @property
    def rare(self) -> bool:
        """Rare where the inner condition is, and few records hang on one."""
        return self.narrow and bool(self.clause.rare)

    @property
    def reads_what_it_meets(self) -> bool:
        """As the inner condition does, where none of the joined records is left out."""
        return self.only is None and self.held is None and bool(self.clause.reads_what_it_meets)

    def rows(self, value: Value) -> str:
        """The records joined to those that meet the inner condition."""
        near, far = value(self.near), value(self.far)
        only = ""
        if hers := self._hers(value):
            only = f" where exists (select from resource r where r.key = met.rid and {' and '.join(hers)} offset 0)"
        return (
            f"(select x.rid from (select distinct x.rid from {self.clause.rows(value)} offset 0) met"
            f" cross join lateral (select x.hash from token x where x.rid = met.rid and x.param = {far}::smallint"
            " offset 0) far cross join lateral (select x.rid from token x where x.facility = $1"
            f" and x.param = {near}::smallint and x.hash = far.hash offset 0) x{only}) x where true"
        )

    def counted(self, value: Value, most: int) -> str:
        """How many rows meet it, up to `most`; a common inner condition is not followed to find out."""
        outer = f"(select count(*) from (select from {self.rows(value)} limit {most}) few)"
        return f"(case when {self.clause.counted(value, most)} >= {most} then {most} else {outer} end)"


def link(near: int, far: int, other: int, clause: Any, decision: Decision, *, narrow: bool) -> Link:
    """The link, led from within where that is possible."""
    kind = LeadingLink if isinstance(clause, IndexClause) else Link
    return kind(near, far, other, clause, decision.only_patient, pass_of(decision.guard), narrow)
