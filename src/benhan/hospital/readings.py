"""Observations as a page shows them: name, value, unit, normal range, flag. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit.money import figures as whole_figures
from benhan.hospital.visit import BLOOD_PRESSURE, DIASTOLIC, SYSTOLIC, VITALS, code_of, display_of, id_of, moment
from benhan.hospital.vital_rules import UNITS, Range, figure, normal

_SHORT = re.compile(r".+\(([^()]{2,8})\)")
_HIGH, _LOW, _ODD = frozenset({"H", "HH", "HU"}), frozenset({"L", "LL", "LU"}), frozenset({"A", "AA", "POS"})


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value, ready to be shown. `flag` is "hi", "lo", "odd" (abnormal, without direction) or ""."""

    code: str
    name: str
    value: str
    unit: str = ""
    range: str = ""
    flag: str = ""
    critical: bool = False
    at: datetime | None = None
    by: str = ""
    order: str = ""
    id: str = ""

    @property
    def short(self) -> str:
        """What doctors call it: "WBC" of "Bạch cầu (WBC)"; a name that begins with its abbreviation stays."""
        found = _SHORT.fullmatch(self.name)
        return found[1] if found and not self.name.split()[0].isupper() else self.name


def reading(observation: r4.Observation, months: int | None = None) -> Reading:
    """One Observation; vital signs are judged by the normal range at an age in months, results by their own."""
    code = code_of(observation.code) or ""
    vital = VITALS.get(code)
    if code == BLOOD_PRESSURE:
        return _blood_pressure(observation, months)
    quantity = observation.valueQuantity
    value = quantity.value if quantity else None
    bounds = normal(code, months) if vital else _reference(observation)
    marks = {code_of(one) or "" for one in observation.interpretation or []}
    flag = bounds.flag(value) if bounds and value is not None else ""
    if not vital:
        flag = _flag(marks) or flag
    return Reading(
        code=code,
        name=vital[0] if vital else display_of(observation.code),
        value=_value(observation),
        unit=_unit(quantity),
        range=_range_text(observation, bounds),
        flag=flag,
        critical=bool(marks & {"HH", "LL", "AA"}),
        at=moment(observation.effectiveDateTime or observation.issued),
        by=next((one.display or "" for one in observation.performer or []), ""),
        order=next((id_of(one) or "" for one in observation.basedOn or []), ""),
        id=observation.id or "",
    )


def latest(observations: Iterable[r4.Observation]) -> dict[str, r4.Observation]:
    """The newest Observation of each code."""
    found: dict[str, r4.Observation] = {}
    for one in sorted(observations, key=taken):
        if code := code_of(one.code):
            found[code] = one
    return found


def taken(observation: r4.Observation) -> str:
    """When it was measured, in a form that sorts."""
    when = moment(observation.effectiveDateTime or observation.issued)
    return when.isoformat() if when else ""


def is_vital(observation: r4.Observation) -> bool:
    """Whether it is a vital sign (and was not taken back)."""
    return observation.status != "entered-in-error" and any(
        code_of(one) == "vital-signs" for one in observation.category or []
    )


def pressure(observation: r4.Observation) -> tuple[Decimal | None, Decimal | None]:
    """Systolic and diastolic of a blood pressure."""
    parts = {code_of(one.code): one.valueQuantity for one in observation.component or []}
    high, low = parts.get(SYSTOLIC), parts.get(DIASTOLIC)
    return (high.value if high else None), (low.value if low else None)


def _blood_pressure(observation: r4.Observation, months: int | None) -> Reading:
    high, low = pressure(observation)
    highs, lows = normal(SYSTOLIC, months), normal(DIASTOLIC, months)
    flags = {bounds.flag(value) for bounds, value in ((highs, high), (lows, low)) if bounds and value is not None}
    text = "/".join(figure(value) if value is not None else "–" for value in (high, low))
    return Reading(
        code=BLOOD_PRESSURE,
        name=VITALS[BLOOD_PRESSURE][0],
        value=text,
        unit="mmHg",
        range=f"{highs}/{lows}" if highs and lows else "",
        flag="hi" if "hi" in flags else "lo" if "lo" in flags else "",
        at=moment(observation.effectiveDateTime),
        by=next((one.display or "" for one in observation.performer or []), ""),
        id=observation.id or "",
    )


def _value(observation: r4.Observation) -> str:
    quantity = observation.valueQuantity
    if quantity is not None and quantity.value is not None:
        return f"{quantity.comparator or ''}{figure(quantity.value)}"
    if observation.valueCodeableConcept:
        return display_of(observation.valueCodeableConcept)
    if observation.valueInteger is not None:
        return whole_figures(observation.valueInteger)
    if observation.valueBoolean is not None:
        return "Có" if observation.valueBoolean else "Không"
    return observation.valueString or display_of(observation.dataAbsentReason)


def _unit(quantity: r4.Quantity | None) -> str:
    if quantity is None:
        return ""
    said = quantity.unit or quantity.code or ""
    return UNITS.get(said, said) if quantity.system in (None, systems.UCUM) else said


def _reference(observation: r4.Observation) -> Range | None:
    for one in observation.referenceRange or []:
        low, high = (bound.value if bound else None for bound in (one.low, one.high))
        if low is not None or high is not None:
            return Range(low, high)
    return None


def _range_text(observation: r4.Observation, bounds: Range | None) -> str:
    if bounds is not None:
        return str(bounds)
    return next((one.text for one in observation.referenceRange or [] if one.text), "")


def _flag(marks: set[str]) -> str:
    return "hi" if marks & _HIGH else "lo" if marks & _LOW else "odd" if marks & _ODD else ""
