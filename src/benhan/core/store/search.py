"""Search: FHIR parameters → conditions on index rows → one statement → a page of records.

What is asked is parsed by `query.py` into clauses; names and sort keys come from tables, never from the caller.
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
from benhan.core.store.query import Query, parse
from benhan.core.store.read import read_many
from benhan.core.store.records import NUMBERS, audited, permit

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
    statement = Statement(who.facility, name, query, decision)
    rows = await tx.fetch(statement.page(), *statement.values)
    more = len(rows) > query.count
    rows = rows[: query.count]
    resources = [codec.decode(row["body"], type_) for row in rows]
    page = Page(
        resources=resources,
        included=await _included(tx, who, query, resources),
        total=await _total(tx, who, name, query, decision) if query.total else None,
        next=_cursor(rows[-1]["sort"], rows[-1]["key"]) if more else None,
        ignored=query.ignored,
    )
    for row in rows:
        if row["patient"] is None:
            continue  # the house's own records: the search itself is trace enough
        audited(tx, who, Interaction.READ, decision, name, row["id"], row["patient"], "search")
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
    return await _total(tx, who, name, query, decision)


async def _total(tx: Transaction, who: Subject, name: str, query: Query, decision: Decision) -> int:
    statement = Statement(who.facility, name, query, decision)
    total: int = await tx.fetchval(statement.total(), *statement.values)
    return total


class Statement:
    """The SQL of one search. Every value travels as a parameter."""

    def __init__(self, facility: int, type_name: str, query: Query, decision: Decision) -> None:
        self.values: list[Any] = [facility, NUMBERS[type_name]]
        self._query = query
        self._conditions = ["r.facility = $1", "r.type = $2", "r.body is not null"]
        if decision.only_patient is not None:
            self._conditions.append(f"r.patient = {self._value(decision.only_patient)}")
        for clause in query.clauses:
            self._conditions.append(clause.sql(self._value))

    def page(self) -> str:
        """The rows of a page and one more, in a total order."""
        order = "desc" if self._query.descending else "asc"
        hits = (
            f"select r.key, r.id, r.patient, r.body, {self._sort()} as sort from resource r"
            f" where {' and '.join(self._conditions)}"
        )
        after = ""
        if self._query.after:
            moment, key = _position(self._query.after)
            sign = "<" if self._query.descending else ">"
            after = f" where (sort, key) {sign} ({self._value(moment)}::timestamptz, {self._value(key)}::bigint)"
        limit = self._value(self._query.count + 1)
        return f"select * from ({hits}) hit{after} order by sort {order}, key {order} limit {limit}"

    def total(self) -> str:
        """How many there are."""
        return f"select count(*) from resource r where {' and '.join(self._conditions)}"

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
