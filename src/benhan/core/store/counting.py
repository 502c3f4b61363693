"""Counts over the search index: how many records there are by room, by code, by quarter of an hour.

No record is read and none shown, only counted; the policy is asked and a trace left as for a search. This is the only
way for departments to count: a filter by facility is written here and nowhere else.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from benhan.core.access import Interaction, Subject
from benhan.core.db import Transaction
from benhan.core.fhir import codec, r4
from benhan.core.fhir.moments import LATEST
from benhan.core.fhir.outcome import Malformed
from benhan.core.language import _
from benhan.core.store.lead import leading
from benhan.core.store.parameters import parameter
from benhan.core.store.pending import settle
from benhan.core.store.query import Params, parse
from benhan.core.store.records import audited, permit
from benhan.core.store.rows import hash64
from benhan.core.store.statement import Statement

#: Groups of one count.
MOST = 10_000


class ByToken(msgspec.Struct, frozen=True):
    """By the values of a token or reference parameter; a group's key is `hash64("system|code")` or of `Type/id`."""

    code: str

    def sql(self, params: str, value: Any) -> tuple[str, str]:
        """The group's key, and where it comes from for the record `met.key`."""
        return "{as_}.hash", f"select t.hash from token t where t.rid = met.key and t.param = {params}"


class ByTime(msgspec.Struct, frozen=True):
    """By how many whole steps lie between a moment and the beginning of a date parameter."""

    code: str
    since: datetime
    step: timedelta

    def sql(self, params: str, value: Any) -> tuple[str, str]:
        """The group's key, and where it comes from for the record `met.key`."""
        since, seconds = value(self.since), value(self.step.total_seconds())
        steps = f"floor(extract(epoch from s.lo - {since}::timestamptz)::float8 / {seconds}::float8)::bigint"
        return "{as_}.n", f"select {steps} as n from span s where s.rid = met.key and s.param = {params}"


class ByPresence(msgspec.Struct, frozen=True):
    """By whether a record has any value of a token or reference parameter; a group's key is 1 (it has) or 0."""

    code: str

    def sql(self, params: str, value: Any) -> tuple[str, str]:
        """The group's key, and where it comes from for the record `met.key`."""
        found = f"exists (select from token t where t.rid = met.key and t.param = {params})"
        return "{as_}.n", f"select case when {found} then 1 else 0 end as n"


By = ByToken | ByTime | ByPresence


async def tally(
    tx: Transaction, who: Subject, type_: type[r4.Resource], params: Params, *by: By, newest: int | None = None
) -> dict[tuple[int, ...], int]:
    """How many records meet a search in each group: (key of each `by`) → records. `newest` counts only so many of them.

    A record with several values is counted in each of their groups. With more than MOST groups the fullest are given.

    Raises:
        Forbidden, Malformed: as `search`.
    """
    statement = await _asked(tx, who, codec.type_name(type_), params, "tally")
    met = statement.keys(newest)
    keys, joins = [], ""
    for n, one in enumerate(by):
        column, source = one.sql(_params(who, codec.type_name(type_), one.code, statement), statement.value)
        keys.append(column.format(as_=f"g{n}"))
        joins += f" cross join lateral ({source}) g{n}"
    columns = "".join(f"{key} as k{n}, " for n, key in enumerate(keys))
    group = f" group by {', '.join(keys)} order by count(*) desc" if keys else ""
    rows = await tx.look(
        f"select {columns}count(*) as n from ({met}) met{joins}{group} limit {MOST}", *statement.values
    )
    return {tuple(row[f"k{n}"] for n in range(len(keys))): row["n"] for row in rows}


async def durations(
    tx: Transaction, who: Subject, type_: type[r4.Resource], params: Params, code: str, *, before: str
) -> list[float]:
    """Seconds from the beginning to the end of each found record's first period of a date parameter.

    Only periods that are over count, and only those that began before the parameter `before` did.

    Raises:
        Forbidden, Malformed: as `search`.
    """
    name = codec.type_name(type_)
    statement = await _asked(tx, who, name, params, "durations")
    met = statement.keys()
    period, begun = (_params(who, name, one, statement) for one in (code, before))
    rows = await tx.look(
        f"select extract(epoch from p.hi - p.lo)::float8 as seconds from ({met}) met cross join lateral"
        f" (select s.lo, s.hi from span s where s.rid = met.key and s.param = {period}"
        f" and s.lo < (select min(b.lo) from span b where b.rid = met.key and b.param = {begun})"
        f" order by s.lo limit 1) p where p.hi < {statement.value(LATEST)}::timestamptz",
        *statement.values,
    )
    return [row["seconds"] for row in rows]


def token_key(system: str | None, code: str) -> int:
    """The key of a coding's group in a `tally` by a token parameter."""
    return hash64(f"{system or ''}|{code}")


def reference_key(reference: str) -> int:
    """The key of a reference's group (`Location/x`) in a `tally` by a reference parameter."""
    return hash64(reference)


async def _asked(tx: Transaction, who: Subject, name: str, params: Params, detail: str) -> Statement:
    decision = permit(who, Interaction.SEARCH, name)
    query = parse(name, params, lambda linked: permit(who, Interaction.SEARCH, linked), facility=who.facility)
    if query.pending:
        await settle(tx, who, query)
    lead = await leading(tx, who.facility, query, decision, whole=True)
    audited(tx, who, Interaction.SEARCH, decision, name, None, query.patient, f"{detail} {query.said}")
    return Statement(who.facility, query, decision, lead)


def _params(who: Subject, name: str, code: str, statement: Statement) -> str:
    found = parameter(who.facility, name, code)
    if found is None:
        raise Malformed(_("%(type)s không có điều kiện “%(code)s”.", type=name, code=code), where=code)
    return f"any({statement.value(list(found.numbers))}::smallint[])"
