"""The list of TT 30/2023/TT-BYT: what may be treated at a distance, and how much of the list is sure."""

from __future__ import annotations

import pytest

from benhan.core.fhir import r4, systems
from benhan.hospital import remote_conditions as conditions

CODES = [
    ("I10", "TREATED"), ("M54.5", "TREATED"), ("E66.9", "TREATED"), ("E11.9", "TREATED"), ("Z09.4", "TREATED"),
    ("E11.2", "ADVISED"), ("I109", "ADVISED"), ("J18.9", "ADVISED"), (None, "ADVISED"), ("J31.0", "ADVISED"),
    ("G44.2", "TREATED"), ("E05.9", "TREATED"), ("J45.0", "UNCONFIRMED"), ("H10", "UNCONFIRMED"), ("J10", "ADVISED"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "allowed"), CODES)
def test_the_list_of_the_circular(code: str | None, allowed: str) -> None:
    assert conditions.standing(code).name == allowed


def test_the_list_says_how_much_of_it_is_sure() -> None:
    found = conditions.listed()
    codes = [code for one in found.entries for code in one.codes]
    assert len(codes) == len(set(codes)) and {one.read for one in found.entries} == {"lawnet", "vns", ""}
    assert (found.rows, len(found.entries), len(found.sure())) == (50, 50, 36)
    house = r4.Encounter(status="in-progress", class_=r4.Coding(system=systems.ACT_CODE, code="AMB"))
    assert conditions.objection(house, None, ["N"]) is None


def test_what_the_facility_found_in_the_paper_is_treated() -> None:
    found = {"J45", "J10"}
    assert [conditions.standing(code, found).name for code in ("J45.0", "J10.1", "J44")] == [
        "TREATED", "TREATED", "UNCONFIRMED",
    ]  # fmt: skip
    assert len(conditions.listed().sure(found)) == 37
