"""What may be done with one record now, for the screen that shows its buttons: the answer the act itself would get."""

from __future__ import annotations

from typing import Final

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.store import guarding
from benhan.core.store.records import NUMBERS
from benhan.core.store.sealed import CLOSED, closing

_SAID: Final = (
    f"select p.n, {guarding.said('p.pass')} as said, case when p.asks then {CLOSED.format(r='r')} end as closed"
    " from resource r cross join unnest($4::text[], $5::boolean[]) with ordinality p(pass, asks, n)"
    " where r.facility = $1 and r.type = $2 and r.id = $3"
)


async def may_now(
    tx: Transaction, who: Subject, name: str, id_: str, *letters: Interaction
) -> frozenset[Interaction]:  # fmt: skip
    """Those of these that she may do to the record `name/id_` now; one question, whatever is asked."""
    asked = {letter: one for letter in letters if (one := decide(who, letter, name)).allowed}
    if not any(one.guard for one in asked.values()):
        return frozenset(asked)
    passes = [guarding.pass_of(one.guard) for one in asked.values()]
    asks = [closing(one) is not None for one in asked.values()]
    rows = await tx.look(_SAID, who.facility, NUMBERS[name], id_, passes, asks)
    shut = {row["n"] for row in rows if row["closed"] or (row["said"] or "").startswith("!")}
    return frozenset(letter for n, letter in enumerate(asked, 1) if n not in shut)
