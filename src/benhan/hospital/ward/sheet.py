"""The vital-sign chart as on paper: temperature (blue) and pulse (red) on one grid of ten days, the rest below. Pure.

On the printed chart one degree is as high as twenty beats: 35 °C stands beside 40, 41 °C beside 160.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import clock
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    BREATHING,
    DIASTOLIC,
    PULSE,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
    WEIGHT,
    code_of,
    moment,
)  # fmt: skip
from benhan.hospital.vital_rules import figure
from benhan.hospital.ward import scores, scoring

DAYS: Final = 10
WIDTH, HEIGHT, LEFT = 900, 330, 60
_PULSE_LOW, _PULSE_HIGH, _WARM_LOW, _WARM_HIGH = 40, 160, 35, 41
#: Pulse beside temperature, from the bottom.
SCALE: Final = [(40 + 20 * n, 35 + n) for n in range(7)]
COLUMNS: Final = (PULSE, TEMPERATURE, BLOOD_PRESSURE, BREATHING, SPO2, WEIGHT)


class Dot(msgspec.Struct, frozen=True):
    """A measured value on the grid."""

    x: float
    y: float
    told: str


class Line(msgspec.Struct, frozen=True):
    """What was measured at one time: texts by LOINC, and the score."""

    at: datetime
    values: dict[str, str]
    warned: scoring.Warned | None = None
    by: str = ""


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet of ten days."""

    first: date
    pulse: list[Dot]
    temperature: list[Dot]
    lines: list[Line]

    @property
    def days(self) -> list[tuple[float, date]]:
        """Where each day begins."""
        return [(_x(clock.day_bounds(day)[0], self.first), day) for day in self.dates]

    @property
    def dates(self) -> list[date]:
        """The days."""
        return [self.first + timedelta(days=n) for n in range(DAYS)]

    @property
    def grid(self) -> list[tuple[float, int, int]]:
        """(height, pulse, temperature) of each line of the grid."""
        return [(_y(pulse, _PULSE_LOW, _PULSE_HIGH), pulse, warm) for pulse, warm in SCALE]


def path(dots: Sequence[Dot]) -> str:
    """The line through them."""
    return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in dots)


def drawn(found: Sequence[r4.Observation], first: date) -> Sheet:
    """The sheet of ten days from `first`."""
    lines: dict[datetime, Line] = {}
    pulse, warm = [], []
    for one in found:
        at, code = moment(one.effectiveDateTime), code_of(one.code)
        if at is None or code is None:
            continue
        line = lines.setdefault(at, Line(at, {}, by=next((p.display or "" for p in one.performer or []), "")))
        if code in scores.NAMES:
            lines[at] = msgspec.structs.replace(line, warned=scoring.warned(one))
        elif text := _text(one, code):
            line.values[code] = text
        value = one.valueQuantity.value if one.valueQuantity else None
        if value is not None and code == PULSE:
            pulse.append(Dot(_x(at, first), _y(value, _PULSE_LOW, _PULSE_HIGH), f"{clock.vn_datetime(at)}: {value}"))
        if value is not None and code == TEMPERATURE:
            warm.append(Dot(_x(at, first), _y(value, _WARM_LOW, _WARM_HIGH), f"{clock.vn_datetime(at)}: {value}"))
    return Sheet(first=first, pulse=pulse, temperature=warm, lines=sorted(lines.values(), key=lambda one: one.at))


def _text(one: r4.Observation, code: str) -> str:
    if code == BLOOD_PRESSURE:
        parts = {code_of(part.code, systems.LOINC): part.valueQuantity for part in one.component or []}
        both = [(q.value if (q := parts.get(which)) else None) for which in (SYSTOLIC, DIASTOLIC)]
        return "/".join(figure(value) if value is not None else "–" for value in both)
    return figure(one.valueQuantity.value) if one.valueQuantity and one.valueQuantity.value is not None else ""


def _x(at: datetime, first: date) -> float:
    gone = (at - clock.day_bounds(first)[0]).total_seconds() / 86_400
    return round(LEFT + gone * (WIDTH - LEFT) / DAYS, 1)


def _y(value: Decimal | int, low: int, high: int) -> float:
    """What is off the paper is drawn at its edge."""
    share = min(1.0, max(0.0, (float(value) - low) / (high - low)))
    return round(HEIGHT - 10 - share * (HEIGHT - 30), 1)
