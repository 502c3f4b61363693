"""What feedback is, until when the house answers it, how content people are. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from benhan.core.fhir import r4, systems
from benhan.core.fhir.moments import moment_range
from benhan.core.fhir.outcome import NotFound
from benhan.core.kit import clock
from benhan.core.kit.working_days import End, after
from benhan.core.language import _, later

#: Working days within which the house answers: its own rule, no law names a day.
ANSWER_WITHIN: Final = 5
MOST_WORDS: Final = 2000
#: Times that somebody may say something in a day.
MOST_A_DAY: Final = 5
RATINGS: Final = (1, 2, 3, 4, 5)
NEW, ANSWERED = "preparation", "completed"


class Kind(StrEnum):
    """What it is."""

    PRAISE = "praise"
    COMPLAINT = "complaint"
    IDEA = "idea"


KIND_NAMES: Final = {
    Kind.PRAISE: later("Khen"), Kind.COMPLAINT: later("Phàn nàn"), Kind.IDEA: later("Góp ý"),
}  # fmt: skip
TOPICS: Final = {
    "waiting": later("Chờ đợi"),
    "attitude": later("Thái độ phục vụ"),
    "care": later("Khám, chữa bệnh, chăm sóc"),
    "explaining": later("Giải thích, hướng dẫn"),
    "place": later("Vệ sinh, cơ sở vật chất"),
    "cost": later("Viện phí, BHYT"),
    "app": later("Đặt khám, ứng dụng"),
    "other": later("Việc khác"),
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says. `place`: a department, as id and name."""

    kind: Kind
    topic: str
    words: str
    place: tuple[str, str] | None = None
    rating: int | None = None
    anonymous: bool = False
    pictures: tuple[bytes, ...] = ()


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """As it is kept. `patient` "": nobody knows who said it."""

    id: str
    code: str
    kind: Kind
    topic: str
    place: str
    words: str
    rating: int | None
    patient: str
    name: str
    sent: datetime
    answered: bool
    pictures: tuple[str, ...]
    #: What was answered, when, by whom.
    answers: tuple[tuple[str, datetime | None, str], ...]

    @property
    def due(self) -> End:
        """Until when the house answers."""
        return after(clock.local(self.sent).date(), ANSWER_WITHIN)

    def late(self, on: date) -> bool:
        """Whether that day is over."""
        return not self.answered and self.due.day < on


def of_record(kept: r4.Communication) -> Feedback:
    """A Communication read as feedback.

    Raises:
        NotFound: it is none.
    """
    kind = _code(kept.category or [], systems.FEEDBACK)
    if kind not in set(Kind) or not kept.sent:
        raise NotFound(_("Không có góp ý này."))
    payload = kept.payload or []
    rating = next((one.valueInteger for one in kept.extension or [] if one.url == systems.EXTENSION_RATING), None)
    return Feedback(
        id=kept.id or "", kind=Kind(kind), words=next((one.contentString for one in payload if one.contentString), ""),
        code=next((one.value or "" for one in kept.identifier or [] if one.system == systems.FEEDBACK_CODE), ""),
        topic=_code([kept.topic] if kept.topic else [], systems.FEEDBACK_TOPIC), rating=rating,
        place=next((one.display or "" for one in kept.about or []), ""), sent=moment_range(kept.sent)[0],
        patient=((kept.subject and kept.subject.reference) or "").removeprefix("Patient/"),
        name=(kept.subject and kept.subject.display) or "", answered=kept.status == ANSWERED,
        pictures=tuple(
            (one.contentReference.reference or "").removeprefix("Binary/") for one in payload if one.contentReference
        ),
        answers=tuple(
            (one.text or "", moment_range(one.time)[0] if one.time else None, one.authorString or "")
            for one in kept.note or []
        ),
    )  # fmt: skip


def in_order(found: Iterable[Feedback]) -> list[Feedback]:
    """Complaints before the rest, the oldest first: what must be answered next."""
    return sorted(found, key=lambda one: (one.kind is not Kind.COMPLAINT, one.sent))


def by_month(found: Iterable[Feedback]) -> list[tuple[str, float, int]]:
    """How content people were: month, average of the ratings, how many; the oldest first."""
    months: dict[date, list[int]] = defaultdict(list)
    for one in found:
        if one.rating is not None:
            months[clock.local(one.sent).date().replace(day=1)].append(one.rating)
    return [(f"{month:%m/%Y}", sum(every) / len(every), len(every)) for month, every in sorted(months.items())]


def _code(found: Iterable[r4.CodeableConcept], system: str) -> str:
    return next((one.code or "" for place in found for one in place.coding or [] if one.system == system), "")
