"""What this facility uses most, so that it stands first in a search: how often each code was written lately.

Counted from the search index (no record is read, nobody's name is seen), once in ten minutes and process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cache

import msgspec

from benhan.core.access import Interaction, Subject, decide
from benhan.core.db import Transaction
from benhan.core.fhir.search import PARAMETERS
from benhan.core.kit.codes import CodeList
from benhan.core.store.records import NUMBERS
from benhan.core.store.rows import hash64

SECONDS = 600.0
#: So many of the latest records are counted, and so many codes kept.
SAMPLE, MOST = 5000, 1000
_SQL = (
    "select t.hash, count(*) as times from (select key from resource where facility = $1 and type = $2"
    " order by updated desc limit $4) r join token t on t.rid = r.key and t.param = $3::smallint"
    " group by t.hash order by times desc limit $5"
)


class _Counted(msgspec.Struct):
    weights: dict[str, float]
    asked: float


_counted: dict[tuple[int, str, str], _Counted] = {}


async def weights(tx: Transaction, who: Subject, type_name: str, system: str, book: CodeList) -> Mapping[str, float]:
    """Code → how often it stands in the facility's latest records of a type; empty for those who may not search it."""
    if not decide(who, Interaction.SEARCH, type_name).allowed:
        return {}
    key = (who.facility, type_name, book.name)
    known = _counted.get(key)
    if known is None or known.asked + SECONDS < time.monotonic():
        param = PARAMETERS[type_name]["code"].id
        rows = await tx.fetch(_SQL, who.facility, NUMBERS[type_name], param, SAMPLE, MOST)
        names = _hashes(book.name, system, book)
        found = {names[row["hash"]]: float(row["times"]) for row in rows if row["hash"] in names}
        known = _counted[key] = _Counted(found, time.monotonic())
    return known.weights


@cache
def _hashes(_name: str, system: str, book: CodeList) -> dict[int, str]:
    return {hash64(f"{system}|{entry.code}"): entry.code for entry in book}
