"""Gapless numbers: tickets of a day, visit numbers of a year; and tries that are counted."""

from __future__ import annotations

from hashlib import blake2b

from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir.outcome import Problem
from benhan.core.language import _
from benhan.core.vault import keys_of


async def number(tx: Transaction, who: Subject, series: str) -> int:
    """The next number of a series of this facility, from 1.

    Whoever asks next waits until this transaction ends, and a rollback gives the number back: no gap, no twin.
    Ask late in the transaction.
    """
    value: int = await tx.fetchval(
        "insert into series (facility, name, value) values ($1, $2, 1)"
        " on conflict (facility, name) do update set value = series.value + 1 returning value",
        who.facility, series,
    )  # fmt: skip
    return value


async def reserve(tx: Transaction, who: Subject, series: str, count: int) -> int:
    """The next `count` numbers of a series at once; gives the first of them. Everything else as `number`."""
    last: int = await tx.fetchval(
        "insert into series (facility, name, value) values ($1, $2, $3)"
        " on conflict (facility, name) do update set value = series.value + $3 returning value",
        who.facility, series, count,
    )  # fmt: skip
    return last - count + 1


async def last(tx: Transaction, who: Subject, series: str) -> int:
    """The last number that was given of a series of this facility; 0 before the first."""
    rows = await tx.look("select value from series where facility = $1 and name = $2", who.facility, series)
    return int(rows[0]["value"]) if rows else 0


async def begun(tx: Transaction, who: Subject, prefix: str) -> set[str]:
    """The series of this facility whose names begin so, without that beginning."""
    rows = await tx.look(
        "select name from series where facility = $1 and name >= $2 and name < $3",
        who.facility, prefix, f"{prefix}\U0010ffff",
    )  # fmt: skip
    return {row["name"].removeprefix(prefix) for row in rows}


async def tried(tx: Transaction, who: Subject, what: str, most: int, period: str) -> None:
    """Count a try (a booking of a number, a proof of a code) in a period; the count stays if the page fails kindly.

    Raises:
        Problem: 429, too many.
    """
    key = blake2b(what.encode(), digest_size=12, key=(await keys_of(tx, who.facility)).index).hexdigest()
    if await number(tx, who, f"tries:{period}:{key}") > most:
        raise Problem(
            429, "throttled", _("Đã thử quá nhiều lần."), advice=_("Đợi một giờ rồi thử lại, hoặc gọi cho bệnh viện.")
        )
