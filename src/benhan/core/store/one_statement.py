"""A search that is all its request does, in one statement: verified, found, counted, followed and traced.

Searches of one shape (the same SQL, other values) that requests ask at the same moment share the statement, as reads
by id do (ADR 7): the values become arrays, the search a LATERAL over them. Only those that touch few rows whatever the
hospital's size (`Statement.is_light`) go together, so nobody waits for somebody else's long search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from benhan.core.access import Subject
from benhan.core.access.audit import MOST_DETAIL
from benhan.core.db import Database, Entry, Row, Transaction, entered, unseen
from benhan.core.store.along import MOST, Along, Ways, following
from benhan.core.store.bodies import told, whole
from benhan.core.store.found import Found, found_of
from benhan.core.store.query import Query
from benhan.core.store.statement import Statement

#: How a value travels in an array. A value that is a list itself cannot: its search goes alone.
ARRAYS: dict[type, str] = {int: "bigint", str: "text", float: "float8", datetime: "timestamptz"}
#: Who searched which type by which rule, for which patient and in which words; what is said of the records she is
#: shown, and how many they are at most.
_ACTS = ("text", "text", "text", "text", "text", "text", "text", "bigint", "text")
_ACT = "account, session, type, rule, patient, said, detail, most, address"


class Traced(msgspec.Struct, frozen=True):
    """What the trace of a search says: whose records are shown is added by the statement."""

    who: Subject
    type: str
    rule: str
    patient: str | None
    text: str
    detail: str


class _Asked(msgspec.Struct):
    """One search: its values, how many records are shown, its trace, and how the caller came in."""

    entry: Entry
    values: list[Any]
    most: int
    traced: Traced
    address: str | None


async def page(
    tx: Transaction, statement: Statement, query: Query, traced: Traced, ways: Ways | None
) -> tuple[list[Found], int | None, Along | None]:
    """The rows of a page and one more, the total where an accurate one is asked, and what its references lead to by
    these ways. The trace is committed."""
    assert tx.entry
    hits = statement.page(query.count + 1)
    counted = f"({statement.total()})" if query.total == "accurate" else "null::bigint"
    kinds = tuple(ARRAYS.get(type(value), "") for value in statement.values[1:])
    together, keys = statement.is_light and all(kinds), len(query.order)
    sql = _written(hits, counted, kinds if together else (), len(statement.values), keys, followed=ways is not None)
    piece = _Asked(tx.entry, statement.values, query.count, traced, tx.address)
    common: tuple[Any, ...] = msgspec.structs.astuple(ways) if ways else ()

    async def ask(database: Database, facility: int, asked: Sequence[_Asked]) -> list[list[Row]]:
        return await _asked(database, facility, asked, sql, common, together=together)

    rows = await tx.shared((f"{ways}{sql}" if ways else sql) if together else None, piece, ask)
    page_rows = told(tx, [row for row in rows if row["place"] is not None and row["came"] is None])
    found = [found_of(row, query.type, keys) for row in page_rows]
    came = [found_of(row, row["came"]) for row in whole(tx, [row for row in rows if row["came"] is not None])]
    return found, rows[0]["total"], Along(came[:MOST], cut=len(came) > MOST) if ways else None


async def _asked(
    database: Database, facility: int, asked: Sequence[_Asked], sql: str, common: Sequence[Any], *, together: bool
) -> list[list[Row]]:
    """The rows of each; one without a place where nothing is found. `common`: values that all of them share."""
    callers = list({one.entry: None for one in asked})
    values: Sequence[Any] = asked[0].values[1:]
    if together:
        values = list(zip(*(one.values[1:] for one in asked), strict=True))
    acts = zip(*(_act(one) for one in asked), strict=True)
    found = await database.ask(
        sql, facility, *values, [one.token for one in callers], [one.stamp for one in callers], *acts, *common
    )
    answers: list[list[Row]] = [[] for _ in asked]
    for row in found:
        answers[row["n"] - 1].append(row)
    return answers


def _act(asked: _Asked) -> tuple[Any, ...]:
    traced = asked.traced
    account, session = traced.who.account, traced.who.session
    said = traced.type, traced.rule, traced.patient, traced.text, traced.detail
    return account, session, *said, asked.most, asked.address


@lru_cache(1000)
def _written(hits: str, counted: str, kinds: tuple[str, ...], values: int, keys: int, *, followed: bool) -> str:
    """The statement. `kinds`: of the values after the facility, where they are arrays of several searches' values;
    `keys`: how many sort values a row has; `followed`: whether what the page points at comes along."""
    asked = "(select 1::bigint as n) asked"
    if kinds:
        arrays = ", ".join(unseen(f"${n}::{kind}[]") for n, kind in enumerate(kinds, 2))
        names = "".join(f"v{n}, " for n in range(2, len(kinds) + 2))
        asked = f"unnest({arrays}) with ordinality asked({names}n)"
        hits, counted = (re.sub(r"\$(\d+)", _of_array, text) for text in (hits, counted))
    acts = ", ".join(unseen(f"${n}::{kind}[]") for n, kind in enumerate(_ACTS, values + 3))
    came = f"{following(values + 3 + len(_ACTS))}," if followed else ""
    sorts = "".join(f", s{n}" for n in range(keys))
    return f"""
with found as materialized (
    select asked.n, {counted} as total, hit.* from {asked}
    left join lateral (select row_number() over () as place, page.* from ({hits}) page) hit on true
    {entered(values + 1)}),
act as (select * from unnest({acts}) with ordinality act({_ACT}, n)),
shown as (
    select found.n, place, key, type, rule, detail, found.patient, id from act join found on found.n = act.n
    and found.place <= act.most),{came}
noted as (
    insert into audit (facility, account, session, action, type, id, patient, allowed, rule, detail, address)
    select $1, account, session, 'read', string_agg(distinct seen.type, ','), case when count(*) = 1 then min(id) end,
           seen.patient, true, string_agg(distinct seen.rule, ', '),
           left(seen.detail || case when count(*) = 1 then '' when min(seen.type) = max(seen.type)
                then ' ' || string_agg(id, ' ' order by place)
                else ' ' || string_agg(seen.type || '/' || id, ' ' order by place) end, {MOST_DETAIL}),
           address
    from act join (table shown{_SEEN if followed else ""}) seen on seen.n = act.n
    where seen.patient is not null
    group by act.n, account, session, address, seen.detail, seen.patient
    union all select $1, account, session, 'search', type, null, patient, true, rule, said, address from act)
select n, total, place, {_COLUMNS}{sorts}, null as came from found
{_CAME.format("".join(", null" for _ in range(keys))) if followed else ""}"""


_COLUMNS = "key, id, version, updated, patient, body"
_SEEN = f" union all select n, place, key, name, rule, 'included', patient, id from came where place <= {MOST}"
_CAME = f"union all select n, null, place, {_COLUMNS}{{}}, name from came"


def _of_array(found: re.Match[str]) -> str:
    return "$1" if found[1] == "1" else f"asked.v{found[1]}"
