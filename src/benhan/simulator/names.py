"""How Vietnamese people are called: family names by frequency, middle and given names by sex and decade of birth.

Shares of family names: Lê Trung Hoa, "Họ và tên người Việt Nam" (rounded). Given names by decade follow what
registers of births show as fashion; the figures are our estimate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from itertools import accumulate
from random import Random
from typing import Final

FAMILIES: Final = (
    ("Nguyễn", 384), ("Trần", 110), ("Lê", 95), ("Phạm", 70), ("Hoàng", 40), ("Vũ", 32), ("Phan", 28), ("Huỳnh", 11),
    ("Võ", 10), ("Đặng", 21), ("Bùi", 20), ("Đỗ", 19), ("Ngô", 14), ("Hồ", 9), ("Dương", 12), ("Đinh", 11), ("Lý", 6),
    ("Trương", 12), ("Đào", 9), ("Đoàn", 8), ("Mai", 7), ("Trịnh", 8), ("Lương", 7), ("Hà", 6), ("Tạ", 5), ("Phùng", 5),
    ("Chu", 4), ("Cao", 6), ("Lưu", 4), ("Tô", 4), ("Vương", 3), ("Kiều", 3), ("Quách", 2), ("Tống", 2), ("Nghiêm", 2),
    ("Lại", 2), ("Thái", 2), ("Khuất", 1), ("Giang", 1), ("Bạch", 1), ("Âu", 1), ("Nông", 2), ("Hứa", 1), ("Triệu", 2),
)  # fmt: skip

#: sex → ((born before, middle names), …); "" stands for no middle name.
MIDDLES: Final = {
    "male": (
        (1975, "Văn Văn Văn Văn Văn Văn Đình Xuân Đức Hữu Quang Công Bá Sỹ Ngọc"),
        (1995, "Văn Văn Văn Đức Đức Minh Quang Hữu Đình Anh Xuân Công Thanh Ngọc Trọng Duy"),
        (9999, "Minh Minh Gia Gia Đức Anh Quốc Tuấn Hoàng Bảo Nhật Đăng Hải Khánh Quang Thành Việt"),
    ),
    "female": (
        (1975, "Thị Thị Thị Thị Thị Thị Thị Thị Thị Thu Kim Ngọc"),
        (1995, "Thị Thị Thị Thị Thị Thu Thu Thanh Ngọc Minh Hồng Phương Kim Thúy Bích Mai"),
        (9999, "Ngọc Minh Bảo Khánh Thanh Phương Gia Hà Thu Thảo An Quỳnh Tuệ Diệu Thị Thùy Mai"),
    ),
}


_FAMILY_NAMES: Final = [name for name, _ in FAMILIES]
_FAMILY_WEIGHTS: Final = list(accumulate(weight for _, weight in FAMILIES))

Words = tuple[tuple[int, list[str]], ...]


def _split(table: Mapping[str, Sequence[tuple[int, str]]]) -> dict[str, Words]:
    return {sex: tuple((until, names.split()) for until, names in rows) for sex, rows in table.items()}


def _given_names() -> dict[str, Words]:
    _head, *lines = (files(__package__) / "data" / "given_names.tsv").read_text("utf-8").splitlines()
    found: dict[str, Words] = {}
    for sex, until, names in (line.split("\t") for line in lines):
        found[sex] = (*found.get(sex, ()), (int(until), names.split()))
    return found


_MIDDLES: Final = _split(MIDDLES)
_GIVENS: Final = _given_names()


def full_name(chance: Random, gender: str, born: int) -> str:
    """A name that somebody of this sex, born in this year, may well have."""
    family = chance.choices(_FAMILY_NAMES, cum_weights=_FAMILY_WEIGHTS)[0]
    middle = chance.choice(_of(_MIDDLES[gender], born))
    given = chance.choice(_of(_GIVENS[gender], born))
    if born > 1990 and chance.random() < 0.25:
        middle = f"{middle} {chance.choice(_of(_MIDDLES[gender], born))}"
    return f"{family} {middle} {given}"


def _of(table: Words, born: int) -> list[str]:
    return next(names for until, names in table if born < until)
