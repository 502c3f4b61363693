"""The sealer of a server process: gathers every second, hands over to the outside keeper every ten minutes."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from benhan.core.access.seals.gather import Broken, Edges, facilities_with_news, gather, last_seal, one_seal
from benhan.core.access.seals.keeper import Directory, Keeper
from benhan.core.access.seals.statement import Key, read_key
from benhan.core.db import PLATFORM, Database
from benhan.core.db.background import Background

GATHER_SECONDS: Final = 1.0
#: The law asks for no number; the issue asks for an hour. What a thief of the database can still forge is this much.
HAND_OVER_SECONDS: Final = 600.0
#: After a failed hand-over.
AGAIN_SECONDS: Final = 15.0
_log = logging.getLogger(__name__)


class Sealer(Background):
    """Gathers and hands over for as long as the process runs; any number of processes may."""

    failure = "audit: could not be sealed or handed over"
    rest_seconds = GATHER_SECONDS

    def __init__(self, database: Database, key: Key, keeper: Keeper | None) -> None:
        super().__init__(database)
        self._key = key
        self._keeper = keeper
        self._edges = Edges()
        self._next_hand_over = 0.0

    async def turn(self) -> float:
        """Seal what came since; hand over when it is time."""
        clock = asyncio.get_running_loop().time
        await self.gather_all()
        if clock() >= self._next_hand_over:
            self._next_hand_over = clock() + AGAIN_SECONDS
            await self.hand_over()
            self._next_hand_over = clock() + HAND_OVER_SECONDS
        return GATHER_SECONDS

    async def stop(self) -> None:
        """Seal and hand over what there is."""
        await super().stop()
        try:
            await self.gather_all()
            await self.hand_over()
        except Exception:
            _log.exception("audit: what was written last could not be sealed or handed over; the next process does it")

    async def gather_all(self) -> int:
        """Seal all rows that can be; gives how many. A facility whose stored tree was changed is left as it is."""
        sealed = 0
        for facility in await facilities_with_news(self._database):
            try:
                while signed := await gather(self._database, facility, self._key, self._edges):
                    sealed += signed.statement.size - signed.statement.first
            except Broken as broken:
                _log.critical("audit: %s; nothing more is sealed there. Run `benhan audit verify`.", broken)
        return sealed

    async def hand_over(self) -> int:
        """Hand the newest seal of each facility to the keeper; gives how many were new to it.

        Raises:
            OSError: the keeper cannot be reached.
        """
        if self._keeper is None:
            return 0
        await asyncio.to_thread(self._keeper.meet, self._key.public)
        async with self._database.transaction(PLATFORM) as tx:
            facilities = [row["key"] for row in await tx.fetch("select key from facility order by key")]
        return sum([await self._hand_over_one(self._keeper, facility) for facility in facilities])

    async def _hand_over_one(self, keeper: Keeper, facility: int) -> bool:
        before = await asyncio.to_thread(keeper.last, facility)
        async with self._database.transaction(facility) as tx:
            signed = await last_seal(tx, facility)
            same = await one_seal(tx, facility, before.statement.number) if before else None
        if before is not None and (same is None or same.statement != before.statement):
            _log.critical("audit: facility %s: the keeper knows another seal %s. Run `benhan audit verify`.",
                          facility, before.statement.number)  # fmt: skip
            return False
        return signed is not None and await asyncio.to_thread(keeper.keep, signed)


def sealer(database: Database, key: Path | None, keeper: Path | None) -> Sealer | None:
    """The sealer that the settings ask for; None where there is no key.

    Raises:
        OSError, ValueError: the key cannot be read.
    """
    if key is None:
        return None
    return Sealer(database, read_key(key), Directory(keeper) if keeper else None)
