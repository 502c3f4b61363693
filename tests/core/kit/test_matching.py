"""Who may be the same human: each weight stands for a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.kit.matching import (
    Facts,
    insurance_forms,
    is_same,
    likeness,
    near_numbers,
    one_slip_apart,
    same_insurance,
    swapped,
)

TAM = Facts(name="Đặng Thị Tâm", birth="1980-02-03", gender="female", phone="0912345678", number="001180012345")
WORDS = st.sampled_from(["Nguyễn", "Đặng", "Thị", "Văn", "Tâm", "Tám", "An", "Bình", "Ửng"])
NAMES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join)
DAYS = st.dates().map(lambda day: f"{max(day.year, 1900):04d}-{day.month:02d}-{min(day.day, 28):02d}")
FACTS = st.builds(
    Facts,
    name=NAMES,
    birth=st.none() | DAYS,
    gender=st.none() | st.sampled_from(["male", "female"]),
    phone=st.none() | st.from_regex(r"09[0-9]{8}", fullmatch=True),
    number=st.none() | st.from_regex(r"0011[0-9]{8}", fullmatch=True),
)


def somebody(**known: Any) -> Facts:
    """Tâm, with some facts changed; None takes one away."""
    return msgspec.structs.replace(TAM, **known)


@dataclass
class Case:
    """A sentence, and the facts it is about."""

    sentence: str
    other: Facts
    suspicious: bool


CASES = [
    Case("the same name and birth date", somebody(phone=None, number=None), True),
    Case("the same name without accents, in another order",
         somebody(name="tam dang thi", phone=None, number=None), True),
    Case("the same telephone and a name with a word less", somebody(name="Đặng Tâm", birth=None, number=None), True),
    Case("day and month of birth swapped", somebody(birth="1980-03-02", phone=None, number=None), True),
    Case("one digit of the CCCD differs, and the birth date is the same",
         somebody(name="Trần Văn Ba", gender=None, phone=None, number="001180012346"), True),
    Case("two neighbouring digits of the CCCD swapped, and the name is the same",
         somebody(birth=None, phone=None, number="001180012354"), True),
    Case("the same CCCD, whatever else", Facts(name="Lê Văn Tư", birth="1999-09-09", number=TAM.number), True),
    Case("a child at its mother's telephone", somebody(name="Lê Bảo An", birth="2020-05-05", number=None), False),
    Case("the same common name, nothing else known", Facts(name="Đặng Thị Tâm"), False),
    Case("another name, the same birth date", Facts(name="Lê Văn Tư", birth=TAM.birth), False),
    Case("nothing in common", Facts(name="Lê Văn Tư", birth="1999-09-09", phone="0987654321"), False),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_a_second_record_is_suspected_when(case: Case) -> None:
    assert likeness(TAM, case.other).suspicious is case.suspicious


def test_the_reasons_are_told() -> None:
    assert likeness(TAM, somebody(phone=None, number=None)).reasons == ("cùng họ tên", "cùng ngày sinh")


def test_name_and_birth_date_open_a_record_unless_the_numbers_differ() -> None:
    assert is_same(TAM, somebody(number=None))
    assert not is_same(TAM, somebody(number="001180099999"))
    assert not is_same(TAM, somebody(birth="1980-02-04"))
    assert not is_same(somebody(birth=None), somebody(birth=None))


def test_a_card_and_its_bhxh_number_are_one_insurance() -> None:
    assert same_insurance("DN4010123456789", "0123456789")
    assert insurance_forms("DN4010123456789") == ["DN4010123456789", "0123456789"]
    assert not same_insurance("DN4010123456789", "0123456780")
    assert not same_insurance(None, None)


@given(FACTS, FACTS)
def test_likeness_is_the_same_from_both_sides(one: Facts, other: Facts) -> None:
    assert likeness(one, other) == likeness(other, one)


@given(FACTS)
def test_nobody_is_less_like_herself_than_like_others(one: Facts) -> None:
    assert all(reason.startswith("cùng") for reason in likeness(one, one).reasons)


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_every_near_number_is_one_slip_away_and_only_those(number: str) -> None:
    near = near_numbers(number)
    assert near[0] == number
    assert len(near) == len(set(near)) <= 1 + 12 * 9 + 11
    assert all(one_slip_apart(number, other) for other in near[1:])


@given(DAYS)
def test_swapping_day_and_month_twice_gives_the_day_back(day: str) -> None:
    other = swapped(day)
    assert other is None or swapped(other) == day


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_a_slip_is_seen_from_both_sides(one: str, other: str) -> None:
    assert one_slip_apart(one, other) == one_slip_apart(other, one)
