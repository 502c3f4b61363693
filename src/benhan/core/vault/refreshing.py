"""Keys that others make become known here some seconds later: every process then writes with the newest."""

from __future__ import annotations

from benhan.core.db.background import Background
from benhan.core.vault.keyring import ring_of

REFRESH_SECONDS = 5.0


class Refreshing(Background):
    """Keeps the keys of a process up to date for as long as it runs."""

    failure = "keys could not be read again"
    rest_seconds = REFRESH_SECONDS

    async def turn(self) -> float:
        """Once."""
        await ring_of(self._database).refresh()
        return REFRESH_SECONDS
