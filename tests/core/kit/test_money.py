"""Amounts of đồng read the way a cashier says them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import money


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "Không đồng"),
        (5, "Năm đồng"),
        (10, "Mười đồng"),
        (11, "Mười một đồng"),
        (14, "Mười bốn đồng"),
        (15, "Mười lăm đồng"),
        (21, "Hai mươi mốt đồng"),
        (24, "Hai mươi tư đồng"),
        (55, "Năm mươi lăm đồng"),
        (100, "Một trăm đồng"),
        (105, "Một trăm linh năm đồng"),
        (1_000, "Một nghìn đồng"),
        (1_005, "Một nghìn không trăm linh năm đồng"),
        (1_234_567, "Một triệu hai trăm ba mươi tư nghìn năm trăm sáu mươi bảy đồng"),
        (20_000_000, "Hai mươi triệu đồng"),
        (1_000_000_001, "Một tỷ không trăm linh một đồng"),
        (2_500_000_000_000, "Hai nghìn năm trăm tỷ đồng"),
        (-15_000, "Âm mười lăm nghìn đồng"),
    ],
)
def test_an_amount_is_read_out_correctly(amount: int, words: str) -> None:
    assert money.vnd_in_words(amount) == words


def test_an_amount_in_figures_has_dots_between_thousands() -> None:
    assert money.vnd(1_234_567) == "1.234.567\u00a0₫"
    assert money.vnd(0) == "0\u00a0₫"
    assert money.figures(-1500) == "-1.500"


def test_small_quantities_have_a_zero_before_them() -> None:
    assert money.quantity(5) == "05"
    assert money.quantity(20) == "20"
    assert money.quantity(Decimal("0.50")) == "0,5"
    assert money.quantity(Decimal("5.00")) == "05"
    assert money.quantity_in_words(5) == "Năm"
    assert money.quantity_in_words(Decimal("1.25")) == "Một phẩy hai năm"


@pytest.mark.parametrize("typed", ["1.234.567 ₫", "1234567", "1 234 567 đ", "1,234,567 VND", "1.234.567 đồng"])
def test_an_amount_is_understood_as_people_type_it(typed: str) -> None:
    assert money.parse_vnd(typed) == 1_234_567


@pytest.mark.parametrize("typed", ["", "một triệu", "-5", "1.23", "1.234,567", "9" * 100, "12.34.567"])
def test_what_is_not_an_amount_is_refused(typed: str) -> None:
    with pytest.raises(Problem, match="không đúng"):
        money.parse_vnd(typed)


@given(st.integers(min_value=0, max_value=10**15 - 1))
def test_an_amount_shown_is_read_back(amount: int) -> None:
    assert money.parse_vnd(money.vnd(amount)) == amount


_DIGITS = ["không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín"]
_NAMES = {w: n for n, w in enumerate(_DIGITS)} | {
    "mốt": 1, "tư": 4, "lăm": 5, "mười": 10,
}  # fmt: skip


def _understood(words: str) -> int:
    """What a listener hears: an independent reading of Vietnamese number words."""
    billions, _, rest = words.rpartition("tỷ")
    total, group = (_understood(billions) * 10**9 if billions.strip() else 0), 0
    for word in rest.split():
        if word == "trăm":
            group *= 100
        elif word == "mươi":
            group = group // 100 * 100 + group % 100 * 10 if group >= 100 else group * 10
        elif word in ("nghìn", "triệu"):
            total, group = total + group * {"nghìn": 1000, "triệu": 10**6}[word], 0
        elif word != "linh":
            group += _NAMES[word]
    return total + group


@given(st.integers(min_value=0, max_value=money.LIMIT))
def test_words_mean_the_amount(amount: int) -> None:
    assert _understood(money.number_in_words(amount)) == amount


def test_a_number_nobody_can_owe_is_refused() -> None:
    with pytest.raises(Problem, match="quá lớn"):
        money.vnd_in_words(10**18)
