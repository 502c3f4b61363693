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
from benhan.core.fhir import codec, r4
from benhan.core.kit.codes import CodeList
from benhan.core.store.counting import ByToken, tally, token_key

SECONDS = 600.0
#: So many of the latest records are counted.
SAMPLE = 5000


class _Counted(msgspec.Struct):
    weights: dict[str, float]
    asked: float


_counted: dict[tuple[int, str, str], _Counted] = {}


async def weights(
    tx: Transaction, who: Subject, type_: type[r4.Resource], system: str, book: CodeList
) -> Mapping[str, float]:
    """Code → how often it stands in the facility's latest records of a type; empty for those who may not search it."""
    name = codec.type_name(type_)
    if not decide(who, Interaction.SEARCH, name).allowed:
        return {}
    place = (who.facility, name, book.name)
    known = _counted.get(place)
    if known is None or known.asked + SECONDS < time.monotonic():
        times = await tally(tx, who, type_, {}, ByToken("code"), newest=SAMPLE)
        names = _hashes(book.name, system, book)
        found = {names[key]: float(number) for (key,), number in times.items() if key in names}
        known = _counted[place] = _Counted(found, time.monotonic())
    return known.weights


@cache
def _hashes(_name: str, system: str, book: CodeList) -> dict[int, str]:
    return {token_key(system, entry.code): entry.code for entry in book}
