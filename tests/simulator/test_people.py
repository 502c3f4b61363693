"""The people of the demo look like Vietnam, and are nobody."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from benhan.core.fhir import codec
from benhan.core.fhir.validation import check
from benhan.core.kit import cards
from benhan.core.kit.text import phone
from benhan.simulator.people import Person, person, records

TODAY = date(2026, 11, 21)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """Two thousand of them."""
    return [person(7, number, TODAY) for number in range(2000)]


def test_no_number_can_be_a_living_persons(people: list[Person]) -> None:
    assert all(one.citizen_number.startswith("099") for one in people)
    assert all(one.card[3:5] == "99" for one in people if one.card)
    assert all(one.phone.startswith("095") for one in people)


def test_yet_every_number_is_read_like_a_real_one(people: list[Person]) -> None:
    for one in people:
        assert cards.citizen_number(one.citizen_number) == one.citizen_number
        assert cards.citizen_birth_year(one.citizen_number) == one.born.year
        assert cards.citizen_gender(one.citizen_number) == one.gender
        assert phone(one.phone) == one.phone
        if one.card:
            assert cards.insurance_number(one.card) == one.card


def test_nobody_shares_a_number(people: list[Person]) -> None:
    assert len({one.citizen_number for one in people}) == len(people)
    assert len({one.phone for one in people}) == len(people)


def test_names_are_as_frequent_as_in_vietnam(people: list[Person]) -> None:
    families = Counter(one.name.split()[0] for one in people)
    assert families.most_common(1)[0][0] == "Nguyễn"
    assert 0.3 < families["Nguyễn"] / len(people) < 0.45
    assert families["Trần"] > families["Phạm"] > families["Quách"]
    old_women = [one for one in people if one.gender == "female" and one.born.year < 1975]
    assert sum(" Thị " in one.name for one in old_women) / len(old_women) > 0.6


def test_all_ages_come_and_the_old_are_often_ill_for_long(people: list[Person]) -> None:
    ages = [one.age(TODAY) for one in people]
    assert min(ages) < 2
    assert max(ages) > 85
    old = [one for one in people if one.age(TODAY) > 65]
    young = [one for one in people if one.age(TODAY) < 30]
    assert sum(bool(one.long_illnesses) for one in old) / len(old) > 0.6
    assert sum(bool(one.long_illnesses) for one in young) / len(young) < 0.2


def test_the_same_seed_gives_the_same_person_and_another_seed_another() -> None:
    person.cache_clear()
    first = person(7, 42, TODAY)
    person.cache_clear()
    assert person(7, 42, TODAY) == first
    assert person(8, 42, TODAY) != first


def test_their_records_are_valid_fhir(people: list[Person]) -> None:
    for one in people[:200]:
        for record in records(one, "cs-01999"):
            check(record)
            assert codec.decode(codec.encode(record)) == record
