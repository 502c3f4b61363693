"""Telling patients that somebody broke the glass for their record: which hospital, when, and that they may ask.

Nothing of the record, not even why it was closed, and nobody's name: a telephone lies on the table. A child's guardians
are told instead of her, and no other relative. How far it has come: `core/access/glass_told.py`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from benhan.core.access import glass_told
from benhan.core.access.glass_told import Untold
from benhan.core.db import PLATFORM, Database
from benhan.core.db.background import Background
from benhan.core.fhir.outcome import Problem
from benhan.core.kit import clock
from benhan.core.kit.text import clip
from benhan.patient.messages import Message, Sender, To, send
from benhan.patient.recipients import Nobody, Recipient, recipients

IDLE_SECONDS: Final = 5.0
#: Templates bound their parameters; a short message cuts the name itself.
MOST_NAME: Final = 60


class Telling(Background):
    """Tells patients for as long as the process runs; any number of processes may."""

    failure = "a patient could not be told of a broken glass"

    def __init__(self, database: Database, by: Sequence[Sender]) -> None:
        super().__init__(database)
        self._by = by

    async def turn(self) -> float:
        """Tell of one broken glass whoever has not been told of it."""
        async with self._database.transaction(PLATFORM) as tx:
            one = await glass_told.take(tx)
        if one is None:
            return IDLE_SECONDS
        try:
            async with self._database.transaction(one.facility) as tx:
                whom = await recipients(tx, one.facility, one.patient)
            troubles = [trouble for each in whom for trouble in await self._tell(one, each)]
        except (Nobody, Problem) as trouble:
            troubles = [str(trouble)]
        async with self._database.transaction(one.facility) as tx:
            await (glass_told.note_trouble(tx, one, troubles) if troubles else glass_told.note_done(tx, one))
        return 0

    async def _tell(self, one: Untold, whom: Recipient) -> list[str]:
        """Send it to one of them, who has not had it; gives what went wrong where it did not leave."""
        if whom.name in one.told_to:
            return []
        by = sorted(self._by, key=lambda sender: (sender.name == "zalo") is (whom.person is None))
        sent = await send(by, To(one.facility, whom.phone, whom.person), _message(one, whom))
        if sent.by is None:
            return sent.troubles
        async with self._database.transaction(one.facility) as tx:
            await glass_told.note_sent(tx, one, whom.name, sent.by)
        return []


def _message(one: Untold, whom: Recipient) -> Message:
    """Each of them has one of her own, which stays the same when it is sent again."""
    said = {"facility": clip(one.house, MOST_NAME), "time": clock.vn_datetime(one.begun), "whose": whom.whose}
    return Message("glass", said, hashlib.sha256(f"{one.id} {whom.name}".encode()).hexdigest()[:32])
