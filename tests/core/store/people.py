"""Made-up people for the tests of the store."""

from __future__ import annotations

import itertools
import os

from benhan.core.fhir import r4, systems

_NEXT = itertools.count(int.from_bytes(os.urandom(4), "big") * 1000)


def cccd() -> str:
    """A number shaped like a citizen id that nobody has (province 000)."""
    return f"000{next(_NEXT) % 10**9:09d}"


def person(name: str, number: str | None = None) -> r4.Patient:
    """A patient with a name, and a citizen id where one is given."""
    family, *given = name.split()
    return r4.Patient(
        name=[r4.HumanName(text=name, family=family, given=given or None)],
        gender="female",
        birthDate="1980-02-03",
        identifier=[r4.Identifier(system=systems.CCCD, value=number)] if number else None,
    )
