"""What the health insurance fund pays by a card and by what its portal answered: words that several rooms share. Pure.

Source: QĐ 1351/QĐ-BHXH (levels by the third character of the card); Luật BHYT Đ22.
"""

from __future__ import annotations

from typing import Final

import msgspec

from benhan.core.fhir import r4, systems

REGISTERED_AT: Final = f"{systems.EXTENSION}/registered-facility"
#: Third character of a card → percent that the fund pays. Source: QĐ 1351/QĐ-BHXH; Law on health insurance art. 22.
LEVELS: Final = {"1": 100, "2": 100, "3": 95, "4": 80, "5": 100}


class Right(msgspec.Struct, frozen=True):
    """What a checked card gives here: percent of what is covered; 0 where nothing may be counted on, and why.

    `why`: "" it holds; "unchecked" nobody asked today, "invalid" the card does not count, "elsewhere" it is registered
    at another facility, "unknown" its level or place is not known.
    """

    percent: int
    why: str = ""


def level_percent(card: str | None) -> int | None:
    """How many percent the fund pays, by the third character of the card; None for a bare number."""
    return LEVELS.get(card[2]) if card and len(card) == 15 else None


def registered_at(answer: r4.CoverageEligibilityResponse) -> str | None:
    """The code of the facility where the card is registered, where the portal says so."""
    return next((one.valueString for one in answer.extension or [] if one.url == REGISTERED_AT), None)


def right(answer: r4.CoverageEligibilityResponse | None, card: str | None, here: str) -> Right:
    """What may be counted on at the facility `here`, by the portal's answer about this card."""
    if answer is None or answer.outcome != "complete":
        return Right(0, "unchecked")
    insurance = next(iter(answer.insurance or []), None)
    if insurance is None or not insurance.inforce:
        return Right(0, "invalid")
    level, place = level_percent(card), registered_at(answer)
    if level is None or place is None:
        return Right(0, "unknown")
    return Right(level) if place == here else Right(0, "elsewhere")
