"""The SQL of one search of one type. Every value travels as a parameter; names come from our own tables.

Four ways to go about it, and `offset 0` keeps PostgreSQL to the one chosen, so that how long a search takes does not
depend on what it believes of tables that were filled a moment ago:

- by the record's own columns, where a patient or ids are asked;
- by the leading condition (`lead.py`): its few index rows are read, the others tried on each of them;
- by a common token straight off its index, which holds its records newest first, until the page is full;
- by walking the type from the newest record, trying every condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benhan.core.access import Decision
from benhan.core.store.lead import Lead
from benhan.core.store.query.clauses import Tokens
from benhan.core.store.query.combined import Compartment, Ids, is_on_record
from benhan.core.store.query.results import Query, SortKey
from benhan.core.store.records import NUMBERS

COLUMNS = "r.key, r.id, r.version, r.updated, r.patient, r.body"
#: An estimated total is counted so far; beyond, it is drawn out from how densely the newest lie.
COUNTED = 10_000


class Statement:
    """The SQL of one search and its values."""

    def __init__(
        self, facility: int, query: Query, decision: Decision, lead: Lead | None = None,
        after: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        self.values: list[Any] = [facility, NUMBERS[query.type]]
        self._query = query
        self._lead = lead
        self._only_patient = decision.only_patient
        self._after = after

    def page(self, limit: int) -> str:
        """The rows of a page in a total order; sort values come as s0, s1, …"""
        if not self._query.order and (streamed := self._streamed(limit)):
            return streamed
        keys = list(enumerate(self._query.order))
        sorts = "".join(f", {self._sorted_by(key)} as s{n}" for n, key in keys)
        walked = self._lead is None or not (self._lead.few or self._query.order)
        source = self._by_record() or (self._walked() if walked else self._led())
        hits = f"select {COLUMNS}{sorts} from {source}"
        if not keys and walked and not self._leads_by_record:
            before = f" and r.key < {self.value(self._after[-1])}::bigint" if self._after else ""
            return f"{hits}{before} order by r.key desc limit {self.value(limit)}"
        after = f" where {self._behind(self._after)}" if self._after else ""
        order = "".join(f"s{n} {'desc' if key.descending else 'asc'} nulls last, " for n, key in keys)
        way = "desc" if self._query.descending else "asc"
        return f"select * from ({hits}) r{after} order by {order}key {way} limit {self.value(limit)}"

    def all(self, limit: int) -> str:
        """All rows that meet the search, in no order, for sorting by what the index does not hold."""
        source = self._by_record() or (self._led() if self._lead else self._walked())
        sorts = "".join(
            f", {self._sorted_by(key)} as s{n}" for n, key in enumerate(self._query.order) if key.kind != "text"
        )
        return f"select {COLUMNS}{sorts} from {source} limit {self.value(limit)}"

    def keys(self, newest: int | None = None) -> str:
        """The keys of all records that meet the search, or of so many of the newest."""
        cut = f" order by r.key desc limit {self.value(newest)}" if newest else ""
        return f"select r.key from {self._by_record() or (self._led() if self._lead else self._walked())}{cut}"

    def total(self) -> str:
        """How many there are."""
        return f"select count(*) from {self._by_record() or (self._led() if self._lead else self._walked())}"

    def estimate(self) -> str:
        """About how many there are: the newest are counted, the others taken to lie as densely."""
        newest = f"select r.key from {self._by_record() or (self._led() if self._lead else self._walked())}"
        return (
            f"select met.n, case when met.n < {COUNTED} then met.n else greatest(met.n, (met.n::float8"
            " * (met.newest - (select min(o.key) from resource o where o.facility = $1 and o.type = $2) + 1)"
            " / greatest(met.newest - met.oldest, 1))::bigint) end as total"
            f" from (select count(*) as n, max(key) as newest, min(key) as oldest"
            f" from ({newest} order by r.key desc limit {COUNTED}) newest) met"
        )

    # ── where the rows come from ───────────────────────────────────────────────────────────────────────────────────

    @property
    def _leads_by_record(self) -> bool:
        return self._only_patient is not None or any(isinstance(one, Compartment | Ids) for one in self._query.clauses)

    def _by_record(self) -> str | None:
        """A patient's records, or those of some ids; the conditions on index rows are tried on each."""
        if not self._leads_by_record:
            return None
        own = [*self._row(), *(one.sql(self.value) for one in self._query.clauses if is_on_record(one))]
        probes = [one.sql(self.value) for one in self._query.clauses if not is_on_record(one)]
        return (
            f"(select * from resource r where {' and '.join(own)} offset 0) r where {' and '.join(['true', *probes])}"
        )

    def _walked(self) -> str:
        probes = [clause.sql(self.value) for clause in self._query.clauses]
        return f"resource r where {' and '.join([*self._row(), *probes])}"

    def _led(self, rows: str | None = None) -> str:
        assert self._lead
        lead = self._lead.clause
        rows = rows or f"(select distinct x.rid from {lead.rows(self.value)} offset 0)"
        others = [one for one in self._query.clauses if one is not lead]
        probes = "".join(f" and {one.sql(self.value, 'lead.rid')}" for one in others if not is_on_record(one))
        record = [*self._row(), *(one.sql(self.value) for one in others if is_on_record(one))]
        return (
            f"(select lead.rid from {rows} lead where true{probes} offset 0) lead cross join lateral"
            f" (select * from resource r where r.key = lead.rid and {' and '.join(record)} offset 0) r where true"
        )

    def _streamed(self, limit: int) -> str | None:
        """Off the index of a common token, newest first, no further than the page is long."""
        if self._lead is None or self._lead.few or not isinstance(self._lead.clause, Tokens):
            return None
        before = f" and x.rid < {self.value(self._after[-1])}::bigint" if self._after else ""
        rows = self._lead.clause.ordered(self.value, before)
        if rows is None:
            return None
        return f"select {COLUMNS} from {self._led(rows)} order by lead.rid desc limit {self.value(limit)}"

    def _row(self) -> list[str]:
        """What the record itself must meet."""
        only = [] if self._only_patient is None else [f"r.patient = {self.value(self._only_patient)}"]
        return ["r.facility = $1", "r.type = $2", "r.body is not null", *only]

    # ── the order ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _sorted_by(self, key: SortKey) -> str:
        """The value a record is sorted by: the earliest of several going up, the latest going down."""
        column = _COLUMN.get(key.kind)
        if column:
            return column
        pick = "max" if key.descending else "min"
        return _PICKED[key.kind].format(pick=pick, params=f"any({self.value(list(key.params))}::smallint[])")

    def _behind(self, after: Sequence[Any]) -> str:
        """What comes after this position: the first key that differs decides; no value at all comes last."""
        sign = "<" if self._query.descending else ">"
        behind = f"key {sign} {self.value(after[-1])}::bigint"
        for n, key in reversed(list(enumerate(self._query.order))):
            if after[n] is None:
                behind = f"(s{n} is null and {behind})"
                continue
            place = f"{self.value(after[n])}::{TYPES[key.kind]}"
            further = "<" if key.descending else ">"
            behind = f"(s{n} {further} {place} or s{n} is null or (s{n} = {place} and {behind}))"
        return behind

    def value(self, value: Any) -> str:
        """Take a value; gives its place in the statement."""
        self.values.append(value)
        return f"${len(self.values)}"


_COLUMN = {"updated": "r.updated", "id": "r.id"}
_PICKED = {
    "date": "(select {pick}(s.lo) from span s where s.rid = r.key and s.param = {params})",
    "string": "(select {pick}(w.word) from word w where w.rid = r.key and w.param = {params} and w.word < E'\\x02')",
    "number": "(select {pick}(q.lo) from quantity q where q.rid = r.key and q.param = {params} and q.unit = 0)",
}
#: The type of each kind of sort value.
TYPES = {"updated": "timestamptz", "id": "text", "date": "timestamptz", "string": "text", "number": "float8"}
