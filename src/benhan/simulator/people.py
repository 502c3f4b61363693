"""The people of the demo: who they are, where they live, what they are ill with for long, what they do not bear.

No number can be a living person's: citizen numbers begin with province 099, BHYT cards name province 99 (neither
was ever given out), telephone numbers begin with 095 (a withdrawn prefix). `docs/why/demo-data.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.kit import codes
from benhan.hospital.visit import concept, human_name
from benhan.simulator.names import full_name

FIRST_YEAR: Final = 2024
FICTIVE_CITIZEN_PROVINCE: Final = "099"
FICTIVE_CARD_PROVINCE: Final = "99"
FICTIVE_PHONE_PREFIX: Final = "095"

#: (from age, to age, weight): the population of Vietnam, weighted by how often each age sees a doctor.
AGES: Final = (
    (0, 1, 40), (1, 5, 120), (6, 15, 100), (16, 25, 75), (26, 35, 120), (36, 45, 120), (46, 55, 125), (56, 65, 140),
    (66, 75, 105), (76, 85, 45), (86, 97, 10),
)  # fmt: skip
_AGE_WEIGHTS: Final = list(accumulate(weight for _, _, weight in AGES))

#: Home province → weight; the hospital stands in Hà Nội.
HOMES: Final = {"01": 84, "33": 4, "24": 4, "25": 3, "37": 2, "31": 1, "19": 1, "38": 1}

#: ICD-10 of a long illness → (from age, share at 45, share at 75).
LONG_ILLNESSES: Final = {
    "I10": (35, 0.16, 0.50),
    "E11.9": (35, 0.06, 0.18),
    "E78.5": (35, 0.10, 0.24),
    "K21.9": (25, 0.05, 0.07),
    "J45.9": (5, 0.03, 0.04),
    "J44.9": (45, 0.01, 0.07),
    "M17.9": (50, 0.02, 0.24),
    "I25.9": (50, 0.01, 0.12),
    "I50.9": (60, 0.0, 0.05),
    "E03.9": (25, 0.02, 0.03),
    "N18.9": (50, 0.01, 0.05),
    "B18.1": (25, 0.04, 0.03),
}

#: What is not borne: (family of the clinic's rules or "", name, category, reaction, share).
ALLERGIES: Final = (
    ("", "Amoxicilin", "medication", "Mày đay", 0.012),
    ("penicillin", "Penicilin", "medication", "Phản vệ độ II", 0.008),
    ("cephalosporin", "Cephalosporin", "medication", "Ban đỏ toàn thân", 0.006),
    ("nsaid", "Thuốc chống viêm không steroid", "medication", "Phù mi mắt", 0.008),
    ("sulfonamide", "Sulfonamid", "medication", "Hồng ban đa dạng", 0.005),
    ("", "Allopurinol", "medication", "Ban đỏ toàn thân", 0.002),
    ("", "Tôm, cua", "food", "Mày đay", 0.020),
    ("", "Đậu phộng (lạc)", "food", "Ngứa, phù môi", 0.004),
)

STREETS: Final = (
    "Ngô Quyền", "Trần Phú", "Lê Lợi", "Nguyễn Trãi", "Quang Trung", "Bạch Đằng", "Hai Bà Trưng", "Lý Thường Kiệt",
    "Đoàn Kết", "Sông Hồng", "Phố Huế", "Chùa Láng", "Cầu Giấy", "Thanh Niên", "Hòa Bình",
)  # fmt: skip

#: Occupations (QĐ 34/2020/QĐ-TTg, level 2), the commoner more often.
OCCUPATIONS: Final = (
    "63", "63", "63", "61", "52", "52", "51", "71", "75", "75", "81", "82", "83", "93", "93", "23", "24", "33", "41",
    "22",
)  # fmt: skip


class Person(msgspec.Struct, frozen=True):
    """One of the people, number `number` of a seed."""

    id: str
    number: int
    name: str
    gender: str
    born: date
    knows_day: bool
    province: str
    ward: codes.Code
    street: str
    phone: str
    ethnic: str
    occupation: str
    insured: str
    long_illnesses: tuple[str, ...]
    allergies: tuple[int, ...]

    def age(self, on: date) -> int:
        """Whole years."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))

    @property
    def citizen_number(self) -> str:
        """A well-formed number that nobody has: province, century and sex, year, six digits."""
        century = (self.born.year // 100 - 19) * 2 + (self.gender == "female")
        return f"{FICTIVE_CITIZEN_PROVINCE}{century}{self.born.year % 100:02d}{self.number % 1_000_000:06d}"

    @property
    def card(self) -> str:
        """A well-formed BHYT card that nobody has; "" for who is not insured."""
        return f"{self.insured}{FICTIVE_CARD_PROVINCE}{99_0000_0000 + self.number:010d}" if self.insured else ""


@lru_cache(4096)
def person(seed: int, number: int, today: date) -> Person:
    """The same seed, number and day (on which the ages are right) give the same person."""
    chance = Random(seed << 24 | number)  # noqa: S311 - a seed, no secret
    age_from, age_to, _ = chance.choices(AGES, cum_weights=_AGE_WEIGHTS)[0]
    born = today - timedelta(days=int(chance.uniform(age_from, age_to + 1) * 365.25) + 3)
    age = (today - born).days // 365
    gender = "female" if chance.random() < (0.485 if age < 16 else 0.55) else "male"
    province = chance.choices(list(HOMES), weights=list(HOMES.values()))[0]
    return Person(
        id=f"bn{seed}-{number:06d}",
        number=number,
        name=full_name(chance, gender, born.year),
        gender=gender,
        born=born,
        knows_day=age < 75 or chance.random() < 0.7,
        province=province,
        ward=chance.choice(_wards()[province]),
        street=_street(chance),
        phone=f"{FICTIVE_PHONE_PREFIX}{number % 10_000_000:07d}",
        ethnic="01" if chance.random() < 0.95 else chance.choice(("02", "03", "06", "09")),
        occupation=_occupation(chance, age),
        insured=_insured(chance, age),
        long_illnesses=_long_illnesses(chance, age),
        allergies=tuple(n for n, row in enumerate(ALLERGIES) if chance.random() < row[4]),
    )


def records(one: Person, house: str) -> Iterator[r4.Resource]:
    """The Patient, her insurance, what she does not bear."""
    yield patient(one, house)
    reference = r4.Reference(reference=f"Patient/{one.id}", display=one.name)
    if one.card:
        yield _coverage(one, reference)
    for number in one.allergies:
        yield _allergy(one, reference, number)


def patient(one: Person, house: str) -> r4.Patient:
    """The Patient of a person."""
    names = codes.provinces().get(one.province)
    assert names
    identifiers = [r4.Identifier(system=systems.PATIENT_NUMBER, value=patient_number(one))]
    if one.number % 25:  # somebody always left the card at home
        identifiers.append(r4.Identifier(system=systems.CCCD, value=one.citizen_number))
    if one.card:
        identifiers.append(r4.Identifier(system=systems.BHYT, value=one.card))
    ward = r4.Extension(url=f"{systems.EXTENSION}/ward", valueCoding=_coding(systems.ADDRESS, one.ward))
    ethnic, work = codes.ethnic_groups().get(one.ethnic), codes.occupations().get(one.occupation)
    assert ethnic
    assert work
    return r4.Patient(
        id=one.id,
        identifier=identifiers,
        active=True,
        name=[human_name(one.name)],
        telecom=[r4.ContactPoint(system="phone", value=one.phone, use="mobile")],
        gender=one.gender,
        birthDate=one.born.isoformat() if one.knows_day else str(one.born.year),
        address=[
            r4.Address(
                use="home", text=f"{one.street}, {one.ward.name}, {names.name}", line=[one.street],
                district=one.ward.name, city=names.name, country="VN", extension=[ward],
            )
        ],
        managingOrganization=r4.Reference(reference=f"Organization/{house}"),
        extension=[
            r4.Extension(url=systems.EXTENSION_ETHNICITY, valueCodeableConcept=_concept(systems.ETHNICITY, ethnic)),
            r4.Extension(url=systems.EXTENSION_OCCUPATION, valueCodeableConcept=_concept(systems.OCCUPATION, work)),
        ],
    )  # fmt: skip


def patient_number(one: Person) -> str:
    """The number the hospital gave, in the series of a year before the demo: today's numbers start at 1."""
    return f"SH-{FIRST_YEAR % 100}-{one.number + 1:06d}"


def _coverage(one: Person, reference: r4.Reference) -> r4.Coverage:
    return r4.Coverage(
        id=f"the-{one.id}",
        identifier=[r4.Identifier(system=systems.BHYT, value=one.card)],
        status="active",
        type=r4.CodeableConcept(text="Bảo hiểm y tế"),
        subscriberId=one.card,
        beneficiary=reference,
        period=r4.Period(start="2026-01-01", end="2027-12-31"),
        payor=[r4.Reference(display="Bảo hiểm xã hội Việt Nam")],
    )


def _allergy(one: Person, reference: r4.Reference, number: int) -> r4.AllergyIntolerance:
    family, name, category, reaction, _ = ALLERGIES[number]
    return r4.AllergyIntolerance(
        id=f"du-{one.id}-{number}",
        clinicalStatus=concept(systems.ALLERGY_CLINICAL, "active"),
        verificationStatus=concept(systems.ALLERGY_VERIFICATION, "confirmed"),
        type="allergy",
        category=[category],
        criticality="high" if "Phản vệ" in reaction else "low",
        code=concept(systems.ALLERGY_CLASS, family, name) if family else r4.CodeableConcept(text=name),
        patient=reference,
        recordedDate="2025-06-02",
        reaction=[
            r4.AllergyIntoleranceReaction(
                manifestation=[r4.CodeableConcept(text=reaction)],
                severity="severe" if "Phản vệ" in reaction else "mild",
            )
        ],
    )


@cache
def _wards() -> dict[str, list[codes.Code]]:
    found: dict[str, list[codes.Code]] = {province: [] for province in HOMES}
    for ward in sorted(codes.wards(), key=lambda ward: ward.code):
        if ward["province"] in found:
            found[ward["province"]].append(ward)
    return found


def _street(chance: Random) -> str:
    house = chance.randint(1, 240)
    if chance.random() < 0.35:
        return f"Thôn {chance.randint(1, 12)}"
    if chance.random() < 0.4:
        return f"Số {house}, ngõ {chance.randint(2, 300)} {chance.choice(STREETS)}"
    return f"Số {house} {chance.choice(STREETS)}"


def _insured(chance: Random, age: int) -> str:
    """Kind of card and share of the cost, e.g. "TE1", "HT3", "GD4"; 92 of 100 people are insured."""
    if chance.random() > 0.92:
        return ""
    if age < 6:
        return "TE1"
    if age < 19:
        return "HS4"
    if age < 60:
        return chance.choice(("DN4", "DN4", "GD4", "GD4", "HC4", "CN3"))
    return chance.choice(("HT3", "HT3", "GD4", "CC1", "BT2", "CN3"))


def _occupation(chance: Random, age: int) -> str:
    return "00" if age < 18 or age > 74 else chance.choice(OCCUPATIONS)


def _long_illnesses(chance: Random, age: int) -> tuple[str, ...]:
    found = []
    for code, (begins, at_45, at_75) in LONG_ILLNESSES.items():
        share = at_45 + (at_75 - at_45) * (age - 45) / 30
        if age >= begins and chance.random() < max(0.0, min(share, 0.7)):
            found.append(code)
    return tuple(found)


def _coding(system: str, code: codes.Code) -> r4.Coding:
    return r4.Coding(system=system, code=code.code, display=code.name)


def _concept(system: str, code: codes.Code) -> r4.CodeableConcept:
    return concept(system, code.code, code.name)
