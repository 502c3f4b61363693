"""Search: FHIR parameters → conditions on index rows → one statement → a page of records.

What is asked is parsed by `query.py` into clauses; `lead.py` finds out which of them to begin with. Names and sort
keys come from tables, never from the caller.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic

import msgspec

from benhan.core.access import Decision, Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir import search as definitions
from benhan.core.fhir.outcome import Malformed
from benhan.core.store.lead import Lead, leading
from benhan.core.store.query import Query, is_on_record, parse
from benhan.core.store.read import read_many
from benhan.core.store.records import NUMBERS, audited, audited_many, permit

Params = Mapping[str, str | Sequence[str]]


class Page(msgspec.Struct, Generic[r4.R]):
    """One page of an answer."""

    resources: list[r4.R]
    included: list[r4.Resource] = []
    total: int | None = None
    next: str | None = None
    ignored: list[str] = []


async def search(tx: Transaction, who: Subject, type_: type[r4.R], params: Params) -> Page[r4.R]:
    """Records of a type that meet all parameters, newest first unless `_sort` says otherwise.

    Raises:
        Forbidden: the type may not be searched; Malformed: a parameter cannot be read or is not supported.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.SEARCH, name)
    query = parse(name, params)
    lead = await leading(tx, who.facility, query, decision)
    statement = Statement(who.facility, name, query, decision, lead)
    rows = await tx.fetch(statement.page(), *statement.values)
    more = len(rows) > query.count
    rows = rows[: query.count]
    resources = [codec.kept(row["body"], type_) for row in rows]
    page = Page(
        resources=resources,
        included=await _included(tx, who, query, resources),
        total=await _total(tx, who, name, query, decision, lead) if query.total else None,
        next=_cursor(rows[-1]["sort"], rows[-1]["key"]) if more else None,
        ignored=query.ignored,
    )
    audited_many(tx, who, decision, name, ((row["id"], row["patient"]) for row in rows), "search")
    audited(tx, who, Interaction.SEARCH, decision, name, None, query.patient, query.text)
    return page


async def first(tx: Transaction, who: Subject, type_: type[r4.R], params: Params) -> r4.R | None:
    """The first record that meets all parameters, if any."""
    page = await search(tx, who, type_, {**params, "_count": "1"})
    return page.resources[0] if page.resources else None


async def count(tx: Transaction, who: Subject, type_: type[r4.Resource], params: Params) -> int:
    """How many records meet all parameters.

    Raises:
        Forbidden, Malformed: as `search`.
    """
    name = codec.type_name(type_)
    decision = permit(who, Interaction.SEARCH, name)
    query = parse(name, params)
    audited(tx, who, Interaction.SEARCH, decision, name, None, query.patient, f"count {query.text}")
    return await _total(tx, who, name, query, decision, await leading(tx, who.facility, query, decision))


async def _total(tx: Transaction, who: Subject, name: str, query: Query, decision: Decision, lead: Lead | None) -> int:
    statement = Statement(who.facility, name, query, decision, lead)
    total: int = await tx.fetchval(statement.total(), *statement.values)
    return total


class Statement:
    """The SQL of one search. Every value travels as a parameter.

    Either the index rows of the leading condition are read and the others are tried on each of them, or the records
    of the type are walked from the newest, trying every condition. `offset 0` keeps PostgreSQL to this order: how
    long a search takes does not depend on what it believes of tables that were filled a moment ago.
    """

    def __init__(
        self, facility: int, type_name: str, query: Query, decision: Decision, lead: Lead | None = None
    ) -> None:
        self.values: list[Any] = [facility, NUMBERS[type_name]]
        self._query = query
        self._lead = lead
        self._only_patient = decision.only_patient

    def page(self) -> str:
        """The rows of a page and one more, in a total order."""
        order = "desc" if self._query.descending else "asc"
        led = self._lead is not None and (self._lead.few or self._query.sort is not None)
        source = self._led() if led else self._walked()
        after = ""
        if self._query.after:
            moment, key = _position(self._query.after)
            sign = "<" if self._query.descending else ">"
            after = f" where (sort, key) {sign} ({self._value(moment)}::timestamptz, {self._value(key)}::bigint)"
        hits = f"select r.key, r.id, r.patient, r.body, {self._sort()} as sort from {source}"
        limit = self._value(self._query.count + 1)
        return f"select * from ({hits}) hit{after} order by sort {order}, key {order} limit {limit}"

    def total(self) -> str:
        """How many there are."""
        return f"select count(*) from {self._led() if self._lead else self._walked()}"

    def _walked(self) -> str:
        probes = [clause.sql(self._value) for clause in self._query.clauses]
        return f"resource r where {' and '.join([*self._row(), *probes])}"

    def _led(self) -> str:
        assert self._lead
        lead = self._lead.clause
        others = [one for one in self._query.clauses if one is not lead]
        probes = "".join(f" and {one.sql(self._value, 'lead.rid')}" for one in others if not is_on_record(one))
        rows = f"select distinct x.rid from {lead.rows(self._value)}"
        record = [*self._row(), *(one.sql(self._value) for one in others if is_on_record(one))]
        return (
            f"(select lead.rid from ({rows} offset 0) lead where true{probes} offset 0) lead cross join lateral"
            f" (select * from resource r where r.key = lead.rid and {' and '.join(record)} offset 0) r"
        )

    def _row(self) -> list[str]:
        """What the record itself must meet."""
        only = [] if self._only_patient is None else [f"r.patient = {self._value(self._only_patient)}"]
        return ["r.facility = $1", "r.type = $2", "r.body is not null", *only]

    def _sort(self) -> str:
        if self._query.sort is None:
            return "r.updated"
        param = self._value(self._query.sort)
        return (
            f"coalesce((select min(s.lo) from span s where s.rid = r.key and s.param = {param}::smallint),"
            " '0001-01-01'::timestamptz)"
        )

    def _value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _cursor(moment: datetime, key: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), key]).encode()).decode()


def _position(cursor: str) -> tuple[datetime, int]:
    try:
        moment, key = json.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(moment), int(key)
    except (ValueError, TypeError):
        raise Malformed("Vị trí trang không đọc được.", where="_after", advice="Tìm lại từ trang đầu.") from None


async def _included(tx: Transaction, who: Subject, query: Query, resources: Sequence[r4.Resource]) -> list[r4.Resource]:
    """Records that the found ones point at, each asked of the policy like any read."""
    wanted: dict[str, set[str]] = {}
    for resource in resources if query.include else ():
        for param, target in definitions.index(resource).references:
            type_name, _, id_ = target.partition("/")
            if param in query.include and type_name in NUMBERS:
                wanted.setdefault(type_name, set()).add(id_)
    found: list[r4.Resource] = []
    for type_name, ids in wanted.items():
        found += (await read_many(tx, who, codec.resource_type(type_name), ids)).values()
    return found
