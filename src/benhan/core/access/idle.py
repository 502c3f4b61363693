"""Accounts that nobody uses are stopped: at the next try to sign in, and every day by the program itself.

Source: TCVN 14423:2026 (an account that was not used for 45 days is disabled).
"""

from __future__ import annotations

from datetime import datetime

from benhan.core.access.audit import Event, record
from benhan.core.access.programs import grants
from benhan.core.access.subject import Subject
from benhan.core.db import PLATFORM, Database, Transaction
from benhan.core.db.background import Background
from benhan.core.kit import clock

#: Often enough that a server that is restarted every night still does it.
HOURS_BETWEEN = 6
#: What is over is kept so long, for questions about yesterday.
KEPT = "1 day"


async def stop_for_idleness(tx: Transaction, facility: int, account: str, days: int) -> None:
    """Stop one account; an administrator may let it in again."""
    await tx.execute(
        "update account set active = false, stopped = $2 where id = $1", account, f"không dùng quá {days} ngày"
    )
    await tx.execute("delete from session where account = $1", account)
    program = Subject(
        account="service:idle", name="", facility=facility, facility_name="", roles=frozenset()
    )  # the program itself, not a person
    record(tx, program, Event("account-stop", "Account", account, rule=f"idle {days} days"))


async def stop_idle(tx: Transaction, days: int, at: datetime) -> int:
    """Stop every account of the platform that was not used for so many days (0: none); gives how many."""
    if not days:
        return 0
    await tx.reach(PLATFORM)
    rows = await tx.fetch(
        "select id, facility from account where active and used < $1::timestamptz - $2 * interval '1 day'"
        " for update skip locked",
        at, days,
    )  # fmt: skip
    for row in rows:
        await stop_for_idleness(tx, row["facility"], row["id"], days)
    return len(rows)


async def sweep(tx: Transaction) -> None:
    """Throw away what has ended: sessions, invitations, counted failures, what programs held."""
    await tx.reach(PLATFORM)
    for table in ("session", "invitation", "sign_in_step"):
        await tx.execute(f"delete from {table} where ends < now() - interval '{KEPT}'")
    await tx.execute(f"delete from back_off where greatest(first, coalesce(until, first)) < now() - interval '{KEPT}'")
    await grants.clear(tx)


class Daily(Background):
    """Stops idle accounts and sweeps, for as long as the process runs. Several processes do no harm."""

    failure = "accounts: the daily round failed"
    rest_seconds = 60.0

    def __init__(self, database: Database, days: int) -> None:
        super().__init__(database)
        self._days = days

    async def turn(self) -> float:
        """One round."""
        async with self._database.transaction() as tx:
            await stop_idle(tx, self._days, clock.now())
            await sweep(tx)
        return HOURS_BETWEEN * 3600
