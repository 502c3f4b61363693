"""Which condition of a search to begin with: the one that fewest records meet. Counted, not guessed.

PostgreSQL's own choice rests on statistics; they lag behind a bulk load, and one value of a parameter may be met by
nearly everything (a status), another by a handful. Counting stops early, so it costs less than one bad guess, and
the screens that ask the same all day count once in a while. A chain is counted through: from within when its inner
condition is rare, not at all when that is common (then it is tried record by record).
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from benhan.core.access import Decision
from benhan.core.db import Transaction
from benhan.core.store.query.clauses import IndexClause, Spans, Tokens
from benhan.core.store.query.combined import Compartment, Ids
from benhan.core.store.query.results import Query

#: Up to so many index rows are read and tried one by one (about 10 µs each).
FEW = 2000
#: A walk from the newest record on stays within the keys of the narrowest condition, if that has fewer index rows than
#: this (about 0.2 µs each).
SOME = 20_000
#: Where every record that meets the search is wanted, the narrowest condition is looked for up to so many index rows.
MANY = 100_000
#: A count is believed for so many seconds: it decides how long a search takes, never what it finds.
BELIEVED_SECONDS = 30.0
#: Counts that are kept by a process.
KEPT = 2000

_counts: dict[bytes, tuple[float, list[int]]] = {}


class Lead(msgspec.Struct, frozen=True):
    """The condition to begin with, and whether FEW records at most meet it.

    `within`: the condition whose rows say from which key to which a walk goes, where it is not the one it goes along.
    A room's tickets of a busy day are then looked for among those of the day, not among those of all years.
    """

    clause: IndexClause
    few: bool
    within: IndexClause | None = None


async def leading(
    tx: Transaction, facility: int, query: Query, decision: Decision, *, whole: bool = False
) -> Lead | None:
    """The leading condition; None where the record's own columns lead (a patient, ids) or nothing is asked.

    `whole`: everything that is found is wanted (a count), so it is worth knowing which of many-rowed conditions is the
    narrowest.
    """
    if decision.only_patient is not None or any(isinstance(one, Compartment | Ids) for one in query.clauses):
        return None
    candidates = [clause for clause in query.clauses if isinstance(clause, IndexClause)]
    if not candidates:
        return None
    for clause in candidates:
        if clause.rare:
            return Lead(clause, few=True)
    met = await _met(tx, facility, candidates, FEW + 1)
    if min(met) > FEW and not (len(met) == 1 and _is_walk(candidates[0])):
        met = await _met(tx, facility, candidates, MANY if whole else SOME)
    by_rows = sorted(range(len(met)), key=met.__getitem__)
    narrowest, fewest = candidates[by_rows[0]], met[by_rows[0]]
    if fewest <= FEW or whole:
        return Lead(narrowest, fewest <= FEW)
    along = next((candidates[n] for n in by_rows if _is_walk(candidates[n])), narrowest)
    bounds = isinstance(narrowest, Spans | Tokens) and not _is_walk(narrowest) and fewest < SOME
    return Lead(along, False, narrowest if bounds else None)


def _is_walk(clause: IndexClause) -> bool:
    """Whether its index rows can be walked from the newest record on."""
    return isinstance(clause, Tokens) and clause.is_one_range


async def _met(tx: Transaction, facility: int, clauses: list[IndexClause], most: int) -> list[int]:
    """How many index rows meet each condition, up to `most`, as counted now or a moment ago."""
    question = msgspec.msgpack.encode((facility, clauses, most))
    at, met = _counts.get(question, (0.0, []))
    if not met or at + BELIEVED_SECONDS < time.monotonic():
        met = await _counted(tx, facility, clauses, most)
        if len(_counts) >= KEPT:
            _counts.clear()
        _counts[question] = time.monotonic(), met
    return met


async def _counted(tx: Transaction, facility: int, clauses: list[IndexClause], most: int) -> list[int]:
    values: list[Any] = [facility]

    def value(given: Any) -> str:
        values.append(given)
        return f"${len(values)}"

    counts = [one.counted(value, most) for one in clauses]
    [row] = await tx.look(f"select {', '.join(counts)}", *values)
    return list(row.values())
