"""Vital signs: what is normal at an age, what is refused, what is asked again, what is kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import httpx
import pytest

from benhan.core.fhir import r4
from benhan.hospital import vital_rules as rules
from benhan.hospital.readings import pressure, reading
from benhan.hospital.visit import (
    BLOOD_PRESSURE,
    BMI,
    BREATHING,
    HEIGHT,
    PULSE,
    SPO2,
    SYSTOLIC,
    TEMPERATURE,
    VITALS,
    WEIGHT,
    code_of,
)
from tests.hospital.clinic.conftest import Clinic

Client = Callable[..., Awaitable[httpx.AsyncClient]]
ADULT, INFANT = 46 * 12, 6


def kept(found: list[r4.Observation]) -> dict[str | None, r4.Observation]:
    return {code_of(one.code): one for one in found if one.status == "final"}


@pytest.mark.parametrize(
    ("code", "value", "months", "flag"),
    [
        (PULSE, 96, ADULT, ""), (PULSE, 101, ADULT, "hi"), (PULSE, 50, ADULT, "lo"), (PULSE, 140, INFANT, ""),
        (PULSE, 96, INFANT, "lo"), (BREATHING, 40, INFANT, ""), (BREATHING, 40, ADULT, "hi"),
        (TEMPERATURE, "38.1", ADULT, "hi"), (TEMPERATURE, "37.5", ADULT, ""), (SPO2, 94, ADULT, "lo"),
        (SPO2, 100, INFANT, ""), (SYSTOLIC, 139, ADULT, ""), (SYSTOLIC, 140, ADULT, "hi"),
        (SYSTOLIC, 140, INFANT, "hi"),
        (BMI, "22.9", ADULT, ""), (BMI, 23, ADULT, "hi"),
    ],
)  # fmt: skip
def test_normal_depends_on_the_age(code: str, value: object, months: int, flag: str) -> None:
    bounds = rules.normal(code, months)
    assert bounds is not None
    assert bounds.flag(Decimal(str(value))) == flag


def test_every_age_has_a_range_and_an_unknown_age_has_none() -> None:
    for months in range(0, 1500):
        for code in (PULSE, BREATHING, SYSTOLIC):
            bounds = rules.normal(code, months)
            assert bounds is not None
            assert bounds.low is not None
            assert bounds.high is not None
            assert bounds.low < bounds.high
    assert rules.normal(PULSE, None) is None
    assert rules.normal(SPO2, None) is not None


def test_what_is_possible_holds_what_is_usual_and_what_is_normal() -> None:
    for code, (low, high) in rules.USUAL.items():
        assert Decimal(str(rules.POSSIBLE[code][0])) <= Decimal(str(low)) < Decimal(str(high))
        assert Decimal(str(high)) <= Decimal(str(rules.POSSIBLE[code][1]))


def test_bmi_is_weight_over_height_squared() -> None:
    assert rules.body_mass_index(Decimal(56), Decimal(158)) == Decimal("22.4")
    assert rules.body_mass_index(Decimal(56), None) is None


def test_rare_values_are_doubted() -> None:
    assert rules.doubts({TEMPERATURE: Decimal(42)}, ADULT) == ["Nhiệt độ 42 rất hiếm gặp"]
    assert rules.doubts({WEIGHT: Decimal(60)}, INFANT) == ["Cân nặng 60 rất hiếm gặp"]
    assert rules.doubts({WEIGHT: Decimal(60), HEIGHT: Decimal(165)}, ADULT) == []


@pytest.mark.parametrize(
    "path", ["/kham/{}/sinh-hieu", "/kham/{}/sinh-hieu/x/rut-lai"]
)  # fmt: skip
async def test_only_who_may_measure_measures(path: str, client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    assert (await (await client(None)).post(path.format(visit.id))).status_code == 303
    assert (await (await client("reception")).post(path.format(visit.id))).status_code == 403


async def test_a_nurse_measures_and_the_bmi_is_worked_out(client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    nurse = await client("nurse")
    data = {"pulse": "96", "temperature": "38,1", "pressure": "138/86", "breathing": "20", "spo2": "97"}
    answer = await nurse.post(f"/kham/{visit.id}/sinh-hieu", data=data | {"weight": "56", "height": "158"})
    assert answer.status_code == 303
    found = kept(await clinic.find(r4.Observation, encounter=f"Encounter/{visit.id}"))
    assert set(found) == set(VITALS)
    assert pressure(found[BLOOD_PRESSURE]) == (Decimal(138), Decimal(86))
    assert reading(found[BMI], ADULT).value == "22,4"
    fever = reading(found[TEMPERATURE], ADULT)
    assert (fever.value, fever.unit, fever.flag, fever.range) == ("38,1", "°C", "hi", "36–37,5")
    assert [code_of(one) for one in found[TEMPERATURE].interpretation or []] == ["H"]
    page = (await nurse.get(f"/kham/{visit.id}/sinh-hieu")).text
    assert "138/86" in page
    assert "Nguyễn Thị Hoa" in page


async def test_who_comes_again_needs_only_be_weighed(client: Client, clinic: Clinic) -> None:
    nurse = await client("nurse")
    patient, first, _ = await clinic.arrives(minutes_ago=60 * 24 * 30)
    await nurse.post(f"/kham/{first.id}/sinh-hieu", data={"weight": "56", "height": "158"})
    _, second, _ = await clinic.arrives(patient=patient)
    await nurse.post(f"/kham/{second.id}/sinh-hieu", data={"weight": "60"})
    found = kept(await clinic.find(r4.Observation, encounter=f"Encounter/{second.id}"))
    assert reading(found[BMI], ADULT).value == "24"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("temperature", "381", "Không được quá 45 °C"), ("pulse", "5", "Phải từ 10"),
        ("spo2", "101", "Không được quá 100"), ("pressure", "86/138", "Tâm thu phải lớn hơn"),
        ("pressure", "138", "dạng 120/80"), ("weight", "abc", "Nhập một số"),
        ("pressure", "999/80", "không thể có"),
    ],
)  # fmt: skip
async def test_the_impossible_is_refused_beside_its_field(
    field: str, value: str, said: str, client: Client, clinic: Clinic
) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await (await client("nurse")).post(f"/kham/{visit.id}/sinh-hieu", data={field: value, "confirmed": "1"})
    assert answer.status_code == 422
    assert said in answer.text
    assert f'value="{value}"' in answer.text  # what was typed stays
    assert await clinic.find(r4.Observation, encounter=f"Encounter/{visit.id}") == []


async def test_the_unlikely_is_asked_once_more(client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    nurse, path = await client("nurse"), f"/kham/{visit.id}/sinh-hieu"
    answer = await nurse.post(path, data={"temperature": "42"})
    assert answer.status_code == 422
    assert "rất hiếm gặp" in answer.text
    assert await clinic.find(r4.Observation, encounter=f"Encounter/{visit.id}") == []
    assert (await nurse.post(path, data={"temperature": "42", "confirmed": "1"})).status_code == 303
    assert len(await clinic.find(r4.Observation, encounter=f"Encounter/{visit.id}")) == 1


async def test_an_empty_form_says_so(client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    answer = await (await client("nurse")).post(f"/kham/{visit.id}/sinh-hieu", data={})
    assert answer.status_code == 422
    assert "Nhập ít nhất một số đo" in answer.text


async def test_a_slip_is_taken_back_and_stays_in_the_history(client: Client, clinic: Clinic) -> None:
    _, visit, _ = await clinic.arrives()
    nurse, path = await client("nurse"), f"/kham/{visit.id}/sinh-hieu"
    await nurse.post(path, data={"pulse": "69"})
    (wrong,) = await clinic.find(r4.Observation, encounter=f"Encounter/{visit.id}")
    for _ in range(2):
        assert (await nurse.post(f"{path}/{wrong.id}/rut-lai")).status_code == 303
    assert (await clinic.read(r4.Observation, wrong.id)).status == "entered-in-error"
    assert "Chưa đo sinh hiệu" in (await nurse.get(path)).text
    _, other, _ = await clinic.arrives()
    assert (await nurse.post(f"/kham/{other.id}/sinh-hieu/{wrong.id}/rut-lai")).status_code == 409


def test_a_result_is_named_as_doctors_say_it() -> None:
    def short(name: str) -> str:
        return reading(r4.Observation(status="final", code=r4.CodeableConcept(text=name))).short

    assert short("Bạch cầu trung tính (NEU%)") == "NEU%"
    assert short("AST (GOT)") == "AST (GOT)"
    assert short("Glucose máu") == "Glucose máu"
