"""Who may act for a patient, how far, and until when: the rules, to be read by a lawyer. Pure.

Civil Code 91/2015/QH13: art. 20 (adult from full 18), art. 21 (minors: from full 15 they act for themselves in most
matters), art. 46-63 (guardians), art. 138 (whom somebody names). Law 15/2023/QH15 art. 8 (a patient's rights exercised
for her), art. 10 and 12 (privacy; her record).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.language import later

#: A guardian of a minor is none from this birthday on. Civil Code art. 20.
ADULT: Final = 18
#: From this birthday on a record opens to its patient alone, by telephone and birth date. Civil Code art. 21 clause 4.
OPENS_OWN_RECORD: Final = 15
#: So many days before a relation ends both are told.
NOTICE_DAYS: Final = 30
#: What the patient herself gives lasts a year at most, then she says so again: circumstances change, nobody looks.
MOST_DAYS_NAMED: Final = 366


class Kind(StrEnum):
    """By what right somebody acts."""

    #: Father, mother, or guardian by law, of a minor. Civil Code art. 136, 52.
    GUARDIAN = "guardian"
    #: Guardian of an adult who cannot act herself, by decision. Civil Code art. 22, 23, 53, 54.
    COURT_GUARDIAN = "court-guardian"
    #: Named by the patient herself. Civil Code art. 138.
    NAMED = "named"


class Part(StrEnum):
    """How much of the record. Types: the rules named `relative-…` in `rules/`."""

    VISITS = "visits"
    RESULTS = "results"
    MEDICINES = "medicines"
    CHART = "chart"


KIND_NAMES: Final = {
    Kind.GUARDIAN: later("cha, mẹ, người giám hộ của người chưa thành niên"),
    Kind.COURT_GUARDIAN: later("người giám hộ theo quyết định của toà án"),
    Kind.NAMED: later("người được người bệnh cử"),
}
PART_NAMES: Final = {
    Part.VISITS: later("lịch hẹn, số thứ tự, lượt khám"),
    Part.RESULTS: later("kết quả xét nghiệm, chẩn đoán hình ảnh"),
    Part.MEDICINES: later("đơn thuốc, dị ứng"),
    Part.CHART: later("toàn bộ hồ sơ"),
}


class Relation(msgspec.Struct, frozen=True):
    """In what relation somebody acts now, as a Subject carries it."""

    id: str
    kind: Kind
    parts: frozenset[Part]
    #: The patient lets her see labelled records too; a guardian sees them. Never those of a minor's own affairs (ADOL).
    labelled: bool
    #: The patient's name, for pages.
    about: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


def birthday(birth: date, years: int) -> date:
    """The day on which somebody has full so many years; who was born on 29 February, on 1 March of a common year."""
    try:
        return birth.replace(year=birth.year + years)
    except ValueError:
        return date(birth.year + years, 3, 1)


def last_end(kind: Kind, birth: date | None, today: date) -> date | None:
    """The first day on which a relation of this kind is over at the latest; None: only somebody ends it.

    Raises:
        ValueError: a minor's guardian, where the patient is none (any more), or nobody knows when she was born.
    """
    if kind is Kind.NAMED:
        return date.fromordinal(today.toordinal() + MOST_DAYS_NAMED)
    if kind is Kind.COURT_GUARDIAN:
        return None
    if birth is None or birthday(birth, ADULT) <= today:
        raise ValueError("not a minor")
    return birthday(birth, ADULT)


def opens_own(birth: date | None, today: date) -> bool:
    """Whether a telephone and the birth date open the record to the patient alone."""
    return birth is None or birthday(birth, OPENS_OWN_RECORD) <= today


def ends_soon(ends: date | None, today: date) -> bool:
    """Whether those whom it concerns are told that it ends."""
    return ends is not None and (ends - today).days <= NOTICE_DAYS
