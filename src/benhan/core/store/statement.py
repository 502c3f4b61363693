"""The SQL of one search of one type. Every value travels as a parameter; names come from our own tables.

Five ways to go about it. Fences (`offset 0`, an order inside) keep PostgreSQL to the one chosen, so that how long a
search takes does not depend on what it believes of tables that were filled a moment ago:

- by the record's own columns, where a patient or ids are asked;
- by the leading condition (`lead.py`): its few index rows are read, the others tried on each of them;
- along a common token's index rows, which lie newest first, until the page is full;
- along the index of what is sorted by, where many records meet the search;
- along the type from the newest record, trying every condition, until the page is full.

Keys are found first; the records of the page alone are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

import msgspec

from benhan.core.access import Decision
from benhan.core.store.bodies import body_of
from benhan.core.store.guarding import UNMARKED, marked, opens
from benhan.core.store.lead import Lead
from benhan.core.store.query.clauses import Tokens
from benhan.core.store.query.combined import Compartment, Ids, Present, Without, is_on_record, is_typed
from benhan.core.store.query.results import Query, SortKey
from benhan.core.store.records import NUMBERS

COLUMNS = f"r.key, r.id, r.version, r.updated, r.patient, {body_of('r')}"
#: An estimated total is counted so far; beyond, it is drawn out from how densely the newest lie.
COUNTED = 10_000


class Source(NamedTuple):
    """Where the keys come from: what stands behind FROM, and the key in it."""

    sql: str
    key: str
    #: Whether the record itself stands in it as `r`.
    record: bool = False


class Statement:
    """The SQL of one search and its values."""

    def __init__(
        self, facility: int, query: Query, decision: Decision, lead: Lead | None = None,
        after: Sequence[Any] | None = None,
    ) -> None:  # fmt: skip
        self.values: list[Any] = [facility]
        self._query = query
        self._lead = lead
        self._only_patient = decision.only_patient
        self._decision = decision
        self._after = after

    @property
    def along_the_order(self) -> bool:
        """Whether the index of the first sort key is walked: records without a value then need another search."""
        order = self._query.order
        return bool(order) and order[0].kind in _WALKED and not self._by_columns and not (self._lead and self._lead.few)

    @property
    def is_light(self) -> bool:
        """Whether few rows are touched whatever the hospital's size: one patient's, or those a rare condition reads."""
        return self._by_columns or (self._lead is not None and self._lead.few and self._lead.clause.reads_what_it_meets)

    def page(self, limit: int) -> str:
        """The rows of a page in a total order; sort values come as s0, s1, …"""
        order = self._query.order
        if self.along_the_order:
            source = self._ordered(order[0])
            sorts = ["walk.s0", *(self._sorted_by(key, source.key) for key in order[1:])]
        else:
            source = self._source()
            sorts = [self._sorted_by(key, source.key) for key in order]
        columns = f"{COLUMNS}, " if source.record else ""
        named = "".join(f", {sort} as s{n}" for n, sort in enumerate(sorts))
        found = f"select {columns}{source.key} as rid{named} from {source.sql}"
        behind = f" where {self._behind(self._after)}" if self._after else ""
        by = self._ordering()
        hits = f"select * from ({found}) hit{behind} order by {by} limit {self.value(limit)}"
        if source.record:
            return hits
        kept = "".join(f", hit.s{n}" for n in range(len(order)))
        return f"select {COLUMNS}{kept} from ({hits}) hit{_RECORD} order by {by}"

    def without_first_key(self) -> Query:
        """The search of the records that have no value for the first sort key: they come last."""
        first = self._query.order[0]
        absent = Without(Present(list(first.params), [_WALKED[first.kind].table]))
        kept: dict[str, Any] = {name: getattr(self._query, name) for name in Query.__struct_fields__}
        kept["clauses"] = [*self._query.clauses, absent]
        kept["sort"] = [SortKey("none"), *self._query.order[1:]]
        return Query(**kept)

    def all(self, limit: int) -> str:
        """All rows that meet the search, in no order, for sorting by what the index does not hold."""
        sorts = [(n, key) for n, key in enumerate(self._query.order) if key.kind != "text"]
        named = "".join(f", {self._sorted_by(key, 'hit.key')} as s{n}" for n, key in sorts)
        return f"select {COLUMNS}{named} from ({self.keys()} limit {self.value(limit)}) hit{_OF_KEY}"

    def keys(self, newest: int | None = None) -> str:
        """The keys of all records that meet the search, or of so many of the newest."""
        source = self._source(whole=newest is None)
        cut = f" order by {source.key} desc limit {self.value(newest)}" if newest else ""
        return f"select {source.key} as key from {source.sql}{cut}"

    def total(self) -> str:
        """How many there are. Where a label may close some of many: all that meet the search, less those closed."""
        each = f"select count(*) from {self._source(whole=True).sql}"
        if self._decision.guard is None or self._by_columns or self._lead is None or self._lead.few:
            return each
        keys, are_few = marked(self._query.type)
        [is_open] = opens(self._decision, self.value)
        record = f"r.key = m.key and {' and '.join(self._columns())} and not {is_open}"
        free = self._unguarded()
        met = f"exists (select from resource r where {record} offset 0){free._tried(self._query.clauses, 'm.key')}"
        all_ = f"select count(*) from {free._source(whole=True).sql}"
        closed = f"select count(*) from ({keys}) m where {met}"
        return f"select case when {are_few} then ({all_}) - ({closed}) else ({each}) end"

    def _unguarded(self) -> Statement:
        """The same search where no label closes anything; its values go to the same places."""
        free = copy(self)
        free._decision = msgspec.structs.replace(self._decision, guard=None)
        return free

    def estimate(self) -> str:
        """About how many there are: the newest are counted, the others taken to lie as densely."""
        oldest = f"(select min(o.key) from resource o where o.facility = $1 and o.type = {self._type()})"
        return (
            f"select met.n, case when met.n < {COUNTED} then met.n else greatest(met.n, (met.n::float8"
            f" * (met.newest - {oldest} + 1)"
            " / greatest(met.newest - met.oldest, 1))::bigint) end as total"
            " from (select count(*) as n, max(key) as newest, min(key) as oldest"
            f" from ({self.keys(COUNTED)}) newest) met"
        )

    def value(self, value: Any) -> str:
        """Take a value along; gives its place in the statement."""
        self.values.append(value)
        return f"${len(self.values)}"

    # ── where the keys come from ───────────────────────────────────────────────────────────────────────────────────

    @property
    def _by_columns(self) -> bool:
        of_columns = any(isinstance(one, Compartment | Ids) for one in self._query.clauses)
        return self._only_patient is not None or of_columns

    def _source(self, *, whole: bool = False) -> Source:
        """The way; `whole`: to the last record that meets the search, not to the end of a page."""
        if self._by_columns:
            return self._of_record()
        if self._lead is None:
            return self._walked()
        if isinstance(self._lead.clause, Tokens) and self._lead.clause.is_one_range:
            rows = " and ".join([self._lead.clause.rows(self.value), *self._within("x.rid")])
            return self._led(f"(select x.rid from {rows} order by x.rid desc)")
        if self._lead.few or self._query.order or whole:
            return self._led(f"(select distinct x.rid from {self._lead.clause.rows(self.value)} offset 0)")
        return self._walked()

    def _of_record(self) -> Source:
        """A patient's records, or those of some ids; the conditions on index rows are tried on each."""
        own = [*self._columns(), *(one.sql(self.value) for one in self._query.clauses if is_on_record(one))]
        probes = [one.sql(self.value) for one in self._query.clauses if not is_on_record(one)]
        probes += opens(self._decision, self.value)
        rows = f"(select * from resource r where {' and '.join(own)} offset 0) r"
        return Source(f"{rows} where {' and '.join(['true', *probes])}", "r.key", record=True)

    def _walked(self) -> Source:
        probes = [clause.sql(self.value) for clause in self._query.clauses]
        probes += opens(self._decision, self.value)
        own = [*self._columns(), *self._within("r.key")]
        return Source(f"resource r where {' and '.join([*own, *probes])}", "r.key", record=True)

    def _within(self, key: str) -> list[str]:
        """Between which keys a walk goes. Fenced, or PostgreSQL looks for the least along the index of all keys."""
        if self._lead is None or self._lead.within is None:
            return []
        rows = f"(select x.rid from {self._lead.within.rows(self.value)} offset 0) met"
        return [f"{key} >= (select min(met.rid) from {rows})", f"{key} <= (select max(met.rid) from {rows})"]

    def _led(self, rows: str) -> Source:
        assert self._lead
        others = [one for one in self._query.clauses if one is not self._lead.clause]
        return Source(f"{rows} lead where true{self._tried(others, 'lead.rid')}", "lead.rid")

    def _ordered(self, key: SortKey) -> Source:
        """Along the index of what is sorted by; of several values of a record only the one that counts."""
        walk = _WALKED[key.kind]
        way, pick, further = ("desc", "max", "<=") if key.descending else ("asc", "min", ">=")
        params = self._params(key)
        start = f" and x.{walk.column} {further} {self.value(self._after[0])}::{walk.type}" if self._after else ""
        rows = (
            f"(select x.rid, x.{walk.column} as s0 from {walk.table} x where x.facility = $1 and x.param = {params}"
            f"{walk.where}{start} order by x.{walk.column} {way}, x.rid {way})"
        )
        counts = walk.picked.format(pick=pick, key="walk.rid", params=params)
        tried = self._tried(self._query.clauses, "walk.rid")
        return Source(f"{rows} walk where walk.s0 = {counts}{tried}", "walk.rid")

    def _tried(self, clauses: Sequence[Any], key: str) -> str:
        """Conditions tried on a key; those of the record itself, and its type where nothing else tells it."""
        said = [one.sql(self.value, key) for one in clauses if not is_on_record(one)]
        own = [one.sql(self.value) for one in clauses if is_on_record(one)]
        guard = opens(self._decision, self.value)
        if own or not (any(is_typed(one) for one in self._query.clauses) or self.along_the_order):
            own = [f"r.key = {key}", *self._columns(), *own, *guard]
            said.append(f"exists (select from resource r where {' and '.join(own)} offset 0)")
        elif guard:
            record = f"select from resource r where r.key = {key} and {guard[0]} offset 0"
            said.append(f"({UNMARKED} or exists ({record}))")
        return "".join(f" and {one}" for one in said)

    def _columns(self) -> list[str]:
        """What the record's own columns must meet."""
        only = [] if self._only_patient is None else [f"r.patient = {self.value(self._only_patient)}"]
        return ["r.facility = $1", f"r.type = {self._type()}", "r.body is not null", *only]

    def _type(self) -> str:
        return f"{self.value(NUMBERS[self._query.type])}::smallint"

    # ── the order ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _ordering(self) -> str:
        """The order. Where no value is missing nothing is said of missing ones: only so does an index serve it."""
        way = "desc" if self._query.descending else "asc"
        said = ""
        for n, key in enumerate(self._query.order):
            always = key.kind in _COLUMN or (n == 0 and self.along_the_order)
            said += f"hit.s{n} {'desc' if key.descending else 'asc'}{'' if always else ' nulls last'}, "
        return f"{said}hit.rid {way}"

    def _params(self, key: SortKey) -> str:
        if len(key.params) == 1:
            return f"{self.value(key.params[0])}::smallint"
        return f"any({self.value(list(key.params))}::smallint[])"

    def _sorted_by(self, key: SortKey, rid: str) -> str:
        """The value a record is sorted by: the earliest of several going up, the latest going down."""
        if key.kind == "none":
            return "null::int"
        if key.kind in _COLUMN:
            column = _COLUMN[key.kind]
            return f"r.{column}" if rid == "r.key" else f"(select r.{column} from resource r where r.key = {rid})"
        pick = "max" if key.descending else "min"
        return _WALKED[key.kind].picked.format(pick=pick, key=rid, params=self._params(key))

    def _behind(self, after: Sequence[Any]) -> str:
        """What comes after this position: the first key that differs decides; no value at all comes last."""
        sign = "<" if self._query.descending else ">"
        behind = f"hit.rid {sign} {self.value(after[-1])}::bigint"
        for n, key in reversed(list(enumerate(self._query.order))):
            if after[n] is None:
                behind = f"(hit.s{n} is null and {behind})"
                continue
            place = f"{self.value(after[n])}::{TYPES[key.kind]}"
            further = "<" if key.descending else ">"
            behind = f"(hit.s{n} {further} {place} or hit.s{n} is null or (hit.s{n} = {place} and {behind}))"
        return behind


_RECORD = " cross join lateral (select * from resource r where r.key = hit.rid offset 0) r"
_OF_KEY = " cross join lateral (select * from resource r where r.key = hit.key offset 0) r"
_COLUMN = {"updated": "updated", "id": "id"}


class _Walk(NamedTuple):
    """An index that holds the values of a sort key in their order."""

    table: str
    column: str
    type: str
    where: str
    picked: str


_WALKED = {
    "date": _Walk(
        "span", "lo", "timestamptz", "",
        "(select {pick}(s.lo) from span s where s.rid = {key} and s.param = {params})",
    ),
    "string": _Walk(
        "word", "word", "text", " and x.word < E'\\x02'",
        "(select {pick}(w.word) from word w where w.rid = {key} and w.param = {params} and w.word < E'\\x02')",
    ),
    "number": _Walk(
        "quantity", "lo", "float8", " and x.unit = 0",
        "(select {pick}(q.lo) from quantity q where q.rid = {key} and q.param = {params} and q.unit = 0)",
    ),
}  # fmt: skip
#: The type of each kind of sort value.
TYPES = {
    "updated": "timestamptz", "id": "text", "date": "timestamptz", "string": "text", "number": "float8", "none": "int",
}  # fmt: skip
