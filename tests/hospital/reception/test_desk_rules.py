"""Codes that nobody mistakes, the room somebody is sent to, and what an insurance card is worth."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benhan.core.fhir import r4, systems
from benhan.core.kit import cards
from benhan.hospital.benefit import level_percent
from benhan.hospital.reception.desk_view import in_reach, masked_citizen, scanned_at
from benhan.hospital.reception.eligibility import masked
from benhan.hospital.reception.people import check_digit, patient_number, temporary_code
from benhan.hospital.reception.person_form import wards_like
from benhan.hospital.reception.rooms import Room, default_room
from benhan.hospital.visit import CLINIC, EMERGENCY, concept

DIGITS = st.from_regex(r"[0-9]{8}", fullmatch=True)


def room(code: str, specialty: str, waiting: int = 0, kind: str = CLINIC) -> Room:
    return Room(
        place=r4.Location(id=code, name=code),
        short=code,
        name=code,
        kind=kind,
        department=None,
        specialty=concept(systems.SPECIALTY, specialty, {"noi": "Nội tổng quát"}.get(specialty, specialty)),
        waiting=waiting,
    )


ROOMS = [room("A", "nhi"), room("B", "noi", 4), room("C", "noi", 2), room("D", "mat"), room("CC", "cc", 0, EMERGENCY)]


def test_a_temporary_code_has_letters_and_a_check_digit_and_is_no_citizen_number() -> None:
    code = temporary_code("2611", 7)
    assert code == "TMP-2611-0007-5"
    assert check_digit("0794") == 5, "the example of ISO 7064"
    assert not isinstance(cards.read(code), cards.CitizenCard)
    with pytest.raises(Exception, match="12 chữ số"):
        cards.citizen_number(code)


@given(DIGITS, st.integers(0, 7), st.integers(1, 9))
def test_one_wrong_digit_changes_the_check_digit(digits: str, at: int, by: int) -> None:
    wrong = digits[:at] + str((int(digits[at]) + by) % 10) + digits[at + 1 :]
    assert check_digit(wrong) != check_digit(digits)


@pytest.mark.parametrize(
    ("facility", "number"),
    [("BVĐK Sông Hồng", "SH-26-000123"), ("Bệnh viện Đa khoa Cửu Long", "CL-26-000123"), ("", "BN-26-000123")],
)
def test_a_patient_number_bears_the_hospitals_initials(facility: str, number: str) -> None:
    assert patient_number(facility, date(2026, 11, 21), 123) == number


def test_the_booked_room_comes_first_then_the_shortest_queue_of_the_specialty() -> None:
    def chosen(**asked: str | None) -> str:
        found = default_room(ROOMS, **({"booked": None, "specialty": None} | asked))
        return found.id if found else ""

    assert chosen(booked="B") == "B"
    assert chosen(specialty="noi") == "C"
    assert chosen(specialty="mat") == "D"
    assert chosen() == "C", "who comes without booking sees internal medicine"
    assert chosen(booked="CC") == "CC"
    assert default_room([], booked=None, specialty=None) is None


def test_the_emergency_room_always_has_a_digit() -> None:
    many = [room(f"P{n}", "noi") for n in range(14)] + [ROOMS[-1]]
    shown = in_reach(many, many[5])
    assert shown[0] is many[5]
    assert shown[8].kind == EMERGENCY
    assert sorted(one.id for one in shown) == sorted(one.id for one in many)


@pytest.mark.parametrize(
    ("card", "percent"),
    [("DN4010123456789", 80), ("TE1010123456789", 100), ("HT3010123456789", 95), ("0123456789", None)],
)
def test_the_third_character_of_a_card_says_what_the_fund_pays(card: str, percent: int | None) -> None:
    assert level_percent(card) == percent


def test_numbers_are_masked_on_a_screen_in_a_hall() -> None:
    assert masked("DN4010123456789") == "DN 4 01 •••• ••6789"
    assert masked("0123456789") == "••••••6789"
    assert masked_citizen("001180012345") == "0011 80•• ••45"


@given(st.text(max_size=20) | st.integers().map(str))
def test_a_moment_that_is_none_is_none(written: str) -> None:
    found = scanned_at(written)
    assert found is None or found.tzinfo is not None


def test_an_old_commune_leads_to_the_one_of_today() -> None:
    found = [(ward.name, old) for ward, old in wards_like("phuc xa ba dinh")]
    assert any(old.startswith("Phường Phúc Xá") for _, old in found)
