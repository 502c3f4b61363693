"""Names and telephone numbers are found however they are typed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.outcome import Problem
from benhan.core.kit import text

TAM = "Đặng Thị Tâm"
VIETNAMESE = st.text(alphabet="aàáảãạăắâậđêệoôơớuưựyỳ AĐÊÔƠƯ'-.bcghklmnpqrstvx", max_size=40)


@pytest.mark.parametrize(
    "query",
    [
        "Dang Thi Tam",
        "tam dang",
        "Dang  Thi  Tam",
        unicodedata.normalize("NFD", TAM),
        "ĐẶNG THỊ TÂM",
        "d t t",
        "tâm",
    ],
)
def test_a_person_is_found_however_her_name_is_typed(query: str) -> None:
    assert text.name_matches(query, TAM)


@pytest.mark.parametrize("query", ["", "   ", "tam tam", "dang thi tam nguyen", "hoa", "t t t t"])
def test_a_name_that_has_not_all_the_words_is_not_found(query: str) -> None:
    assert not text.name_matches(query, TAM)


def test_each_word_asks_for_a_word_of_its_own() -> None:
    assert text.name_matches("thi t", "Thị Thanh")
    assert text.name_matches("t thi", "Thị Thanh")
    assert not text.name_matches("thi thi", "Thị Thanh")


def test_the_composed_and_the_decomposed_form_fold_to_the_same() -> None:
    assert text.fold("Nguyễn Thị Ánh Tuyết") == "nguyen thi anh tuyet"
    assert text.fold(unicodedata.normalize("NFD", "Nguyễn Thị Ánh Tuyết")) == "nguyen thi anh tuyet"


def test_punctuation_separates_words_and_invisible_marks_do_not() -> None:
    assert text.fold("  H'Hen-Niê,  (Y.Bliă) ") == "h hen nie y blia"
    assert text.fold("Tâ\u200bm\ufeff") == "tam"


def test_letters_that_look_like_a_d_with_a_bar_are_the_same_letter() -> None:
    assert text.fold("Đỗ") == text.fold("Ðỗ") == text.fold("Ɖỗ") == "do"


@given(st.text(max_size=60))
def test_folding_does_not_depend_on_the_unicode_form_and_is_done_once(written: str) -> None:
    folded = text.fold(written)
    assert folded == text.fold(unicodedata.normalize("NFD", written))
    assert folded == text.fold(unicodedata.normalize("NFC", written))
    assert folded == text.fold(folded)
    assert "  " not in folded and folded == folded.strip()


@given(VIETNAMESE)
def test_vietnamese_folds_to_plain_ascii(written: str) -> None:
    assert text.fold(written).isascii()


@given(
    st.lists(st.sampled_from(["Đặng", "Thị", "Tâm", "Văn", "An", "Ánh"]), min_size=1, max_size=6),
    st.randoms(),
)
def test_a_name_matches_itself_in_any_order(words: list[str], random: object) -> None:
    turned = words[:]
    random.shuffle(turned)  # type: ignore[attr-defined]
    assert text.name_matches(" ".join(turned), " ".join(words))
    assert text.name_key(" ".join(turned)) == text.name_key(" ".join(words))


def test_a_name_is_written_with_capitals() -> None:
    assert text.title_name("ĐẶNG  THỊ TÂM ") == TAM
    assert text.title_name("h'hen niê") == "H'Hen Niê"
    assert text.title_name(unicodedata.normalize("NFD", "đặng thị tâm")) == TAM


def test_initials_are_of_the_family_and_the_given_name() -> None:
    assert text.initials(TAM) == "ĐT"
    assert text.initials("Tâm") == "T"
    assert text.initials("") == ""


@pytest.mark.parametrize(
    "typed",
    ["0912345678", "+84912345678", "84912345678", "0912 345 678", "0912.345.678", "+84 (0) 912-345-678",
     "0084912345678", "912345678", " 0912\u00a0345\u00a0678 "],
)  # fmt: skip
def test_a_mobile_number_has_one_stored_form(typed: str) -> None:
    assert text.phone(typed) == "0912345678"


def test_landlines_old_mobile_numbers_and_numbers_from_abroad_are_understood() -> None:
    assert text.phone("(024) 3825 1234") == "02438251234"
    assert text.phone("+84 203 3825 123") == "02033825123"
    assert text.phone("0168 234 5678") == "0382345678"
    assert text.phone("+33 1 23 45 67 89") == "+33123456789"


@pytest.mark.parametrize(
    "typed", ["", "0812", "0112345678", "091234567", "09123456789", "abc", "+84", "0" * 500, "٠٩١٢٣٤٥٦٧٨"]
)
def test_an_impossible_number_is_refused_with_advice(typed: str) -> None:
    with pytest.raises(Problem, match="Số điện thoại"):
        text.phone(typed)
    assert text.phone_or_none(typed) is None


@given(st.from_regex(r"0[35789][0-9]{8}", fullmatch=True))
def test_a_number_is_the_same_after_it_was_shown(number: str) -> None:
    assert text.phone(text.phone_shown(number)) == number
    assert text.phone("+84" + number[1:]) == number


def test_numbers_are_shown_in_groups() -> None:
    assert text.phone_shown("0912345678") == "0912 345 678"
    assert text.phone_shown("02438251234") == "024 3825 1234"
    assert text.phone_shown("02033825123") == "0203 3825 123"
    assert text.phone_shown("+33123456789") == "+33123456789"


def test_long_text_is_cut_between_words() -> None:
    assert text.clip("Viêm phổi do phế cầu khuẩn", 15) == "Viêm phổi do…"
    assert text.clip("Viêm phổi", 15) == "Viêm phổi"
    assert len(text.clip("x" * 100, 10)) == 10
