"""Whose sheet was written today, and whose is late: for the board, and for the end of a round.

Late after 24 hours without a signed entry: no law in force sets hours for it; 24 are what TT 46/2018 asked at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.core.language import _, later
from benhan.hospital import daily
from benhan.hospital import stay as words
from benhan.hospital.visit import id_of

LATE: Final = timedelta(hours=24)
DONE, DUE, OVERDUE = "done", "due", "late"
NAMES: Final = {DONE: later("đã ghi hôm nay"), DUE: later("chưa ghi hôm nay"), OVERDUE: later("quá 24 giờ chưa ghi")}
TONES: Final = {DONE: "ok", DUE: "warn", OVERDUE: "bad"}


class Written(msgspec.Struct, frozen=True):
    """When somebody's sheet was signed last, by whom; and who has a draft of it."""

    state: str
    at: datetime | None = None
    by: str = ""
    drafts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As a person reads it."""
        return _(NAMES[self.state])

    @property
    def tone(self) -> str:
        """Its colour."""
        return TONES[self.state]


async def of_stays(
    tx: Transaction, who: Subject, stays: Sequence[r4.Encounter], at: datetime | None = None
) -> dict[str, Written]:
    """Who lies here, by stay: when her sheet was written last."""
    at = at or clock.now()
    lying = [one for one in stays if one.status in words.LYING]
    if not lying:
        return {}
    asked = {
        "encounter": ",".join(f"Encounter/{one.id}" for one in lying), "_sort": "-date", "_count": "1000",
        "type": f"{systems.LOINC}|{daily.PROGRESS}", "date": f"ge{(at - 2 * LATE).isoformat(timespec='seconds')}",
    }  # fmt: skip
    found = (await store.search(tx, who, r4.Composition, asked)).resources
    by_stay: dict[str, list[daily.Entry]] = {}
    for one in found:
        if daily.is_entry(one):
            by_stay.setdefault(id_of(one.encounter) or "", []).append(daily.entry(one))
    return {one.id or "": _written(one, by_stay.get(one.id or "", []), at) for one in lying}


def _written(stay: r4.Encounter, found: Sequence[daily.Entry], at: datetime) -> Written:
    signed = [one for one in found if one.status == daily.SIGNED and one.at]
    last = max(signed, key=lambda one: one.at or at, default=None)
    drafts = tuple(one.author for one in found if one.status == daily.DRAFT)
    return Written(
        state(last.at if last else None, words.began(stay), at), last.at if last else None, last.by if last else "",
        drafts,
    )  # fmt: skip


def state(last: datetime | None, came: datetime | None, at: datetime) -> str:
    """Whether a sheet is written today, due, or late. Pure."""
    if last and clock.local(last).date() == clock.local(at).date():
        return DONE
    since = last or came
    return OVERDUE if since and at - since >= LATE else DUE
