"""When an opening of a record is unusual, and why: pure, so that a hospital's lawyer can read it.

Nothing here forbids; it puts what deserves a question before what does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.access.reviewing import Opening
from benhan.core.kit.text import fold
from benhan.core.language import _, later
from benhan.core.store.acquaintance import Face

#: So many patients' records opened within an hour are more than anybody treats.
BULK: Final = 40


class Reason(StrEnum):
    """Why an opening stands before others; the order is that of the list."""

    GLASS = "glass"
    OWN = "own"
    COLLEAGUE = "colleague"
    RELATIVE = "relative"
    NEIGHBOUR = "neighbour"
    KNOWN = "known"
    BULK = "bulk"
    NO_VISIT = "no-visit"
    NIGHT = "night"


TEXTS: Final = {
    Reason.GLASS: later("Mở khẩn cấp: hồ sơ có nhãn, người mở không đang chăm sóc"),
    Reason.OWN: later("Hồ sơ của chính người mở"),
    Reason.COLLEAGUE: later("Hồ sơ của đồng nghiệp"),
    Reason.RELATIVE: later("Cùng họ và cùng địa chỉ với người mở"),
    Reason.NEIGHBOUR: later("Hàng xóm của người mở (cùng đường, cùng xã phường)"),
    Reason.KNOWN: later("Hồ sơ của người nhiều người biết; người mở và khoa không chăm sóc"),
    Reason.BULK: later("Mở hồ sơ của %(n)s người bệnh trong một giờ"),
    Reason.NO_VISIT: later("Người bệnh không có lượt khám hay lịch hẹn quanh ngày này"),
    Reason.NIGHT: later("Mở lúc %(at)s đêm; đêm đó người này không ghi gì vào hồ sơ nào"),
}
#: How much each weighs where several come together. A broken glass stands before whatever else there is.
WEIGHTS: Final = {
    Reason.GLASS: 500, Reason.OWN: 50, Reason.COLLEAGUE: 60, Reason.RELATIVE: 50, Reason.NEIGHBOUR: 40,
    Reason.KNOWN: 55, Reason.BULK: 45, Reason.NO_VISIT: 30, Reason.NIGHT: 25,
}  # fmt: skip


class Facts(msgspec.Struct, frozen=True):
    """What is known beside the openings: faces of patients (by id) and staff (by Practitioner), who had a visit; which
    are of somebody everybody knows, by who neither cared for her nor works where she was cared for."""

    patients: Mapping[str, Face]
    staff: Mapping[str, Face]
    visited: frozenset[Opening]
    without_care: frozenset[Opening] = frozenset()


class Judged(msgspec.Struct, frozen=True):
    """An opening with what is unusual about it."""

    opening: Opening
    reasons: tuple[tuple[Reason, str], ...]

    @property
    def weight(self) -> int:
        """How unusual it is."""
        return sum(WEIGHTS[reason] for reason, _text in self.reasons)


def judged(openings: Iterable[Opening], facts: Facts) -> list[Judged]:
    """All openings with their reasons, the most unusual first; the newest first among equals."""
    found = [Judged(one, tuple((reason, text(reason, one)) for reason in reasons(one, facts))) for one in openings]
    return sorted(found, key=lambda one: (one.weight, one.opening.last), reverse=True)


def reasons(one: Opening, facts: Facts) -> list[Reason]:
    """What is unusual about an opening. Writing in a record is work, so the lack of a visit says nothing then."""
    patient, reader = facts.patients.get(one.patient), facts.staff.get(one.practitioner or "")
    found = [_kinship(patient, reader, facts.staff)] if patient else []
    bulk = one.in_an_hour >= BULK
    alone = not one.wrote and one not in facts.visited
    night = one.night is not None and not one.duty
    if one.glass:
        found.insert(0, Reason.GLASS)
    known = one in facts.without_care
    told = ((known, Reason.KNOWN), (bulk, Reason.BULK), (alone, Reason.NO_VISIT), (night, Reason.NIGHT))
    return [reason for reason in found if reason] + [reason for true, reason in told if true]


def text(reason: Reason, one: Opening) -> str:
    """A reason in words."""
    return _(TEXTS[reason], **_values(reason, one))


def _values(reason: Reason, one: Opening) -> dict[str, object]:
    if reason is Reason.BULK:
        return {"n": one.in_an_hour}
    if reason is Reason.NIGHT and one.night:
        return {"at": one.night.strftime("%H:%M")}
    return {}


def _kinship(patient: Face, reader: Face | None, staff: Mapping[str, Face]) -> Reason | None:
    """What the patient is to who opened her record."""
    if reader and same_person(patient, reader):
        return Reason.OWN
    if any(same_person(patient, other) for other in staff.values() if other is not reader):
        return Reason.COLLEAGUE
    if reader is None or not reader.ward or fold(reader.ward) != fold(patient.ward):
        return None
    if _surname(reader) == _surname(patient) and reader.street and fold(reader.street) == fold(patient.street):
        return Reason.RELATIVE
    return Reason.NEIGHBOUR if _road(reader) and _road(reader) == _road(patient) else None


def same_person(one: Face, other: Face) -> bool:
    """The same citizen number; where one has none, the same name with the same birth date or telephone."""
    if one.citizen and other.citizen:
        return one.citizen == other.citizen
    same_name = bool(one.name) and fold(one.name) == fold(other.name)
    return same_name and (
        (bool(one.birth) and one.birth == other.birth) or (bool(one.phone) and one.phone == other.phone)
    )


def _surname(face: Face) -> str:
    return fold(face.name).partition(" ")[0]


def _road(face: Face) -> str:
    """The street or hamlet, without the number of the house."""
    return " ".join(re.sub(r"\S*\d\S*", " ", fold(face.street)).split())
