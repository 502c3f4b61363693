"""Several creates and updates in one transaction, each with its own outcome."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Problem
from benhan.core.store.write import create, update


class Write(msgspec.Struct):
    """One record to keep: new, or replacing what is there (of the version `if_match`, where that is said)."""

    resource: r4.Resource
    new: bool = False
    if_match: str | None = None
    claims: list[str] = []


async def write_all(tx: Transaction, who: Subject, writes: Sequence[Write]) -> list[r4.Resource | Problem]:
    """Keep all of them; gives each record as it is kept, or what is wrong with it (the first fault ends it).

    Raises:
        AlreadyExists: something that may exist once exists already.
    """
    made: list[r4.Resource | Problem] = []
    for write in writes:
        if write.new:
            made.append(await create(tx, who, write.resource, claims=write.claims))
        else:
            made.append(await update(tx, who, write.resource, if_match=write.if_match))
    return made
