"""Rights with conditions (`patient/Observation.rs?category=laboratory`): they compile into the search.

Only who holds them asks the policy with `where=True`: searches, reads by id, what comes along. To every other door
(history, `$everything`, bulk export, chains, live streams) a right with conditions is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benhan.core.access import Decision
from benhan.core.db import Transaction
from benhan.core.store.query import parse
from benhan.core.store.query.combined import Ids, either, every
from benhan.core.store.query.results import Query
from benhan.core.store.statement import Statement


def conditions(facility: int, name: str, decision: Decision) -> list[Any]:
    """What a search must meet beside what it asks for."""
    if not decision.where:
        return []
    return [either([every(_clauses(facility, name, one)) for one in decision.where])]


async def meeting(tx: Transaction, facility: int, name: str, decision: Decision, ids: Iterable[str]) -> set[str]:
    """Those of some records that meet the conditions of a decision."""
    wanted = sorted(set(ids))
    if not decision.where or not wanted:
        return set(wanted)
    query = Query(type=name, facility=facility, text="", clauses=[Ids(wanted), *conditions(facility, name, decision)])
    statement = Statement(facility, query, decision)
    sql = f"select r.id from ({statement.keys()}) hit join resource r on r.key = hit.key"
    return {row["id"] for row in await tx.look(sql, *statement.values)}


def _clauses(facility: int, name: str, asked: Iterable[tuple[str, str]]) -> list[Any]:
    return [one for code, value in asked for one in parse(name, {code: value}, facility=facility).clauses]
