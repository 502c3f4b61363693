"""Diagnoses: the flags of the Ministry's list are kept, one is main, nothing disappears from the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date

import httpx
import pytest

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.core.kit.codes import Code
from benhan.hospital.clinic import rules
from benhan.hospital.clinic.rules_diagnosis import list_day, may_be_main, objections
from benhan.hospital.visit import code_of, concept
from tests.hospital.clinic.conftest import Clinic

Client = Callable[..., Awaitable[httpx.AsyncClient]]
NOW = codes.icd10(date(2026, 11, 21))


def flagged(*flags: str) -> Code:
    return Code("X00", "Bệnh", frozenset(flags))


def a_code_with(flag: str, without: set[str] | None = None) -> str:
    """Some code of the list in force that has a flag and none of the others that would forbid it."""
    others = {"not_principal", "death_only", "male", "female", "needs_detail", "discouraged_principal"} - {flag}
    return next(one.code for one in NOW if flag in one.flags and not one.flags & (without or others))


@pytest.mark.parametrize(
    ("flags", "main", "gender", "refused"),
    [
        (["not_principal"], True, "female", True), (["not_principal"], False, "female", False),
        (["death_only"], True, "female", True), (["death_only"], False, "female", True),
        (["female"], True, "male", True), (["female"], False, "male", True), (["female"], True, "female", False),
        (["male"], True, "female", True), (["male"], True, "unknown", False), (["needs_detail"], False, "male", True),
        (["discouraged_principal"], True, "male", False), ([], True, "male", False),
    ],
)  # fmt: skip
def test_a_flag_forbids_what_the_circular_forbids(flags: list[str], main: bool, gender: str, refused: bool) -> None:
    assert any(one.refused for one in objections(flagged(*flags), main=main, gender=gender)) is refused


def test_a_discouraged_code_is_asked_about_only_as_main() -> None:
    code = flagged("discouraged_principal")
    assert [one.refused for one in objections(code, main=True, gender=None)] == [False]
    assert objections(code, main=False, gender=None) == []
    assert not may_be_main(code, None)


def test_the_list_is_that_of_the_day_the_visit_ended() -> None:
    ended = r4.Encounter(
        status="finished", class_=r4.Coding(code="AMB"), period=r4.Period(end="2026-06-30T23:30:00+07:00")
    )
    assert list_day(ended, date(2026, 11, 21)) == date(2026, 6, 30)
    open_ = r4.Encounter(status="in-progress", class_=r4.Coding(code="AMB"), period=r4.Period(start="2026-06-30"))
    assert list_day(open_, date(2026, 7, 1)) == date(2026, 7, 1)


def test_a_chronic_disease_is_named_once_and_a_cold_not_at_all() -> None:
    def condition(code: str, name: str) -> r4.Condition:
        return r4.Condition(subject=r4.Reference(reference="Patient/x"), code=concept(systems.ICD10, code, name))

    wrong = condition("E11.9", "Đái tháo đường")
    wrong.verificationStatus = concept(systems.CONDITION_VERIFICATION, "entered-in-error")
    found = rules.chronic(
        [condition("I10", "Tăng huyết áp"), condition("I10", "Tăng huyết áp vô căn"), condition("J00", "Cảm"), wrong]
    )
    assert found == ["Tăng huyết áp"]


async def test_the_first_one_is_main_and_another_can_take_its_place(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chan-doan"
    for code in ("J18.9", "i10"):
        assert (await doctor.post(path, data={"code": code})).status_code == 303
    ranked = (await clinic.read(r4.Encounter, visit.id)).diagnosis or []
    assert [(one.rank, (one.condition.display or "")[:5]) for one in ranked] == [(1, "J18.9"), (2, "I10 B")]
    second = (ranked[1].condition.reference or "").rpartition("/")[2]
    assert (await doctor.post(f"{path}/{second}/chinh")).status_code == 303
    ranked = (await clinic.read(r4.Encounter, visit.id)).diagnosis or []
    assert [(one.rank, (one.condition.display or "")[:5]) for one in ranked] == [(1, "I10 B"), (2, "J18.9")]
    assert [code_of(one.use) for one in ranked] == ["DD", "CM"]


async def test_the_same_code_twice_is_one_diagnosis(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor = await enter()
    for _ in range(2):
        await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": "J18.9"})
    assert len(await clinic.find(r4.Condition, encounter=f"Encounter/{visit.id}")) == 1


async def test_what_may_not_be_main_accompanies_and_the_main_place_stays_free(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, code = await enter(), a_code_with("not_principal")
    assert (await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": code})).status_code == 303
    assert [one.rank for one in (await clinic.read(r4.Encounter, visit.id)).diagnosis or []] == [2]
    refused = await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": code, "main": "1"})
    assert refused.status_code == 422
    assert "không được làm chẩn đoán chính" in refused.text
    await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": "J18.9"})
    assert [one.rank for one in (await clinic.read(r4.Encounter, visit.id)).diagnosis or []] == [1, 2]


async def test_a_code_of_the_other_sex_is_refused(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives(name="Lê Văn An", gender="male")
    answer = await (await enter()).post(f"/kham/{visit.id}/chan-doan", data={"code": a_code_with("female")})
    assert answer.status_code == 422
    assert "chỉ dùng cho người bệnh nữ" in answer.text
    assert await clinic.find(r4.Condition, encounter=f"Encounter/{visit.id}") == []


async def test_a_discouraged_main_diagnosis_needs_a_yes(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, code = await enter(), a_code_with("discouraged_principal")
    asked = await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": code, "main": "1"})
    assert asked.status_code == 422
    assert "không nên làm chẩn đoán chính" in asked.text
    sure = {"code": code, "main": "1", "confirmed": "1"}
    assert (await doctor.post(f"/kham/{visit.id}/chan-doan", data=sure)).status_code == 303
    assert [one.rank for one in (await clinic.read(r4.Encounter, visit.id)).diagnosis or []] == [1]


@pytest.mark.parametrize("code", ["", "ZZZ", "'; drop table", "J18.9.9", "ho"])
async def test_a_code_that_is_not_in_the_list_changes_nothing(code: str, enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await (await enter()).post(f"/kham/{visit.id}/chan-doan", data={"code": code})
    assert answer.status_code == 422
    assert "Không có mã" in answer.text
    assert await clinic.find(r4.Condition, encounter=f"Encounter/{visit.id}") == []


async def test_taken_back_it_leaves_the_visit_but_not_the_record(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor = await enter()
    await doctor.post(f"/kham/{visit.id}/chan-doan", data={"code": "J18.9"})
    (condition,) = await clinic.find(r4.Condition, encounter=f"Encounter/{visit.id}")
    assert (await doctor.post(f"/kham/{visit.id}/chan-doan/{condition.id}/bo")).status_code == 303
    assert (await clinic.read(r4.Encounter, visit.id)).diagnosis is None
    assert code_of((await clinic.read(r4.Condition, condition.id)).verificationStatus) == "entered-in-error"
    assert (await doctor.post(f"/kham/{visit.id}/chan-doan/{condition.id}/bo")).status_code == 404


async def test_typing_finds_without_accents_and_says_what_is_wrong_with_a_code(enter: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    doctor, path = await enter(), f"/kham/{visit.id}/chan-doan"
    found = (await doctor.get(path, params={"icd": "viem phoi"}, headers={"HX-Request": "true"})).text
    assert 'data-value="J18.9"' in found
    assert 'role="option"' in found
    whole = (await doctor.get(path, params={"icd": "viêm phổi"})).text  # scripts off: a page of buttons
    assert "Chọn J18.9" in whole
    assert (
        "Không có mã nào khớp" in (await doctor.get(path, params={"icd": "qqqq"}, headers={"HX-Request": "true"})).text
    )
