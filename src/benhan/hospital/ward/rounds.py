"""A round of vital signs: many people at once, each with a score; a great one calls a doctor. All of it or nothing.

Source: TT 32/2023/TT-BYT (37, 38/BV2: what a nurse measures); NEWS2 and PEWS as `scores`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from benhan.core import store
from benhan.core.access import Subject
from benhan.core.db import Transaction
from benhan.core.fhir import r4
from benhan.core.fhir.outcome import Conflict
from benhan.core.kit import clock
from benhan.core.language import _
from benhan.core.store.together import Write, write_all
from benhan.hospital import stay as words
from benhan.hospital.visit import BREATHING, PULSE
from benhan.hospital.vital_records import observations
from benhan.hospital.vital_rules import doubts, normal
from benhan.hospital.ward import scores, scoring
from benhan.hospital.ward.scores import Score


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of somebody: LOINC → number, and what was seen."""

    stay: r4.Encounter
    #: Age in whole months; None: unknown, she counts as grown.
    months: int | None
    values: Mapping[str, Decimal]
    consciousness: str = "A"
    oxygen: bool = False
    second: bool = False
    #: A child's behaviour, skin, breathing, 0–3 each.
    seen: Sequence[int | None] = ()
    treated: bool = False

    @property
    def child(self) -> bool:
        """Whether PEWS is asked of her."""
        return is_child(self.months)

    @property
    def score(self) -> Score | None:
        """Her score, where everything it needs was measured."""
        if not self.child:
            return scores.news2(self.values, self.consciousness, oxygen=self.oxygen, second=self.second)
        usual = [normal(code, self.months) for code in (PULSE, BREATHING)]
        return scores.pews(self.values, usual[0], usual[1], self.seen, treated=self.treated)

    @property
    def doubts(self) -> list[str]:
        """What is possible but rare."""
        return doubts(self.values, self.months)


def is_child(months: int | None) -> bool:
    """Whether somebody is scored as a child."""
    return months is not None and months < scores.CHILD_MONTHS


async def keep(
    tx: Transaction, who: Subject, measured: Sequence[Measured], *, at: datetime | None = None
) -> list[r4.Task]:  # fmt: skip
    """Keep a round; gives the calls it raised.

    Raises:
        Conflict: somebody of it does not lie here any more. Forbidden, Invalid: as the store.
    """
    at, by = at or clock.now(), _person(who)
    if any(one.stay.status not in words.LYING for one in measured):
        raise Conflict(_("Có người không còn nằm viện: tải lại trang."), where="luot")
    made: list[r4.Observation] = []
    for one in measured:
        made += observations(by, one.stay, one.values, one.months, at)
        if score := one.score:
            made.append(scoring.kept(one.stay, score, at, by))
    for outcome in await write_all(tx, who, [Write(one, new=True) for one in made]):
        if isinstance(outcome, Exception):
            raise outcome
    called = [await scoring.call(tx, who, one.stay, score) for one in measured if (score := one.score)]
    return [one for one in called if one]


async def of_stay(tx: Transaction, who: Subject, stay: str, since: datetime, until: datetime) -> list[r4.Observation]:
    """What was measured and scored in a stay in a time, the earliest first."""
    asked: dict[str, str | list[str]] = {
        "encounter": f"Encounter/{stay}", "category": "vital-signs,survey", "status": "final", "_sort": "date",
        "date": [f"ge{since.isoformat()}", f"lt{until.isoformat()}"], "_count": "1000",
    }  # fmt: skip
    return (await store.search(tx, who, r4.Observation, asked)).resources


def _person(who: Subject) -> r4.Reference:
    if who.practitioner:
        return r4.Reference(reference=f"Practitioner/{who.practitioner}", display=who.name)
    return r4.Reference(display=who.name or who.account)
