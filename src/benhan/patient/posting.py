"""Messages on their way: what the change feed causes goes into the outbox, and what is due leaves.

Two tasks of each process. Any number of processes may run: one reads the feed at a time, each message is in one hand.
At night only what is urgent leaves. Who told whom what, when, by which way, stands in the audit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from benhan.core.access.glass_told import NO_PHONE
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background, Follower
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock
from benhan.core.store import feed
from benhan.patient import causes, outbox
from benhan.patient.messages import WORDINGS, Message, Sender, Sent, To, send
from benhan.patient.oa.sending import morning
from benhan.patient.outbox import LATE, OVER, REFUSED, Due
from benhan.patient.recipients import HERS, Nobody, Recipient, recipients

READER: Final = "messages"
IDLE_SECONDS: Final = 1.0
#: Kinds that go to the telephone on a child's record where no guardian is known: they say no more than a ticket does.
OF_A_VISIT: Final = frozenset({"reminder", "turn", "revisit", "changed", "remote", "call"})


class Noticing(Follower):
    """Reads what happened, and puts in what it causes; a new installation begins with what happens from now on."""

    failure = "messages: a batch of the change feed could not be read"
    batch, idle_seconds = 500, IDLE_SECONDS

    def __init__(self, database: Database, remind: timedelta) -> None:
        super().__init__(database)
        self._remind, self._joined = remind, False

    async def read(self) -> int:
        """One batch; gives how many changes it held."""
        async with self._database.transaction(PLATFORM) as tx:
            if not self._joined:
                await feed.join(tx, READER)
                self._joined = True
            if not await feed.has_news(tx, READER):
                return 0
            found = await feed.page(tx, None, causes.TYPES, await feed.position(tx, READER), self.batch)
            by_facility = sorted(found.changes, key=lambda one: one.facility)
            for facility, mine in groupby(by_facility, lambda one: one.facility):
                await causes.notice(tx, facility, mine, self._remind, clock.now())
            await tx.reach(PLATFORM)
            await feed.advance(tx, READER, found.position)
        return self.batch if found.more else 0


class Posting(Background):
    """Sends what is due for as long as the process runs."""

    failure = "a message to a patient could not be sent"

    def __init__(
        self, database: Database, by: Sequence[Sender], base: str, now: Callable[[], datetime] = clock.now
    ) -> None:  # fmt: skip
        super().__init__(database)
        self._by, self._base, self._now = by, base, now

    async def turn(self) -> float:
        """One message, to all of its recipients."""
        async with self._database.transaction(PLATFORM) as tx:
            one = await outbox.take(tx)
        if one is None:
            return IDLE_SECONDS
        now = self._now()
        wakes = None if WORDINGS[one.kind].urgent else morning(now)
        if wakes is not None or one.ends <= now:
            async with self._database.transaction(one.facility) as tx:
                late = one.ends <= (wakes or now)
                await (outbox.end(tx, one, LATE) if late else outbox.wait(tx, one, wakes or now))
            return 0
        await self._post(one)
        return 0

    async def _post(self, one: Due) -> None:
        try:
            async with self._database.transaction(one.facility) as tx:
                made, whom = await _ready(tx, one, self._base)
        except (Nobody, Problem) as trouble:
            async with self._database.transaction(one.facility) as tx:
                await outbox.end(tx, one, str(trouble))
        else:
            results = [await self._send(one, each, made) for each in whom]
            await self._note(one, [sent for sent in results if sent is not None])

    async def _send(self, one: Due, whom: Recipient, made: causes.Made) -> Sent | None:
        """To one of them; None: she had it, or perhaps had it, before."""
        async with self._database.transaction(one.facility) as tx:
            if not await outbox.begin(tx, one, whom.name):
                return None
        message = Message(one.kind, made.values, one.reference(whom.name))
        sent = await send(self._by, To(one.facility, whom.phone, whom.person), message)
        async with self._database.transaction(one.facility) as tx:
            await outbox.note(tx, one, whom.name, made.patient, sent)
        return sent

    async def _note(self, one: Due, results: Sequence[Sent]) -> None:
        """It is done, unless it surely did not leave for somebody: then it is tried again, as long as it is of use."""
        unsent = [sent for sent in results if not sent.by and not sent.perhaps]
        trouble = "; ".join(words for sent in unsent for words in sent.troubles)
        until = max((sent.until for sent in unsent if sent.until), default=one.next)
        async with self._database.transaction(one.facility) as tx:
            if not unsent:
                await outbox.end(tx, one)
            elif until < one.ends:
                await outbox.wait(tx, one, until, trouble)
            else:
                await outbox.end(tx, one, trouble or LATE)


async def _ready(tx: Transaction, one: Due, base: str) -> tuple[causes.Made, list[Recipient]]:
    """What it says now, and to whom.

    Raises:
        Nobody: its cause is over, she does not want it, or there is nobody to tell.
    """
    made = await causes.made_of(tx, one, base)
    if made is None:
        raise Nobody(OVER)
    if made.patient and one.kind in await outbox.refused(tx, one.facility, made.patient):
        raise Nobody(REFUSED)
    return made, await _whom(tx, one, made)


async def _whom(tx: Transaction, one: Due, made: causes.Made) -> list[Recipient]:
    """The patient or her guardians; of a booking without a record, the telephone that it was made with."""
    if made.patient:
        return await recipients(tx, one.facility, made.patient, or_record=one.kind in OF_A_VISIT)
    if not made.guest:
        raise Nobody(NO_PHONE)
    return [Recipient(one.subject, made.guest, None, HERS)]
