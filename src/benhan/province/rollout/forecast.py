"""How many will be paperless by a day, from the pace that was seen. Pure.

Method. Each facility that is not paperless yet is taken to decide with the same chance each day. That chance is the
number of decisions in the last 180 days over the facility-days of waiting in them (Jeffreys' half a decision added, so
that few do not mean never). Until the day, a facility stays on paper with probability exp(-chance · days). Two
sources of doubt are added: the chance itself (gamma: relative error 1/√(decisions + ½)) and which facilities it hits
(binomial). The range holds 80 % of what the model expects. It does not know that deadlines quicken the pace, that last
facilities are the hardest, that a list is late.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from math import exp, sqrt
from typing import Final

import msgspec

from benhan.province.rollout.rules import Span

#: So far back the pace is looked at.
DAYS: Final = 180
#: Fewer decisions than this say nothing about a pace.
FEWEST: Final = 3
#: Standard deviations that hold 80 % of a normal distribution.
EIGHTY: Final = 1.2816


class Forecast(msgspec.Struct, frozen=True):
    """By `day`, `likely` of `whole` facilities, 80 % between `low` and `high`; from `seen` decisions in DAYS days."""

    day: date
    whole: int
    now: int
    seen: int
    likely: int
    low: int
    high: int
    #: When nine of ten would be done at this pace; None: not within ten years.
    ninety: date | None


def forecast(spans: Sequence[Sequence[Span]], today: date, day: date) -> Forecast | None:
    """The forecast for a day to come, from when each facility was paperless; None where there is too little to tell."""
    first = today - timedelta(days=DAYS)
    now = sum(any(begin <= today and (end is None or end > today) for begin, end in one) for one in spans)
    began = [begin for one in spans for begin, _end in one if first < begin <= today]
    if day <= today or len(began) < FEWEST:
        return None
    rest = len(spans) - now
    waited = rest * DAYS + sum((begin - first).days for begin in began)
    chance = (len(began) + 0.5) / waited
    days = (day - today).days
    stays = exp(-chance * days)
    expected = rest * (1 - stays)
    doubt = sqrt(rest * stays * (1 - stays) + (rest * stays * days * chance) ** 2 / (len(began) + 0.5))
    low, high = max(0.0, expected - EIGHTY * doubt), min(float(rest), expected + EIGHTY * doubt)
    return Forecast(
        day=day, whole=len(spans), now=now, seen=len(began), likely=now + round(expected), low=now + int(low),
        high=now + int(high + 0.999), ninety=_reached(len(spans), rest, chance, today),
    )  # fmt: skip


def _reached(whole: int, rest: int, chance: float, today: date) -> date | None:
    for month in range(121):
        day = today + timedelta(days=30 * month)
        if whole - rest * exp(-chance * (day - today).days) >= 0.9 * whole:
            return day
    return None
