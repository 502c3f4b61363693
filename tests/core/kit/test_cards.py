"""What the scanner types is understood, or refused with a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import cards
from benhan.core.kit.cards import BookingCode, CitizenCard, InsuranceCard

CCCD = "001178012345|012345678|ĐẶNG THỊ TÂM|21111978|Nữ|Số 5, Phúc Xá, Ba Đình, Hà Nội|15082021"


def hexed(text: str) -> str:
    return text.encode().hex().upper()


BHYT = "|".join(
    ["GD4797912345678", hexed("Đặng Thị Tâm"), "21/11/1978", "2", hexed("Phường Hồng Hà"), "01 - 001",
     "01/01/2026", "31/12/2026", "01/01/2026", "79", "", "K1", "01/05/2027", "15ab$"]
)  # fmt: skip


def test_a_citizen_card_is_read() -> None:
    assert cards.read(CCCD) == CitizenCard(
        number="001178012345",
        name="Đặng Thị Tâm",
        birth="1978-11-21",
        gender="female",
        address="Số 5, Phúc Xá, Ba Đình, Hà Nội",
        issued="2021-08-15",
        former_number="012345678",
    )


def test_the_card_of_2024_has_more_fields_and_may_lack_the_old_number() -> None:
    card = cards.read("001178012345||Đặng Thị Tâm|21111978|Nữ|Hà Nội|15082024||||x\r\n")
    assert isinstance(card, CitizenCard)
    assert card.former_number is None


def test_a_birth_of_which_only_the_year_is_known_stays_a_year() -> None:
    for birth in ("1951", "00001951", "00/00/1951"):
        card = cards.read(CCCD.replace("21111978", birth))
        assert isinstance(card, CitizenCard)
        assert card.birth == "1951"


def test_an_insurance_card_is_read() -> None:
    assert cards.read(BHYT) == InsuranceCard(
        number="GD4797912345678",
        name="Đặng Thị Tâm",
        birth="1978-11-21",
        gender="female",
        address="Phường Hồng Hà",
        facility="01001",
        start="2026-01-01",
        end="2026-12-31",
        zone="K1",
        five_years="2027-05-01",
    )


def test_a_card_number_alone_is_enough() -> None:
    assert cards.read("GD 4 79 79 12345678") == InsuranceCard(number="GD4797912345678")
    assert cards.read("7912345678") == InsuranceCard(number="7912345678")


def test_a_booking_is_known_by_its_code_or_its_link() -> None:
    assert cards.read("K7M2Q9") == BookingCode("K7M2Q9")
    assert cards.read("https://benhvien.example/dat-kham/K7M2Q9") == BookingCode("K7M2Q9")


@pytest.mark.parametrize("typed", ["", "Đặng Thị Tâm", "TAM DANG", "HOANG", "0912345678", "N|A", "a|b|c", "123"])
def test_what_somebody_types_for_a_search_is_no_card(typed: str) -> None:
    assert cards.read(typed) is None


@pytest.mark.parametrize(
    ("scanned", "why"),
    [
        ("001178012345||ĐẶNG THỊ TÂM|21111978", "bị thiếu"),
        (CCCD.replace("21111978", "31021978"), "Ngày"),
        (CCCD.replace("21111978", "21112199"), "tương lai"),
        (CCCD.replace("ĐẶNG THỊ TÂM", " "), "họ tên"),
        (CCCD.replace("001178", "003178"), "mã tỉnh"),
        ("GD4797912345678|00", "bị thiếu"),
        ("x" * 5000, "quá dài"),
    ],
)
def test_a_card_that_cannot_be_true_is_refused_with_the_reason(scanned: str, why: str) -> None:
    with pytest.raises(Problem, match=why):
        cards.read(scanned)


def test_a_citizen_number_says_year_and_sex() -> None:
    assert cards.citizen_number("001 178 012 345") == "001178012345"
    assert cards.citizen_birth_year("001178012345") == 1978
    assert cards.citizen_gender("001178012345") == "female"
    assert cards.citizen_birth_year("079205012345") == 2005
    assert cards.citizen_gender("079205012345") == "male"


@pytest.mark.parametrize(
    "typed", ["00117801234", "0011780123456", "003178012345", "001399012345", "abc", "٠٠١١٧٨٠١٢٣٤٥"]
)
def test_an_impossible_citizen_number_is_refused(typed: str) -> None:
    with pytest.raises(Problem, match="căn cước"):
        cards.citizen_number(typed)


def test_the_people_of_the_demo_have_numbers_that_nobody_has() -> None:
    assert cards.citizen_number("099178012345") == "099178012345"
    assert cards.read("GD4999912345678") == InsuranceCard(number="GD4999912345678")


def test_insurance_numbers_have_three_forms() -> None:
    assert cards.insurance_number("gd4 79 79 12345678") == "GD4797912345678"
    assert cards.insurance_number("7912345678") == "7912345678"
    assert cards.insurance_number("001178012345") == "001178012345"
    with pytest.raises(Problem, match="15 ký tự"):
        cards.insurance_number("GD9797912345678")


@given(st.text(max_size=200))
def test_whatever_is_typed_is_read_or_refused_but_never_breaks(typed: str) -> None:
    try:
        cards.read(typed)
    except Problem as problem:
        assert problem.status == 422


@given(st.lists(st.text(max_size=12) | st.just("001178012345") | st.just("GD4797912345678"), min_size=1, max_size=16))
def test_whatever_is_scanned_is_read_or_refused_but_never_breaks(fields: list[str]) -> None:
    try:
        cards.read("|".join(fields))
    except Problem as problem:
        assert problem.status == 422
