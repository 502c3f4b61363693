"""Booking codes, proofs, calendar files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.hospital.booking_code import ALPHABET, new_code, read_code

#: These rules are pure; on a machine that does much else only the clock would fail them.
codes = st.builds(lambda _seed: new_code(), st.integers())


@given(codes)
def test_a_code_is_read_however_it_is_typed(code: str) -> None:
    for typed in (code, code.lower(), code.replace("-", ""), code.removeprefix("DK-"), f" {code.replace('-', ' ')} "):
        assert read_code(typed) == code


@given(codes, st.integers(3, 11), st.sampled_from(ALPHABET))
def test_one_wrong_character_never_makes_another_code(code: str, place: int, sign: str) -> None:
    if code[place] in (sign, "-"):
        return
    assert read_code(code[:place] + sign + code[place + 1 :]) is None


@given(codes)
def test_two_swapped_characters_never_make_another_code(code: str) -> None:
    bare = code.replace("-", "")
    for place in range(2, 9):
        swapped = bare[:place] + bare[place + 1] + bare[place] + bare[place + 2 :]
        assert swapped == bare or read_code(swapped) is None


@pytest.mark.parametrize("typed", ["", "DK", "DK-0000-0000", "DK-OIL1-2345", "7F4K2Q9", "x" * 1000, "Đặng Thị Tâm"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert read_code(typed) is None


def test_codes_are_many_and_hold_no_letters_one_mistakes() -> None:
    made = {new_code() for _ in range(2000)}
    assert len(made) == 2000
    assert not set("".join(made)[2:]) & set("OI01L")
