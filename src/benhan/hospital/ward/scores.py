"""Early-warning scores: NEWS2 of adults, PEWS of children, what each asks for. Pure.

Sources: Royal College of Physicians, National Early Warning Score (NEWS) 2, London 2017, charts 1–4 (not for under 16,
nor in pregnancy). PEWS: Brighton Paediatric Early Warning Score, Monaghan A., Paediatric Nursing 17(1), 2005; its
"normal" pulse and breathing are those of `kit.codes.vital_range` at the child's age.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from benhan.core.language import later
from benhan.hospital.visit import BREATHING, PULSE, SPO2, SYSTOLIC, TEMPERATURE
from benhan.hospital.vital_rules import Range

#: Below so many months a child is scored by PEWS. Source: NEWS2, "should not be used in children (under 16)".
CHILD_MONTHS: Final = 16 * 12
NEWS2, PEWS = "news2", "pews"
NAMES: Final = {NEWS2: "NEWS2", PEWS: "PEWS"}
#: Consciousness as NEWS2 asks it.
ACVPU: Final = {
    "A": later("Tỉnh (A)"), "C": later("Lú lẫn mới (C)"), "V": later("Đáp ứng lời gọi (V)"),
    "P": later("Đáp ứng đau (P)"), "U": later("Không đáp ứng (U)"),
}  # fmt: skip

_Bands = tuple[tuple[str, int], ...]
#: Up to this value (included) → points; the last holds above. Source: NEWS2, chart 1.
_BREATHING: Final[_Bands] = (("8", 3), ("11", 1), ("20", 0), ("24", 2), ("999", 3))
_SPO2: Final[_Bands] = (("91", 3), ("93", 2), ("95", 1), ("100", 0))
#: Scale 2, target 88–92 % (hypercapnic respiratory failure); above 92 % it counts on oxygen alone.
_SPO2_SECOND: Final[_Bands] = (("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2), ("100", 3))
_SYSTOLIC: Final[_Bands] = (("90", 3), ("100", 2), ("110", 1), ("219", 0), ("999", 3))
_PULSE: Final[_Bands] = (("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2), ("999", 3))
_TEMPERATURE: Final[_Bands] = (("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), ("99", 2))
NEEDED: Final = (BREATHING, SPO2, SYSTOLIC, PULSE, TEMPERATURE)

LOW, WATCH, MEDIUM, HIGH = "low", "watch", "medium", "high"
#: What a risk asks for. Source: NEWS2, chart 4 (clinical response).
ASKS: Final = {
    LOW: later("Theo dõi như thường lệ"),
    WATCH: later("Một thông số 3 điểm: báo bác sĩ, đo lại mỗi giờ"),
    MEDIUM: later("Báo bác sĩ khẩn, đo lại mỗi giờ"),
    HIGH: later("Báo động cấp cứu, theo dõi liên tục"),
}
TONES: Final = {LOW: "ok", WATCH: "warn", MEDIUM: "warn", HIGH: "bad"}


class Score(msgspec.Struct, frozen=True):
    """A score: which, its points by parameter, and how great the risk is."""

    kind: str
    points: dict[str, int]

    @property
    def total(self) -> int:
        """The sum."""
        return sum(self.points.values())

    @property
    def risk(self) -> str:
        """LOW, WATCH, MEDIUM or HIGH."""
        return risk(self.kind, self.total, self.points.values())


def risk(kind: str, total: int, points: Iterable[int]) -> str:
    """How great the risk is: by the sum, and by one parameter that has 3."""
    three = 3 in set(points)
    if kind == PEWS:
        return HIGH if total >= 5 or three else MEDIUM if total >= 3 else LOW
    return HIGH if total >= 7 else MEDIUM if total >= 5 else WATCH if three else LOW


def news2(values: Mapping[str, Decimal], consciousness: str, *, oxygen: bool, second: bool = False) -> Score | None:
    """The score of an adult; None while something it needs was not measured.

    `values`: LOINC → number; `consciousness` a letter of ACVPU; `oxygen`: any is given; `second`: SpO₂ scale 2, which
    a doctor orders.
    """
    if consciousness not in ACVPU or any(one not in values for one in NEEDED):
        return None
    return Score(NEWS2, {
        BREATHING: _banded(_BREATHING, values[BREATHING]),
        SPO2: _saturation(values[SPO2], oxygen=oxygen, second=second),
        "oxygen": 2 if oxygen else 0,
        SYSTOLIC: _banded(_SYSTOLIC, values[SYSTOLIC]),
        PULSE: _banded(_PULSE, values[PULSE]),
        "acvpu": 0 if consciousness == "A" else 3,
        TEMPERATURE: _banded(_TEMPERATURE, values[TEMPERATURE]),
    })  # fmt: skip


def pews(
    values: Mapping[str, Decimal], pulse: Range | None, breathing: Range | None, seen: Sequence[int | None], *,
    treated: bool = False,
) -> Score | None:  # fmt: skip
    """The score of a child; None while behaviour, skin or breathing were not looked at, or pulse, breaths not counted.

    `seen`: 0–3 for behaviour, circulation, breathing as somebody sees them; pulse and breaths may raise the last two.
    `treated`: nebulised every quarter of an hour, or vomiting on after an operation (two points more).
    """
    if any(one is None for one in seen) or PULSE not in values or BREATHING not in values:
        return None
    behaviour, skin, chest = (int(one or 0) for one in seen)
    points = {
        "behaviour": behaviour,
        "circulation": max(skin, _pulse_points(values[PULSE], pulse)),
        "respiration": max(chest, _breath_points(values[BREATHING], breathing)),
        "treated": 2 if treated else 0,
    }
    return Score(PEWS, points)


def _pulse_points(value: Decimal, normal: Range | None) -> int:
    """20 above normal: 2; 30 above, or slower than normal: 3."""
    above = value - normal.high if normal and normal.high is not None else Decimal(0)
    below = normal is not None and normal.low is not None and value < normal.low
    return 3 if below or above >= 30 else 2 if above >= 20 else 0


def _breath_points(value: Decimal, normal: Range | None) -> int:
    """More than 10 above normal: 1; more than 20: 2; 5 below: 3."""
    above = value - normal.high if normal and normal.high is not None else Decimal(0)
    below = normal.low - value if normal and normal.low is not None else Decimal(0)
    return 3 if below >= 5 else 2 if above > 20 else 1 if above > 10 else 0


def _saturation(value: Decimal, *, oxygen: bool, second: bool) -> int:
    if not second:
        return _banded(_SPO2, value)
    return 0 if value > 92 and not oxygen else _banded(_SPO2_SECOND, value)


def _banded(bands: _Bands, value: Decimal) -> int:
    return next((points for upto, points in bands if value <= Decimal(upto)), bands[-1][1])
