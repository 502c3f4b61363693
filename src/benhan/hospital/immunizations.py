"""What a patient was vaccinated with, as nurses write it and everybody reads it: FHIR `Immunization`.

Vaccines by their CVX code. Those of the expanded programme (TT 10/2024/TT-BYT) come first, then what is given most.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.language import later
from benhan.hospital.visit import code_of, display_of

#: CVX → what the vaccine is called.
VACCINES: Final = {
    "19": later("Lao (BCG)"),
    "45": later("Viêm gan B"),
    "198": later("Bạch hầu, ho gà, uốn ván, viêm gan B, Hib (5 trong 1)"),
    "178": later("Bại liệt uống (bOPV)"),
    "10": later("Bại liệt tiêm (IPV)"),
    "05": later("Sởi"),
    "04": later("Sởi, rubella (MR)"),
    "129": later("Viêm não Nhật Bản"),
    "122": later("Rota"),
    "112": later("Uốn ván"),
    "03": later("Sởi, quai bị, rubella (MMR)"),
    "152": later("Phế cầu"),
    "88": later("Cúm"),
    "137": later("HPV"),
    "90": later("Dại"),
    "21": later("Thuỷ đậu"),
    "213": later("COVID-19"),
}
GIVEN, WITHDRAWN = "completed", "entered-in-error"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One vaccination. `dose` 0: nobody knows which; `told`: as the patient or her booklet says, not given here."""

    id: str
    name: str
    code: str
    day: date | None
    dose: int
    lot: str
    place: str
    told: bool


def read(found: Iterable[r4.Immunization]) -> list[Given]:
    """Those that stand, the newest first."""
    given = [_given(one) for one in found if one.status == GIVEN]
    return sorted(given, key=lambda one: (one.day or date.min, one.id), reverse=True)


def _given(one: r4.Immunization) -> Given:
    series = next(iter(one.protocolApplied or []), None)
    when = (one.occurrenceDateTime or "")[:10]
    return Given(
        id=one.id or "", name=display_of(one.vaccineCode), code=code_of(one.vaccineCode, systems.VACCINES) or "",
        day=date.fromisoformat(when) if len(when) == len("2026-11-22") else None,
        dose=(series.doseNumberPositiveInt or 0) if series else 0,
        lot=one.lotNumber or "", place=(one.location.display or "") if one.location else "",
        told=one.primarySource is False,
    )  # fmt: skip
