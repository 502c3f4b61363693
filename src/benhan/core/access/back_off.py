"""Guessing is slowed down: by the login that is tried, whether there is one or not, and by the address it comes from.

Source: OWASP ASVS 5.0 6.3.1. A login waits after five failures, twice as long each time. Behind one address is often a
whole hospital, so an address waits only after a hundred within a quarter of an hour, and never longer than a minute:
somebody who guesses must not be able to keep a house out for a day.
"""

from __future__ import annotations

from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Forbidden
from benhan.core.language import _

FREE_FAILURES = 5
ADDRESS_FAILURES = 100
LOCK_SECONDS = 60
ADDRESS_MINUTES = 15
#: How often the wait of a login is doubled at most.
DOUBLINGS = 10

_WAIT = "select extract(epoch from max(until) - now()) from back_off where what = any($1)"
_COUNT = """
insert into back_off as b (what, failures) values ($1, 1)
on conflict (what) do update set
    failures = case when $2 and b.first < now() - $3 * interval '1 minute' then 1 else b.failures + 1 end,
    first = case when $2 and b.first < now() - $3 * interval '1 minute' then now() else b.first end
returning failures
"""


def of_login(login: str) -> str:
    """What is counted for a login."""
    return f"login:{login}"


def of_address(place: str) -> str:
    """What is counted for an address."""
    return f"address:{place}"


async def refuse_waiting(tx: Transaction, *what: str) -> None:
    """Refuse who has to wait.

    Raises:
        Forbidden: with the seconds that are left.
    """
    left = await tx.fetchval(_WAIT, list(what))
    if left and left > 0:
        raise Forbidden(_("Tạm khoá sau nhiều lần sai. Thử lại sau %(seconds)s giây.", seconds=int(left) + 1))


async def count_failure(tx: Transaction, *what: str) -> None:
    """One more failure of each; the caller commits it."""
    for one in sorted(what):  # everybody locks them in this order
        by_address = one.startswith("address:")
        failures = await tx.fetchval(_COUNT, one, by_address, ADDRESS_MINUTES)
        free, doublings = (ADDRESS_FAILURES, 0) if by_address else (FREE_FAILURES, DOUBLINGS)
        if failures >= free:
            wait = LOCK_SECONDS * 2 ** min(failures - free, doublings)
            await tx.execute("update back_off set until = now() + $2 * interval '1 second' where what = $1", one, wait)


async def forget_failures(tx: Transaction, login: str) -> None:
    """She came in: her login starts anew. Its address does not: else one good account would cover a search."""
    await tx.execute("delete from back_off where what = $1", of_login(login))
