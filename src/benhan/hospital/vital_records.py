"""Measured vital signs as Observations, with the normal range of that age: of the clinic and of the ward. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.fhir.outcome import Invalid
from benhan.core.kit import forms
from benhan.core.language import _
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    DIASTOLIC,
    SYSTOLIC,
    VITALS,
    concept,
    id_of,
    observation,
)
from benhan.hospital.vital_rules import POSSIBLE, UNITS, Range, normal

_PRESSURE = re.compile(r"(\d{2,3})\s*[/ .\-]\s*(\d{2,3})")


def observations(
    by: r4.Reference, visit: r4.Encounter, values: Mapping[str, Decimal], months: int | None, at: datetime
) -> list[r4.Observation]:
    """An Observation for each value (LOINC → number in the unit of VITALS), blood pressure as one."""
    high, low = values.get(SYSTOLIC), values.get(DIASTOLIC)
    found = [
        measured(by, visit, code, value, months, at)
        for code, value in values.items()
        if code not in (SYSTOLIC, DIASTOLIC)
    ]
    if high is not None or low is not None:
        found.append(_pressure(by, visit, {SYSTOLIC: high, DIASTOLIC: low}, months, at))
    return found


def measured(
    by: r4.Reference, visit: r4.Encounter, code: str, value: Decimal, months: int | None, at: datetime
) -> r4.Observation:
    """One value with the normal range of that age."""
    name, unit = VITALS[code]
    bounds = normal(code, months)
    one = _blank(by, visit, code, name, at)
    return msgspec.structs.replace(
        one,
        valueQuantity=_quantity(value, unit),
        referenceRange=_reference(bounds, unit),
        interpretation=_interpretation(bounds, value),
    )


def _pressure(
    by: r4.Reference, visit: r4.Encounter, parts: Mapping[str, Decimal | None], months: int | None, at: datetime
) -> r4.Observation:
    name, unit = VITALS[BLOOD_PRESSURE]
    components = [
        r4.ObservationComponent(
            code=concept(systems.LOINC, code, {SYSTOLIC: "Tâm thu", DIASTOLIC: "Tâm trương"}[code]),
            valueQuantity=_quantity(value, unit),
            referenceRange=_reference(normal(code, months), unit),
            interpretation=_interpretation(normal(code, months), value),
        )
        for code, value in parts.items()
        if value is not None
    ]
    return msgspec.structs.replace(_blank(by, visit, BLOOD_PRESSURE, name, at), component=components)


def _blank(by: r4.Reference, visit: r4.Encounter, code: str, name: str, at: datetime) -> r4.Observation:
    category = concept(systems.OBSERVATION_CATEGORY, "vital-signs", "Sinh hiệu")
    one = observation(
        id_of(visit.subject) or "", visit.id or "", concept(systems.LOINC, code, name), "vital-signs", at,
        performer=[by],
    )  # fmt: skip
    return msgspec.structs.replace(one, category=[category])


def _quantity(value: Decimal, unit: str) -> r4.Quantity:
    return r4.Quantity(value=value, unit=UNITS[unit], system=systems.UCUM, code=unit)


def _reference(bounds: Range | None, unit: str) -> list[r4.ObservationReferenceRange] | None:
    if bounds is None:
        return None
    low, high = (None if bound is None else _quantity(bound, unit) for bound in bounds)
    return [r4.ObservationReferenceRange(low=low, high=high)]


def _interpretation(bounds: Range | None, value: Decimal) -> list[r4.CodeableConcept] | None:
    if bounds is None:
        return None
    code, said = {"hi": ("H", "Cao"), "lo": ("L", "Thấp"), "": ("N", "Bình thường")}[bounds.flag(value)]
    return [concept(systems.INTERPRETATION, code, said)]


def read_pressure(written: str, _field: forms.Field) -> tuple[Decimal, Decimal]:
    """Systolic and diastolic as somebody types them: "120/80".

    Raises:
        Invalid: not two numbers, or ones that nobody has.
    """
    match = _PRESSURE.fullmatch(written.strip())
    if not match:
        raise Invalid(_("Nhập huyết áp dạng 120/80"))
    high, low = Decimal(match[1]), Decimal(match[2])
    for code, value in ((SYSTOLIC, high), (DIASTOLIC, low)):
        lowest, highest = POSSIBLE[code]
        if not Decimal(str(lowest)) <= value <= Decimal(str(highest)):
            raise Invalid(_("Huyết áp %(value)s mmHg không thể có", value=value))
    if low >= high:
        raise Invalid(_("Tâm thu phải lớn hơn tâm trương"))
    return high, low
