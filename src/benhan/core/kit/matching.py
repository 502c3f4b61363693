"""Who may be the same human: what is alike between two people's facts, and how much it weighs. Pure.

A hit opens a record; a likeness only warns before a second record is made, and the person at the desk decides.
Weights were set so that each sentence of `tests/core/kit/test_matching.py` holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit.clock import fhir_date_bounds
from benhan.core.kit.persons import full_name, identifier, phone_of
from benhan.core.kit.text import fold, name_key, name_words
from benhan.core.language import later

#: From here on two records are shown side by side before a new one is made.
SUSPECT: Final = 50

SAME_NUMBER: Final = later("cùng số căn cước")
SAME_INSURANCE: Final = later("cùng số thẻ BHYT")
SAME_IDENTIFIER: Final = later("cùng mã định danh")
NEAR_NUMBER: Final = later("số căn cước lệch một chữ số")
OTHER_NUMBER: Final = later("số căn cước khác")
SAME_NAME: Final = later("cùng họ tên")
SIMILAR_NAME: Final = later("họ tên gần giống")
SAME_BIRTH: Final = later("cùng ngày sinh")
SWAPPED_BIRTH: Final = later("ngày và tháng sinh đảo nhau")
SAME_YEAR: Final = later("cùng năm sinh")
SAME_PHONE: Final = later("cùng số điện thoại")
OTHER_GENDER: Final = later("khác giới tính")

POINTS: Final = {
    SAME_NUMBER: 100, SAME_IDENTIFIER: 100, SAME_INSURANCE: 90, NEAR_NUMBER: 40, OTHER_NUMBER: -10,
    SAME_NAME: 35, SIMILAR_NAME: 20, SAME_BIRTH: 30, SWAPPED_BIRTH: 20, SAME_YEAR: 10, SAME_PHONE: 30,
    OTHER_GENDER: -10,
}  # fmt: skip
#: A number that only one person has, or name, birth date and telephone together, is certain; name and birth date alone
#: are shared by many a Nguyễn Văn An.
GRADES: Final = ((90, "certain"), (60, "probable"), (SUSPECT, "possible"))


class Facts(msgspec.Struct, frozen=True):
    """What is known of somebody: from a card, a form, a booking or a record. `birth` is a FHIR date."""

    name: str = ""
    birth: str | None = None
    gender: str | None = None
    phone: str | None = None
    number: str | None = None
    former_number: str | None = None
    insurance: str | None = None
    address: str | None = None
    #: "system|value" of every further identifier.
    others: frozenset[str] = frozenset()


class Likeness(msgspec.Struct, frozen=True):
    """How alike two people are, and in what."""

    score: int
    reasons: tuple[str, ...]

    @property
    def suspicious(self) -> bool:
        """Whether a person should look before a second record is made."""
        return self.score >= SUSPECT


def facts_of(patient: r4.Patient) -> Facts:
    """What a record (or the guest of a booking) says of its person."""
    return Facts(
        name=full_name(patient) if patient.name else "",
        birth=patient.birthDate,
        gender=patient.gender,
        phone=phone_of(patient),
        number=identifier(patient, systems.CCCD),
        former_number=identifier(patient, systems.CMND),
        insurance=identifier(patient, systems.BHYT),
        address=next((address.text for address in patient.address or [] if address.text), None),
        others=frozenset(
            f"{one.system}|{one.value}"
            for one in patient.identifier or []
            if one.system and one.value and one.system not in (systems.CCCD, systems.BHYT)
        ),
    )


def likeness(one: Facts, other: Facts) -> Likeness:
    """What two people have in common; the same whichever comes first."""
    said = [
        _numbers(one.number, other.number),
        SAME_INSURANCE if same_insurance(one.insurance, other.insurance) else None,
        SAME_IDENTIFIER if one.others & other.others else None,
        _names(one.name, other.name),
        _births(one.birth, other.birth),
        SAME_PHONE if one.phone and one.phone == other.phone else None,
        OTHER_GENDER if one.gender and other.gender and one.gender != other.gender else None,
    ]
    reasons = tuple(reason for reason in said if reason)
    return Likeness(sum(POINTS[reason] for reason in reasons), reasons)


def grade(score: int) -> str:
    """How sure a score makes us, in the words of FHIR's match-grade: certain, probable, possible, certainly-not."""
    return next((name for least, name in GRADES if score >= least), "certainly-not")


def is_same(one: Facts, other: Facts) -> bool:
    """Whether name and birth date open a record: both equal, and no number says otherwise."""
    return (
        _names(one.name, other.name) == SAME_NAME
        and one.birth is not None
        and one.birth == other.birth
        and (one.number is None or other.number is None or one.number == other.number)
    )


def same_insurance(one: str | None, other: str | None) -> bool:
    """A card of 15 characters ends with the 10 digits of the BHXH number: both name one person."""
    return bool(one and other) and insurance_forms(str(one))[-1] == insurance_forms(str(other))[-1]


def insurance_forms(number: str) -> list[str]:
    """The ways one insurance number is written: the card, and the BHXH number in it."""
    return [number, number[5:]] if re.fullmatch(r"[A-Z]{2}\d{13}", number) else [number]


def near_numbers(number: str) -> list[str]:
    """Every number that a slip of one digit, or two neighbours swapped, makes of this one; itself first."""
    found = {number: None}
    for at, digit in enumerate(number):
        found |= {number[:at] + other + number[at + 1 :]: None for other in "0123456789" if other != digit}
        found[number[:at] + number[at + 1 : at + 2] + digit + number[at + 2 :]] = None
    return list(found)


def swapped(birth: str | None) -> str | None:
    """The birth date with day and month exchanged, where that is another day that exists."""
    if birth is None or len(birth) != 10 or birth[5:7] == birth[8:]:
        return None
    other = f"{birth[:4]}-{birth[8:]}-{birth[5:7]}"
    return other if int(other[5:7]) <= 12 else None


def one_slip_apart(one: str, other: str) -> bool:
    """Whether one letter changed, added, left out, or two neighbours swapped, makes one from the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and len(b) > 1 and a[2:] == b[2:])


def ranked(facts: Facts, patients: Iterable[r4.Patient]) -> list[tuple[r4.Patient, Likeness]]:
    """The suspicious ones among these records, the most alike first."""
    found = [(patient, likeness(facts, facts_of(patient))) for patient in patients]
    return sorted((pair for pair in found if pair[1].suspicious), key=lambda pair: -pair[1].score)


def _numbers(one: str | None, other: str | None) -> str | None:
    if not one or not other:
        return None
    if one == other:
        return SAME_NUMBER
    return NEAR_NUMBER if one_slip_apart(one, other) else OTHER_NUMBER


def _names(one: str, other: str) -> str | None:
    a, b = name_words(one), name_words(other)
    if not a or not b:
        return None
    if name_key(one) == name_key(other):
        return SAME_NAME
    fewer, more = sorted((a, b), key=len)
    left_out = len(fewer) >= 2 and not Counter(fewer) - Counter(more)
    return SIMILAR_NAME if left_out or one_slip_apart(fold(one), fold(other)) else None


def _births(one: str | None, other: str | None) -> str | None:
    if not one or not other:
        return None
    if one == other:
        return SAME_BIRTH
    if swapped(one) == other:
        return SWAPPED_BIRTH
    return SAME_YEAR if fhir_date_bounds(one)[0].year == fhir_date_bounds(other)[0].year else None
