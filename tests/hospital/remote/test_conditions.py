"""The list of TT 30/2023/TT-BYT: what may be treated at a distance, and how much of the list is sure."""

from __future__ import annotations

import pytest

from benhan.core.fhir import r4, systems
from benhan.hospital import remote_conditions as conditions

CODES = [
    ("I10", "TREATED"), ("M54.5", "TREATED"), ("E66.9", "TREATED"), ("E11.9", "TREATED"), ("Z09.4", "TREATED"),
    ("E11.2", "ADVISED"), ("I109", "ADVISED"), ("J18.9", "ADVISED"), (None, "ADVISED"), ("J31.0", "ADVISED"),
    ("J45.0", "UNCONFIRMED"), ("G44.2", "UNCONFIRMED"), ("B24", "UNCONFIRMED"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "allowed"), CODES)
def test_the_list_of_the_circular(code: str | None, allowed: str) -> None:
    assert conditions.standing(code).name == allowed


def test_the_list_says_how_much_of_it_is_sure() -> None:
    found = conditions.listed()
    assert (found.rows, [one.row for one in found.confirmed]) == (50, list(range(1, 21)))
    sure = {code for one in found.confirmed for code in one.codes}
    assert not sure & set(found.unconfirmed)
    house = r4.Encounter(status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="AMB"))
    assert conditions.objection(house, None, ["N"]) is None
