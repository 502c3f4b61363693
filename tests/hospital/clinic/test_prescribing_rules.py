"""What may stand on a prescription, and how many are handed out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir.outcome import Invalid
from benhan.core.kit.money import quantity as on_paper
from benhan.hospital import doses, ingredients, medicine_warnings
from benhan.hospital.clinic import prescribing_rules as rules
from benhan.hospital.clinic.prescribing_rules import Course
from benhan.hospital.medicine_warnings import Allergy
from benhan.hospital.medicines import Medicine

AMOXICILLIN = Medicine(code="A1", name="Amoxicilin", strength="500 mg", form="Viên nang", unit="viên")
AMLODIPINE = Medicine(code="A2", name="Amlodipin", strength="5 mg", form="Viên nén", unit="viên")
AUGMENTIN = Medicine(
    code="A3", name="Amoxicilin + Acid clavulanic", strength="500 mg + 125 mg", form="Viên nén bao phim", unit="viên"
)
SYRUP = Medicine(code="S1", name="Paracetamol", strength="120 mg/5 ml", form="Siro", unit="chai", pack_ml=Decimal(60))
EYE_DROPS = Medicine(
    code="E1",
    name="Tobramycin",
    strength="0,3 %",
    form="Dung dịch nhỏ mắt",
    unit="lọ",
    route="Nhỏ mắt",
    pack_ml=Decimal(5),
)
CREAM = Medicine(code="C1", name="Betamethason", strength="0,05 %", form="Kem bôi da", unit="tuýp", route="Bôi")
MORPHINE = Medicine(code="N1", name="Morphin", strength="10 mg", form="Viên nén", unit="viên", kind="N")
HALF = Decimal("0.5")


def course(days: int = 5, long_term: bool = False, **doses: str) -> Course:
    return Course(doses={time: Decimal(dose) for time, dose in doses.items()}, days=days, long_term=long_term)


# Quantities

halves = st.integers(1, 20).map(lambda n: n * HALF)


@given(st.dictionaries(st.sampled_from(list(rules.TIMES)), halves, min_size=1), st.integers(1, 90))
def test_tablets_last_exactly_the_days_and_never_leave_a_whole_one_over(doses: dict[str, Decimal], days: int) -> None:
    handed_out = rules.quantity(AMLODIPINE, doses, days)
    needed = sum(doses.values()) * days
    assert handed_out is not None
    assert 0 <= handed_out - needed < 1


@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 30), st.integers(5, 500))
def test_bottles_hold_enough_and_one_fewer_would_not(dose: int, times: int, days: int, pack: int) -> None:
    syrup = Medicine(code="S", name="X", strength="", form="Siro", unit="chai", pack_ml=Decimal(pack))
    bottles = rules.quantity(syrup, dict.fromkeys(list(rules.TIMES)[:times], Decimal(dose)), days)
    assert bottles is not None
    assert bottles * pack >= dose * times * days > (bottles - 1) * pack


@given(halves, halves, st.integers(1, 30), st.integers(0, 30))
def test_more_days_or_a_larger_dose_never_gives_fewer(dose: Decimal, more: Decimal, days: int, longer: int) -> None:
    few = rules.quantity(AMLODIPINE, {"sang": dose}, days)
    many = rules.quantity(AMLODIPINE, {"sang": dose + more}, days + longer)
    assert few is not None and many is not None
    assert few <= many


def test_half_a_tablet_for_five_days_is_three_tablets_printed_03() -> None:
    handed_out = rules.quantity(AMLODIPINE, {"sang": HALF}, 5)
    assert handed_out == 3
    assert on_paper(handed_out) == "03"


def test_five_millilitres_three_times_for_five_days_are_two_bottles_of_sixty() -> None:
    assert rules.quantity(SYRUP, {"sang": Decimal(5), "trua": Decimal(5), "toi": Decimal(5)}, 5) == 2


def test_two_drops_four_times_a_day_are_one_bottle() -> None:
    assert doses.dose_unit(EYE_DROPS) == "giọt"
    assert rules.quantity(EYE_DROPS, dict.fromkeys(rules.TIMES, Decimal(2)), 7) == 1


def test_insulin_is_dosed_in_units_and_handed_out_in_pens() -> None:
    pen = Medicine(
        code="I", name="Insulin glargine", strength="100 IU/mL", form="Bút tiêm", unit="bút", route="Tiêm dưới da",
        pack_ml=Decimal(3),
    )  # fmt: skip
    assert doses.dose_unit(pen) == "IU"
    assert rules.quantity(pen, {"toi": Decimal(20)}, 30) == 2


def test_a_cream_is_counted_by_hand() -> None:
    assert rules.quantity(CREAM, {"toi": Decimal(1)}, 7) is None
    assert ("quantity", "Không tính được số lượng cho dạng này: nhập số tuýp") in rules.wrong(CREAM, course(toi="1"))
    assert rules.given(CREAM, Course(doses={"toi": Decimal(1)}, days=7, quantity=2)) == 2


@pytest.mark.parametrize(
    ("typed", "dose"),
    [("1", "1"), ("0,5", "0.5"), ("1/2", "0.5"), ("½", "0.5"), ("1 1/2", "1.5"), ("1½", "1.5"), ("7.5", "7.5")],
)
def test_doses_are_read_as_doctors_type_them(typed: str, dose: str) -> None:
    assert doses.parse_dose(typed) == Decimal(dose)


@pytest.mark.parametrize("typed", ["", "hai", "-1", "1/3", "1e3", "99999", "1/0", "٣"])
def test_what_is_no_dose_is_refused(typed: str) -> None:
    with pytest.raises(Invalid):
        doses.parse_dose(typed)


# What is wrong


def test_a_capsule_is_not_broken_and_a_tablet_is() -> None:
    assert rules.wrong(AMOXICILLIN, course(sang="0.5")) == [("sang", "Viên nang không bẻ được: ghi số viên nguyên")]
    assert rules.wrong(AMLODIPINE, course(sang="0.5")) == []


def test_a_tablet_is_not_cut_in_ten() -> None:
    assert rules.wrong(AMLODIPINE, course(sang="0.1"))


def test_thirty_days_are_allowed_and_thirty_one_only_for_a_listed_disease() -> None:
    assert rules.wrong(AMLODIPINE, course(days=30, sang="1")) == []
    assert "Phụ lục VII" in rules.wrong(AMLODIPINE, course(days=31, sang="1"))[0][1]
    assert rules.wrong(AMLODIPINE, course(days=90, long_term=True, sang="1")) == []
    assert rules.wrong(AMLODIPINE, course(days=91, long_term=True, sang="1"))


def test_narcotics_end_after_seven_days() -> None:
    assert rules.wrong(MORPHINE, course(days=7, sang="1")) == []
    assert rules.wrong(MORPHINE, course(days=8, long_term=True, sang="1"))


def test_a_line_without_a_dose_is_no_line() -> None:
    assert rules.wrong(AMLODIPINE, course())[0][0] == "sang"


# Allergies and doubles


@pytest.mark.parametrize("recorded", ["Penicillin", "penicilin", "Amoxycillin", "AMPICILLIN natri", "Nhóm penicilin"])
def test_an_allergy_to_penicillin_in_any_spelling_stops_amoxicillin(recorded: str) -> None:
    (found,) = medicine_warnings.against_allergies(AMOXICILLIN, [Allergy(recorded, reaction="phản vệ 2019")])
    assert found.blocks
    assert found.text == f"Dị ứng {recorded} (phản vệ 2019): không kê được"


def test_an_allergy_to_penicillin_only_warns_of_a_cephalosporin() -> None:
    cephalexin = Medicine(code="K", name="Cephalexin", strength="500 mg", form="Viên nang", unit="viên")
    (found,) = medicine_warnings.against_allergies(cephalexin, [Allergy("Penicillin", "penicillin")])
    assert not found.blocks


def test_an_allergy_to_something_else_says_nothing() -> None:
    assert medicine_warnings.against_allergies(AMOXICILLIN, [Allergy("Tôm, cua"), Allergy("Ibuprofen", "nsaid")]) == []


def test_a_medicine_without_a_known_name_is_stopped_by_its_atc_family() -> None:
    branded = Medicine(code="B", name="Hoạt chất lạ", strength="", form="Viên nén", unit="viên", atc="M01AE01")
    assert medicine_warnings.against_allergies(branded, [Allergy("Aspirin")])[0].blocks


def test_the_same_ingredient_twice_is_said_with_both_names() -> None:
    (found,) = medicine_warnings.doubled(AUGMENTIN, [AMOXICILLIN, AMLODIPINE])
    assert found.text == "Trùng hoạt chất Amoxicilin với Amoxicilin 500 mg"
    assert not found.blocks


@given(st.sampled_from(["Amoxicilin", "Cefuroxim", "Azithromycin", "Acid acetylsalicylic"]))
def test_ingredients_have_one_key_with_and_without_their_salts(name: str) -> None:
    assert ingredients.key(name) == ingredients.key(f"{name.upper()} natri") == ingredients.key(f"{name}e trihydrate")


def test_an_allergy_under_a_code_of_another_program_is_read_by_its_name() -> None:
    foreign = Allergy("Thuốc chống viêm không steroid (NSAID)", "snomed-293586001")
    ibuprofen = Medicine(code="I", name="Ibuprofen", strength="400 mg", form="Viên", unit="viên")
    assert medicine_warnings.against_allergies(ibuprofen, [foreign])[0].blocks
    assert medicine_warnings.against_allergies(ibuprofen, [Allergy("Phấn hoa", "pollen")]) == []


def test_glucosamine_is_no_nsaid() -> None:
    glucosamine = Medicine(code="G", name="Glucosamine", strength="500 mg", form="Viên", unit="viên", atc="M01AX05")
    assert medicine_warnings.against_allergies(glucosamine, [Allergy("Aspirin")]) == []


# How it reads


def test_directions_read_as_on_paper() -> None:
    twice = Course(doses={"toi": Decimal(1), "sang": Decimal(1)}, days=5, note="sau ăn")
    assert rules.directions(AMOXICILLIN, twice) == "Uống: ngày 2 lần, mỗi lần 1 viên (sáng, tối), sau ăn"
    uneven = Course(doses={"sang": Decimal(2), "toi": HALF}, days=5)
    assert rules.directions(AMLODIPINE, uneven) == "Uống: ngày sáng 2 viên, tối ½ viên"
    assert rules.directions(CREAM, Course(doses={"toi": Decimal(1)}, days=7, route="Bôi")) == "Bôi: ngày 1 lần (tối)"


# Codes


@given(st.from_regex(r"\A[0-9A-Z]{5}\Z"), st.sampled_from("NHC"))
def test_a_code_has_fourteen_characters_facility_first_kind_last(facility: str, kind: str) -> None:
    code = rules.new_code(facility, kind)
    assert len(code) == 14
    assert rules.CODE.fullmatch(code)
    assert code.startswith(facility) and code.endswith(f"-{kind}")


def test_codes_are_drawn_not_counted() -> None:
    assert len({rules.new_code("01C51", "C") for _ in range(2000)}) == 2000


@pytest.mark.parametrize("facility", ["", "0123", "012345", "01 51", "01Đ51"])
def test_a_facility_without_five_letters_or_digits_gets_no_code(facility: str) -> None:
    with pytest.raises(Invalid):
        rules.new_code(facility, "C")


def test_narcotics_and_psychotropics_have_prescriptions_of_their_own() -> None:
    assert rules.by_kind(["C", "N", "C"]) == ["N", "C"]


def test_a_small_child_needs_a_weight() -> None:
    assert rules.needs_weight(71, weight_known=False, lines=1) == "cân nặng (trẻ dưới 72 tháng)"
    assert rules.needs_weight(72, weight_known=False, lines=1) is None
    assert rules.needs_weight(3, weight_known=True, lines=1) is None
