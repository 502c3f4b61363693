"""Codes are found the way nurses and doctors type them."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.kit import codes
from benhan.core.kit.codes import CodeList

TODAY = date(2026, 11, 21)
ORDERS = {"kind": {"laboratory", "imaging"}}


@pytest.fixture(scope="module")
def icd10() -> CodeList:
    return codes.icd10(TODAY)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("j18", "J18"),
        ("J18.0", "J18.0"),
        ("j180", "J18.0"),
        ("ho", "R05"),
        ("viem phoi", "J18.9"),
        ("phổi viêm", "J18.9"),
        ("tha", "I10"),
        ("cao huyết áp", "I10"),
        ("dtd typ 2", "E11.9"),
        ("tiểu đường", "E11.9"),
        ("sxh", "A97.0"),
        ("Viem  hong", "J02.9"),
        ("trao nguoc", "K21.9"),
        ("đau thắt lưng", "M54.5"),
        ("mụn trứng cá", "L70.0"),
    ],
)
def test_a_diagnosis_is_the_first_answer(icd10: CodeList, typed: str, code: str) -> None:
    assert icd10.find(typed)[0].code == code


def test_codes_that_begin_so_come_in_their_order(icd10: CodeList) -> None:
    assert [found.code for found in icd10.find("j18", 4)] == ["J18", "J18.0", "J18.1", "J18.2"]


def test_words_may_stand_beside_a_code(icd10: CodeList) -> None:
    assert icd10.find("j18 thùy")[0].code == "J18.1"


def test_accents_that_were_typed_are_taken_seriously(icd10: CodeList) -> None:
    first = icd10.find("hở", 3)
    assert all("hở" in found.name.lower() for found in first)


def test_what_this_doctor_uses_most_comes_first(icd10: CodeList) -> None:
    used = {"J20.9": 3.0, "J21.9": 40.0, "K29.7": 900.0}
    found = [code.code for code in icd10.find("viem phe q", weights=used)]
    assert found[:2] == ["J21.9", "J20.9"]
    assert "K29.7" not in found


def test_flags_say_what_a_code_may_not_be_used_for(icd10: CodeList) -> None:
    def flags(code: str) -> frozenset[str]:
        found = icd10.get(code)
        assert found is not None
        return found.flags

    assert "not_principal" in flags("W54")
    assert "male" in flags("N40")
    assert "female" in flags("O80.9")
    assert "needs_detail" in flags("J18") or "needs_detail" in flags("E11")
    assert flags("I10") == frozenset()


def test_visits_that_ended_before_july_2026_have_the_earlier_list(icd10: CodeList) -> None:
    before = codes.icd10(date(2026, 6, 30))
    assert len(before) == 12_218
    assert len(icd10) == 15_738
    old, new = before.get("E11"), icd10.get("E11")
    assert old and new and old.name != new.name
    assert codes.icd10(date(2026, 7, 1)) is icd10


def test_every_diagnosis_has_a_name_in_vietnamese_only(icd10: CodeList) -> None:
    assert all(code.name for code in icd10)
    assert not any(name in {"Cholera", "Pneumonia", "Cough"} for name in (code.name for code in icd10))
    assert not any("name_en" in code.attributes for code in icd10)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("tổng phân tích tế bào máu", "22.121"),
        ("cong thuc mau", "22.121"),
        ("glucose", "23.75"),
        ("đường máu", "23.75"),
        ("creatinin", "23.51"),
        ("ure", "23.166"),
        ("crp", "23.228"),
        ("x-quang ngực thẳng", "18.119"),
        ("xq nguc", "18.119"),
        ("siêu âm ổ bụng", "18.15"),
        ("sieu am bung", "18.15"),
        ("điện tim", "21.14"),
        ("ecg", "21.14"),
        ("nuoc tieu", "23.206"),
        ("ct so nao", "18.149"),
        ("ns1", "24.183"),
        ("men gan", "23.20"),
        ("hba1c", "23.83"),
    ],
)
def test_the_usual_test_is_the_first_answer(typed: str, code: str) -> None:
    assert codes.services().find(typed, within=ORDERS)[0].code == code


def test_an_order_search_gives_nothing_that_is_not_laboratory_or_imaging() -> None:
    found = codes.services().find("phau thuat", 50, within=ORDERS)
    assert all(service["kind"] in {"laboratory", "imaging"} for service in found)
    assert codes.services().find("phau thuat ruot thua")[0]["kind"] == "surgery"


def test_services_have_the_codes_of_the_circular_with_their_zeros() -> None:
    services = codes.services()
    assert len(services) == len({service.code for service in services}) == 19_438
    found = services.get("22.120")
    assert found is not None
    assert found.name.startswith("Tổng phân tích tế bào máu ngoại vi")


def test_a_ward_is_found_with_its_province_and_within_one() -> None:
    assert codes.wards().find("hong ha ha noi")[0].code == "00097"
    assert codes.wards().find("phuong sai gon hcm")[0]["province_name"] == "Thành phố Hồ Chí Minh"
    assert {ward["province"] for ward in codes.wards().find("tan", 50, within={"province": "79"})} == {"79"}
    assert len(codes.wards()) == 3_321
    assert len(codes.provinces()) == 34


def test_an_old_ward_leads_to_the_ward_of_today() -> None:
    old = codes.wards_before_2025().find("phuc xa ba dinh")[0]
    assert old.name == "Phường Phúc Xá, Quận Ba Đình, Thành phố Hà Nội"
    assert [ward.name for ward in codes.new_wards(old.code)] == ["Phường Hồng Hà"]
    assert codes.new_wards("không có") == []


@pytest.mark.parametrize(
    ("address", "street", "wards"),
    [
        ("Số 5, Phúc Xá, Ba Đình, Hà Nội", "Số 5", ["Phường Hồng Hà"]),
        ("12/3 Nguyễn Huệ, P. Bến Nghé, Q.1, TP. HCM", "12/3 Nguyễn Huệ", ["Phường Sài Gòn"]),
        ("Phường 05, Quận 3, Thành phố Hồ Chí Minh", "", ["Phường Bàn Cờ"]),
        ("Tổ 3, Phường Hồng Hà, Thành phố Hà Nội", "Tổ 3", ["Phường Hồng Hà"]),
        ("Thôn Đoài, không biết ở đâu", "Thôn Đoài, không biết ở đâu", []),
        ("", "", []),
    ],
)
def test_the_address_on_a_card_leads_to_the_ward_of_today(address: str, street: str, wards: list[str]) -> None:
    place = codes.place(address)
    assert place.street == street
    assert [ward.name for ward in place.wards] == wards


def test_nearly_every_old_address_is_understood() -> None:
    olds = [old for old in codes.wards_before_2025() if old.name.count(",") == 2]
    assert sum(bool(codes.place(f"Thôn 1, {old.name}").wards) for old in olds) == len(olds)


def test_every_old_ward_leads_somewhere() -> None:
    assert all(codes.new_wards(old.code) for old in codes.wards_before_2025())


@pytest.mark.parametrize(
    ("entries", "typed", "name"),
    [
        (codes.ethnic_groups, "kinh", "Kinh"),
        (codes.ethnic_groups, "ede", "Ê-đê"),
        (codes.ethnic_groups, "h'mông", "HMông"),
        (codes.departments, "kham benh", "Khoa Khám bệnh"),
        (codes.departments, "k02", "Khoa Hồi sức cấp cứu"),
        (codes.card_checks, "000", "Thông tin thẻ BHYT chính xác"),
        (codes.notifiable_diseases, "soi", "Bệnh sởi"),
        (codes.provinces, "ho chi minh", "Thành phố Hồ Chí Minh"),
    ],
)
def test_the_small_lists_are_searched_alike(entries: type[CodeList], typed: str, name: str) -> None:
    assert entries().find(typed)[0].name == name  # type: ignore[call-arg]


def test_every_list_is_there() -> None:
    for entries in (
        codes.occupations, codes.practice_scopes, codes.visit_payers, codes.service_chapters, codes.icd10_blocks,
        codes.icd10_chapters, codes.services_appendix_2, codes.medicines_sample,
    ):  # fmt: skip
        assert len(entries()) > 20


def test_sample_medicines_say_what_a_prescription_needs() -> None:
    amoxicillin = codes.medicines_sample().find("amox 500")[0]
    assert amoxicillin["atc"] == "J01CA04"
    assert amoxicillin["allergy_groups"] == "penicillin"
    assert amoxicillin["unit"] == "viên"
    for medicine in codes.medicines_sample():
        assert medicine.code.startswith("MAU-")
        assert medicine["route"] and medicine["form"] and medicine["unit"] and medicine["ingredients"]
        assert set(medicine["allergy_groups"].split()) <= codes.ALLERGY_GROUPS.keys()


def test_nothing_is_found_for_nothing(icd10: CodeList) -> None:
    for typed in ("", "   ", "...", "zzzzqqq", "\u0301"):
        assert icd10.find(typed) == []
    assert icd10.find("ho", limit=0) == []
    assert icd10.get("ZZZ") is None
    assert "J18" in icd10


@given(st.text(max_size=300))
def test_whatever_is_typed_answers(typed: str) -> None:
    found = codes.icd10(TODAY).find(typed, 10, weights={"J18.9": 2})
    assert len(found) <= 10
    assert len({code.code for code in found}) == len(found)


@pytest.mark.parametrize(
    "typed", ["t", "b", "p x", "phau thuat", "t t t t t t t t t t t t", "1", "a" * 5000, "a " * 5000]
)
def test_the_costliest_searches_answer_while_somebody_types(typed: str) -> None:
    codes.services().warm()
    began = time.thread_time()
    codes.services().find(typed)
    assert time.thread_time() - began < 0.25  # the claim is 50 ms (bench/codes.py); test machines are slow
