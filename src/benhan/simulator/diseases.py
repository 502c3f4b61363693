"""What people come with: diagnoses by specialty, with weights, ages, season, complaint, findings, tests and medicines.

Weights follow what outpatient departments of Vietnamese general hospitals report (acute respiratory infections,
hypertension, diabetes, gastritis, back pain first); they are our estimate, made to look right, not statistics.
`data/diseases.tsv`: ages in years; sex m, f or -; months of its season; marks F (fever) and L (long-term); a test with
"!" is always ordered, with "?" now and then.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files

import msgspec


class Disease(msgspec.Struct, frozen=True):
    """One row of the table."""

    code: str
    specialty: str
    weight: int
    ages: tuple[int, int]
    sex: str
    season: frozenset[int]
    fever: bool
    long: bool
    complaint: str
    history: str
    examination: str
    #: Test → how often it is ordered.
    tests: dict[str, float]
    medicines: tuple[str, ...]

    def fits(self, age: int, gender: str) -> bool:
        """Whether somebody of this age and sex may have it."""
        return self.ages[0] <= age <= self.ages[1] and self.sex in ("-", gender[0])


@cache
def diseases() -> tuple[Disease, ...]:
    """All of them."""
    _head, *lines = (files(__package__) / "data" / "diseases.tsv").read_text("utf-8").splitlines()
    return tuple(_read(line.split("\t")) for line in lines)


def likely(day: date) -> list[int]:
    """The weight of each disease on a day: three times as much in its season."""
    return [one.weight * (3 if day.month in one.season else 1 if one.season else 2) for one in diseases()]


def _read(cells: list[str]) -> Disease:
    code, specialty, weight, ages, sex, season, marks, complaint, history, examination, tests, medicines = cells
    low, high = ages.split("-")
    return Disease(
        code, specialty, int(weight), (int(low), int(high)), sex, _months(season), "F" in marks, "L" in marks,
        complaint, history, examination,
        {name.rstrip("!?"): 1.0 if name.endswith("!") else 0.45 for name in _names(tests)},
        tuple(_names(medicines)),
    )  # fmt: skip


def _names(cell: str) -> list[str]:
    return [] if cell == "-" else cell.split(",")


def _months(cell: str) -> frozenset[int]:
    found: set[int] = set()
    for span in [] if cell == "-" else cell.split(","):
        first, last = map(int, span.split("-"))
        found.update((first + n - 1) % 12 + 1 for n in range((last - first) % 12 + 1))
    return frozenset(found)
