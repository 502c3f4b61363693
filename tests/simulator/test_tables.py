"""The tables of the simulator agree with the lists of the Ministry and with the clinic's own rules."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest

from benhan.core.kit import codes
from benhan.hospital.clinic import prescribing_rules
from benhan.hospital.clinic.rules_diagnosis import objections
from benhan.hospital.ingredients import FAMILIES
from benhan.simulator import medicines, plan, services
from benhan.simulator.charts import icd_on
from benhan.simulator.diseases import Disease, diseases, likely
from benhan.simulator.people import ALLERGIES, LONG_ILLNESSES

BEFORE, SINCE = date(2026, 3, 1), date(2026, 11, 1)


@pytest.mark.parametrize("day", [BEFORE, SINCE])
def test_every_diagnosis_may_be_the_main_one_on_any_day(day: date) -> None:
    for disease in diseases():
        gender = {"m": "male", "f": "female"}.get(disease.sex)
        assert not objections(icd_on(disease.code, day), main=True, gender=gender), disease.code


@pytest.mark.parametrize("day", [BEFORE, SINCE])
def test_every_long_illness_may_accompany_another(day: date) -> None:
    for code in LONG_ILLNESSES:
        assert not objections(icd_on(code, day), main=False, gender=None), code


def test_what_is_ordered_can_be_ordered_and_reported() -> None:
    chance = Random(1)
    for names in services.SERVICES.values():
        for code in names:
            service = services.service(code)
            if service["kind"] == "laboratory":
                assert services.measured(chance, code, "I10", "female", 600), service.name
            else:
                assert services.seen(chance, code, "I10")[1]
                assert any(room.modality == service["modality"] for room in plan.ROOMS), service.name


def test_what_is_prescribed_could_be_prescribed_by_hand() -> None:
    for disease in diseases():
        for reason in disease.medicines:
            for given in medicines.choices(reason):
                assert not prescribing_rules.wrong(given.medicine, given.course), (reason, given.medicine.title)


def test_every_family_of_allergies_is_one_that_the_clinic_warns_of() -> None:
    assert {family for family, *_ in ALLERGIES if family} <= set(FAMILIES)


def test_every_specialty_has_diseases_a_room_and_a_doctor() -> None:
    for specialty in plan.SPECIALTIES:
        assert [one for one in diseases() if one.specialty == specialty.key]
        assert plan.rooms_of(specialty.key)
        for room in plan.rooms_of(specialty.key):
            assert [one for one in plan.doctors_of(specialty.key) if one.room == room.code]


def test_departments_bear_the_ministrys_codes() -> None:
    assert all(code in codes.departments() for code in plan.DEPARTMENTS)


def test_dengue_comes_with_the_rains_and_flu_with_the_cold() -> None:
    def weight(code: str, day: date) -> int:
        return sum(w for one, w in zip(diseases(), likely(day), strict=True) if one.code == code)

    assert weight("A97.0", date(2026, 9, 1)) > weight("A97.0", date(2026, 3, 1))
    assert weight("J11.1", date(2026, 1, 10)) > weight("J11.1", date(2026, 6, 10))


def test_no_man_has_a_womans_disease() -> None:
    pregnancy = next(one for one in diseases() if one.code == "Z34.9")
    assert isinstance(pregnancy, Disease)
    assert pregnancy.fits(28, "female")
    assert not pregnancy.fits(28, "male")
    assert not pregnancy.fits(70, "female")
