"""Whom a broken glass is told to, and how far that has come: the row of `broken_glass` is its own outbox.

Whoever breaks the glass waits for nothing: the row is written in her transaction, and taken up after the commit. Who
takes it has it alone until its next try is due; killed, another goes on with those who have not had it. So each has the
message at least once, and twice only where a process died between the sending and the note of it.
Source: Law 91/2025 art. 19 (the patient is told); issue 4, item 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core.access.audit import Event, record
from benhan.core.access.roles import Role
from benhan.core.access.subject import service
from benhan.core.db import Transaction

#: The first pause between two tries; it doubles until it is an hour. Longer than any sender takes.
FIRST_PAUSE: Final = timedelta(minutes=2)
LONGEST_PAUSE: Final = timedelta(hours=1)
#: Then nobody tries any more: the reviewer sees that it was not told.
PATIENCE: Final = timedelta(days=3)
#: What the row says where there is nobody to tell; everything else is what a sender said.
NO_PHONE, NO_GUARDIAN, DEAD = "no-phone", "no-guardian", "dead"
NOBODY: Final = frozenset({NO_PHONE, NO_GUARDIAN, DEAD})

_TAKE: Final = """
with due as materialized (
    select id from broken_glass where tell_next <= now() and begun > now() - $1::interval
    order by tell_next limit 1 for update skip locked
)
update broken_glass b set tell_tries = tell_tries + 1,
    tell_next = now() + least($3::interval, $2::interval * 2 ^ least(tell_tries, 10))
from due, facility f where b.id = due.id and f.key = b.facility
returning b.id, b.facility, f.name as house, b.patient, b.begun, b.told_to
"""


class Untold(msgspec.Struct, frozen=True):
    """A broken glass that somebody has not been told of."""

    id: str
    facility: int
    house: str
    patient: str
    begun: datetime
    told_to: frozenset[str]


async def take(tx: Transaction) -> Untold | None:
    """The next one that is due, in hand until its next try; None: none is. Reaches over the platform."""
    row = await tx.fetchrow(_TAKE, PATIENCE, FIRST_PAUSE, LONGEST_PAUSE)
    if row is None:
        return None
    return Untold(
        row["id"], row["facility"], row["house"], row["patient"], row["begun"], frozenset(row["told_to"])
    )  # fmt: skip


async def note_sent(tx: Transaction, one: Untold, whom: str, sender: str) -> None:
    """Somebody (`Type/id`) has the message."""
    await tx.execute(
        "update broken_glass set told_to = array_append(told_to, $2), told_by = $3 where id = $1", one.id, whom, sender
    )
    by = service(Role.TELLING_SERVICE, one.facility)
    name, _slash, id_ = whom.partition("/")
    record(tx, by, Event("glass-told", name, id_, one.patient, rule=sender))


async def note_done(tx: Transaction, one: Untold) -> None:
    """Everybody whom it concerns has it."""
    await tx.execute("update broken_glass set told = now(), tell_next = null, tell_trouble = '' where id = $1", one.id)


async def note_trouble(tx: Transaction, one: Untold, troubles: Sequence[str]) -> None:
    """It did not leave: it is tried again, unless there is nobody to tell."""
    said = "; ".join(troubles)[:300]
    await tx.execute(
        "update broken_glass set tell_trouble = $2, tell_next = case when not $3 then tell_next end where id = $1",
        one.id, said, said in NOBODY,
    )  # fmt: skip
    by = service(Role.TELLING_SERVICE, one.facility)
    record(
        tx, by, Event("glass-told", "Patient", one.patient, one.patient, allowed=False, rule="not sent", detail=said)
    )
