"""What laboratory services measure and what is normal: LOINC, units, ranges by sex and age.

For the results desk and the doctor's page. The ranges are textbook defaults: `data/analytes.toml` and
`data/vitals.toml` name their sources, and a hospital confirms or replaces them (TT 49/2018/TT-BYT).
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

import msgspec

T = TypeVar("T")

Flag = Literal["L", "H", "LL", "HH", "A"]
"""FHIR's interpretation codes: low, high, critically low, critically high, abnormal."""


class Range(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"first": "from", "last": "to"}
):
    """What is normal for one sex and age band: ages in months, from `first` up to but without `last`."""

    low: Decimal | None = None
    high: Decimal | None = None
    critical_low: Decimal | None = None
    critical_high: Decimal | None = None
    sex: Literal["male", "female"] | None = None
    first: int = 0
    last: int | None = None

    def covers(self, sex: str | None, age_months: int) -> bool:
        """Whether this range is for somebody of this sex and age."""
        of_age = self.first <= age_months and (self.last is None or age_months < self.last)
        return of_age and self.sex in (None, sex)

    def flag(self, value: Decimal | float) -> Flag | None:
        """L or H outside of the range, LL or HH where a critical value is reached, None where it is normal."""
        measured = value if isinstance(value, Decimal) else Decimal(str(value))
        if self.critical_low is not None and measured <= self.critical_low:
            return "LL"
        if self.critical_high is not None and measured >= self.critical_high:
            return "HH"
        if self.low is not None and measured < self.low:
            return "L"
        return "H" if self.high is not None and measured > self.high else None

    def shown(self) -> str:
        """As it is printed beside a result: "3,9 – 6,1", "≤ 5", "≥ 1,3"."""
        low, high = (None if v is None else f"{v.normalize():f}".replace(".", ",") for v in (self.low, self.high))
        if low is None:
            return "" if high is None else f"≤ {high}"
        return f"≥ {low}" if high is None else f"{low} – {high}"


class Analyte(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is measured: a number with a unit, or one of `choices`. `unit` is for people, `ucum` for FHIR."""

    loinc: str
    name: str
    key: str = ""
    unit: str = ""
    ucum: str = ""
    decimals: int = 0
    ranges: tuple[Range, ...] = ()
    choices: tuple[str, ...] = ()
    expected: tuple[str, ...] = ()

    def range_for(self, sex: str | None, age_months: int) -> Range | None:
        """What is normal for this person; None where we have no range that fits."""
        return next((found for found in self.ranges if found.covers(sex, age_months)), None)

    def flag(self, value: Decimal | float | str, sex: str | None, age_months: int) -> Flag | None:
        """How this result stands to what is normal; a choice that is not expected is "A"."""
        if isinstance(value, str):
            return "A" if self.expected and value not in self.expected else None
        found = self.range_for(sex, age_months)
        return found.flag(value) if found else None


class _Laboratory(msgspec.Struct, forbid_unknown_fields=True):
    analyte: list[Analyte]
    panels: dict[str, list[str]]


class _Vitals(msgspec.Struct, forbid_unknown_fields=True):
    vital: list[Analyte]


def analytes(service_code: str) -> list[Analyte]:
    """What this service measures, in the order of the printed result; empty for services we have no table of."""
    known = _by_key()
    return [known[key] for key in _laboratory().panels.get(service_code, ())]


def analyte(loinc: str) -> Analyte | None:
    """The analyte or vital sign with this LOINC code."""
    return _by_loinc().get(loinc)


def vital_range(loinc: str, age_months: int) -> Range | None:
    """What is normal for a vital sign at this age; None for those without a range (weight, height)."""
    found = _by_loinc().get(loinc)
    return found.range_for(None, age_months) if found else None


@cache
def _laboratory() -> _Laboratory:
    return _read("analytes.toml", _Laboratory)


@cache
def _by_key() -> dict[str, Analyte]:
    return {found.key: found for found in _laboratory().analyte}


@cache
def _by_loinc() -> dict[str, Analyte]:
    return {found.loinc: found for found in [*_laboratory().analyte, *_read("vitals.toml", _Vitals).vital]}


def _read(name: str, shape: type[T]) -> T:
    content = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(content, parse_float=Decimal), shape, strict=False)
